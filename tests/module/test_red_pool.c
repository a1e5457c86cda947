// SPDX-License-Identifier: GPL-2.0-or-later
/* db_connection_pool_size and db_first_row_seconds. */
#include "proto/postgres.h"
#include "red_bed.h"

static struct series *move(struct bed *b, struct series *seat, const char *service,
			   const char *database, int state)
{
	struct red_who w = who(b, service, "db:5432");
	uint32_t id = *database ? intern_put(b->names, slice_str(database)) : 0;

	return red_pool(b->red, seat, &w, id, state);
}

static const char *pool(struct bed *b, const char *service, const char *database, int state)
{
	char name[200];

	snprintf(name, sizeof(name),
		 "db_connection_pool_size{service=\"%s\",pool_state=\"%s\",database=\"%s\","
		 "peer=\"db:5432\"}",
		 service, pg_pool_state_name(state), database);
	return value(b, name);
}

TEST(a_connection_moves_through_the_states)
{
	struct series *seat = NULL, *other;
	struct bed b;

	bed_up(&b);
	seat = move(&b, seat, "api", "", PG_POOL_CONNECTING);
	CHECK_STR(pool(&b, "api", "unknown", PG_POOL_CONNECTING), "1");
	seat = move(&b, seat, "api", "shop", PG_POOL_CONNECTING);
	CHECK_STR(pool(&b, "api", "unknown", PG_POOL_CONNECTING), "0");
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_CONNECTING), "1");
	seat = move(&b, seat, "api", "shop", PG_POOL_IDLE);
	other = move(&b, NULL, "api", "shop", PG_POOL_IDLE);
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_IDLE), "2");
	seat = move(&b, seat, "api", "shop", PG_POOL_IDLE_IN_TRANSACTION_ABORTED);
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_IDLE), "1");
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_IDLE_IN_TRANSACTION_ABORTED), "1");
	CHECK(seat == move(&b, seat, "api", "shop", PG_POOL_IDLE_IN_TRANSACTION_ABORTED));
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_IDLE_IN_TRANSACTION_ABORTED), "1");
	/* another service at a reload */
	seat = move(&b, seat, "renamed", "shop", PG_POOL_IDLE_IN_TRANSACTION_ABORTED);
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_IDLE_IN_TRANSACTION_ABORTED), "0");
	CHECK_STR(pool(&b, "renamed", "shop", PG_POOL_IDLE_IN_TRANSACTION_ABORTED), "1");
	CHECK(!move(&b, seat, "renamed", "shop", PG_POOL_NONE));
	CHECK(!move(&b, other, "api", "shop", PG_POOL_NONE));
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_IDLE), "0");
	CHECK_STR(pool(&b, "renamed", "shop", PG_POOL_IDLE_IN_TRANSACTION_ABORTED), "0");
	bed_down(&b);
}

/* What is open stays however long nothing changes; what fell to 0 leaves like any series. */
TEST(only_what_is_zero_expires)
{
	struct series *seat, *moved;
	struct bed b;

	bed_up(&b);
	seat = move(&b, NULL, "api", "shop", PG_POOL_IDLE);
	for (int i = 0; i < 10; i++)
		pass(&b, REGISTRY_EXPIRE_NS / 4);
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_IDLE), "1");
	moved = move(&b, seat, "api", "shop", PG_POOL_ACTIVE);
	for (int i = 0; i < 10; i++)
		pass(&b, REGISTRY_EXPIRE_NS / 4);
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_IDLE), "");
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_ACTIVE), "1");
	seat = move(&b, moved, "api", "shop", PG_POOL_IDLE);
	CHECK_STR(pool(&b, "api", "shop", PG_POOL_IDLE), "1");
	move(&b, seat, "api", "shop", PG_POOL_NONE);
	bed_down(&b);
}

/* Past the maximum of series, and with room again: never negative, nothing left behind. */
TEST(what_was_folded_is_taken_from_where_it_was_added)
{
	struct series *seats[40];
	struct bed b;
	char name[16];

	bed_up_with(&b, 8, 0);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		seats[i] = move(&b, NULL, name, "shop", PG_POOL_IDLE);
	}
	CHECK_STR(value(&b, "db_connection_pool_size{service=\"other\",pool_state=\"idle\","
			    "database=\"other\",peer=\"other\"}"),
		  "32");
	for (int i = 0; i < 8; i++)
		seats[i] = move(&b, seats[i], "s0", "shop", PG_POOL_NONE);
	for (int i = 0; i < 10; i++)
		pass(&b, REGISTRY_EXPIRE_NS / 4);
	for (int i = 8; i < 40; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		seats[i] = move(&b, seats[i], name, "shop", PG_POOL_IDLE);
	}
	/* of the eight places `other` itself has one */
	CHECK_STR(pool(&b, "s8", "shop", PG_POOL_IDLE), "1");
	CHECK_STR(value(&b, "db_connection_pool_size{service=\"other\",pool_state=\"idle\","
			    "database=\"other\",peer=\"other\"}"),
		  "25");
	for (int i = 8; i < 40; i++)
		CHECK(!move(&b, seats[i], "x", "shop", PG_POOL_NONE));
	CHECK_STR(pool(&b, "s8", "shop", PG_POOL_IDLE), "0");
	CHECK_STR(value(&b, "db_connection_pool_size{service=\"other\",pool_state=\"idle\","
			    "database=\"other\",peer=\"other\"}"),
		  "0");
	bed_down(&b);
}

TEST(first_rows)
{
	struct rt_txn txn = pg_txn("select", "", 3);
	struct bed b;

	bed_up(&b);
	say(&b, "api", "db:5432", txn); /* no row was seen */
	CHECK_STR(value(&b, "db_first_row_seconds_count{service=\"api\",query_type=\"select\"}"),
		  "");
	txn.pg.row_ns = SECOND + MS;
	say(&b, "api", "db:5432", txn); /* its request was not */
	txn.pg.sent_ns = SECOND - MS;
	say(&b, "postgres", "", txn); /* the server's view */
	CHECK_STR(value(&b, "db_first_row_seconds_count{service=\"api\",query_type=\"select\"}"),
		  "");
	CHECK_STR(
		value(&b, "db_first_row_seconds_count{service=\"postgres\",query_type=\"select\"}"),
		"");
	say(&b, "api", "db:5432", txn);
	txn = pg_txn("select", "22012", 0); /* fails after its rows */
	txn.pg.sent_ns = SECOND, txn.pg.row_ns = SECOND + 3 * MS;
	say(&b, "api", "db:5432", txn);
	CHECK_STR(value(&b, "db_first_row_seconds_count{service=\"api\",query_type=\"select\"}"),
		  "2");
	CHECK_STR(value(&b, "db_first_row_seconds_sum{service=\"api\",query_type=\"select\"}"),
		  "0.005");
	bed_down(&b);
}

TEST(a_change_of_state_is_booked_quickly)
{
	struct red_who w;
	struct series *seat = NULL;
	uint32_t database;
	struct bed b;
	uint64_t begin;
	double ns;

	bed_up(&b);
	w = who(&b, "api", "db:5432");
	database = intern_put(b.names, SLICE("shop"));
	begin = cpu_ns();
	for (int i = 0; i < 200000; i++)
		seat = red_pool(b.red, seat, &w, database, i & 1 ? PG_POOL_IDLE : PG_POOL_ACTIVE);
	ns = (double)(cpu_ns() - begin) / 200000;
	printf("# %.0f ns\n", ns);
	CHECK(SANITIZED || ns < 300);
	red_pool(b.red, seat, &w, database, PG_POOL_NONE);
	bed_down(&b);
}
