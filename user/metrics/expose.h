/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registry as text: Prometheus text format 0.0.4 and OpenMetrics 1.0.0. One pass; each value is
 * read once, and within a histogram `_count` is the sum of the buckets as they were read. A family
 * without series leaves no line.
 */
#ifndef REDTAP_METRICS_EXPOSE_H
#define REDTAP_METRICS_EXPOSE_H

#include "base/buf.h"
#include "metrics/registry.h"

enum expose_format {
	EXPOSE_TEXT,        /* text/plain; version=0.0.4 */
	EXPOSE_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
};

/* The value of Content-Type; static. */
const char *expose_content_type(enum expose_format format);

/* Appends the whole page. 0, or buf's error. Reader's thread (metrics/registry.h). */
int expose(struct registry *r, enum expose_format format, struct buf *out);

#endif
