// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "proto/kafka_world_impl.h"

#define TOPIC_BUCKETS   8192
#define TOPIC_SLOT_BITS 12
#define TOPIC_NAME_MAX  249 /* org.apache.kafka.common.internals.Topic */

_Static_assert(RT_TOPICS_MAX == 1 << TOPIC_SLOT_BITS, "a topic's number holds its slot");

struct world_topic {
	uint8_t uuid[16];
	uint64_t used; /* tick of the last request that meant it; 0: only ever listed */
	uint32_t name; /* interned when it is first asked for */
	uint32_t gen;
	uint16_t next; /* in the bucket, slot + 1; 0 ends it */
	uint8_t text_len;
	char *text;
};

struct kafka_world *kafka_world_new(struct intern *names)
{
	struct kafka_world *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->names = names;
	w->topics_max = RT_TOPICS_MAX;
	w->topics = calloc(RT_TOPICS_MAX, sizeof(*w->topics));
	w->buckets = calloc(TOPIC_BUCKETS, sizeof(*w->buckets));
	w->acked = calloc(KAFKA_ACKED_MAX, sizeof(*w->acked));
	world_lag_init(&w->lag, KAFKA_MARKS_MAX);
	fifo_init(&w->failed, sizeof(struct kafka_failure), KAFKA_FAILED_MAX, NULL);
	if (!w->topics || !w->buckets || !w->acked) {
		kafka_world_free(w);
		return NULL;
	}
	return w;
}

void kafka_world_bound(struct kafka_world *w, uint32_t topics, uint32_t marks)
{
	if (topics && topics < RT_TOPICS_MAX)
		w->topics_max = topics;
	if (marks)
		world_lag_init(&w->lag, marks);
}

uint64_t kafka_world_topics_forgotten(const struct kafka_world *w)
{
	return w->topics_forgotten;
}

void kafka_world_free(struct kafka_world *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; w->topics && i < w->topic_count; i++)
		free(w->topics[i].text);
	free(w->topics);
	free(w->buckets);
	free(w->acked);
	world_lag_free(&w->lag);
	fifo_free(&w->failed);
	free(w);
}

static uint64_t world_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

/* ---- topic ids ---- */

static uint16_t *world_bucket(struct kafka_world *w, const uint8_t *uuid)
{
	uint64_t h = world_mix(be64(uuid), be64(uuid + 8));

	return &w->buckets[h & (TOPIC_BUCKETS - 1)];
}

static struct world_topic *world_topic_find(struct kafka_world *w, struct slice uuid)
{
	struct world_topic *t;

	for (uint16_t i = *world_bucket(w, uuid.p); i; i = t->next) {
		t = &w->topics[i - 1];
		if (memcmp(t->uuid, uuid.p, sizeof(t->uuid)) == 0)
			return t;
	}
	return NULL;
}

/* A free place: a topic that was only listed goes first, else the one not used for longest. */
static struct world_topic *world_topic_evict(struct kafka_world *w)
{
	struct world_topic *t = w->topics;
	uint16_t *link;

	for (uint32_t i = 1; i < w->topic_count; i++)
		if (w->topics[i].used < t->used)
			t = &w->topics[i];
	w->topics_forgotten += t->used != 0;
	link = world_bucket(w, t->uuid);
	while (*link != t - w->topics + 1)
		link = &w->topics[*link - 1].next;
	*link = t->next;
	free(t->text);
	*t = (struct world_topic){.gen = t->gen + 1};
	return t;
}

static struct world_topic *world_topic_add(struct kafka_world *w, struct slice uuid)
{
	uint16_t *bucket = world_bucket(w, uuid.p);
	struct world_topic *t;

	if (w->topic_count < w->topics_max)
		t = &w->topics[w->topic_count++];
	else
		t = world_topic_evict(w);
	memcpy(t->uuid, uuid.p, sizeof(t->uuid));
	t->next = *bucket;
	*bucket = (uint16_t)(t - w->topics + 1);
	return t;
}

static bool world_uuid_valid(struct slice uuid)
{
	return uuid.n == 16 && (be64(uuid.p) | be64(uuid.p + 8));
}

static uint32_t world_number(const struct kafka_world *w, const struct world_topic *t)
{
	return KAFKA_TOPIC_BY_ID | (t->gen << TOPIC_SLOT_BITS & ~KAFKA_TOPIC_BY_ID) |
	       (uint32_t)(t - w->topics);
}

uint32_t kafka_world_topic(struct kafka_world *w, struct slice uuid)
{
	struct world_topic *t;

	if (!world_uuid_valid(uuid))
		return 0;
	t = world_topic_find(w, uuid);
	if (!t)
		t = world_topic_add(w, uuid);
	t->used = ++w->tick;
	return world_number(w, t);
}

/* A topic was made anew when its name has another id by now: its offsets begin again. */
static void world_renamed(struct kafka_world *w, const struct world_topic *t)
{
	struct slice name = slice_make(t->text, t->text_len);

	for (uint32_t i = 0; i < w->topic_count; i++) {
		const struct world_topic *old = &w->topics[i];

		if (old != t && old->name && slice_eq(slice_make(old->text, old->text_len), name))
			world_lag_forget_topic(&w->lag, old->name);
	}
	if (t->used)
		world_lag_named(&w->lag, world_number(w, t),
				kafka_world_resolve(w, world_number(w, t)));
}

void kafka_world_name(struct kafka_world *w, struct slice uuid, struct slice name)
{
	struct world_topic *t;
	char *text;

	if (!world_uuid_valid(uuid) || name.n == 0 || name.n > TOPIC_NAME_MAX)
		return;
	t = world_topic_find(w, uuid);
	if (t && t->text_len)
		return;
	text = malloc(name.n);
	if (!text)
		return;
	if (!t)
		t = world_topic_add(w, uuid);
	memcpy(text, name.p, name.n);
	t->text = text;
	t->text_len = (uint8_t)name.n;
	world_renamed(w, t);
}

void kafka_world_deleted(struct kafka_world *w, struct slice name)
{
	if (name.n)
		world_lag_forget_topic(&w->lag, intern_put(w->names, name));
}

uint32_t kafka_world_resolve(struct kafka_world *w, uint32_t topic)
{
	struct world_topic *t;

	if (!topic)
		return INTERN_UNKNOWN;
	if (!(topic & KAFKA_TOPIC_BY_ID))
		return topic;
	t = &w->topics[topic & (RT_TOPICS_MAX - 1)];
	if (((t->gen << TOPIC_SLOT_BITS) ^ topic) & ~KAFKA_TOPIC_BY_ID & ~(RT_TOPICS_MAX - 1u))
		return INTERN_UNKNOWN;
	if (!t->name && t->text_len)
		t->name = intern_put(w->names, slice_make(t->text, t->text_len));
	return t->name ? t->name : INTERN_UNKNOWN;
}

/* ---- failed and repeated batches ---- */

uint64_t kafka_identity_hash(const struct kafka_identity *id)
{
	uint64_t h = world_mix(id->owner, id->topic);

	h = world_mix(h, (uint64_t)(uint32_t)id->partition << 32 | (uint32_t)id->sequence);
	h = world_mix(h, (uint64_t)id->producer_id);
	/* The sequence tells batches of an idempotent producer apart, also when it is split. */
	h = world_mix(h, (uint64_t)(id->producer_id < 0 ? id->crc : 0) << 16 | (uint16_t)id->epoch);
	return h ? h : 1;
}

/* Makes room: what was settled behind one that still waits goes. */
static void world_close_ranks(struct kafka_world *w)
{
	for (uint32_t i = w->failed.len; i; i--) {
		struct kafka_failure f = *(struct kafka_failure *)fifo_front(&w->failed);

		fifo_pop(&w->failed, 1);
		if (f.identity)
			*(struct kafka_failure *)fifo_push(&w->failed) = f;
	}
}

bool kafka_world_failed(struct kafka_world *w, const struct kafka_failure *f)
{
	struct kafka_failure *slot = fifo_push(&w->failed);

	if (!slot) {
		world_close_ranks(w);
		slot = fifo_push(&w->failed);
	}
	if (!slot)
		return false;
	*slot = *f;
	return true;
}

static void world_drop_settled(struct kafka_world *w)
{
	const struct kafka_failure *f;

	while ((f = fifo_front(&w->failed)) && !f->identity)
		fifo_pop(&w->failed, 1);
	fifo_trim(&w->failed, 0);
}

void kafka_world_repeated(struct kafka_world *w, uint64_t identity)
{
	bool found = false;

	for (uint32_t i = 0; i < w->failed.len; i++) {
		struct kafka_failure *f = fifo_at(&w->failed, i);

		if (f->identity != identity)
			continue;
		f->identity = 0;
		found = true;
	}
	if (found)
		world_drop_settled(w);
}

bool kafka_world_due(const struct kafka_world *w, uint64_t now_ns, uint32_t *owner)
{
	for (uint32_t i = 0; i < w->failed.len; i++) {
		const struct kafka_failure *f = fifo_at(&w->failed, i);

		if (f->due_ns > now_ns)
			break;
		if (!f->identity)
			continue;
		*owner = f->owner;
		return true;
	}
	return false;
}

void kafka_world_expire(struct kafka_world *w, uint64_t now_ns, uint32_t owner,
			const struct rt_sink *sink)
{
	for (uint32_t i = 0; i < w->failed.len; i++) {
		struct kafka_failure *f = fifo_at(&w->failed, i);
		struct rt_kafka_records rec;

		if (f->due_ns > now_ns)
			break;
		if (!f->identity || f->owner != owner)
			continue;
		rec = (struct rt_kafka_records){.topic = kafka_world_resolve(w, f->topic),
						.partition = f->partition,
						.outcome = RT_KAFKA_PRODUCE_FAILED,
						.error = f->error,
						.records = f->records,
						.bytes = f->bytes,
						.at_ns = now_ns};
		f->identity = 0;
		sink->records(sink->arg, &rec);
	}
	world_drop_settled(w);
}

bool kafka_world_acked(struct kafka_world *w, uint64_t identity)
{
	uint64_t *way =
		&w->acked[(identity & (KAFKA_ACKED_MAX - 1)) / KAFKA_ACKED_WAYS * KAFKA_ACKED_WAYS];
	uint32_t i = 0;
	bool seen;

	while (i < KAFKA_ACKED_WAYS - 1 && way[i] != identity)
		i++;
	seen = way[i] == identity;
	memmove(way + 1, way, i * sizeof(*way));
	way[0] = identity;
	return seen;
}
