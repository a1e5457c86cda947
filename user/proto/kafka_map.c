// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/kafka_map.h"

#include <stdlib.h>

#define MAP_FIRST 16

/* Linear probing; at most three quarters are taken, and nothing marks a removed slot: those behind
 * it move up instead. */
static uint32_t map_home(const struct kafka_map *m, uint32_t topic, uint32_t partition,
			 uint32_t extra)
{
	uint64_t h = ((uint64_t)topic << 32 | partition) * 0x9e3779b97f4a7c15ull;

	h ^= h >> 29;
	h = (h ^ extra) * 0xbf58476d1ce4e5b9ull;
	return (uint32_t)(h >> 32) & (m->cap - 1);
}

static uint32_t map_home_of(const struct kafka_map *m, const struct kafka_slot *s)
{
	return map_home(m, s->topic, s->partition, s->extra);
}

void kafka_map_free(struct kafka_map *m)
{
	free(m->slots);
	kafka_map_init(m, m->max);
}

/* The slot of the key, or the free one where it belongs. */
static struct kafka_slot *map_probe(const struct kafka_map *m, uint32_t topic, uint32_t partition,
				    uint32_t extra)
{
	uint32_t i = map_home(m, topic, partition, extra);
	struct kafka_slot *s;

	for (;; i = (i + 1) & (m->cap - 1)) {
		s = &m->slots[i];
		if (!s->topic ||
		    (s->topic == topic && s->partition == partition && s->extra == extra))
			return s;
	}
}

struct kafka_slot *kafka_map_find(const struct kafka_map *m, uint32_t topic, uint32_t partition,
				  uint32_t extra)
{
	struct kafka_slot *s;

	if (!m->len || !topic)
		return NULL;
	s = map_probe(m, topic, partition, extra);
	return s->topic ? s : NULL;
}

static int map_grow(struct kafka_map *m)
{
	struct kafka_map bigger = *m;

	bigger.cap = m->cap ? m->cap * 2 : MAP_FIRST;
	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -1;
	for (uint32_t i = 0; i < m->cap; i++) {
		const struct kafka_slot *s = &m->slots[i];

		if (s->topic)
			*map_probe(&bigger, s->topic, s->partition, s->extra) = *s;
	}
	free(m->slots);
	*m = bigger;
	return 0;
}

struct kafka_slot *kafka_map_put(struct kafka_map *m, uint32_t topic, uint32_t partition,
				 uint32_t extra)
{
	struct kafka_slot *s = kafka_map_find(m, topic, partition, extra);

	if (s)
		return s;
	if (!topic || m->len >= m->max)
		return NULL;
	if ((m->len + 1) * 4 > m->cap * 3 && map_grow(m))
		return NULL;
	s = map_probe(m, topic, partition, extra);
	*s = (struct kafka_slot){.topic = topic, .partition = partition, .extra = extra};
	m->len++;
	return s;
}

void kafka_map_del(struct kafka_map *m, struct kafka_slot *slot)
{
	uint32_t hole = (uint32_t)(slot - m->slots), i = hole;
	uint32_t mask = m->cap - 1;

	for (;;) {
		i = (i + 1) & mask;
		if (!m->slots[i].topic)
			break;
		/* May move up when its home is not between the hole and itself. */
		if (((i - map_home_of(m, &m->slots[i])) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].topic = 0;
	m->len--;
}

void kafka_map_sweep(struct kafka_map *m, int (*gone)(const struct kafka_slot *slot, uint64_t arg),
		     uint64_t arg)
{
	/* What moves up into a place was behind it, or at the beginning and looked at already. */
	for (uint32_t i = 0; i < m->cap; i++)
		while (m->slots[i].topic && gone(&m->slots[i], arg))
			kafka_map_del(m, &m->slots[i]);
	if (!m->len)
		kafka_map_free(m);
}
