// SPDX-License-Identifier: GPL-2.0-or-later
#include "budget.h"
#include "test.h"

#define SECOND 1000000000ull

/* A host of two CPUs, 2 %: 0.04 CPU. */
static struct budget b;
static uint64_t now_ns, used_ns;

static void fresh(double percent)
{
	b = (struct budget){0};
	budget_set(&b, percent, 2);
	now_ns = 100 * SECOND;
	used_ns = 7 * SECOND;
	CHECK_EQ(budget_tick(&b, now_ns, used_ns), 0);
}

/* A window in which `cpus` were in use; what its ticks said, added up. */
static int window(double cpus)
{
	int said = 0;

	for (int i = 0; i < 5; i++) {
		now_ns += SECOND;
		used_ns += (uint64_t)(cpus * (double)SECOND);
		said += budget_tick(&b, now_ns, used_ns);
	}
	return said;
}

TEST(keeps_everything_below_the_bound)
{
	fresh(2);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(window(0.039), 0);
	CHECK_EQ(b.step, 0);
	CHECK_EQ(budget_sample(&b), RT_SAMPLE_ALL);
	CHECK(!budget_small(&b));
}

TEST(steps_down_one_at_a_time)
{
	fresh(2);
	CHECK_EQ(window(0.2), -1);
	CHECK(budget_small(&b));
	CHECK_EQ(budget_sample(&b), RT_SAMPLE_ALL);
	CHECK_EQ(window(0.2), -1);
	CHECK_EQ(budget_sample(&b), RT_SAMPLE_ALL / 2);
	CHECK_EQ(window(0.1), -1);
	CHECK_EQ(budget_sample(&b), RT_SAMPLE_ALL / 4);
	CHECK_EQ(window(0.03), 0); /* within the bound, but no room for twice as much */
	CHECK_EQ(b.steps_down, 3);
}

TEST(stops_at_the_last_step)
{
	fresh(2);
	for (int i = 0; i < 30; i++)
		window(1.5);
	CHECK_EQ(b.step, BUDGET_STEPS - 1);
	CHECK_EQ(b.steps_down, BUDGET_STEPS - 1);
	CHECK(budget_sample(&b) > 0);
}

TEST(steps_up_after_quiet_windows)
{
	fresh(2);
	window(0.2);
	window(0.2);
	CHECK_EQ(window(0.01), 0);
	CHECK_EQ(window(0.01), 0);
	CHECK_EQ(window(0.01), 1);
	CHECK_EQ(b.step, 1);
	CHECK_EQ(window(0.01), 0);
	CHECK_EQ(window(0.03), 0); /* starts the count anew */
	CHECK_EQ(window(0.01), 0);
	CHECK_EQ(window(0.01), 0);
	CHECK_EQ(window(0.01), 1);
	CHECK_EQ(b.step, 0);
	CHECK_EQ(b.steps_up, 2);
}

TEST(without_a_bound_nothing_is_shed)
{
	fresh(0);
	CHECK_EQ(window(2), 0);
	CHECK_EQ(b.step, 0);
	CHECK(b.used > 1.9 && b.used < 2.1);
}

TEST(a_bound_taken_away_goes_back_up)
{
	fresh(2);
	window(0.5);
	window(0.5);
	budget_set(&b, 0, 2);
	for (int i = 0; i < 2 * BUDGET_QUIET; i++)
		window(0.5);
	CHECK_EQ(b.step, 0);
}
