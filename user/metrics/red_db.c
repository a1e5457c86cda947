// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics/red_impl.h"

enum {
	S_QUERIES,
	S_DURATION,
	S_ROWS,
	S_FIRST_ROW,
};

void red_db_intern(struct red *red)
{
	for (int i = 0; i < PG_POOL_NONE; i++)
		red->pool_states[i] = intern_put(red->names, slice_str(pg_pool_state_name(i)));
}

/* A series of this family that is not 0 does not expire, so a seat is always good to go back to;
 * and what was folded when it was added is taken from where it was added to. */
struct series *red_pool(struct red *red, struct series *seat, const struct red_who *who,
			uint32_t database, int state)
{
	struct registry *r = red->registry;
	struct series *to = NULL;

	if (state >= 0 && state < PG_POOL_NONE) {
		uint32_t ids[4] = {who->service, red->pool_states[state],
				   database ? database : INTERN_UNKNOWN, who->peer};

		to = registry_series(r, red->families[RED_DB_POOL], ids);
	}
	if (to == seat)
		return to;
	if (to)
		series_set(r, to, series_gauge(to) + 1);
	if (seat)
		series_set(r, seat, series_gauge(seat) - 1);
	return to;
}

/*
 * How bad a SQLSTATE is (PostgreSQL documentation, appendix A), by class: what the caller asked for
 * wrongly is a warning; what ends the session because the server is in trouble is critical.
 */
static enum red_severity db_severity(const char *sqlstate, bool fatal)
{
	static const char warning[][3] = {"0A", "20", "21", "22", "23", "24", "25",
					  "26", "27", "28", "2B", "2D", "2F", "34",
					  "3B", "3D", "3F", "42", "44"};
	static const char critical[][3] = {"53", "57", "58", "F0", "XX"};

	/* data_corrupted, index_corrupted: the session may well go on, the data does not */
	if (strcmp(sqlstate, "XX001") == 0 || strcmp(sqlstate, "XX002") == 0)
		return RED_CRITICAL;
	/* idle_session_timeout: as it was configured */
	if (strcmp(sqlstate, "57P05") == 0)
		return RED_WARNING;
	for (size_t i = 0; i < sizeof(warning) / sizeof(*warning); i++)
		if (memcmp(sqlstate, warning[i], 2) == 0)
			return RED_WARNING;
	for (size_t i = 0; fatal && i < sizeof(critical) / sizeof(*critical); i++)
		if (memcmp(sqlstate, critical[i], 2) == 0)
			return RED_CRITICAL;
	return RED_ERROR;
}

static bool sqlstate_valid(const char *s)
{
	for (int i = 0; i < 5; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'A' && s[i] <= 'Z')))
			return false;
	return s[5] == '\0';
}

static void db_error(struct red *red, const struct red_who *who, const struct rt_pg_txn *pg)
{
	bool client = who->role == RT_ROLE_CLIENT, valid = sqlstate_valid(pg->sqlstate);

	red_error(red, who->service, client ? "sqlstate_" : "db_server_sqlstate_",
		  valid ? pg->sqlstate : "other",
		  valid ? db_severity(pg->sqlstate, pg->fatal) : RED_ERROR);
}

void red_db(struct red *red, const struct red_who *who, const struct rt_txn *txn)
{
	const struct rt_pg_txn *pg = &txn->pg;
	bool client = who->role == RT_ROLE_CLIENT, failed = pg->sqlstate[0];
	uint32_t type = pg->query_type.n ? intern_put(red->names, pg->query_type) : INTERN_UNKNOWN;
	uint32_t database = pg->database.n ? intern_put(red->names, pg->database) : INTERN_UNKNOWN;
	/* The shorter label lists of the families are this one's beginning. */
	uint32_t ids[5] = {who->service, type, database, who->peer, failed ? red->error : red->ok};
	uint32_t key[5] = {RED_KIND_DB | (client ? 0x10 : 0) | (failed ? 0x100 : 0), who->service,
			   client ? who->peer : 0, database, type};
	struct red_slot *slot = red_slot(red, key);
	struct registry *r = red->registry;

	series_add(r,
		   red_series(red, slot, S_QUERIES, client ? RED_DB_QUERIES : RED_DB_SERVER_QUERIES,
			      ids),
		   1);
	if (txn->start_ns && txn->end_ns && !(txn->flags & RT_TXN_NO_DURATION))
		series_observe(r,
			       red_series(red, slot, S_DURATION,
					  client ? RED_DB_DURATION : RED_DB_SERVER_DURATION, ids),
			       red_elapsed(red, txn->start_ns, txn->end_ns));
	if (client && pg->sent_ns && pg->row_ns)
		series_observe(r, red_series(red, slot, S_FIRST_ROW, RED_DB_FIRST_ROW, ids),
			       red_elapsed(red, pg->sent_ns, pg->row_ns));
	if (client && (!failed || pg->rows))
		series_add(r, red_series(red, slot, S_ROWS, RED_DB_ROWS, ids), pg->rows);
	if (failed)
		db_error(red, who, pg);
	if (pg->batch > 1)
		red->stats.batched_statements++;
}
