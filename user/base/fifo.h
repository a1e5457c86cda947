/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded queue of fixed-size items in one ring of memory, for what waits for its answer on a
 * connection. Memory is taken on the first push, doubled up to `max` items, and given back by
 * fifo_trim() when the queue is empty, so that an idle connection holds none. Queues of one kind
 * may share what was given back, so that in a steady state nothing is allocated. One thread.
 */
#ifndef REDTAP_BASE_FIFO_H
#define REDTAP_BASE_FIFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory for one item each that queues have given back; all zeroes at first. */
struct fifo_spares {
	void *first;
	uint32_t item; /* bytes; 0: none was given back yet */
	uint32_t len;
};

#define FIFO_SPARES_MAX 1024 /* kept */

struct fifo {
	uint8_t *mem;
	struct fifo_spares *spares; /* NULL: none are shared */
	uint32_t item;              /* bytes of one */
	uint32_t cap;               /* items, a power of two or 0 */
	uint32_t max;               /* items */
	uint32_t head;              /* index of the oldest */
	uint32_t len;
};

/* `item`: size of one element in bytes, the same for all that share `spares` (NULL: shares
 * nothing; it outlives the queue); `max`: items at most. No memory is taken yet. */
void fifo_init(struct fifo *f, uint32_t item, uint32_t max, struct fifo_spares *spares);
void fifo_spares_free(struct fifo_spares *spares);

/* Frees the memory and empties the queue; it can be used again. */
void fifo_free(struct fifo *f);

/* When the queue is empty: gives memory for one item back to the spares if there are any, and frees
 * more than `keep` items' worth. */
void fifo_trim(struct fifo *f, uint32_t keep);

/* A zeroed new element at the end; NULL when `max` is reached or memory is short. */
void *fifo_push(struct fifo *f);

/* The i-th oldest element, NULL past the end. Valid until the next push. */
void *fifo_at(const struct fifo *f, uint32_t i);

/* Drops the n oldest (all when there are fewer). */
void fifo_pop(struct fifo *f, uint32_t n);

/* Drops the newest. */
void fifo_pop_back(struct fifo *f);

static inline void *fifo_front(const struct fifo *f)
{
	return fifo_at(f, 0);
}

static inline void *fifo_back(const struct fifo *f)
{
	return f->len ? fifo_at(f, f->len - 1) : NULL;
}

#endif
