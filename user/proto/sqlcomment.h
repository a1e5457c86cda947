/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlcommenter (google.github.io/sqlcommenter/spec): trace context in a comment of SQL. Pure. */
#ifndef REDTAP_PROTO_SQLCOMMENT_H
#define REDTAP_PROTO_SQLCOMMENT_H

#include "base/slice.h"

#define SQLCOMMENT_TRACEPARENT 56 /* 55 characters (W3C Trace Context, version 00) and a NUL */

/* Looks in a whole comment, with its slashes and asterisks, for a valid `traceparent`, which may
 * be percent-encoded. Written only when there is one. */
bool sqlcomment_traceparent(struct slice comment, char out[SQLCOMMENT_TRACEPARENT]);

#endif
