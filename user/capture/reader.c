// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/reader.h"

#include <errno.h>

#include "limits.h"

/* A writer may have room before all is read. */
#define GIVE_BACK_PART  8
#define GIVE_BACK_BYTES 16384

uint64_t queue_head(const struct rt_queue *q)
{
	return __atomic_load_n(&q->head, __ATOMIC_ACQUIRE);
}

static void give_back(struct rt_queue *q, uint64_t tail)
{
	__atomic_store_n(&q->tail, tail, __ATOMIC_RELEASE);
}

int64_t queue_read(struct rt_queue *q, uint32_t size, uint64_t head,
		   void (*fn)(void *arg, const void *records, size_t bytes), void *arg)
{
	const uint32_t part = size / GIVE_BACK_PART;
	const uint32_t often = part < GIVE_BACK_BYTES ? part : GIVE_BACK_BYTES;
	uint64_t tail = q->tail, given = tail;
	uint32_t at = tail % size;
	int64_t n = 0;

	while (tail < head) {
		const struct rt_queued *entry = (const struct rt_queued *)(q->data + at);
		uint32_t bytes = entry->bytes, step = (bytes + 7) & ~7u;

		if (bytes <= sizeof(*entry) || bytes > RT_QUEUE_BEHIND || step > head - tail) {
			give_back(q, head);
			return -EBADMSG;
		}
		fn(arg, entry + 1, bytes - sizeof(*entry));
		n++;
		tail += step;
		at += step;
		if (at >= size)
			at -= size;
		if (tail - given >= often) {
			give_back(q, tail);
			given = tail;
		}
	}
	give_back(q, tail);
	return n;
}
