// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/kafka_conn.h"

/* Errors.java */
#define MESSAGE_TOO_LARGE         10
#define NETWORK_EXCEPTION         13
#define OUT_OF_ORDER_SEQUENCE     45
#define DUPLICATE_SEQUENCE_NUMBER 46
#define INVALID_PRODUCER_EPOCH    47
#define UNKNOWN_PRODUCER_ID       59

void kafka_produce_batch(struct kafka_conn *c, struct kafka_part *part, const struct kafka_batch *b)
{
	struct kafka_identity id = {.owner = c->owner,
				    .topic = part->topic,
				    .partition = part->partition,
				    .sequence = b->base_sequence,
				    .producer_id = b->producer_id,
				    .crc = b->crc,
				    .epoch = b->producer_epoch};

	if (!part->identity) {
		part->identity = kafka_identity_hash(&id);
		if (b->producer_id >= 0)
			part->flags |= KAFKA_PART_IDEMPOTENT;
		kafka_world_repeated(c->env->kafka, part->identity);
	}
	part->records += b->records;
	part->bytes += b->bytes;
}

static void produce_say(const struct kafka_conn *c, const struct kafka_part *part,
			enum rt_kafka_outcome outcome, uint64_t ns, const struct rt_sink *sink)
{
	struct rt_kafka_records rec = {.topic = part->topic,
				       .partition = part->partition,
				       .outcome = outcome,
				       .error = part->error,
				       .records = part->records,
				       .bytes = part->bytes,
				       .at_ns = ns};

	kafka_say_records(c, &rec, sink);
}

void kafka_produce_unacked(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
			   const struct rt_sink *sink)
{
	for (uint32_t i = c->parts.len - p->parts; i < c->parts.len; i++)
		produce_say(c, fifo_at(&c->parts, i), RT_KAFKA_UNACKED, ns, sink);
}

/* Whether the batch may be sent again: besides the retriable errors those that an idempotent
 * producer recovers from by itself (Sender.java, TransactionManager.canRetry). A batch that is too
 * large is split, and its first part takes its place. */
static bool produce_may_repeat(const struct kafka_part *part)
{
	switch (part->error) {
	case MESSAGE_TOO_LARGE: return part->flags & KAFKA_PART_IDEMPOTENT && part->records > 1;
	case OUT_OF_ORDER_SEQUENCE:
	case INVALID_PRODUCER_EPOCH:
	case UNKNOWN_PRODUCER_ID: return part->flags & KAFKA_PART_IDEMPOTENT;
	default: return kafka_error_retriable(part->error);
	}
}

static void produce_failed(struct kafka_conn *c, const struct kafka_part *part, uint64_t ns,
			   const struct rt_sink *sink)
{
	struct kafka_failure f = {.identity = part->identity,
				  .due_ns = ns + KAFKA_RETRY_NS,
				  .records = part->records,
				  .bytes = part->bytes,
				  .owner = c->owner,
				  .topic = part->topic,
				  .partition = part->partition,
				  .error = part->error};

	if (!part->records)
		return;
	if (!produce_may_repeat(part))
		produce_say(c, part, RT_KAFKA_PRODUCE_FAILED, ns, sink);
	else if (!kafka_world_failed(c->env->kafka, &f))
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
}

void kafka_produce_answered(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
			    const struct rt_sink *sink)
{
	for (uint32_t i = 0; i < p->parts; i++) {
		const struct kafka_part *part = fifo_at(&c->parts, i);

		if (!(part->flags & KAFKA_PART_ANSWERED))
			continue;
		if (part->error != 0 && part->error != DUPLICATE_SEQUENCE_NUMBER)
			produce_failed(c, part, ns, sink);
		else if (!(part->flags & KAFKA_PART_IDEMPOTENT) || !c->owner ||
			 !kafka_world_acked(c->env->kafka, part->identity))
			produce_say(c, part, RT_KAFKA_PRODUCED, ns, sink);
	}
	kafka_world_expire(c->env->kafka, ns, c->owner, sink);
}

void kafka_produce_lost(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
			const struct rt_sink *sink)
{
	for (uint32_t i = 0; i < p->parts; i++) {
		struct kafka_part *part = fifo_at(&c->parts, i);

		part->error = NETWORK_EXCEPTION;
		produce_failed(c, part, ns, sink);
	}
}
