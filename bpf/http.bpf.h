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
#include "record.bpf.h"

#define HTTP_PIECE_BYTES  256 /* copied at a time in search of a head's end */
#define HTTP_LOOKS        4   /* in one step: a step costs as much as several looks */
#define HTTP_WALK_STEPS   (2 * RT_HTTP_WALK_BYTES)
#define HTTP_MAGIC        0x2e312f50545448ull /* "HTTP/1.", the first byte lowest */
#define HTTP_MAGIC_BYTES  7
#define HTTP_STATUS_BYTES 12 /* HTTP/1.1 200 */

enum http_state {
	HTTP_NONE = 0, /* not known where a head may begin */
	HTTP_START,    /* before, or in, what tells a first line */
	HTTP_LINE,     /* in the rest of a first line */
	HTTP_FIELD,    /* in a field line */
	HTTP_AFTER,    /* behind a response's head that announced a body */
	HTTP_CHECK,    /* where that body ends, if the status line in it was not one */
};

enum http_name {
	HTTP_NAME_OTHER = 0,
	HTTP_NAME_LENGTH,
	HTTP_NAME_CODING,
	HTTP_VALUE_LENGTH, /* behind the name */
};

/* conn_http.flags */
#define HTTP_LENGTH  (1u << 0) /* Content-Length was there */
#define HTTP_DIGIT   (1u << 1) /* ... with a number */
#define HTTP_CODING  (1u << 2) /* Transfer-Encoding was there */
#define HTTP_ODD     (1u << 3) /* two lengths, or not a number */
#define HTTP_NO_BODY (1u << 4) /* by its status */

struct http_ctx {
	struct scratch *s;
	struct conn *c;
	int io;
};

static __always_inline void http_begin(struct conn_http *h, __u64 at)
{
	h->at = at;
	h->length = h->word = 0;
	h->state = HTTP_START;
	h->line = h->name = h->flags = 0;
	if (h->doubt && h->doubt < at) { /* first a look where the body would have ended */
		h->state = HTTP_CHECK;
		h->length = at;
		h->at = h->doubt;
		h->doubt = 0;
	}
}

static __always_inline __u8 http_magic(__u32 i)
{
	return HTTP_MAGIC >> (8 * (i & 7));
}

/* The i-th byte of a header's name; constants, because a table would need a map of its own. */
static __always_inline __u8 http_name(__u8 name, __u32 i)
{
	__u64 word;

	if (name == HTTP_NAME_LENGTH)
		word = i < 8 ? 0x2d746e65746e6f63ull : 0x3a6874676e656cull; /* content-length: */
	else
		word = i < 8 ? 0x726566736e617274ull : /* transfer */
			       i < 16 ? 0x6e69646f636e652dull
				      : 0x3a67ull; /* -encodin g: */
	return word >> (8 * (i & 7));
}

/* Enough to compare a header's name. */
static __always_inline __u8 http_lower(__u8 c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Nothing is known of what was before. */
static __always_inline void http_begin_anew(struct conn_http *h, __u64 at)
{
	h->doubt = 0;
	http_begin(h, at);
}

/* The head ended in front of h->at. */
static __always_inline void http_head_end(struct conn_http *h, bool request)
{
	__u8 odd = h->flags & (HTTP_ODD | HTTP_CODING);

	if (h->doubt < h->at)
		h->doubt = 0; /* it passed inside the head */
	if ((h->flags & (HTTP_LENGTH | HTTP_DIGIT)) == HTTP_LENGTH)
		odd = 1;
	if (h->flags & HTTP_NO_BODY) {
		http_begin(h, h->at);
	} else if (odd || (!request && !(h->flags & HTTP_LENGTH))) {
		h->state = HTTP_NONE;
	} else if (request || !h->length) {
		http_begin(h, h->at + h->length);
	} else {
		h->state = HTTP_AFTER;
		h->line = 0;
	}
}

/* What begins a first line: a status line's version, or a method and a space. */
static __always_inline void http_start(struct conn_http *h, __u8 c, bool request)
{
	if (request ? c == ' ' && h->line >= 3 : h->line == HTTP_MAGIC_BYTES - 1)
		h->state = HTTP_LINE;
	if (request ? c != ' ' && (c < 'A' || c > 'Z' || h->line > 16) : c != http_magic(h->line))
		h->state = HTTP_NONE;
	if (request && c == ' ' && (h->line < 3 || (__u32)h->word == RT_FOURCC('N', 'E', 'C', 'T')))
		h->state = HTTP_NONE; /* CONNECT: what follows is no message */
	h->word = h->word << 8 | c;
	h->line++;
}

/* A response's status, the last three bytes. */
static __always_inline void http_status(struct conn_http *h)
{
	__u32 status = h->word & 0xffffff;

	if (status == 0x313031) /* 101: another protocol follows */
		h->state = HTTP_NONE;
	else if (status >> 16 == '1' || status == 0x323034 || status == 0x333034) /* 204, 304 */
		h->flags |= HTTP_NO_BODY;
}

/* The rest of a first line: a request's ends in its version, a response's has its status. */
static __always_inline void http_line(struct conn_http *h, __u8 c, bool request)
{
	if (c == '\r')
		return;
	if (c == '\n') {
		h->state = HTTP_FIELD;
		h->line = 0;
		if (request && (h->word >> 8) << 8 != 0x485454502f312e00ull) /* HTTP/1. */
			h->state = HTTP_NONE;
		return;
	}
	h->word = h->word << 8 | c;
	if (h->line < 255)
		h->line++;
	if (!request && h->line == HTTP_STATUS_BYTES)
		http_status(h);
}

/* The name Content-Length was read. */
static __always_inline void http_length(struct conn_http *h)
{
	h->flags |= h->flags & HTTP_LENGTH ? HTTP_ODD : HTTP_LENGTH;
	h->length = 0;
	h->name = HTTP_VALUE_LENGTH;
}

static __always_inline void http_value(struct conn_http *h, __u8 c)
{
	if (c >= '0' && c <= '9' && h->length < 1ull << 50) {
		h->length = h->length * 10 + (c - '0');
		h->flags |= HTTP_DIGIT;
	} else if (c != ' ' && c != '\t') {
		h->flags |= HTTP_ODD;
	}
}

static __always_inline void http_field(struct conn_http *h, __u8 c, bool request)
{
	if (c == '\r')
		return;
	if (c == '\n') {
		if (!h->line)
			http_head_end(h, request);
		else
			h->line = h->name = 0;
		return;
	}
	c = http_lower(c);
	if (!h->line)
		h->name = c == 'c'   ? HTTP_NAME_LENGTH
			  : c == 't' ? HTTP_NAME_CODING
				     : HTTP_NAME_OTHER;
	if (h->name == HTTP_VALUE_LENGTH) {
		http_value(h, c);
	} else if (h->name != HTTP_NAME_OTHER) {
		if (c != http_name(h->name, h->line)) {
			h->name = HTTP_NAME_OTHER;
		} else if (c == ':' && h->name == HTTP_NAME_LENGTH) {
			http_length(h);
		} else if (c == ':') {
			h->flags |= HTTP_CODING;
			h->name = HTTP_NAME_OTHER;
		}
	}
	if (h->line < 255)
		h->line++;
}

/* Behind a head that announced a body, before h->at moves past `c`. */
static __always_inline void http_after(struct conn_http *h, __u8 c)
{
	__u32 seen = h->line;

	if (c != http_magic(seen)) {
		if (h->length < seen)
			h->state = HTTP_NONE; /* neither this nor that */
		else
			http_begin_anew(h, h->at - seen + h->length);
		return;
	}
	h->at++;
	h->line++;
	if (h->line < HTTP_MAGIC_BYTES)
		return;
	/* The next status line: that was the answer to HEAD, most likely. */
	h->doubt = h->at - HTTP_MAGIC_BYTES + h->length;
	h->state = HTTP_LINE;
	h->flags = h->name = 0;
	h->length = 0;
}

/* As http_after(): a status line here, or the walk goes on at `length`. */
static __always_inline void http_check(struct conn_http *h, __u8 c)
{
	if (c != http_magic(h->line)) {
		if (h->length < h->at)
			h->state = HTTP_NONE;
		else
			http_begin(h, h->length);
		return;
	}
	h->at++;
	h->line++;
	if (h->line < HTTP_MAGIC_BYTES)
		return;
	h->state = HTTP_LINE;
	h->length = 0;
}

static __always_inline void http_byte(struct scratch *s, struct conn_http *h, __u8 c, bool request)
{
	__u8 was = h->state;

	if (was == HTTP_AFTER) {
		http_after(h, c);
		return;
	}
	if (was == HTTP_CHECK) {
		http_check(h, c);
		return;
	}
	h->at++;
	if (was == HTTP_START)
		http_start(h, c, request);
	else if (was == HTTP_LINE)
		http_line(h, c, request);
	else
		http_field(h, c, request);
	if (was == HTTP_FIELD && h->state != HTTP_FIELD)
		s->heads++;
}

/* 0x80 in every byte of `x` that is `c`, from the lowest such byte on; 0: there is none. */
static __always_inline __u64 http_find(__u64 x, __u8 c)
{
	x ^= 0x0101010101010101ull * c;
	return (x - 0x0101010101010101ull) & ~x & 0x8080808080808080ull;
}

/* How many bytes stand before the lowest one that http_find() found. */
static __always_inline __u64 http_before(__u64 found)
{
	return ((((found & -found) >> 7) - 1) & 0x0101010101010101ull) * 0x0101010101010101ull >>
	       56;
}

/* Whether a field line that begins so cannot be one of the two that matter. */
static __always_inline bool http_other(__u64 x)
{
	__u8 first = x;

	x |= 0x2020202020202020ull;
	return first != '\r' && first != '\n' && x != 0x2d746e65746e6f63ull && /* content- */
	       x != 0x726566736e617274ull;                                     /* transfer */
}

/* Eight bytes at once, where a line matters not or not yet. How many of them are done with. */
static __always_inline __u64 http_look_eight(struct conn_http *h, __u64 x, bool request)
{
	__u64 end = http_find(x, '\n');

	if (h->state == HTTP_FIELD) {
		if (!h->line && http_other(x)) {
			h->name = HTTP_NAME_OTHER;
			h->line = 1;
		}
		if (h->name != HTTP_NAME_OTHER || !h->line)
			return 0;
		return end ? http_before(end) : 8;
	}
	if (h->state != HTTP_LINE)
		return 0;
	if (!request)
		return h->line < 12 ? 0 : end ? http_before(end) : 8;
	if (end || http_find(x, '\r'))
		return 0;
	h->word = __builtin_bswap64(x);
	return 8;
}

/*
 * What nearly every response has, sixteen bytes at `p` at once: its version and status, and a line
 * that begins with `Content-Length: `. How many of them are done with.
 */
static __always_inline __u64 http_look_sixteen(struct conn_http *h, const __u8 *p, bool request)
{
	__u64 first = *(__u64 *)p, status = *(__u64 *)(p + 4), second = *(__u64 *)(p + 8);
	const __u64 letters = 0x2020202020202020ull;

	if (h->line)
		return 0;
	if (h->state == HTTP_START) {
		if (request || first << 8 != HTTP_MAGIC << 8 || http_find(status, '\r') ||
		    http_find(status, '\n'))
			return 0;
		h->word = __builtin_bswap64(status);
		h->line = HTTP_STATUS_BYTES;
		h->state = HTTP_LINE;
		http_status(h);
		return HTTP_STATUS_BYTES;
	}
	if (h->state != HTTP_FIELD || (first | letters >> 8) != 0x2d746e65746e6f63ull ||
	    (second | letters >> 16) != 0x203a6874676e656cull)
		return 0;
	http_length(h);
	h->line = 16;
	return 16;
}

/* Looks at what was copied and not looked at yet, `n` bytes. */
static __always_inline void http_look(struct scratch *s, struct conn_http *h, __u32 n, bool request)
{
	__u8 *p = s->body + ((s->fill - n) & (BODY_BYTES - 1));
	__u64 done = n < 16 ? 0 : http_look_sixteen(h, p, request);

	if (!done && n >= 8)
		done = http_look_eight(h, *(__u64 *)p, request);
	if (done)
		h->at += done;
	else
		http_byte(s, h, *p, request);
}

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
 * Walks from the cursor on, or over what stands copied in the scratch already. False: the rest of
 * the call is to be copied as it is.
 */
static __always_inline bool http_walk(struct scratch *s, struct conn *c, int io, __u64 from)
{
	struct conn_http *h = &c->http[io];
	struct http_ctx x = {s, c, io};

	if (h->at != from || h->state == HTTP_NONE)
		http_begin_anew(h, from);
	s->done = s->heads = s->walked = s->walk_open = 0;
	bpf_loop(HTTP_WALK_STEPS, http_loop, &x, 0);
	if (!s->done) {
		h->state = HTTP_NONE;
		s->done = 1;
	}
	c->d[io].head = h->state > HTTP_START;
	if (h->at > c->d[io].skip && h->at > s->rec.off + s->rec.len)
		c->d[io].skip = h->at;
	if (s->heads && io_is_request(c, io) && (s->heads > 1 || c->d[io].run))
		c->piped = 1;
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
