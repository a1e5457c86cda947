/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What registry.c (families, expiry) and series.c (finding, making, memory) share; nobody else. */
#ifndef REDTAP_METRICS_REGISTRY_IMPL_H
#define REDTAP_METRICS_REGISTRY_IMPL_H

#include "metrics/registry.h"

#define POOL_SLAB_SERIES 64

struct series_slab;

/* Series of one size; slabs are given back only with the pool. */
struct series_pool {
	struct series_slab *slabs;
	struct series *free;
	size_t series_bytes;
};

struct registry {
	struct intern *names;
	struct series **slots; /* open addressing, linear probing */
	struct series *nowhere;
	struct series *retired;      /* unlinked, perhaps still read */
	struct series_pool pools[2]; /* 0: one value; 1: histograms */
	uint64_t now_ns;
	uint64_t swept_ns;
	uint64_t expire_ns;
	uint64_t folds;
	uint32_t mask;
	uint32_t series_max;
	uint32_t limited; /* series that are not pinned */
	uint32_t generation;
	uint32_t nfamilies;
	_Atomic uint32_t count;
	_Atomic uint32_t readers;
	bool swept;
	struct family families[REGISTRY_FAMILIES_MAX];
};

void series_pool_free(struct series_pool *p);

/* Takes a series out of the index. */
void index_remove(struct registry *r, struct series *s);

/* Makes the memory of retired series available, unless a reader is inside. */
void series_reclaim(struct registry *r);

#endif
