// SPDX-License-Identifier: GPL-2.0-or-later
#include "seat.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define FULL_PERCENT 3 /* idle for less than that */
#define ROOM_PERCENT 8 /* idle for at least that: the intake may go there */
#define LINE_BYTES   160

/* /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; guests are in the first two.
 */
#define FIELDS       8
#define FIELD_IDLE   4
#define FIELD_IOWAIT 5

struct seat {
	int cpus;
	size_t bytes;          /* of a set */
	cpu_set_t *may, *at;   /* allowed at first; as last set or found */
	cpu_set_t *is, *found; /* as it is; as it was, when that was unexpected */
	cpu_set_t *next;       /* as chosen */
	struct seat_time *was, *now;
	char *text;
	size_t text_bytes;
	bool looked;        /* `was` holds the last look */
	bool moved;         /* `at` is not `may` */
	bool left;          /* alone for good: somebody else has said where */
	uint64_t ns, heard; /* at the last tick */
};

int seat_times(const char *text, struct seat_time *out, int cpus)
{
	int found = 0;

	memset(out, 0, (size_t)cpus * sizeof(*out));
	for (const char *at = text; !strncmp(at, "cpu", 3);) {
		uint64_t number[1 + FIELDS], all = 0;
		char *end = (char *)at + 3;
		int n = 0;

		if (*end >= '0' && *end <= '9') /* else the sum of all */
			for (; n <= FIELDS && (n == 0 || *end == ' '); n++)
				number[n] = strtoull(end, &end, 10);
		if (n == 1 + FIELDS && number[0] < (uint64_t)cpus) {
			for (int i = 1; i <= FIELDS; i++)
				all += number[i];
			out[number[0]] =
				(struct seat_time){number[FIELD_IDLE] + number[FIELD_IOWAIT], all};
			found++;
		}
		at = strchr(at, '\n');
		if (!at++)
			break;
	}
	return found;
}

bool seat_choose(const struct seat_time *was, const struct seat_time *now, int cpus,
		 const cpu_set_t *may, cpu_set_t *out, size_t bytes, bool there)
{
	uint64_t least = there ? FULL_PERCENT : ROOM_PERCENT;
	bool room = false, full = false;

	CPU_ZERO_S(bytes, out);
	for (int cpu = 0; cpu < cpus; cpu++) {
		uint64_t all = now[cpu].all - was[cpu].all, idle = now[cpu].idle - was[cpu].idle;

		if (!CPU_ISSET_S(cpu, bytes, may) || now[cpu].all <= was[cpu].all)
			continue;
		if (now[cpu].idle < was[cpu].idle || idle * 100 < all * FULL_PERCENT) {
			full = true;
			continue;
		}
		CPU_SET_S(cpu, bytes, out);
		room |= idle * 100 >= all * least;
	}
	return room && full;
}

struct seat *seat_new(int cpus)
{
	struct seat *s = calloc(1, sizeof(*s));

	if (!s || cpus < 1)
		goto fail;
	s->cpus = cpus;
	s->bytes = CPU_ALLOC_SIZE(s->cpus);
	s->text_bytes = (size_t)(s->cpus + 1) * LINE_BYTES;
	s->may = CPU_ALLOC(s->cpus);
	s->at = CPU_ALLOC(s->cpus);
	s->is = CPU_ALLOC(s->cpus);
	s->found = CPU_ALLOC(s->cpus);
	s->next = CPU_ALLOC(s->cpus);
	s->was = calloc((size_t)s->cpus, sizeof(*s->was));
	s->now = calloc((size_t)s->cpus, sizeof(*s->now));
	s->text = malloc(s->text_bytes);
	if (!s->may || !s->at || !s->is || !s->found || !s->next || !s->was || !s->now ||
	    !s->text || sched_getaffinity(0, s->bytes, s->may))
		goto fail;
	memcpy(s->at, s->may, s->bytes);
	return s;
fail:
	seat_free(s);
	return NULL;
}

void seat_free(struct seat *s)
{
	if (!s)
		return;
	CPU_FREE(s->may);
	CPU_FREE(s->at);
	CPU_FREE(s->is);
	CPU_FREE(s->found);
	CPU_FREE(s->next);
	free(s->was);
	free(s->now);
	free(s->text);
	free(s);
}

static bool look(struct seat *s)
{
	int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, s->text, s->text_bytes - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	s->text[n] = '\0';
	return seat_times(s->text, s->now, s->cpus) > 0;
}

/*
 * The thread is not where it was put last: somebody else put it there, unless the kernel would not
 * let it have the rest, because of a cpuset or a CPU that went away. Where somebody put it, it
 * stays.
 */
static bool put_elsewhere(struct seat *s)
{
	memcpy(s->found, s->is, s->bytes);
	if (sched_setaffinity(0, s->bytes, s->at))
		return false; /* nothing of it is left */
	if (!sched_getaffinity(0, s->bytes, s->is) && CPU_EQUAL_S(s->bytes, s->is, s->found))
		return false;
	sched_setaffinity(0, s->bytes, s->found);
	return true;
}

/* More CPUs than there were: they came, or somebody gave them. */
static bool was_given_more(struct seat *s)
{
	CPU_AND_S(s->bytes, s->found, s->is, s->at);
	return !s->moved && CPU_EQUAL_S(s->bytes, s->found, s->at);
}

void seat_move(struct seat *s, const cpu_set_t *set)
{
	if (s->left || sched_getaffinity(0, s->bytes, s->is))
		return;
	if (!CPU_EQUAL_S(s->bytes, s->is, s->at)) {
		if (was_given_more(s)) {
			memcpy(s->may, s->is, s->bytes);
		} else if (put_elsewhere(s)) {
			s->left = true;
			log_info("the intake stays on the CPUs that it was put on from outside");
			return;
		}
	}
	if (sched_setaffinity(0, s->bytes, set ? set : s->may) ||
	    sched_getaffinity(0, s->bytes, s->at))
		return;
	s->moved = set != NULL;
}

void seat_tick(struct seat *s, uint64_t now_ns, uint64_t heard)
{
	uint64_t took_ns, bytes;
	struct seat_time *swap;

	if (!s)
		return;
	took_ns = now_ns - s->ns;
	bytes = heard - s->heard;
	s->ns = now_ns;
	s->heard = heard;
	if ((double)bytes * CLOCK_NS_PER_SECOND < (double)took_ns * SEAT_BUSY || !look(s)) {
		s->looked = false;
		if (s->moved)
			seat_move(s, NULL);
		return;
	}
	if (s->looked && seat_choose(s->was, s->now, s->cpus, s->may, s->next, s->bytes, s->moved))
		seat_move(s, s->next);
	else if (s->looked && s->moved)
		seat_move(s, NULL);
	swap = s->was;
	s->was = s->now;
	s->now = swap;
	s->looked = true;
}
