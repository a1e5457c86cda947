/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the connections put into the shared state of kafka.h and ask of it. */
#ifndef REDTAP_PROTO_KAFKA_WORLD_H
#define REDTAP_PROTO_KAFKA_WORLD_H

#include "proto/kafka.h"

/*
 * A topic is known by its name or, since Fetch 13 and Produce 13, by an id that Metadata names
 * sooner or later. Both are one number: an interned name, or with the top bit a place in the table
 * of ids. 0 is no topic. The number of an id that was pushed out of the table means `unknown`.
 */
#define KAFKA_TOPIC_BY_ID 0x80000000u

uint32_t kafka_world_topic(struct kafka_world *w, struct slice uuid);

/* A response said that the topic `uuid` is called `name`. */
void kafka_world_name(struct kafka_world *w, struct slice uuid, struct slice name);

/* The topic of this name is gone: its lags are over. */
void kafka_world_deleted(struct kafka_world *w, struct slice name);

/* The interned name of a topic number; INTERN_UNKNOWN while the id has none. */
uint32_t kafka_world_resolve(struct kafka_world *w, uint32_t topic);

/*
 * Marks for the lag. `topic` is a topic number, `group` an interned name. Where there is a bool,
 * false means that a bound was reached.
 *
 * A lower high watermark counts when it was asked for after the higher one was seen; asked_ns 0:
 * the log is at least so long.
 */
bool kafka_world_set_high_watermark(struct kafka_world *w, uint32_t topic, int32_t partition,
				    int64_t offset, uint64_t asked_ns, uint64_t ns);

/* A client of a process. Nothing is learnt of nobody's (tgid 0) and of one whose id was not seen
 * (key 0). */
struct kafka_client {
	uint32_t tgid;
	uint32_t key;
};

/* The key of a client id, never 0. */
uint32_t kafka_client_key(struct slice id);

#define KAFKA_MEMBER_CONSUMES (1u << 0) /* it is a member, not a tool */
#define KAFKA_MEMBER_SIGN     (1u << 1) /* the group is alive */

/* The client spoke for the group. */
bool kafka_world_member(struct kafka_world *w, const struct kafka_client *who, uint32_t group,
			uint32_t flags, uint64_t ns);

/* The client fetches; where it is, or that it does not ask for the partition any more (-1). */
bool kafka_world_fetches(struct kafka_world *w, const struct kafka_client *who, uint64_t ns);
bool kafka_world_position(struct kafka_world *w, const struct kafka_client *who, uint32_t topic,
			  int32_t partition, int64_t offset, uint64_t ns);

/* What the process committed, or was told (`fetched`) to be committed; offset -1: nothing. */
struct kafka_committed {
	uint32_t tgid;
	uint32_t topic;
	int32_t partition;
	uint32_t group;
	int64_t offset;
	uint64_t asked_ns;
	uint64_t ns;
	bool fetched;
};

bool kafka_world_commit(struct kafka_world *w, const struct kafka_committed *c);

/* The same within the producer's transaction, and that transaction's end. */
bool kafka_world_txn_commit(struct kafka_world *w, int64_t producer_id,
			    const struct kafka_committed *c);
bool kafka_world_txn_end(struct kafka_world *w, uint32_t tgid, int64_t producer_id, bool committed,
			 uint64_t ns);

/* What a producer sends again unchanged when it repeats a batch; the checksum only matters when the
 * producer numbers nothing. */
struct kafka_identity {
	uint32_t owner;
	uint32_t topic;
	int32_t partition;
	int32_t sequence;
	int64_t producer_id;
	uint32_t crc;
	int16_t epoch;
};

uint64_t kafka_identity_hash(const struct kafka_identity *id);

/* A batch that was refused, or whose connection was lost: it failed unless it is repeated. False:
 * the bound was reached. */
struct kafka_failure {
	uint64_t identity;
	uint64_t due_ns;
	uint64_t records;
	uint64_t bytes;
	uint32_t owner;
	uint32_t topic;
	int32_t partition;
	int16_t error;
};

bool kafka_world_failed(struct kafka_world *w, const struct kafka_failure *f);

/* The batch was sent again: what becomes of it is said by the answer to that. */
void kafka_world_repeated(struct kafka_world *w, uint64_t identity);

/* Whether the batch was acknowledged before; remembers it. */
bool kafka_world_acked(struct kafka_world *w, uint64_t identity);

#endif
