/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Label values come off the wire; the exposition formats demand UTF-8. Pure. */
#ifndef REDTAP_BASE_UTF8_H
#define REDTAP_BASE_UTF8_H

#include <stdbool.h>

#include "base/slice.h"

/* Whether the text is UTF-8 (RFC 3629) without control characters (U+0000..U+001F, U+007F). */
bool utf8_printable(struct slice s);

/*
 * A copy with every byte that breaks the rule above replaced by U+FFFD, cut before the character
 * that would not fit into `out_bytes`. Returns the bytes written; no NUL.
 */
size_t utf8_clean(struct slice s, char *out, size_t out_bytes);

#endif
