// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conversations and what must be said of them, each played whole, cut at every byte (within one
 * call and as two calls), message by message, byte by byte, and with all of the client's bytes in
 * front of all of the server's.
 */
#include "postgres_play.h"
#include "test.h"

struct talk {
	const char *name;
	const char *script;
	const char *expect;
	bool one_way; /* the server's answer decides what the client's bytes are: no reordering */
};

#define START "> startup user=alice database=shop\n< R\n< S TimeZone=UTC\n< K\n< Z I\n"

static const struct talk talks[] = {
	{"startup and one query", START "> Q select 1\n< T\n< D 1\n< C SELECT 1\n< Z I\n",
	 "select ok rows=1 db=shop/alice @3-4 first=4\n", false},
	{"the database's name is the user's",
	 "> startup user=bob\n< R\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
	 "begin ok rows=0 db=bob/bob @3-4\n", false},
	{"ssl and gss refused",
	 "> gss\n< byte N\n> ssl\n< byte N\n" START "> Q show x\n< T\n< D 1\n< C SHOW\n< Z I\n",
	 "show ok rows=0 db=shop/alice @7-8 first=8\n", false},
	{"ssl refused by an error", "> ssl\n< E FATAL 08P01\n", "", false},
	{"ssl accepted", "> ssl\n< byte S\n> raw \x16\x03\x01rest\n< raw\n", "left\n", true},
	{"gss accepted", "> gss\n< byte G\n> raw whatever\n", "left\n", true},
	{"cancel", "> cancel\n", "", false},
	{"password never a statement",
	 "> startup user=u\n< R\n> p secret\n< R\n> p more\n< R\n< K\n< Z I\n> X\n", "", false},
	{"authentication fails", "> startup user=u\n< R\n> p bad\n< E FATAL 28P01\n", "", false},
	{"a newer minor version, refused in part",
	 "> startup user=u\n< v\n< R\n< K\n< Z I\n> Q select 1\n< T\n< C SELECT 0\n< Z I\n",
	 "select ok rows=0 db=u/u @3-4\n", false},
	{"several statements in a query",
	 START "> Q insert into t values (1); select ';' ; -- x;\nupdate t set a = 1;\n"
	       "< C INSERT 0 1\n< T\n< D ;\n< C SELECT 1\n< C UPDATE 7\n< Z I\n",
	 NULL, false},
	{"an empty query", START "> Q \n< I\n< Z I\n> Q ;\n< I\n< Z I\n", "", false},
	{"a failing query", START "> Q insert into t values (1)\n< E ERROR 23505\n< Z I\n",
	 "insert 23505 rows=0 db=shop/alice @3-4\n", false},
	{"a failing query after rows",
	 START "> Q  /* c */ ( select 1/x from t)\n< T\n< D 1\n< D 2\n< E ERROR 22012\n< Z I\n",
	 "select 22012 rows=0 db=shop/alice @3-4 first=4\n", false},
	{"the second of two fails",
	 START "> Q begin; delete from t; select 1\n< C BEGIN\n< E ERROR 42P01\n< Z E\n",
	 "begin ok rows=0 batch=2 db=shop/alice @3-4\n"
	 "delete 42P01 rows=0 batch=2 db=shop/alice @3-4\n",
	 false},
	{"no command of PostgreSQL", START "> Q selec 1\n< E ERROR 42601\n< Z I\n",
	 "other 42601 rows=0 db=shop/alice @3-4\n", false},
	{"START TRANSACTION", START "> Q start transaction\n< C START TRANSACTION\n< Z T\n",
	 "begin ok rows=0 db=shop/alice @3-4\n", false},
	{"commit of an aborted transaction",
	 START "> Q select 1\n< E ERROR 25P02\n< Z E\n> Q commit\n< C ROLLBACK\n< Z I\n",
	 "select 25P02 rows=0 db=shop/alice @3-4\n"
	 "rollback ok rows=0 db=shop/alice @5-6\n",
	 false},
	{"MOVE and EXPLAIN have no rows",
	 START
	 "> Q move 3 in c\n< C MOVE 3\n< Z T\n> Q explain select 1\n< T\n< D x\n< C EXPLAIN\n< Z T\n",
	 "move ok rows=0 db=shop/alice @3-4\n"
	 "explain ok rows=0 db=shop/alice @5-6 first=6\n",
	 false},
	{"extended, unnamed",
	 START
	 "> P |select $1\n> B |\n> D P\n> E\n> S\n< 1\n< 2\n< T\n< D 1\n< D 2\n< C SELECT 2\n< Z I\n",
	 "select ok rows=2 db=shop/alice @3-4 first=4\n", false},
	{"prepared, executed twice",
	 START "> P s1|update t set a=$1\n> D S s1\n> S\n< 1\n< t\n< n\n< Z I\n"
	       "> B |s1\n> E\n> S\n< 2\n< C UPDATE 3\n< Z I\n"
	       "> B |s1\n> E\n> S\n< 2\n< E ERROR 40001\n< Z I\n",
	 "update ok rows=3 db=shop/alice @5-6\n"
	 "update 40001 rows=0 db=shop/alice @7-8\n",
	 false},
	{"asyncpg: Flush without Sync",
	 START "> P __asyncpg_stmt_1__|select $1\n> D S __asyncpg_stmt_1__\n> H\n< 1\n< t\n< T\n"
	       "> B |__asyncpg_stmt_1__\n> E\n> S\n< 2\n< D 1\n< C SELECT 1\n< Z I\n",
	 "select ok rows=1 db=shop/alice @5-6 first=6\n", true},
	{"asyncpg: Prepare fails, then Sync",
	 START "> P x|select nope\n> D S x\n> H\n< E ERROR 42703\n> S\n< Z I\n"
	       "> B |x\n> E\n> S\n< E ERROR 26000\n< Z I\n",
	 "select 42703 rows=0 db=shop/alice @3-6\n"
	 "unknown 26000 rows=0 db=shop/alice @7-8\n",
	 false},
	{"JDBC: BEGIN glued to an extended query",
	 START "> Q BEGIN\n> P |insert into t values($1)\n> B |\n> D P\n> E |1\n> S\n"
	       "< C BEGIN\n< Z T\n< 1\n< 2\n< n\n< C INSERT 0 1\n< Z T\n",
	 "begin ok rows=0 db=shop/alice @3-4\n"
	 "insert ok rows=1 db=shop/alice @3-4\n",
	 false},
	{"a pipeline with one Sync",
	 START
	 "> P a|select 1\n> B |a\n> E\n> B |a\n> E\n> P b|delete from t\n> B |b\n> E\n> S\n"
	 "< 1\n< 2\n< D 1\n< C SELECT 1\n< 2\n< D 1\n< C SELECT 1\n< 1\n< 2\n< C DELETE 0\n< Z I\n",
	 "select ok rows=1 batch=3 db=shop/alice @3-4 first=4\n"
	 "select ok rows=1 batch=3 db=shop/alice @3-4 first=4\n"
	 "delete ok rows=0 batch=3 db=shop/alice @3-4\n",
	 false},
	{"a pipeline with a Sync each, the second fails",
	 START
	 "> P |select 1\n> B |\n> E\n> S\n> P |bad\n> B |\n> E\n> S\n> P |update t set a=1\n> B |\n> E\n> S\n"
	 "< 1\n< 2\n< D 1\n< C SELECT 1\n< Z I\n< E ERROR 42601\n< Z I\n< 1\n< 2\n< C UPDATE 1\n< Z I\n",
	 "select ok rows=1 db=shop/alice @3-4 first=4\n"
	 "other 42601 rows=0 db=shop/alice @3-4\n"
	 "update ok rows=1 db=shop/alice @3-4\n",
	 false},
	{"skipped up to Sync, queries too",
	 START
	 "> P |insert into a values(1)\n> B |\n> E\n> Q select 1\n> P |select 2\n> B |\n> E\n> S\n"
	 "< 1\n< 2\n< E ERROR 23502\n< Z I\n> Q select 3\n< T\n< D 3\n< C SELECT 1\n< Z I\n",
	 "insert 23502 rows=0 db=shop/alice @3-4\n"
	 "select ok rows=1 db=shop/alice @5-6 first=6\n",
	 false},
	{"extended without Sync, then a query",
	 START "> P |select 1\n> B |\n> D P\n> E\n> Q select 2\n"
	       "< 1\n< 2\n< T\n< D 1\n< C SELECT 1\n< T\n< D 2\n< C SELECT 1\n< Z I\n",
	 "select ok rows=1 batch=2 db=shop/alice @3-4 first=4\n"
	 "select ok rows=1 batch=2 db=shop/alice @3-4 first=4\n",
	 false},
	{"a deferred constraint fails at Sync",
	 START
	 "> P |insert into t values(1)\n> B |\n> E\n> S\n< 1\n< 2\n< C INSERT 0 1\n< E ERROR 23503\n< Z I\n",
	 "insert 23503 rows=0 db=shop/alice @3-4\n", false},
	{"a deferred constraint at the end of a pipeline",
	 START "> P a|insert into t values(1)\n> B |a\n> E\n> B |a\n> E\n> S\n"
	       "< 1\n< 2\n< C INSERT 0 1\n< 2\n< C INSERT 0 1\n< E ERROR 23503\n< Z I\n",
	 "insert ok rows=1 batch=2 db=shop/alice @3-4\n"
	 "insert 23503 rows=0 batch=2 db=shop/alice @3-4\n",
	 false},
	{"a portal read in parts",
	 START
	 "> Q begin\n< C BEGIN\n< Z T\n> P |select a from t\n> B c1|\n> D P c1\n> E c1|2\n> S\n"
	 "< 1\n< 2\n< T\n< D 1\n< D 2\n< s\n< Z T\n> E c1|2\n> S\n< D 3\n< D 4\n< s\n< Z T\n"
	 "> E c1|2\n> S\n< D 5\n< C SELECT 1\n< Z T\n",
	 "begin ok rows=0 db=shop/alice @3-4\n"
	 "select ok rows=5 db=shop/alice @9-10 first=10 row=5-6\n",
	 false},
	{"asyncpg's fetchval: never asked for the rest",
	 START "> B |s\n> E |1\n> S\n< 2\n< D 1\n< s\n< Z I\n"
	       "> P t|insert into t values(1) returning a\n> S\n< 1\n< Z I\n"
	       "> B |t\n> E |1\n> S\n< 2\n< D 1\n< s\n< Z I\n",
	 "unknown ok rows=1 db=shop/alice @3-4 first=4\n"
	 "insert ok rows=1 db=shop/alice @7-8 first=8\n",
	 false},
	{"the same in a transaction: said when the portal goes",
	 START
	 "> Q begin\n< C BEGIN\n< Z T\n> P |select 1\n> B |\n> E |1\n> S\n< 1\n< 2\n< D 1\n< s\n< Z T\n"
	 "> B |\n> E |2\n> S\n< 2\n< D 1\n< D 1\n< s\n< Z T\n"
	 "> B c|\n> E c|1\n> C P c\n> S\n< 2\n< D 1\n< s\n< 3\n< Z T\n"
	 "> Q commit\n< C COMMIT\n< Z I\n",
	 "begin ok rows=0 db=shop/alice @3-4\n"
	 "select ok rows=1 db=shop/alice @5-6 first=6\n"
	 "select ok rows=1 db=shop/alice @9-10 first=10\n"
	 "select ok rows=2 db=shop/alice @7-8 first=8\n"
	 "commit ok rows=0 db=shop/alice @11-12\n",
	 false},
	{"two portals in turn",
	 START
	 "> P |select 1\n> B a|\n> B b|\n> E a|1\n> E b|2\n> E a|0\n> E b|0\n> S\n"
	 "< 1\n< 2\n< 2\n< D x\n< s\n< D x\n< D x\n< s\n< D x\n< C SELECT 1\n< C SELECT 0\n< Z I\n",
	 "select ok rows=2 batch=2 db=shop/alice @3-4 first=4\n"
	 "select ok rows=2 batch=2 db=shop/alice @3-4 row=3-4\n",
	 false},
	{"Close, and a Bind to what was closed",
	 START
	 "> P s|select 1\n> C S s\n> S\n< 1\n< 3\n< Z I\n> B |s\n> E\n> S\n< E ERROR 26000\n< Z I\n",
	 "unknown 26000 rows=0 db=shop/alice @5-6\n", false},
	{"DISCARD ALL drops statements",
	 START "> P s|select 1\n> S\n< 1\n< Z I\n> Q discard all\n< C DISCARD ALL\n< Z I\n"
	       "> B |s\n> E\n> S\n< E ERROR 26000\n< Z I\n",
	 "discard ok rows=0 db=shop/alice @5-6\n"
	 "unknown 26000 rows=0 db=shop/alice @7-8\n",
	 false},
	{"DEALLOCATE of one",
	 START
	 "> P S_1|select 1\n> P s2|delete from t\n> S\n< 1\n< 1\n< Z I\n"
	 "> Q deallocate prepare \"S_1\"\n< C DEALLOCATE\n< Z I\n"
	 "> B |S_1\n> E\n> S\n< E ERROR 26000\n< Z I\n> B |s2\n> E\n> S\n< E ERROR 40P01\n< Z I\n",
	 "deallocate ok rows=0 db=shop/alice @5-6\n"
	 "unknown 26000 rows=0 db=shop/alice @7-8\n"
	 "delete 40P01 rows=0 db=shop/alice @9-10\n",
	 false},
	{"DEALLOCATE by an extended query",
	 START "> P s2|delete from t\n> S\n< 1\n< Z I\n> P |DEALLOCATE S2\n> B |\n> E\n> S\n"
	       "< 1\n< 2\n< C DEALLOCATE\n< Z I\n> B |s2\n> E\n> S\n< E ERROR 26000\n< Z I\n",
	 "deallocate ok rows=0 db=shop/alice @5-6\n"
	 "unknown 26000 rows=0 db=shop/alice @7-8\n",
	 false},
	{"DEALLOCATE ALL leaves the unnamed one",
	 START
	 "> P |update t set a=1\n> P s|select 1\n> S\n< 1\n< 1\n< Z I\n"
	 "> P d|deallocate all\n> B |d\n> E\n> S\n< 1\n< 2\n< C DEALLOCATE ALL\n< Z I\n"
	 "> B |\n> E\n> S\n< 2\n< E ERROR 40P01\n< Z I\n> B |s\n> E\n> S\n< E ERROR 26000\n< Z I\n",
	 "deallocate ok rows=0 db=shop/alice @5-6\n"
	 "update 40P01 rows=0 db=shop/alice @7-8\n"
	 "unknown 26000 rows=0 db=shop/alice @9-10\n",
	 false},
	{"a query destroys the unnamed statement",
	 START "> P |update t set a=1\n> S\n< 1\n< Z I\n> Q select 1\n< C SELECT 1\n< Z I\n"
	       "> B |\n> E\n> S\n< E ERROR 26000\n< Z I\n",
	 "select ok rows=1 db=shop/alice @5-6\n"
	 "unknown 26000 rows=0 db=shop/alice @7-8\n",
	 false},
	{"a failed Parse leaves a named statement",
	 START
	 "> P s|update t set a=1\n> S\n< 1\n< Z I\n> P s|select 1\n> S\n< E ERROR 42P05\n< Z I\n"
	 "> B |s\n> E\n> S\n< 2\n< E ERROR 40P01\n< Z I\n",
	 "select 42P05 rows=0 db=shop/alice @5-6\n"
	 "update 40P01 rows=0 db=shop/alice @7-8\n",
	 false},
	{"COPY in",
	 START "> Q copy t from stdin\n< G\n> d 1\n> d 2\n> d 3\n> c\n< C COPY 3\n< Z I\n",
	 "copy ok rows=3 db=shop/alice @3-6\n", false},
	{"COPY in given up by the client",
	 START "> Q copy t from stdin\n< G\n> d 1\n> f no\n< E ERROR 57014\n< Z I\n",
	 "copy 57014 rows=0 db=shop/alice @3-6\n", false},
	{"COPY in fails while data come",
	 START "> Q copy t from stdin\n< G\n> d 1\n< E ERROR 22P02\n< Z I\n> d 2\n> c\n"
	       "> Q select 1\n< D 1\n< C SELECT 1\n< Z I\n",
	 "copy 22P02 rows=0 db=shop/alice @3-6\n"
	 "select ok rows=1 db=shop/alice @7-8 first=8\n",
	 false},
	{"COPY out", START "> Q copy t to stdout\n< H\n< d 1\n< d 2\n< c\n< C COPY 2\n< Z I\n",
	 "copy ok rows=2 db=shop/alice @3-4\n", false},
	{"COPY in, extended: Sync before the data is swallowed",
	 START
	 "> P |copy t from stdin\n> B |\n> D P\n> E\n> S\n< 1\n< 2\n< n\n< G\n> d 1\n> c\n> S\n"
	 "< C COPY 1\n< Z I\n> Q select 1\n< C SELECT 0\n< Z I\n",
	 "copy ok rows=1 db=shop/alice @3-6\n"
	 "select ok rows=0 db=shop/alice @7-8\n",
	 false},
	{"COPY in, extended, all sent at once",
	 START
	 "> P |copy t from stdin\n> B |\n> E\n> S\n> d 1\n> c\n> S\n< 1\n< 2\n< G\n< C COPY 1\n< Z I\n"
	 "> Q select 1\n< C SELECT 0\n< Z I\n",
	 "copy ok rows=1 db=shop/alice @3-4\n"
	 "select ok rows=0 db=shop/alice @5-6\n",
	 false},
	{"COPY in, extended, fails: waits for a Sync",
	 START
	 "> P |copy t from stdin\n> B |\n> E\n> S\n< 1\n< 2\n< G\n> d x\n< E ERROR 22P02\n> d y\n> c\n> S\n"
	 "< Z I\n> Q select 1\n< C SELECT 0\n< Z I\n",
	 "copy 22P02 rows=0 db=shop/alice @3-8\n"
	 "select ok rows=0 db=shop/alice @9-10\n",
	 false},
	{"COPY in, extended: Sync among the data is swallowed",
	 START
	 "> P |copy t from stdin\n> B |\n> E\n> S\n< 1\n< 2\n< G\n> d 1\n> S\n> H\n> d 2\n> c\n> S\n"
	 "< C COPY 2\n< Z I\n> Q select 1\n< C SELECT 0\n< Z I\n",
	 "copy ok rows=2 db=shop/alice @3-6\n"
	 "select ok rows=0 db=shop/alice @7-8\n",
	 false},
	{"like pairs of two statements, the second fails",
	 START
	 "> P a|lock t\n> P b|delete from t\n> S\n< 1\n< 1\n< Z I\n> B |a\n> E\n> B |b\n> E\n> B |a\n> E\n> S\n"
	 "< 2\n< C LOCK TABLE\n< E ERROR 22P02\n< Z I\n",
	 "lock ok rows=0 batch=2 db=shop/alice @5-6\n"
	 "delete 22P02 rows=0 batch=2 db=shop/alice @5-6\n",
	 false},
	{"COPY both",
	 "> startup user=r replication=true\n< R\n< Z I\n> Q START_REPLICATION 0/0\n< W\n< d x\n> d y\n< d x\n"
	 "> c\n< c\n< C START_REPLICATION\n< Z I\n",
	 "start_replication ok rows=0 db=r/r @3-8\n", false},
	{"a function call",
	 START "> F\n< V\n< Z I\n> F\n< E ERROR 42883\n< Z I\n> Q select 1\n< C SELECT 1\n< Z I\n",
	 "select ok rows=1 db=shop/alice @7-8\n", false},
	{"notices, parameters and notifications anywhere",
	 START
	 "< N NOTICE 00000\n< A\n> P |listen x\n> B |\n> E\n> S\n< N\n< 1\n< S\n< 2\n< A\n< C LISTEN\n< S\n< N\n< Z I\n< A\n"
	 "> Q select 1\n< N\n< T\n< A\n< D 1\n< N\n< C SELECT 1\n< N\n< Z I\n",
	 "listen ok rows=0 db=shop/alice @3-4\n"
	 "select ok rows=1 db=shop/alice @5-6 first=6\n",
	 false},
	{"FATAL while a statement runs", START "> Q select pg_sleep(9)\n< E FATAL 57P01\n",
	 "select 57P01 fatal rows=0 db=shop/alice @3-4\n", false},
	{"FATAL in a pipeline",
	 START
	 "> P |select 1\n> B |\n> E\n> P |select 2\n> B |\n> E\n> P |select 3\n> B |\n> E\n> S\n"
	 "< 1\n< 2\n< C SELECT 1\n< 1\n< 2\n< E FATAL 57P01\n",
	 "select 57P01 fatal rows=0 db=shop/alice @3-4\n! abandoned 2\n", false},
	{"FATAL while idle", START "< E FATAL 57P05\n", "", false},
	{"the connection ends in a statement", START "> Q select 1\n< T\n< D 1\n",
	 "! abandoned 1\n", false},
	{"Describe alone",
	 START "> P s|select 1\n> D S s\n> S\n< 1\n< t\n< T\n< Z I\n> C S s\n> S\n< 3\n< Z I\n", "",
	 false},
	{"an Execute that is empty",
	 START "> P |\n> B |\n> D P\n> E\n> S\n< 1\n< 2\n< n\n< I\n< Z I\n", "", false},
	{"SQL-level EXECUTE gives the inner tag",
	 START
	 "> Q prepare p as select 1\n< C PREPARE\n< Z I\n> Q execute p\n< T\n< D 1\n< C SELECT 1\n< Z I\n"
	 "> Q execute nope\n< E ERROR 26000\n< Z I\n",
	 "prepare ok rows=0 db=shop/alice @3-4\n"
	 "select ok rows=1 db=shop/alice @5-6 first=6\n"
	 "execute 26000 rows=0 db=shop/alice @7-8\n",
	 false},
	{"a client that writes on before it reads",
	 START "> Q select 1\n-\n> Q delete from t\n< C SELECT 1\n< Z I\n-\n< C DELETE 4\n< Z I\n",
	 "select ok rows=1 db=shop/alice @3-5\n"
	 "delete ok rows=4 db=shop/alice @4-6\n",
	 false},
	{"an Execute answered at Flush, synced later",
	 START "> P |select 1\n> B |\n> E\n> H\n< 1\n< 2\n< D 1\n< C SELECT 1\n> S\n< Z I\n",
	 "select ok rows=1 db=shop/alice @3-6 first=4\n", false},
	{"an Execute each at Flush, synced at the end",
	 START "> P s|select 1\n> B |s\n> E\n> H\n< 1\n< 2\n< D 1\n< C SELECT 1\n"
	       "> B |s\n> E\n> H\n< 2\n< D 1\n< C SELECT 1\n> S\n< Z I\n",
	 "select ok rows=1 batch=2 db=shop/alice @3-8 first=4\n"
	 "select ok rows=1 batch=2 db=shop/alice @3-8 first=6 row=5-6\n",
	 true},
	{"a query destroys a suspended unnamed portal",
	 START "> Q begin\n< C BEGIN\n< Z T\n> P |select 1\n> B |\n> E |1\n> S\n"
	       "< 1\n< 2\n< D 1\n< s\n< Z T\n> Q values (2)\n< T\n< D 2\n< C SELECT 1\n< Z T\n"
	       "> E |1\n> S\n< E ERROR 34000\n< Z E\n> Q rollback\n< C ROLLBACK\n< Z I\n",
	 "begin ok rows=0 db=shop/alice @3-4\n"
	 "select ok rows=1 db=shop/alice @5-6 first=6\n"
	 "select ok rows=1 db=shop/alice @7-8 first=8\n"
	 "unknown 34000 rows=0 db=shop/alice @9-10\n"
	 "rollback ok rows=0 db=shop/alice @11-12\n",
	 false},
	{"portals end with their transaction, though the next has begun",
	 START "> Q begin\n< C BEGIN\n< Z T\n> P |delete from t returning a\n> B c|\n> E c|1\n> S\n"
	       "< 1\n< 2\n< D 1\n< s\n< Z T\n> Q commit and chain\n< C COMMIT\n< Z T\n"
	       "> E c\n> S\n< E ERROR 34000\n< Z E\n",
	 "begin ok rows=0 db=shop/alice @3-4\n"
	 "delete ok rows=1 db=shop/alice @5-6 first=6\n"
	 "commit ok rows=0 db=shop/alice @7-8\n"
	 "unknown 34000 rows=0 db=shop/alice @9-10\n",
	 false},
	{"suspended and given up in one unit, in front of the COMMIT",
	 START "> P |select 1\n> B c|\n> E c|1\n> P |commit\n> B |\n> E\n> S\n"
	       "< 1\n< 2\n< D 1\n< s\n< 1\n< 2\n< C COMMIT\n< Z I\n",
	 "select ok rows=1 batch=2 db=shop/alice @3-4 first=4\n"
	 "commit ok rows=0 batch=2 db=shop/alice @3-4\n",
	 false},
	{"a deferred constraint fails at COMMIT",
	 START "> Q begin\n< C BEGIN\n< Z T\n> Q insert into t values (1)\n< C INSERT 0 1\n< Z T\n"
	       "> Q commit\n< E ERROR 23505\n< Z I\n",
	 "begin ok rows=0 db=shop/alice @3-4\n"
	 "insert ok rows=1 db=shop/alice @5-6\n"
	 "commit 23505 rows=0 db=shop/alice @7-8\n",
	 false},
	{"and at a COMMIT among others",
	 START "> P |begin\n> B |\n> E\n> P |insert into t values (1)\n> B |\n> E\n> P |commit\n"
	       "> B |\n> E\n> S\n< 1\n< 2\n< C BEGIN\n< 1\n< 2\n< C INSERT 0 1\n< 1\n< 2\n"
	       "< E ERROR 23505\n< Z I\n> Q begin; insert into t values (1); commit\n"
	       "< C BEGIN\n< C INSERT 0 1\n< E ERROR 23505\n< Z I\n",
	 "begin ok rows=0 batch=3 db=shop/alice @3-4\n"
	 "insert ok rows=1 batch=3 db=shop/alice @3-4\n"
	 "commit 23505 rows=0 batch=3 db=shop/alice @3-4\n"
	 "begin ok rows=0 batch=3 db=shop/alice @5-6\n"
	 "insert ok rows=1 batch=3 db=shop/alice @5-6\n"
	 "commit 23505 rows=0 batch=3 db=shop/alice @5-6\n",
	 false},
	{"an error after rows, extended",
	 START "> P |select 1/x from t\n> B |\n> D P\n> E\n> S\n< 1\n< 2\n< T\n< D 1\n< D 2\n"
	       "< E ERROR 22012\n< Z I\n",
	 "select 22012 rows=0 db=shop/alice @3-4 first=4\n", false},
	{"Flush and function calls are skipped, too",
	 START "> P |selec\n> D S\n> H\n> F\n> Q select 1\n> B |\n> S\n> F\n"
	       "< E ERROR 42601\n< Z I\n< V\n< Z I\n> Q select 2\n< C SELECT 0\n< Z I\n",
	 "other 42601 rows=0 db=shop/alice @3-4\n"
	 "select ok rows=0 db=shop/alice @5-6\n",
	 false},
	{"COPY in among the statements of a query",
	 START "> Q select 1; copy t from stdin; delete from t\n< T\n< D 1\n< C SELECT 1\n< G\n"
	       "> d 1\n> c\n< C COPY 1\n< C DELETE 4\n< Z I\n> Q select 1\n< C SELECT 0\n< Z I\n",
	 "select ok rows=1 batch=3 db=shop/alice @3-6 first=4\n"
	 "copy ok rows=1 batch=3 db=shop/alice @3-6\n"
	 "delete ok rows=4 batch=3 db=shop/alice @3-6\n"
	 "select ok rows=0 db=shop/alice @7-8\n",
	 false},
	{"COPY in, extended, given up at once",
	 START "> P |copy t from stdin\n> B |\n> E\n> S\n> f no\n> S\n> Q select 2\n"
	       "< 1\n< 2\n< G\n< E ERROR 57014\n< Z I\n< C SELECT 0\n< Z I\n",
	 "copy 57014 rows=0 db=shop/alice @3-4\n"
	 "select ok rows=0 db=shop/alice @3-4\n",
	 false},
	{"COPY in, extended, in the middle of a unit",
	 START "> P |select 1\n> B |\n> E\n> P |copy t from stdin\n> B |\n> E\n> S\n> d 1\n> c\n"
	       "> P |delete from t\n> B |\n> E\n> S\n< 1\n< 2\n< D 1\n< C SELECT 1\n< 1\n< 2\n< G\n"
	       "< C COPY 1\n< 1\n< 2\n< C DELETE 2\n< Z I\n> Q select 2\n< C SELECT 0\n< Z I\n",
	 "select ok rows=1 batch=3 db=shop/alice @3-4 first=4\n"
	 "copy ok rows=1 batch=3 db=shop/alice @3-4\n"
	 "delete ok rows=2 batch=3 db=shop/alice @3-4\n"
	 "select ok rows=0 db=shop/alice @5-6\n",
	 false},
	{"FATAL in COPY in", START "> Q copy t from stdin\n< G\n> d 1\n< E FATAL 57P01\n",
	 "copy 57P01 fatal rows=0 db=shop/alice @3-6\n", false},
	{"PANIC", START "> P |select 1\n> B |\n> E\n> S\n< 1\n< E PANIC XX000\n",
	 "select XX000 fatal rows=0 db=shop/alice @3-4\n", false},
	{"gss refused, ssl accepted", "> gss\n< byte N\n> ssl\n< byte S\n> raw \x16\x03\x01rest\n",
	 "left\n", true},
	{"answers nobody asked for", START "< C SELECT 1\n< Z I\n< 1\n", "! orphan 3\n", true},
};

/* The script's own lines cannot hold a newline: this conversation is completed here. */
static const char multi_expect[] = "insert ok rows=1 batch=3 db=shop/alice @3-4\n"
				   "select ok rows=1 batch=3 db=shop/alice @3-4 first=4\n"
				   "update ok rows=7 batch=3 db=shop/alice @3-4\n";
static const char multi_script[] =
	START "> Q insert into t values (1); select ';' ; /* x; */ update t set a = 1;\n"
	      "< C INSERT 0 1\n< T\n< D ;\n< C SELECT 1\n< C UPDATE 7\n< Z I\n";

static const char *talk_script(const struct talk *talk)
{
	return talk->expect ? talk->script : multi_script;
}

static const char *talk_expect(const struct talk *talk)
{
	return talk->expect ? talk->expect : multi_expect;
}

static bool talk_check(const struct talk *talk, struct play *p, const char *how, size_t at)
{
	bool same;

	play_end(p);
	same = !strcmp(p->out, talk_expect(talk));
	if (!same)
		printf("# \"%s\", %s %zu: said\n%sexpected\n%s", talk->name, how, at, p->out,
		       talk_expect(talk));
	play_free(p);
	return same;
}

static bool talk_cut(const struct talk *talk, const struct play_talk *t, const char *how,
		     struct play_cut cut)
{
	struct play *p = play_new(0);

	play_all(p, t, cut);
	return talk_check(talk, p, how, cut.at);
}

#define WHOLE ((struct play_cut){.at = SIZE_MAX})

TEST(conversations_whole)
{
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		struct play_talk *t = play_read(talk_script(&talks[i]));

		CHECK(talk_cut(&talks[i], t, "whole", WHOLE));
		free(t);
	}
}

TEST(conversations_by_message_and_byte)
{
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		struct play_talk *t = play_read(talk_script(&talks[i]));

		CHECK(talk_cut(&talks[i], t, "by message",
			       (struct play_cut){.at = SIZE_MAX, .messages = true}));
		CHECK(talk_cut(&talks[i], t, "by byte",
			       (struct play_cut){.at = SIZE_MAX, .bytes = true}));
		free(t);
	}
}

TEST(conversations_at_every_split)
{
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		struct play_talk *t = play_read(talk_script(&talks[i]));
		bool good = true;

		for (size_t at = 1; good && at < t->used; at++) {
			good = talk_cut(&talks[i], t, "piece", (struct play_cut){.at = at}) &&
			       talk_cut(&talks[i], t, "call",
					(struct play_cut){.at = at, .calls = true});
		}
		CHECK(good);
		free(t);
	}
}

/* Drops the times from what was expected: in one piece they are lost. */
static void talk_untimed(const char *expect, char *out)
{
	for (; *expect; expect++) {
		if (*expect == ' ' && expect[1] == '@')
			expect += strcspn(expect, "\n");
		*out++ = *expect;
	}
	*out = '\0';
}

TEST(conversations_requests_before_answers)
{
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		struct play_talk *t = play_read(talk_script(&talks[i]));
		struct play *p = play_new(0);
		char expect[4096];
		struct talk talk = talks[i];

		talk_untimed(talk_expect(&talks[i]), expect);
		talk.expect = expect;
		p->times = false;
		for (int dir = 0; dir < 2 && !talk.one_way; dir++)
			for (int k = 0; k < t->ncalls; k++)
				if ((int)t->calls[k].dir == dir)
					play_one(p, t, &t->calls[k], 1000, WHOLE);
		if (!talk.one_way)
			CHECK(talk_check(&talk, p, "coalesced", 0));
		else
			play_free(p);
		free(t);
	}
}

TEST(bytes_go_to_the_first_statement)
{
	struct play_talk *t =
		play_read(START "> Q select 1; select 2\n< C SELECT 1\n< C SELECT 1\n< Z I\n");
	struct play *p = play_new(0);
	size_t request = t->calls[2].len, response = t->calls[3].len;

	play_all(p, t, WHOLE);
	CHECK_EQ(p->txns, 2);
	CHECK_EQ(p->req_bytes, request);
	CHECK_EQ(p->resp_bytes, response);
	play_free(p);
	free(t);
}

static int pool_after(const char *script)
{
	struct play_talk *t = play_read(script);
	struct play *p = play_new(0);
	int state;

	play_all(p, t, WHOLE);
	state = postgres_pool_state(p->conn);
	play_free(p);
	free(t);
	return state;
}

TEST(pool_states)
{
	struct play *late = play_new(RT_LATE);

	CHECK_EQ(postgres_pool_state(late->conn), PG_POOL_UNKNOWN);
	play_free(late);
	CHECK_EQ(pool_after(""), PG_POOL_CONNECTING);
	CHECK_EQ(pool_after("> startup user=u\n< R\n"), PG_POOL_CONNECTING);
	CHECK_EQ(pool_after(START), PG_POOL_IDLE);
	CHECK_EQ(pool_after(START "> Q begin\n"), PG_POOL_ACTIVE);
	CHECK_EQ(pool_after(START "> Q begin\n< C BEGIN\n"), PG_POOL_ACTIVE);
	CHECK_EQ(pool_after(START "> Q begin\n< C BEGIN\n< Z T\n"), PG_POOL_IDLE_IN_TRANSACTION);
	CHECK_EQ(pool_after(START "> Q x\n< E ERROR 42601\n< Z E\n"),
		 PG_POOL_IDLE_IN_TRANSACTION_ABORTED);
	CHECK_EQ(pool_after(START "> P |select 1\n> H\n"), PG_POOL_ACTIVE);
	CHECK_EQ(pool_after(START "> P s|select 1\n> D S s\n> H\n< 1\n< t\n< T\n"), PG_POOL_IDLE);
	CHECK_EQ(pool_after(START "> P s|select 1\n> H\n< E ERROR 42601\n"), PG_POOL_ACTIVE);
	CHECK_EQ(pool_after("> cancel\n"), PG_POOL_NONE);
	CHECK_EQ(pool_after(START "< E FATAL 57P01\n"), PG_POOL_NONE);
	CHECK_STR(pg_pool_state_name(PG_POOL_IDLE_IN_TRANSACTION), "idle_in_transaction");
	CHECK(!pg_pool_state_name(PG_POOL_NONE));
	CHECK(!pg_pool_state_name(PG_POOL_MAX));
}

static uint32_t in_flight_after(const char *script)
{
	struct play_talk *t = play_read(script);
	struct play *p = play_new(0);
	uint32_t n;

	play_all(p, t, WHOLE);
	n = postgres_ops.in_flight(p->conn);
	play_free(p);
	free(t);
	return n;
}

TEST(units_in_flight)
{
	CHECK_EQ(in_flight_after(START), 0);
	CHECK_EQ(in_flight_after(START "> Q select 1\n"), 1);
	CHECK_EQ(in_flight_after(START "> Q select 1\n> Q select 2\n> P |x\n> B |\n> E\n"), 3);
	CHECK_EQ(in_flight_after(START "> Q select 1\n> Q select 2\n< C SELECT 1\n< Z I\n"), 1);
	CHECK_EQ(in_flight_after(START "> P |x\n> S\n< 1\n< Z I\n"), 0);
}

/* executemany: pairs of Bind and Execute with one Sync, far more than the queue could hold. */
TEST(a_hundred_thousand_statements_in_one_unit)
{
	struct play_talk *start = play_read(START);
	struct play_talk *first = play_read("> P s|insert into t values($1)\n");
	struct play_talk *pair = play_read("> B |s\n> E\n");
	struct play_talk *answer = play_read("< 2\n< C INSERT 0 1\n");
	struct play_talk *end = play_read("> S\n< C\n");
	struct play_talk *parsed = play_read("< 1\n");
	struct play_talk *ready = play_read("< Z I\n");
	struct play *p = play_new(0);
	const uint32_t n = 100000;

	play_all(p, start, WHOLE);
	play_one(p, first, &first->calls[0], 10000, WHOLE);
	for (uint32_t i = 0; i < n; i++)
		play_one(p, pair, &pair->calls[0], 10000 + i, WHOLE);
	play_one(p, end, &end->calls[0], 200000, WHOLE);
	CHECK_EQ(postgres_ops.in_flight(p->conn), 1);
	play_one(p, parsed, &parsed->calls[0], 300000, WHOLE);
	for (uint32_t i = 0; i < n; i++)
		play_one(p, answer, &answer->calls[0], 300000 + i, WHOLE);
	play_one(p, ready, &ready->calls[0], 500000, WHOLE);
	CHECK_EQ(p->txns, n);
	CHECK_EQ(p->rows, n);
	CHECK_EQ(p->unparsed[RT_UNPARSED_LIMIT], 0);
	CHECK(strstr(p->out, "insert ok rows=1 batch=100000 db=shop/alice @10-500\n") == p->out);
	CHECK_EQ(postgres_ops.in_flight(p->conn), 0);
	play_free(p);
	free(start), free(first), free(pair), free(answer), free(end), free(parsed), free(ready);
}

/* More units outstanding than are kept: counted from the answers, exactly, and said so. */
TEST(more_units_than_the_queue_holds)
{
	struct play_talk *start = play_read(START);
	struct play_talk *query = play_read("> Q select 1\n");
	struct play_talk *answer = play_read("< D 1\n< C SELECT 1\n< Z I\n");
	struct play *p = play_new(0);
	const uint32_t n = RT_PG_PENDING + 100;

	play_all(p, start, WHOLE);
	for (uint32_t i = 0; i < n; i++)
		play_one(p, query, &query->calls[0], 10000, WHOLE);
	for (uint32_t i = 0; i < n; i++)
		play_one(p, answer, &answer->calls[0], 20000, WHOLE);
	CHECK_EQ(p->txns, n);
	CHECK_EQ(p->rows, n);
	CHECK_EQ(p->unparsed[RT_UNPARSED_LIMIT], 1);
	CHECK_EQ(p->unparsed[RT_UNPARSED_GAP], 0);
	CHECK_EQ(postgres_ops.in_flight(p->conn), 0);
	p->out_len = 0;
	play_one(p, query, &query->calls[0], 30000, WHOLE);
	play_one(p, answer, &answer->calls[0], 40000, WHOLE);
	CHECK_STR(p->out, "select ok rows=1 db=shop/alice @30-40 first=40\n");
	play_free(p);
	free(start), free(query), free(answer);
}

/* A text of any length in pieces: only its beginning matters, and the rest may be skipped. */
TEST(long_texts)
{
	struct play_talk *start = play_read(START);
	struct play_talk *failed = play_read("< E ERROR 57014\n< Z I\n");
	static uint8_t text[200000];
	struct play *p = play_new(0);
	const uint32_t body = sizeof(text) - 5;

	play_all(p, start, WHOLE);
	memset(text, ' ', sizeof(text));
	text[0] = 'Q';
	text[2] = (body + 4) >> 16 & 0xff;
	text[1] = 0, text[3] = (body + 4) >> 8 & 0xff, text[4] = (body + 4) & 0xff;
	memcpy(text + 5, "/* a long comment", 17);
	memcpy(text + 70000, "*/ vacuum x", 11);
	text[sizeof(text) - 1] = 0;
	for (size_t at = 0; at < 90000; at += 1000)
		play_feed(p, RT_REQ, text + at, 1000, 10000, at ? 0 : RT_CALL_START);
	CHECK_EQ(postgres_ops.skippable(p->conn, RT_REQ), sizeof(text) - 90000);
	play_gap(p, RT_REQ, sizeof(text) - 90000, 10000);
	CHECK_EQ(postgres_ops.skippable(p->conn, RT_REQ), 0);
	play_one(p, failed, &failed->calls[0], 20000, WHOLE);
	play_end(p);
	CHECK_STR(p->out, "vacuum 57014 rows=0 db=shop/alice @10-20\n");
	play_free(p);
	free(start), free(failed);
}

/* What the protocol does not allow is counted, and the conversation is found again. */
TEST(malformed_and_found_again)
{
	struct play_talk *t = play_read(START "> raw Q\xff\xff\xff\xffrest\n< E FATAL 08P01\n");
	struct play *p = play_new(0);

	play_all(p, t, WHOLE);
	play_end(p);
	CHECK_EQ(p->unparsed[RT_UNPARSED_MALFORMED], 1);
	play_free(p);
	free(t);

	t = play_read(START "> Q select 1\n< byte ?\n< d junk\n-\n< C SELECT 1\n< Z I\n"
			    "> Q delete from t\n< C DELETE 2\n< Z I\n");
	p = play_new(0);
	play_all(p, t, WHOLE);
	play_end(p);
	CHECK_STR(p->out, "select ok rows=1 db=shop/alice @3-5\n"
			  "delete ok rows=2 db=shop/alice @6-7\n! malformed 1\n");
	play_free(p);
	free(t);
}

TEST(limits_that_are_set)
{
	const struct rt_env env = {.limits = {.pg_pending = 20, .pg_statements = 3}};
	struct play_talk *start = play_read(START);
	struct play_talk *query = play_read("> Q select 1\n");
	struct play_talk *prepare = play_read("> P a|lock t\n> P b|lock t\n> P c|lock t\n"
					      "> P d|lock t\n> S\n< 1\n< 1\n< 1\n< 1\n< Z I\n");
	struct play *p = play_new(0);

	postgres_ops.init(p->conn, &env, 0); /* it holds no memory yet */
	play_all(p, start, WHOLE);
	play_all(p, prepare, WHOLE);
	CHECK_EQ(p->unparsed[RT_UNPARSED_LIMIT], 1);
	for (int i = 0; i < 20; i++)
		play_one(p, query, &query->calls[0], 10000, WHOLE);
	CHECK_EQ(p->unparsed[RT_UNPARSED_LIMIT], 1);
	play_one(p, query, &query->calls[0], 10000, WHOLE);
	CHECK_EQ(p->unparsed[RT_UNPARSED_LIMIT], 2);
	play_free(p);
	free(start);
	free(query);
	free(prepare);
}

TEST(many_names_are_bounded)
{
	struct play_talk *start = play_read(START);
	struct play *p = play_new(0);
	char script[128];
	struct play_talk *t;

	play_all(p, start, WHOLE);
	for (int i = 0; i < RT_PG_STATEMENTS + 50; i++) {
		snprintf(script, sizeof(script), "> P s%d|%s t\n> S\n< 1\n< Z I\n", i,
			 i % 2 ? "truncate" : "lock");
		t = play_read(script);
		play_all(p, t, WHOLE);
		free(t);
	}
	CHECK_EQ(p->unparsed[RT_UNPARSED_LIMIT], 50);
	for (int i = 0; i < RT_PG_STATEMENTS; i += 13) {
		snprintf(script, sizeof(script), "> C S s%d\n> S\n< 3\n< Z I\n", i);
		t = play_read(script);
		play_all(p, t, WHOLE);
		free(t);
	}
	for (int i = 1; i < RT_PG_STATEMENTS; i += 97) {
		p->out_len = 0;
		snprintf(script, sizeof(script), "> B |s%d\n> E\n> S\n< E ERROR 40P01\n< Z I\n", i);
		t = play_read(script);
		play_all(p, t, WHOLE);
		free(t);
		snprintf(script, sizeof(script), "%s 40P01 rows=0 db=shop/alice @1-2\n",
			 i % 13 == 0 ? "unknown"
			 : i % 2     ? "truncate"
				     : "lock");
		CHECK_STR(p->out, script);
	}
	play_free(p);
	free(start);
}
