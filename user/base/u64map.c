// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/u64map.h"

#include <errno.h>
#include <stdlib.h>

#define U64MAP_FIRST 64

static size_t u64map_home(const struct u64map *m, uint64_t key)
{
	return (size_t)((key * 0x9e3779b97f4a7c15ull) >> 20) & (m->cap - 1);
}

void u64map_init(struct u64map *m, size_t max)
{
	*m = (struct u64map){.max = max};
}

void u64map_free(struct u64map *m)
{
	free(m->slots);
	m->slots = NULL;
	m->cap = m->len = 0;
}

/* The key's slot, or the free one where it belongs. The map has memory and is never full. */
static struct u64map_slot *u64map_find(const struct u64map *m, uint64_t key)
{
	size_t i = u64map_home(m, key);

	while (m->slots[i].key && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

static int u64map_grow(struct u64map *m)
{
	struct u64map bigger = *m;

	bigger.cap = m->cap ? m->cap * 2 : U64MAP_FIRST;
	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].key)
			*u64map_find(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

void *u64map_get(const struct u64map *m, uint64_t key)
{
	return m->cap && key ? u64map_find(m, key)->value : NULL;
}

int u64map_put(struct u64map *m, uint64_t key, void *value)
{
	struct u64map_slot *slot;
	int r;

	if (!key)
		return -EINVAL;
	if (m->len * 4 >= m->cap * 3) {
		r = u64map_grow(m);
		if (r)
			return r;
	}
	slot = u64map_find(m, key);
	if (!slot->key) {
		if (m->len >= m->max)
			return -ENOSPC;
		slot->key = key;
		m->len++;
	}
	slot->value = value;
	return 0;
}

void *u64map_del(struct u64map *m, uint64_t key)
{
	size_t mask = m->cap - 1, hole, i;
	void *value;

	if (!m->cap || !key)
		return NULL;
	hole = (size_t)(u64map_find(m, key) - m->slots);
	if (!m->slots[hole].key)
		return NULL;
	value = m->slots[hole].value;
	m->len--;
	for (i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
		size_t home = u64map_home(m, m->slots[i].key);

		/* Only what may sit at the hole moves there: its home is not behind the hole. */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct u64map_slot){0};
	return value;
}
