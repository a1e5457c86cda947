/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader's half of a queue (queue.h). Pure. One thread per queue. */
#ifndef REDTAP_READER_H
#define REDTAP_READER_H

#include <stddef.h>
#include <stdint.h>

#include "queue.h"

/* Everything written before it may be read. */
uint64_t queue_head(const struct rt_queue *q);

/*
 * Hands what was written before `head` to `fn`, a call for each write; what it gets is valid during
 * the call. `size`: of the data, without the room behind it. Returns how many, or -EBADMSG: the
 * queue is not what a writer leaves, and everything before `head` was skipped.
 */
int64_t queue_read(struct rt_queue *q, uint32_t size, uint64_t head,
		   void (*fn)(void *arg, const void *records, size_t bytes), void *arg);

#endif
