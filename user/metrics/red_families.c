// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics/red_impl.h"

/* Bit of a label that survives folding; see family_desc.fixed. */
#define KEEP(i) (1u << (i))

const struct family_desc red_families[RED_FAMILIES] = {
	[RED_HTTP_REQUESTS] =
		{
			.name = "http_requests_total",
			.help = "HTTP requests served, by status; error: ended without a response.",
			.labels = {"service", "method", "endpoint", "status"},
			.type = METRIC_COUNTER,
			.fixed = KEEP(1) | KEEP(3),
		},
	[RED_HTTP_DURATION] =
		{
			.name = "http_request_duration_seconds",
			.help = "From the first request byte read to the last response byte written.",
			.labels = {"service", "endpoint", "method"},
			.type = METRIC_HISTOGRAM,
			.fixed = KEEP(2),
		},
	[RED_HTTP_FIRST_BYTE] =
		{
			.name = "http_response_first_byte_seconds",
			.help = "From the first request byte read to the first response byte written.",
			.labels = {"service", "endpoint"},
			.type = METRIC_HISTOGRAM,
		},
	[RED_HTTP_IN_FLIGHT] =
		{
			.name = "http_requests_in_flight",
			.help = "HTTP requests begun and not ended, streams and WebSockets included.",
			.labels = {"service"},
			.type = METRIC_GAUGE,
			.flags = FAMILY_KEEP_NONZERO,
		},
	[RED_HTTP_REQUEST_BYTES] =
		{
			.name = "http_request_bytes_total",
			.help = "Bytes of HTTP requests on the wire, heads included.",
			.labels = {"service", "endpoint"},
			.type = METRIC_COUNTER,
		},
	[RED_HTTP_RESPONSE_BYTES] =
		{
			.name = "http_response_bytes_total",
			.help = "Bytes of HTTP responses on the wire, heads included.",
			.labels = {"service", "endpoint"},
			.type = METRIC_COUNTER,
		},
	[RED_HTTP_CLIENT_REQUESTS] =
		{
			.name = "http_client_requests_total",
			.help = "Outgoing HTTP requests, by status; error: ended without a response.",
			.labels = {"service", "peer", "method", "endpoint", "status"},
			.type = METRIC_COUNTER,
			.fixed = KEEP(2) | KEEP(4),
		},
	[RED_HTTP_CLIENT_DURATION] =
		{
			.name = "http_client_request_duration_seconds",
			.help = "From the first request byte written to the last response byte read.",
			.labels = {"service", "peer", "method"},
			.type = METRIC_HISTOGRAM,
			.fixed = KEEP(2),
		},
	[RED_DB_DURATION] =
		{
			.name = "db_query_duration_seconds",
			.help = "From a statement sent to its ReadyForQuery, one observation per statement.",
			.labels = {"service", "query_type", "database", "peer"},
			.type = METRIC_HISTOGRAM,
		},
	[RED_DB_QUERIES] =
		{
			.name = "db_queries_total",
			.help = "Database statements sent, by outcome.",
			.labels = {"service", "query_type", "database", "peer", "outcome"},
			.type = METRIC_COUNTER,
			.fixed = KEEP(4),
		},
	[RED_DB_ROWS] =
		{
			.name = "db_rows_total",
			.help = "Rows that statements returned or affected.",
			.labels = {"service", "query_type", "database"},
			.type = METRIC_COUNTER,
		},
	[RED_DB_FIRST_ROW] =
		{
			.name = "db_first_row_seconds",
			.help = "From a statement sent to its first row read; none without a row.",
			.labels = {"service", "query_type"},
			.type = METRIC_HISTOGRAM,
		},
	[RED_DB_POOL] =
		{
			.name = "db_connection_pool_size",
			.help = "Open connections to a database, by state.",
			.labels = {"service", "pool_state", "database", "peer"},
			.type = METRIC_GAUGE,
			.flags = FAMILY_KEEP_NONZERO,
			.fixed = KEEP(1),
		},
	[RED_DB_SERVER_QUERIES] =
		{
			.name = "db_server_queries_total",
			.help = "Database statements, seen from the database's process.",
			.labels = {"service", "query_type", "database"},
			.type = METRIC_COUNTER,
		},
	[RED_DB_SERVER_DURATION] =
		{
			.name = "db_server_query_duration_seconds",
			.help = "From a statement read to its ReadyForQuery, seen from the database's process.",
			.labels = {"service", "query_type", "database"},
			.type = METRIC_HISTOGRAM,
		},
	[RED_KAFKA_MESSAGES] =
		{
			.name = "kafka_messages_total",
			.help = "Kafka records produced and consumed, by outcome.",
			.labels = {"service", "topic", "outcome"},
			.type = METRIC_COUNTER,
			.fixed = KEEP(2),
		},
	[RED_KAFKA_BYTES] =
		{
			.name = "kafka_bytes_total",
			.help = "Bytes of Kafka record batches on the wire.",
			.labels = {"service", "topic", "direction"},
			.type = METRIC_COUNTER,
			.fixed = KEEP(2),
		},
	[RED_KAFKA_REQUESTS] =
		{
			.name = "kafka_requests_total",
			.help = "Kafka requests sent, by API and first error; error is empty without one.",
			.labels = {"service", "api", "peer", "error"},
			.type = METRIC_COUNTER,
			.fixed = KEEP(1) | KEEP(3),
		},
	[RED_KAFKA_DURATION] =
		{
			.name = "kafka_request_duration_seconds",
			.help = "From the last request byte to the last response byte, less the wait for data.",
			.labels = {"service", "api", "peer"},
			.type = METRIC_HISTOGRAM,
			.fixed = KEEP(1),
		},
	[RED_KAFKA_WAIT] =
		{
			.name = "kafka_fetch_wait_seconds",
			.help = "Time a Fetch waited for data to come.",
			.labels = {"service", "peer"},
			.type = METRIC_HISTOGRAM,
		},
	[RED_KAFKA_LAG] =
		{
			.name = "kafka_consumer_lag_messages",
			.help = "High watermark less committed offset; without a group less position.",
			.labels = {"service", "topic", "partition", "group"},
			.type = METRIC_GAUGE,
		},
	[RED_KAFKA_DELIVERY] =
		{
			.name = "kafka_delivery_latency_seconds",
			.help = "From a batch's newest record time stamp to its fetch.",
			.labels = {"service", "topic"},
			.type = METRIC_HISTOGRAM,
		},
	[RED_KAFKA_SERVER_REQUESTS] =
		{
			.name = "kafka_server_requests_total",
			.help = "Kafka requests, seen from the broker.",
			.labels = {"service", "api"},
			.type = METRIC_COUNTER,
			.fixed = KEEP(1),
		},
	[RED_KAFKA_SERVER_DURATION] =
		{
			.name = "kafka_server_request_duration_seconds",
			.help = "Time of Kafka requests less their wait for data, seen from the broker.",
			.labels = {"service", "api"},
			.type = METRIC_HISTOGRAM,
			.fixed = KEEP(1),
		},
	[RED_ERRORS] =
		{
			.name = "errors_total",
			.help = "Errors by type; severity warning: the caller's fault.",
			.labels = {"service", "error_type", "severity"},
			.type = METRIC_COUNTER,
			.fixed = KEEP(2),
		},
};
