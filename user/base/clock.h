/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clocks redtap knows. Event times are CLOCK_MONOTONIC, process start times CLOCK_BOOTTIME,
 * what leaves the host is wall time. Any thread.
 */
#ifndef REDTAP_BASE_CLOCK_H
#define REDTAP_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_SECOND 1000000000ull
#define CLOCK_NS_PER_MS     1000000ull

/* CLOCK_MONOTONIC: the clock of every event; stands still while the host sleeps. */
uint64_t clock_mono_ns(void);

/* CLOCK_BOOTTIME: goes on while the host sleeps; field 22 of /proc/PID/stat is in it. */
uint64_t clock_boot_ns(void);

/* CPU time of this process, all threads. */
uint64_t clock_process_ns(void);

/* CLOCK_REALTIME, since 1970. */
uint64_t clock_wall_ns(void);

/*
 * What to add to a monotonic time for the other clock. The two clocks are read as close together
 * as the scheduler lets them, so the error is below a microsecond. The wall clock can be set at any
 * time and the boot clock moves on at each suspend: ask again rather than keep it for hours.
 */
int64_t clock_wall_offset_ns(void);
int64_t clock_boot_offset_ns(void);

#endif
