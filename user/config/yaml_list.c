// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/yaml_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"
#include "names/service.h"

/* What an addition to a list returned. */
static int yaml_added(struct yaml_file *f, const yaml_node_t *node, int r, const char *name,
		      int max)
{
	if (r == -E2BIG)
		return yaml_fail(f, yaml_line(node), "%s has too many entries, expected at most %d",
				 name, max);
	return r;
}

/* ---- conditions, as in `select` and `services` ---- */

/* Whether `one, two, three` has the name. */
static bool yaml_known(const char *known, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = known; *p; p += strspn(p, ", ")) {
		size_t n = strcspn(p, ",");

		if (n == len && memcmp(p, name, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static int yaml_condition(struct yaml_file *f, struct config_match *m, const yaml_node_t *key,
			  const yaml_node_t *value, const char *known)
{
	const char *name = (const char *)key->data.scalar.value;
	const char *expected = list_condition_expected(name);
	const char *text;
	int r;

	if (!yaml_known(known, name))
		return yaml_fail(f, yaml_line(key), "unknown key \"%s\", expected %s", name, known);
	text = yaml_text(f, value, name, expected);
	if (!text)
		return -EINVAL;
	r = list_set_condition(m, name, text);
	return r && r != -ENOMEM ? yaml_bad(f, value, name, text, expected) : r;
}

static bool yaml_match_empty(const struct config_match *m)
{
	return !m->exe && !m->cmdline && !m->pid && !m->port_high;
}

static int yaml_rule_pair(struct yaml_file *f, void *arg, const yaml_node_t *key,
			  const yaml_node_t *value)
{
	struct config_rule *rule = arg;
	const char *text;
	uint32_t yes;

	if (strcmp((const char *)key->data.scalar.value, "exclude"))
		return yaml_condition(f, &rule->match, key, value,
				      "exe, port, pid, cmdline, exclude");
	text = yaml_text(f, value, "exclude", "true or false");
	if (!text)
		return -EINVAL;
	if (value_choice(text, "false true", &yes))
		return yaml_bad(f, value, "exclude", text, "true or false");
	rule->exclude = yes;
	return 0;
}

static int yaml_rule(struct yaml_file *f, const yaml_node_t *node)
{
	const struct option *o = option_by_key("select");
	char expected[OPTION_EXPECTED_BYTES];
	struct config_rule *rule;
	const char *text;
	int r;

	if (node->type == YAML_MAPPING_NODE) {
		r = yaml_added(f, node, list_add_rule(f->config, &rule), "select",
			       CONFIG_RULES_MAX);
		if (r == 0)
			r = yaml_each_pair(f, node, "select", yaml_rule_pair, rule);
		if (r == 0 && yaml_match_empty(&rule->match))
			return yaml_fail(f, yaml_line(node),
					 "select: a rule without a condition, expected exe, port, "
					 "pid or cmdline");
		return r;
	}
	option_expected(o, expected);
	text = yaml_text(f, node, "select", expected);
	if (!text)
		return -EINVAL;
	r = yaml_added(f, node, option_set(o, f->config, text), "select", CONFIG_RULES_MAX);
	if (r == -EINVAL && f->config->rules_count < CONFIG_RULES_MAX)
		return yaml_bad(f, node, "select", text, expected);
	return r;
}

/* ---- services ---- */

struct yaml_service {
	struct config_service *service;
	bool matches;
};

static int yaml_service_match(struct yaml_file *f, void *arg, const yaml_node_t *key,
			      const yaml_node_t *value)
{
	return yaml_condition(f, arg, key, value, "exe, port, cmdline");
}

static int yaml_name(struct yaml_file *f, const yaml_node_t *node, const char *what, char **out)
{
	const char *text = yaml_text(f, node, what, "a name");

	if (!text)
		return -EINVAL;
	if (strlen(text) > SERVICE_NAME_BYTES)
		return yaml_fail(f, yaml_line(node), "%s is %zu bytes long, expected at most %d",
				 what, strlen(text), SERVICE_NAME_BYTES);
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

static int yaml_service_pair(struct yaml_file *f, void *arg, const yaml_node_t *key,
			     const yaml_node_t *value)
{
	const char *name = (const char *)key->data.scalar.value;
	struct config_service *service = arg;
	int r;

	if (strcmp(name, "name") == 0)
		return yaml_name(f, value, "name", &service->name);
	if (strcmp(name, "match"))
		return yaml_fail(f, yaml_line(key), "unknown key \"%s\", expected name, match",
				 name);
	r = yaml_want(f, value, YAML_MAPPING_NODE, "match", "a map with exe, port or cmdline");
	return r ? r : yaml_each_pair(f, value, "match", yaml_service_match, &service->match);
}

static int yaml_service(struct yaml_file *f, const yaml_node_t *node)
{
	struct config_service *service;
	int r;

	r = yaml_want(f, node, YAML_MAPPING_NODE, "services: an entry",
		      "a map with name and match");
	if (r == 0)
		r = yaml_added(f, node, list_add_service(f->config, &service), "services",
			       CONFIG_SERVICES_MAX);
	if (r == 0)
		r = yaml_each_pair(f, node, "services", yaml_service_pair, service);
	if (r)
		return r;
	if (!service->name)
		return yaml_fail(f, yaml_line(node),
				 "services: an entry without name, expected name and match");
	if (yaml_match_empty(&service->match))
		return yaml_fail(f, yaml_line(node),
				 "services: \"%s\" without match, expected exe, port or cmdline",
				 service->name);
	return 0;
}

/* ---- routes ---- */

static const char yaml_path_expected[] = "a path from / on, such as /users/{id}";

/* From `/` on, no query, every brace closed within its segment. */
static bool yaml_is_path(const char *path)
{
	bool open = false;

	if (*path != '/')
		return false;
	for (; *path; path++) {
		if (strchr("?# \t\r\n", *path) || (*path == '{' && open) ||
		    (*path == '}' && !open) || (*path == '/' && open))
			return false;
		open = *path == '{' || (open && *path != '}');
	}
	return !open;
}

static int yaml_path(struct yaml_file *f, const yaml_node_t *node, char **out)
{
	const char *text = yaml_text(f, node, "path", yaml_path_expected);

	if (!text)
		return -EINVAL;
	if (!yaml_is_path(text))
		return yaml_bad(f, node, "path", text, yaml_path_expected);
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

static int yaml_route_pair(struct yaml_file *f, void *arg, const yaml_node_t *key,
			   const yaml_node_t *value)
{
	const char *name = (const char *)key->data.scalar.value;
	struct config_route *route = arg;

	if (strcmp(name, "path") == 0)
		return yaml_path(f, value, &route->path);
	if (strcmp(name, "service") == 0)
		return yaml_name(f, value, "service", &route->service);
	return yaml_fail(f, yaml_line(key), "unknown key \"%s\", expected path, service", name);
}

static int yaml_route(struct yaml_file *f, const yaml_node_t *node)
{
	struct config_route *route;
	int r;

	r = yaml_added(f, node, list_add_route(f->config, &route), "routes", CONFIG_ROUTES_MAX);
	if (r)
		return r;
	if (node->type != YAML_MAPPING_NODE)
		return yaml_path(f, node, &route->path);
	r = yaml_each_pair(f, node, "routes", yaml_route_pair, route);
	if (r == 0 && !route->path)
		return yaml_fail(f, yaml_line(node), "routes: an entry without path, expected %s",
				 yaml_path_expected);
	return r;
}

/* ---- peers ---- */

static int yaml_peer(struct yaml_file *f, void *arg, const yaml_node_t *key,
		     const yaml_node_t *value)
{
	const char *address = (const char *)key->data.scalar.value;
	struct config_peer parsed = {.name = NULL}, *peer;
	int r;

	(void)arg;
	if (value_peer(address, &parsed))
		return yaml_bad(f, key, "peers", address,
				"a numeric address or ADDR:PORT, such as 10.0.0.5:5432");
	r = yaml_added(f, key, list_add_peer(f->config, &peer), "peers", CONFIG_PEERS_MAX);
	if (r)
		return r;
	*peer = parsed;
	return yaml_name(f, value, address, &peer->name);
}

/* ---- all of them ---- */

static int yaml_each_item(struct yaml_file *f, const yaml_node_t *list, const struct option *o,
			  int (*each)(struct yaml_file *f, const yaml_node_t *node))
{
	char expected[OPTION_EXPECTED_BYTES];
	int r = yaml_want(f, list, YAML_SEQUENCE_NODE, o->name,
			  o->type == OPTION_RULES ? "a list of rules"
						  : option_expected(o, expected));

	if (r)
		return r;
	for (const yaml_node_item_t *item = list->data.sequence.items.start;
	     item < list->data.sequence.items.top && r == 0; item++)
		r = each(f, yaml_node(f, *item));
	return r;
}

int yaml_list(struct yaml_file *f, const struct option *o, const char *key,
	      const yaml_node_t *value)
{
	char expected[OPTION_EXPECTED_BYTES];
	int r;

	switch (o->type) {
	case OPTION_RULES: return yaml_each_item(f, value, o, yaml_rule);
	case OPTION_SERVICES: return yaml_each_item(f, value, o, yaml_service);
	case OPTION_ROUTES: return yaml_each_item(f, value, o, yaml_route);
	default: break;
	}
	r = yaml_want(f, value, YAML_MAPPING_NODE, key, option_expected(o, expected));
	return r ? r : yaml_each_pair(f, value, key, yaml_peer, NULL);
}
