/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often the live connections are listed: once a second while the queues bring anything, less
 * and less often while they do not, when hardly anything can have begun to wait or have ended; a
 * scrape looks for itself. Pure, one thread.
 */
#ifndef REDTAP_PACE_H
#define REDTAP_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_MAX 8 /* seconds between two lists */

/* Zeroes at first. */
struct pace {
	uint64_t heard; /* at the last list */
	uint32_t pause; /* seconds from one to the next */
	uint32_t wait;  /* seconds to go */
};

/* Once a second: whether it is time. heard: bytes the queues have brought since the start. */
bool pace_due(struct pace *p, uint64_t heard);

#endif
