/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One send or receive, whatever hook brought it: stream offset, turn, what to copy, record.
 * Both backends (sock_io.bpf.c, sys_exit.bpf.c) end here.
 */
#ifndef REDTAP_IO_BPF_H
#define REDTAP_IO_BPF_H

#include "buffer.bpf.h"
#include <bpf/bpf_endian.h>

#include "http.bpf.h"
#include "io_call.bpf.h"
#include "kafka.bpf.h"
#include "quick.bpf.h"

static __always_inline void io_known(struct conn *c, __u8 proto)
{
	if (c->proto == RT_PROTO_UNKNOWN)
		__builtin_memset(c->http, 0, sizeof(c->http));
	c->proto = proto;
}

static __always_inline void io_hints(struct conn *c)
{
	struct rt_hint *h = bpf_map_lookup_elem(&hints, &c->id);

	if (!h)
		return;
	if (c->proto != RT_PROTO_KAFKA) { /* walked here: a skipped call would lose the way */
		if (c->d[RT_RECV].skip < h->skip[RT_RECV])
			c->d[RT_RECV].skip = h->skip[RT_RECV];
		if (c->d[RT_SEND].skip < h->skip[RT_SEND])
			c->d[RT_SEND].skip = h->skip[RT_SEND];
		c->d[RT_RECV].tail = h->tail[RT_RECV];
		c->d[RT_SEND].tail = h->tail[RT_SEND];
	}
	if (h->proto && h->proto != c->proto) {
		if (h->proto == RT_PROTO_IGNORED)
			stat_add(RT_STAT_IGNORED_VERDICT, 1);
		io_known(c, h->proto);
	}
	if (h->role)
		c->role = h->role;
}

/* Bytes of the call to copy from its start; beyond them only the tail. */
static __always_inline __u32 io_limit(struct conn *c, int io, __u32 len)
{
	if (c->proto == RT_PROTO_UNKNOWN || policy_small)
		return RT_PIECE_BYTES;
	/* What a full queue would lose next is heads; the middle of a long answer is worth less. */
	if (len > RT_PIECE_BYTES && c->d[io].run >= RT_HINT_AFTER && queue_crowded()) {
		stat_add(RT_STAT_CROWDED, 1);
		return RT_CROWDED_BYTES;
	}
	/* A long HTTP body of no known length: only what may announce its end. */
	if (c->proto == RT_PROTO_HTTP && c->d[io].run >= RT_HTTP_RUN && !c->piped)
		return RT_HTTP_CALL_BYTES;
	return RT_CALL_BYTES;
}

static __always_inline void io_want(struct scratch *s, __u32 from, __u32 len, __u32 limit)
{
	s->skip_left = from;
	s->want_left = len - from;
	s->tail_left = 0;
	if (s->want_left > limit) {
		s->want_left = limit;
		s->rec.gap = RT_GAP_LIMIT;
		s->tail_left = len - from - limit;
		if (s->tail_left > RT_TAIL_BYTES)
			s->tail_left = RT_TAIL_BYTES;
		s->tail_at = len - s->tail_left;
	}
}

/*
 * Looks at the first bytes before anything is copied: it says how much of the call is wanted. A
 * head may come in pieces (Java reads Kafka's length apart): until user space has joined them, the
 * kernel would take the rest for a stranger's.
 */
static __always_inline void io_recognise(struct scratch *s, struct conn *c, int io, __u32 len)
{
	struct conn_head *h = &c->head[io];
	__u32 had = c->d[io].run ? h->n & (RT_CLASSIFY_BYTES - 1) : 0, n, verdict;

	n = buffer_peek(s, len) & (2 * RT_CLASSIFY_BYTES - 1);
	bpf_probe_read_kernel(h->bytes + had, RT_CLASSIFY_BYTES, s->head);
	verdict = rt_classify(h->bytes, had + n, had + len);
	h->n = had + n < RT_CLASSIFY_BYTES ? had + n : 0;
	/* A Kafka response may look like a request: only who speaks first is believed. */
	if (RT_CLASS_PROTO(verdict) == RT_PROTO_KAFKA && (c->late || c->turns > 1))
		verdict = 0;
	if (!verdict) {
		c->unknown += len;
		if (c->unknown >= RT_UNKNOWN_BYTES && c->turns >= RT_UNKNOWN_TURNS &&
		    c->last_ns - c->born_ns > RT_UNKNOWN_NS) {
			c->proto = RT_PROTO_IGNORED;
			stat_add(RT_STAT_IGNORED_UNKNOWN, 1);
		}
		return;
	}
	if (had && RT_CLASS_PROTO(verdict) == RT_PROTO_KAFKA)
		walk_joins(c, io, s->rec.off, h->bytes, had);
	io_known(c, RT_CLASS_PROTO(verdict));
	c->role = !(verdict & RT_CLASS_REQ) == (io == RT_SEND) ? RT_ROLE_SERVER : RT_ROLE_CLIENT;
	if (verdict & RT_CLASS_TLS)
		stat_add(RT_STAT_IGNORED_TLS, 1);
}

static __always_inline void io_record_start(struct scratch *s, struct io_call *x, int io, __u64 off)
{
	io_record_head(&s->rec, x, io, off);
	s->fill = s->more = 0;
	s->at = 0;
	s->copied = 0;
	s->room = RT_PIECE_BYTES;
	s->skip_left = s->want_left = s->tail_left = 0;
}

/* Selects what is copied. False: the call is inside a body nobody wants. */
static __always_inline bool io_select(struct scratch *s, struct conn *c, int io, __u64 off,
				      __u32 len)
{
	struct conn_dir *d = &c->d[io];
	__u32 from = 0;

	if (d->skip > off) {
		if (d->skip >= off + len) {
			s->rec.gap = RT_GAP_SKIPPED;
			return d->skip == off + len;
		}
		from = d->skip - off;
		s->rec.gap = RT_GAP_SKIPPED;
	}
	if (d->tail && d->tail == c->d[!io].off && len > RT_TAIL_BYTES) {
		s->rec.gap = RT_GAP_SKIPPED;
		s->skip_left = len - RT_TAIL_BYTES;
		s->want_left = RT_TAIL_BYTES;
		return true;
	}
	io_want(s, from, len, io_limit(c, io, len));
	return true;
}

static __always_inline void io_eof(struct io_call *x)
{
	struct conn *c = x->conn;
	struct scratch *s;

	if (!x->rcv_shut || c->d[RT_RECV].eof)
		return;
	s = io_scratch(RT_RECV);
	if (!s)
		return;
	c->last_ns = bpf_ktime_get_ns();
	io_record_start(s, x, RT_RECV, c->d[RT_RECV].off);
	c->d[RT_RECV].eof = 1;
	s->rec.h.flags |= RT_F_EOF;
	record_flush(s, c, RT_RECV, false);
}

static __always_inline void io_turn(struct conn *c, int io)
{
	struct conn_dir *d = &c->d[io];

	if (c->last_io != io) {
		c->last_io = io;
		d->run = 0;
		if (c->turns < 255)
			c->turns++;
	} else if (d->run < 0xffff) {
		d->run++;
		if (d->run > 2)
			wary_of_heads(d); /* a body in pieces is no short one */
	}
	c->calls++;
}

/* Nothing of the call goes into a queue; the next record says why. */
static __always_inline void io_silent(struct conn *c, int io, __u8 why)
{
	if (c->d[io].gap == RT_GAP_NONE)
		c->d[io].gap = why;
}

/* A call that is not looked at, but for which entry of its vector it was. */
static __always_inline void io_passed(struct io_call *x, int io, __u8 why)
{
	struct scratch *s;

	if (REGS_NR(x->regs) == NR_SENDMMSG || REGS_NR(x->regs) == NR_RECVMMSG) {
		s = io_scratch(io);
		if (s)
			buffer_find(s, &x->conn->vec[io], x->task, x->regs, io, x->ret, x->at_exit);
	}
	io_silent(x->conn, io, why);
	if (io == RT_SEND)
		x->conn->d[RT_SEND].start_ns = 0;
}

static __always_inline bool io_sampled(struct conn *c)
{
	return policy_sample >= RT_SAMPLE_ALL || rt_sample_of(c->id) < policy_sample;
}

/* Goes on behind what was copied, for `limit` bytes more. */
static __always_inline void io_rest(struct scratch *s, __u32 len, __u32 limit)
{
	io_want(s, s->at, len, limit);
	s->skip_left = 0;
	if (s->want_left && (!s->rec.nfrags || s->copied != s->at))
		frag_open(s);
}

/*
 * Whether heads are looked for before anything is copied: in a call longer than a piece, in short
 * ones for a while behind such, and where the rest of a head or its body is due.
 */
static __always_inline bool io_http_wanted(struct conn *c, int io, __u64 off, __u32 len)
{
	struct conn_dir *d = &c->d[io];
	__u64 pos = d->skip > off ? d->skip : off;

	if (c->role == RT_ROLE_UNKNOWN || pos >= off + len)
		return false;
	return len > RT_HTTP_CALL_BYTES || d->wary > WARY_HEADS || c->piped ||
	       (d->head && c->http[io].at == pos);
}

/* Walks from head to head; what the walk cannot follow is copied as it is. */
static __always_inline void io_http(struct scratch *s, struct conn *c, int io, __u64 off, __u32 len)
{
	struct conn_dir *d = &c->d[io];
	__u32 limit;
	bool walked;

	if (len > RT_HTTP_CALL_BYTES)
		d->wary = WARY_CALLS;
	else if (d->wary > WARY_HEADS)
		d->wary--;
	walked = http_run(s, c, io, d->skip > off ? d->skip : off);
	if (walked || s->at >= len || s->rec.gap > RT_GAP_SKIPPED)
		return;
	limit = io_limit(c, io, len);
	if (s->rec.gap && s->rec.nfrags && len - s->at > limit)
		record_flush(s, c, io, true); /* the skipped bytes have their own cause */
	io_rest(s, len, limit > s->walked ? limit - s->walked : 0);
	copy_run(s, c, io);
}

/*
 * A short call that was copied whole, of a connection that showed no reason to look at its heads
 * yet. Nearly all are a message, or the only head in one; what may be more, or the head of a body
 * that follows, is walked.
 */
static __always_inline void io_http_short(struct scratch *s, struct conn *c, int io, __u64 off,
					  __u32 len)
{
	__u32 last = (sizeof(struct rt_frag) + len - 4) & (BODY_BYTES - 1);
	bool ends;

	if (c->role == RT_ROLE_UNKNOWN || s->at != len || c->d[io].skip > off)
		return;
	ends = *(__u32 *)(s->body + last) == bpf_htonl(0x0d0a0d0a);
	if (!http_settled(c, io, s->body + sizeof(struct rt_frag), len, ends))
		http_run(s, c, io, off);
}

/* Kafka by its frames. True: all is done; *silent: and the call is not worth a record. */
static __always_inline bool io_walk(struct scratch *s, struct conn *c, int io, __u32 len,
				    bool *silent)
{
	switch (walk_run(s, c, io, c->d[io].run == 0)) {
	case WALK_NOT: return false;
	case WALK_SILENT: *silent = true; return true;
	case WALK_LOST:
		io_rest(s, len, RT_CALL_BYTES);
		copy_run(s, c, io);
		return true;
	default: return true;
	}
}

/* Copies what is wanted. False: the call is not worth a record. */
static __always_inline bool io_copy(struct scratch *s, struct conn *c, int io, __u64 off, __u32 len)
{
	bool silent = false;

	if (c->proto == RT_PROTO_UNKNOWN)
		io_recognise(s, c, io, len);
	if (c->proto == RT_PROTO_KAFKA && io_walk(s, c, io, len, &silent))
		return !silent;
	/* How much of a request's first call is a body, the walk says. */
	if (c->proto == RT_PROTO_HTTP && len > RT_HTTP_CALM_BYTES &&
	    (c->d[io].run || !io_is_request(c, io)))
		wary_of_heads(&c->d[io]);
	if (c->proto == RT_PROTO_HTTP && io_http_wanted(c, io, off, len)) {
		io_http(s, c, io, off, len);
		return true;
	}
	if (!io_select(s, c, io, off, len))
		return true;
	if (!s->skip_left && s->want_left)
		frag_open(s);
	copy_run(s, c, io);
	if (c->proto == RT_PROTO_HTTP && s->rec.nfrags == 1)
		io_http_short(s, c, io, off, len);
	return true;
}

static __always_inline void io_call(struct io_call *x, int io)
{
	struct conn *c = x->conn;
	struct scratch *s;
	bool sampled;
	__u64 off;
	__u8 gap;

	if (c->proto == RT_PROTO_IGNORED)
		return;
	if (!x->ret) {
		if (io == RT_RECV)
			io_eof(x);
		return;
	}
	off = io_offset(x, io);
	io_turn(c, io);
	sampled = io_sampled(c);
	if (c->d[io].skip > off + x->ret || !sampled) {
		io_passed(x, io, sampled ? RT_GAP_SKIPPED : RT_GAP_SAMPLED);
		return;
	}
	if (c->proto == RT_PROTO_UNKNOWN || c->d[io].run >= RT_HINT_AFTER || (c->calls & 31) == 0) {
		io_hints(c);
		if (c->proto == RT_PROTO_IGNORED)
			return;
	}
	if (quick_sendfile(x, io, off) || quick_call(x, io, off))
		return;
	s = io_scratch(io);
	if (!s)
		return;
	c->last_ns = io_now(x);
	io_record_start(s, x, io, off);
	gap = x->trunc ? RT_GAP_SYSCALL
		       : buffer_find(s, &c->vec[io], x->task, x->regs, io, x->ret, x->at_exit);
	if (gap) {
		s->rec.gap = gap;
	} else if (!io_copy(s, c, io, off, x->ret)) {
		io_silent(c, io, RT_GAP_SKIPPED);
		return;
	}
	record_flush(s, c, io, false);
}

#endif
