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
	cpu_set_t *home, *all; /* where it may run, for all we were told; every CPU */
	cpu_set_t *may;        /* what the kernel gave of `home` */
	cpu_set_t *asked;      /* last */
	cpu_set_t *is, *found; /* as it is; as it was, before we touched it */
	cpu_set_t *next;       /* as chosen */
	struct seat_time *was, *now;
	char *text;
	size_t text_bytes;
	bool looked;        /* `was` holds the last look */
	bool moved;         /* away from `home` */
	bool left;          /* alone for good: somebody else has said where */
	uint64_t ns, heard; /* when last asked whether there is much */
	uint64_t busy_ns;   /* when there last was */
	uint64_t pause_ns;  /* until it is asked again */
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

/* All of the sets, one after the other. */
static cpu_set_t **seat_sets(struct seat *s, int i)
{
	cpu_set_t **sets[] = {&s->home, &s->all, &s->may, &s->asked, &s->is, &s->found, &s->next};

	return i < (int)(sizeof(sets) / sizeof(sets[0])) ? sets[i] : NULL;
}

/* Whether what is asked for comes to what was found. */
static bool sits_on(struct seat *s, const cpu_set_t *asked, const cpu_set_t *found)
{
	return !sched_setaffinity(0, s->bytes, asked) && !sched_getaffinity(0, s->bytes, s->is) &&
	       CPU_EQUAL_S(s->bytes, s->is, found);
}

/* Home is everything, unless that is more than the thread was given. */
static bool seat_find_home(struct seat *s)
{
	for (int cpu = 0; cpu < s->cpus; cpu++)
		CPU_SET_S(cpu, s->bytes, s->all);
	if (sched_getaffinity(0, s->bytes, s->may))
		return false;
	memcpy(s->home, s->may, s->bytes);
	if (sits_on(s, s->all, s->may))
		memcpy(s->home, s->all, s->bytes);
	else if (sched_setaffinity(0, s->bytes, s->home))
		return false;
	memcpy(s->asked, s->home, s->bytes);
	return true;
}

struct seat *seat_new(int cpus)
{
	struct seat *s = calloc(1, sizeof(*s));
	cpu_set_t **set;

	if (!s || cpus < 1)
		goto fail;
	s->cpus = cpus;
	s->bytes = CPU_ALLOC_SIZE(s->cpus);
	s->text_bytes = (size_t)(s->cpus + 1) * LINE_BYTES;
	s->pause_ns = SEAT_SOON_NS;
	for (int i = 0; (set = seat_sets(s, i)); i++) {
		*set = CPU_ALLOC(s->cpus);
		if (!*set)
			goto fail;
		CPU_ZERO_S(s->bytes, *set);
	}
	s->was = calloc((size_t)s->cpus, sizeof(*s->was));
	s->now = calloc((size_t)s->cpus, sizeof(*s->now));
	s->text = malloc(s->text_bytes);
	if (!s->was || !s->now || !s->text || !seat_find_home(s))
		goto fail;
	return s;
fail:
	seat_free(s);
	return NULL;
}

void seat_free(struct seat *s)
{
	cpu_set_t **set;

	if (!s)
		return;
	for (int i = 0; (set = seat_sets(s, i)); i++)
		CPU_FREE(*set);
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
 * Whether the thread is on `found` because somebody put it there: neither what it asked for last
 * nor everything, asked for again, comes to that. A cpuset, or a CPU that came or went, comes to
 * one of them.
 */
static bool put_there(struct seat *s, const cpu_set_t *found)
{
	if (sits_on(s, s->asked, found) || sits_on(s, s->all, found))
		return false;
	sched_setaffinity(0, s->bytes, found);
	return true;
}

/* Back to where it may run, and which CPUs of that the kernel gives now. False: left alone. */
static bool seat_home(struct seat *s)
{
	if (s->left || sched_getaffinity(0, s->bytes, s->found))
		return false;
	if (put_there(s, s->found)) {
		s->left = true;
		log_info("the intake stays on the CPUs that it was put on from outside");
		return false;
	}
	s->moved = false;
	memcpy(s->asked, s->home, s->bytes);
	return !sched_setaffinity(0, s->bytes, s->home) && !sched_getaffinity(0, s->bytes, s->may);
}

static void seat_go(struct seat *s, const cpu_set_t *set)
{
	if (sched_setaffinity(0, s->bytes, set))
		return;
	memcpy(s->asked, set, s->bytes);
	s->moved = true;
}

void seat_move(struct seat *s, const cpu_set_t *set)
{
	if (seat_home(s) && set)
		seat_go(s, set);
}

/* For long enough there was little to take in. */
static void seat_rest(struct seat *s)
{
	s->looked = false;
	s->pause_ns = SEAT_SOON_NS;
	if (s->moved)
		seat_home(s);
}

void seat_tick(struct seat *s, uint64_t now_ns, uint64_t heard)
{
	uint64_t took_ns, bytes;
	struct seat_time *swap;
	bool there;

	if (!s || s->left || now_ns - s->ns < s->pause_ns)
		return;
	took_ns = now_ns - s->ns;
	bytes = heard - s->heard;
	s->ns = now_ns;
	s->heard = heard;
	if ((double)bytes * CLOCK_NS_PER_SECOND < (double)took_ns * SEAT_BUSY) {
		if (now_ns - s->busy_ns >= SEAT_LATE_NS)
			seat_rest(s);
		return;
	}
	s->busy_ns = now_ns;
	if (!look(s)) {
		seat_rest(s);
		return;
	}
	there = s->moved;
	if (s->looked) {
		s->pause_ns *= 2;
		if (s->pause_ns > SEAT_LATE_NS)
			s->pause_ns = SEAT_LATE_NS;
		if (seat_home(s) &&
		    seat_choose(s->was, s->now, s->cpus, s->may, s->next, s->bytes, there))
			seat_go(s, s->next);
	}
	swap = s->was;
	s->was = s->now;
	s->now = swap;
	s->looked = true;
}
