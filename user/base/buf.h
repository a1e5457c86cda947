/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that grows while it is written. The first failure (no memory, or past the bound) sticks and
 * everything after it is dropped, so that a writer checks once, at the end. One thread.
 * Numbers are written the same in every locale.
 */
#ifndef REDTAP_BASE_BUF_H
#define REDTAP_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct buf {
	char *p; /* malloc()ed, NULL while empty; not NUL-terminated */
	size_t n;
	size_t cap;
	size_t max; /* bytes at most; 0: no bound */
	int error;  /* 0, -ENOMEM, or -EFBIG at the bound */
};

/* An empty buffer of at most `max_bytes` (0: no bound). Takes no memory. */
void buf_init(struct buf *b, size_t max_bytes);

/* Frees the memory; the buffer can be used again. Accepts a buffer of all zeros. */
void buf_free(struct buf *b);

/* Hands the memory to the caller, who free()s it, and leaves the buffer empty. */
char *buf_take(struct buf *b);

/* Room for `more` bytes behind the text, not NULL; NULL after a failure. Valid until the next call.
 */
char *buf_reserve(struct buf *b, size_t more);

/* Takes over what was written to the room of buf_reserve(): everything before `end`. */
static inline void buf_commit(struct buf *b, const char *end)
{
	b->n = (size_t)(end - b->p);
}

void buf_put(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v);

/* printf, for what is not written often; each call writes at most 1 KiB, more is -EFBIG. */
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *fmt, ...);

#define FMT_U64_BYTES     20
#define FMT_F64_BYTES     32
#define FMT_SECONDS_BYTES 21

/* Each writes at `p`, at most the number of bytes above, without NUL, and returns the end. */
char *fmt_u64(char *p, uint64_t v);
/* The shortest of 15 or 17 significant digits that reads back as `v`; `NaN`, `+Inf`, `-Inf`. */
char *fmt_f64(char *p, double v);
/* Nanoseconds as seconds, exact, without trailing zeros: 1500000000 is `1.5`. */
char *fmt_seconds(char *p, uint64_t ns);

#endif
