/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the YAML reader: yaml.c (the file, plain options) and yaml_list.c (the lists). Every
 * function that returns -EINVAL, or NULL for a text, has said why. */
#ifndef REDTAP_CONFIG_YAML_IMPL_H
#define REDTAP_CONFIG_YAML_IMPL_H

#include <yaml.h>

#include "config/option.h"

/* The file in hand. */
struct yaml_file {
	const char *path;
	FILE *err;
	yaml_document_t doc;
	struct config *config;
	uint64_t given; /* a bit for each option seen, by its place among them */
};

/* Says `FILE:LINE: ...`; -EINVAL. */
int yaml_fail(const struct yaml_file *f, size_t line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

size_t yaml_line(const yaml_node_t *node);
yaml_node_t *yaml_node(struct yaml_file *f, int id);

/* The text of a scalar that is not empty. `name`: of what it is the value. */
const char *yaml_text(struct yaml_file *f, const yaml_node_t *node, const char *name,
		      const char *expected);

/* 0 when the node is of the type. */
int yaml_want(struct yaml_file *f, const yaml_node_t *node, yaml_node_type_t type, const char *name,
	      const char *expected);

int yaml_bad(struct yaml_file *f, const yaml_node_t *node, const char *name, const char *text,
	     const char *expected);

/* Calls each() for every pair of a map whose keys are texts, each given once. `name`: of the map.
 */
int yaml_each_pair(struct yaml_file *f, const yaml_node_t *map, const char *name,
		   int (*each)(struct yaml_file *f, void *arg, const yaml_node_t *key,
			       const yaml_node_t *value),
		   void *arg);

/* Reads the value of a list option into f->config. */
int yaml_list(struct yaml_file *f, const struct option *o, const char *key,
	      const yaml_node_t *value);

#endif
