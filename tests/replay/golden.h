/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A conversation as text (tests/replay/README.md has the notation): who says what, in which order,
 * and what redtap is to make of it. Read by test_golden.c, which plays it to the parsers, and by
 * play.c, which plays it over sockets.
 *
 * Whoever reads a golden that is not well-formed says where and exits: nothing is guessed.
 */
#ifndef REDTAP_REPLAY_GOLDEN_H
#define REDTAP_REPLAY_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/proto.h"

#define GOLDEN_STEPS_MAX  256
#define GOLDEN_TOKENS_MAX 96
#define GOLDEN_WANT_BYTES 65536
/* A direction up to GOLDEN_CUT_BYTES is cut at every point, a longer one at every GOLDEN_STRIDE-th
 * and, GOLDEN_EDGE from its beginning and end, wherever a message ends within GOLDEN_NEAR. */
#define GOLDEN_CUT_BYTES 4096
#define GOLDEN_EDGE      256
#define GOLDEN_NEAR      24
#define GOLDEN_STRIDE    997

enum golden_act {
	GOLDEN_BYTES,
	GOLDEN_SHUT,      /* shutdown(SHUT_WR) */
	GOLDEN_CLOSE,     /* close() */
	GOLDEN_RESET,     /* close() with SO_LINGER 0 */
	GOLDEN_ATTACH,    /* redtap starts here; what was before it was never seen */
	GOLDEN_IN_FLIGHT, /* as many requests are open now: `len` */
};

struct golden_step {
	enum golden_act act;
	enum rt_dir side; /* who does it: RT_REQ the client, RT_RESP the server */
	size_t at, len;   /* in bytes[side] */
	bool nowait;      /* does not wait for what the other side said before it */
};

struct golden_side {
	uint8_t *bytes;
	size_t len, cap;
	size_t *ends; /* of its messages */
	size_t nends, cap_ends;
};

struct golden {
	enum rt_protocol proto;
	struct golden_side side[2]; /* by enum rt_dir */
	struct golden_step steps[GOLDEN_STEPS_MAX];
	int nsteps;
	int settled; /* steps before this one are never cut: 0, or where a late redtap is at home */
	int plays;   /* over sockets at most, by one process; 0: any number */
	bool serial; /* holds `$`: differs from play to play */
	bool late;   /* has GOLDEN_ATTACH */
	bool resets;
	char want[GOLDEN_WANT_BYTES]; /* expected lines, each ended by \n */
	size_t want_len;
};

/* `serial`: the number that `$` stands for. */
struct golden *golden_read(const char *path, uint64_t serial);
void golden_free(struct golden *g);

/* The steps, what one side says run together as far as the waits allow. Number of steps. */
int golden_coalesce(const struct golden *g, struct golden_step out[GOLDEN_STEPS_MAX]);

/* The next point after `at` where the direction is to be cut; 0: none. */
size_t golden_next_cut(const struct golden *g, enum rt_dir side, size_t at);

/* ---- for the notations (golden_http.c, golden_pg.c, golden_kafka.c) ---- */

struct golden_token {
	const char *p; /* unescaped, ended by NUL besides */
	size_t n;
	bool quoted; /* began with a quotation mark */
};

struct golden_line {
	const char *path;
	int number;
	enum rt_dir side;
	const char *text; /* without its indentation */
	struct golden_token token[GOLDEN_TOKENS_MAX];
	int n;
	uint64_t serial;
};

/* Says what is wrong with the line and exits. */
_Noreturn void golden_bad(const struct golden_line *line, const char *what);

/* Appends to the side of the line; golden_end() where a message ends. */
void golden_put(struct golden *g, enum rt_dir side, const void *p, size_t n);
void golden_put_int(struct golden *g, enum rt_dir side, int64_t v, int bytes);
void golden_set_int(struct golden *g, enum rt_dir side, size_t at, int64_t v, int bytes);
void golden_end(struct golden *g, enum rt_dir side);

/* The value of a token; `$` is the serial. */
int64_t golden_int(struct golden *g, const struct golden_line *line, const char *text);
/* Removes the escapes of text[0..n) in place: \r \n \t \0 \\ \" \xHH. The length left. */
size_t golden_unescape(char *text, size_t n);

/* One line of a block each. */
void golden_http_line(struct golden *g, const struct golden_line *line);
void golden_pg_line(struct golden *g, const struct golden_line *line);
void golden_kafka_line(struct golden *g, const struct golden_line *line);
/* A block is over: a frame that is still open ends. */
void golden_kafka_flush(struct golden *g, const struct golden_line *line);

#endif
