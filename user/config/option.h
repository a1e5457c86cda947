/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The option table: one row per option, from which the command line, the environment, the YAML keys
 * and --help are made. An option called `log-level` is `--log-level`, `REDTAP_LOG_LEVEL` and the
 * key `log_level`; keys that begin alike may also stand in a map: `log: {level: info}`.
 */
#ifndef REDTAP_CONFIG_OPTION_H
#define REDTAP_CONFIG_OPTION_H

#include "config/config.h"

#define OPTION_NAME_BYTES     40
#define OPTION_EXPECTED_BYTES 256

enum option_type {
	OPTION_LISTEN,   /* struct config_listen */
	OPTION_CHOICE,   /* uint32_t, the number of a word of `choices` */
	OPTION_COUNT,    /* uint64_t, min to max */
	OPTION_SIZE,     /* uint64_t, bytes */
	OPTION_DURATION, /* uint64_t, ns */
	OPTION_PERCENT,  /* uint64_t, thousandths of a percent */
	OPTION_PATH,     /* char * */
	OPTION_RULES,    /* the list `rules`; text adds one, the file may give structured ones */
	OPTION_SERVICES, /* lists that only the file can give */
	OPTION_ROUTES,
	OPTION_PEERS,
};

struct option {
	const char *name;
	enum option_type type;
	size_t offset;      /* in struct config; of a list: not used */
	const char *preset; /* as text; NULL: zero, an empty list */
	const char *choices;
	uint64_t min, max;
	const char *meta; /* its value in --help */
	const char *help;
	bool reloads; /* a new value takes effect at SIGHUP */
	bool not_in_file;
};

extern const struct option options[];
extern const size_t options_count;

/* The row, by its name or its key (`_` and `-` are not the same); NULL: none. */
const struct option *option_by_flag(const char *name, size_t name_len);
const struct option *option_by_key(const char *key);

bool option_is_list(const struct option *o);
bool option_has_flag(const struct option *o);

const char *option_key(const struct option *o, char out[OPTION_NAME_BYTES]);
const char *option_variable(const struct option *o, char out[OPTION_NAME_BYTES]);

/* Sets the option from text (a rule is added). 0, -EINVAL with nothing changed, -ENOMEM, -E2BIG:
 * the list is full. */
int option_set(const struct option *o, struct config *c, const char *text);

/* What a value has to look like, for messages. */
const char *option_expected(const struct option *o, char out[OPTION_EXPECTED_BYTES]);

bool option_equal(const struct option *o, const struct config *a, const struct config *b);

/* Frees what the option holds and zeroes it. */
void option_clear(const struct option *o, struct config *c);

/* ---- list.c ---- */

/* Adds a zeroed element to a list; -E2BIG at the limit, -ENOMEM. */
int list_add_rule(struct config *c, struct config_rule **out);
int list_add_service(struct config *c, struct config_service **out);
int list_add_route(struct config *c, struct config_route **out);
int list_add_peer(struct config *c, struct config_peer **out);

/* One condition by its name, `exe`, `cmdline`, `port`, `pid`: 0, -EINVAL bad value, -ENOENT no such
 * condition, -EEXIST given before, -ENOMEM. */
int list_set_condition(struct config_match *m, const char *key, const char *value);
const char *list_condition_expected(const char *key);

/* `[!]exe=GLOB,port=N-M,...` */
int list_add_rule_text(struct config *c, const char *text);

bool list_equal(enum option_type type, const struct config *a, const struct config *b);
void list_clear(enum option_type type, struct config *c);

/* ---- yaml.c ---- */

/* Reads the file over *c. 0, -EINVAL said on err, -ENOMEM. */
int yaml_load(const char *path, struct config *c, FILE *err);

#endif
