// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/yaml_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int yaml_fail(const struct yaml_file *f, size_t line, const char *format, ...)
{
	va_list args;

	fprintf(f->err, "%s:%zu: ", f->path, line);
	va_start(args, format);
	vfprintf(f->err, format, args);
	va_end(args);
	fputc('\n', f->err);
	return -EINVAL;
}

size_t yaml_line(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

yaml_node_t *yaml_node(struct yaml_file *f, int id)
{
	return yaml_document_get_node(&f->doc, id);
}

static const char *yaml_type_name(const yaml_node_t *node)
{
	if (node->type == YAML_SEQUENCE_NODE)
		return "a list";
	if (node->type == YAML_MAPPING_NODE)
		return "a map";
	return node->data.scalar.length ? "plain text" : "empty";
}

const char *yaml_text(struct yaml_file *f, const yaml_node_t *node, const char *name,
		      const char *expected)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0) {
		yaml_fail(f, yaml_line(node), "%s is %s, expected %s", name, yaml_type_name(node),
			  expected);
		return NULL;
	}
	if (strlen(text) != node->data.scalar.length) {
		yaml_fail(f, yaml_line(node), "%s has a NUL in it, expected %s", name, expected);
		return NULL;
	}
	return text;
}

int yaml_want(struct yaml_file *f, const yaml_node_t *node, yaml_node_type_t type, const char *name,
	      const char *expected)
{
	if (node->type == type)
		return 0;
	return yaml_fail(f, yaml_line(node), "%s is %s, expected %s", name, yaml_type_name(node),
			 expected);
}

int yaml_bad(struct yaml_file *f, const yaml_node_t *node, const char *name, const char *text,
	     const char *expected)
{
	return yaml_fail(f, yaml_line(node), "%s: \"%s\" is not valid, expected %s", name, text,
			 expected);
}

int yaml_each_pair(struct yaml_file *f, const yaml_node_t *map, const char *name,
		   int (*each)(struct yaml_file *f, void *arg, const yaml_node_t *key,
			       const yaml_node_t *value),
		   void *arg)
{
	const yaml_node_pair_t *first = map->data.mapping.pairs.start;
	int r = 0;

	for (const yaml_node_pair_t *p = first; p < map->data.mapping.pairs.top && r == 0; p++) {
		const yaml_node_t *key = yaml_node(f, p->key);
		const char *text = yaml_text(f, key, "a key", "a name");

		if (!text)
			return -EINVAL;
		for (const yaml_node_pair_t *q = first; q < p; q++)
			if (!strcmp((char *)yaml_node(f, q->key)->data.scalar.value, text))
				return yaml_fail(f, yaml_line(key),
						 "%s%s\"%s\" is given twice, first on line %zu",
						 name, *name ? ": " : "", text,
						 yaml_line(yaml_node(f, q->key)));
		r = each(f, arg, key, yaml_node(f, p->value));
	}
	return r;
}

static int yaml_option(struct yaml_file *f, const struct option *o, const char *key,
		       const yaml_node_t *value)
{
	char expected[OPTION_EXPECTED_BYTES];
	uint64_t bit = 1ull << (o - options);
	const char *text;
	int r;

	/* `a: {b: 1}` and `a_b: 1` are the same. */
	if (f->given & bit)
		return yaml_fail(f, yaml_line(value), "%s is given twice", key);
	f->given |= bit;
	if (option_is_list(o))
		return yaml_list(f, o, key, value);
	option_expected(o, expected);
	text = yaml_text(f, value, key, expected);
	if (!text)
		return -EINVAL;
	r = option_set(o, f->config, text);
	return r && r != -ENOMEM ? yaml_bad(f, value, key, text, expected) : r;
}

static int yaml_unknown(struct yaml_file *f, const yaml_node_t *key, const char *name)
{
	char known[1024], own[OPTION_NAME_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < options_count; i++)
		if (!options[i].not_in_file)
			n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "",
					      option_key(&options[i], own));
	return yaml_fail(f, yaml_line(key), "unknown key \"%s\", expected one of %s", name, known);
}

/* A key inside the map of a group: `arg` is the group's name. */
static int yaml_grouped(struct yaml_file *f, void *arg, const yaml_node_t *key,
			const yaml_node_t *value)
{
	char name[2 * OPTION_NAME_BYTES];
	const struct option *o;

	snprintf(name, sizeof(name), "%s_%s", (const char *)arg,
		 (const char *)key->data.scalar.value);
	o = option_by_key(name);
	return o ? yaml_option(f, o, name, value) : yaml_unknown(f, key, name);
}

static bool yaml_is_group(const char *name)
{
	size_t n = strlen(name);
	char own[OPTION_NAME_BYTES];

	for (size_t i = 0; i < options_count; i++)
		if (!options[i].not_in_file &&
		    strncmp(option_key(&options[i], own), name, n) == 0 && own[n] == '_')
			return true;
	return false;
}

static int yaml_top(struct yaml_file *f, void *arg, const yaml_node_t *key,
		    const yaml_node_t *value)
{
	char *name = (char *)key->data.scalar.value;
	const struct option *o = option_by_key(name);

	(void)arg;
	if (o)
		return yaml_option(f, o, name, value);
	if (value->type == YAML_MAPPING_NODE && yaml_is_group(name))
		return yaml_each_pair(f, value, name, yaml_grouped, name);
	return yaml_unknown(f, key, name);
}

/* The reader knows an offset only. */
static size_t yaml_line_at(const char *text, size_t n, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < n && i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static int yaml_said(const struct yaml_file *f, const yaml_parser_t *parser, const char *text,
		     size_t n)
{
	size_t line = parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		return yaml_fail(f, yaml_line_at(text, n, parser->problem_offset),
				 "%s, expected UTF-8 text", parser->problem);
	return yaml_fail(f, line, "%s%s%s, expected YAML", parser->context ? parser->context : "",
			 parser->context ? ": " : "", parser->problem ? parser->problem : "error");
}

/* The root must be a map, and there must be no second document. */
static int yaml_parse(struct yaml_file *f, const char *text, size_t n)
{
	yaml_document_t more;
	yaml_parser_t parser;
	yaml_node_t *root;
	int r = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	if (!yaml_parser_load(&parser, &f->doc)) {
		r = yaml_said(f, &parser, text, n);
		yaml_parser_delete(&parser);
		return r;
	}
	root = yaml_document_get_root_node(&f->doc);
	if (root && !(root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0)) {
		r = yaml_want(f, root, YAML_MAPPING_NODE, "the file",
			      "a map of `key: value` lines");
		if (r == 0)
			r = yaml_each_pair(f, root, "", yaml_top, NULL);
	}
	if (r == 0 && root) {
		if (!yaml_parser_load(&parser, &more)) {
			r = yaml_said(f, &parser, text, n);
		} else {
			yaml_node_t *second = yaml_document_get_root_node(&more);

			if (second)
				r = yaml_fail(f, yaml_line(second),
					      "a second document, expected one");
			yaml_document_delete(&more);
		}
	}
	yaml_document_delete(&f->doc);
	yaml_parser_delete(&parser);
	return r;
}

/* The whole file; *out is the caller's to free. -EINVAL: said. */
static int yaml_read(const char *path, FILE *err, char **out, size_t *out_bytes)
{
	char *text = malloc(CONFIG_FILE_BYTES + 1);
	size_t n = 0;
	FILE *file;
	int r = 0;

	if (!text)
		return -ENOMEM;
	file = fopen(path, "re");
	if (file)
		n = fread(text, 1, CONFIG_FILE_BYTES + 1, file);
	if (!file || ferror(file)) {
		fprintf(err, "redtap: cannot read the configuration file %s: %s\n", path,
			strerror(errno));
		r = -EINVAL;
	} else if (n > CONFIG_FILE_BYTES) {
		fprintf(err, "redtap: the configuration file %s has more than %u bytes\n", path,
			CONFIG_FILE_BYTES);
		r = -EINVAL;
	}
	if (file)
		fclose(file);
	if (r) {
		free(text);
		return r;
	}
	*out = text;
	*out_bytes = n;
	return 0;
}

int yaml_load(const char *path, struct config *c, FILE *err)
{
	struct yaml_file f = {.path = path, .err = err, .config = c};
	size_t n;
	char *text;
	int r;

	r = yaml_read(path, err, &text, &n);
	if (r)
		return r;
	r = yaml_parse(&f, text, n);
	free(text);
	return r;
}
