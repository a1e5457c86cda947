// SPDX-License-Identifier: GPL-2.0-or-later
/* The reader's half of a queue, against a writer that does as bpf/queue.bpf.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/reader.h"
#include "limits.h"
#include "test.h"

#define SIZE (RT_QUEUE_LEAST_BYTES - RT_QUEUE_LINE) /* no power of two */

struct bed {
	struct rt_queue *q;
	uint64_t written, read; /* numbers of what was written and read */
	size_t fixed;           /* bytes of every write, or 0: bytes_of() */
	size_t wrong;
	uint64_t least_tail; /* at the last call */
};

static struct bed *bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));

	b->q = calloc(1, sizeof(*b->q) + SIZE + RT_QUEUE_BEHIND);
	return b;
}

static void bed_free(struct bed *b)
{
	free(b->q);
	free(b);
}

static uint8_t byte_of(uint64_t n, size_t i)
{
	return (uint8_t)(n * 31 + i * 7);
}

static size_t bytes_of(uint64_t n)
{
	return 1 + n * n % (RT_QUEUE_BEHIND - sizeof(struct rt_queued)) / (n % 3 ? 9 : 1);
}

/* False: there is no room. */
static bool write_one(struct bed *b, size_t bytes)
{
	struct rt_queue *q = b->q;
	size_t step = (sizeof(struct rt_queued) + bytes + 7) & ~(size_t)7;
	struct rt_queued *entry = (struct rt_queued *)(q->data + q->at);

	if (q->head + step - q->tail > SIZE)
		return false;
	entry->bytes = sizeof(*entry) + bytes;
	for (size_t i = 0; i < bytes; i++)
		((uint8_t *)(entry + 1))[i] = byte_of(b->written, i);
	b->written++;
	q->at = (q->at + step) % SIZE;
	q->head += step;
	return true;
}

static void on_written(void *arg, const void *records, size_t bytes)
{
	struct bed *b = arg;

	b->least_tail = b->q->tail;
	if ((uintptr_t)records % 8 || bytes != (b->fixed ? b->fixed : bytes_of(b->read)))
		b->wrong++;
	for (size_t i = 0; i < bytes; i++)
		if (((const uint8_t *)records)[i] != byte_of(b->read, i))
			b->wrong++;
	b->read++;
}

static int64_t read_all(struct bed *b)
{
	return queue_read(b->q, SIZE, queue_head(b->q), on_written, b);
}

TEST(what_was_written_is_read_once_and_in_order)
{
	struct bed *b = bed_new();
	size_t refused = 0;

	while (b->written < 20000) {
		uint64_t before = b->read;

		for (uint64_t n = b->written % 5; n; n--) {
			size_t bytes = bytes_of(b->written);

			if (bytes + sizeof(struct rt_queued) > SIZE - 8)
				bytes = SIZE / 2;
			if (bytes != bytes_of(b->written) || !write_one(b, bytes)) {
				refused++;
				break;
			}
		}
		CHECK_EQ(read_all(b), b->read - before);
		CHECK_EQ(b->read, b->written);
		CHECK_EQ(b->q->tail, b->q->head);
		if (b->read == before) { /* too large for this queue, or none was due */
			b->written++;
			b->read++;
		}
	}
	CHECK_EQ(b->wrong, 0);
	CHECK(refused > 0);
	CHECK(b->q->head > 100ull * SIZE);
	bed_free(b);
}

/* Up to the last byte, wherever in the data that is. */
TEST(a_full_queue_is_read_whole)
{
	struct bed *b = bed_new();

	for (int round = 0; round < 50; round++) {
		b->fixed = 16; /* the rest then begins elsewhere in every round */
		CHECK(write_one(b, 16));
		CHECK_EQ(read_all(b), 1);
		b->fixed = 56;
		for (uint32_t n = 0; n < SIZE / 64; n++)
			CHECK(write_one(b, 56));
		CHECK(!write_one(b, 1));
		CHECK_EQ(read_all(b), SIZE / 64);
	}
	CHECK_EQ(b->wrong, 0);
	bed_free(b);
}

TEST(no_further_than_the_head_that_was_asked_for)
{
	struct bed *b = bed_new();
	uint64_t head;

	write_one(b, bytes_of(0));
	head = queue_head(b->q);
	write_one(b, bytes_of(1));
	CHECK_EQ(queue_read(b->q, SIZE, head, on_written, b), 1);
	CHECK_EQ(b->q->tail, head);
	CHECK_EQ(read_all(b), 1);
	CHECK_EQ(read_all(b), 0);
	bed_free(b);
}

static void ignore(void *arg, const void *records, size_t bytes)
{
	struct bed *b = arg;

	(void)records, (void)bytes;
	b->least_tail = b->q->tail;
}

/* A writer need not wait until all is read, in the smallest queue either. */
TEST(room_is_given_back_meanwhile)
{
	static const uint32_t sizes[] = {RT_QUEUE_LEAST_BYTES, 65536, 1 << 20};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t size = sizes[i];
		struct bed b = {.q = calloc(1, sizeof(*b.q) + size + RT_QUEUE_BEHIND)};

		for (uint32_t at = 0; at < size; at += 512)
			((struct rt_queued *)(b.q->data + at))->bytes = 512;
		b.q->head = size;
		CHECK_EQ(queue_read(b.q, size, size, ignore, &b), size / 512);
		CHECK(b.least_tail >= size / 4 * 3 && b.least_tail < size);
		CHECK_EQ(b.q->tail, size);
		free(b.q);
	}
}

/* Whatever stands there, nothing outside is read, and what comes next is. */
TEST(a_length_that_cannot_be_is_not_followed)
{
	static const uint32_t lengths[] = {0,          1,         8, 41, RT_QUEUE_BEHIND + 1,
					   0xfffffff9, UINT32_MAX};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct bed *b = bed_new();

		write_one(b, bytes_of(0));
		write_one(b, 24);
		((struct rt_queued *)(b->q->data + b->q->head - 32))->bytes = lengths[i];
		CHECK_EQ(read_all(b), -EBADMSG);
		CHECK_EQ(b->q->tail, b->q->head);
		CHECK_EQ(b->read, 1);
		b->written = b->read;
		write_one(b, bytes_of(1));
		CHECK_EQ(read_all(b), 1);
		CHECK_EQ(b->wrong, 0);
		bed_free(b);
	}
}
