/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kafka: what the connections share, and names. `kafka_ops` itself is in proto.h; it needs
 * rt_env.names and rt_env.kafka. One thread.
 *
 * A connection knows itself only; what identifies a producer's retry, a topic id or a partition's
 * high watermark is seen on several. A view is one process's, at one end: the same batch seen from
 * the client and from the broker is two, so connections say whose they are by
 * kafka_conn_set_owner().
 */
#ifndef REDTAP_PROTO_KAFKA_H
#define REDTAP_PROTO_KAFKA_H

#include "proto/proto.h"

/* Bounds beside those of limits.h. */
#define KAFKA_MARKS_MAX       65536 /* high watermarks; committed offsets; positions; clients */
#define KAFKA_FAILED_MAX      1024  /* failed batches that may still be repeated */
#define KAFKA_ACKED_MAX       8192 /* acknowledged idempotent batches remembered, a power of two, */
#define KAFKA_ACKED_WAYS      4    /* ... the newest so many of each set of them */
#define KAFKA_ABORTED_MAX     1024 /* aborted transactions of one partition of a response */
#define KAFKA_TXN_COMMITS_MAX 4096 /* offsets committed in open transactions */
#define KAFKA_CLIENT_BYTES    64   /* of a client id */
#define KAFKA_RETRY_NS        120000000000ull /* a failed batch not repeated by then has failed */

/* With an owner's tgid: at the server's end. */
#define KAFKA_OWNER_SERVER (1u << 31)

/* A client that has fetched for so long and never spoken for a group has none; a member heartbeats
 * every 3 to 5 seconds. */
#define KAFKA_GROUP_WAIT_NS 15000000000ull

struct kafka_world;

/* `names` outlives it. NULL: no memory. */
struct kafka_world *kafka_world_new(struct intern *names);
void kafka_world_free(struct kafka_world *w);

/* Before its first use: topics remembered (RT_TOPICS_MAX at most), and what of each kind lags are
 * made of (KAFKA_MARKS_MAX); 0: as they are. */
void kafka_world_bound(struct kafka_world *w, uint32_t topics, uint32_t marks);

/* Topics in use that had to make room for others. */
uint64_t kafka_world_topics_forgotten(const struct kafka_world *w);

/* The process a connection belongs to, 0 (the default) for nobody's, and its end. Without an owner
 * a batch that is acknowledged twice counts twice; groups are learnt at the client's end only. */
void kafka_conn_set_owner(void *conn, uint32_t tgid, enum rt_role role);

/* Whether the first bytes of a call are requests by all that is known of their bodies: their heads
 * alone may be those of responses. False also when that cannot be told yet. */
bool kafka_reads_as_requests(struct slice call);

/*
 * Failed batches whose time to be repeated is over become RT_KAFKA_PRODUCE_FAILED. A connection of
 * the same owner says so by itself when a later Produce is answered; for the rest the agent asks
 * now and then: kafka_world_due() gives the owner of one that is due at `now_ns` (false: none), a
 * tgid with KAFKA_OWNER_SERVER or without, kafka_world_expire() says all that are due of one owner.
 */
bool kafka_world_due(const struct kafka_world *w, uint64_t now_ns, uint32_t *owner);
void kafka_world_expire(struct kafka_world *w, uint64_t now_ns, uint32_t owner,
			const struct rt_sink *sink);

/* Forgets groups and clients whose last sign was before `before_ns`, and their offsets; high
 * watermarks that nothing is compared with likewise. */
void kafka_world_sweep(struct kafka_world *w, uint64_t before_ns);

/* How far a group, or a client without one, is behind on a partition. All names are interned. */
struct kafka_lag {
	uint32_t service;
	uint32_t topic;
	int32_t partition;
	uint32_t group;    /* INTERN_EMPTY: there is none, the position counts */
	uint64_t messages; /* high watermark less the committed offset, or the position */
	uint64_t at_ns;    /* when that was said last */
};

struct kafka_lag_ops {
	void *arg;
	/* The service of a process; asked once, for it may end. */
	uint32_t (*service)(void *arg, uint32_t tgid);
	void (*each)(void *arg, const struct kafka_lag *lag);
};

/* Calls each() for every lag that is known. Of clients without a group that is once they have
 * fetched for KAFKA_GROUP_WAIT_NS; there may be several of one service on a partition. */
void kafka_world_lags(struct kafka_world *w, uint64_t now_ns, const struct kafka_lag_ops *ops);

/* Names of processes were changed: they are asked for again. */
void kafka_world_forget_services(struct kafka_world *w);

/* Last high watermark seen; -1: none. `topic` is an interned name. */
int64_t kafka_world_high_watermark(const struct kafka_world *w, uint32_t topic, int32_t partition);

/* The group a process's client id was last seen with; INTERN_EMPTY: none. */
uint32_t kafka_world_group(const struct kafka_world *w, uint32_t tgid, struct slice client_id);

/* Names as in Apache Kafka: "Produce"; "UNKNOWN" for a key not known. */
const char *kafka_api_name(int16_t key);

/* "NOT_LEADER_OR_FOLLOWER"; "" for 0, "UNKNOWN" for a code not known. */
const char *kafka_error_name(int16_t code);

/* Whether clients try again after the error. */
bool kafka_error_retriable(int16_t code);

#endif
