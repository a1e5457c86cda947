// SPDX-License-Identifier: GPL-2.0-or-later
/* What the track layer says: names, metrics, hints. */
#include "agent_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "names/endpoint.h"
#include "proto/kafka_world.h"
#include "proto/postgres.h"

static void on_txn(void *arg, struct conn *c, const struct rt_txn *txn)
{
	struct agent *a = arg;
	struct red_who who = naming_who(a->naming, a->track, c);

	red_txn(a->red, &who, txn);
}

static void on_records(void *arg, struct conn *c, const struct rt_kafka_records *rec)
{
	struct agent *a = arg;
	struct red_who who = naming_who(a->naming, a->track, c);

	/* The broker's end of it is not counted, and so need not wait. */
	if (!rec->unnamed || who.role != RT_ROLE_CLIENT ||
	    !late_put(&a->late, &who, rec, clock_mono_ns()))
		red_records(a->red, &who, rec);
}

static uint32_t late_name(void *arg, uint32_t unnamed)
{
	struct agent *a = arg;

	return kafka_world_resolve(a->env.kafka, unnamed);
}

static void late_say(void *arg, const struct red_who *who, const struct rt_kafka_records *rec)
{
	struct agent *a = arg;

	red_records(a->red, who, rec);
}

void agent_name_late(struct agent *a)
{
	if (a->late.n)
		late_take(&a->late, clock_mono_ns(), late_name, late_say, a);
}

static void on_delivered(void *arg, struct conn *c, uint32_t topic, int64_t stamp_ms,
			 uint64_t at_ns)
{
	struct agent *a = arg;
	struct red_who who = naming_who(a->naming, a->track, c);

	red_delivered(a->red, &who, topic, (uint64_t)stamp_ms * CLOCK_NS_PER_MS,
		      at_ns + (uint64_t)a->wall_offset_ns);
}

static void on_unparsed(void *arg, struct conn *c, enum rt_unparsed cause, uint64_t n)
{
	struct agent *a = arg;

	a->sample.unparsed[c->proto][cause] += n;
}

static void on_in_flight(void *arg, struct conn *c, int delta)
{
	struct agent *a = arg;

	if (c->proto == RT_PROTO_HTTP && c->role == RT_ROLE_SERVER)
		red_in_flight_add(a->red, naming_who(a->naming, a->track, c).service, delta);
}

static void on_session(void *arg, struct conn *c)
{
	struct agent *a = arg;
	struct rt_session s = {.state = PG_POOL_NONE};
	struct red_who who = {0};

	/* One that is not looked at any more is not in the pool until it says something again. */
	if (!c->service && !procs_selects_conn(a->procs, c->tgid, c->local.port, c->remote.port))
		c->session = 0;
	if (c->session) {
		c->ops->session(c->state, &s);
		who = naming_who(a->naming, a->track, c);
		if (!c->database && s.database.n)
			c->database = intern_put(a->names, s.database);
	}
	c->seat = red_pool(a->red, c->seat, &who, c->database, s.state);
}

static void on_hint(void *arg, const struct conn *c, const struct rt_hint *hint)
{
	struct agent *a = arg;

	capture_hint(a->capture, c->id, hint);
}

static void on_closed(void *arg, struct conn *c)
{
	static const struct rt_hint none;
	struct agent *a = arg;

	if (memcmp(&c->hint, &none, sizeof(none)) != 0)
		capture_forget(a->capture, c->id);
}

/* Prometheus and its like, talking to our own listener, and what the port rules leave out. */
static bool on_own(void *arg, const struct conn *c)
{
	struct agent *a = arg;

	if (c->local.family != AF_UNIX && c->remote.port == a->port &&
	    (memcmp(c->remote.ip, c->local.ip, sizeof(c->local.ip)) == 0 || c->remote.ip[0] == 127))
		return true;
	return !procs_selects_conn(a->procs, c->tgid, c->local.port, c->remote.port);
}

static bool on_known(void *arg, const struct conn *c)
{
	struct agent *a = arg;

	return procs_known(a->procs, c->tgid);
}

const struct endpoint_routes *agent_routes(void *arg, uint32_t service)
{
	struct agent *a = arg;
	struct slice name = intern_get(a->names, service);
	struct endpoint_routes *routes;

	if (!a->config->routes_count)
		return NULL;
	if (a->routes[service])
		return a->routes[service];
	routes = endpoint_routes_new();
	for (size_t i = 0; routes && i < a->config->routes_count; i++) {
		const struct config_route *r = &a->config->routes[i];

		if (!r->service || slice_eq(slice_str(r->service), name))
			endpoint_routes_add(routes, slice_str(r->path));
	}
	a->routes[service] = routes;
	return routes;
}

void agent_forget_routes(struct agent *a)
{
	for (uint32_t i = 0; a->routes && i < a->names_max; i++) {
		endpoint_routes_free(a->routes[i]);
		a->routes[i] = NULL;
	}
}

struct track_ops agent_track_ops(struct agent *a)
{
	return (struct track_ops){
		.arg = a,
		.txn = on_txn,
		.records = on_records,
		.unparsed = on_unparsed,
		.delivered = on_delivered,
		.in_flight = on_in_flight,
		.hint = on_hint,
		.closed = on_closed,
		.session = on_session,
		.known = on_known,
		.own = on_own,
	};
}
