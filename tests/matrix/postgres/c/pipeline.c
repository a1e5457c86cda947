// SPDX-License-Identifier: GPL-2.0-or-later
// libpq in pipeline mode, bare: pipelines of 1, 10 and 300 statements, some behind a flush request,
// some that fail half-way, one sent in full before anything is read.
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static PGconn *conn;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, PQerrorMessage(conn));
	exit(1);
}

static void send_select(int n)
{
	char value[16];
	const char *values[] = {value};

	snprintf(value, sizeof(value), "%d", n);
	if (!PQsendQueryParams(conn, "SELECT generate_series(1, $1::int)", 1, NULL, values, NULL,
			       NULL, 0))
		die("send");
}

static void send_text(const char *text)
{
	if (!PQsendQueryParams(conn, text, 0, NULL, NULL, NULL, NULL, 0))
		die("send");
}

// Reads the results of `statements` statements and of the sync behind them.
static void read_all(int statements)
{
	PGresult *result;
	int i;

	for (i = 0; i < statements; i++) {
		result = PQgetResult(conn);
		if (!result)
			die("no result");
		PQclear(result);
		result = PQgetResult(conn);
		if (result)
			die("two results");
	}
	result = PQgetResult(conn);
	if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
		die("no sync");
	PQclear(result);
}

// A pipeline of `n` statements of which number `bad` fails (-1: none).
static void pipeline(int n, int bad, int flush_every)
{
	int i;

	for (i = 0; i < n; i++) {
		if (i == bad)
			send_text(i % 2 ? "INSERT INTO t VALUES (1, 'twice')" : "SELEC 1");
		else
			send_select(i % 5);
		if (flush_every && i % flush_every == 0 &&
		    (!PQsendFlushRequest(conn) || PQflush(conn)))
			die("flush");
	}
	if (!PQpipelineSync(conn))
		die("sync");
	read_all(n);
}

static void prepared(void)
{
	const char *one[] = {"7"};
	int i;

	if (!PQsendPrepare(conn, "s", "UPDATE t SET name = 'p' WHERE id = $1", 1, NULL))
		die("prepare");
	for (i = 0; i < 100; i++) {
		if (!PQsendQueryPrepared(conn, "s", 1, one, NULL, NULL, 0))
			die("execute");
	}
	if (!PQpipelineSync(conn))
		die("sync");
	read_all(101);
}

int main(void)
{
	int version = PQlibVersion(), i;

	conn = PQconnectdb("");
	if (PQstatus(conn) != CONNECTION_OK)
		die("connect");
	PQclear(PQexec(conn, "INSERT INTO t SELECT g, 'x' FROM generate_series(0, 99) g"));
	if (!PQenterPipelineMode(conn))
		die("pipeline mode");
	for (i = 0; i < 10; i++)
		pipeline(1, -1, 0);
	pipeline(10, -1, 0);
	pipeline(10, -1, 3);
	pipeline(300, -1, 0);
	pipeline(10, 0, 0);
	pipeline(10, 5, 0);
	pipeline(10, 9, 2);
	pipeline(0, -1, 0);
	prepared();
	send_text("BEGIN");
	send_text("DELETE FROM t");
	send_text("ROLLBACK");
	if (!PQpipelineSync(conn))
		die("sync");
	read_all(3);
	PQfinish(conn);
	printf("{\"version\": \"%d.%d\", \"suspended_rows\": 0}\n", version / 10000,
	       version % 10000);
	return 0;
}
