/* SPDX-License-Identifier: GPL-2.0-or-later */
/* package.json of Node. Source: docs.npmjs.com, package.json, "name"; RFC 8259. Pure. */
#ifndef REDTAP_CAPTURE_PACKAGE_H
#define REDTAP_CAPTURE_PACKAGE_H

#include "base/slice.h"

/*
 * The string value of the top-level key "name", escapes as they stand (a package's name has none).
 * Points into `json`, which may be cut. Empty: none found before the text ends or stops being JSON.
 */
struct slice package_name(struct slice json);

#endif
