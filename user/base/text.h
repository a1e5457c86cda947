/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking text that somebody else wrote, one character at a time. Pure. */
#ifndef REDTAP_BASE_TEXT_H
#define REDTAP_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes (1-4) of the character at p, of n > 0 bytes; 0 when it is not well-formed UTF-8 (RFC 3629)
 * or is a control character (C0, DEL, C1): the caller then replaces one byte and goes on.
 */
size_t text_step(const uint8_t *p, size_t n);

#endif
