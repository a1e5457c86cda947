// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"

#include "base/utf8.h"

size_t text_step(const uint8_t *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n < len || !utf8_printable(slice_make(p, len)))
		return 0;
	/* The C1 control characters are U+0080 to U+009F. */
	return p[0] == 0xc2 && p[1] < 0xa0 ? 0 : len;
}
