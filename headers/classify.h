/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protocol recognition from the first bytes of a call, in either direction. Compiles for BPF and
 * for user space: fixed positions and no loops, so that the kernel can choose how much to copy at
 * the first call. User space decides for good and tells the kernel through `hints`.
 *
 * Adding a protocol: one recogniser and one line in rt_classify().
 */
#ifndef REDTAP_CLASSIFY_H
#define REDTAP_CLASSIFY_H

#include "event.h"

#define RT_CLASSIFY_BYTES 16 /* looked at; fewer are given as zeroes with the right `n` */

#define RT_KAFKA_HEAD        14 /* bytes of a request's head up to the client id */
#define RT_KAFKA_KEY_MAX     92
#define RT_KAFKA_VERSION_MAX 20

#define RT_CLASS_REQ      (1u << 8)  /* the bytes are a client's */
#define RT_CLASS_RESP     (1u << 9)  /* the bytes are a server's */
#define RT_CLASS_FIRST    (1u << 10) /* only ever the first bytes of a connection */
#define RT_CLASS_TLS      (1u << 11) /* with RT_PROTO_IGNORED */
#define RT_CLASS_PROTO(c) ((c)&0xff)

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

static __always_inline __u32 rt_be32(const __u8 *p)
{
	return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

#define RT_FOURCC(a, b, c, d) ((__u32)(a) << 24 | (__u32)(b) << 16 | (__u32)(c) << 8 | (__u32)(d))

/* RFC 9110 section 9, RFC 5789, draft QUERY; the first line's rest is the parser's to check. */
static __always_inline __u32 rt_is_http(const __u8 *p, __u32 n)
{
	__u32 w;

	if (n < 8)
		return 0;
	w = rt_be32(p);
	switch (w) {
	case RT_FOURCC('H', 'T', 'T', 'P'):
		return p[4] == '/' && p[5] == '1' && p[6] == '.' ? RT_PROTO_HTTP | RT_CLASS_RESP
								 : 0;
	case RT_FOURCC('G', 'E', 'T', ' '):
	case RT_FOURCC('P', 'U', 'T', ' '): return p[4] > ' ' ? RT_PROTO_HTTP | RT_CLASS_REQ : 0;
	case RT_FOURCC('P', 'O', 'S', 'T'):
	case RT_FOURCC('H', 'E', 'A', 'D'): return p[4] == ' ' ? RT_PROTO_HTTP | RT_CLASS_REQ : 0;
	case RT_FOURCC('T', 'R', 'A', 'C'):
		return p[4] == 'E' && p[5] == ' ' ? RT_PROTO_HTTP | RT_CLASS_REQ : 0;
	case RT_FOURCC('Q', 'U', 'E', 'R'):
		return p[4] == 'Y' && p[5] == ' ' ? RT_PROTO_HTTP | RT_CLASS_REQ : 0;
	case RT_FOURCC('P', 'A', 'T', 'C'):
		return p[4] == 'H' && p[5] == ' ' ? RT_PROTO_HTTP | RT_CLASS_REQ : 0;
	case RT_FOURCC('D', 'E', 'L', 'E'):
		return p[4] == 'T' && p[5] == 'E' && p[6] == ' ' ? RT_PROTO_HTTP | RT_CLASS_REQ : 0;
	case RT_FOURCC('O', 'P', 'T', 'I'):
	case RT_FOURCC('C', 'O', 'N', 'N'):
		return p[7] == ' ' && (p[4] == 'O' || p[4] == 'E') ? RT_PROTO_HTTP | RT_CLASS_REQ
								   : 0;
	}
	return 0;
}

/* RFC 8446 section 5.1: a handshake record that holds a ClientHello or a ServerHello. */
static __always_inline __u32 rt_is_tls(const __u8 *p, __u32 n)
{
	if (n < 6 || p[0] != 0x16 || p[1] != 3 || p[2] > 4 || (p[5] != 1 && p[5] != 2))
		return 0;
	return RT_PROTO_IGNORED | RT_CLASS_TLS;
}

/*
 * PostgreSQL "Message Formats": StartupMessage (major 3), SSLRequest, GSSENCRequest,
 * CancelRequest: untyped packets that only ever begin a connection. Simple queries and the end of
 * a server's answer are recognised too, for connections met half-way: `call` is the length of the
 * whole call.
 */
static __always_inline __u32 rt_is_postgres(const __u8 *p, __u32 n, __u32 call)
{
	__u32 len, code;

	if (n < 5)
		return 0;
	if (n >= 8) {
		len = rt_be32(p);
		code = rt_be32(p + 4);
		if (len == 8 && (code == 80877103 || code == 80877104))
			return RT_PROTO_POSTGRES | RT_CLASS_REQ | RT_CLASS_FIRST;
		if (len >= 16 && len <= 268 && code == 80877102)
			return RT_PROTO_POSTGRES | RT_CLASS_REQ | RT_CLASS_FIRST;
		/* A name follows, or nothing; else it is Kafka's Metadata, whose key is 3 too. */
		if (len >= 9 && len <= 10000 && code >> 16 == 3 && n >= 9 &&
		    (p[8] >= 'A' || (p[8] == 0 && len == 9 && call == 9)))
			return RT_PROTO_POSTGRES | RT_CLASS_REQ | RT_CLASS_FIRST;
	}
	len = rt_be32(p + 1);
	if (p[0] == 'Q' && len > 4 && len + 1 == call && n >= 6 && p[5] >= '\t' && p[5] < 0x7f)
		return RT_PROTO_POSTGRES | RT_CLASS_REQ;
	return 0;
}

/*
 * Kafka request header v1 or v2 ("RequestHeader.json"): size, key, version, correlation id and
 * the length of the client id.
 */
static __always_inline __u32 rt_is_kafka(const __u8 *p, __u32 n)
{
	__u32 size, key, version, client;

	if (n < RT_KAFKA_HEAD)
		return 0;
	size = rt_be32(p);
	key = (__u32)p[4] << 8 | p[5];
	version = (__u32)p[6] << 8 | p[7];
	client = (__u32)p[12] << 8 | p[13];
	if (size < 10 || size > 100u << 20 || key > RT_KAFKA_KEY_MAX ||
	    version > RT_KAFKA_VERSION_MAX || p[8] & 0x80)
		return 0;
	if (client != 0xffff && (client > 255 || client + 10 > size))
		return 0;
	if (client && client != 0xffff && n >= 15 && (p[14] < ' ' || p[14] > '~'))
		return 0;
	return RT_PROTO_KAFKA | RT_CLASS_REQ;
}

/*
 * What the call's first `n` bytes say: 0 (nothing), or RT_CLASS_* flags and an enum rt_protocol.
 * `p` must have RT_CLASSIFY_BYTES readable bytes, `n` says how many are meant; `call`: the length
 * of the whole call.
 */
static __always_inline __u32 rt_classify(const __u8 *p, __u32 n, __u32 call)
{
	__u32 c = rt_is_http(p, n);

	if (!c)
		c = rt_is_tls(p, n);
	if (!c)
		c = rt_is_postgres(p, n, call);
	if (!c)
		c = rt_is_kafka(p, n);
	return c;
}

#endif
