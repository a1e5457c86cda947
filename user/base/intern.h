/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strings that recur (service, endpoint, topic, peer ...) as small numbers. A number stays valid
 * for the life of the table; nothing is ever removed, so the table is bounded: past its bound, and
 * for a string of more than RT_LABEL_BYTES, INTERN_OTHER is returned and counted.
 * Writers: one thread. intern_get() may be called from any thread for an id it was given.
 */
#ifndef REDTAP_BASE_INTERN_H
#define REDTAP_BASE_INTERN_H

#include "base/slice.h"

#define INTERN_EMPTY   0u /* "" */
#define INTERN_OTHER   1u /* "other" */
#define INTERN_UNKNOWN 2u /* "unknown" */

struct intern;

/* `max`: strings at most, at least 8. NULL: no memory. */
struct intern *intern_new(uint32_t max);
void intern_free(struct intern *t);

/* The number of the string, a new one if it was not there yet. */
uint32_t intern_put(struct intern *t, struct slice s);

/* The string, NUL-terminated behind its n bytes; "" for a number that was never given. */
struct slice intern_get(const struct intern *t, uint32_t id);

/* How often intern_put() had to return INTERN_OTHER in place of a new number. */
uint64_t intern_overflows(const struct intern *t);
uint32_t intern_count(const struct intern *t);

#endif
