// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/kafka_walk.h"

#define BATCH_MIN_BYTES 49 /* batchLength of a batch without a record */
#define ENTRY_MIN_BYTES 14 /* message size of an empty one, magic 0 */

/* An unsigned varint of at most 32 bits. Bytes used, 0: more needed, -1: too long. */
static int walk_uvarint(const uint8_t *p, size_t n, uint32_t *value)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n && i < 5; i++) {
		v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] & 0x80)
			continue;
		if (v > UINT32_MAX)
			return -1;
		*value = (uint32_t)v;
		return (int)i + 1;
	}
	return n < 5 ? 0 : -1;
}

static bool walk_present(const struct kafka_walk *w, const struct kafka_field *f)
{
	return w->version >= f->from && (w->version <= f->to || f->to == KAFKA_NEVER);
}

/* The field behind f, or behind the whole array that f opens. */
static const struct kafka_field *walk_behind(const struct kafka_field *f)
{
	int depth = 0;

	do {
		if (f->type == KAFKA_ARRAY)
			depth++;
		else if (f->type == KAFKA_END)
			depth--;
		f++;
	} while (depth > 0);
	return f;
}

static void walk_finish(struct kafka_walk *w, bool whole)
{
	w->field = NULL;
	w->skip = w->left;
	w->records = 0;
	w->list = w->tags = 0;
	w->in_tags = 0;
	w->whole = whole;
}

/* The struct whose KAFKA_END is the current field is complete. */
static void walk_close(struct kafka_walk *w)
{
	if (w->depth == 0)
		walk_finish(w, w->left == 0);
	else if (--w->stack[w->depth - 1].count)
		w->field = w->stack[w->depth - 1].head + 1;
	else {
		w->depth--;
		w->field++;
	}
}

/* Goes on to the next field that has bytes on the wire. */
static void walk_settle(struct kafka_walk *w)
{
	const struct kafka_field *f;

	if (w->list || w->records || w->tags)
		return;
	if (w->in_tags) {
		w->in_tags = 0;
		if (w->field->type == KAFKA_TAGS)
			w->field++;
		else
			walk_close(w);
	}
	while ((f = w->field)) {
		if (f->type == KAFKA_BODY) {
			w->field = w->body;
			if (!w->body)
				walk_finish(w, true);
		} else if (!walk_present(w, f)) {
			w->field = walk_behind(f);
		} else if (f->type == KAFKA_REST) {
			walk_finish(w, true);
		} else if (f->type == KAFKA_END && !w->flexible) {
			walk_close(w);
		} else if (f->type == KAFKA_TAGS && !w->flexible) {
			w->field++;
		} else {
			return;
		}
	}
}

void kafka_walk_start(struct kafka_walk *w, const struct kafka_field *header,
		      const struct kafka_field *body, int16_t version, int flexible, uint64_t left)
{
	w->field = header ? header : body;
	w->body = body;
	w->left = left;
	w->skip = w->records = 0;
	w->list = w->tags = 0;
	w->version = version;
	w->flexible = flexible != 0;
	w->in_tags = w->depth = w->whole = 0;
	if (!w->field)
		walk_finish(w, true);
	walk_settle(w);
}

void kafka_walk_drop(struct kafka_walk *w)
{
	walk_finish(w, true);
}

static void walk_pass(struct kafka_walk *w, uint64_t n)
{
	w->left -= n;
	if (w->records)
		w->records -= n;
}

/* Fixed-size fields. */
static size_t walk_size(uint8_t type)
{
	switch (type) {
	case KAFKA_I8: return 1;
	case KAFKA_I16: return 2;
	case KAFKA_I32: return 4;
	case KAFKA_I64: return 8;
	default: return 16;
	}
}

static int64_t walk_int(const uint8_t *p, size_t size)
{
	switch (size) {
	case 1: return (int8_t)p[0];
	case 2: return (int16_t)be16(p);
	case 4: return (int32_t)be32(p);
	default: return (int64_t)be64(p);
	}
}

/*
 * The length in front of a string, array or records: -1 for null. `wide`: bytes of it in versions
 * that are not flexible. Bytes used, 0: more needed, -1: invalid.
 */
static int walk_length(const struct kafka_walk *w, const uint8_t *p, size_t n, size_t wide,
		       int64_t *len)
{
	uint32_t v;
	int r;

	if (w->flexible) {
		r = walk_uvarint(p, n, &v);
		if (r > 0)
			*len = (int64_t)v - 1;
		return r;
	}
	if (n < wide)
		return 0;
	*len = walk_int(p, wide);
	return *len < -1 ? -1 : (int)wide;
}

static int walk_text(struct kafka_walk *w, const uint8_t *p, size_t n, struct kafka_event *ev)
{
	const struct kafka_field *f = w->field;
	uint64_t len, keep;
	int64_t v;
	int r = f->type == KAFKA_STR ? walk_length(w, p, n, 2, &v) : n < 2 ? 0 : 2;

	if (r <= 0)
		return r;
	if (f->type == KAFKA_STR16)
		v = (int16_t)be16(p);
	len = v > 0 ? (uint64_t)v : 0;
	if (len > w->left - (uint64_t)r)
		return -1;
	keep = f->role ? len : 0;
	if (keep > KAFKA_TEXT_BYTES)
		keep = KAFKA_TEXT_BYTES;
	if (n - (size_t)r < keep)
		return 0;
	ev->role = f->role;
	ev->text = slice_make(p + r, keep);
	w->skip = len - keep;
	w->field++;
	return r + (int)keep;
}

static int walk_records(struct kafka_walk *w, const uint8_t *p, size_t n, struct kafka_event *ev)
{
	int64_t v;
	int r = walk_length(w, p, n, 4, &v);

	if (r <= 0)
		return r;
	if (v > 0 && (uint64_t)v > w->left - (uint64_t)r)
		return -1;
	ev->role = w->field->role;
	ev->value = v;
	w->field++;
	return r;
}

static int walk_list(struct kafka_walk *w, const uint8_t *p, size_t n)
{
	uint64_t size = w->field->type == KAFKA_LIST64 ? 8 : 4;
	int64_t v;
	int r = walk_length(w, p, n, 4, &v);

	if (r <= 0)
		return r;
	if (v > 0 && (uint64_t)v * size > w->left - (uint64_t)r)
		return -1;
	if (v > 0 && w->field->role)
		w->list = (uint32_t)v;
	else if (v > 0)
		w->skip = (uint64_t)v * size;
	if (!w->list)
		w->field++;
	return r;
}

static int walk_array(struct kafka_walk *w, const uint8_t *p, size_t n)
{
	int64_t v;
	int r = walk_length(w, p, n, 4, &v);

	if (r <= 0)
		return r;
	/* Every element has at least a byte, so a count cannot keep the walk busy for nothing. */
	if (v > 0 && ((uint64_t)v > w->left - (uint64_t)r || w->depth == KAFKA_DEPTH))
		return -1;
	if (v <= 0) {
		w->field = walk_behind(w->field);
		return r;
	}
	w->stack[w->depth].head = w->field;
	w->stack[w->depth++].count = (uint32_t)v;
	w->field++;
	return r;
}

/* The number of tagged fields, or one of them. */
static int walk_tags(struct kafka_walk *w, const uint8_t *p, size_t n, struct kafka_event *ev)
{
	uint32_t tag, size;
	int r = walk_uvarint(p, n, &tag), s;

	if (r <= 0)
		return r;
	if (!w->in_tags) {
		if (tag > w->left)
			return -1;
		w->tags = tag;
		w->in_tags = 1;
		return r;
	}
	s = walk_uvarint(p + r, n - (size_t)r, &size);
	if (s <= 0)
		return s;
	r += s;
	if (size > w->left - (uint64_t)r)
		return -1;
	if (w->field->role && tag == (uint32_t)w->field->tag && size >= 4) {
		if (n - (size_t)r < 4)
			return 0;
		ev->role = w->field->role;
		ev->value = (int32_t)be32(p + r);
		r += 4;
		size -= 4;
	}
	w->skip = size;
	w->tags--;
	return r;
}

static void walk_batch_v2(const uint8_t *p, struct kafka_batch *b)
{
	int32_t delta = (int32_t)be32(p + 23), records = (int32_t)be32(p + 57);

	b->base_offset = (int64_t)be64(p);
	b->last_offset = (int64_t)((uint64_t)b->base_offset + (uint64_t)(delta < 0 ? 0 : delta));
	b->crc = be32(p + 17);
	b->attributes = be16(p + 21);
	b->base_timestamp_ms = (int64_t)be64(p + 27);
	b->max_timestamp_ms = (int64_t)be64(p + 35);
	b->producer_id = (int64_t)be64(p + 43);
	b->producer_epoch = (int16_t)be16(p + 51);
	b->base_sequence = (int32_t)be32(p + 53);
	b->records = records < 0 ? 0 : (uint32_t)records;
}

static void walk_entry(const uint8_t *p, struct kafka_batch *b)
{
	b->base_offset = b->last_offset = (int64_t)be64(p);
	b->crc = be32(p + 12);
	b->attributes = p[17] & KAFKA_BATCH_CODEC;
	b->base_timestamp_ms = b->max_timestamp_ms = -1;
	b->producer_id = -1;
	b->producer_epoch = -1;
	b->base_sequence = -1;
	b->records = 1;
}

/*
 * The header of the batch at p. The last batch of a fetch response may be cut short: such a rest
 * is skipped without an event.
 */
static int walk_batch(struct kafka_walk *w, const uint8_t *p, size_t n, struct kafka_event *ev)
{
	uint64_t head = KAFKA_BATCH_BYTES, size;
	int32_t len;

	if (w->records < 17) {
		w->skip = w->records;
		return 0;
	}
	if (n < 17)
		return 0;
	if (p[16] > 2)
		return -1;
	if (p[16] < 2)
		head = KAFKA_ENTRY_BYTES;
	if (w->records < head) {
		w->skip = w->records;
		return 0;
	}
	len = (int32_t)be32(p + 8);
	if (len < (p[16] == 2 ? BATCH_MIN_BYTES : ENTRY_MIN_BYTES))
		return -1;
	size = 12 + (uint64_t)len;
	if (size > w->records) {
		w->skip = w->records;
		return 0;
	}
	if (n < head)
		return 0;
	ev->batch.magic = p[16];
	if (p[16] == 2)
		walk_batch_v2(p, &ev->batch);
	else
		walk_entry(p, &ev->batch);
	ev->batch.bytes = size;
	ev->role = KAFKA_BATCH;
	w->skip = size - head;
	return (int)head;
}

static int walk_field(struct kafka_walk *w, const uint8_t *p, size_t n, struct kafka_event *ev)
{
	const struct kafka_field *f = w->field;
	size_t size;

	switch (f->type) {
	case KAFKA_STR:
	case KAFKA_STR16: return walk_text(w, p, n, ev);
	case KAFKA_RECORDS: return walk_records(w, p, n, ev);
	case KAFKA_ARRAY: return walk_array(w, p, n);
	case KAFKA_END:
	case KAFKA_TAGS: return walk_tags(w, p, n, ev);
	case KAFKA_LIST64: return walk_list(w, p, n);
	case KAFKA_LIST32:
		if (!w->list)
			return walk_list(w, p, n);
		if (n < 4)
			return 0;
		ev->role = f->role;
		ev->value = (int32_t)be32(p);
		if (--w->list == 0)
			w->field++;
		return 4;
	default: break;
	}
	size = walk_size(f->type);
	if (n < size)
		return 0;
	ev->role = f->role;
	if (f->type == KAFKA_UUID)
		ev->text = slice_make(p, size);
	else
		ev->value = walk_int(p, size);
	w->field++;
	return (int)size;
}

static void walk_skip(struct kafka_walk *w, uint64_t n)
{
	w->skip -= n;
	walk_pass(w, n);
	if (!w->skip)
		walk_settle(w);
}

enum kafka_step kafka_walk_step(struct kafka_walk *w, const uint8_t *p, size_t n, size_t *used,
				struct kafka_event *ev)
{
	uint64_t left = w->left;
	int r;

	ev->role = KAFKA_NONE;
	ev->depth = w->depth;
	if (n > left)
		n = (size_t)left;
	if (!w->skip) {
		r = w->records ? walk_batch(w, p, n, ev) : walk_field(w, p, n, ev);
		if (r < 0 || (r == 0 && !w->skip && n == left))
			return KAFKA_BAD;
		if (r == 0 && !w->skip)
			return KAFKA_MORE;
		if (r > 0) {
			walk_pass(w, (uint64_t)r);
			if (ev->role == KAFKA_BATCHES && ev->value > 0)
				w->records = (uint64_t)ev->value;
			if (!w->skip)
				walk_settle(w);
			*used = (size_t)r;
			return KAFKA_STEP;
		}
	}
	if (n > w->skip)
		n = (size_t)w->skip;
	walk_skip(w, n);
	*used = n;
	return n ? KAFKA_STEP : KAFKA_MORE;
}

int kafka_walk_gap(struct kafka_walk *w, uint64_t len)
{
	uint64_t past;

	if (len <= w->skip) {
		walk_skip(w, len);
		return 0;
	}
	if (w->records && len <= w->records) {
		past = w->records - len;
		walk_pass(w, len);
		w->skip = past;
		if (!past)
			walk_settle(w);
		return 1;
	}
	w->left -= len;
	walk_finish(w, true);
	return 1;
}
