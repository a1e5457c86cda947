// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/fifo.h"

#include <stdlib.h>
#include <string.h>

#define FIFO_FIRST 1

void fifo_init(struct fifo *f, uint32_t item, uint32_t max)
{
	*f = (struct fifo){.item = item, .max = max};
}

void fifo_free(struct fifo *f)
{
	free(f->mem);
	f->mem = NULL;
	f->cap = f->head = f->len = 0;
}

void fifo_trim(struct fifo *f, uint32_t keep)
{
	if (f->len == 0 && f->cap > keep)
		fifo_free(f);
}

static int fifo_grow(struct fifo *f)
{
	uint32_t cap = f->cap ? f->cap * 2 : FIFO_FIRST;
	uint8_t *mem = malloc((size_t)cap * f->item);

	if (!mem)
		return -1;
	for (uint32_t i = 0; i < f->len; i++)
		memcpy(mem + (size_t)i * f->item, fifo_at(f, i), f->item);
	free(f->mem);
	f->mem = mem;
	f->cap = cap;
	f->head = 0;
	return 0;
}

void *fifo_push(struct fifo *f)
{
	uint8_t *p;

	if (f->len >= f->max || (f->len == f->cap && fifo_grow(f)))
		return NULL;
	p = f->mem + (size_t)((f->head + f->len) & (f->cap - 1)) * f->item;
	f->len++;
	return memset(p, 0, f->item);
}

void *fifo_at(const struct fifo *f, uint32_t i)
{
	if (i >= f->len)
		return NULL;
	return f->mem + (size_t)((f->head + i) & (f->cap - 1)) * f->item;
}

void fifo_pop(struct fifo *f, uint32_t n)
{
	if (n >= f->len) {
		f->head = f->len = 0;
		return;
	}
	f->head = (f->head + n) & (f->cap - 1);
	f->len -= n;
}

void fifo_pop_back(struct fifo *f)
{
	if (f->len)
		f->len--;
}
