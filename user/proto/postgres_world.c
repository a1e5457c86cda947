// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_world.h"

#include <stdlib.h>

#include "proto/sqlnorm.h"

#define PG_SHARED_WAYS 4

/* A text and its summary, one behind the other. */
struct text_slot {
	uint64_t hash;
	char *mem;
	uint32_t cap;
	uint32_t text_len;
	uint32_t generation; /* a number given for an earlier text of the slot is void */
	uint32_t next;       /* of the same bucket; number of the slot + 1 */
	uint8_t summary_len;
	bool live;
	bool cut;
	bool used; /* since the hand passed */
};

struct shared_slot {
	uint64_t key; /* 0: free */
	uint64_t text;
	uint32_t stamp; /* when it was put */
	uint8_t verb;
	bool ambiguous;
};

struct pg_world {
	bool keeps_text;
	uint32_t made; /* slots that were ever used */
	uint32_t hand;
	uint32_t stamp;
	uint32_t gathers; /* made, and those of them not in use */
	uint32_t gathers_free;
	struct pg_world_stats stats;
	uint8_t *gather[RT_PG_GATHERS];
	uint32_t buckets[RT_PG_TEXTS];
	struct text_slot slots[RT_PG_TEXTS];
	struct shared_slot shared[RT_PG_SHARED_NAMES];
	char scratch[RT_PG_TEXT_BYTES];
};

_Static_assert((RT_PG_TEXTS & (RT_PG_TEXTS - 1)) == 0, "buckets are taken by mask");
_Static_assert((RT_PG_SHARED_NAMES & (RT_PG_SHARED_NAMES - 1)) == 0, "sets are taken by mask");

struct pg_world *pg_world_new(bool text)
{
	struct pg_world *w = calloc(1, sizeof(*w));

	if (w)
		w->keeps_text = text;
	return w;
}

void pg_world_free(struct pg_world *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->made; i++)
		free(w->slots[i].mem);
	for (uint32_t i = 0; i < w->gathers_free; i++)
		free(w->gather[i]);
	free(w);
}

void pg_world_stats(const struct pg_world *w, struct pg_world_stats *out)
{
	*out = w->stats;
}

bool pg_world_keeps_text(const struct pg_world *w)
{
	return w && w->keeps_text;
}

/* ---- texts ---- */

static uint32_t *text_bucket(struct pg_world *w, uint64_t hash)
{
	return &w->buckets[(hash ^ hash >> 32) & (RT_PG_TEXTS - 1)];
}

static void text_evict(struct pg_world *w, struct text_slot *s)
{
	uint32_t number = (uint32_t)(s - w->slots) + 1, *at = text_bucket(w, s->hash);

	while (*at != number)
		at = &w->slots[*at - 1].next;
	*at = s->next;
	s->live = false;
	s->generation++;
	w->stats.texts--;
	w->stats.text_bytes -= s->text_len + s->summary_len;
	w->stats.evicted++;
}

/* The next slot that was not used since the hand came by, or is empty. */
static struct text_slot *text_victim(struct pg_world *w)
{
	for (;;) {
		struct text_slot *s = &w->slots[w->hand];

		w->hand = (w->hand + 1) % w->made;
		if (!s->live)
			return s;
		if (!s->used) {
			text_evict(w, s);
			return s;
		}
		s->used = false;
	}
}

/* An empty slot with room for `n` bytes; NULL when memory is short. */
static struct text_slot *text_room(struct pg_world *w, uint32_t n)
{
	struct text_slot *s;
	char *mem;

	while (w->stats.texts && w->stats.text_bytes + n > RT_PG_TEXT_TOTAL_BYTES) {
		s = text_victim(w);
		free(s->mem);
		s->mem = NULL;
		s->cap = 0;
	}
	s = w->made < RT_PG_TEXTS ? &w->slots[w->made++] : text_victim(w);
	/* what a long text left behind must not be held for a short one */
	if (s->mem && s->cap >= n && s->cap / 4 <= n)
		return s;
	mem = realloc(s->mem, n ? n : 1);
	if (!mem)
		return NULL;
	s->mem = mem;
	s->cap = n;
	return s;
}

static struct text_slot *text_find(struct pg_world *w, uint64_t hash, const struct sqlnorm *t)
{
	for (uint32_t i = *text_bucket(w, hash); i; i = w->slots[i - 1].next) {
		struct text_slot *s = &w->slots[i - 1];

		if (s->hash == hash && s->cut == t->cut && s->text_len == t->len &&
		    s->summary_len == t->summary_len && memcmp(s->mem, t->text, t->len) == 0 &&
		    memcmp(s->mem + t->len, t->summary, t->summary_len) == 0)
			return s;
	}
	return NULL;
}

static struct text_slot *text_new(struct pg_world *w, uint64_t hash, const struct sqlnorm *t)
{
	uint32_t n = (uint32_t)t->len + t->summary_len;
	struct text_slot *s = text_room(w, n);
	uint32_t *bucket = text_bucket(w, hash);

	if (!s)
		return NULL;
	memcpy(s->mem, t->text, t->len);
	memcpy(s->mem + t->len, t->summary, t->summary_len);
	s->hash = hash;
	s->text_len = (uint32_t)t->len;
	s->summary_len = t->summary_len;
	s->cut = t->cut;
	s->live = true;
	s->used = false; /* what comes once only goes first */
	s->next = *bucket;
	*bucket = (uint32_t)(s - w->slots) + 1;
	w->stats.texts++;
	w->stats.text_bytes += n;
	return s;
}

static uint64_t text_id(const struct pg_world *w, const struct text_slot *s)
{
	return (uint64_t)s->generation << 32 | ((uint32_t)(s - w->slots) + 1);
}

uint64_t pg_text_put(struct pg_world *w, struct slice sql, uint32_t flags, char *traceparent)
{
	struct sqlnorm t = {.text = w->scratch, .cap = sizeof(w->scratch)};
	struct text_slot *s;
	uint64_t hash;

	sqlnorm(sql, flags, &t);
	memcpy(traceparent, t.traceparent, SQLCOMMENT_TRACEPARENT);
	w->stats.cut += t.cut;
	hash = slice_hash(SLICE_HASH, slice_make(t.text, t.len));
	hash = slice_hash(hash, slice_make(t.summary, t.summary_len));
	s = text_find(w, hash, &t);
	if (s)
		s->used = true;
	else
		s = text_new(w, hash, &t);
	return s ? text_id(w, s) : PG_TEXT_NONE;
}

bool pg_text_get(struct pg_world *w, uint64_t id, struct pg_text *out)
{
	uint32_t number = (uint32_t)id;
	struct text_slot *s;

	if (!w || number == 0 || number > w->made)
		return false;
	s = &w->slots[number - 1];
	if (!s->live || text_id(w, s) != id)
		return false;
	s->used = true;
	*out = (struct pg_text){
		.text = slice_make(s->mem, s->text_len),
		.summary = slice_make(s->mem + s->text_len, s->summary_len),
		.cut = s->cut,
	};
	return true;
}

uint8_t *pg_gather_take(struct pg_world *w)
{
	if (w->gathers_free)
		return w->gather[--w->gathers_free];
	if (w->gathers < RT_PG_GATHERS) {
		uint8_t *raw = malloc(RT_PG_RAW_BYTES);

		w->gathers += raw != NULL;
		return raw;
	}
	w->stats.missed++;
	return NULL;
}

void pg_gather_give(struct pg_world *w, uint8_t *raw)
{
	if (raw)
		w->gather[w->gathers_free++] = raw;
}

/* ---- names ---- */

static bool name_begins(struct slice name, struct slice with)
{
	return name.n >= with.n && memcmp(name.p, with.p, with.n) == 0;
}

enum pg_scope pg_name_scope(struct slice name)
{
	static const char hex[] = "0123456789abcdef";
	const struct slice pgx = SLICE("stmtcache_"), pgbouncer = SLICE("PGBOUNCER_");
	size_t digits = 0;

	if (name.n == 0 || name_begins(name, SLICE("__asyncpg_")))
		return PG_SCOPE_CONN;
	if (name_begins(name, pgx) && name.n >= pgx.n + 32) {
		size_t i = pgx.n;

		while (i < name.n && name.p[i] && strchr(hex, name.p[i]))
			i++;
		if (i == name.n)
			return PG_SCOPE_GLOBAL;
	}
	if (name_begins(name, pgbouncer))
		return PG_SCOPE_PROCESS;
	for (size_t i = 0; i < name.n; i++)
		digits += name.p[i] >= '0' && name.p[i] <= '9';
	return digits ? PG_SCOPE_CONN : PG_SCOPE_PROCESS;
}

static uint64_t shared_key(uint64_t key, enum pg_scope scope, uint32_t tgid)
{
	uint64_t h = key ^ (scope == PG_SCOPE_GLOBAL ? 0 : (tgid + 1ull) << 20);

	h *= 0x9e3779b97f4a7c15ull;
	h ^= h >> 29;
	return h ? h : 1;
}

/* The name's place: its own, else a free or the oldest one of its set. */
static struct shared_slot *shared_slot(struct pg_world *w, uint64_t key)
{
	size_t set = (key >> 7) & (RT_PG_SHARED_NAMES / PG_SHARED_WAYS - 1);
	struct shared_slot *s = &w->shared[set * PG_SHARED_WAYS], *best = s;

	for (int i = 0; i < PG_SHARED_WAYS; i++) {
		if (s[i].key == key)
			return &s[i];
		if (best->key && (!s[i].key || s[i].stamp < best->stamp))
			best = &s[i];
	}
	return best;
}

void pg_shared_put(struct pg_world *w, uint64_t key, enum pg_scope scope, uint32_t tgid,
		   uint8_t verb, uint64_t text)
{
	struct shared_slot *s;
	struct pg_text old;

	if (!w || scope == PG_SCOPE_CONN)
		return;
	key = shared_key(key, scope, tgid);
	s = shared_slot(w, key);
	if (s->key != key) {
		*s = (struct shared_slot){.key = key};
	} else if (!s->ambiguous && (s->verb != verb ||
				     (s->text != text && text && pg_text_get(w, s->text, &old)))) {
		s->ambiguous = true;
		w->stats.ambiguous++;
	}
	s->stamp = ++w->stamp;
	s->verb = verb;
	s->text = text;
}

bool pg_shared_get(struct pg_world *w, uint64_t key, uint32_t tgid, uint8_t *verb, uint64_t *text)
{
	const struct shared_slot *s;
	uint64_t k;

	if (!w)
		return false;
	k = shared_key(key, PG_SCOPE_GLOBAL, 0);
	s = shared_slot(w, k);
	if (s->key != k) {
		k = shared_key(key, PG_SCOPE_PROCESS, tgid);
		s = shared_slot(w, k);
	}
	if (s->key != k || s->ambiguous)
		return false;
	*verb = s->verb;
	*text = s->text;
	return true;
}
