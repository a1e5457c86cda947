// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/utf8.h"

/* Bytes of the printable character at the start of `p`, 0 if there is none (RFC 3629 section 4). */
static size_t utf8_step(const uint8_t *p, size_t n)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	/* overlong forms, surrogates, and past U+10FFFF */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

bool utf8_printable(struct slice s)
{
	size_t step;

	for (size_t i = 0; i < s.n; i += step) {
		step = utf8_step(s.p + i, s.n - i);
		if (!step)
			return false;
	}
	return true;
}

size_t utf8_clean(struct slice s, char *out, size_t out_bytes)
{
	size_t n = 0, i = 0;

	while (i < s.n) {
		size_t step = utf8_step(s.p + i, s.n - i);
		size_t len = step ? step : 3;

		if (out_bytes - n < len)
			break;
		memcpy(out + n, step ? (const void *)(s.p + i) : "\xef\xbf\xbd", len);
		n += len;
		i += step ? step : 1;
	}
	return n;
}
