/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /proc/self says about this process, for the standard process_* families (proc(5)). */
#ifndef REDTAP_METRICS_PROCSELF_H
#define REDTAP_METRICS_PROCSELF_H

#include <stdint.h>

struct procself {
	uint64_t cpu_ns; /* user and system */
	uint64_t resident_bytes;
	uint64_t virtual_bytes;
	uint64_t open_fds;
	uint64_t max_fds;
};

/* 0, or a negative errno when /proc cannot be read; `out` is written only on success. */
int procself_read(struct procself *out);

/* When the process started, in seconds since the epoch. 0, or a negative errno. Slow on a host with
 * many CPUs: once is enough. */
int procself_start(double *out_seconds);

#endif
