// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/intern.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "limits.h"

struct intern_entry {
	uint64_t hash;
	uint32_t len;
	uint32_t next; /* in the bucket; 0 ends it */
	char *text;
};

/*
 * Entries sit in one array of its final size (touched page by page as it fills), so a reader never
 * sees it move; `count` is published after the entry is whole.
 */
struct intern {
	struct intern_entry *entries;
	uint32_t *buckets;
	uint32_t mask;
	uint32_t max;
	_Atomic uint32_t count;
	_Atomic uint64_t overflows;
};

static uint64_t intern_hash(struct slice s)
{
	uint64_t h = slice_hash(SLICE_HASH, s);

	return h ^ h >> 32;
}

struct intern *intern_new(uint32_t max)
{
	struct intern *t = calloc(1, sizeof(*t));
	uint32_t buckets = 8;

	if (!t)
		return NULL;
	while (buckets < max)
		buckets *= 2;
	t->max = max;
	t->mask = buckets - 1;
	t->entries = calloc(max, sizeof(*t->entries));
	t->buckets = calloc(buckets, sizeof(*t->buckets));
	if (!t->entries || !t->buckets) {
		intern_free(t);
		return NULL;
	}
	t->count = 1; /* number 0 is the empty string and stands in no bucket */
	intern_put(t, SLICE("other"));
	intern_put(t, SLICE("unknown"));
	return t;
}

void intern_free(struct intern *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->entries && i < t->count; i++)
		free(t->entries[i].text);
	free(t->entries);
	free(t->buckets);
	free(t);
}

uint32_t intern_put(struct intern *t, struct slice s)
{
	uint64_t hash = intern_hash(s);
	uint32_t *bucket = &t->buckets[hash & t->mask];
	uint32_t id = t->count;
	struct intern_entry *e;

	if (s.n == 0)
		return INTERN_EMPTY;
	for (uint32_t i = *bucket; i; i = t->entries[i].next)
		if (t->entries[i].hash == hash && t->entries[i].len == s.n &&
		    memcmp(t->entries[i].text, s.p, s.n) == 0)
			return i;
	if (id >= t->max || s.n > RT_LABEL_BYTES)
		goto other;
	e = &t->entries[id];
	e->text = malloc(s.n + 1);
	if (!e->text)
		goto other;
	memcpy(e->text, s.p, s.n);
	e->text[s.n] = '\0';
	e->hash = hash;
	e->len = (uint32_t)s.n;
	e->next = *bucket;
	*bucket = id;
	atomic_store_explicit(&t->count, id + 1, memory_order_release);
	return id;
other:
	atomic_fetch_add_explicit(&t->overflows, 1, memory_order_relaxed);
	return INTERN_OTHER;
}

struct slice intern_get(const struct intern *t, uint32_t id)
{
	if (id == 0 || id >= atomic_load_explicit(&t->count, memory_order_acquire))
		return SLICE("");
	return slice_make(t->entries[id].text, t->entries[id].len);
}

uint64_t intern_overflows(const struct intern *t)
{
	return atomic_load_explicit(&t->overflows, memory_order_relaxed);
}

uint32_t intern_count(const struct intern *t)
{
	return t->count;
}
