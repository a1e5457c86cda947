/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a request target is called in the label `endpoint`. Pure. The rule, first that applies:
 *
 *  1. method CONNECT				`authority`
 *  2. an empty target, or one that is no path	`other`
 *  3. `*`					`*`
 *  4. the configuration's routes, in their order: the template's text
 *  5. the path, in which a segment becomes `{id}` when it is
 *	- digits,
 *	- a UUID,
 *	- 8 or more hex digits with a figure among them,
 *	- anything with an `@`,
 *	- 20 or more characters with letters and figures among them,
 *     and nothing else: `v1` stays.
 *
 * An absolute form stands for its path. Query and fragment never appear; percent-encoding is left
 * alone. The result is printable UTF-8 (other bytes become `_`) of 1 to RT_LABEL_BYTES bytes; what
 * would be longer is cut between segments. As parsers cut targets at that length too, the last
 * segment of a target as long as that is taken for cut and left out.
 */
#ifndef REDTAP_NAMES_ENDPOINT_H
#define REDTAP_NAMES_ENDPOINT_H

#include "base/slice.h"

struct endpoint_routes;

/* An empty list. NULL: no memory. */
struct endpoint_routes *endpoint_routes_new(void);

/* Accepts NULL. */
void endpoint_routes_free(struct endpoint_routes *routes);

/*
 * Adds a template, of which a copy is kept: `/users/{id}`. A segment in braces stands for any one
 * segment that is not empty; a last segment of one asterisk for any rest, also an empty one behind
 * the slash. Everything else is compared byte by byte, a slash at the end included. -EINVAL: does
 * not start with `/`, longer than RT_LABEL_BYTES, or not printable UTF-8; -ENOMEM.
 */
int endpoint_routes_add(struct endpoint_routes *routes, struct slice template);

/*
 * Writes the name of `target` (as sent) and returns its bytes, 0 only when out_bytes is less than
 * 16; no NUL. `routes` may be NULL. Allocates nothing; any number of threads.
 */
size_t endpoint_name(const struct endpoint_routes *routes, struct slice target, struct slice method,
		     char *out, size_t out_bytes);

#endif
