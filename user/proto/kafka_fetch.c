// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fetch sessions and what a consumer got. `session` holds every partition asked for with its
 * offset: a full request (session epoch 0 or -1, or before sessions) replaces them, an incremental
 * one changes some. It is brought up to a request when that is answered, so pipelined requests see
 * their own state.
 */
#include "proto/kafka_conn.h"

/* Errors.java */
#define FETCH_SESSION_ID_NOT_FOUND   70
#define INVALID_FETCH_SESSION_EPOCH  71
#define FETCH_SESSION_TOPIC_ID_ERROR 106

static bool fetch_is_behind(const struct kafka_conn *c, const struct kafka_slot *s)
{
	return s->mark == c->fetch_mark && s->b > s->a;
}

/* The partition is asked for, from `offset` on. */
static void fetch_ask(struct kafka_conn *c, const struct kafka_part *part,
		      const struct rt_sink *sink)
{
	struct kafka_slot *s =
		kafka_map_put(&c->session, part->topic, (uint32_t)part->partition, 0);

	if (!s) {
		if (part->topic)
			kafka_count(sink, RT_UNPARSED_LIMIT, 1);
		return;
	}
	c->behind -= fetch_is_behind(c, s);
	s->mark = c->fetch_mark;
	s->a = part->offset;
	c->behind += fetch_is_behind(c, s);
}

static void fetch_position(struct kafka_conn *c, uint32_t topic, int32_t partition, int64_t offset,
			   uint64_t ns, const struct rt_sink *sink)
{
	if (!kafka_world_position(c->env->kafka, &c->who, topic, partition, offset, ns))
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
}

static void fetch_forget(struct kafka_conn *c, const struct kafka_part *part)
{
	struct kafka_slot *s =
		kafka_map_find(&c->session, part->topic, (uint32_t)part->partition, 0);

	if (!s)
		return;
	c->behind -= fetch_is_behind(c, s);
	kafka_map_del(&c->session, s);
}

static int fetch_stale(const struct kafka_slot *s, uint64_t mark)
{
	return s->mark != (uint32_t)mark;
}

/* A full request: what it does not name is not asked for any more. The ends seen are kept for the
 * clients that send nothing but full requests. */
static void fetch_restart(struct kafka_conn *c, const struct kafka_pending *p)
{
	if (c->session.len > 64 && c->session.len / 2 > p->parts)
		kafka_map_sweep(&c->session, fetch_stale, c->fetch_mark);
	c->fetch_mark++;
	c->behind = 0;
	c->session_id = 0;
}

static void fetch_forget_all(struct kafka_conn *c)
{
	kafka_map_free(&c->session);
	c->behind = 0;
	c->session_id = 0;
}

void kafka_fetch_begin(struct kafka_conn *c, const struct kafka_pending *p,
		       const struct rt_sink *sink)
{
	bool full = p->version < 7 || p->session_epoch <= 0;

	if (p->flags & KAFKA_P_FOLLOWER)
		return;
	if (full)
		fetch_restart(c, p);
	else if (c->session_id != p->session_id) {
		/* The answer that named it was not seen, or its beginning was not: then it fills
		 * up as offsets move. */
		if (c->session_id)
			fetch_forget_all(c);
		c->session_id = p->session_id;
	}
	if (!kafka_world_fetches(c->env->kafka, &c->who, p->end_ns))
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
	for (uint32_t i = 0; i < p->parts; i++) {
		const struct kafka_part *part = fifo_at(&c->parts, i);
		bool forgotten = part->flags & KAFKA_PART_FORGOTTEN;

		if (forgotten)
			fetch_forget(c, part);
		else
			fetch_ask(c, part, sink);
		fetch_position(c, part->topic, part->partition, forgotten ? -1 : part->offset,
			       p->end_ns, sink);
	}
	c->resp.waited = c->behind == 0;
}

static struct kafka_slot *fetch_slot(struct kafka_conn *c)
{
	struct kafka_slot *s =
		kafka_map_find(&c->session, c->resp.topic, (uint32_t)c->resp.partition, 0);

	return s && s->mark == c->fetch_mark ? s : NULL;
}

static void fetch_partition(struct kafka_conn *c, int32_t partition)
{
	const struct kafka_slot *s;

	c->resp.partition = partition;
	s = fetch_slot(c);
	c->resp.position = s ? s->a : -1;
	c->resp.next = 0;
	c->resp.end = -1;
	fifo_pop(&c->aborted, c->aborted.len);
}

/* How far the consumer could read: its next request waits when it is there already. */
static void fetch_set_end(struct kafka_conn *c, int64_t end)
{
	struct kafka_slot *s = fetch_slot(c);

	c->resp.end = end;
	if (!s || end < 0)
		return;
	c->behind -= fetch_is_behind(c, s);
	s->b = end;
	c->behind += fetch_is_behind(c, s);
}

/*
 * Aborted transactions come as (producer, first offset): every transactional batch of the producer
 * from there to its next control batch, which is the abort's marker.
 */
static bool fetch_batch_aborted(struct kafka_conn *c, const struct kafka_batch *b)
{
	for (uint32_t i = 0; i < c->aborted.len; i++) {
		struct kafka_aborted *a = fifo_at(&c->aborted, i);

		if (a->ended || a->producer_id != b->producer_id ||
		    a->first_offset > b->last_offset)
			continue;
		if (b->attributes & KAFKA_BATCH_CONTROL)
			a->ended = true;
		return true;
	}
	return false;
}

/*
 * Records of the batch at or past the position. A compressed message of magic 0 or 1 holds others
 * that cannot be seen: its offset is the last one's, so it is good for those since the one before.
 */
static uint64_t fetch_batch_records(const struct kafka_conn *c, const struct kafka_batch *b)
{
	int64_t from = c->resp.position;
	uint64_t past;

	if (b->last_offset < from)
		return 0;
	past = (uint64_t)b->last_offset - (uint64_t)from + 1;
	if (b->magic < 2 && b->attributes & KAFKA_BATCH_CODEC) {
		if (c->resp.next > from)
			past = (uint64_t)b->last_offset - (uint64_t)c->resp.next + 1;
		return b->last_offset >= c->resp.next ? past : 0;
	}
	return b->base_offset < from && past < b->records ? past : b->records;
}

static void fetch_say(struct kafka_conn *c, uint64_t ns, const struct rt_sink *sink)
{
	for (uint32_t i = 0; i < c->results.len; i++) {
		const struct kafka_result *res = fifo_at(&c->results, i);
		struct rt_kafka_records rec = {.topic = res->topic,
					       .partition = res->partition,
					       .outcome = RT_KAFKA_CONSUMED,
					       .records = res->records,
					       .bytes = res->bytes,
					       .at_ns = ns};

		kafka_say_records(c, &rec, sink);
	}
	fifo_pop(&c->results, c->results.len);
	fifo_trim(&c->results, 64);
}

/* The account of the current partition; what was said so far is passed on when there is no room. */
static struct kafka_result *fetch_result(struct kafka_conn *c, uint64_t ns,
					 const struct rt_sink *sink)
{
	struct kafka_result *res = fifo_back(&c->results);

	if (res && res->topic == c->resp.topic && res->partition == c->resp.partition)
		return res;
	res = fifo_push(&c->results);
	if (!res) {
		fetch_say(c, ns, sink);
		res = fifo_push(&c->results);
	}
	if (!res) {
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
		return NULL;
	}
	res->topic = c->resp.topic;
	res->partition = c->resp.partition;
	return res;
}

/* The producer's clock set the time stamp of a magic 2 batch, unless the broker did. */
static void fetch_delivered(const struct kafka_conn *c, const struct kafka_batch *b, uint64_t ns,
			    const struct rt_sink *sink)
{
	if (!sink->delivered || b->max_timestamp_ms < 0 || b->attributes & KAFKA_BATCH_APPEND_TIME)
		return;
	sink->delivered(sink->arg, kafka_world_resolve(c->env->kafka, c->resp.topic),
			b->max_timestamp_ms, ns);
}

static void fetch_batch(struct kafka_conn *c, const struct kafka_pending *p,
			const struct kafka_batch *b, uint64_t ns, const struct rt_sink *sink)
{
	struct kafka_result *res;
	bool aborted = b->attributes & KAFKA_BATCH_TXN && fetch_batch_aborted(c, b);
	uint64_t records;

	if (p->flags & KAFKA_P_FOLLOWER)
		return;
	if (c->resp.position < 0)
		c->resp.position = b->base_offset;
	records = fetch_batch_records(c, b);
	if (b->last_offset >= c->resp.next)
		c->resp.next = b->last_offset + 1;
	if (c->resp.next > c->resp.position)
		fetch_position(c, c->resp.topic, c->resp.partition, c->resp.next, ns, sink);
	if (aborted || b->attributes & KAFKA_BATCH_CONTROL || !records)
		return;
	res = fetch_result(c, ns, sink);
	if (!res)
		return;
	res->records += records;
	res->bytes += b->bytes;
	fetch_delivered(c, b, ns, sink);
}

void kafka_fetch_field(struct kafka_conn *c, const struct kafka_pending *p,
		       const struct kafka_event *ev, uint64_t ns, const struct rt_sink *sink)
{
	struct kafka_aborted *a;

	switch (ev->role) {
	case KAFKA_SESSION_ID: c->resp.session_id = (int32_t)ev->value; break;
	case KAFKA_PARTITION: fetch_partition(c, (int32_t)ev->value); break;
	case KAFKA_HIGH_WATERMARK:
		fetch_set_end(c, ev->value);
		if (!kafka_world_set_high_watermark(c->env->kafka, c->resp.topic, c->resp.partition,
						    ev->value, p->end_ns, ns))
			kafka_count(sink, RT_UNPARSED_LIMIT, 1);
		break;
	case KAFKA_STABLE_OFFSET:
		if (p->isolation && ev->value >= 0 && ev->value < c->resp.end)
			fetch_set_end(c, ev->value);
		break;
	case KAFKA_ABORTED_PID: c->resp.aborted_pid = ev->value; break;
	case KAFKA_ABORTED_FIRST:
		a = fifo_push(&c->aborted);
		if (a)
			*a = (struct kafka_aborted){c->resp.aborted_pid, ev->value, false};
		else
			kafka_count(sink, RT_UNPARSED_LIMIT, 1);
		break;
	case KAFKA_BATCH: fetch_batch(c, p, &ev->batch, ns, sink); break;
	default: break;
	}
}

static void fetch_session_answered(struct kafka_conn *c, const struct kafka_pending *p)
{
	switch (c->resp.error) {
	case 0:
		if (p->version >= 7 && p->session_epoch == 0)
			c->session_id = c->resp.session_id;
		break;
	case FETCH_SESSION_ID_NOT_FOUND:
	case INVALID_FETCH_SESSION_EPOCH:
	case FETCH_SESSION_TOPIC_ID_ERROR: fetch_forget_all(c); break;
	default: break;
	}
}

void kafka_fetch_end(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
		     const struct rt_sink *sink)
{
	fetch_say(c, ns, sink);
	fifo_trim(&c->aborted, 64);
	if (!(p->flags & KAFKA_P_FOLLOWER))
		fetch_session_answered(c, p);
}
