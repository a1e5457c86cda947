// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"
#include "config/value.h"

/* The list with room for one more element, that one zeroed; NULL and *r when there is none. */
static void *list_grow(void *items, size_t count, size_t item, size_t max, int *r)
{
	char *grown = count < max ? reallocarray(items, count + 1, item) : NULL;

	if (grown)
		memset(grown + count * item, 0, item);
	*r = grown ? 0 : count < max ? -ENOMEM : -E2BIG;
	return grown;
}

#define LIST_ADD(one, many, max)                                                                   \
	int list_add_##one(struct config *c, struct config_##one **out)                            \
	{                                                                                          \
		struct config_##one *grown;                                                        \
		int r;                                                                             \
                                                                                                   \
		grown = list_grow(c->many, c->many##_count, sizeof(*grown), max, &r);              \
		if (r)                                                                             \
			return r;                                                                  \
		c->many = grown;                                                                   \
		*out = &grown[c->many##_count++];                                                  \
		return 0;                                                                          \
	}

LIST_ADD(rule, rules, CONFIG_RULES_MAX)
LIST_ADD(service, services, CONFIG_SERVICES_MAX)
LIST_ADD(route, routes, CONFIG_ROUTES_MAX)
LIST_ADD(peer, peers, CONFIG_PEERS_MAX)

static int list_set_text(char **where, const char *value)
{
	if (*where)
		return -EEXIST;
	if (!*value)
		return -EINVAL;
	*where = strdup(value);
	return *where ? 0 : -ENOMEM;
}

int list_set_condition(struct config_match *m, const char *key, const char *value)
{
	uint64_t pid;

	if (strcmp(key, "exe") == 0)
		return list_set_text(&m->exe, value);
	if (strcmp(key, "cmdline") == 0)
		return list_set_text(&m->cmdline, value);
	if (strcmp(key, "port") == 0)
		return m->port_high ? -EEXIST : value_ports(value, &m->port_low, &m->port_high);
	if (strcmp(key, "pid") == 0) {
		if (m->pid)
			return -EEXIST;
		if (value_count(value, &pid) || pid == 0 || pid > INT32_MAX)
			return -EINVAL;
		m->pid = (uint32_t)pid;
		return 0;
	}
	return -ENOENT;
}

const char *list_condition_expected(const char *key)
{
	if (strcmp(key, "port") == 0)
		return "a port or a range of them, such as 8001 or 8001-8003";
	if (strcmp(key, "pid") == 0)
		return "a process id";
	if (strcmp(key, "exe") == 0)
		return "a glob for the executable, such as /usr/sbin/nginx or *python*";
	return "a glob for the command line, such as *uvicorn*";
}

/* One `key=value`; `text` is written to. */
static int list_add_condition_text(struct config_match *m, char *text)
{
	char *value = strchr(text, '=');
	int r;

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	/* The command line can hold anything, a `,` too: only the file takes globs for it. */
	if (strcmp(text, "cmdline") == 0)
		return -EINVAL;
	r = list_set_condition(m, text, value);
	return r == -ENOMEM ? r : r ? -EINVAL : 0;
}

static void list_free_match(struct config_match *m)
{
	free(m->exe);
	free(m->cmdline);
}

int list_add_rule_text(struct config *c, const char *text)
{
	struct config_match match = {.exe = NULL};
	bool exclude = *text == '!';
	struct config_rule *rule;
	char *copy = strdup(text + exclude), *save = copy, *part;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (part = strsep(&save, ",")))
		r = list_add_condition_text(&match, part);
	free(copy);
	if (r == 0)
		r = list_add_rule(c, &rule);
	if (r) {
		list_free_match(&match);
		return r;
	}
	rule->match = match;
	rule->exclude = exclude;
	return 0;
}

static bool list_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool list_same_match(const struct config_match *a, const struct config_match *b)
{
	return list_same_text(a->exe, b->exe) && list_same_text(a->cmdline, b->cmdline) &&
	       a->pid == b->pid && a->port_low == b->port_low && a->port_high == b->port_high;
}

static bool list_equal_rules(const struct config *a, const struct config *b)
{
	if (a->rules_count != b->rules_count)
		return false;
	for (size_t i = 0; i < a->rules_count; i++)
		if (!list_same_match(&a->rules[i].match, &b->rules[i].match) ||
		    a->rules[i].exclude != b->rules[i].exclude)
			return false;
	return true;
}

static bool list_equal_services(const struct config *a, const struct config *b)
{
	if (a->services_count != b->services_count)
		return false;
	for (size_t i = 0; i < a->services_count; i++)
		if (!list_same_match(&a->services[i].match, &b->services[i].match) ||
		    !list_same_text(a->services[i].name, b->services[i].name))
			return false;
	return true;
}

static bool list_equal_routes(const struct config *a, const struct config *b)
{
	if (a->routes_count != b->routes_count)
		return false;
	for (size_t i = 0; i < a->routes_count; i++)
		if (!list_same_text(a->routes[i].path, b->routes[i].path) ||
		    !list_same_text(a->routes[i].service, b->routes[i].service))
			return false;
	return true;
}

static bool list_equal_peers(const struct config *a, const struct config *b)
{
	if (a->peers_count != b->peers_count)
		return false;
	for (size_t i = 0; i < a->peers_count; i++) {
		const struct config_peer *pa = &a->peers[i], *pb = &b->peers[i];

		if (memcmp(pa->ip, pb->ip, sizeof(pa->ip)) || pa->family != pb->family ||
		    pa->port != pb->port || !list_same_text(pa->name, pb->name))
			return false;
	}
	return true;
}

bool list_equal(enum option_type type, const struct config *a, const struct config *b)
{
	switch (type) {
	case OPTION_RULES: return list_equal_rules(a, b);
	case OPTION_SERVICES: return list_equal_services(a, b);
	case OPTION_ROUTES: return list_equal_routes(a, b);
	default: return list_equal_peers(a, b);
	}
}

static void list_clear_rules(struct config *c)
{
	for (size_t i = 0; i < c->rules_count; i++)
		list_free_match(&c->rules[i].match);
	free(c->rules);
	c->rules = NULL;
	c->rules_count = 0;
}

static void list_clear_services(struct config *c)
{
	for (size_t i = 0; i < c->services_count; i++) {
		list_free_match(&c->services[i].match);
		free(c->services[i].name);
	}
	free(c->services);
	c->services = NULL;
	c->services_count = 0;
}

static void list_clear_routes(struct config *c)
{
	for (size_t i = 0; i < c->routes_count; i++) {
		free(c->routes[i].path);
		free(c->routes[i].service);
	}
	free(c->routes);
	c->routes = NULL;
	c->routes_count = 0;
}

static void list_clear_peers(struct config *c)
{
	for (size_t i = 0; i < c->peers_count; i++)
		free(c->peers[i].name);
	free(c->peers);
	c->peers = NULL;
	c->peers_count = 0;
}

void list_clear(enum option_type type, struct config *c)
{
	switch (type) {
	case OPTION_RULES: list_clear_rules(c); break;
	case OPTION_SERVICES: list_clear_services(c); break;
	case OPTION_ROUTES: list_clear_routes(c); break;
	default: list_clear_peers(c); break;
	}
}
