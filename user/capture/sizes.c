// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/sizes.h"

#include "limits.h"
#include "queue.h"

#define FRAME_BYTES (sizeof(struct rt_queue) + RT_QUEUE_BEHIND)

struct capture_sizes capture_sizes(size_t total, int cpus, uint32_t page, uint32_t step_max)
{
	struct capture_sizes s = {.ring = page > RT_RING_LEAST_BYTES ? page : RT_RING_LEAST_BYTES};
	size_t least = RT_QUEUE_MIN_BYTES, share;

	if (!total)
		total = RT_RING_TOTAL_BYTES;
	if (total < RT_RING_TOTAL_BYTES)
		least = RT_QUEUE_LEAST_BYTES;
	if (total > RT_RING_MAX_BYTES)
		total = RT_RING_MAX_BYTES;
	while ((size_t)s.ring * 2 <= total / RT_RING_PART)
		s.ring *= 2;
	share = total > s.ring ? (total - s.ring) / (size_t)cpus : 0;
	if (share > step_max)
		share = step_max;
	share = share > least + FRAME_BYTES ? share - FRAME_BYTES : least;
	s.queue = (uint32_t)(share & ~(size_t)(RT_QUEUE_LINE - 1));
	s.step = s.queue + (uint32_t)FRAME_BYTES;
	return s;
}
