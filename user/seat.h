/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the intake runs: off the CPUs that have no time left, while others have some. It goes ahead
 * of what it looks at (it must, when a host is busy), and the scheduler leaves a thread that wakes
 * for a millisecond where it is. One thread's own; looks at /proc/stat only while there is much to
 * take in.
 */
#ifndef REDTAP_SEAT_H
#define REDTAP_SEAT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define SEAT_BUSY    (1u << 20)    /* bytes of queues a second, from which on it is worth a look */
#define SEAT_SOON_NS 100000000ull  /* between the looks, as that begins */
#define SEAT_LATE_NS 1000000000ull /* later on; and until a pause is more than that */

/* One CPU's time since boot, in clock ticks; 0 in all: it is offline. */
struct seat_time {
	uint64_t idle; /* waiting for a disk included */
	uint64_t all;
};

struct seat;

/* For the calling thread, with the CPUs that it may use now, of `cpus` that there can be. NULL: out
 * of memory, or not known. */
struct seat *seat_new(int cpus);
void seat_free(struct seat *s);

/*
 * On that thread, as often as it comes by: does something when a look is due. now_ns:
 * CLOCK_MONOTONIC; heard: bytes of the queues since the start.
 */
void seat_tick(struct seat *s, uint64_t now_ns, uint64_t heard);

/*
 * To the CPUs of `set`, or back (NULL). Once somebody else has said where this thread belongs, it
 * is left there for good; what a cpuset or a CPU that went away takes from it is not such a word.
 */
void seat_move(struct seat *s, const cpu_set_t *set);

/* How many CPUs of `text`, the content of /proc/stat, were found; out[0, cpus) by CPU number. */
int seat_times(const char *text, struct seat_time *out, int cpus);

/*
 * The CPUs of `may` that had time left between the two looks, into `out`; both sets of `bytes`.
 * False: none had much, or all had some, so that there is nothing to choose. `there`: the thread is
 * on such CPUs already, and has used up some of what they had.
 */
bool seat_choose(const struct seat_time *was, const struct seat_time *now, int cpus,
		 const cpu_set_t *may, cpu_set_t *out, size_t bytes, bool there);

#endif
