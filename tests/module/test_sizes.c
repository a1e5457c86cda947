// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/sizes.h"
#include "limits.h"
#include "queue.h"
#include "test.h"

#define LARGEST_WRITE 5200 /* a record that waits, and one of a piece and a tail */

/* What holds of every deal. */
static void hold(const struct capture_sizes *s, uint32_t page)
{
	CHECK_EQ(s->ring % page, 0);
	CHECK_EQ(s->ring & (s->ring - 1), 0);
	CHECK(s->ring >= RT_RING_LEAST_BYTES);
	CHECK_EQ(s->queue % RT_QUEUE_LINE, 0);
	CHECK(s->queue >= LARGEST_WRITE);
	CHECK_EQ(s->step, sizeof(struct rt_queue) + s->queue + RT_QUEUE_BEHIND);
	CHECK_EQ(s->step % RT_QUEUE_LINE, 0);
}

TEST(the_default_is_all_used_and_no_more)
{
	for (int cpus = 1; cpus <= 14; cpus++) {
		struct capture_sizes s = capture_sizes(0, cpus, 4096, UINT32_MAX);
		size_t sum = s.ring + (size_t)cpus * s.step;

		hold(&s, 4096);
		CHECK_EQ(s.ring, RT_RING_TOTAL_BYTES / RT_RING_PART);
		CHECK(sum <= RT_RING_TOTAL_BYTES);
		CHECK(sum > RT_RING_TOTAL_BYTES - (size_t)cpus * RT_QUEUE_LINE);
	}
}

TEST(many_cpus_have_the_least_each)
{
	struct capture_sizes s = capture_sizes(0, 256, 4096, UINT32_MAX);

	hold(&s, 4096);
	CHECK_EQ(s.queue, RT_QUEUE_MIN_BYTES);
	s = capture_sizes(RT_RING_TOTAL_BYTES - 1, 256, 4096, UINT32_MAX);
	hold(&s, 4096);
	CHECK_EQ(s.queue, RT_QUEUE_LEAST_BYTES);
}

TEST(whatever_is_asked_for)
{
	static const uint32_t pages[] = {4096, 16384, 65536};
	static const int cpus[] = {1, 2, 3, 7, 64, 4096};

	for (size_t total = RT_RING_ASKED_BYTES; total <= RT_RING_MAX_BYTES; total += 12345)
		for (size_t p = 0; p < sizeof(pages) / sizeof(pages[0]); p++)
			for (size_t c = 0; c < sizeof(cpus) / sizeof(cpus[0]) && !test_failed;
			     c++) {
				struct capture_sizes s =
					capture_sizes(total, cpus[c], pages[p], RT_QUEUE_STEP_SURE);

				hold(&s, pages[p]);
				CHECK(s.step <= RT_QUEUE_STEP_SURE);
				if (test_failed)
					printf("# %zu bytes, %d CPUs\n", total, cpus[c]);
			}
}

TEST(as_much_as_a_map_may_hold)
{
	struct capture_sizes all = capture_sizes(RT_RING_MAX_BYTES, 1, 4096, UINT32_MAX);
	struct capture_sizes old = capture_sizes(RT_RING_MAX_BYTES, 1, 4096, RT_QUEUE_STEP_SURE);

	CHECK(all.step > RT_RING_MAX_BYTES / RT_RING_PART * (RT_RING_PART - 1) - RT_QUEUE_LINE);
	CHECK(old.step <= RT_QUEUE_STEP_SURE && old.step > RT_QUEUE_STEP_SURE - 2 * RT_QUEUE_LINE);
	CHECK_EQ(capture_sizes(10 * (size_t)RT_RING_MAX_BYTES, 1, 4096, UINT32_MAX).step, all.step);
}
