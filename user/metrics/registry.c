// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics/registry.h"

#include <stdlib.h>

#include "limits.h"
#include "metrics/registry_impl.h"

struct registry *registry_new(const struct registry_config *config)
{
	struct registry *r = calloc(1, sizeof(*r));
	uint32_t slots = 16;

	if (!r)
		return NULL;
	r->names = config->names;
	r->series_max = config->series_max ? config->series_max : RT_SERIES_MAX;
	if (r->series_max > REGISTRY_SERIES_MOST)
		r->series_max = REGISTRY_SERIES_MOST;
	registry_expire_after(r, config->expire_ns);
	/* What is pinned or folded goes past the maximum; a quarter keeps some slots free always.
	 */
	while (slots < r->series_max + r->series_max / 4 + 2 * RT_SERIES_RESERVE)
		slots *= 2;
	r->mask = slots - 1;
	r->slots = calloc(slots, sizeof(struct series *));
	r->nowhere = calloc(1, sizeof(struct series) + (1 + HIST_BUCKETS) * sizeof(uint64_t));
	if (!r->slots || !r->nowhere) {
		registry_free(r);
		return NULL;
	}
	return r;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	series_pool_free(&r->pools[0]);
	series_pool_free(&r->pools[1]);
	free(r->slots);
	free(r->nowhere);
	free(r);
}

static bool name_valid(const char *s, bool colon)
{
	if (!s || !*s || strlen(s) > REGISTRY_NAME_BYTES || (*s >= '0' && *s <= '9'))
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' ||
		      (*s >= '0' && *s <= '9') || (colon && *s == ':')))
			return false;
	return true;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static bool desc_valid(const struct family_desc *d)
{
	if (!name_valid(d->name, true) || !d->help || !*d->help)
		return false;
	if (ends_with(d->name, "_total") != (d->type == METRIC_COUNTER))
		return false;
	for (int i = 0; i < REGISTRY_LABELS_MAX && d->labels[i]; i++) {
		if (!name_valid(d->labels[i], false) || strcmp(d->labels[i], "le") == 0)
			return false;
		for (int k = 0; k < i; k++)
			if (strcmp(d->labels[i], d->labels[k]) == 0)
				return false;
	}
	return true;
}

struct family *registry_family(struct registry *r, const struct family_desc *desc)
{
	struct family *f = &r->families[r->nfamilies];

	if (r->nfamilies == REGISTRY_FAMILIES_MAX || !desc_valid(desc))
		return NULL;
	for (uint32_t i = 0; i < r->nfamilies; i++)
		if (strcmp(r->families[i].desc->name, desc->name) == 0)
			return NULL;
	f->desc = desc;
	f->index = (uint16_t)r->nfamilies++;
	while (f->labels < REGISTRY_LABELS_MAX && desc->labels[f->labels])
		f->labels++;
	return f;
}

/* ---- expiry ---- */

static bool series_expired(const struct registry *r, const struct family *f, struct series *s)
{
	/* made before the first tick said what time it is */
	if (!s->touched_ns)
		s->touched_ns = r->now_ns;
	if (r->now_ns - s->touched_ns < r->expire_ns)
		return false;
	return !(f->desc->flags & FAMILY_KEEP_NONZERO) || series_gauge(s) == 0;
}

/* Removes a series from the list; `prev` is the one before it, or NULL. */
static void series_unlink(struct registry *r, struct family *f, struct series *prev,
			  struct series *s)
{
	struct series *next = atomic_load_explicit(&s->next, memory_order_relaxed);

	/* seq_cst, as the load of `readers` in series_reclaim(): a reader that is not counted there
	 * began after this store and cannot find the series. */
	atomic_store(prev ? &prev->next : &f->first, next);
	if (f->last == s)
		f->last = prev;
	index_remove(r, s);
	s->free_next = r->retired;
	r->retired = s;
	if (!(f->desc->flags & FAMILY_PINNED))
		r->limited--;
	atomic_fetch_sub_explicit(&r->count, 1, memory_order_relaxed);
}

static void family_sweep(struct registry *r, struct family *f)
{
	struct series *prev = NULL, *s, *next;

	if (f->desc->flags & FAMILY_PINNED)
		return;
	for (s = atomic_load_explicit(&f->first, memory_order_relaxed); s; s = next) {
		next = atomic_load_explicit(&s->next, memory_order_relaxed);
		if (series_expired(r, f, s)) {
			series_unlink(r, f, prev, s);
			r->swept = true;
		} else {
			prev = s;
		}
	}
}

void registry_remove(struct registry *r, struct family *f, const uint32_t *ids)
{
	struct series *prev = NULL;
	struct series *s = atomic_load_explicit(&f->first, memory_order_relaxed);

	while (s && memcmp(s->ids, ids, f->labels * sizeof(*ids)) != 0) {
		prev = s;
		s = atomic_load_explicit(&s->next, memory_order_relaxed);
	}
	if (!s)
		return;
	series_unlink(r, f, prev, s);
	r->generation++;
}

void registry_tick(struct registry *r, uint64_t now_ns)
{
	if (now_ns > r->now_ns)
		r->now_ns = now_ns;
	if (r->retired)
		series_reclaim(r);
	if (r->now_ns - r->swept_ns < r->expire_ns / 8)
		return;
	r->swept_ns = r->now_ns;
	r->swept = false;
	for (uint32_t i = 0; i < r->nfamilies; i++)
		family_sweep(r, &r->families[i]);
	if (r->swept)
		r->generation++;
}

uint32_t registry_generation(const struct registry *r)
{
	return r->generation;
}

uint64_t registry_folds(const struct registry *r)
{
	return r->folds;
}

uint32_t registry_count(const struct registry *r)
{
	return atomic_load_explicit(&r->count, memory_order_relaxed);
}

void registry_expire_after(struct registry *r, uint64_t expire_ns)
{
	r->expire_ns = expire_ns ? expire_ns : REGISTRY_EXPIRE_NS;
}

uint64_t registry_expire_ns(const struct registry *r)
{
	return r->expire_ns;
}

uint64_t registry_now_ns(const struct registry *r)
{
	return r->now_ns;
}

/* ---- reader ---- */

void registry_read_begin(struct registry *r)
{
	atomic_fetch_add(&r->readers, 1);
}

void registry_read_end(struct registry *r)
{
	atomic_fetch_sub(&r->readers, 1);
}

const struct family *registry_family_at(const struct registry *r, uint32_t i)
{
	return i < r->nfamilies ? &r->families[i] : NULL;
}

const struct intern *registry_names(const struct registry *r)
{
	return r->names;
}
