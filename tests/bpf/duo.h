/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of gaps: a connection of this process with itself, whose client sends random bytes.
 */
#ifndef REDTAP_TEST_DUO_H
#define REDTAP_TEST_DUO_H

#include "rig.h"

static const uint8_t ssl_request[8] = {0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f};

/* Two ends, known to be PostgreSQL, of which 64 KiB of a call are copied. */
struct duo {
	struct rig *r;
	struct rig_pair p;
	uint8_t sent[1 << 20]; /* by the client */
	size_t n;
};

static inline void put(struct duo *d, size_t n)
{
	static uint32_t x = 4711;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		d->sent[d->n + i] = (uint8_t)(x >> 24);
	}
	if (write(d->p.client, d->sent + d->n, n) != (ssize_t)n)
		abort();
	d->n += n;
}

static inline void get(struct duo *d, size_t n)
{
	static uint8_t buf[1 << 20];

	if (recv(d->p.server, buf, n, MSG_WAITALL) != (ssize_t)n ||
	    memcmp(buf, d->sent + d->n - n, n))
		abort();
}

static inline struct duo *duo_new(enum capture_mode mode, enum rig_family family)
{
	struct duo *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	d->r = rig_new(mode);
	if (!d->r || !rig_connect(family, &d->p)) {
		rig_free(d->r);
		free(d);
		return NULL;
	}
	memcpy(d->sent, ssl_request, 8);
	d->n = 8;
	if (write(d->p.client, d->sent, 8) != 8)
		abort();
	get(d, 8);
	return d;
}

static inline struct rig_dir *duo_dir(struct duo *d, bool server)
{
	struct rig_conn *c;

	rig_read(d->r);
	c = rig_end(d->r, &d->p, server);
	if (!c)
		abort();
	return &c->d[!server];
}

static inline void duo_free(struct duo *d)
{
	rig_close(&d->p);
	rig_read(d->r);
	rig_free(d->r);
	free(d);
}

#define EVERY(name)                                                                                \
	static void name(enum capture_mode mode, enum rig_family family);                          \
	TEST(name)                                                                                 \
	{                                                                                          \
		for (int mode = CAPTURE_SOCKET; mode <= CAPTURE_SYSCALL && !test_failed; mode++)   \
			for (int f = 0; f < RIG_FAMILIES && !test_failed && !test_skip; f++) {     \
				name((enum capture_mode)mode, (enum rig_family)f);                 \
				if (test_failed)                                                   \
					printf("# %s, %s\n", rig_family_names[f],                  \
					       mode == CAPTURE_SOCKET ? "socket" : "syscall");     \
			}                                                                          \
	}                                                                                          \
	static void name(enum capture_mode mode, enum rig_family family)

/* All but [from, to) of the client's bytes came up on that side. */
static inline void all_but(struct duo *d, bool server, uint64_t from, uint64_t to)
{
	struct rig_dir *dir = duo_dir(d, server);

	CHECK_EQ(dir->end, d->n);
	CHECK(rig_has(dir, d->sent, 0, from));
	CHECK_EQ(rig_count(dir, from, to), 0);
	CHECK(rig_has(dir, d->sent, to, d->n));
	CHECK_EQ(rig_gaps(dir), to - from);
}

#endif
