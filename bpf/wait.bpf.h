/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records that wait in the connection's state until the next one of the connection that does not:
 * all of them then go into the queue as one. A write to it costs as much as copying a head does,
 * and a request, its response and the end of the body are one transaction.
 *
 * What waits: a request's record, when it is whole and short, and a record without bytes (the end
 * of a body that is skipped, sendfile). The iterator writes out what still waits, once a second and
 * at a scrape, and so does a connection's end. To whoever reads the queues a record that waited is
 * like any other: `prev` and `other` are of the time it was made.
 *
 * Readers and writers of one connection meet here: whoever holds the lock may touch `wait` and
 * conn_dir.prev and .gap. Who cannot get it (a soft interrupt, in the middle of another's turn)
 * writes its record as if nothing waited.
 */
#ifndef REDTAP_WAIT_BPF_H
#define REDTAP_WAIT_BPF_H

#include "queue.bpf.h"

#define WAIT_SPINS 512

struct wait_ctx {
	struct conn_wait *w;
	__u64 got;
};

static __always_inline bool wait_trylock(struct conn_wait *w)
{
	return !__sync_lock_test_and_set(&w->lock, 1);
}

static long wait_spin(__u64 i, void *arg)
{
	struct wait_ctx *x = arg;

	x->got = wait_trylock(x->w);
	return x->got != 0;
}

static __always_inline bool wait_lock(struct conn_wait *w)
{
	struct wait_ctx x = {w, 0};

	if (wait_trylock(w))
		return true;
	bpf_loop(WAIT_SPINS, wait_spin, &x, 0);
	return x.got != 0;
}

/*
 * A full barrier: what is asked after it (wait_overtaken()) was not read before. Who asks nothing
 * may do with publish().
 */
static __always_inline void wait_unlock(struct conn_wait *w)
{
	__sync_lock_test_and_set(&w->lock, 0);
}

/* After the lock: whether nothing may come that takes along what was put. */
static __always_inline bool wait_overtaken(struct conn *c)
{
	return *(volatile __u8 *)&c->ended || *(volatile __u32 *)&c->wait.hurry;
}

/*
 * The records of [from, end) found the queue full: the next of this direction says so, unless one
 * was made meanwhile that shows the hole itself.
 */
static __always_inline void wait_lost(struct conn_dir *d, __u64 from, __u64 end)
{
	if (end <= from)
		return;
	d->lost = end;
	d->gap = RT_GAP_LOST;
	if (d->prev == end)
		d->prev = from;
}

/* What waits, and any record made behind it, found the queue full. Under the lock. */
static __always_inline void wait_lost_all(struct conn *c)
{
	const struct conn_wait *w = &c->wait;

	stat_add(RT_STAT_LOST_RING, w->count);
	wait_lost(&c->d[RT_RECV], w->prev[RT_RECV], c->d[RT_RECV].prev);
	wait_lost(&c->d[RT_SEND], w->prev[RT_SEND], c->d[RT_SEND].prev);
}

/* Writes out what waits, for want of a next record. */
static __always_inline void wait_flush(struct conn *c)
{
	struct conn_wait *w = &c->wait;
	__u64 bytes;

	if (!wait_lock(w))
		return;
	w->hurry = 0;
	bytes = w->bytes;
	barrier_var(bytes);
	if (bytes > WAIT_BYTES)
		bytes = WAIT_BYTES;
	if (!bytes) {
		wait_unlock(w);
		return;
	}
	if (queue_write_waiting(w, bytes))
		wait_lost_all(c);
	w->bytes = w->count = 0;
	wait_unlock(w);
}

/* Whether the record in the scratch may wait: nobody is to miss it for a second. */
static __always_inline bool wait_wanted(struct scratch *s, struct conn *c, int io)
{
	if (s->rec.h.flags & (RT_F_NOSEQ | RT_F_EOF) || c->ended || c->d[io].due ||
	    c->role == RT_ROLE_UNKNOWN || c->proto == RT_PROTO_UNKNOWN)
		return false;
	return !s->rec.nfrags || io_is_request(c, io);
}

/* The last record that waits, and this one, are of one body: told as one. Under the lock. */
static __always_inline bool wait_merge(struct scratch *s, struct conn_wait *w)
{
	struct rt_rec_data *last = (struct rt_rec_data *)w->buf;

	if (s->rec.nfrags || w->bytes != sizeof(*last) || last->nfrags || last->gap != s->rec.gap ||
	    s->rec.gap0 || s->rec.off != last->off + last->len || s->rec.prev != s->rec.off ||
	    last->len > WAIT_MERGED_MAX || s->rec.h.flags != last->h.flags ||
	    s->rec.tgid != last->tgid)
		return false;
	last->len += s->rec.len;
	last->h.ts_ns = s->rec.h.ts_ns;
	last->other = s->rec.other;
	last->missed = s->rec.missed;
	return true;
}

/* A record of `bytes` was written at `at`. Under the lock, before conn_dir.prev moves on. */
static __always_inline void wait_added(struct conn *c, __u64 at, __u64 bytes)
{
	struct conn_wait *w = &c->wait;

	if (!at) {
		w->prev[RT_RECV] = c->d[RT_RECV].prev;
		w->prev[RT_SEND] = c->d[RT_SEND].prev;
	}
	w->bytes = at + ((bytes + 7) & ~7ull);
	w->count++;
}

/* Puts the record in the scratch, `bytes` long, behind what waits. Under the lock. */
static __always_inline bool wait_put(struct scratch *s, struct conn *c, __u64 bytes)
{
	struct conn_wait *w = &c->wait;
	__u64 at = w->bytes;

	if (wait_merge(s, w))
		return true;
	barrier_var(at);
	barrier_var(bytes);
	if (at > WAIT_FRONT || bytes > WAIT_RECORD)
		return false;
	if (bytes == sizeof(s->rec))
		*(struct rt_rec_data *)(w->buf + at) = s->rec;
	else if (bpf_probe_read_kernel(w->buf + at, bytes, &s->rec))
		return false;
	wait_added(c, at, bytes);
	return true;
}

/* Where `bytes` in front of the record begin: an offset the verifier can follow. */
static __always_inline void *wait_front(struct scratch *s, __u64 bytes)
{
	__u64 at = WAIT_BYTES - bytes;

	barrier_var(at);
	if (at > WAIT_BYTES)
		at = WAIT_BYTES;
	return s->front + at;
}

/* Takes what waits along, in front of the record in the scratch: how many bytes. Under the lock. */
static __always_inline __u64 wait_take(struct scratch *s, struct conn *c)
{
	struct conn_wait *w = &c->wait;
	__u64 bytes = w->bytes;

	barrier_var(bytes);
	if (!bytes || bytes > WAIT_BYTES)
		return 0;
	if (bpf_probe_read_kernel(wait_front(s, bytes), bytes, w->buf))
		return 0;
	s->front_prev[RT_RECV] = w->prev[RT_RECV];
	s->front_prev[RT_SEND] = w->prev[RT_SEND];
	s->front_end[RT_RECV] = c->d[RT_RECV].prev;
	s->front_end[RT_SEND] = c->d[RT_SEND].prev;
	s->front_count = w->count;
	w->bytes = w->count = 0;
	return bytes;
}

#endif
