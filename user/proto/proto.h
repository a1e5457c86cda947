/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser contract. A protocol is a state of fixed size per connection and a handful of pure
 * functions over it: no clock, no globals, no logging, no I/O. Pending requests wait in base/fifo
 * queues that the state owns, each bounded by a name in limits.h.
 *
 * The caller (track/) delivers each direction's bytes in stream order: feed() for bytes, gap() for
 * bytes that were not captured, eof() once per direction. Between directions it guarantees that a
 * response byte is delivered after every request byte that was on the wire before it. Where there
 * is no sequence to know that by, RT_EARLY says so.
 *
 * Incomplete units. feed() consumes as many whole units as there are and returns the bytes it
 * consumed. The rest is kept by the caller (up to RT_CARRY_BYTES) and comes again in front of the
 * next bytes. A unit is as small as a protocol can make it (a line, a message header, a field), so
 * that any segmentation works and no body is ever collected.
 *
 * Time. `first_ns` is the time of data[0] and `last_ns` that of every byte past the kept rest; as
 * a unit that was incomplete ends in new bytes, the start of a message is first_ns when it begins
 * at data[0] of a chunk, else last_ns, and its end is last_ns. RT_AT() says just that.
 *
 * Recovery is the parser's own. A state starts synchronised (the connection was seen from its
 * first byte) or not (RT_LATE: attached in the middle). When not synchronised in a direction, and
 * after bytes it could not do without were lost, feed() looks for the next message boundary in
 * what comes, consumes what is before it, and counts through sink->unparsed().
 */
#ifndef REDTAP_PROTO_H
#define REDTAP_PROTO_H

#include <errno.h>
#include <sys/types.h>

#include "base/intern.h"
#include "base/slice.h"
#include "event.h"

/* A direction in the protocol's terms. */
enum rt_dir {
	RT_REQ = 0,  /* client to server */
	RT_RESP = 1, /* server to client */
};

/* rt_chunk.flags */
#define RT_CALL_START (1u << 0) /* data[0] is the first byte of a send or receive call */
#define RT_CALL_END   (1u << 1) /* the last byte is the last of a call */
#define RT_TURN       (1u << 2) /* the other direction was heard since this one last was */
/* Of responses, to a parser that has waits(): requests before them may still be to come. It leaves
 * an answer to nothing unconsumed; that comes again when more was asked, or without the flag. */
#define RT_EARLY (1u << 3)
/* They have waited for a request, and the time of that may be behind theirs. */
#define RT_WAITED (1u << 4)

struct rt_chunk {
	const uint8_t *data;
	size_t len;
	uint64_t off; /* absolute stream offset of data[0] */
	uint64_t first_ns;
	uint64_t last_ns;
	uint32_t flags;
};

/* When the byte at data[i] was read or written. */
#define RT_AT(chunk, i) ((i) == 0 ? (chunk)->first_ns : (chunk)->last_ns)

/* label `cause` of redtap_unparsed_total */
enum rt_unparsed {
	RT_UNPARSED_GAP,       /* bytes a boundary depended on were not captured */
	RT_UNPARSED_MALFORMED, /* not what the protocol allows */
	RT_UNPARSED_VERSION,   /* a version newer than known: header only */
	RT_UNPARSED_LIMIT,     /* a bound of limits.h was reached */
	RT_UNPARSED_ORPHAN,    /* a response whose request was not seen */
	RT_UNPARSED_ABANDONED, /* a request given up at a resynchronisation or at the end */
	RT_UNPARSED_MAX,
};

/* ---- what a parser says ---- */

/* rt_txn.flags */
#define RT_TXN_NO_DURATION (1u << 0) /* counted, but no duration is observed */
#define RT_TXN_STREAM      (1u << 1) /* only the first byte is observed (SSE and the like) */
#define RT_TXN_ABORTED     (1u << 2) /* the body was cut by the connection's end */

struct rt_http_txn {
	struct slice method; /* a known method, or "_OTHER" */
	struct slice target; /* as sent; empty when the request was not seen */
	struct slice host;
	uint16_t status; /* 0: the connection ended without a response head */
};

struct rt_pg_txn {
	struct slice query_type; /* `select`, `create`, ... `other`, `unknown` */
	struct slice database;   /* empty when startup was not seen */
	struct slice user;
	/* normalised text (sqlnorm.h) and its summary; of a query with several statements those of
	 * the whole; empty when not known or not asked for */
	struct slice text;
	struct slice summary;
	struct slice traceparent; /* in a comment of the text; 55 characters, or empty */
	uint8_t text_cut;         /* the text is not all of the statement */
	char sqlstate[6];         /* "" when it succeeded */
	uint8_t fatal;            /* severity FATAL or PANIC */
	uint64_t rows;
	uint64_t sent_ns; /* when the statement's own request was written; 0: not known */
	uint64_t row_ns;  /* when its first DataRow came; 0: none was seen */
	uint32_t batch;   /* statements answered by the same ReadyForQuery, >= 1 */
};

enum rt_kafka_outcome {
	RT_KAFKA_PRODUCED,
	RT_KAFKA_PRODUCE_FAILED,
	RT_KAFKA_UNACKED,
	RT_KAFKA_CONSUMED,
};

struct rt_kafka_txn {
	int16_t api;
	int16_t version;
	int16_t error; /* first non-zero code of the response, else 0 */
	struct slice client_id;
	uint64_t wait_ns; /* Fetch: how long it waited for data; then not part of the duration */
	uint8_t waited;   /* Fetch: wait_ns is meant */
};

/* Records of one partition of one request. Said before the request's own rt_txn. */
struct rt_kafka_records {
	uint32_t topic;   /* interned name; INTERN_UNKNOWN for an id that has none, or none yet */
	uint32_t unnamed; /* then: for kafka_world_resolve(), which may know it later; else 0 */
	int32_t partition;
	enum rt_kafka_outcome outcome;
	int16_t error; /* of the partition */
	uint64_t records;
	uint64_t bytes; /* of record batches on the wire */
	uint64_t at_ns;
};

/* One finished exchange. The slices are valid during the call only. */
struct rt_txn {
	enum rt_protocol proto;
	uint32_t flags;
	uint64_t start_ns; /* when the clock starts, as docs say for the protocol */
	uint64_t first_ns; /* first response byte; 0: none */
	uint64_t end_ns;   /* last response byte; 0: never came */
	uint64_t req_bytes;
	uint64_t resp_bytes;
	union {
		struct rt_http_txn http;
		struct rt_pg_txn pg;
		struct rt_kafka_txn kafka;
	};
};

struct rt_sink {
	void *arg;
	void (*txn)(void *arg, const struct rt_txn *txn);
	void (*records)(void *arg, const struct rt_kafka_records *rec);
	void (*unparsed)(void *arg, enum rt_unparsed cause, uint64_t n);
	/* Kafka, may be NULL: a batch of `topic` (an interned name) whose newest record was made at
	 * `stamp_ms` of the wall clock was fetched at `at_ns`. */
	void (*delivered)(void *arg, uint32_t topic, int64_t stamp_ms, uint64_t at_ns);
};

/* Bounds that may be set; 0: as in limits.h. */
struct rt_limits {
	uint32_t http_pending;     /* RT_HTTP_PENDING */
	uint32_t pg_pending;       /* RT_PG_PENDING */
	uint32_t pg_statements;    /* RT_PG_STATEMENTS */
	uint32_t kafka_pending;    /* RT_KAFKA_PENDING */
	uint32_t kafka_partitions; /* RT_KAFKA_PARTS */
};

#define RT_LIMIT(env, bound, preset)                                                               \
	((env) && (env)->limits.bound ? (env)->limits.bound : (uint32_t)(preset))

/* What parsers of one kind share across connections; the caller owns it. */
struct rt_env {
	struct intern *names;
	struct kafka_world *kafka; /* topic ids, marks: proto/kafka.h */
	struct pg_world *postgres; /* names, texts: proto/postgres_world.h; NULL: none are kept */
	struct fifo_spares *http_spares; /* of pending requests; NULL: none are shared */
	struct rt_limits limits;
};

/* feed() and gap() return this when the rest of the connection is none of the protocol's business
 * (a tunnel, TLS): the connection is left alone, what is in flight stays so until it closes. */
#define RT_LEAVE (-ECONNABORTED)

#define RT_LATE (1u << 0) /* proto_ops.init() */

/* gap(): `ns` is but the latest that it can have been. Good for what came before what, not for a
 * duration: a connection may have been silent since. */
#define RT_AT_LATEST (1u << 0)

/* What a connection of a pool is doing. */
struct rt_session {
	uint8_t state;         /* the protocol's own: enum pg_pool_state */
	struct slice database; /* empty while it is not known; valid as long as the state is */
};

struct proto_ops {
	const char *name;  /* value of the label `protocol` */
	bool walked;       /* the kernel half skips bodies by itself (kafka.bpf.h): no hints */
	size_t conn_bytes; /* of the state; the caller hands it in zeroed */

	/* flags: RT_LATE. `env` outlives the state. */
	void (*init)(void *conn, const struct rt_env *env, uint32_t flags);
	void (*fini)(void *conn);

	/* The process the connection belongs to, and which end of it that is; NULL where a protocol
	 * has no use for it. Called after init(), and again when the socket is handed on. */
	void (*owner)(void *conn, uint32_t tgid, enum rt_role role);

	/* Bytes consumed (0: more are needed), or RT_LEAVE. Never another error: what is broken is
	 * counted and skipped. */
	ssize_t (*feed)(void *conn, enum rt_dir dir, const struct rt_chunk *chunk,
			const struct rt_sink *sink);

	/* `len` bytes at `off` are missing; `off` is where feed() stopped consuming, so a kept rest
	 * counts as missing too. `ns`: when the last of them passed; flags: RT_AT_LATEST. 0, or
	 * RT_LEAVE. */
	int (*gap)(void *conn, enum rt_dir dir, uint64_t off, uint64_t len, uint64_t ns,
		   uint32_t flags, const struct rt_sink *sink);

	/* The direction ended. Called at most once per direction; after both the state is only
	 * freed. `reset`: by reset or time-out. */
	void (*eof)(void *conn, enum rt_dir dir, uint64_t ns, int reset,
		    const struct rt_sink *sink);

	/* How many of the next bytes of the direction are a body nobody needs (0: none known). */
	uint64_t (*skippable)(const void *conn, enum rt_dir dir);

	/* Whether only the end of each call is needed until the other direction speaks again. */
	int (*tail_only)(const void *conn, enum rt_dir dir);

	/* Nothing came for a while: gives back memory that waits for use. May be NULL. */
	void (*idle)(void *conn);

	/* After feed() of responses with RT_EARLY: whether what it left is an answer to something
	 * that was not asked yet. NULL: the flag is not heeded. */
	bool (*waits)(const void *conn);

	/* Requests begun and not ended, streams and tunnels included. */
	uint32_t (*in_flight)(const void *conn);

	/* A byte that changes whenever what goes into *out (unless NULL) does; 0: there is no
	 * session (any more), and nothing goes there. NULL: a protocol without sessions. */
	uint8_t (*session)(const void *conn, struct rt_session *out);
};

extern const struct proto_ops http1_ops;
extern const struct proto_ops postgres_ops;
extern const struct proto_ops kafka_ops;

/* By enum rt_protocol; NULL where there is none. */
extern const struct proto_ops *const proto_table[RT_PROTO_MAX];

#endif
