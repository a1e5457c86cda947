// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics/red_impl.h"
#include "proto/kafka.h"

/* of a request's slot */
enum {
	S_REQUESTS,
	S_DURATION,
	S_WAIT,
};

/* of a record's slot */
enum {
	S_MESSAGES,
	S_BYTES,
};

/*
 * How bad an error code is (Apache Kafka, org.apache.kafka.common.protocol.Errors). A warning is
 * what a client brings upon itself or what the protocol uses to steer it: stale metadata,
 * rebalances, fetch sessions, refused credentials. Critical is what endangers data on the broker.
 */
static enum red_severity kafka_severity(int16_t error)
{
	switch (error) {
	case -1: /* UNKNOWN_SERVER_ERROR */
	case 56: /* KAFKA_STORAGE_ERROR */ return RED_CRITICAL;
	case 2:  /* CORRUPT_MESSAGE */
	case 5:  /* LEADER_NOT_AVAILABLE */
	case 7:  /* REQUEST_TIMED_OUT */
	case 8:  /* BROKER_NOT_AVAILABLE */
	case 9:  /* REPLICA_NOT_AVAILABLE */
	case 13: /* NETWORK_EXCEPTION */
	case 15: /* COORDINATOR_NOT_AVAILABLE */
	case 19: /* NOT_ENOUGH_REPLICAS */
	case 20: /* NOT_ENOUGH_REPLICAS_AFTER_APPEND */
	case 45: /* OUT_OF_ORDER_SEQUENCE_NUMBER */
	case 47: /* INVALID_PRODUCER_EPOCH */
	case 59: /* UNKNOWN_PRODUCER_ID */
	case 80: /* PREFERRED_LEADER_NOT_AVAILABLE */
	case 83: /* ELIGIBLE_LEADERS_NOT_AVAILABLE */
	case 90: /* PRODUCER_FENCED */ return RED_ERROR;
	default: return RED_WARNING;
	}
}

static void kafka_duration(struct red *red, const struct rt_txn *txn, struct series *s)
{
	uint64_t wait_ns = txn->kafka.waited ? txn->kafka.wait_ns : 0;

	series_observe(red->registry, s, red_elapsed(red, txn->start_ns + wait_ns, txn->end_ns));
}

void red_kafka(struct red *red, const struct red_who *who, const struct rt_txn *txn)
{
	const struct rt_kafka_txn *kafka = &txn->kafka;
	bool client = who->role == RT_ROLE_CLIENT;
	uint32_t key[5] = {RED_KIND_KAFKA | (uint32_t)client << 4, who->service,
			   client ? who->peer : 0,
			   (uint16_t)kafka->api | (uint32_t)(uint16_t)kafka->error << 16, 0};
	struct red_slot *slot = red_slot(red, key);
	const char *error = kafka->error ? kafka_error_name(kafka->error) : "";
	uint32_t ids[4] = {who->service, 0, who->peer, 0};

	if (!slot->s[S_REQUESTS] || !slot->s[S_DURATION]) {
		ids[1] = intern_put(red->names, slice_str(kafka_api_name(kafka->api)));
		ids[3] = intern_put(red->names, slice_str(error));
	}
	series_add(red->registry,
		   red_series(red, slot, S_REQUESTS,
			      client ? RED_KAFKA_REQUESTS : RED_KAFKA_SERVER_REQUESTS, ids),
		   1);
	if (txn->start_ns && txn->end_ns && !(txn->flags & RT_TXN_NO_DURATION))
		kafka_duration(red, txn,
			       red_series(red, slot, S_DURATION,
					  client ? RED_KAFKA_DURATION : RED_KAFKA_SERVER_DURATION,
					  ids));
	if (client && kafka->waited && txn->start_ns && !(txn->flags & RT_TXN_NO_DURATION))
		series_observe(red->registry,
			       red_series(red, slot, S_WAIT, RED_KAFKA_WAIT,
					  (uint32_t[]){who->service, who->peer}),
			       kafka->wait_ns);
	if (kafka->error)
		red_error(red, who->service, client ? "kafka_" : "kafka_server_", error,
			  kafka_severity(kafka->error));
}

/* Bytes count where records do: what the broker took or handed out, and what nobody answered for.
 */
static uint32_t records_direction(const struct red *red, enum rt_kafka_outcome outcome)
{
	switch (outcome) {
	case RT_KAFKA_PRODUCED:
	case RT_KAFKA_UNACKED: return red->produced;
	case RT_KAFKA_CONSUMED: return red->consumed;
	default: return INTERN_EMPTY;
	}
}

void red_records(struct red *red, const struct red_who *who, const struct rt_kafka_records *rec)
{
	uint32_t key[5] = {RED_KIND_RECORDS | (uint32_t)rec->outcome << 8, who->service, rec->topic,
			   0, 0};
	uint32_t messages[3] = {who->service, rec->topic, 0};
	uint32_t bytes[3] = {who->service, rec->topic, 0};
	struct red_slot *slot;

	if (who->role != RT_ROLE_CLIENT || rec->outcome > RT_KAFKA_CONSUMED)
		return;
	messages[2] = red->outcomes[rec->outcome];
	bytes[2] = records_direction(red, rec->outcome);
	slot = red_slot(red, key);
	if (rec->records)
		series_add(red->registry,
			   red_series(red, slot, S_MESSAGES, RED_KAFKA_MESSAGES, messages),
			   rec->records);
	if (rec->bytes && bytes[2])
		series_add(red->registry, red_series(red, slot, S_BYTES, RED_KAFKA_BYTES, bytes),
			   rec->bytes);
}

void red_delivered(struct red *red, const struct red_who *who, uint32_t topic, uint64_t stamp_ns,
		   uint64_t fetched_ns)
{
	uint32_t key[5] = {RED_KIND_DELIVERY, who->service, topic, 0, 0};
	struct red_slot *slot;

	if (who->role != RT_ROLE_CLIENT)
		return;
	slot = red_slot(red, key);
	series_observe(red->registry, red_series(red, slot, 0, RED_KAFKA_DELIVERY, &key[1]),
		       red_elapsed(red, stamp_ns, fetched_ns));
}
