/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitoring of the monitoring: redtap_* and process_*. Whoever sees all modules fills a
 * struct self_sample before a scrape and hands it over; every cause shows from the start, with 0.
 * One thread, the registry's writer.
 */
#ifndef REDTAP_METRICS_SELF_H
#define REDTAP_METRICS_SELF_H

#include "event.h"
#include "metrics/red.h"
#include "metrics/registry.h"
#include "proto/proto.h"
#include "stats.h"

/* What user space lost at a bound, beside the kernel's causes of redtap_events_lost_total. */
enum self_lost {
	SELF_LOST_CONNS,     /* connections beyond RT_CONNS_MAX */
	SELF_LOST_HELD,      /* records that waited for their order beyond RT_HELD_* */
	SELF_LOST_PROCS,     /* processes beyond RT_PROCS_MAX */
	SELF_LOST_CARRY,     /* incomplete units beyond RT_CARRY_BYTES */
	SELF_LOST_MALFORMED, /* writes to a queue that could not be read */
	SELF_LOST_RECURSION, /* program runs the kernel skipped: the same one ran below */
	SELF_LOST_MAX,
};

#define SELF_ROLES    (RT_ROLE_SERVER + 1)
#define SELF_PROGRAMS 64

/* One BPF program's time so far. */
struct self_program {
	const char *name;
	uint64_t run_ns;
};

/* What redtap costs and what it does about it; ratios from 0 to 1. */
struct self_budget {
	double overhead;
	double sampling;
	uint32_t step;
	uint64_t steps_down, steps_up;
};

/* Totals are since the start; memory is in bytes. */
struct self_sample {
	uint64_t stats[RT_STAT_MAX]; /* of the kernel half, summed over CPUs */
	uint64_t lost[SELF_LOST_MAX];
	uint64_t gap_bytes[RT_GAP_MAX];
	uint64_t unparsed[RT_PROTO_MAX][RT_UNPARSED_MAX];
	uint32_t connections[RT_PROTO_MAX][SELF_ROLES]; /* now */
	struct red_stats red;
	uint64_t read_bytes; /* of records */
	uint64_t ring_bytes;
	uint64_t map_bytes;
	struct self_budget budget;
	const struct self_program *programs; /* NULL where run times are not known */
	uint32_t programs_len;               /* at most SELF_PROGRAMS are shown */
};

/* The labels of redtap_build_info; copied. */
struct self_info {
	const char *version;
	const char *capture;    /* `socket` or `syscall` */
	const char *kernel;     /* release */
	const char *send_stamp; /* what stamps the start of a sent message: `entry` or `return` */
};

struct self;

/* Adds the families, and their series with 0. NULL: no memory, or no room in the registry. */
struct self *self_new(struct registry *registry, struct intern *names,
		      const struct self_info *info);
void self_free(struct self *self);

/* Writes a sample, the registry's own figures and those of this process (/proc/self). */
void self_update(struct self *self, const struct self_sample *sample);

#endif
