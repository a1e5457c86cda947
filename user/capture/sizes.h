/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the memory of the event queues is dealt out. Pure. */
#ifndef REDTAP_SIZES_H
#define REDTAP_SIZES_H

#include <stddef.h>
#include <stdint.h>

/* In bytes. */
struct capture_sizes {
	uint32_t ring;  /* which all CPUs share: a power of two of whole pages */
	uint32_t queue; /* of the data of one CPU's, a multiple of RT_QUEUE_LINE */
	uint32_t step;  /* of the whole of it: from one CPU's to the next one's */
};

/*
 * `total`: what was asked for, 0: RT_RING_TOTAL_BYTES. Who asks for less than that gets less, down
 * to where the largest write still fits; else each queue has RT_QUEUE_MIN_BYTES at least, however
 * many CPUs there are. `step_max`: the largest value a map may have.
 */
struct capture_sizes capture_sizes(size_t total, int cpus, uint32_t page, uint32_t step_max);

#endif
