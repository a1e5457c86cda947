// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics/endpoints.h"

#include <stdlib.h>
#include <sys/random.h>

#include "limits.h"
#include "names/endpoint.h"

#define CACHE_SLOTS 4096
#define TABLE_SLOTS (2 * RT_ENDPOINTS_TOTAL)
#define AGES        8 /* steps in which an endpoint expires */

/* A cached answer; good while `age` is the table's, so that what is in use is looked up again, and
 * so kept alive, once per age. */
struct cached {
	uint64_t hash;
	uint32_t service;
	uint32_t id;
	uint32_t age;
};

struct endpoint {
	uint64_t hash; /* of the service and the name; 0: free */
	uint32_t service;
	uint32_t id;
	uint32_t age; /* when it was last used */
};

/* How many endpoints a service has; same probing as the endpoints. */
struct service_count {
	uint32_t service;
	uint32_t count; /* 0: free */
};

struct endpoints {
	struct endpoints_config config;
	struct endpoint *table;
	struct service_count *counts;
	struct cached *cache;
	uint64_t seed;
	uint64_t folded;
	uint64_t aged_ns;
	uint32_t used;
	uint32_t age;
};

struct endpoints *endpoints_new(const struct endpoints_config *config)
{
	struct endpoints *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->config = *config;
	e->age = 1;
	e->table = calloc(TABLE_SLOTS, sizeof(*e->table));
	e->counts = calloc(TABLE_SLOTS, sizeof(*e->counts));
	e->cache = calloc(CACHE_SLOTS, sizeof(*e->cache));
	/* Targets are a stranger's: with the seed they cannot be made to collide. Without random
	 * numbers the worst is one target counted as another. */
	if (getrandom(&e->seed, sizeof(e->seed), GRND_NONBLOCK) != sizeof(e->seed))
		e->seed = (uintptr_t)e;
	if (!e->table || !e->counts || !e->cache) {
		endpoints_free(e);
		return NULL;
	}
	return e;
}

void endpoints_free(struct endpoints *e)
{
	if (!e)
		return;
	free(e->table);
	free(e->counts);
	free(e->cache);
	free(e);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Eight bytes at a time, each step a full multiplication folded onto itself. */
static uint64_t text_hash(uint64_t seed, const uint8_t *p, size_t n)
{
	const uint64_t k = 0x9e3779b97f4a7c15ull;
	uint64_t h = seed ^ mix(n + 1, k), word;

	for (; n > 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		h = mix(h ^ word, k ^ seed);
	}
	word = 0;
	memcpy(&word, p, n);
	h = mix(h ^ word, k ^ seed);
	return h ? h : 1;
}

static struct service_count *count_of(struct endpoints *e, uint32_t service)
{
	uint32_t i = (uint32_t)mix(service + 1, 0x9e3779b97f4a7c15ull) & (TABLE_SLOTS - 1);

	while (e->counts[i].count && e->counts[i].service != service)
		i = (i + 1) & (TABLE_SLOTS - 1);
	return &e->counts[i];
}

static struct endpoint *endpoint_of(struct endpoints *e, uint32_t service, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (TABLE_SLOTS - 1);

	while (e->table[i].hash && (e->table[i].hash != hash || e->table[i].service != service))
		i = (i + 1) & (TABLE_SLOTS - 1);
	return &e->table[i];
}

/* The number of an endpoint by name, within the caps; a name past them is not interned. */
static uint32_t endpoint_number(struct endpoints *e, uint32_t service, struct slice name)
{
	uint64_t hash = text_hash(e->seed ^ service, name.p, name.n);
	struct endpoint *found = endpoint_of(e, service, hash);
	struct service_count *count;

	if (found->hash) {
		found->age = e->age;
		return found->id;
	}
	count = count_of(e, service);
	if (count->count >= e->config.per_service || e->used >= RT_ENDPOINTS_TOTAL) {
		e->folded++;
		return INTERN_OTHER;
	}
	*found = (struct endpoint){.hash = hash,
				   .service = service,
				   .id = intern_put(e->config.names, name),
				   .age = e->age};
	count->service = service;
	count->count++;
	e->used++;
	return found->id;
}

static __attribute__((noinline)) uint32_t endpoints_miss(struct endpoints *e, struct cached *slot,
							 uint64_t hash, uint32_t service,
							 struct slice method, struct slice target)
{
	const struct endpoint_routes *routes =
		e->config.routes ? e->config.routes(e->config.arg, service) : NULL;
	char text[RT_LABEL_BYTES];
	size_t n = endpoint_name(routes, target, method, text, sizeof(text));
	uint64_t folded = e->folded;
	uint32_t id = endpoint_number(e, service, slice_make(text, n));

	/* What was folded is asked for again, to be counted and to find room when there is some. */
	if (folded == e->folded)
		*slot = (struct cached){.hash = hash, .service = service, .id = id, .age = e->age};
	return id;
}

uint32_t endpoints_get(struct endpoints *e, uint32_t service, struct slice method,
		       struct slice target)
{
	/* The method matters only in that CONNECT has another kind of target. */
	uint64_t seed = e->seed ^ (method.n == 7 && method.p[3] == 'N') ^ (uint64_t)service << 1;
	struct cached *slot;
	uint64_t hash;

	if (!target.n)
		return INTERN_OTHER;
	hash = text_hash(seed, target.p, target.n);
	slot = &e->cache[hash >> 40 & (CACHE_SLOTS - 1)];
	if (slot->hash == hash && slot->service == service && slot->age == e->age)
		return slot->id;
	return endpoints_miss(e, slot, hash, service, method, target);
}

void endpoints_flush(struct endpoints *e)
{
	memset(e->cache, 0, CACHE_SLOTS * sizeof(*e->cache));
}

static bool expired(const struct endpoints *e, const struct endpoint *endpoint)
{
	return endpoint->hash && e->age - endpoint->age > AGES;
}

/* Builds both tables anew, without what expired. */
static void endpoints_sweep(struct endpoints *e)
{
	struct endpoint *old = e->table, *table = NULL;

	for (uint32_t i = 0; i < TABLE_SLOTS && !table; i++) {
		if (!expired(e, &old[i]))
			continue;
		table = calloc(TABLE_SLOTS, sizeof(*table));
		if (!table)
			return; /* the next age tries again */
	}
	if (!table)
		return;
	memset(e->counts, 0, TABLE_SLOTS * sizeof(*e->counts));
	e->table = table;
	e->used = 0;
	for (uint32_t i = 0; i < TABLE_SLOTS; i++) {
		struct service_count *count;

		if (!old[i].hash || expired(e, &old[i]))
			continue;
		*endpoint_of(e, old[i].service, old[i].hash) = old[i];
		count = count_of(e, old[i].service);
		count->service = old[i].service;
		count->count++;
		e->used++;
	}
	free(old);
}

void endpoints_tick(struct endpoints *e, uint64_t now_ns, uint64_t expire_ns)
{
	if (now_ns - e->aged_ns < expire_ns / AGES)
		return;
	e->aged_ns = now_ns;
	e->age++;
	if (e->used)
		endpoints_sweep(e);
}

uint64_t endpoints_folded(const struct endpoints *e)
{
	return e->folded;
}
