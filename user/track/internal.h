/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of track/. */
#ifndef REDTAP_TRACK_INTERNAL_H
#define REDTAP_TRACK_INTERNAL_H

#include "track/track.h"

#define TRACK_TUPLE_BUCKETS 4096

struct track_held {
	struct track_held *next;
	uint64_t pass;       /* number of the pass in which it came */
	uint64_t ns;         /* when */
	bool waited;         /* for the other direction */
	struct rt_rec rec[]; /* the record, whole */
};

struct track {
	const struct track_ops *ops;
	const struct rt_env *env;
	struct u64map conns;
	struct conn *all;
	struct conn *holding;
	struct conn *tuples[TRACK_TUPLE_BUCKETS];
	struct track_stats stats;
	uint64_t pass;
	uint64_t now_ns;
	uint64_t sweep;
	uint64_t held_bytes;
	uint32_t sample;      /* connections that rt_sample_of() puts below it are looked at */
	struct conn *current; /* whose parser runs: the sink's connection */
	struct rt_sink sink;
	/* What a stream has carried and what came behind it, while its parser looks at them. */
	uint8_t joined[RT_CARRY_BYTES + RT_PIECE_BYTES];
};

static inline enum rt_dir conn_dir(const struct conn *c, enum rt_io io)
{
	return (io == RT_RECV) == (c->role == RT_ROLE_SERVER) ? RT_REQ : RT_RESP;
}

static inline enum rt_io conn_io(const struct conn *c, enum rt_dir dir)
{
	return (dir == RT_REQ) == (c->role == RT_ROLE_SERVER) ? RT_RECV : RT_SEND;
}

/* conn.c */
struct conn *conn_new(struct track *t, uint64_t id);
void conn_name(struct track *t, struct conn *c, const struct rt_rec_conn *rec);
void conn_recognised(struct track *t, struct conn *c, enum rt_protocol proto, enum rt_role role,
		     bool synced);
/* Gives up what is under way: the parser starts anew, as if it met the connection half-way. */
void conn_restart(struct track *t, struct conn *c);
void conn_leave(struct track *t, struct conn *c);
/* What was kept for recognition is not needed any more. */
void conn_early_end(struct conn *c);
void conn_close(struct track *t, struct conn *c);
/* The connection's process or its name is another from now on: what is in flight goes along. */
void conn_rename(struct track *t, struct conn *c, uint32_t tgid);
/* Says the session of a client's connection if it has changed. */
void conn_session(struct track *t, struct conn *c);

/* stream.c: bytes and gaps of one direction, in order. */
struct stream_call {
	enum rt_io io;
	uint64_t first_ns; /* of the call's first byte */
	uint64_t last_ns;
	uint64_t len;  /* of the whole call, captured or not */
	uint32_t wait; /* RT_EARLY, RT_WAITED */
};
void stream_bytes(struct track *t, struct conn *c, const struct stream_call *call,
		  const uint8_t *data, uint32_t len, uint32_t flags);
/* Takes back what the parser left for want of a request of the `len` bytes it had last: how many.
 */
uint32_t stream_take_back(struct conn *c, enum rt_io io, uint32_t len);
/* flags: RT_AT_LATEST. */
void stream_gap(struct track *t, struct conn *c, enum rt_io io, uint64_t len, uint64_t ns,
		uint32_t flags, enum rt_gap cause);
void stream_eof(struct track *t, struct conn *c, enum rt_io io, uint64_t ns, bool reset);
void stream_reset(struct track_stream *s);

/* recognise.c */
struct recognised {
	enum rt_protocol proto; /* RT_PROTO_UNKNOWN: no verdict */
	bool request;           /* the bytes are a client's */
	bool first;             /* only ever a connection's first */
};
/* `bytes`: a call from its start, as far as it was captured; `call_len`: its whole length.
 * `strict`: they need not be a connection's first. */
struct recognised recognise(struct slice bytes, uint64_t call_len, bool strict);

/* apply.c: one record whose turn has come. */
/* The other direction's bytes up to `to` do not come, and passed before the record did. */
void apply_missed(struct track *t, struct conn *c, const struct rt_rec_data *before, uint64_t to,
		  enum rt_gap cause);
/* `wait`: RT_EARLY and RT_WAITED, for a response where no sequence says that the requests before it
 * were applied. */
void apply_data(struct track *t, struct conn *c, const struct rt_rec_data *rec, uint32_t wait);
/* True: the connection was closed and freed. */
bool apply_end(struct track *t, struct conn *c, const struct rt_rec_end *rec);

/* order.c */
/* True: the connection was closed and freed. */
bool order_record(struct track *t, struct conn *c, const struct rt_rec *rec);
bool order_drain(struct track *t, struct conn *c, bool force);
/* The rest of a record that is being applied, from `data` in its fragment `rest` on, waits for the
 * request it answers. `frags`: how many are left. */
void order_hold_rest(struct track *t, struct conn *c, const struct rt_rec_data *rec,
		     const struct rt_frag *rest, const uint8_t *data, uint16_t frags);
void order_free(struct track *t, struct conn *c);

#endif
