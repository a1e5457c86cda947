// SPDX-License-Identifier: GPL-2.0-or-later
#include "late.h"

#include "base/intern.h"

static bool same_series(const struct late_entry *e, const struct red_who *who,
			const struct rt_kafka_records *rec)
{
	return e->rec.unnamed == rec->unnamed && e->rec.outcome == rec->outcome &&
	       e->who.service == who->service;
}

bool late_put(struct late *l, const struct red_who *who, const struct rt_kafka_records *rec,
	      uint64_t now_ns)
{
	for (uint32_t i = 0; i < l->n; i++) {
		if (same_series(&l->entries[i], who, rec)) {
			l->entries[i].rec.records += rec->records;
			l->entries[i].rec.bytes += rec->bytes;
			return true;
		}
	}
	if (l->n == LATE_MAX)
		return false;
	l->entries[l->n++] = (struct late_entry){*who, *rec, now_ns + LATE_WAIT_NS};
	return true;
}

void late_take(struct late *l, uint64_t now_ns, uint32_t (*name)(void *arg, uint32_t unnamed),
	       void (*say)(void *arg, const struct red_who *who,
			   const struct rt_kafka_records *rec),
	       void *arg)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		struct late_entry e = l->entries[i];

		e.rec.topic = name(arg, e.rec.unnamed);
		if (e.rec.topic == INTERN_UNKNOWN && now_ns < e.due_ns)
			l->entries[kept++] = e;
		else
			say(arg, &e.who, &e.rec);
	}
	l->n = kept;
}
