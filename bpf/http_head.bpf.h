/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel half reads of a head, byte by byte: where it begins and ends, whether its message
 * has a body, and Content-Length.
 */
#ifndef REDTAP_HTTP_HEAD_BPF_H
#define REDTAP_HTTP_HEAD_BPF_H

#include "conn.h"

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
#define HTTP_INTERIM (1u << 5) /* 1xx: another answer follows */

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
	else if (status >> 16 == '1')
		h->flags |= HTTP_NO_BODY | HTTP_INTERIM;
	else if (status == 0x323034 || status == 0x333034) /* 204, 304 */
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
	__u8 was = h->state, interim = h->flags & HTTP_INTERIM;

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
	if (was == HTTP_FIELD && h->state != HTTP_FIELD) {
		s->heads++;
		s->finals += !interim;
	}
}

#endif
