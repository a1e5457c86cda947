/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers to pointers: open addressing, linear probing, backward-shift deletion. Grows by doubling
 * up to `max` entries. Key 0 is not allowed. One thread.
 */
#ifndef REDTAP_BASE_U64MAP_H
#define REDTAP_BASE_U64MAP_H

#include <stddef.h>
#include <stdint.h>

struct u64map_slot {
	uint64_t key;
	void *value;
};

struct u64map {
	struct u64map_slot *slots;
	size_t cap; /* a power of two, or 0 */
	size_t len;
	size_t max;
};

void u64map_init(struct u64map *m, size_t max);
void u64map_free(struct u64map *m);

/* The value, or NULL. */
void *u64map_get(const struct u64map *m, uint64_t key);

/* Sets or replaces. -ENOSPC at the bound, -ENOMEM. */
int u64map_put(struct u64map *m, uint64_t key, void *value);

/* The value that was there, or NULL. */
void *u64map_del(struct u64map *m, uint64_t key);

#endif
