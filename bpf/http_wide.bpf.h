/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The same as http_head.bpf.h, eight or sixteen bytes at once where a line matters not, not yet, or
 * is as in nearly every head. Neither needs anything of BPF: tests/unit/test_http_head.c goes both
 * ways.
 */
#ifndef REDTAP_HTTP_WIDE_BPF_H
#define REDTAP_HTTP_WIDE_BPF_H

#include "http_head.bpf.h"

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

#endif
