/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole messages for the Kafka tests, made of the pieces of kafka_play.h. */
#ifndef REDTAP_KAFKA_MSGS_H
#define REDTAP_KAFKA_MSGS_H

#include "kafka_play.h"

#define NO_PID                                                                                     \
	{                                                                                          \
		.pid = -1, .epoch = -1, .seq = -1                                                  \
	}

/* A partition's batch; error of its answer. */
struct part {
	int32_t index;
	struct batch batch;
	int16_t error;
};

/* `topic` is a name, or an id of one byte for versions that have ids. */
static inline void m_topic(struct frame *f, int version, const char *topic)
{
	if (version >= 13)
		f_uuid(f, (uint8_t)topic[0]);
	else
		f_str(f, topic);
}

static inline void m_produce(struct frame *f, int version, int corr, int acks, const char *topic,
			     int n, const struct part *parts)
{
	f_request(f, 0, version, 9, corr);
	if (version >= 3)
		f_str(f, NULL);
	f_int(f, acks, 2);
	f_int(f, 30000, 4);
	f_array(f, 1);
	m_topic(f, version, topic);
	f_array(f, n);
	for (int i = 0; i < n; i++) {
		f_int(f, parts[i].index, 4);
		f_records(f);
		f_batch(f, &parts[i].batch);
		f_records_end(f);
		f_end(f);
	}
	f_end(f);
	f_finish(f);
}

static inline void m_produced(struct frame *f, int version, int corr, const char *topic, int n,
			      const struct part *parts)
{
	f_response(f, 0, version, 9, corr);
	f_array(f, 1);
	m_topic(f, version, topic);
	f_array(f, n);
	for (int i = 0; i < n; i++) {
		f_int(f, parts[i].index, 4);
		f_int(f, parts[i].error, 2);
		f_int(f, parts[i].error ? -1 : 500, 8);
		f_int(f, -1, 8);
		f_int(f, 0, 8);
		if (version >= 8) {
			f_array(f, 0);
			f_str(f, NULL);
		}
		f_end(f);
	}
	f_end(f);
	f_int(f, 0, 4);
	f_finish(f);
}

struct want {
	int32_t index;
	int64_t offset;
};

/* A Fetch of version >= 7 for one topic; `forget`: a partition that leaves, -1: none. */
struct fetch {
	int version;
	int corr;
	int replica;
	int isolation;
	int session;
	int epoch;
	const char *topic;
	int n;
	struct want want[4];
	int forget;
};

static inline void m_fetch(struct frame *f, const struct fetch *q)
{
	f_request(f, 1, q->version, 12, q->corr);
	if (q->version < 15)
		f_int(f, q->replica, 4);
	f_int(f, 500, 4);
	f_int(f, 1, 4);
	f_int(f, 50 << 20, 4);
	f_int(f, q->isolation, 1);
	f_int(f, q->session, 4);
	f_int(f, q->epoch, 4);
	f_array(f, q->n ? 1 : 0);
	if (q->n) {
		m_topic(f, q->version, q->topic);
		f_array(f, q->n);
		for (int i = 0; i < q->n; i++) {
			f_int(f, q->want[i].index, 4);
			if (q->version >= 9)
				f_int(f, -1, 4);
			f_int(f, q->want[i].offset, 8);
			if (q->version >= 12)
				f_int(f, -1, 4);
			f_int(f, -1, 8);
			f_int(f, 1 << 20, 4);
			f_end(f);
		}
		f_end(f);
	}
	f_array(f, q->forget >= 0 ? 1 : 0);
	if (q->forget >= 0) {
		m_topic(f, q->version, q->topic);
		f_array(f, 1);
		f_int(f, q->forget, 4);
		f_end(f);
	}
	if (q->version >= 11)
		f_str(f, "");
	if (q->version >= 15 && q->replica >= 0) {
		/* ReplicaState, in place of f_finish()'s empty tagged fields */
		f_int(f, 0x01010d, 3);
		f_int(f, q->replica, 4);
		f_int(f, 1, 8);
		f_int(f, 0, 1);
		f->flex = false;
	}
	f_finish(f);
}

struct got {
	int32_t index;
	int16_t error;
	int64_t end;
	int64_t stable;
	int64_t aborted_pid; /* 0: none */
	int64_t aborted_first;
	int n;
	struct batch batch[4];
	int cut; /* bytes of a further batch that are still there */
};

static inline void m_fetched(struct frame *f, int version, int corr, int error, int session,
			     const char *topic, int n, const struct got *got)
{
	static const struct batch tail = {.base = 9999, .count = 7, .body = 100};

	f_response(f, 1, version, 12, corr);
	f_int(f, 0, 4);
	f_int(f, error, 2);
	f_int(f, session, 4);
	f_array(f, n ? 1 : 0);
	if (n) {
		m_topic(f, version, topic);
		f_array(f, n);
	}
	for (int i = 0; i < n; i++) {
		f_int(f, got[i].index, 4);
		f_int(f, got[i].error, 2);
		f_int(f, got[i].end, 8);
		f_int(f, got[i].stable, 8);
		f_int(f, 0, 8);
		f_array(f, got[i].aborted_pid ? 1 : 0);
		if (got[i].aborted_pid) {
			f_int(f, got[i].aborted_pid, 8);
			f_int(f, got[i].aborted_first, 8);
			f_end(f);
		}
		if (version >= 11)
			f_int(f, -1, 4);
		f_records(f);
		for (int k = 0; k < got[i].n; k++)
			f_batch(f, &got[i].batch[k]);
		if (got[i].cut) {
			size_t at = f->n;

			f_batch(f, &tail);
			f->n = at + (size_t)got[i].cut;
		}
		f_records_end(f);
		f_end(f);
	}
	if (n)
		f_end(f);
	f_finish(f);
}

/* Metadata 12 with one topic. */
static inline void m_metadata(struct frame *f, int corr)
{
	f_request(f, 3, 12, 9, corr);
	f_array(f, -1);
	f_int(f, 1, 1);
	f_int(f, 0, 1);
	f_finish(f);
}

static inline void m_described(struct frame *f, int corr, uint8_t id, const char *name, int error)
{
	f_response(f, 3, 12, 9, corr);
	f_int(f, 0, 4);
	f_array(f, 1);
	f_int(f, 1, 4);
	f_str(f, "broker-1.example");
	f_int(f, 9092, 4);
	f_str(f, NULL);
	f_end(f);
	f_str(f, "cluster");
	f_int(f, 1, 4);
	f_array(f, 1);
	f_int(f, error, 2);
	f_str(f, name);
	f_uuid(f, id);
	f_int(f, 0, 1);
	f_array(f, 1);
	f_int(f, 0, 2);
	f_int(f, 0, 4);
	f_int(f, 1, 4);
	f_int(f, 3, 4);
	f_array(f, 1);
	f_int(f, 1, 4);
	f_array(f, 1);
	f_int(f, 1, 4);
	f_array(f, 0);
	f_end(f);
	f_int(f, -1, 4);
	f_end(f);
	f_finish(f);
}

/* TxnOffsetCommit of partition 0, and EndTxn. */
static inline void m_txn_commit(struct frame *f, int version, int corr, int64_t pid,
				const char *group, const char *topic, int64_t offset)
{
	f_request(f, 28, version, 3, corr);
	f_str(f, "tx");
	f_str(f, group);
	f_int(f, pid, 8);
	f_int(f, 0, 2);
	if (version >= 3) {
		f_int(f, 1, 4);
		f_str(f, "m");
		f_str(f, NULL);
	}
	f_array(f, 1);
	f_str(f, topic);
	f_array(f, 1);
	f_int(f, 0, 4);
	f_int(f, offset, 8);
	if (version >= 2)
		f_int(f, -1, 4);
	f_str(f, "");
	f_end(f);
	f_end(f);
	f_finish(f);
}

static inline void m_txn_committed(struct frame *f, int version, int corr, const char *topic,
				   int error)
{
	f_response(f, 28, version, 3, corr);
	f_int(f, 0, 4);
	f_array(f, 1);
	f_str(f, topic);
	f_array(f, 1);
	f_int(f, 0, 4);
	f_int(f, error, 2);
	f_end(f);
	f_end(f);
	f_finish(f);
}

static inline void m_txn_end(struct frame *f, int version, int corr, int64_t pid, int committed)
{
	f_request(f, 26, version, 3, corr);
	f_str(f, "tx");
	f_int(f, pid, 8);
	f_int(f, 0, 2);
	f_int(f, committed, 1);
	f_finish(f);
}

static inline void m_txn_ended(struct frame *f, int version, int corr, int64_t pid, int error)
{
	f_response(f, 26, version, 3, corr);
	f_int(f, 0, 4);
	f_int(f, error, 2);
	if (version >= 5) {
		f_int(f, pid, 8);
		f_int(f, 1, 2);
	}
	f_finish(f);
}

/* A request and a response of an API whose body is nothing but what is given. */
static inline void m_plain(struct frame *f, enum rt_dir dir, int api, int version, int corr,
			   const void *body, size_t n)
{
	if (dir == RT_REQ)
		f_request(f, api, version, 99, corr);
	else
		f_response(f, api, version, 99, corr);
	f_raw(f, body, n);
	f_finish(f);
}

#endif
