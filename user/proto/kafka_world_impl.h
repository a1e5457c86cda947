/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the connections share, from the inside: for kafka_world.c and kafka_lag.c only. */
#ifndef REDTAP_PROTO_KAFKA_WORLD_IMPL_H
#define REDTAP_PROTO_KAFKA_WORLD_IMPL_H

#include "base/fifo.h"
#include "proto/kafka_map.h"
#include "proto/kafka_world.h"

struct world_topic;

/* What lags are made of. The last sign of a slot is its `b`, a time; `tag` is the service of the
 * process, 0 as long as nobody asked. Topics are interned names,
 * or numbers as long as an id has none. */
struct world_lag {
	struct kafka_map marks;     /* topic, partition: a high watermark, b seen */
	struct kafka_map commits;   /* topic, partition, group: a offset, mark process */
	struct kafka_map positions; /* topic, partition, client ^ process: a offset, mark process */
	struct kafka_map clients;   /* client, process: a group, mark second of its first fetch */
	struct kafka_map consumers; /* process: it fetches, or is a member of some group */
	struct kafka_map groups;    /* group */
	struct fifo txns;           /* struct world_txn_commit by time; process 0: settled */
};

struct kafka_world {
	struct intern *names;
	struct world_topic *topics;
	uint16_t *buckets; /* slot + 1 */
	uint32_t topic_count, topics_max;
	uint64_t topics_forgotten;
	uint64_t tick;
	struct world_lag lag;
	struct fifo failed; /* struct kafka_failure by due time; identity 0: settled */
	uint64_t *acked;
};

/* The topic of this number has got a name. */
void world_lag_named(struct world_lag *l, uint32_t number, uint32_t name);

/* marks: of each kind at most. No memory is taken yet. */
void world_lag_init(struct world_lag *l, uint32_t marks);
void world_lag_free(struct world_lag *l);

/* The topic of this interned name is another one from now on. */
void world_lag_forget_topic(struct world_lag *l, uint32_t topic);

#endif
