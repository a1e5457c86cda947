/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of one Kafka connection and the steps that share it: kafka.c frames and walks,
 * kafka_scan.c finds a boundary in the middle of a stream, kafka_pair.c pairs responses with
 * requests, kafka_produce.c and kafka_fetch.c account for records.
 */
#ifndef REDTAP_PROTO_KAFKA_CONN_H
#define REDTAP_PROTO_KAFKA_CONN_H

#include "base/fifo.h"
#include "limits.h"
#include "proto/kafka_map.h"
#include "proto/kafka_walk.h"
#include "proto/kafka_world.h"

#define KAFKA_TOKEN          -1           /* kafka_pending.api: a bare SASL token */
#define KAFKA_FRAME_MAX      0x40000000u  /* a larger size is not a frame */
#define KAFKA_LATE_FRAME_MAX (100u << 20) /* likewise where a boundary is looked for */

enum kafka_state {
	KAFKA_AT_HEAD, /* a frame's size and header are next */
	KAFKA_IN_FRAME,
	KAFKA_LOST, /* no boundary is known */
};

struct kafka_stream {
	struct kafka_walk walk;
	uint64_t first_ns;
	uint64_t bytes;     /* of the frame, its size field included */
	uint64_t candidate; /* KAFKA_LOST: offset where a frame may begin, if has_candidate */
	uint8_t state;      /* enum kafka_state */
	uint8_t has_candidate;
	uint8_t kept;   /* bytes at the candidate that were too few to tell: what follows them may
			 * begin a call */
	uint8_t latest; /* the frame ended in a gap with RT_AT_LATEST */
};

/* kafka_pending.flags */
#define KAFKA_P_DONE     (1u << 0) /* its last byte was seen */
#define KAFKA_P_FOLLOWER (1u << 1) /* Fetch of a replica */
#define KAFKA_P_LATEST   (1u << 2) /* end_ns is a gap's with RT_AT_LATEST */

struct kafka_pending {
	uint64_t end_ns;
	uint64_t bytes;
	uint32_t parts;      /* of kafka_conn.parts, in the order of the requests */
	int64_t producer_id; /* of a transaction */
	uint32_t group;
	int32_t correlation;
	int32_t session_id;
	int32_t session_epoch;
	int16_t api;
	int16_t version;
	int16_t acks;
	int8_t isolation;
	int8_t committed; /* EndTxn */
	uint8_t flags;
};

/* kafka_part.flags */
#define KAFKA_PART_FORGOTTEN  (1u << 0) /* leaves the fetch session */
#define KAFKA_PART_ANSWERED   (1u << 1)
#define KAFKA_PART_IDEMPOTENT (1u << 2)

/* A partition named by a pending request. */
struct kafka_part {
	int64_t offset;    /* fetch_offset, committed offset, or the time ListOffsets asks for */
	uint64_t identity; /* Produce: of its first batch, 0: none was seen */
	uint64_t bytes;
	uint64_t records;
	uint32_t topic; /* topic number: kafka_world.h */
	int32_t partition;
	int16_t error;
	uint8_t flags;
};

/* Records of a partition in the Fetch response being read. */
struct kafka_result {
	uint32_t topic;
	int32_t partition;
	uint64_t records;
	uint64_t bytes;
};

struct kafka_aborted {
	int64_t producer_id;
	int64_t first_offset;
	bool ended; /* its marker was seen */
};

struct kafka_request {
	uint32_t topic;
	uint8_t open;      /* the newest pending request is the one being read */
	uint8_t part_open; /* the newest part is the one being read */
};

struct kafka_response {
	int64_t offset;
	int64_t end;      /* Fetch: what the partition lets the consumer see */
	int64_t position; /* Fetch: fetch_offset, -1: not known */
	int64_t next;     /* Fetch: offset behind the last batch */
	int64_t aborted_pid;
	uint32_t topic;
	int32_t partition;
	uint32_t group;
	uint32_t cursor; /* in the request's parts */
	uint32_t probes; /* parts looked at out of order */
	int32_t session_id;
	int16_t error;           /* of the response itself */
	int16_t partition_error; /* first one inside */
	int16_t current_error;   /* of the current partition */
	uint8_t open;            /* it answers the oldest pending request */
	uint8_t waited;
	uint8_t name_len;
	uint8_t name[KAFKA_TEXT_BYTES];
};

struct kafka_conn {
	const struct rt_env *env;
	struct kafka_stream dir[2]; /* by enum rt_dir */
	struct fifo pending;        /* struct kafka_pending */
	struct fifo parts;          /* struct kafka_part */
	struct fifo results;        /* struct kafka_result */
	struct fifo aborted;        /* struct kafka_aborted, of the current partition */
	struct kafka_map session;   /* a: fetch_offset, b: end seen, mark: request of fetch_mark */
	struct kafka_request req;
	struct kafka_response resp;
	uint32_t owner;          /* tgid, KAFKA_OWNER_SERVER */
	struct kafka_client who; /* tgid 0 at the server's end */
	uint32_t fetch_mark;
	uint32_t behind;     /* partitions asked for whose end is known to be past their offset */
	int32_t session_id;  /* of `session`; 0: none */
	uint32_t tokens;     /* bare SASL tokens in `pending` */
	uint8_t sasl_raw;    /* bare tokens until a request is seen */
	uint8_t confirmed;   /* a response has matched: this is Kafka, and in step */
	uint8_t over;        /* no response follows */
	uint8_t waits;       /* a response was left for want of its request */
	uint8_t strikes;     /* broken frames before that */
	uint8_t client_seen; /* `client` is known, if only to be empty */
	uint8_t client_len;
	uint8_t client[KAFKA_CLIENT_BYTES];
};

_Static_assert(sizeof(struct kafka_conn) <= 1024, "per connection");

struct kafka_head {
	uint32_t size;
	int16_t api;
	int16_t version;
	int32_t correlation;
};

/* ---- kafka_scan.c ---- */

enum kafka_probe {
	KAFKA_PROBE_NO,
	KAFKA_PROBE_YES,
	KAFKA_PROBE_MORE,
};

/* Whether p[0..n) begins like a request frame. */
enum kafka_probe kafka_probe_request(const uint8_t *p, size_t n);

/* Looks for a boundary in a lost direction. Bytes consumed; the state is KAFKA_AT_HEAD when one
 * was found, else all but a kept candidate is consumed. */
size_t kafka_scan(struct kafka_conn *c, enum rt_dir dir, const struct rt_chunk *chunk, size_t pos,
		  const struct rt_sink *sink);

/* ---- kafka_pair.c ---- */

/* A request's head was read: its place among the pending ones. When there is none left the oldest
 * request is given up, so that a direction whose boundary is lost can find it again. */
void kafka_request_begin(struct kafka_conn *c, const struct kafka_head *head,
			 const struct rt_sink *sink);
void kafka_request_field(struct kafka_conn *c, const struct kafka_event *ev, uint64_t ns,
			 const struct rt_sink *sink);
/* What was read as a request is none. */
void kafka_request_forget(struct kafka_conn *c);
void kafka_request_end(struct kafka_conn *c, uint64_t ns, const struct rt_sink *sink);

/* The index among the pending of the request with this correlation id, -1: none. */
int64_t kafka_pending_find(const struct kafka_conn *c, int32_t correlation);

/* Gives up the n oldest requests: their responses were not seen. */
void kafka_pending_abandon(struct kafka_conn *c, uint32_t n, const struct rt_sink *sink);

/* The oldest pending request is being answered. */
void kafka_response_begin(struct kafka_conn *c, const struct rt_sink *sink);
void kafka_response_field(struct kafka_conn *c, const struct kafka_event *ev, uint64_t ns,
			  const struct rt_sink *sink);
void kafka_response_end(struct kafka_conn *c, uint64_t ns, const struct rt_sink *sink);

/* No response will come any more. */
void kafka_responses_over(struct kafka_conn *c, uint64_t ns, const struct rt_sink *sink);

void kafka_say_records(const struct kafka_conn *c, const struct rt_kafka_records *rec,
		       const struct rt_sink *sink);

static inline void kafka_count(const struct rt_sink *sink, enum rt_unparsed cause, uint64_t n)
{
	if (n)
		sink->unparsed(sink->arg, cause, n);
}

/* ---- kafka_produce.c: `p` is the request, its parts are the oldest or newest of c->parts ---- */

void kafka_produce_batch(struct kafka_conn *c, struct kafka_part *part,
			 const struct kafka_batch *b);
void kafka_produce_unacked(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
			   const struct rt_sink *sink);
void kafka_produce_answered(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
			    const struct rt_sink *sink);
void kafka_produce_lost(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
			const struct rt_sink *sink);

/* ---- kafka_fetch.c ---- */

void kafka_fetch_begin(struct kafka_conn *c, const struct kafka_pending *p,
		       const struct rt_sink *sink);
void kafka_fetch_field(struct kafka_conn *c, const struct kafka_pending *p,
		       const struct kafka_event *ev, uint64_t ns, const struct rt_sink *sink);
void kafka_fetch_end(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
		     const struct rt_sink *sink);

#endif
