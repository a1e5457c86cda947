// SPDX-License-Identifier: GPL-2.0-or-later
/* What becomes of what the tracker says: from agent_heard.c's callbacks to the page. */
#include "red_bed.h"

#include "agent_impl.h"
#include "proto/kafka_world.h"

#define UUID "0123456789abcdef"

static struct agent a; /* late.h's entries are too many for the stack */
static struct config config;
static struct bed bed;
static struct track_ops ops;

static void nothing(void *arg)
{
	(void)arg;
}

static void up(void)
{
	memset(&a, 0, sizeof(a));
	memset(&config, 0, sizeof(config));
	bed_up(&bed);
	ops = agent_track_ops(&a);
	a.config = &config;
	a.names = a.env.names = bed.names;
	a.registry = bed.r;
	a.red = bed.red;
	a.env.kafka = kafka_world_new(bed.names);
	REQUIRE(a.env.kafka && procs_new(&config, bed.names, NULL, &a.procs) == 0);
	REQUIRE(procs_scan(a.procs, nothing, NULL) == 0);
	a.track = track_new(&ops, &a.env, 16);
	a.naming = naming_new(&config, bed.names, a.procs);
	REQUIRE(a.track && a.naming);
}

static void down(void)
{
	naming_free(a.naming);
	track_free(a.track);
	procs_free(a.procs);
	kafka_world_free(a.env.kafka);
	bed_down(&bed);
}

/* This process consumed so many records, or handed them out, of the topic by its id or its name. */
static void records(enum rt_role role, uint32_t topic, uint64_t n)
{
	struct conn c = {.proto = RT_PROTO_KAFKA, .role = role, .tgid = (uint32_t)getpid()};
	struct rt_kafka_records rec = {.topic = kafka_world_resolve(a.env.kafka, topic),
				       .outcome = RT_KAFKA_CONSUMED,
				       .records = n};

	rec.unnamed = rec.topic == INTERN_UNKNOWN ? topic : 0;
	ops.records(&a, &c, &rec);
}

static const char *consumed(const char *topic)
{
	struct slice self = intern_get(bed.names, procs_service(a.procs, (uint32_t)getpid()));
	char series[300];

	snprintf(series, sizeof(series),
		 "kafka_messages_total{service=\"%.*s\",topic=\"%s\",outcome=\"consumed\"}",
		 (int)self.n, (const char *)self.p, topic);
	return value(&bed, series);
}

TEST(records_of_a_topic_without_a_name_wait_for_it)
{
	uint32_t topic;

	up();
	topic = kafka_world_topic(a.env.kafka, SLICE(UUID));
	records(RT_ROLE_CLIENT, topic, 5);
	agent_name_late(&a);
	CHECK_STR(consumed("unknown"), "");
	kafka_world_name(a.env.kafka, SLICE(UUID), SLICE("orders"));
	CHECK_STR(consumed("orders"), "");
	agent_name_late(&a);
	CHECK_STR(consumed("orders"), "5");
	records(RT_ROLE_CLIENT, topic, 2); /* and now it has one */
	CHECK_STR(consumed("orders"), "7");
	CHECK_STR(consumed("unknown"), "");
	down();
}

TEST(or_are_told_without_one)
{
	uint32_t topic;

	up();
	topic = kafka_world_topic(a.env.kafka, SLICE(UUID));
	records(RT_ROLE_CLIENT, topic, 5);
	usleep(LATE_WAIT_NS / 1000 + 10000);
	agent_name_late(&a);
	CHECK_STR(consumed("unknown"), "5");
	down();
}

/* What a broker hands out is not counted at its end, and takes nobody's place. */
TEST(the_brokers_end_does_not_wait)
{
	up();
	records(RT_ROLE_SERVER, kafka_world_topic(a.env.kafka, SLICE(UUID)), 5);
	CHECK_EQ(a.late.n, 0);
	down();
}
