// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests wait in `pending` in wire order, the partitions they name in `parts`. */
#include "proto/kafka_conn.h"

#define PROBES_MAX 65536 /* looks for a partition in one response beyond those in order */

#define LIST_LATEST -1 /* ListOffsetsRequest: the high watermark is asked for */

void kafka_say_records(const struct kafka_conn *c, const struct rt_kafka_records *rec,
		       const struct rt_sink *sink)
{
	struct rt_kafka_records named = *rec;

	if (!rec->records)
		return;
	named.topic = kafka_world_resolve(c->env->kafka, rec->topic);
	named.unnamed = named.topic == INTERN_UNKNOWN ? rec->topic : 0;
	sink->records(sink->arg, &named);
}

static struct slice pair_client(const struct kafka_conn *c)
{
	return slice_make(c->client, c->client_len);
}

static uint32_t pair_name(const struct kafka_conn *c, struct slice name)
{
	return intern_put(c->env->names, name);
}

/* ---- requests ---- */

/* Drops the oldest request with its partitions. */
static void pending_pop(struct kafka_conn *c)
{
	const struct kafka_pending *p = fifo_front(&c->pending);

	if (p->api == KAFKA_TOKEN)
		c->tokens--;
	fifo_pop(&c->parts, p->parts);
	fifo_pop(&c->pending, 1);
	if (c->pending.len)
		return;
	c->req.open = c->req.part_open = 0;
	fifo_trim(&c->pending, 64);
	fifo_trim(&c->parts, 256);
}

void kafka_request_begin(struct kafka_conn *c, const struct kafka_head *head,
			 const struct rt_sink *sink)
{
	struct kafka_pending *p;

	if (c->pending.len == c->pending.max) {
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
		c->resp.open = 0;
		pending_pop(c);
	}
	p = fifo_push(&c->pending);
	c->req = (struct kafka_request){.open = p != NULL};
	if (!p) {
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
		return;
	}
	p->api = head->api;
	p->version = head->version;
	p->correlation = head->correlation;
	p->acks = -1;
	if (head->api == KAFKA_TOKEN)
		c->tokens++;
}

static void request_part(struct kafka_conn *c, struct kafka_pending *p, int64_t partition,
			 uint8_t flags, const struct rt_sink *sink)
{
	struct kafka_part *part = fifo_push(&c->parts);

	c->req.part_open = part != NULL;
	if (!part) {
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
		return;
	}
	part->topic = c->req.topic;
	part->partition = (int32_t)partition;
	part->flags = flags;
	p->parts++;
}

static void request_client(struct kafka_conn *c, struct slice id)
{
	c->client_len = (uint8_t)(id.n < sizeof(c->client) ? id.n : sizeof(c->client));
	memcpy(c->client, id.p, c->client_len);
	c->client_seen = 1;
	if (c->who.tgid)
		c->who.key = kafka_client_key(id);
}

/* Tools ask for a group's offsets and change them, too; members alone join and heartbeat. */
static uint32_t request_member(int16_t api)
{
	switch (api) {
	case KAFKA_OFFSET_FETCH: return 0;
	case KAFKA_JOIN_GROUP:
	case KAFKA_HEARTBEAT:
	case KAFKA_SYNC_GROUP:
	case KAFKA_CONSUMER_GROUP_HEARTBEAT: return KAFKA_MEMBER_CONSUMES | KAFKA_MEMBER_SIGN;
	default: return KAFKA_MEMBER_SIGN;
	}
}

static void request_group(struct kafka_conn *c, struct kafka_pending *p, struct slice name,
			  uint64_t ns, const struct rt_sink *sink)
{
	p->group = pair_name(c, name);
	if (!kafka_world_member(c->env->kafka, &c->who, p->group, request_member(p->api), ns))
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
}

void kafka_request_field(struct kafka_conn *c, const struct kafka_event *ev, uint64_t ns,
			 const struct rt_sink *sink)
{
	struct kafka_pending *p = c->req.open ? fifo_back(&c->pending) : NULL;
	struct kafka_part *part = c->req.part_open ? fifo_back(&c->parts) : NULL;

	if (ev->role == KAFKA_CLIENT_ID)
		request_client(c, ev->text);
	if (!p)
		return;
	switch (ev->role) {
	case KAFKA_GROUP: request_group(c, p, ev->text, ns, sink); break;
	case KAFKA_ACKS: p->acks = (int16_t)ev->value; break;
	case KAFKA_REPLICA:
		if (ev->value >= 0)
			p->flags |= KAFKA_P_FOLLOWER;
		break;
	case KAFKA_PRODUCER_ID: p->producer_id = ev->value; break;
	case KAFKA_COMMITTED: p->committed = (int8_t)ev->value; break;
	case KAFKA_ISOLATION: p->isolation = (int8_t)ev->value; break;
	case KAFKA_SESSION_ID: p->session_id = (int32_t)ev->value; break;
	case KAFKA_SESSION_EPOCH: p->session_epoch = (int32_t)ev->value; break;
	case KAFKA_TOPIC: c->req.topic = pair_name(c, ev->text); break;
	case KAFKA_TOPIC_ID: c->req.topic = kafka_world_topic(c->env->kafka, ev->text); break;
	case KAFKA_PARTITION: request_part(c, p, ev->value, 0, sink); break;
	case KAFKA_FORGOTTEN: request_part(c, p, ev->value, KAFKA_PART_FORGOTTEN, sink); break;
	case KAFKA_FETCH_OFFSET:
	case KAFKA_TIMESTAMP:
	case KAFKA_OFFSET:
		if (part)
			part->offset = ev->value;
		break;
	case KAFKA_BATCH:
		if (part)
			kafka_produce_batch(c, part, &ev->batch);
		break;
	default: break;
	}
}

static void pair_say(struct kafka_conn *c, const struct kafka_pending *p, struct rt_txn *txn,
		     const struct rt_sink *sink)
{
	txn->proto = RT_PROTO_KAFKA;
	txn->start_ns = p->end_ns;
	txn->req_bytes = p->bytes;
	txn->kafka.api = p->api;
	txn->kafka.version = p->version;
	txn->kafka.client_id = pair_client(c);
	sink->txn(sink->arg, txn);
}

/* Drops the newest request with its partitions. */
static void pending_pop_newest(struct kafka_conn *c)
{
	const struct kafka_pending *p = fifo_back(&c->pending);

	for (uint32_t n = p->parts; n; n--)
		fifo_pop_back(&c->parts);
	if (p->api == KAFKA_TOKEN)
		c->tokens--;
	fifo_pop_back(&c->pending);
}

void kafka_request_forget(struct kafka_conn *c)
{
	if (c->req.open)
		pending_pop_newest(c);
	c->req = (struct kafka_request){0};
	if (!c->pending.len)
		c->resp.open = 0;
}

/* A lost end is told with what came after it, which may be behind the answer's beginning. */
static void pending_answered(const struct kafka_conn *c, struct kafka_pending *p)
{
	if (p->end_ns > c->dir[RT_RESP].first_ns)
		p->end_ns = c->dir[RT_RESP].first_ns;
}

void kafka_request_end(struct kafka_conn *c, uint64_t ns, const struct rt_sink *sink)
{
	struct kafka_pending *p = c->req.open ? fifo_back(&c->pending) : NULL;
	struct rt_txn txn = {.flags = RT_TXN_NO_DURATION};

	c->req = (struct kafka_request){0};
	if (!p)
		return;
	p->end_ns = ns;
	if (c->resp.open && p == fifo_front(&c->pending))
		pending_answered(c, p);
	p->bytes = c->dir[RT_REQ].bytes;
	p->flags |= KAFKA_P_DONE;
	if (c->dir[RT_REQ].latest)
		p->flags |= KAFKA_P_LATEST;
	if (p->api != KAFKA_PRODUCE || p->acks != 0)
		return;
	kafka_produce_unacked(c, p, ns, sink);
	pair_say(c, p, &txn, sink);
	pending_pop_newest(c);
}

/* ---- responses ---- */

int64_t kafka_pending_find(const struct kafka_conn *c, int32_t correlation)
{
	for (uint32_t i = 0; i < c->pending.len; i++) {
		const struct kafka_pending *p = fifo_at(&c->pending, i);

		if (p->correlation == correlation && p->api != KAFKA_TOKEN)
			return i;
	}
	return -1;
}

void kafka_pending_abandon(struct kafka_conn *c, uint32_t n, const struct rt_sink *sink)
{
	uint32_t requests = 0;

	for (; n && c->pending.len; n--) {
		const struct kafka_pending *p = fifo_front(&c->pending);

		requests += p->api != KAFKA_TOKEN;
		if (p->api == KAFKA_FETCH)
			kafka_fetch_begin(c, p, sink); /* what it told the session still holds */
		pending_pop(c);
	}
	kafka_count(sink, RT_UNPARSED_ABANDONED, requests);
}

void kafka_response_begin(struct kafka_conn *c, const struct rt_sink *sink)
{
	struct kafka_pending *p = fifo_front(&c->pending);

	pending_answered(c, p);
	memset(&c->resp, 0, offsetof(struct kafka_response, name));
	c->resp.open = 1;
	if (p->api == KAFKA_FETCH)
		kafka_fetch_begin(c, p, sink);
}

/* The part of the request that names the current partition; responses mostly keep the order. */
static struct kafka_part *response_part(struct kafka_conn *c, const struct kafka_pending *p)
{
	for (uint32_t n = 0; n < p->parts; n++) {
		uint32_t i = c->resp.cursor < p->parts ? c->resp.cursor : 0;
		struct kafka_part *part = fifo_at(&c->parts, i);

		c->resp.cursor = i + 1;
		if (part->topic == c->resp.topic && part->partition == c->resp.partition)
			return part;
		if (c->resp.probes++ > PROBES_MAX)
			return NULL;
	}
	return NULL;
}

static void response_commit(struct kafka_conn *c, const struct kafka_pending *p, int64_t offset,
			    uint64_t ns, const struct rt_sink *sink)
{
	struct kafka_world *world = c->env->kafka;
	struct kafka_committed said = {.tgid = c->who.tgid,
				       .topic = c->resp.topic,
				       .partition = c->resp.partition,
				       .group = c->resp.group ? c->resp.group : p->group,
				       .offset = offset,
				       .asked_ns = p->end_ns,
				       .ns = ns,
				       .fetched = p->api == KAFKA_OFFSET_FETCH};

	if (p->api == KAFKA_TXN_OFFSET_COMMIT
		    ? !kafka_world_txn_commit(world, p->producer_id, &said)
		    : !kafka_world_commit(world, &said))
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
}

static void response_high_watermark(struct kafka_conn *c, int64_t offset, uint64_t asked_ns,
				    uint64_t ns, const struct rt_sink *sink)
{
	if (!kafka_world_set_high_watermark(c->env->kafka, c->resp.topic, c->resp.partition, offset,
					    asked_ns, ns))
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
}

/* The error code of one partition. */
static void response_partition_error(struct kafka_conn *c, const struct kafka_pending *p,
				     int16_t error, uint64_t ns, const struct rt_sink *sink)
{
	struct kafka_part *part;

	c->resp.current_error = error;
	switch (p->api) {
	case KAFKA_PRODUCE:
		part = response_part(c, p);
		if (!part)
			break;
		part->error = error;
		part->flags |= KAFKA_PART_ANSWERED;
		break;
	case KAFKA_OFFSET_COMMIT:
	case KAFKA_TXN_OFFSET_COMMIT:
		part = error ? NULL : response_part(c, p);
		if (part)
			response_commit(c, p, part->offset, ns, sink);
		break;
	case KAFKA_OFFSET_FETCH:
		if (!error)
			response_commit(c, p, c->resp.offset, ns, sink);
		break;
	default: break;
	}
}

static void response_error(struct kafka_conn *c, const struct kafka_pending *p,
			   const struct kafka_event *ev, uint64_t ns, const struct rt_sink *sink)
{
	int16_t error = (int16_t)ev->value;

	if (ev->depth == 0) {
		if (!c->resp.error)
			c->resp.error = error;
		return;
	}
	if (!c->resp.partition_error)
		c->resp.partition_error = error;
	if (p->api == KAFKA_DELETE_TOPICS && !error)
		kafka_world_deleted(c->env->kafka, slice_make(c->resp.name, c->resp.name_len));
	if (ev->depth >= 2)
		response_partition_error(c, p, error, ns, sink);
}

/* The end of the log behind an acknowledged batch. */
static void response_appended(struct kafka_conn *c, const struct kafka_pending *p,
			      int64_t base_offset, uint64_t ns, const struct rt_sink *sink)
{
	const struct kafka_part *part;

	if (p->api != KAFKA_PRODUCE || c->resp.current_error || base_offset < 0 || !c->resp.cursor)
		return;
	part = fifo_at(&c->parts, c->resp.cursor - 1);
	if (part && c->resp.cursor <= p->parts && part->topic == c->resp.topic &&
	    part->partition == c->resp.partition && part->records <= INT32_MAX)
		response_high_watermark(c, (int64_t)((uint64_t)base_offset + part->records), 0, ns,
					sink);
}

static void response_listed(struct kafka_conn *c, const struct kafka_pending *p, int64_t offset,
			    uint64_t ns, const struct rt_sink *sink)
{
	const struct kafka_part *part = c->resp.current_error ? NULL : response_part(c, p);

	if (part && part->offset == LIST_LATEST && !p->isolation)
		response_high_watermark(c, offset, p->end_ns, ns, sink);
}

static void response_topic(struct kafka_conn *c, const struct kafka_pending *p, struct slice name)
{
	const struct kafka_api *api = kafka_api(p->api);

	c->resp.name_len = (uint8_t)name.n;
	if (name.n)
		memcpy(c->resp.name, name.p, name.n);
	/* Where only ids are learnt, a cluster's whole list must not fill the table of names. */
	if (api && api->req)
		c->resp.topic = pair_name(c, name);
}

void kafka_response_field(struct kafka_conn *c, const struct kafka_event *ev, uint64_t ns,
			  const struct rt_sink *sink)
{
	const struct kafka_pending *p = c->resp.open ? fifo_front(&c->pending) : NULL;
	struct kafka_world *world = c->env->kafka;

	if (!p)
		return;
	switch (ev->role) {
	case KAFKA_ERROR: response_error(c, p, ev, ns, sink); return;
	case KAFKA_TOPIC: response_topic(c, p, ev->text); return;
	case KAFKA_TOPIC_ID: c->resp.topic = kafka_world_topic(world, ev->text); return;
	case KAFKA_NAMED_ID:
		kafka_world_name(world, ev->text, slice_make(c->resp.name, c->resp.name_len));
		return;
	case KAFKA_GROUP: c->resp.group = pair_name(c, ev->text); return;
	case KAFKA_BASE_OFFSET: response_appended(c, p, ev->value, ns, sink); return;
	default: break;
	}
	if (p->api == KAFKA_FETCH) {
		kafka_fetch_field(c, p, ev, ns, sink);
	} else if (ev->role == KAFKA_PARTITION) {
		c->resp.partition = (int32_t)ev->value;
		c->resp.current_error = 0;
	} else if (ev->role == KAFKA_OFFSET) {
		c->resp.offset = ev->value;
		if (p->api == KAFKA_LIST_OFFSETS)
			response_listed(c, p, ev->value, ns, sink);
	}
}

static void response_txn(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
			 const struct rt_sink *sink)
{
	const struct kafka_stream *s = &c->dir[RT_RESP];
	struct rt_txn txn = {
		.first_ns = s->first_ns,
		.end_ns = ns,
		.resp_bytes = s->bytes,
	};

	if (!(p->flags & KAFKA_P_DONE) || p->flags & KAFKA_P_LATEST || s->latest)
		txn.flags |= RT_TXN_NO_DURATION;
	txn.kafka.error = c->resp.error ? c->resp.error : c->resp.partition_error;
	if (p->api == KAFKA_FETCH && c->resp.waited && !(p->flags & KAFKA_P_FOLLOWER)) {
		txn.kafka.waited = 1;
		if (s->first_ns > p->end_ns)
			txn.kafka.wait_ns = s->first_ns - p->end_ns;
	}
	pair_say(c, p, &txn, sink);
}

static void response_txn_end(struct kafka_conn *c, const struct kafka_pending *p, uint64_t ns,
			     const struct rt_sink *sink)
{
	if (!kafka_world_txn_end(c->env->kafka, c->who.tgid, p->producer_id, p->committed, ns))
		kafka_count(sink, RT_UNPARSED_LIMIT, 1);
}

void kafka_response_end(struct kafka_conn *c, uint64_t ns, const struct rt_sink *sink)
{
	const struct kafka_pending *p = c->resp.open ? fifo_front(&c->pending) : NULL;

	c->resp.open = 0;
	if (!p)
		return;
	c->confirmed = 1;
	if (p->api == KAFKA_PRODUCE)
		kafka_produce_answered(c, p, ns, sink);
	else if (p->api == KAFKA_FETCH)
		kafka_fetch_end(c, p, ns, sink);
	else if (p->api == KAFKA_END_TXN && !c->resp.error)
		response_txn_end(c, p, ns, sink);
	else if (p->api == KAFKA_SASL_HANDSHAKE && c->resp.error)
		c->sasl_raw = 0;
	if (p->api != KAFKA_TOKEN)
		response_txn(c, p, ns, sink);
	pending_pop(c);
}

void kafka_responses_over(struct kafka_conn *c, uint64_t ns, const struct rt_sink *sink)
{
	const struct kafka_pending *p;

	c->resp.open = 0;
	fifo_free(&c->results);
	while ((p = fifo_front(&c->pending))) {
		struct rt_txn txn = {.flags = RT_TXN_NO_DURATION | RT_TXN_ABORTED};

		if (p->api == KAFKA_PRODUCE)
			kafka_produce_lost(c, p, ns, sink);
		if (p->api != KAFKA_TOKEN && p->flags & KAFKA_P_DONE)
			pair_say(c, p, &txn, sink);
		pending_pop(c);
	}
}
