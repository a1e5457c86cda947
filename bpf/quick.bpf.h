/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of most requests and answers: from the user's buffer to where the connection's
 * records wait (wait.bpf.h), and from there into the ring.
 */
#ifndef REDTAP_QUICK_BPF_H
#define REDTAP_QUICK_BPF_H

#include "buffer.bpf.h"
#include <bpf/bpf_endian.h>

#include "io_call.bpf.h"
#include "record.bpf.h"

/*
 * Whether the call's bytes are wanted as they are, and no more is to be learnt from them than their
 * ends tell: nearly every request and response of PostgreSQL, and of HTTP every request without a
 * body, what a server says, and what a client reads of a response unless its head ends with it.
 */
static __always_inline bool quick_plain(struct io_call *x, int io, __u64 off)
{
	struct conn *c = x->conn;
	struct conn_dir *d = &c->d[io];

	if (c->role == RT_ROLE_UNKNOWN || x->trunc || d->skip > off || d->tail)
		return false;
	if (c->proto != RT_PROTO_HTTP)
		return c->proto == RT_PROTO_POSTGRES;
	return !d->big && !d->head && !c->piped && !(io_is_request(c, io) && d->run);
}

#define QUICK_HEAD (sizeof(struct rt_rec_data) + sizeof(struct rt_frag))
#define QUICK_MAX  384 /* no record begins behind so much */

/*
 * Whether a short call's head need not be walked: a request that has nothing behind its head, as
 * far as its ends show, and no body (POST, PUT, PATCH); what a server answers; what a client reads,
 * unless the head ends with it, so that a body may begin with the next call. `ends`: with an empty
 * line; `first`: the first byte.
 */
static __always_inline bool http_settled(struct conn *c, int io, bool ends, __u8 first)
{
	if (io_is_request(c, io))
		return ends && !c->d[io].run && first != 'P';
	return io == RT_SEND || !ends;
}

/* The same of what was copied to w->buf. */
static __always_inline bool quick_http(struct conn *c, int io, __u64 at, __u64 len)
{
	const __u8 *buf = c->wait.buf;
	__u64 last = at + QUICK_HEAD + len - 4;

	barrier_var(last);
	if (last > WAIT_BYTES - 4)
		return false;
	return http_settled(c, io, *(__u32 *)(buf + last) == bpf_htonl(0x0d0a0d0a),
			    buf[at + QUICK_HEAD]);
}

/*
 * Copies the user's bytes behind the head of a record at w->buf[at]. The bounds in steps, because
 * the verifier cannot follow a sum of two. False: there is no room, or they cannot be read.
 */
static __always_inline bool quick_copy(struct conn_wait *w, __u64 at, __u64 len, __u64 base)
{
	if (at <= WAIT_FRONT) {
		if (len > WAIT_PAYLOAD)
			return false;
	} else if (at <= 192) {
		if (len > WAIT_BYTES - QUICK_HEAD - 192)
			return false;
	} else if (at <= 288) {
		if (len > WAIT_BYTES - QUICK_HEAD - 288)
			return false;
	} else if (at > QUICK_MAX || len > WAIT_BYTES - QUICK_HEAD - QUICK_MAX) {
		return false;
	}
	return !bpf_probe_read_user(w->buf + at + QUICK_HEAD, len, (void *)base);
}

/* Writes out `bytes` of what waits, the last of them a record [from, end). Under the lock. */
static __always_inline void quick_out(struct rt_cpu *cpu, struct conn *c, int io, __u64 bytes,
				      __u64 from, __u64 end)
{
	struct conn_wait *w = &c->wait;
	void *ring = this_ring();

	barrier_var(bytes);
	if (bytes > WAIT_BYTES)
		bytes = WAIT_BYTES;
	if (!ring || bpf_ringbuf_output(ring, w->buf, bytes, ring_flags(cpu, ring, bytes))) {
		stat_add(RT_STAT_LOST_RING, 1);
		if (w->count)
			wait_lost_all(c);
		else
			wait_lost(&c->d[io], from, end);
	}
	w->bytes = w->count = 0;
}

/* The head of a record of `bytes` at w->buf[at]. Under the lock. */
static __always_inline void quick_head_made(struct io_call *x, int io, __u64 off, __u64 at,
					    __u64 bytes)
{
	struct conn *c = x->conn;
	struct conn_dir *d = &c->d[io];
	struct rt_rec_data *rec = (struct rt_rec_data *)(c->wait.buf + at);
	__u64 start_ns;

	/* A short request's end is as good as its beginning, and known. */
	start_ns = io == RT_SEND && io_is_request(c, io) ? d->start_ns : 0;
	barrier_var(start_ns);
	c->last_ns = start_ns ? start_ns : io_now(x);
	io_record_head(rec, x, io, off);
	rec->h.bytes = bytes;
	rec->prev = d->prev;
	rec->gap0 = d->gap;
}

/*
 * A body by sendfile(2), of which there are no bytes to look at, waits for what comes next. False:
 * nothing was done, it is not that, or something waits already.
 */
static __always_inline bool quick_sendfile(struct io_call *x, int io, __u64 off)
{
	struct conn *c = x->conn;
	struct conn_dir *d = &c->d[io];
	struct conn_wait *w = &c->wait;

	if (io != RT_SEND || REGS_NR(x->regs) != NR_SENDFILE || x->at_exit || !x->have_seq ||
	    !REGS_IN_SYSCALL(x->regs) || task_is_compat(x->task) || c->noseq || c->ended ||
	    c->role == RT_ROLE_UNKNOWN || c->proto != RT_PROTO_HTTP || !wait_trylock(w))
		return false;
	if (w->bytes || d->due) {
		wait_unlock(w);
		return false;
	}
	quick_head_made(x, io, off, 0, sizeof(struct rt_rec_data));
	((struct rt_rec_data *)w->buf)->gap = RT_GAP_SENDFILE;
	wait_added(c, 0, sizeof(struct rt_rec_data));
	d->prev = off + x->ret;
	d->gap = RT_GAP_NONE;
	wait_unlock(w);
	if (wait_overtaken(c))
		wait_flush(c, this_ring());
	return true;
}

/*
 * A short call in one piece goes from the user's buffer to behind what waits, without a detour: a
 * request waits there itself, anything else goes into the ring with it. False: nothing was done,
 * this is not such a call.
 */
static __always_inline bool quick_call(struct io_call *x, int io, __u64 off)
{
	struct conn *c = x->conn;
	struct conn_dir *d = &c->d[io];
	struct conn_wait *w = &c->wait;
	__u64 base, at, from, len = x->ret;
	struct rt_rec_data *rec;
	struct rt_frag *frag;
	bool waits;

	if (len < 4 || len > WAIT_PAYLOAD || !quick_plain(x, io, off))
		return false;
	base = buffer_plain(x->task, x->regs, io, x->at_exit, len, x->base);
	if (!base || !wait_trylock(w))
		return false;
	at = w->bytes;
	barrier_var(at);
	barrier_var(len);
	if (at > QUICK_MAX || !quick_copy(w, at, len, base))
		goto other;
	rec = (struct rt_rec_data *)(w->buf + at);
	frag = (struct rt_frag *)(rec + 1);
	if (c->proto == RT_PROTO_HTTP &&
	    ((at > WAIT_FRONT && io_is_request(c, io)) || !quick_http(c, io, at, len)))
		goto other;
	waits = io_is_request(c, io) && x->have_seq && !c->noseq && !c->ended && !d->due &&
		at <= WAIT_FRONT;
	quick_head_made(x, io, off, at, QUICK_HEAD + len);
	from = d->prev;
	rec->nfrags = 1;
	frag->at = 0;
	frag->len = len;
	if (waits)
		wait_added(c, at, QUICK_HEAD + len);
	else if (rec->other > c->d[!io].prev)
		c->d[!io].due = 1;
	d->prev = off + len;
	d->gap = RT_GAP_NONE;
	if (!waits) {
		d->due = 0;
		quick_out(x->cpu, c, io, at + QUICK_HEAD + len, from, off + len);
	}
	wait_unlock(w);
	if (waits && wait_overtaken(c))
		wait_flush(c, this_ring());
	return true;
other:
	wait_unlock(w);
	return false;
}

#endif
