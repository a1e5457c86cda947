/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks one Kafka message field by field as a table of kafka_schema.h says, resumable between any
 * two fields, with fixed state: strings nobody wants and the bodies of record batches are passed
 * over by their length, whether their bytes are there or not.
 */
#ifndef REDTAP_PROTO_KAFKA_WALK_H
#define REDTAP_PROTO_KAFKA_WALK_H

#include "base/slice.h"
#include "proto/kafka_schema.h"

#define KAFKA_DEPTH 4 /* arrays within arrays */
#define KAFKA_TEXT_BYTES                                                                           \
	255 /* of a string that is handed up; the rest of a longer one is skipped */
#define KAFKA_BATCH_BYTES 61 /* RecordBatch header of magic 2 */
#define KAFKA_ENTRY_BYTES 18 /* what is read of a message of magic 0 and 1 */

/* The header of one record batch; of a message where magic is 0 or 1 (then one record, without time
 * stamps). */
struct kafka_batch {
	uint64_t bytes; /* as a whole, on the wire */
	int64_t base_offset;
	int64_t last_offset;
	int64_t base_timestamp_ms;
	int64_t max_timestamp_ms;
	int64_t producer_id;
	int32_t base_sequence;
	uint32_t records;
	uint32_t crc;
	int16_t producer_epoch;
	uint16_t attributes;
	uint8_t magic;
};

/* kafka_batch.attributes */
#define KAFKA_BATCH_CODEC       7u
#define KAFKA_BATCH_APPEND_TIME (1u << 3)
#define KAFKA_BATCH_TXN         (1u << 4)
#define KAFKA_BATCH_CONTROL     (1u << 5)

struct kafka_event {
	uint8_t role;  /* enum kafka_role; KAFKA_NONE: nothing to tell */
	uint8_t depth; /* arrays around the field */
	int64_t value;
	struct slice text; /* string or UUID, within the caller's bytes */
	struct kafka_batch batch;
};

struct kafka_walk {
	const struct kafka_field *field; /* next; NULL: the rest of the frame is skipped */
	const struct kafka_field *body;  /* behind KAFKA_BODY; NULL: none is wanted */
	uint64_t left;                   /* bytes of the frame not consumed yet */
	uint64_t skip;                   /* the next so many of them are nobody's business */
	uint64_t records; /* so many of them belong to the records field, skip included */
	uint32_t list;    /* elements of a LIST32 still to come */
	uint32_t tags;    /* tagged fields still to come */
	int16_t version;
	uint8_t flexible;
	uint8_t in_tags; /* their number was read */
	uint8_t depth;
	uint8_t whole; /* the table was walked to its end */
	struct {
		const struct kafka_field *head;
		uint32_t count; /* elements not finished */
	} stack[KAFKA_DEPTH];
};

/*
 * Begins a frame of which `left` bytes remain, at the header's field `header` (NULL: at the body's
 * first, `body`; both NULL: skip it all).
 */
void kafka_walk_start(struct kafka_walk *w, const struct kafka_field *header,
		      const struct kafka_field *body, int16_t version, int flexible, uint64_t left);

enum kafka_step {
	KAFKA_STEP, /* *used bytes were consumed, *ev is filled */
	KAFKA_MORE, /* the next field needs bytes behind p[n] */
	KAFKA_BAD,  /* not what the table allows; call kafka_walk_drop() */
};

/* One field of p[0..n). To be called while w->left > 0. */
enum kafka_step kafka_walk_step(struct kafka_walk *w, const uint8_t *p, size_t n, size_t *used,
				struct kafka_event *ev);

/* Skips what is left of the frame. */
void kafka_walk_drop(struct kafka_walk *w);

/*
 * The next `len` bytes, at most w->left, are missing. 0: none of them was needed; 1: fields or
 * batch headers were, the walk goes on behind the records field or the frame.
 */
int kafka_walk_gap(struct kafka_walk *w, uint64_t len);

#endif
