/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From records to transactions: connections, the order of their records, byte streams with
 * explicit gaps, recognition, and the protocol parsers. Knows no kernel interface and no metric;
 * what it finds goes out through struct track_ops. One thread (the intake).
 *
 * Order. Queues are read one after the other, so records of one connection may come in any order.
 * A record says where the one before it in its direction ended (`prev`) and how far the other
 * direction had come (`other`): it is held until its predecessor was applied, a response also until
 * the requests before it were, and a request until the responses before it were, unless one of them
 * waits for it in turn (two threads at once). A record held for too long is applied with an
 * explicit gap. Where there is no sequence (RT_F_NOSEQ) `other` misses calls whose hook has yet to
 * run, so that a response may come before its request: what a parser leaves for that (RT_EARLY) is
 * held again, for TRACK_WAIT_NS at most.
 */
#ifndef REDTAP_TRACK_H
#define REDTAP_TRACK_H

#include <stdbool.h>

#include "base/u64map.h"
#include "event.h"
#include "proto/proto.h"

#define TRACK_PASSES       3 /* over all queues, before a missing predecessor is given up */
#define TRACK_WAIT_NS      200000000ull   /* and at least so long: a writer may be held up */
#define TRACK_ORDER_NS     2000000000ull  /* before a response stops waiting for its request */
#define TRACK_IDLE_NS      10000000000ull /* without a call, before memory is given back */
#define TRACK_PREFIX_BYTES 32             /* kept of a direction that is not recognised yet */

struct track_held;

struct track_stream {
	uint64_t next;  /* offset of the next byte of the wire */
	uint8_t *carry; /* an incomplete unit, ends at `next` */
	uint32_t carry_len;
	uint32_t carry_cap;
	uint64_t carry_ns; /* time of its first byte */
	uint32_t carry_flags;
	uint32_t run; /* records since the other direction was heard */
	bool turned;  /* the other direction was heard since */
	bool eof;
};

/* A direction of a connection that is not recognised yet. */
struct track_early {
	uint8_t prefix[TRACK_PREFIX_BYTES]; /* its first bytes */
	uint32_t prefix_len;
	uint64_t prefix_ns; /* time of the first */
	uint64_t lost;      /* bytes missing so far */
	uint64_t lost_ns;   /* when the last of them passed */
};

struct conn {
	uint64_t id;
	uint32_t tgid;
	uint32_t netns;
	enum rt_role role;
	enum rt_protocol proto;
	struct rt_addr local, remote;
	uint64_t sock, peer_sock;
	char *path;                  /* AF_UNIX, or NULL */
	struct track_stream s[2];    /* by enum rt_io */
	struct track_early *early;   /* likewise, until it is recognised or left */
	const struct proto_ops *ops; /* NULL until recognised */
	void *state;
	uint32_t in_flight;
	struct track_held *held, **held_tail;
	uint32_t held_len;
	struct conn *held_next, **held_prev; /* the list of connections that hold something */
	struct conn *all_next, **all_prev;
	struct conn *tuple_next; /* same hash of ends */
	struct rt_hint hint;
	uint64_t tuple;
	uint64_t swept; /* number of the last sweep that listed it */
	bool named;     /* its RT_REC_CONN has come */
	bool known;     /* so has what names its process */
	bool late;
	bool reset;          /* an end said so */
	bool missed;         /* bytes went by before it was recognised */
	uint64_t resp_other; /* how far requests had come at the last response record */
	uint64_t resp_vain;  /* up to there responses were waited for in vain */
	bool left;           /* the parser left it alone; kept for in_flight */
	bool awaiting;       /* it left an answer for want of its request */
	uint8_t session;     /* of a client: what proto_ops.session() said last */
	/* for the owner of the table; 0 at first */
	uint32_t service;
	uint32_t peer;
	uint32_t database;
	bool peer_final;
	void *seat; /* where the session is counted */
};

struct track_ops {
	void *arg;
	void (*txn)(void *arg, struct conn *c, const struct rt_txn *txn);
	void (*records)(void *arg, struct conn *c, const struct rt_kafka_records *rec);
	void (*unparsed)(void *arg, struct conn *c, enum rt_unparsed cause, uint64_t n);
	/* rt_sink.delivered; may be NULL */
	void (*delivered)(void *arg, struct conn *c, uint32_t topic, int64_t stamp_ms,
			  uint64_t at_ns);
	void (*in_flight)(void *arg, struct conn *c, int delta);
	void (*hint)(void *arg, const struct conn *c, const struct rt_hint *hint);
	void (*closed)(void *arg, struct conn *c);
	/* A client's session began, changed, or is over (c->session is 0, always said before
	 * closed()); or its names may have changed. NULL: of no interest. */
	void (*session)(void *arg, struct conn *c);
	/* Whether the connection's process can be named by now; asked until it says so. NULL: yes.
	 */
	bool (*known)(void *arg, const struct conn *c);
	/* Whether one end is redtap's own; asked once. */
	bool (*own)(void *arg, const struct conn *c);
};

struct track_stats {
	uint64_t gap_bytes[RT_GAP_MAX];
	uint64_t records;
	uint64_t held;     /* had to wait for their order */
	uint64_t given_up; /* were applied without it */
	uint64_t conns_refused;
	uint64_t hold_refused;
	uint64_t carry_refused;
	uint64_t by_kind[RT_PROTO_MAX][3]; /* live connections by protocol and role */
};

struct track;

/* `ops` and `env` are borrowed and outlive the track. NULL: no memory. */
struct track *track_new(const struct track_ops *ops, const struct rt_env *env, uint32_t max_conns);
void track_free(struct track *t);

/* A record of a queue (RT_REC_CONN, RT_REC_DATA, RT_REC_END; others are ignored). */
void track_record(struct track *t, const struct rt_rec *rec);

/* All queues were read once more. `now_ns`: CLOCK_MONOTONIC. */
void track_pass(struct track *t, uint64_t now_ns);

/* The list of live connections: between begin and end, every connection that is still there; what
 * was not listed twice in a row is gone. */
void track_sweep_begin(struct track *t);
void track_sweep_seen(struct track *t, const struct rt_rec_open *rec);
void track_sweep_end(struct track *t, uint64_t now_ns);

/* The connection's other end when it is on this host and followed; NULL otherwise. */
struct conn *track_peer(const struct track *t, const struct conn *c);

/*
 * From now on the kernel leaves out the connections that rt_sample_of() puts at `sample` or beyond.
 * What was under way on them is given up and counted, and what still comes of them is a gap: the
 * kernel may have left out its answer. When one is looked at again it is as if met half-way.
 */
void track_sample(struct track *t, uint32_t sample);

/* Makes every connection ask for its names again. */
void track_forget_names(struct track *t);

/* Says again the sessions whose peer may still get another name, or (`all`) every one. */
void track_renew_sessions(struct track *t, bool all);

void track_stats(const struct track *t, struct track_stats *out);

#endif
