// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics/red.h"

#include <stdlib.h>

#include "limits.h"
#include "metrics/red_impl.h"

/* ---- start and end ---- */

static void red_intern(struct red *red)
{
	static const char *const severities[] = {"warning", "error", "critical"};
	static const char *const outcomes[] = {
		[RT_KAFKA_PRODUCED] = "produced",
		[RT_KAFKA_PRODUCE_FAILED] = "produce_failed",
		[RT_KAFKA_UNACKED] = "unacked",
		[RT_KAFKA_CONSUMED] = "consumed",
	};

	for (int i = 0; i < RED_SEVERITIES; i++)
		red->severities[i] = intern_put(red->names, slice_str(severities[i]));
	for (int i = 0; i <= RT_KAFKA_CONSUMED; i++)
		red->outcomes[i] = intern_put(red->names, slice_str(outcomes[i]));
	red->produced = red->outcomes[RT_KAFKA_PRODUCED];
	red->consumed = red->outcomes[RT_KAFKA_CONSUMED];
	red->ok = intern_put(red->names, SLICE("ok"));
	red->error = intern_put(red->names, SLICE("error"));
	red_http_intern(red);
	red_db_intern(red);
}

struct red *red_new(const struct red_config *config)
{
	struct endpoints_config endpoints = {
		.names = config->names,
		.per_service = config->endpoints_max ? config->endpoints_max : RT_ENDPOINTS_MAX,
		.routes = config->routes,
		.arg = config->arg,
	};
	struct red *red = calloc(1, sizeof(*red));

	if (!red)
		return NULL;
	red->registry = config->registry;
	red->names = config->names;
	red->names_max = config->names_max;
	red->open = calloc(config->names_max, sizeof(*red->open));
	red->endpoints = endpoints_new(&endpoints);
	if (!red->open || !red->endpoints)
		goto fail;
	for (int i = 0; i < RED_FAMILIES; i++) {
		red->families[i] = registry_family(red->registry, &red_families[i]);
		if (!red->families[i])
			goto fail;
	}
	red_intern(red);
	return red;
fail:
	red_free(red);
	return NULL;
}

void red_free(struct red *red)
{
	if (!red)
		return;
	endpoints_free(red->endpoints);
	for (int i = 0; i < 2; i++)
		free(red->lag[i].rows);
	free(red->open);
	free(red);
}

/* ---- series ---- */

struct red_slot *red_slot(struct red *red, const uint32_t key[5])
{
	uint32_t generation = registry_generation(red->registry);
	struct red_slot *slot;
	uint64_t h = 0;

	for (int i = 0; i < 5; i++) {
		h = (h ^ key[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	slot = &red->slots[h >> 32 & (RED_SLOTS - 1)];
	if (slot->generation == generation && memcmp(slot->key, key, sizeof(slot->key)) == 0)
		return slot;
	memset(slot, 0, sizeof(*slot));
	memcpy(slot->key, key, sizeof(slot->key));
	slot->generation = generation;
	return slot;
}

struct series *red_slot_fill(struct red *red, struct red_slot *slot, int i, enum red_family family,
			     const uint32_t *ids)
{
	uint64_t folds = registry_folds(red->registry);
	struct series *s = registry_series(red->registry, red->families[family], ids);

	/* A folded one is looked up each time: to be counted, and to get its own when there is
	 * room. */
	if (registry_folds(red->registry) == folds)
		slot->s[i] = s;
	return s;
}

void red_error(struct red *red, uint32_t service, const char *prefix, const char *text,
	       enum red_severity severity)
{
	char type[96];
	size_t n = strlen(prefix), m = strlen(text);
	uint32_t ids[3] = {service, INTERN_OTHER, red->severities[severity]};

	if (n + m <= sizeof(type)) {
		memcpy(type, prefix, n);
		memcpy(type + n, text, m);
		ids[1] = intern_put(red->names, slice_make(type, n + m));
	}
	series_add(red->registry, registry_series(red->registry, red->families[RED_ERRORS], ids),
		   1);
}

uint64_t red_elapsed(struct red *red, uint64_t start_ns, uint64_t end_ns)
{
	if (end_ns >= start_ns)
		return end_ns - start_ns;
	red->stats.negative_durations++;
	return 0;
}

/* ---- what comes in ---- */

void red_txn(struct red *red, const struct red_who *who, const struct rt_txn *txn)
{
	switch (txn->proto) {
	case RT_PROTO_HTTP: red_http(red, who, txn); break;
	case RT_PROTO_POSTGRES: red_db(red, who, txn); break;
	case RT_PROTO_KAFKA: red_kafka(red, who, txn); break;
	default: break;
	}
}

static void open_show(struct red *red, uint32_t service)
{
	struct series *s =
		registry_series(red->registry, red->families[RED_HTTP_IN_FLIGHT], &service);
	int32_t count = red->open[service].count;

	series_set(red->registry, s, count > 0 ? count : 0);
}

void red_in_flight_add(struct red *red, uint32_t service, int32_t delta)
{
	struct red_open *open;
	uint64_t folds;

	if (service >= red->names_max || !delta)
		return;
	open = &red->open[service];
	/* Where a service is booked is decided when it begins and holds until nothing is open, so
	 * that what was added to `other` is also taken from there. */
	if (open->count == 0) {
		folds = registry_folds(red->registry);
		registry_series(red->registry, red->families[RED_HTTP_IN_FLIGHT], &service);
		open->folded = registry_folds(red->registry) != folds;
	}
	open->count += delta;
	if (open->folded) {
		red->open[INTERN_OTHER].count += delta;
		service = INTERN_OTHER;
	}
	open_show(red, service);
}

void red_routes_changed(struct red *red)
{
	endpoints_flush(red->endpoints);
}

void red_tick(struct red *red)
{
	endpoints_tick(red->endpoints, registry_now_ns(red->registry),
		       registry_expire_ns(red->registry));
}

void red_stats(const struct red *red, struct red_stats *out)
{
	*out = red->stats;
	out->endpoints_folded = endpoints_folded(red->endpoints);
}
