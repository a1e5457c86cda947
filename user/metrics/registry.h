/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metric families and their series. Label values are interned numbers; a series is found by
 * (family, label values) and may then be kept as a pointer for as long as registry_generation()
 * stays the same.
 *
 * Threads. One writer (the intake) does everything that is not marked "reader". Readers (a scrape)
 * run beside it at any time: values are relaxed 64-bit atomics, a new series is published whole at
 * the end of its family's list, and the memory of one that left is not used again before every
 * reader that could still stand on it has called registry_read_end().
 *
 * Bounds. Series (a histogram is one) are limited to `series_max`. Past that a new label set is
 * folded: its free-form labels become `other`, the others are kept. Folded series come out of a
 * reserve of RT_SERIES_RESERVE; past that all labels become `other`. Every update that was folded
 * is counted. A series that was not touched for `expire_ns` leaves.
 */
#ifndef REDTAP_METRICS_REGISTRY_H
#define REDTAP_METRICS_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hist.h"
#include "base/intern.h"

#define REGISTRY_LABELS_MAX   6
#define REGISTRY_FAMILIES_MAX 96
#define REGISTRY_NAME_BYTES   64         /* of a family's or a label's name */
#define REGISTRY_SERIES_MOST  (1u << 24) /* a larger series_max is cut to it */
#define RT_SERIES_RESERVE     1024       /* label sets whose free-form labels were folded */

enum metric_type {
	METRIC_COUNTER,   /* whole numbers */
	METRIC_GAUGE,     /* doubles */
	METRIC_HISTOGRAM, /* nanoseconds, exposed in seconds, bounds of base/hist.h */
};

/* family_desc.flags */
#define FAMILY_PINNED       (1u << 0) /* few by nature: never expires, never folded */
#define FAMILY_KEEP_NONZERO (1u << 1) /* a gauge that expires only while it is 0 */
#define FAMILY_SECONDS      (1u << 2) /* a counter of nanoseconds, exposed in seconds */

/* What a family is; static memory of the caller. */
struct family_desc {
	const char *name; /* as in text 0.0.4: a counter's ends in _total */
	const char *help;
	const char *labels[REGISTRY_LABELS_MAX]; /* in the order of exposition; NULL ends them */
	enum metric_type type;
	uint32_t flags; /* FAMILY_* */
	uint32_t fixed; /* bit i: label i has few values and survives folding */
};

/* A gauge that is asked for its value at the scrape, on the reader's thread. */
struct gauge_fn {
	double (*read)(void *arg);
	void *arg;
};

struct series {
	struct series *_Atomic next; /* in the family, oldest first */
	struct series *free_next;
	uint64_t touched_ns;
	uint32_t hash;
	uint16_t family;
	uint16_t flags;
	uint32_t ids[REGISTRY_LABELS_MAX];
	_Atomic uint64_t value[]; /* counter: 1; gauge: 1, bits of a double, or a struct gauge_fn *;
				   * histogram: the sum, then HIST_BUCKETS counts */
};

#define SERIES_FN (1u << 0) /* series.flags: value[0] is a struct gauge_fn * */

struct family {
	struct series *_Atomic first;
	struct series *last; /* writer only */
	const struct family_desc *desc;
	uint32_t labels;
	uint16_t index;
};

struct registry_config {
	struct intern *names; /* outlives the registry; written by the registry's writer */
	uint32_t series_max;  /* 0: RT_SERIES_MAX */
	uint64_t expire_ns;   /* 0: REGISTRY_EXPIRE_NS */
};

#define REGISTRY_EXPIRE_NS (600ull * 1000000000ull)

struct registry;

/* NULL: no memory. registry_free(): no reader may be inside. */
struct registry *registry_new(const struct registry_config *config);
void registry_free(struct registry *r);

/* Adds a family before the first reader comes. NULL: the description breaks a rule of the formats,
 * the name is taken, or there are REGISTRY_FAMILIES_MAX. */
struct family *registry_family(struct registry *r, const struct family_desc *desc);

/* The series with these label values (as many as the family has), new with value 0 if need be. A
 * value that is not printable UTF-8 is replaced by its clean form. Never NULL: when memory is short
 * it is a series that nobody reads, counted as folded. */
struct series *registry_series(struct registry *r, struct family *f, const uint32_t *ids);

/* Removes the series with these label values, if there is one. */
void registry_remove(struct registry *r, struct family *f, const uint32_t *ids);

/* A gauge read by `fn` at every scrape; `fn` outlives the registry. The family is pinned. */
void registry_gauge_fn(struct registry *r, struct family *f, const uint32_t *ids,
		       const struct gauge_fn *fn);

/* Sets the clock that series are touched with (monotonic), and from time to time removes what
 * expired. Call it about once a second, at the least. */
void registry_tick(struct registry *r, uint64_t now_ns);

/* Changes whenever a series left: pointers to series from before are void. */
uint32_t registry_generation(const struct registry *r);

/* registry_series() calls so far that were folded. */
uint64_t registry_folds(const struct registry *r);

/* Series now held. Any thread. */
uint32_t registry_count(const struct registry *r);

/* After how long a series leaves, from now on; 0: REGISTRY_EXPIRE_NS. */
void registry_expire_after(struct registry *r, uint64_t expire_ns);
uint64_t registry_expire_ns(const struct registry *r);

/* The clock of registry_tick(). */
uint64_t registry_now_ns(const struct registry *r);

/* Reader: no memory of a series seen in between is used again. Short: new series wait for it. */
void registry_read_begin(struct registry *r);
void registry_read_end(struct registry *r);
/* Reader: the families, in the order they were added; NULL past the last. */
const struct family *registry_family_at(const struct registry *r, uint32_t i);
const struct intern *registry_names(const struct registry *r);

/* ---- updates: writer only, so a load and a store do, without a locked instruction ---- */

static inline void series_bump(_Atomic uint64_t *v, uint64_t n)
{
	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void series_add(struct registry *r, struct series *s, uint64_t n)
{
	s->touched_ns = registry_now_ns(r);
	series_bump(&s->value[0], n);
}

/* A counter that somebody else counts. */
static inline void series_set_total(struct registry *r, struct series *s, uint64_t total)
{
	s->touched_ns = registry_now_ns(r);
	atomic_store_explicit(&s->value[0], total, memory_order_relaxed);
}

static inline double series_gauge(const struct series *s)
{
	uint64_t bits = atomic_load_explicit(&s->value[0], memory_order_relaxed);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline void series_set(struct registry *r, struct series *s, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	series_set_total(r, s, bits);
}

static inline void series_observe(struct registry *r, struct series *s, uint64_t ns)
{
	series_add(r, s, ns);
	series_bump(&s->value[1 + hist_index(ns)], 1);
}

#endif
