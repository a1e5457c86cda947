/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a Kafka message looks like on the wire, as tables of fields, and which fields matter.
 * Source: the message JSON of Apache Kafka 4.1 (common/message/ in kafka-clients.jar); versions
 * that 4.x dropped from the 3.9 JSON.
 *
 * A message is a flat list of fields in wire order that ends in KAFKA_END or KAFKA_REST. A field
 * counts in the versions from..to. KAFKA_ARRAY opens an array of structs whose fields follow up to
 * the matching KAFKA_END, where a flexible version has the struct's tagged fields. KAFKA_REST ends
 * the list early: what follows is of no use.
 */
#ifndef REDTAP_PROTO_KAFKA_SCHEMA_H
#define REDTAP_PROTO_KAFKA_SCHEMA_H

#include <stdint.h>

enum kafka_type {
	KAFKA_I8,
	KAFKA_I16,
	KAFKA_I32,
	KAFKA_I64,
	KAFKA_UUID,
	KAFKA_STR,     /* string, nullable or not; compact in flexible versions */
	KAFKA_STR16,   /* the header's client id: never compact */
	KAFKA_RECORDS, /* record batches, or a message set */
	KAFKA_LIST32,  /* array of int32 */
	KAFKA_LIST64,  /* array of int64; its values are never needed */
	KAFKA_ARRAY,
	KAFKA_END,
	KAFKA_TAGS, /* the header's tagged fields */
	KAFKA_BODY, /* ends a header: the body follows */
	KAFKA_REST,
};

/* What a field means to the pairing. */
enum kafka_role {
	KAFKA_NONE,
	KAFKA_CLIENT_ID,
	KAFKA_ERROR,
	KAFKA_TOPIC,
	KAFKA_TOPIC_ID,
	KAFKA_NAMED_ID, /* the id of the topic just named */
	KAFKA_PARTITION,
	KAFKA_GROUP,
	KAFKA_ACKS,
	KAFKA_REPLICA,
	KAFKA_ISOLATION,
	KAFKA_SESSION_ID,
	KAFKA_SESSION_EPOCH,
	KAFKA_FETCH_OFFSET,
	KAFKA_FORGOTTEN, /* a partition that leaves the fetch session */
	KAFKA_HIGH_WATERMARK,
	KAFKA_STABLE_OFFSET,
	KAFKA_ABORTED_PID,
	KAFKA_ABORTED_FIRST,
	KAFKA_BASE_OFFSET,
	KAFKA_TIMESTAMP,
	KAFKA_OFFSET,
	KAFKA_PRODUCER_ID, /* of a transaction */
	KAFKA_COMMITTED,   /* EndTxn: 1, or 0 for an abort */
	KAFKA_BATCHES,     /* the records field as a whole: value is its length, or -1 */
	KAFKA_BATCH,       /* one batch in it; never in a table */
};

struct kafka_field {
	uint8_t type;
	uint8_t role;
	int8_t from;
	int8_t to;
	int8_t tag; /* of KAFKA_END: `role` means the leading int32 of this tagged field */
};

struct kafka_api {
	const char *name;
	int8_t max;                    /* newest version known; -1: no such API */
	int8_t flex;                   /* first flexible version; KAFKA_NEVER: none */
	const struct kafka_field *req; /* NULL: nothing in the body is needed */
	const struct kafka_field *resp;
};

#define KAFKA_NEVER 127

enum kafka_key {
	KAFKA_PRODUCE = 0,
	KAFKA_FETCH = 1,
	KAFKA_LIST_OFFSETS = 2,
	KAFKA_METADATA = 3,
	KAFKA_OFFSET_COMMIT = 8,
	KAFKA_OFFSET_FETCH = 9,
	KAFKA_FIND_COORDINATOR = 10,
	KAFKA_JOIN_GROUP = 11,
	KAFKA_HEARTBEAT = 12,
	KAFKA_SYNC_GROUP = 14,
	KAFKA_SASL_HANDSHAKE = 17,
	KAFKA_API_VERSIONS = 18,
	KAFKA_DELETE_TOPICS = 20,
	KAFKA_END_TXN = 26,
	KAFKA_TXN_OFFSET_COMMIT = 28,
	KAFKA_CONSUMER_GROUP_HEARTBEAT = 68,
	KAFKA_KEYS = 93,
};

/* The API of a request's key; NULL when it is not known. */
const struct kafka_api *kafka_api(int16_t key);

/* The headers' fields behind the correlation id; both end in KAFKA_BODY. */
extern const struct kafka_field kafka_request_header[];
extern const struct kafka_field kafka_response_header[];

#endif
