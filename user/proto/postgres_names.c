// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_names.h"

#include <stdlib.h>
#include <string.h>

#define PG_NAMES_FIRST 8

uint64_t pg_name_hash(struct slice name)
{
	uint64_t h = slice_hash(SLICE_HASH, name);

	return h ? h : 1;
}

void pg_names_init(struct pg_names *t, uint32_t max)
{
	*t = (struct pg_names){.max = max};
}

void pg_names_free(struct pg_names *t)
{
	free(t->slots);
	t->slots = NULL;
	t->cap = t->len = 0;
}

void pg_names_clear(struct pg_names *t)
{
	if (t->cap > PG_NAMES_FIRST) {
		pg_names_free(t);
		return;
	}
	if (t->len)
		memset(t->slots, 0, t->cap * sizeof(*t->slots));
	t->len = 0;
}

static uint32_t pg_names_home(const struct pg_names *t, uint64_t key)
{
	return (uint32_t)(key ^ key >> 32) & (t->cap - 1);
}

/* The place of the key, or the free one where it would go. */
static struct pg_name *pg_names_slot(const struct pg_names *t, uint64_t key)
{
	uint32_t i = pg_names_home(t, key);

	while (t->slots[i].key && t->slots[i].key != key)
		i = (i + 1) & (t->cap - 1);
	return &t->slots[i];
}

struct pg_name *pg_names_get(const struct pg_names *t, uint64_t key)
{
	struct pg_name *e;

	if (!t->len || key == PG_NAME_NONE)
		return NULL;
	e = pg_names_slot(t, key);
	return e->key ? e : NULL;
}

static int pg_names_grow(struct pg_names *t)
{
	struct pg_names old = *t;
	uint32_t cap = old.cap ? old.cap * 2 : PG_NAMES_FIRST;
	struct pg_name *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return -1;
	t->slots = slots;
	t->cap = cap;
	for (uint32_t i = 0; i < old.cap; i++)
		if (old.slots[i].key)
			*pg_names_slot(t, old.slots[i].key) = old.slots[i];
	free(old.slots);
	return 0;
}

struct pg_name *pg_names_put(struct pg_names *t, uint64_t key)
{
	struct pg_name *e = pg_names_get(t, key);

	if (!e) {
		if (key == PG_NAME_NONE || t->len >= t->max)
			return NULL;
		if (t->len * 4 >= t->cap * 3 && pg_names_grow(t))
			return NULL;
		e = pg_names_slot(t, key);
		t->len++;
	}
	*e = (struct pg_name){.key = key};
	return e;
}

void pg_names_drop(struct pg_names *t, uint64_t key)
{
	struct pg_name *e = pg_names_get(t, key);
	uint32_t hole, i;

	if (!e)
		return;
	/* close the hole: what was pushed past it moves back, so that no search ends early */
	hole = i = (uint32_t)(e - t->slots);
	for (;;) {
		uint32_t home;

		i = (i + 1) & (t->cap - 1);
		if (!t->slots[i].key)
			break;
		home = pg_names_home(t, t->slots[i].key);
		if (((i - home) & (t->cap - 1)) >= ((i - hole) & (t->cap - 1))) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole].key = PG_NAME_NONE;
	t->len--;
}
