// SPDX-License-Identifier: GPL-2.0-or-later
/* The gauges of lag are said anew each time; two sorted lists tell which of them are over. */
#include <stdio.h>
#include <stdlib.h>

#include "metrics/red_impl.h"
#include "proto/kafka.h"

#define ROWS_FIRST 64

void red_lag_begin(struct red *red)
{
	red->lag[1].len = 0;
}

static bool lag_room(struct red_lag_rows *l)
{
	uint32_t cap = l->cap ? l->cap * 2 : ROWS_FIRST;
	struct red_lag_row *rows;

	if (l->len < l->cap)
		return true;
	rows = realloc(l->rows, cap * sizeof(*rows));
	if (!rows)
		return false;
	l->rows = rows;
	l->cap = cap;
	return true;
}

void red_lag(struct red *red, const struct kafka_lag *lag)
{
	struct red_lag_rows *l = &red->lag[1];
	char partition[16];
	int n = snprintf(partition, sizeof(partition), "%d", lag->partition);

	if (!lag_room(l))
		return;
	l->rows[l->len++] = (struct red_lag_row){
		.ids = {lag->service, lag->topic,
			intern_put(red->names, slice_make(partition, (size_t)n)), lag->group},
		.at_ns = lag->at_ns,
		.messages = lag->messages,
	};
}

static int lag_compare(const void *a, const void *b)
{
	const struct red_lag_row *x = a, *y = b;
	int r = memcmp(x->ids, y->ids, sizeof(x->ids));

	if (r)
		return r;
	return x->at_ns < y->at_ns ? 1 : x->at_ns > y->at_ns ? -1 : 0;
}

/* Sorts, and keeps the newest of each label set. */
static void lag_settle(struct red_lag_rows *l)
{
	uint32_t kept = 0;

	if (l->len)
		qsort(l->rows, l->len, sizeof(*l->rows), lag_compare);
	for (uint32_t i = 0; i < l->len; i++)
		if (!kept ||
		    memcmp(l->rows[kept - 1].ids, l->rows[i].ids, sizeof(l->rows[i].ids)) != 0)
			l->rows[kept++] = l->rows[i];
	l->len = kept;
}

void red_lag_end(struct red *red)
{
	struct red_lag_rows *old = &red->lag[0], *now = &red->lag[1], swap;
	struct family *family = red->families[RED_KAFKA_LAG];
	uint32_t i = 0;

	lag_settle(now);
	for (uint32_t k = 0; k < old->len; k++) {
		int r = -1;

		while (i < now->len && (r = memcmp(now->rows[i].ids, old->rows[k].ids,
						   sizeof(now->rows[i].ids))) < 0)
			i++;
		if (i == now->len || r > 0)
			registry_remove(red->registry, family, old->rows[k].ids);
	}
	for (i = 0; i < now->len; i++)
		series_set(red->registry, registry_series(red->registry, family, now->rows[i].ids),
			   (double)now->rows[i].messages);
	swap = *old;
	*old = *now;
	*now = swap;
}
