// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * High watermarks, committed offsets and positions. What answers say is true at some time between
 * request and answer, and answers are read in any order, on both ends of a connection: an older
 * one must not undo a newer.
 */
#include "proto/kafka_world_impl.h"

#define COMMITTED (1u << 0) /* flags of a commit's slot: its process has committed */
#define FORGOTTEN (1u << 0) /* of a position's: the client does not ask for it any more */

#define WAIT_SECONDS (KAFKA_GROUP_WAIT_NS / 1000000000ull)

/* An offset that becomes the group's when its transaction commits. */
struct world_txn_commit {
	int64_t producer_id;
	int64_t offset;
	uint64_t ns;
	uint32_t tgid;
	uint32_t topic;
	int32_t partition;
	uint32_t group;
};

void world_lag_init(struct world_lag *l, uint32_t marks)
{
	kafka_map_init(&l->marks, marks);
	kafka_map_init(&l->commits, marks);
	kafka_map_init(&l->positions, marks);
	kafka_map_init(&l->clients, marks);
	kafka_map_init(&l->consumers, marks);
	kafka_map_init(&l->groups, marks);
	fifo_init(&l->txns, sizeof(struct world_txn_commit), KAFKA_TXN_COMMITS_MAX, NULL);
}

void world_lag_free(struct world_lag *l)
{
	kafka_map_free(&l->marks);
	kafka_map_free(&l->commits);
	kafka_map_free(&l->positions);
	kafka_map_free(&l->clients);
	kafka_map_free(&l->consumers);
	kafka_map_free(&l->groups);
	fifo_free(&l->txns);
}

/* The name of a topic number, or itself while it has none; 0: there is nothing to be shown. */
static uint32_t lag_topic(struct kafka_world *w, uint32_t topic)
{
	uint32_t name = kafka_world_resolve(w, topic);

	if (name == INTERN_UNKNOWN && topic & KAFKA_TOPIC_BY_ID)
		return topic;
	return name == INTERN_UNKNOWN || name == INTERN_OTHER ? 0 : name;
}

static void lag_sign(struct kafka_slot *s, uint64_t ns)
{
	if (s && (uint64_t)s->b < ns)
		s->b = (int64_t)ns;
}

/* ---- high watermarks ---- */

bool kafka_world_set_high_watermark(struct kafka_world *w, uint32_t topic, int32_t partition,
				    int64_t offset, uint64_t asked_ns, uint64_t ns)
{
	uint32_t name = lag_topic(w, topic);
	struct kafka_slot *s;

	if (!name || offset < 0)
		return true;
	s = kafka_map_put(&w->lag.marks, name, (uint32_t)partition, 0);
	if (!s)
		return false;
	if (offset < s->a && asked_ns <= (uint64_t)s->b)
		return true;
	s->a = offset;
	lag_sign(s, ns);
	return true;
}

int64_t kafka_world_high_watermark(const struct kafka_world *w, uint32_t topic, int32_t partition)
{
	const struct kafka_slot *s = kafka_map_find(&w->lag.marks, topic, (uint32_t)partition, 0);

	return s ? s->a : -1;
}

/* ---- clients ---- */

uint32_t kafka_client_key(struct slice id)
{
	uint64_t h = id.n + 1;

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ id.p[i]) * 0x9e3779b97f4a7c15ull;
	h ^= h >> 32;
	return (uint32_t)h ? (uint32_t)h : 1;
}

bool kafka_world_member(struct kafka_world *w, const struct kafka_client *who, uint32_t group,
			uint32_t flags, uint64_t ns)
{
	struct kafka_slot *client, *consumer = NULL, *g = NULL;

	if (!who->tgid || !who->key || group == INTERN_EMPTY)
		return true;
	client = kafka_map_put(&w->lag.clients, who->key, who->tgid, 0);
	if (client)
		client->a = group;
	lag_sign(client, ns);
	if (flags & KAFKA_MEMBER_CONSUMES)
		consumer = kafka_map_put(&w->lag.consumers, who->tgid, 0, 0);
	lag_sign(consumer, ns);
	if (flags & KAFKA_MEMBER_SIGN)
		g = kafka_map_put(&w->lag.groups, group, 0, 0);
	lag_sign(g, ns);
	return client && (consumer || !(flags & KAFKA_MEMBER_CONSUMES)) &&
	       (g || !(flags & KAFKA_MEMBER_SIGN));
}

bool kafka_world_fetches(struct kafka_world *w, const struct kafka_client *who, uint64_t ns)
{
	struct kafka_slot *client, *consumer;

	if (!who->tgid || !who->key)
		return true;
	client = kafka_map_put(&w->lag.clients, who->key, who->tgid, 0);
	if (client && !client->mark)
		client->mark = (uint32_t)(ns / 1000000000ull) + 1;
	lag_sign(client, ns);
	consumer = kafka_map_put(&w->lag.consumers, who->tgid, 0, 0);
	lag_sign(consumer, ns);
	return client && consumer;
}

uint32_t kafka_world_group(const struct kafka_world *w, uint32_t tgid, struct slice client_id)
{
	const struct kafka_slot *s =
		kafka_map_find(&w->lag.clients, kafka_client_key(client_id), tgid, 0);

	return s ? (uint32_t)s->a : INTERN_EMPTY;
}

/* ---- positions ---- */

static struct kafka_slot *lag_position_client(const struct world_lag *l, const struct kafka_slot *s)
{
	return kafka_map_find(&l->clients, s->extra ^ s->mark, s->mark, 0);
}

bool kafka_world_position(struct kafka_world *w, const struct kafka_client *who, uint32_t topic,
			  int32_t partition, int64_t offset, uint64_t ns)
{
	const struct kafka_slot *client;
	uint32_t name = lag_topic(w, topic);
	struct kafka_slot *s;

	if (!who->tgid || !who->key || !name)
		return true;
	client = kafka_map_find(&w->lag.clients, who->key, who->tgid, 0);
	if (client && client->a != INTERN_EMPTY)
		return true;
	if (offset < 0) {
		s = kafka_map_find(&w->lag.positions, name, (uint32_t)partition,
				   who->key ^ who->tgid);
		if (s)
			s->flags |= FORGOTTEN;
		return true;
	}
	s = kafka_map_put(&w->lag.positions, name, (uint32_t)partition, who->key ^ who->tgid);
	if (!s)
		return false;
	s->mark = who->tgid;
	s->flags = 0;
	s->a = offset;
	lag_sign(s, ns);
	return true;
}

/* ---- commits ---- */

static bool lag_consumes(const struct world_lag *l, uint32_t tgid)
{
	return kafka_map_find(&l->consumers, tgid, 0, 0) != NULL;
}

/* Whether what is committed there is shown: somebody committed it, or consumes from it. */
static bool lag_shown(const struct world_lag *l, const struct kafka_slot *s)
{
	return s->flags & COMMITTED || lag_consumes(l, s->mark);
}

/*
 * A partition belongs to one member of a group at a time: the consumer that committed last. A tool
 * that resets offsets does not take it over.
 */
static void lag_own(const struct world_lag *l, struct kafka_slot *s, uint32_t tgid, bool committed)
{
	if (s->mark != tgid && s->mark && lag_shown(l, s) && !(committed && lag_consumes(l, tgid)))
		return;
	if (s->mark != tgid) {
		s->mark = tgid;
		s->tag = s->flags = 0;
	}
	if (committed)
		s->flags |= COMMITTED;
}

bool kafka_world_commit(struct kafka_world *w, const struct kafka_committed *c)
{
	struct kafka_map *commits = &w->lag.commits;
	uint32_t name = lag_topic(w, c->topic);
	struct kafka_slot *s;

	if (!name || !c->tgid || c->group == INTERN_EMPTY)
		return true;
	s = kafka_map_find(commits, name, (uint32_t)c->partition, c->group);
	if (s && (c->fetched ? c->asked_ns : c->ns) < (uint64_t)s->b)
		return true;
	if (c->offset < 0) {
		if (s)
			kafka_map_del(commits, s);
		return true;
	}
	if (!s)
		s = kafka_map_put(commits, name, (uint32_t)c->partition, c->group);
	if (!s)
		return false;
	lag_own(&w->lag, s, c->tgid, !c->fetched);
	s->a = c->offset;
	s->b = (int64_t)c->ns;
	return true;
}

bool kafka_world_txn_commit(struct kafka_world *w, int64_t producer_id,
			    const struct kafka_committed *c)
{
	struct fifo *txns = &w->lag.txns;
	struct world_txn_commit *t;
	uint32_t name = lag_topic(w, c->topic);

	if (!name || !c->tgid || c->group == INTERN_EMPTY || c->offset < 0)
		return true;
	t = fifo_push(txns);
	if (!t)
		return false;
	*t = (struct world_txn_commit){producer_id, c->offset,    c->ns,   c->tgid,
				       name,        c->partition, c->group};
	return true;
}

/* The memory stays for the next transactions, until kafka_world_sweep() finds none. */
static void lag_drop_settled(struct fifo *txns)
{
	const struct world_txn_commit *t;

	while ((t = fifo_front(txns)) && !t->tgid)
		fifo_pop(txns, 1);
}

bool kafka_world_txn_end(struct kafka_world *w, uint32_t tgid, int64_t producer_id, bool committed,
			 uint64_t ns)
{
	struct fifo *txns = &w->lag.txns;
	bool room = true;

	if (!tgid || !txns->len)
		return true;
	for (uint32_t i = 0; i < txns->len; i++) {
		struct world_txn_commit *t = fifo_at(txns, i);
		struct kafka_committed c = {.tgid = tgid,
					    .topic = t->topic,
					    .partition = t->partition,
					    .group = t->group,
					    .offset = t->offset,
					    .ns = ns};

		if (t->tgid != tgid || t->producer_id != producer_id)
			continue;
		t->tgid = 0;
		if (committed)
			room &= kafka_world_commit(w, &c);
	}
	lag_drop_settled(txns);
	return room;
}

/* ---- what is asked ---- */

static void lag_say(struct world_lag *l, struct kafka_slot *s, uint32_t group,
		    const struct kafka_lag_ops *ops)
{
	const struct kafka_slot *mark = kafka_map_find(&l->marks, s->topic, s->partition, 0);
	struct kafka_lag lag = {.topic = s->topic,
				.partition = (int32_t)s->partition,
				.group = group,
				.at_ns = (uint64_t)s->b};

	if (!mark || s->topic & KAFKA_TOPIC_BY_ID)
		return;
	if (!s->tag)
		s->tag = ops->service(ops->arg, s->mark);
	lag.service = s->tag;
	lag.messages = mark->a > s->a ? (uint64_t)(mark->a - s->a) : 0;
	ops->each(ops->arg, &lag);
}

static bool lag_without_group(const struct world_lag *l, const struct kafka_slot *s,
			      uint64_t now_ns)
{
	const struct kafka_slot *client = lag_position_client(l, s);

	return client && client->a == INTERN_EMPTY && client->mark &&
	       now_ns / 1000000000ull + 1 >= client->mark + WAIT_SECONDS;
}

void kafka_world_lags(struct kafka_world *w, uint64_t now_ns, const struct kafka_lag_ops *ops)
{
	struct world_lag *l = &w->lag;

	for (uint32_t i = 0; i < l->commits.cap; i++) {
		struct kafka_slot *s = &l->commits.slots[i];

		if (s->topic && lag_shown(l, s))
			lag_say(l, s, s->extra, ops);
	}
	for (uint32_t i = 0; i < l->positions.cap; i++) {
		struct kafka_slot *s = &l->positions.slots[i];

		if (s->topic && lag_without_group(l, s, now_ns))
			lag_say(l, s, INTERN_EMPTY, ops);
	}
}

void kafka_world_forget_services(struct kafka_world *w)
{
	for (uint32_t i = 0; i < w->lag.commits.cap; i++)
		w->lag.commits.slots[i].tag = 0;
	for (uint32_t i = 0; i < w->lag.positions.cap; i++)
		w->lag.positions.slots[i].tag = 0;
}

/* ---- forgetting ---- */

struct lag_age {
	const struct world_lag *lag;
	uint64_t before_ns;
};

static int lag_stale(const struct kafka_slot *s, uint64_t before_ns)
{
	return (uint64_t)s->b < before_ns;
}

static int lag_stale_commit(const struct kafka_slot *s, uint64_t arg)
{
	const struct lag_age *age = (const struct lag_age *)(uintptr_t)arg;
	const struct kafka_slot *group = kafka_map_find(&age->lag->groups, s->extra, 0, 0);

	return lag_stale(s, age->before_ns) && (!group || lag_stale(group, age->before_ns));
}

static int lag_stale_position(const struct kafka_slot *s, uint64_t arg)
{
	const struct lag_age *age = (const struct lag_age *)(uintptr_t)arg;
	const struct kafka_slot *client = lag_position_client(age->lag, s);

	if (!client || client->a != INTERN_EMPTY)
		return 1;
	if (s->flags & FORGOTTEN)
		return lag_stale(s, age->before_ns);
	return lag_stale(client, age->before_ns);
}

/* A high watermark lives as long as an offset that it is compared with. */
static void lag_keep_marks(const struct world_lag *l, const struct kafka_map *offsets,
			   uint64_t before_ns)
{
	for (uint32_t i = 0; i < offsets->cap; i++) {
		const struct kafka_slot *s = &offsets->slots[i];

		if (s->topic)
			lag_sign(kafka_map_find(&l->marks, s->topic, s->partition, 0), before_ns);
	}
}

void kafka_world_sweep(struct kafka_world *w, uint64_t before_ns)
{
	struct world_lag *l = &w->lag;
	struct lag_age age = {l, before_ns};
	const struct world_txn_commit *t;

	kafka_map_sweep(&l->commits, lag_stale_commit, (uintptr_t)&age);
	kafka_map_sweep(&l->positions, lag_stale_position, (uintptr_t)&age);
	lag_keep_marks(l, &l->commits, before_ns);
	lag_keep_marks(l, &l->positions, before_ns);
	kafka_map_sweep(&l->marks, lag_stale, before_ns);
	kafka_map_sweep(&l->clients, lag_stale, before_ns);
	kafka_map_sweep(&l->consumers, lag_stale, before_ns);
	kafka_map_sweep(&l->groups, lag_stale, before_ns);
	while ((t = fifo_front(&l->txns)) && (!t->tgid || t->ns < before_ns))
		fifo_pop(&l->txns, 1);
	fifo_trim(&l->txns, 0);
}

static int lag_of_topic(const struct kafka_slot *s, uint64_t topic)
{
	return s->topic == topic;
}

void world_lag_forget_topic(struct world_lag *l, uint32_t topic)
{
	kafka_map_sweep(&l->marks, lag_of_topic, topic);
	kafka_map_sweep(&l->commits, lag_of_topic, topic);
	kafka_map_sweep(&l->positions, lag_of_topic, topic);
}

static void lag_rename(struct kafka_map *m, uint32_t number, uint32_t name)
{
	/* A slot that moves up into a freed place is looked at next. */
	for (uint32_t i = 0; i < m->cap;) {
		struct kafka_slot old = m->slots[i], *s;

		if (old.topic != number) {
			i++;
			continue;
		}
		kafka_map_del(m, &m->slots[i]);
		s = kafka_map_put(m, name, old.partition, old.extra);
		if (!s || s->b >= old.b)
			continue;
		old.topic = name;
		*s = old;
	}
}

void world_lag_named(struct world_lag *l, uint32_t number, uint32_t name)
{
	lag_rename(&l->marks, number, name);
	lag_rename(&l->commits, number, name);
	lag_rename(&l->positions, number, name);
	for (uint32_t i = 0; i < l->txns.len; i++) {
		struct world_txn_commit *t = fifo_at(&l->txns, i);

		if (t->topic == number)
			t->topic = name;
	}
}
