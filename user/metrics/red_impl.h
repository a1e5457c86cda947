/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by red*.c only. */
#ifndef REDTAP_METRICS_RED_IMPL_H
#define REDTAP_METRICS_RED_IMPL_H

#include "metrics/endpoints.h"
#include "metrics/red.h"
#include "proto/postgres.h"

enum red_family {
	RED_HTTP_REQUESTS,
	RED_HTTP_DURATION,
	RED_HTTP_FIRST_BYTE,
	RED_HTTP_IN_FLIGHT,
	RED_HTTP_REQUEST_BYTES,
	RED_HTTP_RESPONSE_BYTES,
	RED_HTTP_CLIENT_REQUESTS,
	RED_HTTP_CLIENT_DURATION,
	RED_DB_DURATION,
	RED_DB_QUERIES,
	RED_DB_ROWS,
	RED_DB_FIRST_ROW,
	RED_DB_POOL,
	RED_DB_SERVER_QUERIES,
	RED_DB_SERVER_DURATION,
	RED_KAFKA_MESSAGES,
	RED_KAFKA_BYTES,
	RED_KAFKA_REQUESTS,
	RED_KAFKA_DURATION,
	RED_KAFKA_WAIT,
	RED_KAFKA_LAG,
	RED_KAFKA_DELIVERY,
	RED_KAFKA_SERVER_REQUESTS,
	RED_KAFKA_SERVER_DURATION,
	RED_ERRORS,
	RED_FAMILIES,
};

extern const struct family_desc red_families[RED_FAMILIES];

/* Interned values of fixed sets. Methods are the parser's: the known ones and `_OTHER`. */
#define RED_METHODS  11
#define RED_STATUSES 1000

enum red_severity {
	RED_WARNING,
	RED_ERROR,
	RED_CRITICAL,
	RED_SEVERITIES,
};

/*
 * The series of one label set, so that an exchange like the one before finds them in one step.
 * What kinds of exchange put into `key` and `s` is their own business; key[0] tells them apart.
 */
#define RED_SLOTS       1024
#define RED_SLOT_SERIES 6

enum red_kind {
	RED_KIND_NONE, /* an empty slot */
	RED_KIND_HTTP,
	RED_KIND_DB,
	RED_KIND_KAFKA,
	RED_KIND_RECORDS,
	RED_KIND_DELIVERY,
};

struct red_slot {
	uint32_t key[5];
	uint32_t generation;               /* of the registry, when the pointers were taken */
	struct series *s[RED_SLOT_SERIES]; /* NULL: not looked up yet */
};

struct red_open {
	int32_t count;
	uint32_t folded; /* booked under `other` until it is back at 0 */
};

/* One label set of the lag; the newest of several counts. */
struct red_lag_row {
	uint32_t ids[4];
	uint64_t at_ns;
	uint64_t messages;
};

struct red_lag_rows {
	struct red_lag_row *rows;
	uint32_t len, cap;
};

struct red {
	struct registry *registry;
	struct intern *names;
	struct family *families[RED_FAMILIES];
	struct endpoints *endpoints;
	struct red_open *open; /* by service */
	uint32_t names_max;
	uint32_t methods[RED_METHODS];
	uint32_t statuses[RED_STATUSES]; /* 0: not interned yet; that of status 0 is `error` */
	uint32_t severities[RED_SEVERITIES];
	uint32_t ok, error, produced, consumed;
	uint32_t pool_states[PG_POOL_NONE];
	uint32_t outcomes[RT_KAFKA_CONSUMED + 1]; /* by enum rt_kafka_outcome */
	struct red_lag_rows lag[2];               /* the series there are, and what is being said */
	struct red_stats stats;
	struct red_slot slots[RED_SLOTS];
};

/* The slot of this key, emptied if it was another's. */
struct red_slot *red_slot(struct red *red, const uint32_t key[5]);

/* Looks the i-th series of the slot up, and keeps it there unless it was folded. */
struct series *red_slot_fill(struct red *red, struct red_slot *slot, int i, enum red_family family,
			     const uint32_t *ids);

static inline struct series *red_series(struct red *red, struct red_slot *slot, int i,
					enum red_family family, const uint32_t *ids)
{
	return slot->s[i] ? slot->s[i] : red_slot_fill(red, slot, i, family, ids);
}

/* Counts errors_total{error_type=<prefix><text>}. */
void red_error(struct red *red, uint32_t service, const char *prefix, const char *text,
	       enum red_severity severity);

/* The time from `start_ns` to `end_ns`, 0 and counted when that is negative. */
uint64_t red_elapsed(struct red *red, uint64_t start_ns, uint64_t end_ns);

/* Interns methods and the status of what has none. */
void red_http_intern(struct red *red);

/* Interns the states of a connection pool. */
void red_db_intern(struct red *red);

void red_http(struct red *red, const struct red_who *who, const struct rt_txn *txn);
void red_db(struct red *red, const struct red_who *who, const struct rt_txn *txn);
void red_kafka(struct red *red, const struct red_who *who, const struct rt_txn *txn);

#endif
