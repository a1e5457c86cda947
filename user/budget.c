// SPDX-License-Identifier: GPL-2.0-or-later
#include "budget.h"

/* The next step up costs at most twice as much; a little room, so that it does not fall back. */
#define BUDGET_ROOM 0.4

void budget_set(struct budget *b, double percent, uint32_t cpus)
{
	b->bound = percent / 100 * cpus;
}

static int step_to(struct budget *b, uint32_t step)
{
	int up = step < b->step;

	b->step = step;
	b->quiet = 0;
	if (up)
		b->steps_up++;
	else
		b->steps_down++;
	return up ? 1 : -1;
}

int budget_tick(struct budget *b, uint64_t now_ns, uint64_t used_ns)
{
	uint64_t took_ns = now_ns - b->begin_ns;

	if (!b->begin_ns) {
		b->begin_ns = now_ns;
		b->begin_used_ns = used_ns;
		return 0;
	}
	if (took_ns < BUDGET_WINDOW_NS)
		return 0;
	b->used = (double)(used_ns - b->begin_used_ns) / (double)took_ns;
	b->begin_ns = now_ns;
	b->begin_used_ns = used_ns;
	if (b->bound > 0 && b->used > b->bound) {
		b->quiet = 0;
		return b->step + 1 < BUDGET_STEPS ? step_to(b, b->step + 1) : 0;
	}
	if (!b->step || (b->bound > 0 && b->used > b->bound * BUDGET_ROOM)) {
		b->quiet = 0;
		return 0;
	}
	return ++b->quiet < BUDGET_QUIET ? 0 : step_to(b, b->step - 1);
}
