/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk from head to head: of HTTP the kernel half reads where a head begins and ends, whether
 * its message has a body, and Content-Length. The bytes of heads are copied, bodies of known length
 * are skipped wherever they end, in this call or in a later one, and the walk goes on behind them.
 * Everything else about HTTP is the parser's (user/proto/http1*.c).
 *
 * The walk begins where a call, or what was skipped before, makes way for a first line, and gives
 * up where it is in doubt: a body without a length, a coding, a line it does not know. The rest of
 * the call is then copied as it is, up to the limit. Whether a response has the body that its head
 * announces (not after HEAD) is told by what comes behind: the next status line, or anything else.
 * A body that begins like a status line misleads the walk, and the next status line at its end puts
 * it right; a counted gap, at worst.
 */
#ifndef REDTAP_HTTP_BPF_H
#define REDTAP_HTTP_BPF_H

#include "buffer.bpf.h"
#include "http_wide.bpf.h"
#include "record.bpf.h"

#define HTTP_PIECE_BYTES 256 /* copied at a time in search of a head's end */
#define HTTP_LOOKS       4   /* in one step: a step costs as much as several looks */
#define HTTP_WALK_STEPS  (2 * RT_HTTP_WALK_BYTES)

struct http_ctx {
	struct scratch *s;
	struct conn *c;
	int io;
};

/* Copies the next piece. */
static __always_inline void http_copy(struct scratch *s, struct conn *c, int io, __u64 n)
{
	__u32 pos;

	if (!s->walk_open || s->room < HTTP_PIECE_BYTES) {
		if (s->room < HTTP_PIECE_BYTES || s->fill > RT_PIECE_BYTES)
			record_flush(s, c, io, true);
		frag_open(s);
		s->walk_open = 1;
	}
	barrier_var(n);
	if (n > HTTP_PIECE_BYTES)
		n = HTTP_PIECE_BYTES;
	pos = s->fill & (BODY_BYTES - 1);
	if (n && bpf_probe_read_user(s->body + pos, n, (void *)s->base)) {
		stat_add(RT_STAT_FAULT, 1);
		s->rec.gap = RT_GAP_FAULT;
		s->done = 1;
		return;
	}
	s->fill = pos + n;
	s->room -= n;
	s->walked += n;
	frag_grow(s, n);
	cursor_advance(s, n);
}

/* One step: looks at what was copied, skips, or copies, at most one vector entry. */
static __always_inline void http_step(struct scratch *s, struct conn *c, int io)
{
	struct conn_http *h = &c->http[io & 1];
	__u64 pos = s->rec.off + s->at, n;

	if (h->state == HTTP_NONE) {
		s->done = 1;
		return;
	}
	if (h->at < pos) {
		for (int i = 0; i < HTTP_LOOKS && h->at < pos && h->state != HTTP_NONE; i++)
			http_look(s, h, pos - h->at, io_is_request(c, io));
		return;
	}
	if (s->at >= s->rec.len) {
		s->done = 1;
		return;
	}
	if (!s->seg_left && !segment_next(s)) {
		if (!s->rec.gap)
			s->rec.gap = RT_GAP_SYSCALL;
		s->done = 1;
		return;
	}
	n = s->rec.len - s->at;
	if (n > s->seg_left)
		n = s->seg_left;
	if (h->at > pos) {
		if (n > h->at - pos)
			n = h->at - pos;
		cursor_advance(s, n);
		s->rec.gap = RT_GAP_SKIPPED;
		s->walk_open = 0;
		return;
	}
	if (s->walked >= RT_HTTP_WALK_BYTES) {
		h->state = HTTP_NONE;
		return;
	}
	http_copy(s, c, io, n);
}

static long http_loop(__u64 i, void *arg)
{
	struct http_ctx *x = arg;

	http_step(x->s, x->c, x->io);
	return x->s->done != 0;
}

/*
 * Whether the head that ended has a short body behind what this call holds of it, or none; of a
 * response, whether it came by itself and announced a short one.
 */
static __always_inline bool http_short(const struct scratch *s, const struct conn_http *h,
				       bool request)
{
	if (request)
		return h->state == HTTP_START &&
		       h->at <= s->rec.off + s->rec.len + RT_HTTP_CALM_BYTES;
	return h->state == HTTP_AFTER && h->length <= RT_HTTP_CALM_BYTES;
}

#define HTTP_STATUS_AT 9 /* HTTP/1.1 200 */

/* The first digit of the status, if an answer begins a call of which `len` bytes are there; or 0.
 */
static __always_inline __u8 http_class(const __u8 *call, __u32 len)
{
	if (len <= HTTP_STATUS_AT || *(const __u32 *)call != (__u32)HTTP_MAGIC)
		return 0;
	return call[HTTP_STATUS_AT];
}

/*
 * A final answer (not 1xx) came. It comes behind its request's body, or instead of it: a head is
 * next, if no more of the body comes nevertheless. Unless it answers an earlier request, which is
 * counted by turns.
 */
static __always_inline void http_answered(struct conn *c, int io)
{
	struct conn_dir *asked = &c->d[!io];
	__u32 off = asked->off;

	if (asked->answered == off)
		return;
	asked->answered = off;
	c->piped -= c->piped != 0;
}

/*
 * Walks from the cursor on, or over what stands copied in the scratch already. False: the rest of
 * the call is to be copied as it is. What looks like a head where a body may be, because the head
 * before it was not walked, is not relied on in the calls behind.
 */
static __always_inline bool http_walk(struct scratch *s, struct conn *c, int io, __u64 from)
{
	struct conn_http *h = &c->http[io];
	struct conn_dir *d = &c->d[io];
	struct http_ctx x = {s, c, io};
	bool request = io_is_request(c, io), guessed = false, begins;

	if (h->at != from || h->state == HTTP_NONE) {
		guessed = request && (c->piped || d->answered != (__u32)from);
		http_begin_anew(h, from);
	}
	begins = h->state == HTTP_START && !h->line;
	s->done = s->heads = s->finals = s->walked = s->walk_open = 0;
	bpf_loop(HTTP_WALK_STEPS, http_loop, &x, 0);
	if (!s->done) {
		h->state = HTTP_NONE;
		s->done = 1;
	}
	if (s->heads == 1 && http_short(s, h, request))
		d->wary -= d->wary && d->wary <= WARY_HEADS;
	else if (s->heads && (h->state != HTTP_START || h->at > s->rec.off + s->rec.len))
		wary_of_heads(d);
	/* Several heads, one behind another, or one behind a request of the same turn. */
	if (request && s->heads && (s->heads > 1 || h->state > HTTP_START || (d->run && begins)))
		c->piped = HTTP_PIPED;
	if (!request && s->finals)
		http_answered(c, io);
	if (guessed) {
		h->state = HTTP_NONE;
		if (!s->heads && s->rec.len > RT_HTTP_CALM_BYTES)
			wary_of_heads(d);
	}
	d->head = h->state > HTTP_START || (h->state == HTTP_START && h->line);
	if (h->state != HTTP_NONE && h->at > d->skip && h->at > s->rec.off + s->rec.len)
		d->skip = h->at;
	return h->state != HTTP_NONE;
}

/* Global, as record_flush() is. */
__weak __noinline int http_run(struct scratch *s, struct conn *c, int io, __u64 from)
{
	if (!s || !c)
		return 0;
	return io == RT_SEND ? http_walk(s, c, RT_SEND, from) : http_walk(s, c, RT_RECV, from);
}

#endif
