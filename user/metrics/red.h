/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rate, errors, duration: finished exchanges of the parsers become the HTTP, db_*, kafka_* and
 * errors_total families. Names, labels and meaning are the contract of docs/METRICS.md.
 *
 * One thread, the registry's writer. Nothing is allocated for label sets seen before.
 */
#ifndef REDTAP_METRICS_RED_H
#define REDTAP_METRICS_RED_H

#include "metrics/registry.h"
#include "proto/proto.h"

struct endpoint_routes;
struct kafka_lag;

/* Whose exchange it is, and with whom; interned names. */
struct red_who {
	uint32_t service;
	uint32_t peer;     /* clients only */
	enum rt_role role; /* of `service` in the exchange; everything but a client is a server */
};

struct red_config {
	struct registry *registry;
	struct intern *names;   /* the registry's */
	uint32_t names_max;     /* the bound that `names` was made with */
	uint32_t endpoints_max; /* per service, then `other`; 0: RT_ENDPOINTS_MAX */
	/* The configured routes of a service, or NULL for none; the function may be NULL. */
	const struct endpoint_routes *(*routes)(void *arg, uint32_t service);
	void *arg;
};

/* What is counted on the way, since red_new(). */
struct red_stats {
	uint64_t negative_durations; /* clamped to 0 */
	uint64_t batched_statements; /* statements that shared their ReadyForQuery with others */
	uint64_t endpoints_folded;   /* HTTP exchanges booked as `other` past endpoints_max */
};

struct red;

/* Adds the families. NULL: no memory, or the registry has no room for them. */
struct red *red_new(const struct red_config *config);
void red_free(struct red *red);

/* A finished exchange. */
void red_txn(struct red *red, const struct red_who *who, const struct rt_txn *txn);

/* Records of a Kafka request; of interest from the client's side only. */
void red_records(struct red *red, const struct red_who *who, const struct rt_kafka_records *rec);

/* A batch that a Kafka consumer fetched: its newest record's time stamp, and when, both in
 * nanoseconds of the wall clock. */
void red_delivered(struct red *red, const struct red_who *who, uint32_t topic, uint64_t stamp_ns,
		   uint64_t fetched_ns);

/* All lags there are, said between begin and end; what was not said is no more. Of one that is said
 * more than once the newest counts. */
void red_lag_begin(struct red *red);
void red_lag(struct red *red, const struct kafka_lag *lag);
void red_lag_end(struct red *red);

/* HTTP requests of a server begun (+) or ended (-). The sum of a service never shows below 0. */
void red_in_flight_add(struct red *red, uint32_t service, int32_t delta);

/*
 * A connection of a client to a database (`who`, `database`: interned) is in `state` (enum
 * pg_pool_state), and was counted at `seat` (NULL: nowhere). Returns where it is counted now; NULL
 * for a state that has no name. A seat lasts until it is handed back.
 */
struct series *red_pool(struct red *red, struct series *seat, const struct red_who *who,
			uint32_t database, int state);

/* Forgets which endpoint a target belongs to: the routes were changed. */
void red_routes_changed(struct red *red);

/* Lets endpoints expire; call it beside registry_tick(). */
void red_tick(struct red *red);

void red_stats(const struct red *red, struct red_stats *out);

#endif
