// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/config.h"

#include <netinet/in.h>

#include "config/value.h"

/* Backtracks to the last `*` only, which is enough, so the cost is bounded by n * strlen(glob). */
static bool match_glob(const char *glob, struct slice text)
{
	const char *star = NULL;
	size_t i = 0, star_i = 0;

	while (i < text.n) {
		char c = (char)(text.p[i] ? text.p[i] : ' '); /* arguments are NUL-separated */

		if (*glob == '*') {
			star = glob++;
			star_i = i;
		} else if (*glob && (*glob == '?' || *glob == c)) {
			glob++;
			i++;
		} else if (star) {
			glob = star + 1;
			i = ++star_i;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

static struct slice match_exe_part(const char *glob, struct slice exe)
{
	static const char deleted[] = " (deleted)";
	size_t tail = sizeof(deleted) - 1;
	const uint8_t *slash;

	if (exe.n > tail && memcmp(exe.p + exe.n - tail, deleted, tail) == 0)
		exe.n -= tail;
	slash = exe.n && !strchr(glob, '/') ? memrchr(exe.p, '/', exe.n) : NULL;
	return slash ? slice_make(slash + 1, (size_t)(exe.p + exe.n - slash - 1)) : exe;
}

/* All conditions but the port. */
static bool match_proc(const struct config_match *m, const struct config_proc *proc)
{
	struct slice args = proc->args;

	while (args.n && args.p[args.n - 1] == '\0')
		args.n--;
	if (m->pid && m->pid != proc->tgid)
		return false;
	if (m->exe && !match_glob(m->exe, match_exe_part(m->exe, proc->exe)))
		return false;
	return !m->cmdline || match_glob(m->cmdline, args);
}

static bool match_port(const struct config_match *m, uint16_t port)
{
	return port >= m->port_low && port <= m->port_high;
}

enum config_verdict config_select(const struct config *c, const struct config_proc *proc)
{
	bool includes = false, included = false, may_include = false, may_exclude = false;

	for (size_t i = 0; i < c->rules_count; i++) {
		const struct config_rule *rule = &c->rules[i];
		bool by_port = rule->match.port_high != 0;

		includes = includes || !rule->exclude;
		if (!match_proc(&rule->match, proc))
			continue;
		if (rule->exclude && !by_port)
			return CONFIG_IGNORE;
		included = included || (!rule->exclude && !by_port);
		may_include = may_include || (!rule->exclude && by_port);
		may_exclude = may_exclude || rule->exclude;
	}
	if (!includes || included)
		return may_exclude ? CONFIG_ASK_PORT : CONFIG_TRACE;
	return may_include ? CONFIG_ASK_PORT : CONFIG_IGNORE;
}

bool config_selects(const struct config *c, const struct config_proc *proc)
{
	return config_select(c, proc) != CONFIG_IGNORE;
}

bool config_selects_conn(const struct config *c, const struct config_proc *proc,
			 uint16_t local_port, uint16_t remote_port)
{
	bool includes = false, included = false;

	for (size_t i = 0; i < c->rules_count; i++) {
		const struct config_rule *rule = &c->rules[i];

		includes = includes || !rule->exclude;
		if (!match_proc(&rule->match, proc) ||
		    (rule->match.port_high && !match_port(&rule->match, local_port) &&
		     !match_port(&rule->match, remote_port)))
			continue;
		if (rule->exclude)
			return false;
		included = true;
	}
	return included || !includes;
}

const char *config_service_name(const struct config *c, const struct config_proc *proc,
				const uint16_t *ports, size_t ports_count)
{
	for (size_t i = 0; i < c->services_count; i++) {
		const struct config_match *m = &c->services[i].match;
		bool met = m->port_high == 0;

		for (size_t p = 0; p < ports_count && !met; p++)
			met = match_port(m, ports[p]);
		if (met && match_proc(m, proc))
			return c->services[i].name;
	}
	return NULL;
}

bool config_wants_ports(const struct config *c)
{
	for (size_t i = 0; i < c->services_count; i++)
		if (c->services[i].match.port_high)
			return true;
	return false;
}

const char *config_peer_name(const struct config *c, const uint8_t ip[16], uint16_t family,
			     uint16_t port)
{
	const char *name = NULL;
	uint8_t plain[16];

	if (family != AF_INET && family != AF_INET6)
		return NULL;
	memset(plain, 0, sizeof(plain));
	memcpy(plain, ip, family == AF_INET ? 4 : 16);
	value_unmap(plain, &family);
	for (size_t i = 0; i < c->peers_count; i++) {
		const struct config_peer *peer = &c->peers[i];

		if (peer->family != family || memcmp(peer->ip, plain, sizeof(plain)) ||
		    (peer->port && peer->port != port))
			continue;
		if (peer->port)
			return peer->name;
		name = peer->name;
	}
	return name;
}
