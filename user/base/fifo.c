// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/fifo.h"

#include <stdlib.h>
#include <string.h>

#define FIFO_FIRST 1

void fifo_init(struct fifo *f, uint32_t item, uint32_t max, struct fifo_spares *spares)
{
	*f = (struct fifo){.item = item, .max = max, .spares = spares};
}

/* Each begins with the address of the next. */
static void *spares_take(struct fifo_spares *s)
{
	void *mem = s->first;

	if (mem) {
		memcpy(&s->first, mem, sizeof(s->first));
		s->len--;
	}
	return mem;
}

static bool spares_put(struct fifo_spares *s, void *mem, uint32_t item)
{
	if (s->len >= FIFO_SPARES_MAX || item < sizeof(s->first) || (s->item && s->item != item))
		return false;
	s->item = item;
	memcpy(mem, &s->first, sizeof(s->first));
	s->first = mem;
	s->len++;
	return true;
}

void fifo_spares_free(struct fifo_spares *s)
{
	void *mem;

	while ((mem = spares_take(s)))
		free(mem);
}

void fifo_free(struct fifo *f)
{
	free(f->mem);
	f->mem = NULL;
	f->cap = f->head = f->len = 0;
}

void fifo_trim(struct fifo *f, uint32_t keep)
{
	if (f->len)
		return;
	if (f->spares && f->cap == FIFO_FIRST && spares_put(f->spares, f->mem, f->item))
		f->mem = NULL;
	else if (f->cap <= keep)
		return;
	fifo_free(f);
}

static int fifo_grow(struct fifo *f)
{
	uint32_t cap = f->cap ? f->cap * 2 : FIFO_FIRST;
	uint8_t *mem = NULL;

	if (f->spares && cap == FIFO_FIRST && f->spares->item == f->item)
		mem = spares_take(f->spares);
	if (!mem)
		mem = malloc((size_t)cap * f->item);
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
