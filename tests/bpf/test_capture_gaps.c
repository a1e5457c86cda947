// SPDX-License-Identifier: GPL-2.0-or-later
/* What cannot be copied must be told, with its cause and its place; what is no data must not. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "duo.h"

EVERY(peeks_are_no_data)
{
	struct duo *d = duo_new(mode, family);
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	uint8_t buf[100];

	if (!d)
		return;
	put(d, 50);
	CHECK_EQ(recv(d->p.server, buf, 50, MSG_PEEK), 50);
	iov = (struct iovec){buf, 20};
	CHECK_EQ(recvmsg(d->p.server, &msg, MSG_PEEK), 20);
	get(d, 50);
	all_but(d, true, 0, 0);
	CHECK_EQ(duo_dir(d, true)->calls, 2);
	duo_free(d);
}

/* The kernel reports every entry of the vector alone: one without room is an entry as well. */
EVERY(empty_entries_are_counted)
{
	struct duo *d = duo_new(mode, family);
	uint8_t buf[8];
	struct iovec iov[2] = {{buf, 1}, {buf + 1, 0}};
	struct mmsghdr m[2] = {
		{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
		{.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}},
	};

	if (!d)
		return;
	for (int i = 0; i < 5; i++) {
		put(d, 1);
		CHECK(recvmmsg(d->p.server, m, 2, MSG_WAITFORONE, NULL) >= 1);
		CHECK_EQ(buf[0], d->sent[d->n - 1]);
	}
	all_but(d, true, 0, 0);
	duo_free(d);
}

EVERY(truncated_data_are_a_gap)
{
	struct duo *d = duo_new(mode, family);
	uint8_t buf[100];

	if (!d)
		return;
	if (family != RIG_UNIX) { /* there MSG_TRUNC is for datagrams */
		put(d, 60);
		memset(buf, 'x', sizeof(buf));
		CHECK_EQ(recv(d->p.server, buf, 60, MSG_TRUNC), 60);
		put(d, 30);
		get(d, 30);
		if (buf[0] == 'x') {
			all_but(d, true, 8, 68);
			CHECK_EQ(duo_dir(d, true)->gap[RT_GAP_SYSCALL], 60);
		} else {
			all_but(d, true, 8, 68); /* MPTCP copies them all the same */
		}
	}
	duo_free(d);
}

EVERY(sendfile_is_a_gap)
{
	struct duo *d = duo_new(mode, family);
	int fd = memfd_create("rig", 0);
	off_t off = 0;

	if (!d) {
		close(fd);
		return;
	}
	memset(d->sent + d->n, 'f', 5000);
	if (write(fd, d->sent + d->n, 5000) != 5000)
		abort();
	d->n += 5000;
	CHECK_EQ(sendfile(d->p.client, fd, &off, 5000), 5000);
	get(d, 5000);
	put(d, 10);
	get(d, 10);
	all_but(d, false, 8, 5008);
	CHECK_EQ(duo_dir(d, false)->gap[RT_GAP_SENDFILE], 5000);
	all_but(d, true, 0, 0);
	close(fd);
	duo_free(d);
}

/* Into the socket from a pipe, and out of it: the second way no hook sees. */
EVERY(splice_is_a_gap)
{
	struct duo *d = duo_new(mode, family);
	uint8_t buf[3000];
	int fd[2];

	if (!d)
		return;
	if (pipe(fd))
		abort();
	memset(d->sent + d->n, 's', 3000);
	if (write(fd[1], d->sent + d->n, 3000) != 3000)
		abort();
	d->n += 3000;
	CHECK_EQ(splice(fd[0], NULL, d->p.client, NULL, 3000, 0), 3000);
	for (size_t n = 0; n < 3000;) {
		ssize_t r = splice(d->p.server, NULL, fd[1], NULL, 3000 - n, 0);

		REQUIRE(r > 0);
		n += (size_t)r;
		if (read(fd[0], buf, (size_t)r) != r)
			abort();
	}
	put(d, 10);
	get(d, 10);
	all_but(d, false, 8, 3008);
	CHECK_EQ(duo_dir(d, false)->gap[RT_GAP_SENDFILE], 3000);
	if (rig_sequenced(family)) { /* else nothing tells */
		all_but(d, true, 8, 3008);
		CHECK_EQ(duo_dir(d, true)->gap[RT_GAP_UNSEEN], 3000);
	}
	close(fd[0]);
	close(fd[1]);
	duo_free(d);
}

/* ---- hints and losses ---- */

EVERY(skip_hints)
{
	struct duo *d = duo_new(mode, family);
	struct rt_hint hint = {.proto = RT_PROTO_POSTGRES, .role = RT_ROLE_SERVER};
	struct rig_conn *s;

	if (!d)
		return;
	for (int i = 0; i < 3; i++) {
		put(d, 100);
		get(d, 100);
	}
	rig_read(d->r);
	s = rig_end(d->r, &d->p, true);
	REQUIRE(s);
	hint.skip[RT_RECV] = 308 + 5050;
	CHECK_EQ(capture_hint(d->r->capture, s->rec.h.conn, &hint), 0);
	for (int i = 0; i < 60; i++) {
		put(d, 100);
		get(d, 100);
	}
	/* The hint ends in the middle of a call. */
	all_but(d, true, 308, 5358);
	CHECK_EQ(duo_dir(d, true)->gap[RT_GAP_SKIPPED], 5050);
	CHECK(duo_dir(d, true)->records < 20);
	all_but(d, false, 0, 0);
	duo_free(d);
}

EVERY(a_verdict_ends_the_copying)
{
	struct duo *d = duo_new(mode, family);
	struct rt_hint hint = {.proto = RT_PROTO_IGNORED};
	struct rig_conn *s;
	uint64_t had;

	if (!d)
		return;
	rig_read(d->r);
	s = rig_end(d->r, &d->p, true);
	REQUIRE(s);
	CHECK_EQ(capture_hint(d->r->capture, s->rec.h.conn, &hint), 0);
	for (int i = 0; i < 100; i++) {
		put(d, 10);
		get(d, 10);
	}
	rig_read(d->r);
	had = s->d[RT_RECV].end;
	CHECK(had <= 8 + 40 * 10);
	put(d, 10);
	get(d, 10);
	rig_read(d->r);
	CHECK_EQ(s->d[RT_RECV].end, had);
	CHECK(rig_stat(d->r, RT_STAT_IGNORED_VERDICT) >= 1);
	duo_free(d);
}

/* Three times what the queues hold, in calls of about `len` bytes, that nobody reads; then a little
 * more, when somebody has. What is missing is a gap of the cause. */
static void overflow(struct duo *d, size_t len, enum rt_gap cause)
{
	size_t rounds = 3 * (RT_RING_MAX_BYTES / len);
	struct rig_dir *dir;

	rig_read(d->r);
	for (size_t i = 0; i < rounds; i++) {
		d->n = 8; /* the same bytes again and again: the count is what matters */
		put(d, len - i % 7);
		get(d, len - i % 7);
	}
	rig_read(d->r);
	for (int i = 0; i < 3; i++) {
		d->n = 8;
		put(d, 100);
		get(d, 100);
	}
	for (int server = 0; server < 2; server++) {
		uint64_t end = 8 + 300;

		for (size_t i = 0; i < rounds; i++)
			end += len - i % 7;
		dir = duo_dir(d, server);
		CHECK_EQ(dir->end, end);
		CHECK(dir->gap[cause] > 0);
		CHECK_EQ(rig_count(dir, 0, end) + rig_gaps(dir), end);
		CHECK_EQ(rig_gaps(dir), dir->gap[cause]);
		CHECK_EQ(rig_count(dir, end - 300, end), 300);
	}
}

/* A queue that is full: what did not fit is told by the first record that does. */
EVERY(losses_are_told)
{
	struct duo *d = duo_new(mode, family);

	if (!d)
		return;
	overflow(d, RT_PIECE_BYTES, RT_GAP_LOST);
	CHECK(rig_stat(d->r, RT_STAT_LOST_RING) > 0);
	duo_free(d);
}

/* A queue that is half full takes only the ends of long calls, and so has room for what is short.
 */
EVERY(long_runs_are_shed_first)
{
	struct duo *d = duo_new(mode, family);

	if (!d)
		return;
	overflow(d, 60000, RT_GAP_LIMIT);
	CHECK(rig_stat(d->r, RT_STAT_CROWDED) > 0);
	CHECK_EQ(rig_stat(d->r, RT_STAT_LOST_RING), 0);
	duo_free(d);
}

/* Ten calls of 2 KiB and their answers, RT_UNKNOWN_NS, four more. False: it took so long that they
 * were over before. */
static bool unknown_talk(const struct rig_pair *p)
{
	struct timespec begin, now;
	uint8_t buf[2048];
	bool quick = true;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	memset(buf, 0xee, sizeof(buf));
	for (int i = 0; i < 14; i++) {
		if (i == 10) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			quick = (uint64_t)(now.tv_sec - begin.tv_sec) * 1000000000 +
					(uint64_t)now.tv_nsec - (uint64_t)begin.tv_nsec <
				RT_UNKNOWN_NS;
			usleep(RT_UNKNOWN_NS / 1000);
		}
		if (write(p->client, buf, 2048) != 2048 ||
		    recv(p->server, buf, 2048, MSG_WAITALL) != 2048 ||
		    write(p->server, buf, 10) != 10 || recv(p->client, buf, 10, MSG_WAITALL) != 10)
			abort();
	}
	return quick;
}

/* Not recognised by 16 KiB, 8 turns and RT_UNKNOWN_NS: nothing comes of it any more. */
EVERY(unknown_connections_are_left_alone)
{
	struct rig *r = rig_new(mode);
	struct rig_pair p;
	struct rig_conn *s;
	bool quick = false;

	if (!r)
		return;
	for (int i = 0; i < 10 && !quick; i++) {
		rig_clear(r);
		if (!rig_connect(family, &p)) {
			rig_free(r);
			return;
		}
		quick = unknown_talk(&p);
		rig_read(r);
		s = rig_end(r, &p, true);
		REQUIRE(s);
		if (quick)
			CHECK_EQ(s->d[RT_RECV].end, 11 * 2048);
		rig_close(&p);
	}
	CHECK(quick);
	CHECK(rig_stat(r, RT_STAT_IGNORED_UNKNOWN) >= 2);
	rig_free(r);
}

/* The start of a message is when it entered the kernel, not when the call returned. */
TEST(sends_are_stamped_at_their_start)
{
	struct duo *d = duo_new(CAPTURE_SOCKET, RIG_V4);
	struct timespec before, after;
	struct rig_dir *dir;

	if (!d)
		return;
	if (!capture_stamps_sends(d->r->capture)) {
		duo_free(d);
		SKIP("no tcp_sendmsg_locked tracepoint (kernel 6.16)");
	}
	if (write(d->p.server, "N", 1) != 1 || recv(d->p.client, d->sent + d->n, 1, 0) != 1)
		abort();
	clock_gettime(CLOCK_MONOTONIC, &before);
	put(d, 100);
	clock_gettime(CLOCK_MONOTONIC, &after);
	get(d, 100);
	dir = duo_dir(d, false);
	CHECK(dir->start_ns >= (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec);
	CHECK(dir->start_ns <= dir->ts_ns);
	CHECK(dir->ts_ns <= (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec);
	duo_free(d);
}
