/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Content negotiation (RFC 9110 section 12.5). Pure. */
#ifndef REDTAP_SERVE_ACCEPT_H
#define REDTAP_SERVE_ACCEPT_H

#include <stdbool.h>

#include "metrics/expose.h"

/*
 * The format a client likes best, from its Accept header (NULL: it sent none). OpenMetrics when its
 * version 1.0.0 is wanted more than text, or equally but more expressly; else text, also for a
 * client that wants neither.
 */
enum expose_format accept_format(const char *accept);

/* Whether gzip may be used, from Accept-Encoding (NULL: it sent none). */
bool accept_gzip(const char *accept_encoding);

#endif
