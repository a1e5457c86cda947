// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/clock.h"

#include <time.h>

#define CLOCK_TRIES 5

static uint64_t clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * CLOCK_NS_PER_SECOND + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

uint64_t clock_boot_ns(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

uint64_t clock_process_ns(void)
{
	return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t clock_wall_ns(void)
{
	return clock_read(CLOCK_REALTIME);
}

/* The reading between the two closest monotonic ones wins: a preempted try is the wide one. */
static int64_t clock_offset(clockid_t id)
{
	uint64_t best = UINT64_MAX;
	int64_t offset = 0;

	for (int i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = clock_read(CLOCK_MONOTONIC);
		uint64_t there = clock_read(id);
		uint64_t after = clock_read(CLOCK_MONOTONIC);

		if (after - before < best) {
			best = after - before;
			offset = (int64_t)(there - (before + (after - before) / 2));
		}
	}
	return offset;
}

int64_t clock_wall_offset_ns(void)
{
	return clock_offset(CLOCK_REALTIME);
}

int64_t clock_boot_offset_ns(void)
{
	return clock_offset(CLOCK_BOOTTIME);
}
