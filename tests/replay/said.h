/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a parser says of a conversation, in the words of the goldens' expected lines. */
#ifndef REDTAP_REPLAY_SAID_H
#define REDTAP_REPLAY_SAID_H

#include <stddef.h>
#include <stdint.h>

#include "proto/proto.h"

#define SAID_LINES_MAX 2048

struct said {
	struct intern *names;
	char *lines[SAID_LINES_MAX];
	int n;
	uint64_t unparsed[RT_UNPARSED_MAX];
};

void said_init(struct said *s, struct intern *names);
void said_free(struct said *s);
struct rt_sink said_sink(struct said *s);

/* One line more, formatted. */
void said_add(struct said *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* All of it: sorted, equal lines as one with " xN", what was not parsed last. The caller frees. */
char *said_text(struct said *s);
/* Expected lines ("= ..." and "! ...") in the same order. The caller frees. */
char *said_sorted(const char *want);

#endif
