/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of most requests and answers: to where the connection's records wait
 * (wait.bpf.h), or into the queue with what waits.
 */
#ifndef REDTAP_QUICK_BPF_H
#define REDTAP_QUICK_BPF_H

#include "buffer.bpf.h"
#include <bpf/bpf_endian.h>

#include "io_call.bpf.h"
#include "record.bpf.h"

/*
 * Whether the call's bytes are wanted as they are, as far as can be told before they are seen:
 * those of PostgreSQL, and of HTTP where nothing that is not short is about. http_settled() has the
 * rest.
 */
static __always_inline bool quick_plain(struct io_call *x, int io, __u64 off)
{
	struct conn *c = x->conn;
	struct conn_dir *d = &c->d[io];

	if (c->role == RT_ROLE_UNKNOWN || x->trunc || d->skip > off || d->tail)
		return false;
	if (c->proto != RT_PROTO_HTTP)
		return c->proto == RT_PROTO_POSTGRES;
	return d->wary <= WARY_HEADS && !d->head && !c->piped &&
	       !(d->wary && d->run && io_is_request(c, io));
}

#define QUICK_HEAD  (sizeof(struct rt_rec_data) + sizeof(struct rt_frag))
#define QUICK_BYTES WAIT_PAYLOAD /* of a call */

#define HTTP_LEAST_BYTES 16 /* HTTP/1.1 200, an empty line; of requests more */

/*
 * Whether a short call's head need not be walked: a request that has nothing behind its head, as
 * far as its ends show, and no body (POST, PUT, PATCH); what a server answers; what a client reads,
 * unless the head ends with it, so that a body may begin with the next call. Of a direction that is
 * not wary also a head with, or before, a short body. `ends`: with an empty line.
 */
static __always_inline bool http_settled(struct conn *c, int io, const __u8 *call, __u32 len,
					 bool ends)
{
	struct conn_dir *d = &c->d[io];
	__u8 first = call[0], class;

	if (len < HTTP_LEAST_BYTES && !d->run) /* the rest is to be told from another head */
		return false;
	if (!io_is_request(c, io)) {
		class = http_class(call, len);
		if (class == '1' && !d->run) /* the final one may be behind it */
			return false;
		if (class && class != '1')
			http_answered(c, io);
		return io == RT_SEND || !ends || !d->wary;
	}
	if (d->run)
		return !d->wary && !ends && (first < 'A' || first > 'Z');
	/* A long one may be the beginning of a longer body. */
	return (ends && first != 'P') || (!d->wary && (ends || len < RT_HTTP_CALM_BYTES));
}

/* The head of a record of `bytes`. Under the lock. */
static __always_inline void quick_head_made(struct rt_rec_data *rec, struct io_call *x, int io,
					    __u64 off, __u64 bytes)
{
	struct conn *c = x->conn;
	struct conn_dir *d = &c->d[io];
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

/* The record, which ends there, is where it belongs: before anybody can see it. */
static __always_inline void quick_done(struct conn_dir *d, __u64 end)
{
	d->prev = end;
	d->gap = RT_GAP_NONE;
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
	struct rt_rec_data *rec;

	if (io != RT_SEND || REGS_NR(x->regs) != NR_SENDFILE || x->at_exit || !x->have_seq ||
	    !REGS_IN_SYSCALL(x->regs) || task_is_compat(x->task) || c->noseq || c->ended ||
	    c->role == RT_ROLE_UNKNOWN || c->proto != RT_PROTO_HTTP || !wait_trylock(w))
		return false;
	if (w->bytes || d->due) {
		wait_unlock(w);
		return false;
	}
	rec = (struct rt_rec_data *)w->buf;
	quick_head_made(rec, x, io, off, sizeof(*rec));
	rec->gap = RT_GAP_SENDFILE;
	wait_added(c, 0, sizeof(struct rt_rec_data));
	quick_done(d, off + x->ret);
	wait_unlock(w);
	if (wait_overtaken(c))
		wait_flush(c);
	return true;
}

/*
 * A record with one fragment, the call's bytes, of which there are `most` and which are in the
 * scratch. Under the lock.
 */
static __always_inline struct rt_rec_data *
quick_record(void *to, struct scratch *s, struct io_call *x, int io, __u64 off, __u32 most)
{
	struct rt_rec_data *rec = to;
	struct rt_frag *frag = (struct rt_frag *)(rec + 1);

	quick_head_made(rec, x, io, off, QUICK_HEAD + x->ret);
	rec->nfrags = 1;
	frag->at = 0;
	frag->len = x->ret;
	copy_short((__u8 *)(frag + 1), s->body, x->ret, most);
	return rec;
}

/* It waits. False: nothing was done, there is no room. Under the lock. */
static __always_inline bool quick_wait(struct scratch *s, struct io_call *x, int io, __u64 off)
{
	struct conn_wait *w = &x->conn->wait;
	__u64 at = w->bytes;

	barrier_var(at);
	if (at > WAIT_FRONT)
		return false;
	quick_record(w->buf + at, s, x, io, off, WAIT_PAYLOAD);
	wait_added(x->conn, at, QUICK_HEAD + x->ret);
	quick_done(&x->conn->d[io], off + x->ret);
	return true;
}

/* It goes into the queue, behind what waits. False: nothing was done. Under the lock. */
static __always_inline bool quick_out(struct scratch *s, struct io_call *x, int io, __u64 off)
{
	struct conn *c = x->conn;
	struct conn_dir *d = &c->d[io];
	struct conn_wait *w = &c->wait;
	__u64 at = w->bytes, bytes = at + QUICK_HEAD + x->ret;
	struct rt_rec_data *rec;
	struct rt_queue *q;
	bool full;
	void *to;

	barrier_var(at);
	if (at > WAIT_BYTES)
		return false;
	q = queue_begin(bytes, &to, &full);
	if (!q)
		return false;
	copy_short(to, w->buf, at, WAIT_BYTES);
	rec = quick_record(to + at, s, x, io, off, QUICK_BYTES);
	if (rec->other > c->d[!io].prev)
		c->d[!io].due = 1;
	d->due = 0;
	quick_done(d, off + x->ret);
	w->bytes = w->count = 0;
	queue_end(q, bytes);
	return true;
}

/* Brings a short call's bytes, which are in two pieces, into the scratch. */
static __always_inline bool quick_copy_two(struct scratch *s, const struct conn_place *told,
					   __u64 len)
{
	__u64 n = told->len[0] < len ? told->len[0] : len, rest = len - n;

	barrier_var(n);
	barrier_var(rest);
	if (n > QUICK_BYTES || rest > QUICK_BYTES)
		return false;
	return (!n || !bpf_probe_read_user(s->body, n, (void *)told->base[0])) &&
	       (!rest || !bpf_probe_read_user(s->body + n, rest, (void *)told->base[1]));
}

/* Brings a short call's bytes into the scratch. False: that takes a longer look. */
static __always_inline bool quick_copy(struct scratch *s, struct io_call *x, int io, __u64 len)
{
	__u64 nr = REGS_NR(x->regs), base;
	struct conn_place told;

	if (task_is_compat(x->task) || (!x->at_exit && !REGS_IN_SYSCALL(x->regs)))
		return false;
	if (io == RT_SEND && (nr == NR_WRITEV || nr == NR_SENDMSG) && x->have_seq &&
	    !x->conn->noseq && cfg_stamp_sends && send_place_told(x, &told))
		return quick_copy_two(s, &told, len);
	base = buffer_plain(x->regs, io, len);
	barrier_var(len);
	return base && len <= QUICK_BYTES && !bpf_probe_read_user(s->body, len, (void *)base);
}

/*
 * A short call in one or two pieces: a request waits, anything else goes into the queue with what
 * waits. By way of the scratch, because a copy from the user to memory of the slab costs the kernel
 * a look at whose it is, and that more than a second copy. False: nothing was done, this is not
 * such a call.
 */
static __always_inline bool quick_call(struct io_call *x, int io, __u64 off)
{
	struct conn *c = x->conn;
	struct conn_dir *d = &c->d[io];
	struct scratch *s;
	__u64 len = x->ret;
	bool waits, done;

	if (len < 4 || len > QUICK_BYTES || !quick_plain(x, io, off))
		return false;
	s = io_scratch(io);
	if (!s || !quick_copy(s, x, io, len))
		return false;
	barrier_var(len);
	if (len < 4 || len > QUICK_BYTES)
		return false;
	if (c->proto == RT_PROTO_HTTP &&
	    !http_settled(c, io, s->body, len,
			  *(__u32 *)(s->body + len - 4) == bpf_htonl(0x0d0a0d0a)))
		return false;
	if (!wait_trylock(&c->wait))
		return false;
	waits = io_is_request(c, io) && x->have_seq && !c->noseq && !c->ended && !d->due &&
		c->wait.bytes <= WAIT_FRONT;
	done = waits ? quick_wait(s, x, io, off) : quick_out(s, x, io, off);
	if (!waits) {
		publish(&c->wait.lock, 0); /* nothing was put there */
		return done;
	}
	wait_unlock(&c->wait);
	if (done && wait_overtaken(c))
		wait_flush(c);
	return done;
}

#endif
