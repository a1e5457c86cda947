// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/value.h"
#include "limits.h"

#define OPTION_TEXT2(x) #x
#define OPTION_TEXT(x)  OPTION_TEXT2(x)
#define AT(field)       offsetof(struct config, field)

/* A bound of limits.h. */
#define LIMIT(flag, field, value, least, most, text)                                               \
	{                                                                                          \
		.name = (flag), .type = OPTION_COUNT, .offset = AT(field),                         \
		.preset = OPTION_TEXT(value), .min = (least), .max = (most), .meta = "N",          \
		.help = (text),                                                                    \
	}

/* clang-format off */
const struct option options[] = {
	{ .name = "config", .type = OPTION_PATH, .offset = AT(file), .meta = "FILE", .not_in_file = true,
	  .help = "read options from this YAML file" },
	{ .name = "listen", .type = OPTION_LISTEN, .offset = AT(listen), .preset = "127.0.0.1:9464",
	  .meta = "ADDR:PORT", .help = "where /metrics is served; [::1]:9464 for IPv6" },
	{ .name = "capture", .type = OPTION_CHOICE, .offset = AT(capture), .preset = "auto",
	  .choices = "auto socket syscall", .meta = "HOW",
	  .help = "auto, socket (socket tracepoints, kernel 6.3) or syscall (system call exits)" },
	{ .name = "select", .type = OPTION_RULES, .meta = "RULE", .reloads = true,
	  .help = "observe only: exe=GLOB, port=N[-M], pid=N, several joined by `,`; `!` in front"
		  " excludes; may be repeated" },
	{ .name = "log-level", .type = OPTION_CHOICE, .offset = AT(log_level), .preset = "info",
	  .choices = "error warn info debug", .meta = "LEVEL", .reloads = true,
	  .help = "what is said on standard error: error, warn, info or debug" },
	{ .name = "ring-bytes", .type = OPTION_SIZE, .offset = AT(ring_bytes), .preset = "2MiB",
	  .min = RT_RING_ASKED_BYTES, .max = RT_RING_MAX_BYTES, .meta = "SIZE",
	  .help = "memory of the event queues, one per CPU (at least 112KiB each; 8KiB when SIZE"
		  " is below the default), and of the ring beside them" },
	LIMIT("series-max", series_max, RT_SERIES_MAX, 100, CONFIG_SERIES_CEILING,
	      "time series at most; more are folded into `other`"),
	LIMIT("endpoints-max", endpoints_max, RT_ENDPOINTS_MAX, 1, CONFIG_ENDPOINTS_CEILING,
	      "endpoints of one service at most; more are `other`"),
	LIMIT("names-max", names_max, RT_NAMES_MAX, 1000, 1 << 20,
	      "label values at most; more are `other`"),
	LIMIT("processes-max", processes_max, RT_PROCS_MAX, 16, 1 << 20,
	      "processes known at most; the service of more is `unknown`"),
	LIMIT("connections-max", connections_max, RT_CONNS_MAX, 16, 1 << 20,
	      "connections followed at most; more are not counted"),
	LIMIT("http-pending-max", http_pending_max, RT_HTTP_PENDING, 1, 1 << 16,
	      "HTTP requests of a connection that wait for their response; more are not paired"),
	LIMIT("postgres-pending-max", postgres_pending_max, RT_PG_PENDING, 16, 1 << 20,
	      "PostgreSQL messages of a connection that wait for their answer"),
	LIMIT("postgres-statements-max", postgres_statements_max, RT_PG_STATEMENTS, 1, 1 << 20,
	      "prepared statements known of a connection"),
	LIMIT("kafka-pending-max", kafka_pending_max, RT_KAFKA_PENDING, 1, 1 << 16,
	      "Kafka requests of a connection that wait for their response"),
	LIMIT("kafka-topics-max", kafka_topics_max, RT_TOPICS_MAX, 1, RT_TOPICS_MAX,
	      "topics whose names are remembered; the one not used for longest goes"),
	LIMIT("kafka-partitions-max", kafka_partitions_max, RT_KAFKA_PARTS, 16, 1 << 20,
	      "partitions, consumers and groups of which lags are known, each, and partitions that a"
	      " connection's requests name"),
	{ .name = "series-expire", .type = OPTION_DURATION, .offset = AT(series_expire_ns),
	  .preset = "10m", .min = CLOCK_NS_PER_SECOND, .max = 7 * 86400 * CLOCK_NS_PER_SECOND,
	  .meta = "TIME", .reloads = true, .help = "forget a series that did not change for so long" },
	{ .name = "budget-cpu-percent", .type = OPTION_PERCENT, .offset = AT(budget_cpu),
	  .preset = "2", .min = 0, .max = 100000, .meta = "PERCENT", .reloads = true,
	  .help = "CPU of the whole host that redtap may cost; beyond it sees less, 0: no bound" },
	{ .name = "lock-file", .type = OPTION_PATH, .offset = AT(lock_file),
	  .preset = "/run/redtap.lock", .meta = "FILE",
	  .help = "held while running, so that there is one redtap per host" },
	{ .name = "services", .type = OPTION_SERVICES, .reloads = true,
	  .help = "names for processes, by exe, port, cmdline" },
	{ .name = "routes", .type = OPTION_ROUTES, .reloads = true,
	  .help = "endpoint templates such as /users/{id}" },
	{ .name = "peers", .type = OPTION_PEERS, .reloads = true,
	  .help = "names for addresses" },
};
/* clang-format on */

const size_t options_count = sizeof(options) / sizeof(options[0]);
_Static_assert(sizeof(options) / sizeof(options[0]) <= 64, "one bit each, in yaml_file.given");

static void *option_at(const struct option *o, struct config *c)
{
	return (char *)c + o->offset;
}

static const void *option_at_const(const struct option *o, const struct config *c)
{
	return (const char *)c + o->offset;
}

const struct option *option_by_flag(const char *name, size_t name_len)
{
	for (size_t i = 0; i < options_count; i++)
		if (option_has_flag(&options[i]) && strlen(options[i].name) == name_len &&
		    memcmp(options[i].name, name, name_len) == 0)
			return &options[i];
	return NULL;
}

const struct option *option_by_key(const char *key)
{
	char own[OPTION_NAME_BYTES];

	for (size_t i = 0; i < options_count; i++)
		if (!options[i].not_in_file && strcmp(option_key(&options[i], own), key) == 0)
			return &options[i];
	return NULL;
}

bool option_is_list(const struct option *o)
{
	return o->type >= OPTION_RULES;
}

bool option_has_flag(const struct option *o)
{
	return o->type <= OPTION_RULES;
}

const char *option_key(const struct option *o, char out[OPTION_NAME_BYTES])
{
	size_t i = 0;

	for (; o->name[i] && i + 1 < OPTION_NAME_BYTES; i++)
		out[i] = (char)(o->name[i] == '-' ? '_' : o->name[i]);
	out[i] = '\0';
	return out;
}

const char *option_variable(const struct option *o, char out[OPTION_NAME_BYTES])
{
	size_t n = (size_t)snprintf(out, OPTION_NAME_BYTES, "REDTAP_%s", o->name);

	for (size_t i = 0; i < n && i < OPTION_NAME_BYTES; i++) {
		if (out[i] == '-')
			out[i] = '_';
		else if (out[i] >= 'a' && out[i] <= 'z')
			out[i] = (char)(out[i] - 'a' + 'A');
	}
	return out;
}

static int option_set_number(const struct option *o, struct config *c, const char *text)
{
	uint64_t value;
	int r;

	if (o->type == OPTION_SIZE)
		r = value_size(text, &value);
	else if (o->type == OPTION_DURATION)
		r = value_duration(text, &value);
	else if (o->type == OPTION_PERCENT)
		r = value_thousandths(text, &value);
	else
		r = value_count(text, &value);
	if (r || value < o->min || value > o->max)
		return -EINVAL;
	memcpy(option_at(o, c), &value, sizeof(value));
	return 0;
}

static int option_set_path(const struct option *o, struct config *c, const char *text)
{
	char **path = option_at(o, c), *copy;

	if (!*text)
		return -EINVAL;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*path);
	*path = copy;
	return 0;
}

int option_set(const struct option *o, struct config *c, const char *text)
{
	switch (o->type) {
	case OPTION_LISTEN: return value_listen(text, option_at(o, c));
	case OPTION_CHOICE: return value_choice(text, o->choices, option_at(o, c));
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_DURATION:
	case OPTION_PERCENT: return option_set_number(o, c, text);
	case OPTION_PATH: return option_set_path(o, c, text);
	case OPTION_RULES: return list_add_rule_text(c, text);
	case OPTION_SERVICES:
	case OPTION_ROUTES:
	case OPTION_PEERS: break;
	}
	return -EINVAL;
}

static void option_expected_choice(const struct option *o, char out[OPTION_EXPECTED_BYTES])
{
	size_t n = (size_t)snprintf(out, OPTION_EXPECTED_BYTES, "one of");

	for (const char *p = o->choices; *p;) {
		int len = (int)strcspn(p, " ");

		n += (size_t)snprintf(out + n, OPTION_EXPECTED_BYTES - n, "%s %.*s",
				      p == o->choices ? "" : ",", len, p);
		p += len + (p[len] == ' ');
	}
}

const char *option_expected(const struct option *o, char out[OPTION_EXPECTED_BYTES])
{
	const char *fixed = NULL;
	char min[32], max[32];

	switch (o->type) {
	case OPTION_LISTEN:
		fixed = "ADDR:PORT with a numeric address, such as 127.0.0.1:9464 or [::1]:9464";
		break;
	case OPTION_CHOICE: option_expected_choice(o, out); break;
	case OPTION_COUNT:
		snprintf(out, OPTION_EXPECTED_BYTES, "a whole number from %" PRIu64 " to %" PRIu64,
			 o->min, o->max);
		break;
	case OPTION_SIZE:
		snprintf(out, OPTION_EXPECTED_BYTES, "a size from %s to %s, such as %s",
			 value_format_size(o->min, min), value_format_size(o->max, max), o->preset);
		break;
	case OPTION_DURATION:
		snprintf(out, OPTION_EXPECTED_BYTES, "a time from %s to %s, such as %s",
			 value_format_duration(o->min, min), value_format_duration(o->max, max),
			 o->preset);
		break;
	case OPTION_PERCENT:
		snprintf(out, OPTION_EXPECTED_BYTES,
			 "a percentage from %" PRIu64 " to %" PRIu64 ", such as %s or 0.5",
			 o->min / 1000, o->max / 1000, o->preset);
		break;
	case OPTION_PATH: fixed = "the path of a file"; break;
	case OPTION_RULES:
		fixed = "conditions exe=GLOB, port=N or port=N-M, pid=N, joined by `,`, with `!` in "
			"front to exclude";
		break;
	case OPTION_SERVICES: fixed = "a list of services with `name` and `match`"; break;
	case OPTION_ROUTES: fixed = "a list of paths such as /users/{id}"; break;
	case OPTION_PEERS: fixed = "a map of ADDR or ADDR:PORT to a name"; break;
	}
	if (fixed)
		snprintf(out, OPTION_EXPECTED_BYTES, "%s", fixed);
	return out;
}

bool option_equal(const struct option *o, const struct config *a, const struct config *b)
{
	const struct config_listen *la, *lb;
	char *const *pa, *const *pb;

	switch (o->type) {
	case OPTION_LISTEN:
		la = option_at_const(o, a);
		lb = option_at_const(o, b);
		return la->port == lb->port && strcmp(la->address, lb->address) == 0;
	case OPTION_CHOICE:
		return memcmp(option_at_const(o, a), option_at_const(o, b), sizeof(uint32_t)) == 0;
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_DURATION:
	case OPTION_PERCENT:
		return memcmp(option_at_const(o, a), option_at_const(o, b), sizeof(uint64_t)) == 0;
	case OPTION_PATH:
		pa = option_at_const(o, a);
		pb = option_at_const(o, b);
		return *pa && *pb ? strcmp(*pa, *pb) == 0 : *pa == *pb;
	case OPTION_RULES:
	case OPTION_SERVICES:
	case OPTION_ROUTES:
	case OPTION_PEERS: break;
	}
	return list_equal(o->type, a, b);
}

void option_clear(const struct option *o, struct config *c)
{
	char **path;

	if (option_is_list(o)) {
		list_clear(o->type, c);
	} else if (o->type == OPTION_PATH) {
		path = option_at(o, c);
		free(*path);
		*path = NULL;
	}
}
