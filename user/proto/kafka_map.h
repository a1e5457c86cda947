/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded hash map from a topic and two more numbers to two offsets, for fetch sessions and for
 * the marks of partitions. Memory is taken on use and doubled up to the bound. One thread.
 */
#ifndef REDTAP_PROTO_KAFKA_MAP_H
#define REDTAP_PROTO_KAFKA_MAP_H

#include <stdint.h>

struct kafka_slot {
	uint32_t topic; /* never 0 in a slot that is taken */
	uint32_t partition;
	uint32_t extra;
	uint32_t mark; /* from here on the owner's */
	uint32_t tag;
	uint32_t flags;
	int64_t a;
	int64_t b;
};

struct kafka_map {
	struct kafka_slot *slots;
	uint32_t cap; /* a power of two or 0 */
	uint32_t len;
	uint32_t max;
};

static inline void kafka_map_init(struct kafka_map *m, uint32_t max)
{
	*m = (struct kafka_map){.max = max};
}

/* Frees the memory and empties the map; it can be used again. */
void kafka_map_free(struct kafka_map *m);

struct kafka_slot *kafka_map_find(const struct kafka_map *m, uint32_t topic, uint32_t partition,
				  uint32_t extra);

/* Finds or adds; a new slot is 0 but for its key. NULL: the bound is reached, topic is 0, or no
 * memory. Other slots' addresses are void after it. */
struct kafka_slot *kafka_map_put(struct kafka_map *m, uint32_t topic, uint32_t partition,
				 uint32_t extra);

/* Removes what kafka_map_find() returned; other slots may move. */
void kafka_map_del(struct kafka_map *m, struct kafka_slot *slot);

/* Removes every slot for which gone() is true, which must depend on the slot alone. */
void kafka_map_sweep(struct kafka_map *m, int (*gone)(const struct kafka_slot *slot, uint64_t arg),
		     uint64_t arg);

#endif
