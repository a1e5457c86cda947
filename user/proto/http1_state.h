/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP/1 inside: state of a connection, and what http1.c (operations), http1_feed.c (bytes and
 * states), http1_head.c (lines) and http1_pair.c (requests and their responses) say to each other.
 * Nobody else includes this.
 *
 * A boundary is where a message starts. A direction that lost it is HTTP1_LOST: what comes is not
 * understood until a call starts with a request or a status line.
 *
 * What is not known about the order of requests is one bit, `hole`: behind the last pending request
 * there is an unknown number of others. Requests met under a hole are given up, responses beyond
 * the pending requests are orphans. The hole closes when a request comes, nothing is pending, and
 * the last that was heard before it came from the server, by the clock: a client that waits for its
 * responses has then had all of them. One that was seen to send into the middle of its responses
 * (`sliding`) proves nothing by that: its hole stays open. So a response whose end was lost must
 * not be taken for one that goes on: a request in its middle is but a suspicion (`overlap`) until
 * more of the response was seen, and that is younger than the request. Records of the two
 * directions may overtake each other by a little, so the first answer behind a closed hole is held
 * against the clock (`doubt`).
 */
#ifndef REDTAP_PROTO_HTTP1_STATE_H
#define REDTAP_PROTO_HTTP1_STATE_H

#include "base/fifo.h"
#include "proto/proto.h"

#define HTTP1_LINE_BYTES   1024 /* looked at of a line, and kept while it is incomplete */
#define HTTP1_TARGET_BYTES 256
#define HTTP1_HOST_BYTES   128
#define HTTP1_SLIDING      32 /* exchanges without overlap after which a client waits again */
#define HTTP1_KEEP_ITEMS   16 /* pending requests' memory an idle connection keeps */

enum http1_method {
	HTTP1_OTHER,
	HTTP1_CONNECT,
	HTTP1_DELETE,
	HTTP1_GET,
	HTTP1_HEAD,
	HTTP1_OPTIONS,
	HTTP1_PATCH,
	HTTP1_POST,
	HTTP1_PUT,
	HTTP1_TRACE,
	HTTP1_QUERY,
	HTTP1_METHODS,
};

extern const struct slice http1_method_names[HTTP1_METHODS];

enum http1_state {
	HTTP1_START,      /* before a request or status line */
	HTTP1_FIELDS,     /* inside a head, before a field line */
	HTTP1_BODY,       /* `left` bytes of body */
	HTTP1_CHUNK_SIZE, /* before a chunk-size line */
	HTTP1_CHUNK_DATA, /* `left` bytes of a chunk */
	HTTP1_CHUNK_END,  /* before the line end behind a chunk */
	HTTP1_TRAILERS,   /* before a trailer line */
	HTTP1_UNTIL_EOF,  /* a response's body without a length */
	HTTP1_ASKED,      /* behind a CONNECT that has no answer yet */
	HTTP1_LOST,
};

/* http1_head.flags */
#define HTTP1_HAS_LENGTH (1u << 0)
#define HTTP1_BAD_LENGTH (1u << 1) /* not a number, or two different ones */
#define HTTP1_HAS_CODING (1u << 2) /* Transfer-Encoding */
#define HTTP1_CHUNKED    (1u << 3) /* its last coding is chunked */
#define HTTP1_EVENTS     (1u << 4) /* text/event-stream */

/* What a head says about its message's end. */
struct http1_head {
	uint64_t length;
	uint16_t status; /* of a response */
	uint8_t flags;
	uint8_t field; /* enum http1_field of the last line, for its folded rest */
};

/* A request from its line on until its response's last byte. */
struct http1_req {
	uint64_t start_ns;
	uint64_t bytes;
	uint16_t target_bytes;
	uint8_t host_bytes;
	uint8_t method;                     /* enum http1_method */
	uint8_t target[HTTP1_TARGET_BYTES]; /* without query, fragment and user information */
	uint8_t host[HTTP1_HOST_BYTES];
};

struct http1_side {
	uint64_t left;          /* of the body or chunk */
	uint64_t last_ns;       /* of the last byte */
	uint64_t recent;        /* HTTP1_LOST: the last eight bytes */
	uint64_t candidate_off; /* where a boundary may be, looked at with too few bytes */
	uint8_t state;          /* enum http1_state */
	bool candidate;
	bool skip;    /* the rest of a long line is to be dropped first */
	bool chunked; /* HTTP1_LOST inside a chunked body whose end may be recognised */
	bool heard;   /* HTTP1_LOST: something came since the last gap */
	bool ended;   /* eof */
	bool latest;  /* last_ns is a gap's with RT_AT_LATEST */
	struct http1_head head;
};

struct http1 {
	struct http1_side side[2]; /* by enum rt_dir */
	struct fifo pending;       /* struct http1_req, the oldest first */
	uint64_t first_ns;         /* of the response in progress */
	uint64_t resp_bytes;       /* of it and of the interim ones before */
	uint32_t hidden;           /* requests behind the pending ones that found no room */
	uint8_t sliding;
	bool overlap; /* a request came before the end of a response was seen: sliding, unless a gap
			 explains it */
	bool hole;
	bool doubt; /* the hole was just closed: the next answer must be younger than its request */
	bool fresh; /* late: nothing was heard yet */
	bool req_open;      /* the request being sent is the newest pending one */
	bool answering;     /* the response in progress is the oldest pending one's */
	bool orphan;        /* the response in progress has no request */
	bool body_seen;     /* at least one byte of its body was there */
	bool early;         /* HTTP1_ASKED: the client did not wait for the answer */
	bool asked_connect; /* the request being sent is a CONNECT */
	bool tunnel;        /* an upgrade or a CONNECT took place */
};

_Static_assert(sizeof(struct http1) <= 512, "state per connection");
_Static_assert(sizeof(struct http1_req) <= 512, "pending request");

/* ---- http1_head.c: lines, without their ends ---- */

/* A request line; `cut`: it went on past HTTP1_LINE_BYTES. Fills method, target and, from an
 * absolute target, host. 0, -EPROTO, or RT_LEAVE for HTTP/2's preface. RFC 9112 section 3. */
int http1_request_line(struct http1_req *req, struct slice line, bool cut);

/* The status code of a status line, or -EPROTO. RFC 9112 section 4. */
int http1_status_line(struct slice line);

/* A field line; keeps what frames the message, and Host in `req` (NULL: a response's field, or the
 * request is not wanted). `cut` as above. */
void http1_field_line(struct http1_head *head, struct http1_req *req, struct slice line, bool cut);

/* The size in a chunk-size line, or -EPROTO. RFC 9112 section 7.1. */
int http1_chunk_line(struct slice line, bool cut, uint64_t *size);

/* Whether p starts with a request line of a known method, or a status line: 1, 0, -EAGAIN when
 * there are too few bytes to tell. */
int http1_looks_like(enum rt_dir dir, const uint8_t *p, size_t n);

/* ---- http1_feed.c ---- */

/* proto_ops.feed() */
ssize_t http1_feed(void *conn, enum rt_dir dir, const struct rt_chunk *chunk,
		   const struct rt_sink *sink);

/* Books n bytes of the direction, the last of which passed at `ns`. */
void http1_book(struct http1 *c, enum rt_dir dir, uint64_t n, uint64_t ns);

/* The message in this direction is complete; its last byte passed at `ns`, 0: unknown. */
void http1_msg_end(struct http1 *c, enum rt_dir dir, uint64_t ns, const struct rt_sink *sink);

/* The direction's boundary is lost; `cause`: RT_UNPARSED_GAP or _MALFORMED. */
void http1_lose(struct http1 *c, enum rt_dir dir, enum rt_unparsed cause,
		const struct rt_sink *sink);

static inline uint64_t http1_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- http1_pair.c ---- */

/* A request line was read: the new pending request, or NULL when it cannot be paired. */
struct http1_req *http1_push(struct http1 *c, const struct http1_req *req,
			     const struct rt_sink *sink);

/* Bytes of a response came, read or written at `ns`. */
void http1_heard(struct http1 *c, uint64_t ns);

/* A status line was read. */
void http1_answer(struct http1 *c, uint16_t status, uint64_t ns, const struct rt_sink *sink);

/* The response in progress ended at `ns` (0: unknown); flags: RT_TXN_*. */
void http1_finish(struct http1 *c, uint64_t ns, uint32_t flags, const struct rt_sink *sink);

/* Gives up all pending requests. */
void http1_abandon(struct http1 *c, const struct rt_sink *sink);

/*
 * Something was heard, or missed, in the response direction while its boundary was lost. It may
 * have been the answer to what is pending, and what comes next the answer to a request that was
 * lost as well (a full queue loses both): unless an answer is in progress, the pending requests are
 * given up.
 */
void http1_noise(struct http1 *c, const struct rt_sink *sink);

/* When the last byte of the direction passed; 0: not known. */
static inline uint64_t http1_known_ns(const struct http1_side *side)
{
	return side->latest ? 0 : side->last_ns;
}

/* No response follows: ends the one in progress and every pending request. */
void http1_finish_all(struct http1 *c, int reset, const struct rt_sink *sink);

#endif
