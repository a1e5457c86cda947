/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one set of latency bounds that all histograms share (metrics.md), in nanoseconds. */
#ifndef REDTAP_BASE_HIST_H
#define REDTAP_BASE_HIST_H

#include <stdint.h>

#define HIST_BOUNDS  16
#define HIST_BUCKETS (HIST_BOUNDS + 1) /* the last is +Inf */

/* Upper bounds, inclusive, rising; neighbours are at least a factor of 2 apart. */
extern const uint64_t hist_bound_ns[HIST_BOUNDS];

/* By the number of significant bits of a value: the first bucket it can fall into. */
extern const uint8_t hist_first[65];

/* The bucket of a value: the first whose bound is not below it. */
static inline unsigned int hist_index(uint64_t ns)
{
	unsigned int i = hist_first[ns ? 64 - __builtin_clzll(ns) : 0];

	return i + (i < HIST_BOUNDS && ns > hist_bound_ns[i]);
}

#endif
