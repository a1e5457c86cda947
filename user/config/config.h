/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the operator asked for: defaults, then the configuration file, then REDTAP_* environment
 * variables, then the command line; the later one wins, option by option. All of it, and --help,
 * comes from one table (option.c).
 *
 * A loaded configuration does not change and may be read from any thread. At SIGHUP load a second
 * one with the same arguments, ask config_diff() what changed, and free the old one when nothing
 * points into it any more. Options that take effect at a reload: log-level, series-expire, select,
 * services, routes, peers. The others need a restart; config_diff() tells which is which.
 */
#ifndef REDTAP_CONFIG_H
#define REDTAP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "base/slice.h"

/* Past a bound the configuration is refused, with the line that is too much. */
#define CONFIG_FILE_BYTES        (1u << 20)
#define CONFIG_RULES_MAX         256
#define CONFIG_SERVICES_MAX      1024
#define CONFIG_ROUTES_MAX        1024
#define CONFIG_PEERS_MAX         4096
#define CONFIG_SERIES_CEILING    1000000
#define CONFIG_ENDPOINTS_CEILING 10000

enum config_command {
	CONFIG_RUN,
	CONFIG_CHECK,
	CONFIG_VERSION, /* --version: nothing else is loaded */
	CONFIG_HELP,    /* --help: likewise */
};

/* In the order of enum capture_mode. */
enum config_capture {
	CONFIG_CAPTURE_AUTO,
	CONFIG_CAPTURE_SOCKET,
	CONFIG_CAPTURE_SYSCALL,
};

struct config_listen {
	char address[46]; /* numeric, v4 or v6, no brackets */
	uint16_t port;    /* 0: any free one */
};

/*
 * Conditions on a process; all that are set must hold. Globs: `*` any run of characters, `?` any
 * one. An `exe` glob with a `/` is for the whole path, one without for the base name. `cmdline`
 * is for the whole command line, its arguments joined by blanks.
 */
struct config_match {
	char *exe;                    /* NULL: not set */
	char *cmdline;                /* likewise */
	uint32_t pid;                 /* 0: not set */
	uint16_t port_low, port_high; /* 0: not set */
};

struct config_rule {
	struct config_match match;
	bool exclude;
};

struct config_service {
	struct config_match match;
	char *name;
};

struct config_route {
	char *path;    /* template: `/users/{id}` */
	char *service; /* NULL: of every service */
};

struct config_peer {
	uint8_t ip[16]; /* as struct rt_addr: v4 in the first four */
	uint16_t family;
	uint16_t port; /* 0: any */
	char *name;
};

/* The lists are in the file's order. */
struct config {
	enum config_command command;
	char *file; /* NULL: none */
	struct config_listen listen;
	uint32_t capture;   /* enum config_capture */
	uint32_t log_level; /* enum log_level */
	uint64_t ring_bytes;
	uint64_t series_max;
	uint64_t endpoints_max;
	uint64_t names_max;
	uint64_t processes_max;
	uint64_t connections_max;
	/* per connection */
	uint64_t http_pending_max;
	uint64_t postgres_pending_max;
	uint64_t postgres_statements_max;
	uint64_t kafka_pending_max;
	/* of all connections; partitions also of each */
	uint64_t kafka_topics_max;
	uint64_t kafka_partitions_max;
	uint64_t series_expire_ns;
	uint64_t budget_cpu; /* thousandths of a percent of the host; 0: no bound */
	char *lock_file;
	struct config_rule *rules;
	size_t rules_count;
	struct config_service *services;
	size_t services_count;
	struct config_route *routes;
	size_t routes_count;
	struct config_peer *peers;
	size_t peers_count;
};

/*
 * Loads into *out, which is then to be given to config_free(); on failure nothing is written to it.
 * -EINVAL: something is wrong, and one line on `err` has said what and what was expected, behind
 * `FILE:LINE:` when it is in the file: exit 2. -ENOMEM: nothing was said. Not thread-safe
 * (environ).
 */
int config_load(int argc, char **argv, struct config *out, FILE *err);
void config_free(struct config *c); /* accepts NULL and a zeroed struct */

/*
 * Calls each() for every option that differs: its name, and whether the new value takes effect at a
 * reload. Returns how many differ. each may be NULL.
 */
int config_diff(const struct config *a, const struct config *b,
		void (*each)(void *arg, const char *option, bool reloads), void *arg);

void config_print_help(FILE *out);

/* ---- what the rules say; pure ---- */

/* A process, as far as it is known; borrowed during the call. */
struct config_proc {
	uint32_t tgid;
	struct slice exe;
	struct slice args; /* NUL-separated */
};

enum config_verdict {
	CONFIG_IGNORE,
	CONFIG_TRACE,
	CONFIG_ASK_PORT, /* depends on each connection's ports: config_selects_conn() */
};

/*
 * Whether to trace the process. No `select` rule that includes: every process is. A rule that
 * excludes wins over those that include. Ports belong to connections, not to processes: when a rule
 * with a port could decide, the verdict is CONFIG_ASK_PORT and the process has to be traced.
 */
enum config_verdict config_select(const struct config *c, const struct config_proc *proc);

/* config_select() is not CONFIG_IGNORE. */
bool config_selects(const struct config *c, const struct config_proc *proc);

/*
 * Whether to keep a connection of the process: the port of a rule is met by either end's port, so a
 * rule for 5432 selects the server that listens there and the clients that connect there.
 */
bool config_selects_conn(const struct config *c, const struct config_proc *proc,
			 uint16_t local_port, uint16_t remote_port);

/*
 * The name the first matching of `services` gives, or NULL. `ports`: those the process listens on
 * (one of them must be the rule's); when not known yet, rules with a port do not match.
 */
const char *config_service_name(const struct config *c, const struct config_proc *proc,
				const uint16_t *ports, size_t ports_count);

/* Whether a rule of `services` has a port: only then listening ports need to be found out. */
bool config_wants_ports(const struct config *c);

/*
 * The name `peers` gives to an address, or NULL: an entry with the port wins over one without.
 * ip, family: as struct rt_addr. A v4 address in v6 form (::ffff:a.b.c.d) is the v4 one.
 */
const char *config_peer_name(const struct config *c, const uint8_t ip[16], uint16_t family,
			     uint16_t port);

#endif
