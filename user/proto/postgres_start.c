// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_state.h"

/* Codes of the untyped packets: protocol-message-formats.html */
#define PG_CODE_CANCEL 80877102u
#define PG_CODE_SSL    80877103u
#define PG_CODE_GSS    80877104u
#define PG_MAJOR       3u
#define PG_TLS_RECORD  0x16

bool pg_start_plausible(const uint8_t *p)
{
	uint32_t len = be32(p), code = be32(p + 4);

	if (code == PG_CODE_SSL || code == PG_CODE_GSS)
		return len == PG_START_HEAD;
	if (code == PG_CODE_CANCEL)
		return len > PG_START_HEAD && len <= PG_STARTUP_BYTES;
	return code >> 16 == PG_MAJOR && len > PG_START_HEAD && len <= PG_STARTUP_BYTES;
}

static uint8_t pg_keep(char *label, struct slice value)
{
	size_t n = value.n < PG_LABEL_BYTES ? value.n : PG_LABEL_BYTES;

	memcpy(label, value.p, n);
	return (uint8_t)n;
}

static struct slice pg_cut_string(struct slice *rest)
{
	const uint8_t *nul = rest->n ? memchr(rest->p, 0, rest->n) : NULL;
	struct slice s = {rest->p, nul ? (size_t)(nul - rest->p) : rest->n};
	size_t used = s.n + (nul ? 1 : 0);

	*rest = slice_make(rest->p + used, rest->n - used);
	return s;
}

static void pg_parameters(struct pg_conn *c, struct slice rest)
{
	while (rest.n) {
		struct slice key = pg_cut_string(&rest);
		struct slice value = pg_cut_string(&rest);

		if (!key.n)
			break;
		if (slice_eq(key, SLICE("database")))
			c->database_len = pg_keep(c->database, value);
		else if (slice_eq(key, SLICE("user")))
			c->user_len = pg_keep(c->user, value);
	}
	/* the database's name is the user's when it is not given */
	if (!c->database_len)
		c->database_len = pg_keep(c->database, slice_make(c->user, c->user_len));
}

ssize_t pg_start_step(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		      const struct rt_sink *sink)
{
	const uint8_t *p = chunk->data + at;
	size_t n = chunk->len - at;
	uint32_t len;

	if (p[0] == PG_TLS_RECORD)
		return RT_LEAVE; /* direct TLS, or what follows an answer that was not seen */
	if (n < PG_START_HEAD)
		return 0;
	if (!pg_start_plausible(p)) {
		sink->unparsed(sink->arg, RT_UNPARSED_MALFORMED, 1);
		c->phase = PG_READY;
		pg_sync_lost(c, RT_REQ);
		return (ssize_t)n;
	}
	len = be32(p);
	switch (be32(p + 4)) {
	case PG_CODE_SSL:
	case PG_CODE_GSS: c->negotiating++; return PG_START_HEAD;
	case PG_CODE_CANCEL: c->phase = PG_CANCEL; return (ssize_t)n;
	default:
		if (n < len)
			return 0;
		pg_parameters(c, slice_make(p + PG_START_HEAD, len - PG_START_HEAD));
		c->phase = PG_AUTH;
		return len;
	}
}
