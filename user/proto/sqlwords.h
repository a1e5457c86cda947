/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of SQL that shape a statement's text and summary. Pure; any thread. */
#ifndef REDTAP_PROTO_SQLWORDS_H
#define REDTAP_PROTO_SQLWORDS_H

#include "base/slice.h"

/* What a word is where a command names what it is about (DDL and its like). */
#define SQLIS_TYPE  (1u << 0) /* a kind of object: part of the operation */
#define SQLIS_NOISE (1u << 1) /* passed over */
/* elsewhere */
#define SQLIS_ENDS (1u << 2) /* the list of a FROM ends here */
#define SQLIS_DDL  (1u << 3) /* as a command: objects of a kind follow */
#define SQLIS_LIST (1u << 4) /* as a command: tables follow at once */

/* X(id, word, flags), sorted by word */
#define SQLWORDS(X)                                                                                \
	X(ACCESS, "access", SQLIS_TYPE)                                                            \
	X(AGGREGATE, "aggregate", SQLIS_TYPE)                                                      \
	X(ALTER, "alter", SQLIS_DDL)                                                               \
	X(ANALYSE, "analyse", SQLIS_LIST)                                                          \
	X(ANALYZE, "analyze", SQLIS_LIST)                                                          \
	X(ARRAY, "array", 0)                                                                       \
	X(AS, "as", 0)                                                                             \
	X(BY, "by", SQLIS_NOISE)                                                                   \
	X(CALL, "call", SQLIS_LIST)                                                                \
	X(CAST, "cast", SQLIS_TYPE)                                                                \
	X(CLASS, "class", SQLIS_TYPE)                                                              \
	X(CLUSTER, "cluster", SQLIS_LIST)                                                          \
	X(COLLATION, "collation", SQLIS_TYPE)                                                      \
	X(COLUMN, "column", SQLIS_TYPE)                                                            \
	X(COMMENT, "comment", SQLIS_DDL)                                                           \
	X(CONCURRENTLY, "concurrently", SQLIS_NOISE)                                               \
	X(CONFIGURATION, "configuration", SQLIS_TYPE)                                              \
	X(CONSTRAINT, "constraint", SQLIS_TYPE)                                                    \
	X(CONVERSION, "conversion", SQLIS_TYPE)                                                    \
	X(COPY, "copy", SQLIS_LIST)                                                                \
	X(CREATE, "create", SQLIS_DDL)                                                             \
	X(DATA, "data", SQLIS_TYPE)                                                                \
	X(DATABASE, "database", SQLIS_TYPE)                                                        \
	X(DEFAULT, "default", SQLIS_NOISE)                                                         \
	X(DELETE, "delete", 0)                                                                     \
	X(DICTIONARY, "dictionary", SQLIS_TYPE)                                                    \
	X(DISTINCT, "distinct", 0)                                                                 \
	X(DOMAIN, "domain", SQLIS_TYPE)                                                            \
	X(DROP, "drop", SQLIS_DDL)                                                                 \
	X(EVENT, "event", SQLIS_TYPE)                                                              \
	X(EXCEPT, "except", SQLIS_ENDS)                                                            \
	X(EXISTS, "exists", SQLIS_NOISE)                                                           \
	X(EXPLAIN, "explain", 0)                                                                   \
	X(EXTENSION, "extension", SQLIS_TYPE)                                                      \
	X(FAMILY, "family", SQLIS_TYPE)                                                            \
	X(FETCH, "fetch", SQLIS_ENDS)                                                              \
	X(FOR, "for", SQLIS_ENDS)                                                                  \
	X(FOREIGN, "foreign", SQLIS_TYPE)                                                          \
	X(FREEZE, "freeze", SQLIS_NOISE)                                                           \
	X(FROM, "from", 0)                                                                         \
	X(FULL, "full", SQLIS_NOISE)                                                               \
	X(FUNCTION, "function", SQLIS_TYPE)                                                        \
	X(GLOBAL, "global", SQLIS_NOISE)                                                           \
	X(GRANT, "grant", 0)                                                                       \
	X(GROUP, "group", SQLIS_TYPE | SQLIS_ENDS)                                                 \
	X(HAVING, "having", SQLIS_ENDS)                                                            \
	X(IF, "if", SQLIS_NOISE)                                                                   \
	X(IN, "in", 0)                                                                             \
	X(INDEX, "index", SQLIS_TYPE)                                                              \
	X(INSERT, "insert", 0)                                                                     \
	X(INTERSECT, "intersect", SQLIS_ENDS)                                                      \
	X(INTO, "into", 0)                                                                         \
	X(JOIN, "join", 0)                                                                         \
	X(LANGUAGE, "language", SQLIS_TYPE)                                                        \
	X(LARGE, "large", SQLIS_TYPE)                                                              \
	X(LATERAL, "lateral", 0)                                                                   \
	X(LIMIT, "limit", SQLIS_ENDS)                                                              \
	X(LOCAL, "local", SQLIS_NOISE)                                                             \
	X(LOCK, "lock", SQLIS_LIST)                                                                \
	X(MAPPING, "mapping", SQLIS_TYPE)                                                          \
	X(MATCHED, "matched", 0)                                                                   \
	X(MATERIALIZED, "materialized", SQLIS_TYPE)                                                \
	X(MERGE, "merge", 0)                                                                       \
	X(METHOD, "method", SQLIS_TYPE)                                                            \
	X(NOT, "not", SQLIS_NOISE)                                                                 \
	X(OBJECT, "object", SQLIS_TYPE)                                                            \
	X(OFFSET, "offset", SQLIS_ENDS)                                                            \
	X(ON, "on", SQLIS_NOISE)                                                                   \
	X(ONLY, "only", SQLIS_NOISE)                                                               \
	X(OPERATOR, "operator", SQLIS_TYPE)                                                        \
	X(OR, "or", SQLIS_NOISE)                                                                   \
	X(ORDER, "order", SQLIS_ENDS)                                                              \
	X(OWNED, "owned", SQLIS_TYPE)                                                              \
	X(PARSER, "parser", SQLIS_TYPE)                                                            \
	X(POLICY, "policy", SQLIS_TYPE)                                                            \
	X(PROCEDURAL, "procedural", SQLIS_NOISE)                                                   \
	X(PROCEDURE, "procedure", SQLIS_TYPE)                                                      \
	X(PUBLICATION, "publication", SQLIS_TYPE)                                                  \
	X(RECURSIVE, "recursive", SQLIS_NOISE)                                                     \
	X(REFRESH, "refresh", SQLIS_DDL)                                                           \
	X(REINDEX, "reindex", SQLIS_DDL)                                                           \
	X(REPLACE, "replace", SQLIS_NOISE)                                                         \
	X(RETURNING, "returning", SQLIS_ENDS)                                                      \
	X(REVOKE, "revoke", 0)                                                                     \
	X(ROLE, "role", SQLIS_TYPE)                                                                \
	X(ROUTINE, "routine", SQLIS_TYPE)                                                          \
	X(ROWS, "rows", 0)                                                                         \
	X(RULE, "rule", SQLIS_TYPE)                                                                \
	X(SCHEMA, "schema", SQLIS_TYPE)                                                            \
	X(SEARCH, "search", SQLIS_TYPE)                                                            \
	X(SELECT, "select", 0)                                                                     \
	X(SEQUENCE, "sequence", SQLIS_TYPE)                                                        \
	X(SERVER, "server", SQLIS_TYPE)                                                            \
	X(SET, "set", SQLIS_ENDS)                                                                  \
	X(STATISTICS, "statistics", SQLIS_TYPE)                                                    \
	X(SUBSCRIPTION, "subscription", SQLIS_TYPE)                                                \
	X(SYSTEM, "system", SQLIS_TYPE)                                                            \
	X(TABLE, "table", SQLIS_TYPE | SQLIS_LIST)                                                 \
	X(TABLESPACE, "tablespace", SQLIS_TYPE)                                                    \
	X(TEMP, "temp", SQLIS_NOISE)                                                               \
	X(TEMPLATE, "template", SQLIS_TYPE)                                                        \
	X(TEMPORARY, "temporary", SQLIS_NOISE)                                                     \
	X(TEXT, "text", SQLIS_TYPE)                                                                \
	X(TRANSFORM, "transform", SQLIS_TYPE)                                                      \
	X(TRIGGER, "trigger", SQLIS_TYPE)                                                          \
	X(TRUNCATE, "truncate", SQLIS_DDL)                                                         \
	X(TRUSTED, "trusted", SQLIS_NOISE)                                                         \
	X(TYPE, "type", SQLIS_TYPE)                                                                \
	X(UNION, "union", SQLIS_ENDS)                                                              \
	X(UNIQUE, "unique", SQLIS_NOISE)                                                           \
	X(UNLOGGED, "unlogged", SQLIS_NOISE)                                                       \
	X(UPDATE, "update", 0)                                                                     \
	X(USER, "user", SQLIS_TYPE)                                                                \
	X(USING, "using", 0)                                                                       \
	X(VACUUM, "vacuum", SQLIS_LIST)                                                            \
	X(VALUES, "values", SQLIS_ENDS)                                                            \
	X(VERBOSE, "verbose", SQLIS_NOISE)                                                         \
	X(VIEW, "view", SQLIS_TYPE)                                                                \
	X(WHERE, "where", SQLIS_ENDS)                                                              \
	X(WINDOW, "window", SQLIS_ENDS)                                                            \
	X(WITH, "with", 0)                                                                         \
	X(WRAPPER, "wrapper", SQLIS_TYPE)

enum sqlword {
	SQLWORD_NONE = 0,
#define X(id, word, flags) SQLWORD_##id,
	SQLWORDS(X)
#undef X
		SQLWORD_MAX,
};

/* The id of a word of any case. */
enum sqlword sqlword_find(struct slice word);

/* SQLIS_* bits; 0 of SQLWORD_NONE. */
unsigned int sqlword_flags(enum sqlword word);

#endif
