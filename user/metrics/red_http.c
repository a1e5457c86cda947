// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "metrics/red_impl.h"

/* Places in a slot. A client's has no more than the first two and the error. */
enum {
	S_REQUESTS,
	S_DURATION,
	S_FIRST_BYTE,
	S_REQUEST_BYTES,
	S_RESPONSE_BYTES,
	S_ERROR,
};

/* One exchange with its labels. */
struct http_seen {
	const struct red_who *who;
	const struct rt_txn *txn;
	struct red_slot *slot;
	uint32_t status;
	uint32_t method;
	uint32_t endpoint;
};

/* The often ones first; the last stands for all others. */
static const struct slice http_methods[RED_METHODS] = {
	SLICE("GET"),   SLICE("POST"),    SLICE("PUT"),    SLICE("DELETE"),
	SLICE("HEAD"),  SLICE("OPTIONS"), SLICE("PATCH"),  SLICE("QUERY"),
	SLICE("TRACE"), SLICE("CONNECT"), SLICE("_OTHER"),
};

void red_http_intern(struct red *red)
{
	for (int i = 0; i < RED_METHODS; i++)
		red->methods[i] = intern_put(red->names, http_methods[i]);
	red->statuses[0] = red->error;
}

static uint32_t http_method(struct slice method)
{
	for (uint32_t i = 0; i < RED_METHODS - 1; i++)
		if (slice_eq(method, http_methods[i]))
			return i;
	return RED_METHODS - 1;
}

static void http_status_intern(struct red *red, uint32_t status)
{
	char text[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
			(char)('0' + status % 10), '\0'};

	if (!red->statuses[status])
		red->statuses[status] = intern_put(red->names, slice_make(text, 3));
}

/* 4xx is the caller's fault; no response at all is as bad as a 5xx. */
static void http_errors(struct red *red, const struct http_seen *seen)
{
	bool client = seen->who->role == RT_ROLE_CLIENT;
	const char *prefix = client ? "http_client_" : "http_";
	struct series **s = &seen->slot->s[S_ERROR];
	enum red_severity severity =
		seen->status >= 400 && seen->status < 500 ? RED_WARNING : RED_ERROR;
	char type[32];

	if (seen->txn->flags & RT_TXN_ABORTED)
		red_error(red, seen->who->service, prefix, "aborted", RED_ERROR);
	if (seen->status && seen->status < 400)
		return;
	if (!*s) {
		uint32_t ids[3] = {seen->who->service, 0, red->severities[severity]};
		struct slice status = intern_get(red->names, red->statuses[seen->status]);
		int n = snprintf(type, sizeof(type), "%s%.*s", prefix, (int)status.n, status.p);

		ids[1] = intern_put(red->names, slice_make(type, (size_t)n));
		series_add(red->registry, red_slot_fill(red, seen->slot, S_ERROR, RED_ERRORS, ids),
			   1);
		return;
	}
	series_add(red->registry, *s, 1);
}

static bool http_has_duration(const struct rt_txn *txn)
{
	return txn->start_ns && txn->end_ns &&
	       !(txn->flags & (RT_TXN_NO_DURATION | RT_TXN_STREAM | RT_TXN_ABORTED));
}

/* A body that was cut or goes on for ever had a first byte all the same. */
static bool http_has_first_byte(const struct rt_txn *txn)
{
	if (!txn->start_ns || !txn->first_ns || !txn->http.status)
		return false;
	return !(txn->flags & RT_TXN_NO_DURATION) || txn->flags & (RT_TXN_STREAM | RT_TXN_ABORTED);
}

static void http_server(struct red *red, const struct http_seen *seen)
{
	uint32_t service = seen->who->service, method = red->methods[seen->method];
	uint32_t requests[4] = {service, method, seen->endpoint, red->statuses[seen->status]};
	uint32_t duration[3] = {service, seen->endpoint, method};
	struct registry *r = red->registry;
	const struct rt_txn *txn = seen->txn;
	struct red_slot *slot = seen->slot;

	series_add(r, red_series(red, slot, S_REQUESTS, RED_HTTP_REQUESTS, requests), 1);
	if (http_has_duration(txn))
		series_observe(r, red_series(red, slot, S_DURATION, RED_HTTP_DURATION, duration),
			       red_elapsed(red, txn->start_ns, txn->end_ns));
	/* The other families' labels are the first two of `duration`. */
	if (http_has_first_byte(txn))
		series_observe(r,
			       red_series(red, slot, S_FIRST_BYTE, RED_HTTP_FIRST_BYTE, duration),
			       red_elapsed(red, txn->start_ns, txn->first_ns));
	series_add(r, red_series(red, slot, S_REQUEST_BYTES, RED_HTTP_REQUEST_BYTES, duration),
		   txn->req_bytes);
	series_add(r, red_series(red, slot, S_RESPONSE_BYTES, RED_HTTP_RESPONSE_BYTES, duration),
		   txn->resp_bytes);
}

static void http_client(struct red *red, const struct http_seen *seen)
{
	uint32_t service = seen->who->service, method = red->methods[seen->method];
	uint32_t requests[5] = {service, seen->who->peer, method, seen->endpoint,
				red->statuses[seen->status]};
	uint32_t duration[3] = {service, seen->who->peer, method};
	struct registry *r = red->registry;
	const struct rt_txn *txn = seen->txn;
	struct red_slot *slot = seen->slot;

	series_add(r, red_series(red, slot, S_REQUESTS, RED_HTTP_CLIENT_REQUESTS, requests), 1);
	if (http_has_duration(txn))
		series_observe(
			r, red_series(red, slot, S_DURATION, RED_HTTP_CLIENT_DURATION, duration),
			red_elapsed(red, txn->start_ns, txn->end_ns));
}

void red_http(struct red *red, const struct red_who *who, const struct rt_txn *txn)
{
	bool client = who->role == RT_ROLE_CLIENT;
	struct http_seen seen = {
		.who = who,
		.txn = txn,
		.method = http_method(txn->http.method),
		.status = txn->http.status < RED_STATUSES ? txn->http.status : 0,
	};
	uint32_t key[5];

	http_status_intern(red, seen.status);
	seen.endpoint =
		endpoints_get(red->endpoints, who->service, txn->http.method, txn->http.target);
	key[0] = RED_KIND_HTTP | (uint32_t)client << 4 | seen.method << 8 | seen.status << 16;
	key[1] = who->service;
	key[2] = client ? who->peer : 0;
	key[3] = seen.endpoint;
	key[4] = 0;
	seen.slot = red_slot(red, key);
	if (client)
		http_client(red, &seen);
	else
		http_server(red, &seen);
	if (!seen.status || seen.status >= 400 || txn->flags & RT_TXN_ABORTED)
		http_errors(red, &seen);
}
