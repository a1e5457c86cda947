// SPDX-License-Identifier: GPL-2.0-or-later
#include "track/track.h"

#include <stdlib.h>

#include "track/internal.h"

static void sink_txn(void *arg, const struct rt_txn *txn)
{
	struct track *t = arg;

	t->ops->txn(t->ops->arg, t->current, txn);
}

static void sink_records(void *arg, const struct rt_kafka_records *rec)
{
	struct track *t = arg;

	t->ops->records(t->ops->arg, t->current, rec);
}

static void sink_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	struct track *t = arg;

	t->ops->unparsed(t->ops->arg, t->current, cause, n);
}

static void sink_delivered(void *arg, uint32_t topic, int64_t stamp_ms, uint64_t at_ns)
{
	struct track *t = arg;

	if (t->ops->delivered)
		t->ops->delivered(t->ops->arg, t->current, topic, stamp_ms, at_ns);
}

struct track *track_new(const struct track_ops *ops, const struct rt_env *env, uint32_t max_conns)
{
	struct track *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->ops = ops;
	t->env = env;
	t->sample = RT_SAMPLE_ALL;
	t->sink = (struct rt_sink){t, sink_txn, sink_records, sink_unparsed, sink_delivered};
	u64map_init(&t->conns, max_conns);
	return t;
}

void track_free(struct track *t)
{
	if (!t)
		return;
	while (t->all)
		conn_close(t, t->all);
	u64map_free(&t->conns);
	free(t);
}

/* Bytes a record of the type has at least; 0: not one for the tracker. */
static uint32_t record_bytes(uint16_t type)
{
	switch (type) {
	case RT_REC_CONN: return sizeof(struct rt_rec_conn);
	case RT_REC_DATA: return sizeof(struct rt_rec_data);
	case RT_REC_END: return sizeof(struct rt_rec_end);
	default: return 0;
	}
}

void track_record(struct track *t, const struct rt_rec *rec)
{
	uint32_t bytes = record_bytes(rec->type);
	struct conn *c;

	if (!bytes || rec->bytes < bytes)
		return;
	t->stats.records++;
	c = u64map_get(&t->conns, rec->conn);
	if (!c && rec->type == RT_REC_END && t->conns.len >= t->conns.max)
		return; /* refused before, and counted then */
	if (!c)
		c = conn_new(t, rec->conn);
	if (!c)
		return;
	if (rec->type == RT_REC_CONN) {
		conn_name(t, c, (const struct rt_rec_conn *)rec);
		order_drain(t, c, false);
		return;
	}
	order_record(t, c, rec);
}

void track_pass(struct track *t, uint64_t now_ns)
{
	struct conn *c, *next;

	t->pass++;
	t->now_ns = now_ns;
	for (c = t->holding; c; c = next) {
		next = c->held_next;
		order_drain(t, c, true);
	}
}

void track_sweep_begin(struct track *t)
{
	t->sweep++;
}

void track_sweep_seen(struct track *t, const struct rt_rec_open *rec)
{
	struct conn *c = u64map_get(&t->conns, rec->h.conn);

	if (!c)
		return;
	c->swept = t->sweep;
	if (c->ops && c->ops->idle && rec->last_ns + TRACK_IDLE_NS < rec->h.ts_ns)
		c->ops->idle(c->state);
}

void track_sweep_end(struct track *t, uint64_t now_ns)
{
	struct conn *c, *next;
	enum rt_io req;

	for (c = t->all; c; c = next) {
		next = c->all_next;
		if (c->swept + 2 > t->sweep || c->held)
			continue;
		req = conn_io(c, RT_REQ);
		stream_eof(t, c, req, now_ns, false);
		stream_eof(t, c, !req, now_ns, false);
		conn_close(t, c);
	}
}

void track_sample(struct track *t, uint32_t sample)
{
	t->sample = sample;
	for (struct conn *c = t->all; c; c = c->all_next)
		if (rt_sample_of(c->id) >= sample)
			conn_restart(t, c);
}

void track_forget_names(struct track *t)
{
	for (struct conn *c = t->all; c; c = c->all_next) {
		c->peer = 0;
		c->peer_final = false;
		conn_rename(t, c, c->tgid);
	}
}

void track_renew_sessions(struct track *t, bool all)
{
	for (struct conn *c = t->all; c; c = c->all_next)
		if (c->session && (all || !c->peer_final))
			t->ops->session(t->ops->arg, c);
}

void track_stats(const struct track *t, struct track_stats *out)
{
	*out = t->stats;
}
