// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "base/utf8.h"
#include "limits.h"
#include "metrics/registry_impl.h"

struct series_slab {
	struct series_slab *next;
	uint64_t mem[];
};

/* ---- memory ---- */

void series_pool_free(struct series_pool *p)
{
	struct series_slab *slab = p->slabs, *next;

	for (; slab; slab = next) {
		next = slab->next;
		free(slab);
	}
	*p = (struct series_pool){0};
}

static struct series *series_alloc(struct series_pool *p, size_t values)
{
	struct series *s = p->free;

	if (!s) {
		struct series_slab *slab;

		p->series_bytes = sizeof(struct series) + values * sizeof(uint64_t);
		slab = malloc(sizeof(*slab) + POOL_SLAB_SERIES * p->series_bytes);
		if (!slab)
			return NULL;
		slab->next = p->slabs;
		p->slabs = slab;
		for (size_t i = POOL_SLAB_SERIES; i-- > 0;) {
			s = (struct series *)((char *)slab->mem + i * p->series_bytes);
			s->free_next = p->free;
			p->free = s;
		}
	}
	p->free = s->free_next;
	memset(s, 0, p->series_bytes);
	return s;
}

void series_reclaim(struct registry *r)
{
	struct series *s, *next;

	if (atomic_load(&r->readers))
		return;
	for (s = r->retired; s; s = next) {
		bool hist = r->families[s->family].desc->type == METRIC_HISTOGRAM;

		next = s->free_next;
		s->free_next = r->pools[hist].free;
		r->pools[hist].free = s;
	}
	r->retired = NULL;
}

/* ---- index ---- */

static uint32_t ids_hash(const struct family *f, const uint32_t *ids)
{
	uint64_t h = f->index + 1;

	for (uint32_t i = 0; i < f->labels; i++) {
		h = (h ^ ids[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

/* Loops, not memcmp() and memcpy(): a family without labels may come with no array. */
static bool ids_equal(const uint32_t *a, const uint32_t *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static void ids_copy(uint32_t *to, const uint32_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = from[i];
}

static struct series *index_find(const struct registry *r, const struct family *f, uint32_t hash,
				 const uint32_t *ids)
{
	for (uint32_t i = hash & r->mask; r->slots[i]; i = (i + 1) & r->mask) {
		struct series *s = r->slots[i];

		if (s->hash == hash && s->family == f->index && ids_equal(s->ids, ids, f->labels))
			return s;
	}
	return NULL;
}

static void index_insert(struct registry *r, struct series *s)
{
	uint32_t i = s->hash & r->mask;

	while (r->slots[i])
		i = (i + 1) & r->mask;
	r->slots[i] = s;
}

/* Deletion without tombstones: what follows is moved up as far as its own hash allows. */
void index_remove(struct registry *r, struct series *s)
{
	uint32_t hole = s->hash & r->mask, i;

	while (r->slots[hole] != s)
		hole = (hole + 1) & r->mask;
	for (i = (hole + 1) & r->mask; r->slots[i]; i = (i + 1) & r->mask) {
		uint32_t home = r->slots[i]->hash & r->mask;

		if (((i - home) & r->mask) >= ((i - hole) & r->mask)) {
			r->slots[hole] = r->slots[i];
			hole = i;
		}
	}
	r->slots[hole] = NULL;
}

/* ---- making ---- */

static struct series *series_create(struct registry *r, struct family *f, uint32_t hash,
				    const uint32_t *ids, uint16_t flags, uint64_t value)
{
	bool hist = f->desc->type == METRIC_HISTOGRAM;
	struct series *s;

	/* One slot must stay free, or a search for what is not there would not end. */
	if (r->count >= r->mask)
		return NULL;
	if (!r->pools[hist].free && r->retired)
		series_reclaim(r);
	s = series_alloc(&r->pools[hist], hist ? 1 + HIST_BUCKETS : 1);
	if (!s)
		return NULL;
	s->hash = hash;
	s->family = f->index;
	s->flags = flags;
	s->touched_ns = r->now_ns;
	atomic_store_explicit(&s->value[0], value, memory_order_relaxed);
	ids_copy(s->ids, ids, f->labels);
	index_insert(r, s);
	atomic_store_explicit(f->last ? &f->last->next : &f->first, s, memory_order_release);
	f->last = s;
	if (!(f->desc->flags & FAMILY_PINNED))
		r->limited++;
	atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);
	return s;
}

/* Replaces label values that are not printable UTF-8 by clean ones; true when there was one. */
static bool ids_clean(struct registry *r, const struct family *f, uint32_t *ids)
{
	char text[RT_LABEL_BYTES];
	bool changed = false;

	for (uint32_t i = 0; i < f->labels; i++) {
		struct slice s = intern_get(r->names, ids[i]);

		if (utf8_printable(s))
			continue;
		ids[i] = intern_put(r->names, slice_make(text, utf8_clean(s, text, sizeof(text))));
		changed = true;
	}
	return changed;
}

static struct series *find_or_create(struct registry *r, struct family *f, const uint32_t *ids,
				     uint32_t limit)
{
	uint32_t hash = ids_hash(f, ids);
	struct series *s = index_find(r, f, hash, ids);

	if (s)
		return s;
	if (r->limited >= limit && !(f->desc->flags & FAMILY_PINNED))
		return NULL;
	return series_create(r, f, hash, ids, 0, 0);
}

/* Everything but the hit: new series, clean labels, and folding at the limit. */
static __attribute__((noinline)) struct series *series_miss(struct registry *r, struct family *f,
							    const uint32_t *wanted)
{
	uint32_t ids[REGISTRY_LABELS_MAX] = {0};
	struct series *s;

	ids_copy(ids, wanted, f->labels);
	ids_clean(r, f, ids);
	s = find_or_create(r, f, ids, r->series_max);
	if (s)
		return s;
	r->folds++;
	for (uint32_t i = 0; i < f->labels; i++)
		if (!(f->desc->fixed & 1u << i))
			ids[i] = INTERN_OTHER;
	s = find_or_create(r, f, ids, r->series_max + RT_SERIES_RESERVE);
	if (s)
		return s;
	for (uint32_t i = 0; i < f->labels; i++)
		ids[i] = INTERN_OTHER;
	s = find_or_create(r, f, ids, UINT32_MAX);
	return s ? s : r->nowhere;
}

struct series *registry_series(struct registry *r, struct family *f, const uint32_t *ids)
{
	struct series *s = index_find(r, f, ids_hash(f, ids), ids);

	return s ? s : series_miss(r, f, ids);
}

void registry_gauge_fn(struct registry *r, struct family *f, const uint32_t *ids,
		       const struct gauge_fn *fn)
{
	uint32_t hash = ids_hash(f, ids);

	if (!index_find(r, f, hash, ids))
		series_create(r, f, hash, ids, SERIES_FN, (uintptr_t)fn);
}
