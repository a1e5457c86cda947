/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lets `burst` events pass per interval and counts the rest. Pure: the caller brings the time.
 * A zeroed struct is ready. Not locked: one thread, or the caller's lock.
 */
#ifndef REDTAP_BASE_RATELIMIT_H
#define REDTAP_BASE_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct ratelimit {
	uint64_t start_ns; /* of the running interval; 0: none yet */
	uint32_t passed;   /* in the running interval */
	uint32_t missed;   /* since the last one that passed; stays at UINT32_MAX */
};

/*
 * Whether an event at now_ns (any clock that does not go back, not 0) may pass. When it may,
 * *missed is how many were held back since the last that passed; else it is not written.
 */
bool ratelimit_pass(struct ratelimit *rl, uint64_t now_ns, uint64_t interval_ns, uint32_t burst,
		    uint32_t *missed);

#endif
