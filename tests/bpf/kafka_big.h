/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kafka frames of any size for the tests of the kernel's walk: Produce requests and Fetch responses
 * with many topics, partitions and batches. Beside each byte stands whether user space needs it.
 */
#ifndef REDTAP_TEST_KAFKA_BIG_H
#define REDTAP_TEST_KAFKA_BIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct big {
	uint8_t *p;
	uint8_t *must; /* 1: structure or a batch header, 0: inside records */
	size_t n, cap;
	size_t start; /* of the frame being built */
	bool flex;
	uint64_t records, batches; /* of the frame */
};

/* What a frame is made of. */
struct big_shape {
	int version;
	int corr;
	int topics, parts, batches;
	int body;    /* bytes of a batch's records; odd ones get a little more */
	int aborted; /* Fetch: aborted transactions of every other partition */
	int cut;     /* Fetch: bytes left out at the end of every last batch */
	bool tags;   /* Fetch, flexible: a tagged field in the last partition */
};

static inline void big_raw(struct big *b, const void *p, size_t n, uint8_t must)
{
	if (b->n + n > b->cap) {
		b->cap = (b->n + n) * 2;
		b->p = realloc(b->p, b->cap);
		b->must = realloc(b->must, b->cap);
		if (!b->p || !b->must)
			abort();
	}
	if (p)
		memcpy(b->p + b->n, p, n);
	memset(b->must + b->n, must, n);
	b->n += n;
}

static inline void big_int(struct big *b, int64_t v, int bytes)
{
	uint8_t p[8];

	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)((uint64_t)v >> (8 * (bytes - 1 - i)));
	big_raw(b, p, (size_t)bytes, 1);
}

static inline void big_varint(struct big *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		big_int(b, (int64_t)(v & 0x7f) | 0x80, 1);
	big_int(b, (int64_t)v, 1);
}

static inline void big_length(struct big *b, int64_t n, int bytes)
{
	if (b->flex)
		big_varint(b, (uint64_t)(n + 1));
	else
		big_int(b, n, bytes);
}

static inline void big_str(struct big *b, const char *s)
{
	big_length(b, s ? (int64_t)strlen(s) : -1, 2);
	if (s)
		big_raw(b, s, strlen(s), 1);
}

static inline void big_end(struct big *b)
{
	if (b->flex)
		big_int(b, 0, 1);
}

static inline void big_topic(struct big *b, int version, int i)
{
	char name[64];
	uint8_t id[16];

	if (version >= 13) {
		memset(id, 0x40 + i, sizeof(id));
		big_raw(b, id, sizeof(id), 1);
		return;
	}
	memset(name, 0, sizeof(name));
	memset(name, 'a' + i % 26, (size_t)(1 + i * 7 % 60));
	big_str(b, name);
}

static inline void big_request(struct big *b, int api, int version, int flex_from, int corr)
{
	b->start = b->n;
	b->records = b->batches = 0;
	b->flex = version >= flex_from;
	big_int(b, 0, 4);
	big_int(b, api, 2);
	big_int(b, version, 2);
	big_int(b, corr, 4);
	big_int(b, 9, 2);
	big_raw(b, "big-tests", 9, 1);
	big_end(b);
}

static inline void big_response(struct big *b, int version, int flex_from, int corr)
{
	b->start = b->n;
	b->records = b->batches = 0;
	b->flex = version >= flex_from;
	big_int(b, 0, 4);
	big_int(b, corr, 4);
	big_end(b);
}

static inline void big_finish(struct big *b)
{
	size_t len = b->n - b->start - 4;

	for (int i = 0; i < 4; i++)
		b->p[b->start + (size_t)i] = (uint8_t)(len >> (8 * (3 - i)));
}

/* One batch of 61 bytes and its records; the records count from `base` on. */
static inline void big_batch(struct big *b, int64_t base, int count, size_t body, size_t cut)
{
	size_t header = b->n;
	uint8_t *p;

	big_int(b, base, 8);
	big_int(b, (int64_t)(49 + body), 4);
	big_int(b, 7, 4);
	big_int(b, 2, 1);
	big_int(b, (int64_t)(base * 2654435761u), 4);
	big_int(b, 0, 2);
	big_int(b, count - 1, 4);
	big_int(b, 1700000000000, 8);
	big_int(b, 1700000000900, 8);
	big_int(b, -1, 8);
	big_int(b, -1, 2);
	big_int(b, -1, 4);
	big_int(b, count, 4);
	if (b->n - header != 61)
		abort();
	big_raw(b, NULL, body, 0);
	p = b->p + b->n - body;
	for (size_t i = 0; i < body; i++)
		p[i] = (uint8_t)(i * 31 + (size_t)base); /* nothing that looks like a header */
	if (cut) {
		b->n -= cut < body + 61 ? cut : body + 60;
		return;
	}
	b->records += (uint64_t)count;
	b->batches++;
}

static inline void big_records(struct big *b, const struct big_shape *s, int part)
{
	struct big r = {0};
	int64_t base = 1000;

	for (int i = 0; i < s->batches; i++) {
		int count = 1 + (i + part) % 9;
		bool last = i == s->batches - 1;

		big_batch(&r, base, count, (size_t)(s->body + (i & 1 ? i % 50 : 0)),
			  last ? (size_t)s->cut : 0);
		base += count;
	}
	big_length(b, (int64_t)r.n, 4);
	for (size_t i = 0; i < r.n;) {
		size_t end = i;

		while (end < r.n && r.must[end] == r.must[i])
			end++;
		big_raw(b, r.p + i, end - i, r.must[i]);
		i = end;
	}
	/* A header that is itself cut is nothing user space could use. */
	b->records += r.records;
	b->batches += r.batches;
	free(r.p);
	free(r.must);
}

static inline void big_produce(struct big *b, const struct big_shape *s)
{
	big_request(b, 0, s->version, 9, s->corr);
	big_str(b, NULL);
	big_int(b, -1, 2);
	big_int(b, 30000, 4);
	big_length(b, s->topics, 4);
	for (int t = 0; t < s->topics; t++) {
		big_topic(b, s->version, t);
		big_length(b, s->parts, 4);
		for (int k = 0; k < s->parts; k++) {
			big_int(b, k, 4);
			big_records(b, s, k);
			big_end(b);
		}
		big_end(b);
	}
	big_end(b);
	big_finish(b);
}

static inline void big_produced(struct big *b, const struct big_shape *s)
{
	big_response(b, s->version, 9, s->corr);
	big_length(b, s->topics, 4);
	for (int t = 0; t < s->topics; t++) {
		big_topic(b, s->version, t);
		big_length(b, s->parts, 4);
		for (int k = 0; k < s->parts; k++) {
			big_int(b, k, 4);
			big_int(b, 0, 2);
			big_int(b, 5000, 8);
			big_int(b, -1, 8);
			if (s->version >= 5)
				big_int(b, 0, 8);
			if (s->version >= 8) {
				big_length(b, 0, 4);
				big_str(b, NULL);
			}
			big_end(b);
		}
		big_end(b);
	}
	big_int(b, 0, 4);
	big_end(b);
	big_finish(b);
}

static inline void big_fetch(struct big *b, const struct big_shape *s)
{
	big_request(b, 1, s->version, 12, s->corr);
	if (s->version < 15)
		big_int(b, -1, 4);
	big_int(b, 500, 4);
	big_int(b, 1, 4);
	big_int(b, 50 << 20, 4);
	big_int(b, 0, 1);
	if (s->version >= 7) {
		big_int(b, 0, 4);
		big_int(b, -1, 4);
	}
	big_length(b, s->topics, 4);
	for (int t = 0; t < s->topics; t++) {
		big_topic(b, s->version, t);
		big_length(b, s->parts, 4);
		for (int k = 0; k < s->parts; k++) {
			big_int(b, k, 4);
			if (s->version >= 9)
				big_int(b, -1, 4);
			big_int(b, 1000, 8);
			if (s->version >= 12)
				big_int(b, -1, 4);
			if (s->version >= 5)
				big_int(b, -1, 8);
			big_int(b, 1 << 20, 4);
			big_end(b);
		}
		big_end(b);
	}
	if (s->version >= 7)
		big_length(b, 0, 4);
	if (s->version >= 11)
		big_str(b, "");
	big_end(b);
	big_finish(b);
}

static inline void big_fetched(struct big *b, const struct big_shape *s)
{
	big_response(b, s->version, 12, s->corr);
	big_int(b, 0, 4);
	if (s->version >= 7) {
		big_int(b, 0, 2);
		big_int(b, 0, 4);
	}
	big_length(b, s->topics, 4);
	for (int t = 0; t < s->topics; t++) {
		big_topic(b, s->version, t);
		big_length(b, s->parts, 4);
		for (int k = 0; k < s->parts; k++) {
			int aborted = k & 1 ? s->aborted : 0;

			big_int(b, k, 4);
			big_int(b, 0, 2);
			big_int(b, 100000, 8);
			big_int(b, 100000, 8);
			if (s->version >= 5)
				big_int(b, 0, 8);
			big_length(b, aborted, 4);
			for (int i = 0; i < aborted; i++) {
				big_int(b, 77 + i, 8);
				big_int(b, 500000, 8);
				big_end(b);
			}
			if (s->version >= 11)
				big_int(b, -1, 4);
			big_records(b, s, k);
			if (s->tags && t == s->topics - 1 && k == s->parts - 1) {
				big_int(b, 0x01010d, 3); /* one field, number 1, 13 bytes */
				big_raw(b, "leader ....", 11, 1);
				big_int(b, 0, 2);
			} else {
				big_end(b);
			}
		}
		big_end(b);
	}
	big_end(b);
	big_finish(b);
}

#endif
