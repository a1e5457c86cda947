/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A borrowed run of bytes. Not NUL-terminated; the memory belongs to whoever made the slice. */
#ifndef REDTAP_BASE_SLICE_H
#define REDTAP_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

/* A string literal as a slice. */
#define SLICE(lit) ((struct slice){(const uint8_t *)(lit), sizeof(lit) - 1})

static inline struct slice slice_make(const void *p, size_t n)
{
	return (struct slice){p, n};
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){(const uint8_t *)s, s ? strlen(s) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* FNV-1a over the bytes, going on from `h`: SLICE_HASH, or the hash of what is in front. */
#define SLICE_HASH 0xcbf29ce484222325ull

static inline uint64_t slice_hash(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 0x100000001b3ull;
	return h;
}

/* The value of a hexadecimal digit of either case; -1: it is none. */
static inline int slice_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Big-endian loads; the caller has checked the length. */
static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

#endif
