// SPDX-License-Identifier: GPL-2.0-or-later
/* A connection's life: made at its first record, named, recognised, closed. */
#include <stdlib.h>

#include "track/internal.h"

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v;
	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint64_t addr_hash(uint64_t h, const struct rt_addr *a)
{
	uint64_t half[2];

	memcpy(half, a->ip, sizeof(half));
	h = mix(h, half[0]);
	h = mix(h, half[1]);
	return mix(h, a->port);
}

/* The same for both ends of a connection. */
static uint64_t tuple_hash(const struct conn *c)
{
	if (c->local.family == 0)
		return 0;
	if (c->sock && c->peer_sock)
		return mix(7, c->sock ^ c->peer_sock) | 1;
	return (addr_hash(1, &c->local) ^ addr_hash(1, &c->remote)) | 1;
}

static bool addr_eq(const struct rt_addr *a, const struct rt_addr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static void tuple_link(struct track *t, struct conn *c)
{
	struct conn **bucket;

	c->tuple = tuple_hash(c);
	if (!c->tuple)
		return;
	bucket = &t->tuples[c->tuple % TRACK_TUPLE_BUCKETS];
	c->tuple_next = *bucket;
	*bucket = c;
}

static void tuple_unlink(struct track *t, struct conn *c)
{
	struct conn **at = &t->tuples[c->tuple % TRACK_TUPLE_BUCKETS];

	if (!c->tuple)
		return;
	while (*at && *at != c)
		at = &(*at)->tuple_next;
	if (*at)
		*at = c->tuple_next;
	c->tuple = 0;
}

struct conn *track_peer(const struct track *t, const struct conn *c)
{
	struct conn *p = t->tuples[c->tuple % TRACK_TUPLE_BUCKETS];

	if (!c->tuple)
		return NULL;
	for (; p; p = p->tuple_next) {
		if (p == c || p->tuple != c->tuple || p->local.family != c->local.family)
			continue;
		if (c->local.family == 1 /* AF_UNIX */ ? p->sock == c->peer_sock
						       : addr_eq(&p->local, &c->remote) &&
								 addr_eq(&p->remote, &c->local))
			return p;
	}
	return NULL;
}

struct conn *conn_new(struct track *t, uint64_t id)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c)
		c->early = calloc(2, sizeof(*c->early));
	if (!c || !c->early || u64map_put(&t->conns, id, c)) {
		if (c)
			free(c->early);
		free(c);
		t->stats.conns_refused++;
		return NULL;
	}
	c->id = id;
	c->held_tail = &c->held;
	c->swept = t->sweep;
	c->all_next = t->all;
	c->all_prev = &t->all;
	if (t->all)
		t->all->all_prev = &c->all_next;
	t->all = c;
	t->stats.by_kind[RT_PROTO_UNKNOWN][RT_ROLE_UNKNOWN]++;
	return c;
}

void conn_name(struct track *t, struct conn *c, const struct rt_rec_conn *rec)
{
	if (c->named)
		return;
	c->named = true;
	c->tgid = rec->tgid;
	c->netns = rec->netns;
	c->local = rec->local;
	c->remote = rec->remote;
	c->sock = rec->local.family == 1 ? rec->sock : 0;
	c->peer_sock = rec->peer;
	c->late = rec->h.flags & RT_F_LATE;
	c->s[RT_RECV].next = rec->off[RT_RECV];
	c->s[RT_SEND].next = rec->off[RT_SEND];
	if (rec->path[0]) {
		c->path = strndup(rec->path, sizeof(rec->path) - 1);
	}
	tuple_link(t, c);
	if (t->ops->own(t->ops->arg, c))
		conn_leave(t, c);
}

static void conn_set_kind(struct track *t, struct conn *c, enum rt_protocol proto,
			  enum rt_role role)
{
	t->stats.by_kind[c->proto][c->role]--;
	c->proto = proto;
	c->role = role;
	t->stats.by_kind[c->proto][c->role]++;
}

/* What was missing before there was a parser to be told. */
static void conn_tell_lost(struct track *t, struct conn *c)
{
	t->current = c;
	for (int io = 0; io < 2; io++) {
		const struct track_early *e = &c->early[io];
		uint64_t at = c->s[io].next - e->prefix_len;

		if (e->lost)
			c->ops->gap(c->state, conn_dir(c, io), at - e->lost, e->lost, e->lost_ns,
				    RT_AT_LATEST, &t->sink);
	}
}

void conn_early_end(struct conn *c)
{
	free(c->early);
	c->early = NULL;
}

void conn_recognised(struct track *t, struct conn *c, enum rt_protocol proto, enum rt_role role,
		     bool synced)
{
	const struct proto_ops *ops = proto_table[proto];
	void *state;

	if (!ops) {
		conn_leave(t, c);
		return;
	}
	state = calloc(1, ops->conn_bytes);
	if (!state)
		return;
	conn_set_kind(t, c, proto, role);
	c->ops = ops;
	c->state = state;
	ops->init(state, t->env, synced ? 0 : RT_LATE);
	if (ops->owner)
		ops->owner(state, c->tgid, c->role);
	conn_tell_lost(t, c);
	if (!synced || c->early[RT_RECV].prefix_len || c->early[RT_SEND].prefix_len) {
		/* The kernel could not know from what it saw. */
		c->hint.proto = proto;
		c->hint.role = role;
		t->ops->hint(t->ops->arg, c, &c->hint);
	}
}

void conn_session(struct track *t, struct conn *c)
{
	uint8_t now = 0;

	if (!c->ops || !c->ops->session || c->role != RT_ROLE_CLIENT || !t->ops->session)
		return;
	if (!c->left)
		now = c->ops->session(c->state, NULL);
	if (now == c->session)
		return;
	c->session = now;
	t->ops->session(t->ops->arg, c);
}

void conn_rename(struct track *t, struct conn *c, uint32_t tgid)
{
	if (c->in_flight)
		t->ops->in_flight(t->ops->arg, c, -(int)c->in_flight);
	c->tgid = tgid;
	c->service = 0;
	if (c->in_flight)
		t->ops->in_flight(t->ops->arg, c, (int)c->in_flight);
}

void conn_restart(struct track *t, struct conn *c)
{
	if (!c->ops || c->left)
		return;
	if (c->in_flight) {
		t->ops->unparsed(t->ops->arg, c, RT_UNPARSED_ABANDONED, c->in_flight);
		t->ops->in_flight(t->ops->arg, c, -(int)c->in_flight);
		c->in_flight = 0;
	}
	c->ops->fini(c->state);
	memset(c->state, 0, c->ops->conn_bytes);
	c->ops->init(c->state, t->env, RT_LATE);
	if (c->ops->owner)
		c->ops->owner(c->state, c->tgid, c->role);
	stream_reset(&c->s[0]);
	stream_reset(&c->s[1]);
	c->awaiting = false;
	conn_session(t, c);
}

void conn_leave(struct track *t, struct conn *c)
{
	if (c->left)
		return;
	c->left = true;
	conn_session(t, c);
	if (!c->ops)
		conn_set_kind(t, c, RT_PROTO_IGNORED, c->role);
	c->hint.proto = RT_PROTO_IGNORED;
	t->ops->hint(t->ops->arg, c, &c->hint);
	stream_reset(&c->s[0]);
	stream_reset(&c->s[1]);
	conn_early_end(c);
}

void conn_close(struct track *t, struct conn *c)
{
	c->left = true;
	conn_session(t, c);
	t->ops->closed(t->ops->arg, c);
	if (c->in_flight)
		t->ops->in_flight(t->ops->arg, c, -(int)c->in_flight);
	t->stats.by_kind[c->proto][c->role]--;
	if (c->ops)
		c->ops->fini(c->state);
	free(c->state);
	stream_reset(&c->s[0]);
	stream_reset(&c->s[1]);
	conn_early_end(c);
	order_free(t, c);
	tuple_unlink(t, c);
	*c->all_prev = c->all_next;
	if (c->all_next)
		c->all_next->all_prev = c->all_prev;
	u64map_del(&t->conns, c->id);
	free(c->path);
	free(c);
}
