/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the BPF tests: a capture that follows this very process, and a log of what it says about
 * each connection: which bytes came up, what is missing and why. Whatever comes is held against
 * the ABI (event.h): records follow one another, fragments lie inside their call.
 *
 * The process keeps to one CPU, so that its records come in one queue and in order.
 */
#ifndef REDTAP_TEST_RIG_H
#define REDTAP_TEST_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#include "capture/capture.h"

#define RIG_CONNS 256
#define RIG_PROCS 512

#define RIG_WAIT_MS 10000 /* for what happens a little later by itself */

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* One direction of one connection, as the records tell it. */
struct rig_dir {
	uint8_t *bytes; /* by offset */
	uint8_t *have;  /* 1: the byte came up */
	size_t cap;
	uint64_t end; /* of the last record */
	uint64_t gap[RT_GAP_MAX];
	uint32_t records;
	uint32_t calls;
	uint16_t flags; /* of the last record */
	uint64_t other; /* likewise */
	uint64_t ts_ns, start_ns;
	bool eof;
};

struct rig_conn {
	struct rt_rec_conn rec;
	struct rig_dir d[2]; /* by enum rt_io */
	struct rt_rec_end end;
	int ends;
	uint8_t shut; /* of all of them */
	bool destroyed;
};

struct rig {
	struct capture *capture;
	enum capture_mode mode;
	uint32_t child;         /* a process whose connections are logged beside our own */
	struct rig_conn *conns; /* RIG_CONNS */
	int nconns;
	struct rt_rec_exec *procs; /* RIG_PROCS; of the others the head only */
	int nprocs;
	uint64_t of_procs; /* records of processes, of any on the host, in all */
	void (*also)(void *arg, const struct rt_rec *rec); /* sees every record too */
	void *arg;
	struct rt_rec_open open[RIG_CONNS];
	int nopen;
	uint64_t stats[RT_STAT_MAX]; /* when it was opened */
};

static inline void rig_dir_room(struct rig_dir *d, uint64_t end)
{
	size_t cap = d->cap ? d->cap : 4096;

	if (end <= d->cap)
		return;
	while (cap < end)
		cap *= 2;
	d->bytes = realloc(d->bytes, cap);
	d->have = realloc(d->have, cap);
	if (!d->bytes || !d->have)
		abort();
	memset(d->bytes + d->cap, 0, cap - d->cap);
	memset(d->have + d->cap, 0, cap - d->cap);
	d->cap = cap;
}

static inline void rig_data(struct rig_conn *c, const struct rt_rec_data *rec)
{
	struct rig_dir *d = &c->d[rec->h.flags & RT_F_SEND ? RT_SEND : RT_RECV];
	const uint8_t *p = (const uint8_t *)(rec + 1), *end = (const uint8_t *)rec + rec->h.bytes;
	uint64_t at = rec->off > rec->prev ? rec->off : rec->prev;
	bool lost;

	CHECK_EQ(rec->prev, d->end);
	CHECK(rec->gap < RT_GAP_MAX && rec->gap0 < RT_GAP_MAX);
	CHECK(rec->off + rec->len >= rec->prev);
	if (rec->off > rec->prev) {
		CHECK(rec->gap0 != RT_GAP_NONE);
		d->gap[rec->gap0] += rec->off - rec->prev;
	}
	rig_dir_room(d, rec->off + rec->len);
	for (int i = 0; i < rec->nfrags; i++) {
		struct rt_frag f;

		REQUIRE((size_t)(end - p) >= sizeof(f));
		memcpy(&f, p, sizeof(f));
		p += sizeof(f);
		REQUIRE(f.len <= (size_t)(end - p) && f.at + (uint64_t)f.len <= rec->len);
		REQUIRE(rec->off + f.at >= at);
		/* A piece before this one of the same call was lost. */
		lost = i == 0 && rec->prev > rec->off && rec->gap0 == RT_GAP_LOST;
		d->gap[lost ? RT_GAP_LOST : rec->gap] += rec->off + f.at - at;
		memcpy(d->bytes + rec->off + f.at, p, f.len);
		memset(d->have + rec->off + f.at, 1, f.len);
		at = rec->off + f.at + f.len;
		p += f.len;
	}
	CHECK(p == end);
	if (!(rec->h.flags & RT_F_MORE)) {
		d->gap[rec->gap] += rec->off + rec->len - at;
		at = rec->off + rec->len;
		d->calls += rec->len > 0;
	}
	d->end = at;
	d->records++;
	d->flags = rec->h.flags;
	d->other = rec->other;
	d->ts_ns = rec->h.ts_ns;
	d->start_ns = rec->start_ns;
	if (rec->h.flags & RT_F_EOF) {
		CHECK(!d->eof && rec->len == 0 && !(rec->h.flags & RT_F_SEND));
		d->eof = true;
	}
}

static inline struct rig_conn *rig_by_id(struct rig *r, uint64_t id)
{
	for (int i = r->nconns - 1; i >= 0; i--)
		if (r->conns[i].rec.h.conn == id)
			return &r->conns[i];
	return NULL;
}

static inline void rig_record(void *arg, const struct rt_rec *rec)
{
	const struct rt_rec_conn *conn = (const struct rt_rec_conn *)rec;
	struct rig *r = arg;
	struct rig_conn *c = rig_by_id(r, rec->conn);
	size_t n;

	/* The host's other processes are followed from their exec on, until we hear of that: none
	 * of our business. */
	if (rec->type == RT_REC_CONN ? conn->tgid != (uint32_t)getpid() && conn->tgid != r->child
				     : rec->conn && !c)
		return;
	if (r->also)
		r->also(r->arg, rec);
	switch (rec->type) {
	case RT_REC_CONN:
		CHECK(!c);
		CHECK_EQ(rec->bytes, sizeof(struct rt_rec_conn));
		if (r->nconns < RIG_CONNS) {
			c = &r->conns[r->nconns++];
			c->rec = *(const struct rt_rec_conn *)rec;
			c->d[0].end = c->rec.off[0];
			c->d[1].end = c->rec.off[1];
		}
		return;
	case RT_REC_DATA:
		if (c)
			rig_data(c, (const struct rt_rec_data *)rec);
		return;
	case RT_REC_END:
		if (!c)
			return;
		c->end = *(const struct rt_rec_end *)rec;
		c->ends++;
		c->shut |= c->end.shut;
		CHECK(!c->destroyed);
		c->destroyed |= c->end.destroyed;
		return;
	case RT_REC_EXEC:
	case RT_REC_FORK:
	case RT_REC_EXIT:
		n = rec->type == RT_REC_EXEC ? sizeof(struct rt_rec_exec)
					     : sizeof(struct rt_rec_proc);
		CHECK_EQ(rec->bytes, n);
		r->of_procs++;
		if (r->nprocs < RIG_PROCS)
			memcpy(&r->procs[r->nprocs++], rec, n);
		if (rec->type == RT_REC_EXEC)
			capture_trace(r->capture, ((const struct rt_rec_exec *)rec)->tgid, false);
		return;
	default: CHECK(!"a record of no known type");
	}
}

static inline void rig_not_asked(void *arg, const struct rt_rec_open *rec)
{
	(void)arg, (void)rec;
}

/* Reads all there is; what waits for a next record is written out by the list of the live. */
static inline int rig_read(struct rig *r)
{
	CHECK_EQ(capture_list(r->capture, rig_not_asked, r), 0);
	return capture_read(r->capture, rig_record, r);
}

/* Reads until the end of the connection was told; a busy machine's soft interrupts take a while. */
static inline void rig_await_end(struct rig *r, const struct rig_conn *c)
{
	rig_read(r);
	for (int i = 0; i < RIG_WAIT_MS && !c->destroyed; i++) {
		usleep(1000);
		rig_read(r);
	}
}

/*
 * The calling thread shall not wait for a CPU, where the host allows that: it reads the queues
 * while others fill them. Threads that it makes afterwards are like it.
 */
static inline void rig_hurry(bool on)
{
	struct sched_param param = {.sched_priority = on ? 20 : 0};

	sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &param);
}

static inline void rig_on_open(void *arg, const struct rt_rec_open *rec)
{
	struct rig *r = arg;

	if (r->nopen < RIG_CONNS)
		r->open[r->nopen++] = *rec;
}

/* The connection in the list of live ones, or NULL. */
static inline struct rt_rec_open *rig_listed(struct rig *r, uint64_t id)
{
	r->nopen = 0;
	CHECK_EQ(capture_list(r->capture, rig_on_open, r), 0);
	for (int i = 0; i < r->nopen; i++)
		if (r->open[i].h.conn == id)
			return &r->open[i];
	return NULL;
}

/* How far a counter has moved since the capture was opened. */
static inline uint64_t rig_stat(struct rig *r, enum rt_stat id)
{
	uint64_t now[RT_STAT_MAX];

	capture_stats(r->capture, now);
	return now[id] - r->stats[id];
}

/* What was written out for this process's connections: a write is an event, whatever it holds. */
static inline uint64_t rig_events(struct rig *r)
{
	return rig_stat(r, RT_STAT_EVENTS) - r->of_procs;
}

/* NULL: said why by skipping or failing the test. `by_files` as in struct capture_config. */
static inline struct rig *rig_new_listing(enum capture_mode mode, bool by_files)
{
	struct capture_config config = {
		.mode = mode, .ring_bytes = RT_RING_MAX_BYTES, .by_files = by_files};
	struct rig *r = calloc(1, sizeof(*r));
	cpu_set_t one;
	int err;

	if (!r)
		abort();
	if (geteuid()) {
		test_skip = "needs root";
		free(r);
		return NULL;
	}
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	err = capture_open(&config, &r->capture);
	if (err) {
		if (err == -ENOSYS || err == -EPERM)
			test_skip = "the kernel lacks this capture, or refuses bpf()";
		CHECK(err == -ENOSYS || err == -EPERM);
		free(r);
		return NULL;
	}
	r->mode = mode;
	r->conns = calloc(RIG_CONNS, sizeof(*r->conns));
	r->procs = calloc(RIG_PROCS, sizeof(*r->procs));
	if (!r->conns || !r->procs)
		abort();
	capture_stats(r->capture, r->stats);
	capture_trace(r->capture, (uint32_t)getpid(), true);
	capture_prime(r->capture);
	return r;
}

static inline struct rig *rig_new(enum capture_mode mode)
{
	return rig_new_listing(mode, false);
}

static inline void rig_clear(struct rig *r)
{
	for (int i = 0; i < r->nconns; i++)
		for (int io = 0; io < 2; io++) {
			free(r->conns[i].d[io].bytes);
			free(r->conns[i].d[io].have);
		}
	memset(r->conns, 0, RIG_CONNS * sizeof(*r->conns));
	r->nconns = r->nprocs = 0;
}

static inline void rig_free(struct rig *r)
{
	if (!r)
		return;
	rig_clear(r);
	capture_close(r->capture);
	free(r->conns);
	free(r->procs);
	free(r);
}

/* ---- connections of this process with itself ---- */

enum rig_family {
	RIG_V4,
	RIG_V6,
	RIG_UNIX,
	RIG_MPTCP,
	RIG_FAMILIES,
};

static const char *const rig_family_names[] = {"v4", "v6", "unix", "mptcp"};

struct rig_pair {
	int client, server;
	uint16_t client_port, server_port; /* 0: AF_UNIX */
	char path[64];
};

static inline bool rig_sequenced(enum rig_family family)
{
	return family == RIG_V4 || family == RIG_V6;
}

static inline int rig_listen(enum rig_family family, struct sockaddr_storage *addr, socklen_t *len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_un *un = (struct sockaddr_un *)addr;
	static int serial;
	int fd;

	memset(addr, 0, sizeof(*addr));
	switch (family) {
	case RIG_V6:
		v6->sin6_family = AF_INET6;
		v6->sin6_addr = in6addr_loopback;
		*len = sizeof(*v6);
		break;
	case RIG_UNIX:
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof(un->sun_path), "/tmp/redtap-rig.%d.%d", getpid(),
			 serial++);
		*len = sizeof(*un);
		break;
	default:
		v4->sin_family = AF_INET;
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		*len = sizeof(*v4);
	}
	fd = socket(addr->ss_family, SOCK_STREAM, family == RIG_MPTCP ? IPPROTO_MPTCP : 0);
	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)addr, *len) || listen(fd, 4) ||
	    getsockname(fd, (struct sockaddr *)addr, len)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* False: this kind of socket is not to be had here. */
static inline bool rig_connect(enum rig_family family, struct rig_pair *p)
{
	struct sockaddr_storage addr, mine;
	socklen_t len, mine_len = sizeof(mine);
	int listener = rig_listen(family, &addr, &len);

	memset(p, 0, sizeof(*p));
	if (listener < 0)
		return false;
	p->client = socket(addr.ss_family, SOCK_STREAM, family == RIG_MPTCP ? IPPROTO_MPTCP : 0);
	if (p->client < 0 || connect(p->client, (struct sockaddr *)&addr, len))
		abort();
	p->server = accept(listener, NULL, NULL);
	close(listener);
	if (family == RIG_UNIX) {
		strcpy(p->path, ((struct sockaddr_un *)&addr)->sun_path);
		unlink(p->path);
		return true;
	}
	p->server_port = ntohs(((struct sockaddr_in *)&addr)->sin_port);
	getsockname(p->client, (struct sockaddr *)&mine, &mine_len);
	p->client_port = ntohs(((struct sockaddr_in *)&mine)->sin_port);
	return true;
}

static inline void rig_close(struct rig_pair *p)
{
	if (p->client >= 0)
		close(p->client);
	if (p->server >= 0)
		close(p->server);
	p->client = p->server = -1;
}

/* The log of one end, or NULL. Over AF_UNIX the end that was used first is the client's. */
static inline struct rig_conn *rig_end(struct rig *r, const struct rig_pair *p, bool server)
{
	uint16_t local = server ? p->server_port : p->client_port;
	uint16_t remote = server ? p->client_port : p->server_port;
	int nth = 0;

	for (int i = 0; i < r->nconns; i++) {
		struct rig_conn *c = &r->conns[i];

		if (p->path[0] ? c->rec.local.family == AF_UNIX && !strcmp(c->rec.path, p->path) &&
					 nth++ == server
			       : c->rec.local.port == local && c->rec.remote.port == remote)
			return c;
	}
	return NULL;
}

/* Whether just [from, to) of the direction came up, as it was sent, and nothing else of [0, end).
 */
static inline bool rig_has(const struct rig_dir *d, const uint8_t *sent, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		if (i >= d->cap || !d->have[i] || d->bytes[i] != sent[i])
			return false;
	return true;
}

static inline uint64_t rig_count(const struct rig_dir *d, uint64_t from, uint64_t to)
{
	uint64_t n = 0;

	for (uint64_t i = from; i < to && i < d->cap; i++)
		n += d->have[i];
	return n;
}

static inline uint64_t rig_gaps(const struct rig_dir *d)
{
	uint64_t n = 0;

	for (int i = 0; i < RT_GAP_MAX; i++)
		n += d->gap[i];
	return n;
}

#endif
