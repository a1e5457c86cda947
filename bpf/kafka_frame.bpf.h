/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The structure of Kafka's Produce requests and Fetch responses, one collected window after the
 * other: which bytes come next, and what they mean (see kafka.bpf.h).
 *
 * Layouts: Apache Kafka's ProduceRequest.json (versions 3-13), FetchResponse.json (4-18), record
 * batch: org.apache.kafka.common.record.DefaultRecordBatch.
 */
#ifndef REDTAP_KAFKA_FRAME_BPF_H
#define REDTAP_KAFKA_FRAME_BPF_H

#include "maps.bpf.h"

#define KAFKA_PRODUCE   0
#define KAFKA_FETCH     1
#define KAFKA_FRAME_MAX (1u << 30)

enum kafka_state {
	K_HEAD = 0,     /* size, and what identifies the frame */
	K_COPY,         /* the rest of the frame as it is */
	K_CLIENT,       /* Produce: length of the client id */
	K_TXN,          /* ... the client id, tags, length of the transactional id */
	K_ACKS,         /* ... the transactional id, acks, time-out, number of topics */
	K_TOPICS,       /* Fetch: from the correlation id to the number of topics */
	K_TOPIC,        /* length of a topic's name; or its id and the number of partitions */
	K_PARTS,        /* the name, number of partitions */
	K_PART,         /* a partition up to its records; Fetch: up to the aborted transactions */
	K_ABORTED_TXNS, /* Fetch: those, copied as they are */
	K_ABORTED,      /* ... from behind them to the records' length */
	K_BATCH,        /* a batch header */
	K_CUT,          /* the beginning of one, cut at the records' end: copied as it is */
	K_PART_TAGS,    /* flexible: tagged fields of the partition, of the topic */
	K_TOPIC_TAGS,
};

#define BATCH_HEADER 61
/* Bytes of a frame's head that may come in calls of their own: of a response less than its size. */
#define WALK_APART(request) ((request) ? 12 : 3)

static __always_inline __u32 win32(struct kafka_dir *k, __u32 at)
{
	return rt_be32(k->win + (at & (KAFKA_WINDOW - 1)));
}

static __always_inline __u32 win16(struct kafka_dir *k, __u32 at)
{
	const __u8 *p = k->win + (at & (KAFKA_WINDOW - 1));

	return (__u32)p[0] << 8 | p[1];
}

/*
 * An unsigned varint that ends what was collected: its value less one (compact lengths), or -1 for
 * null; -2: one more byte is needed.
 */
static __always_inline __s64 win_compact(struct kafka_dir *k, __u32 at)
{
	__u64 v = 0;
	__u32 i;

	for (i = 0; i < 5; i++) {
		__u8 b = k->win[(at + i) & (KAFKA_WINDOW - 1)];

		v |= (__u64)(b & 0x7f) << (7 * i);
		if (!(b & 0x80))
			return (__s64)v - 1;
		if (at + i + 1 >= k->have)
			return -2;
	}
	return -3;
}

/* A length that ends the window, in the frame's own encoding; -2: one more byte. */
static __always_inline __s64 win_length(struct kafka_dir *k, __u32 at, bool wide)
{
	if (k->flexible)
		return win_compact(k, at);
	if (wide)
		return (__s32)win32(k, at);
	return (__s16)win16(k, at);
}

static __always_inline void walk_want(struct kafka_dir *k, __u16 state, __u32 need)
{
	k->state = state;
	k->need = need;
	k->have = 0;
}

/* Gives the frame's rest up to plain copying, within the limit of a call. */
static __always_inline void walk_copy(struct kafka_dir *k)
{
	/* What is still to be skipped comes first. */
	__u64 from = k->target > k->pos ? k->target : k->pos;

	walk_want(k, K_COPY, 0);
	k->copy_end = k->frame_end;
	if (k->copy_end > from + RT_CALL_BYTES)
		k->copy_end = from + RT_CALL_BYTES;
}

static __always_inline void walk_bad(struct kafka_dir *k)
{
	stat_add(RT_STAT_WALK_LOST, 1);
	walk_copy(k);
}

static __always_inline void walk_topic(struct kafka_dir *k)
{
	if (!k->topics) {
		walk_copy(k); /* the few bytes behind the last topic */
		return;
	}
	if (k->version >= 13)
		walk_want(k, K_TOPIC, 17);
	else
		walk_want(k, K_TOPIC, k->flexible ? 1 : 2);
}

/* A Fetch partition up to the number of aborted transactions; a Produce one up to its records. */
static __always_inline __u32 part_fixed(struct kafka_dir *k)
{
	if (!k->fetch)
		return 4;
	return k->version >= 5 ? 30 : 22;
}

static __always_inline void walk_part(struct kafka_dir *k)
{
	if (!k->parts) {
		if (k->flexible) {
			walk_want(k, K_TOPIC_TAGS, 1);
			return;
		}
		k->topics--;
		walk_topic(k);
		return;
	}
	walk_want(k, K_PART, part_fixed(k) + (k->flexible ? 1 : 4));
}

static __always_inline void walk_part_end(struct kafka_dir *k)
{
	if (k->flexible) {
		walk_want(k, K_PART_TAGS, 1);
		return;
	}
	k->parts--;
	walk_part(k);
}

/* `pos`: of the next byte. The record set ends at rec_end, which may cut the last batch. */
static __always_inline void walk_batch(struct kafka_dir *k, __u64 pos)
{
	if (pos >= k->rec_end) {
		walk_part_end(k);
		return;
	}
	if (pos + BATCH_HEADER > k->rec_end) {
		walk_want(k, K_CUT, 0);
		return;
	}
	walk_want(k, K_BATCH, BATCH_HEADER);
}

static __always_inline void walk_records(struct kafka_dir *k, __s64 bytes, __u64 pos)
{
	if (bytes <= 0) {
		walk_part_end(k);
		return;
	}
	if (pos + bytes > k->frame_end) {
		walk_bad(k);
		return;
	}
	k->rec_end = pos + bytes;
	walk_batch(k, pos);
}

/* The request of that correlation id, or the room for it. */
static __always_inline struct kafka_req *walk_req(struct kafka_walk *w, __u32 corr)
{
	return &w->reqs[corr & (KAFKA_REQS - 1)];
}

/* A frame's first bytes: what it is, and whether it is worth walking. */
static __always_inline void walk_head(struct kafka_walk *w, struct kafka_dir *k, bool request,
				      __u64 pos)
{
	__u32 size = win32(k, 0), corr = win32(k, request ? 8 : 4);
	struct kafka_req *r;

	if (size < 4 || size > KAFKA_FRAME_MAX) {
		k->synced = 0;
		stat_add(RT_STAT_WALK_LOST, 1);
		return;
	}
	k->frame_end = pos - k->need + 4 + size;
	if (request) {
		if (win16(k, 4) > RT_KAFKA_KEY_MAX || win16(k, 6) > RT_KAFKA_VERSION_MAX) {
			k->synced = 0;
			return;
		}
		r = walk_req(w, corr);
		r->used = 1;
		r->corr = corr;
		r->key = win16(k, 4);
		r->version = k->version = win16(k, 6);
		k->flexible = k->version >= 9;
		k->fetch = 0;
		if (size <= RT_KAFKA_COPY_BYTES || r->key != KAFKA_PRODUCE || k->version < 3 ||
		    k->version > 13)
			walk_copy(k);
		else
			walk_want(k, K_CLIENT, 2);
		return;
	}
	r = walk_req(w, corr);
	if (!r->used || r->corr != corr) {
		/* More were outstanding than are remembered: then a later one is in its room. Or
		 * this is no head at all. */
		if (k->sure && r->used && r->corr - corr < KAFKA_BEHIND)
			walk_copy(k);
		else
			k->synced = 0;
		return;
	}
	k->sure = 1;
	walk_copy(k);
	if (size <= RT_KAFKA_COPY_BYTES || r->key != KAFKA_FETCH || r->version < 4 ||
	    r->version > 18)
		return;
	k->version = r->version;
	k->flexible = k->version >= 12;
	k->fetch = 1;
	walk_want(k, K_TOPICS,
		  (k->flexible ? 1 : 0) + (k->version >= 7 ? 10 : 4) + (k->flexible ? 1 : 4));
}

static __always_inline void walk_more(struct kafka_dir *k)
{
	k->need++;
}

/* `need` bytes are there: goes on to the next state. `pos`: of the byte behind them. */
static __always_inline void walk_parse(struct kafka_walk *w, struct kafka_dir *k, bool request,
				       __u64 pos)
{
	__u32 at = 0;
	__s64 n;

	switch (k->state) {
	case K_HEAD: walk_head(w, k, request, pos); return;
	case K_CLIENT:
		n = (__s16)win16(k, 0); /* old-style in every version */
		if (n < 0)
			n = 0;
		if (n > 255) {
			walk_bad(k);
			return;
		}
		walk_want(k, K_TXN, n + 2);
		return;
	case K_TXN:
		/* Flexible: a tag buffer (taken for empty) and a compact length; else an i16. */
		at = k->flexible ? k->need - 1 : k->need - 2;
		n = win_length(k, at, false);
		if (n == -2 || n > 255 ||
		    (k->flexible && k->win[(k->need - 2) & (KAFKA_WINDOW - 1)])) {
			walk_bad(k);
			return;
		}
		if (n < 0)
			n = 0;
		walk_want(k, K_ACKS, n + 6 + (k->flexible ? 1 : 4));
		k->parts = n + 6; /* where the number of topics stands */
		return;
	case K_ACKS: n = win_length(k, k->parts, true); break;
	case K_TOPICS:
		if (k->flexible && k->win[0]) { /* tagged fields in the header */
			walk_bad(k);
			return;
		}
		n = win_length(k, (k->flexible ? 1 : 0) + (k->version >= 7 ? 10 : 4), true);
		break;
	case K_TOPIC: n = win_length(k, k->version >= 13 ? 16 : 0, k->version >= 13); break;
	case K_PARTS: n = win_length(k, k->rec_end & (KAFKA_WINDOW - 1), true); break;
	case K_PART: n = win_length(k, part_fixed(k), true); break;
	case K_ABORTED: n = win_length(k, k->version >= 11 ? 4 : 0, true); break;
	case K_BATCH:
		n = (__s32)win32(k, 8) + 12;
		if (n < BATCH_HEADER || k->win[16] != 2) {
			k->target = k->rec_end; /* an old message set, or not what it seems */
			walk_part_end(k);
			return;
		}
		k->target = pos - BATCH_HEADER + n;
		if (k->target > k->rec_end)
			k->target = k->rec_end;
		walk_batch(k, k->target);
		return;
	case K_PART_TAGS:
	case K_TOPIC_TAGS:
		if (k->win[0]) { /* tagged fields: rare, and of no fixed size */
			walk_copy(k);
			return;
		}
		if (k->state == K_PART_TAGS) {
			k->parts--;
			walk_part(k);
		} else {
			k->topics--;
			walk_topic(k);
		}
		return;
	default: return;
	}
	if (n == -2) {
		walk_more(k);
		return;
	}
	switch (k->state) {
	case K_ACKS:
	case K_TOPICS:
		k->topics = n < 0 ? 0 : n;
		walk_topic(k);
		return;
	case K_TOPIC:
		if (k->version >= 13) {
			k->parts = n < 0 ? 0 : n;
			walk_part(k);
		} else if (n <= 0 || n > 255) {
			walk_bad(k);
		} else {
			k->rec_end = n; /* where the number of partitions stands */
			walk_want(k, K_PARTS, n + (k->flexible ? 1 : 4));
		}
		return;
	case K_PARTS:
		k->parts = n < 0 ? 0 : n;
		walk_part(k);
		return;
	case K_PART:
		if (!k->fetch) {
			walk_records(k, n, pos);
			return;
		}
		/* Aborted transactions: 16 bytes each, and an empty tag buffer where flexible. */
		n = n < 0 ? 0 : n * (k->flexible ? 17 : 16);
		if (pos + n > k->frame_end) {
			walk_bad(k);
			return;
		}
		k->rec_end = pos + n;
		walk_want(k, K_ABORTED_TXNS, 0);
		return;
	case K_ABORTED: walk_records(k, n, pos); return;
	}
}

#endif
