/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a request target to the number of its endpoint name, with a cache in front, and a cap per
 * service behind: past it, targets are `other`. An endpoint not seen for long makes room.
 * One thread.
 */
#ifndef REDTAP_METRICS_ENDPOINTS_H
#define REDTAP_METRICS_ENDPOINTS_H

#include "base/intern.h"

struct endpoint_routes;
struct endpoints;

struct endpoints_config {
	struct intern *names; /* outlives the table */
	uint32_t per_service; /* endpoints at most */
	const struct endpoint_routes *(*routes)(void *arg, uint32_t service); /* may be NULL */
	void *arg;
};

/* Endpoints of all services together; past it they are `other` as well. */
#define RT_ENDPOINTS_TOTAL 8192

/* NULL: no memory. */
struct endpoints *endpoints_new(const struct endpoints_config *config);
void endpoints_free(struct endpoints *e);

/* The interned endpoint of a target as sent; INTERN_OTHER for an empty one and past the cap. */
uint32_t endpoints_get(struct endpoints *e, uint32_t service, struct slice method,
		       struct slice target);

/* Drops the cache, not the endpoints. */
void endpoints_flush(struct endpoints *e);

/* Forgets what was not seen for `expire_ns`; cheap when called too often. */
void endpoints_tick(struct endpoints *e, uint64_t now_ns, uint64_t expire_ns);

/* endpoints_get() calls that found their service at the cap. */
uint64_t endpoints_folded(const struct endpoints *e);

#endif
