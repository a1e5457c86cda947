// SPDX-License-Identifier: GPL-2.0-or-later
/* How a conversation is cut and run together. */
#include "golden.h"

/* Whether step `i` may be done: its side's steps before it are, and what it waits for. */
static bool step_ready(const struct golden *g, const bool *done, int i)
{
	const struct golden_step *s = &g->steps[i];

	for (int k = 0; k < i; k++)
		if (!done[k] && (g->steps[k].side == s->side || !s->nowait ||
				 g->steps[k].act != GOLDEN_BYTES || s->act != GOLDEN_BYTES))
			return false;
	return true;
}

int golden_coalesce(const struct golden *g, struct golden_step out[GOLDEN_STEPS_MAX])
{
	bool done[GOLDEN_STEPS_MAX] = {false};
	int n = 0, left = g->nsteps;

	while (left) {
		int first = 0;
		struct golden_step *run = &out[n++];

		while (done[first])
			first++;
		*run = g->steps[first];
		done[first] = true;
		left--;
		if (run->act != GOLDEN_BYTES)
			continue;
		for (int i = first + 1; i < g->nsteps && first >= g->settled; i++) {
			const struct golden_step *s = &g->steps[i];

			if (done[i] || s->side != run->side)
				continue;
			if (s->act != GOLDEN_BYTES || !step_ready(g, done, i))
				break;
			run->len += s->len;
			done[i] = true;
			left--;
		}
	}
	return n;
}

static bool near_end(const struct golden_side *s, size_t at)
{
	size_t lo = 0, hi = s->nends;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->ends[mid] + GOLDEN_NEAR < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return at < GOLDEN_NEAR || (lo < s->nends && s->ends[lo] <= at + GOLDEN_NEAR);
}

/* Of many messages the first and last ones are enough: the others are like them. */
static bool wanted_cut(const struct golden_side *s, size_t at)
{
	if (s->len <= GOLDEN_CUT_BYTES || at % GOLDEN_STRIDE == 0)
		return true;
	return (at < GOLDEN_EDGE || at + GOLDEN_EDGE > s->len) && near_end(s, at);
}

size_t golden_next_cut(const struct golden *g, enum rt_dir side, size_t at)
{
	const struct golden_side *s = &g->side[side];

	size_t from = 0;

	for (int i = 0; i < g->settled; i++)
		if (g->steps[i].side == side)
			from = g->steps[i].at + g->steps[i].len;
	if (at < from)
		at = from;
	while (++at < s->len)
		if (wanted_cut(s, at))
			return at;
	return 0;
}
