// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/buf.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES 4096
#define PRINTF_BYTES    1024

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){.max = max_bytes};
}

void buf_free(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}

char *buf_take(struct buf *b)
{
	char *p = b->p;

	buf_init(b, b->max);
	return p;
}

static int buf_grow(struct buf *b, size_t more)
{
	size_t limit = b->max ? b->max : SIZE_MAX / 2;
	size_t cap = b->cap ? b->cap : BUF_FIRST_BYTES;
	char *p;

	if (more > limit || b->n > limit - more)
		return -EFBIG;
	while (cap < b->n + more)
		cap *= 2;
	if (cap > limit)
		cap = limit;
	p = realloc(b->p, cap);
	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

char *buf_reserve(struct buf *b, size_t more)
{
	if (b->error)
		return NULL;
	if (!b->p || b->cap - b->n < more) {
		b->error = buf_grow(b, more);
		if (b->error)
			return NULL;
	}
	return b->p + b->n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	char *to = n ? buf_reserve(b, n) : NULL;

	if (!to)
		return;
	memcpy(to, p, n);
	b->n += n;
}

void buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t v)
{
	char *p = buf_reserve(b, FMT_U64_BYTES);

	if (p)
		buf_commit(b, fmt_u64(p, v));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	char text[PRINTF_BYTES];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		if (!b->error)
			b->error = -EFBIG;
		return;
	}
	buf_put(b, text, (size_t)n);
}

static const char fmt_pairs[] = "0001020304050607080910111213141516171819"
				"2021222324252627282930313233343536373839"
				"4041424344454647484950515253545556575859"
				"6061626364656667686970717273747576777879"
				"8081828384858687888990919293949596979899";

char *fmt_u64(char *p, uint64_t v)
{
	char text[FMT_U64_BYTES];
	char *at = text + sizeof(text);
	size_t n;

	while (v >= 100) {
		at -= 2;
		memcpy(at, &fmt_pairs[v % 100 * 2], 2);
		v /= 100;
	}
	if (v >= 10) {
		at -= 2;
		memcpy(at, &fmt_pairs[v * 2], 2);
	} else {
		*--at = (char)('0' + v);
	}
	n = (size_t)(text + sizeof(text) - at);
	memcpy(p, at, n);
	return p + n;
}

char *fmt_seconds(char *p, uint64_t ns)
{
	uint32_t rest = (uint32_t)(ns % 1000000000u);
	int digits = 9;

	p = fmt_u64(p, ns / 1000000000u);
	if (!rest)
		return p;
	while (rest % 10 == 0) {
		rest /= 10;
		digits--;
	}
	*p = '.';
	for (int i = digits; i > 0; i--) {
		p[i] = (char)('0' + rest % 10);
		rest /= 10;
	}
	return p + digits + 1;
}

char *fmt_f64(char *p, double v)
{
	/* 2^53: up to there every whole number has its own double */
	const double whole_max = 9007199254740992.0;
	char text[FMT_F64_BYTES];
	size_t n;

	if (isnan(v))
		return (char *)mempcpy(p, "NaN", 3);
	if (isinf(v))
		return (char *)mempcpy(p, v > 0 ? "+Inf" : "-Inf", 4);
	if (fabs(v) < whole_max && v == (double)(int64_t)v) {
		if (v < 0)
			*p++ = '-';
		return fmt_u64(p, (uint64_t)fabs(v));
	}
	n = (size_t)snprintf(text, sizeof(text), "%.15g", v);
	if (strtod(text, NULL) != v)
		n = (size_t)snprintf(text, sizeof(text), "%.17g", v);
	/* Whatever is none of a number's characters is the locale's point, of one byte or more. */
	for (size_t i = 0; i < n; i++) {
		if (strchr("0123456789+-e", text[i]))
			*p++ = text[i];
		else if (p[-1] != '.')
			*p++ = '.';
	}
	return p;
}
