// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every system call that moves stream bytes, over every kind of socket, in both captures: what
 * comes up must be what was sent, at its offset, and what does not must be said. Needs root.
 */
#include <pthread.h>
#include <sys/uio.h>

#include "rig.h"

#define SIZE_MAX_SENT (1u << 20)

/* The calls in pairs: what sends and what receives. */
enum call {
	CALL_WRITE,
	CALL_WRITEV,
	CALL_PWRITEV2,
	CALL_SENDTO,
	CALL_SENDMSG,
	CALL_SENDMMSG,
	CALLS,
};

static const char *const call_names[] = {"write/read",      "writev/readv",    "pwritev2/preadv2",
					 "sendto/recvfrom", "sendmsg/recvmsg", "sendmmsg/recvmmsg"};

/* Cuts a buffer into a vector whose first entries are short or empty: heads get split. */
static int cut(struct iovec *iov, uint8_t *p, size_t n)
{
	static const size_t lens[] = {1, 0, 3, 7, 1, 0, 0, 500, 4096, 33};
	int i = 0;

	for (; i < 10 && n; i++) {
		size_t len = lens[i] < n ? lens[i] : n;

		iov[i] = (struct iovec){p, len};
		p += len;
		n -= len;
	}
	iov[i++] = (struct iovec){p, n};
	iov[i++] = (struct iovec){p, 0};
	return i;
}

#define CUT_MAX 12

static ssize_t send_by(int fd, enum call call, uint8_t *p, size_t n)
{
	struct iovec iov[3][CUT_MAX];
	struct mmsghdr mm[3] = {0};
	struct msghdr msg = {.msg_iov = iov[0]};
	size_t third = n / 3;
	ssize_t sum = 0;
	int r;

	switch (call) {
	case CALL_WRITE: return write(fd, p, n);
	case CALL_SENDTO: return sendto(fd, p, n, 0, NULL, 0);
	case CALL_WRITEV: return writev(fd, iov[0], cut(iov[0], p, n));
	case CALL_PWRITEV2: return pwritev2(fd, iov[0], cut(iov[0], p, n), -1, 0);
	case CALL_SENDMSG: msg.msg_iovlen = (size_t)cut(iov[0], p, n); return sendmsg(fd, &msg, 0);
	default: break;
	}
	for (int i = 0; i < 3; i++) {
		mm[i].msg_hdr.msg_iov = iov[i];
		mm[i].msg_hdr.msg_iovlen =
			(size_t)cut(iov[i], p + third * (size_t)i, i == 2 ? n - 2 * third : third);
	}
	/* Nothing to send in one of them would be no hit, and the count goes wrong with it. */
	r = third ? sendmmsg(fd, mm, 3, 0) : sendmmsg(fd, mm + 2, 1, 0);
	for (int i = third ? 0 : 2; r-- > 0; i++)
		sum += mm[i].msg_len;
	return sum;
}

static ssize_t recv_by(int fd, enum call call, uint8_t *p, size_t n)
{
	struct iovec iov[3][CUT_MAX];
	struct mmsghdr mm[3] = {0};
	struct msghdr msg = {.msg_iov = iov[0]};
	static uint8_t spare[3][8192];
	ssize_t sum = 0;
	int r;

	switch (call) {
	case CALL_WRITE: return read(fd, p, n);
	case CALL_SENDTO: return recvfrom(fd, p, n, 0, NULL, NULL);
	case CALL_WRITEV: return readv(fd, iov[0], cut(iov[0], p, n));
	case CALL_PWRITEV2: return preadv2(fd, iov[0], cut(iov[0], p, n), -1, 0);
	case CALL_SENDMSG: msg.msg_iovlen = (size_t)cut(iov[0], p, n); return recvmsg(fd, &msg, 0);
	default: break;
	}
	/* Each entry takes more than may come, so that one that is not filled is no end. */
	for (int i = 0; i < 3; i++) {
		mm[i].msg_hdr.msg_iov = iov[i];
		mm[i].msg_hdr.msg_iovlen = (size_t)cut(iov[i], spare[i], sizeof(spare[i]));
	}
	r = recvmmsg(fd, mm, 3, MSG_WAITFORONE, NULL);
	if (r < 0)
		return r;
	for (int i = 0; i < r; i++) {
		memcpy(p + sum, spare[i], mm[i].msg_len);
		sum += mm[i].msg_len;
	}
	return sum;
}

struct sender {
	int fd;
	enum call call;
	uint8_t *p;
	size_t n;
};

static void *send_all(void *arg)
{
	struct sender *s = arg;

	for (size_t at = 0; at < s->n;) {
		ssize_t r = send_by(s->fd, s->call, s->p + at, s->n - at);

		if (r <= 0)
			abort();
		at += (size_t)r;
	}
	return NULL;
}

/* Moves n bytes; the receiver reads while a thread sends. */
static bool transfer(int from, int to, enum call call, uint8_t *sent, size_t n)
{
	struct sender s = {from, call, sent, n};
	uint8_t *got = malloc(n + 8192 * 3);
	pthread_t thread;
	bool same;

	if (!got || pthread_create(&thread, NULL, send_all, &s))
		abort();
	for (size_t at = 0; at < n;) {
		ssize_t r = recv_by(to, call, got + at, call == CALL_SENDMMSG ? 1 : n - at);

		if (r <= 0)
			abort();
		at += (size_t)r;
	}
	pthread_join(thread, NULL);
	same = !memcmp(got, sent, n);
	free(got);
	return same;
}

static void fill(uint8_t *p, size_t n)
{
	static uint32_t x = 12345;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
}

static const char ssl_request[] = "\0\0\0\x08\x04\xd2\x16\x2f"; /* makes it PostgreSQL */

/* One connection, every size in both directions; the log must equal the truth. */
static void play(struct rig *r, enum rig_family family, enum call call)
{
	static const size_t sizes[] = {8, 1, 2, 4095, 4096, 4097, 1, 70000, 3, 8191};
	uint8_t *sent[2] = {malloc(SIZE_MAX_SENT), malloc(SIZE_MAX_SENT)};
	size_t len[2] = {0, 0};
	struct rig_conn *c, *s;
	struct rig_pair p;

	if (!rig_connect(family, &p)) {
		printf("# no %s sockets here\n", rig_family_names[family]);
		return;
	}
	rig_clear(r);
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = sizes[i / 2];
		int back = i & 1;
		uint8_t *b = sent[back] + len[back];

		fill(b, n);
		if (i == 0)
			memcpy(b, ssl_request, 8);
		CHECK(transfer(back ? p.server : p.client, back ? p.client : p.server,
			       i < 2 ? CALL_WRITE : call, b, n));
		len[back] += n;
		rig_read(r);
	}
	c = rig_end(r, &p, false);
	s = rig_end(r, &p, true);
	CHECK(c && s);
	for (int i = 0; c && s && i < 4; i++) {
		struct rig_dir *d = &(i & 1 ? s : c)->d[i / 2];
		/* c: d[RECV] is what the server sent; s: d[RECV] what the client sent. */
		bool back = (i & 1) == (i / 2);

		CHECK_EQ(d->end, len[back]);
		CHECK_EQ(!!(d->flags & RT_F_ORDER), rig_sequenced(family));
		CHECK_EQ(!!(d->flags & RT_F_NOSEQ), !rig_sequenced(family));
		for (uint64_t k = 0; k < len[back]; k++)
			if (k < d->cap && d->have[k] && d->bytes[k] != sent[back][k]) {
				printf("# byte %llu of %llu is another\n", (unsigned long long)k,
				       (unsigned long long)len[back]);
				CHECK(!"bytes as sent");
				break;
			}
		/* Only a call of 70000 bytes is past the limit. */
		CHECK_EQ(rig_gaps(d), d->gap[RT_GAP_LIMIT]);
		CHECK(d->gap[RT_GAP_LIMIT] <= 70000 - RT_CALL_BYTES - RT_TAIL_BYTES);
		CHECK_EQ(rig_count(d, 0, len[back]) + rig_gaps(d), len[back]);
		if (test_failed)
			printf("# %s, %s, %s %s: %llu of %zu came up, gaps: limit %llu unseen %llu "
			       "fault %llu syscall %llu\n",
			       rig_family_names[family], call_names[call],
			       i & 1 ? "server" : "client", i / 2 ? "sends" : "receives",
			       (unsigned long long)rig_count(d, 0, len[back]), len[back],
			       (unsigned long long)d->gap[RT_GAP_LIMIT],
			       (unsigned long long)d->gap[RT_GAP_UNSEEN],
			       (unsigned long long)d->gap[RT_GAP_FAULT],
			       (unsigned long long)d->gap[RT_GAP_SYSCALL]);
		if (test_failed)
			break;
	}
	rig_close(&p);
	rig_read(r);
	free(sent[0]);
	free(sent[1]);
}

static void play_all(enum capture_mode mode, enum rig_family family)
{
	struct rig *r = rig_new(mode);

	for (int call = 0; r && call < CALLS && !test_failed; call++)
		play(r, family, (enum call)call);
	if (r)
		CHECK_EQ(rig_stat(r, RT_STAT_LOST_RING), 0);
	rig_free(r);
}

TEST(socket_v4)
{
	play_all(CAPTURE_SOCKET, RIG_V4);
}
TEST(socket_v6)
{
	play_all(CAPTURE_SOCKET, RIG_V6);
}
TEST(socket_unix)
{
	play_all(CAPTURE_SOCKET, RIG_UNIX);
}
TEST(socket_mptcp)
{
	play_all(CAPTURE_SOCKET, RIG_MPTCP);
}
TEST(syscall_v4)
{
	play_all(CAPTURE_SYSCALL, RIG_V4);
}
TEST(syscall_v6)
{
	play_all(CAPTURE_SYSCALL, RIG_V6);
}
TEST(syscall_unix)
{
	play_all(CAPTURE_SYSCALL, RIG_UNIX);
}
TEST(syscall_mptcp)
{
	play_all(CAPTURE_SYSCALL, RIG_MPTCP);
}
