/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kafka's records of a topic whose id has no name yet: the response that names it passed on another
 * connection, through another CPU's queue, and may be read a moment later. They wait for that
 * moment. Pure, one thread; bounded: what finds no room is to be told at once.
 */
#ifndef REDTAP_LATE_H
#define REDTAP_LATE_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics/red.h"

#define LATE_MAX     256
#define LATE_WAIT_NS 300000000ull /* several passes over all queues */

struct late_entry {
	struct red_who who;
	struct rt_kafka_records rec;
	uint64_t due_ns; /* unnamed for good */
};

/* Zeroes at first. */
struct late {
	struct late_entry entries[LATE_MAX];
	uint32_t n;
};

/*
 * A client's. Those that are counted alike (service, topic, outcome) are one entry, due when the
 * first is: of the rest of both the first's stands. False: there is no room.
 */
bool late_put(struct late *l, const struct red_who *who, const struct rt_kafka_records *rec,
	      uint64_t now_ns);

/*
 * Takes out, in their order, those whose topic has a name now, by name(arg, rec->unnamed), and
 * those that are due, and says them with what their topic is called or INTERN_UNKNOWN.
 */
void late_take(struct late *l, uint64_t now_ns, uint32_t (*name)(void *arg, uint32_t unnamed),
	       void (*say)(void *arg, const struct red_who *who,
			   const struct rt_kafka_records *rec),
	       void *arg);

#endif
