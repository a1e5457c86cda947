/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The overhead budget: from what redtap has cost in a window of time follows how much it may look
 * at in the next. One step down when it was too dear, one up when it would fit again for a while.
 * Pure: no clock of its own. One thread.
 *
 * Steps: everything; small captures (of a call no more than one piece); then connections are
 * sampled, each step half as many as the one before. What is not looked at is not counted, and the
 * ratio is a metric, so that rates can be corrected; what is counted stays right.
 */
#ifndef REDTAP_BUDGET_H
#define REDTAP_BUDGET_H

#include <stdint.h>

#include "event.h"

#define BUDGET_WINDOW_NS 5000000000ull /* over which the cost is measured */
#define BUDGET_QUIET     3             /* windows in a row that must be cheap before a step up */
#define BUDGET_STEPS     8             /* 0: everything, 1: small captures, 2..7: sampling */

struct budget {
	double bound;      /* CPU seconds per second of the whole host; 0: none */
	uint64_t begin_ns; /* of the window */
	uint64_t begin_used_ns;
	double used; /* CPUs in use, in the last whole window */
	uint32_t step;
	uint32_t quiet;
	uint64_t steps_down, steps_up; /* since the start */
};

/* percent: of all `cpus` together; 0: no bound. Also sets a new bound. */
void budget_set(struct budget *b, double percent, uint32_t cpus);

/*
 * `used_ns`: CPU time spent since the start, redtap's own and its programs' in the kernel;
 * `now_ns`: CLOCK_MONOTONIC. Returns how the step changed: -1 down to less cost, 1 up to more, 0.
 */
int budget_tick(struct budget *b, uint64_t now_ns, uint64_t used_ns);

/* Whether a call's capture is to be kept small. */
static inline int budget_small(const struct budget *b)
{
	return b->step > 0;
}

/* How many of RT_SAMPLE_ALL connections are looked at. */
static inline uint32_t budget_sample(const struct budget *b)
{
	return b->step < 2 ? RT_SAMPLE_ALL : RT_SAMPLE_ALL >> (b->step - 1);
}

#endif
