/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first words of PostgreSQL's command tags: what `query_type` may be.
 * Source: src/include/tcop/cmdtaglist.h of PostgreSQL 15 to 18, the replication commands
 * (protocol-replication.html) and the administrative commands of PgBouncer. Pure; any thread.
 */
#ifndef REDTAP_PROTO_PGTAGS_H
#define REDTAP_PROTO_PGTAGS_H

#include "base/slice.h"

/* X(id, word, rows): `rows` when the tag ends in a count of rows. Sorted by word. */
#define PGTAGS(X)                                                                                  \
	X(ALTER, "alter", 0)                                                                       \
	X(ANALYZE, "analyze", 0)                                                                   \
	X(BASE_BACKUP, "base_backup", 0)                                                           \
	X(BEGIN, "begin", 0)                                                                       \
	X(CALL, "call", 0)                                                                         \
	X(CHECKPOINT, "checkpoint", 0)                                                             \
	X(CLOSE, "close", 0)                                                                       \
	X(CLUSTER, "cluster", 0)                                                                   \
	X(COMMENT, "comment", 0)                                                                   \
	X(COMMIT, "commit", 0)                                                                     \
	X(COPY, "copy", 1)                                                                         \
	X(CREATE, "create", 0)                                                                     \
	X(CREATE_SLOT, "create_replication_slot", 0)                                               \
	X(DEALLOCATE, "deallocate", 0)                                                             \
	X(DECLARE, "declare", 0)                                                                   \
	X(DELETE, "delete", 1)                                                                     \
	X(DISABLE, "disable", 0)                                                                   \
	X(DISCARD, "discard", 0)                                                                   \
	X(DO, "do", 0)                                                                             \
	X(DROP, "drop", 0)                                                                         \
	X(DROP_SLOT, "drop_replication_slot", 0)                                                   \
	X(ENABLE, "enable", 0)                                                                     \
	X(EXECUTE, "execute", 0)                                                                   \
	X(EXPLAIN, "explain", 0)                                                                   \
	X(FETCH, "fetch", 1)                                                                       \
	X(GRANT, "grant", 0)                                                                       \
	X(IDENTIFY_SYSTEM, "identify_system", 0)                                                   \
	X(IMPORT, "import", 0)                                                                     \
	X(INSERT, "insert", 1)                                                                     \
	X(KILL, "kill", 0)                                                                         \
	X(LISTEN, "listen", 0)                                                                     \
	X(LOAD, "load", 0)                                                                         \
	X(LOCK, "lock", 0)                                                                         \
	X(MERGE, "merge", 1)                                                                       \
	X(MOVE, "move", 0)                                                                         \
	X(NOTIFY, "notify", 0)                                                                     \
	X(PAUSE, "pause", 0)                                                                       \
	X(PREPARE, "prepare", 0)                                                                   \
	X(READ_SLOT, "read_replication_slot", 0)                                                   \
	X(REASSIGN, "reassign", 0)                                                                 \
	X(RECONNECT, "reconnect", 0)                                                               \
	X(REFRESH, "refresh", 0)                                                                   \
	X(REINDEX, "reindex", 0)                                                                   \
	X(RELEASE, "release", 0)                                                                   \
	X(RELOAD, "reload", 0)                                                                     \
	X(RESET, "reset", 0)                                                                       \
	X(RESUME, "resume", 0)                                                                     \
	X(REVOKE, "revoke", 0)                                                                     \
	X(ROLLBACK, "rollback", 0)                                                                 \
	X(SAVEPOINT, "savepoint", 0)                                                               \
	X(SECURITY, "security", 0)                                                                 \
	X(SELECT, "select", 1)                                                                     \
	X(SET, "set", 0)                                                                           \
	X(SHOW, "show", 0)                                                                         \
	X(START, "start", 0)                                                                       \
	X(START_REPLICATION, "start_replication", 0)                                               \
	X(SUSPEND, "suspend", 0)                                                                   \
	X(TIMELINE_HISTORY, "timeline_history", 0)                                                 \
	X(TRUNCATE, "truncate", 0)                                                                 \
	X(UNLISTEN, "unlisten", 0)                                                                 \
	X(UPDATE, "update", 1)                                                                     \
	X(VACUUM, "vacuum", 0)

/* PGTAG_UNKNOWN: neither text nor tag was seen. PGTAG_OTHER: seen, and none of the words. */
enum pgtag {
	PGTAG_UNKNOWN = 0,
	PGTAG_OTHER = 1,
#define X(id, word, rows) PGTAG_##id,
	PGTAGS(X)
#undef X
		PGTAG_MAX,
};

#define PGTAG_WORD_BYTES 24 /* no word is longer */

/* The value of the label query_type: lower case, static memory. */
struct slice pgtag_name(enum pgtag tag);

/* The id of a word of any case; `start` is PGTAG_BEGIN; PGTAG_OTHER when there is none. */
enum pgtag pgtag_find(struct slice word);

/* Splits a command tag (without its NUL) into its id and its count of rows: 0 where the tag has
 * none, and for MOVE. */
enum pgtag pgtag_parse(struct slice tag, uint64_t *rows);

/* Whether the bytes (without NUL) can be a command tag: a known first word, then nothing but
 * upper-case words and numbers. For finding one among other bytes. */
bool pgtag_valid(struct slice tag);

#endif
