// SPDX-License-Identifier: GPL-2.0-or-later
#include "seat.h"
#include "test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND 1000000000ull
#define CPUS   4

static const char stat_text[] = "cpu  40 4 40 400 40 4 4 4 0 0\n"
				"cpu0 10 1 20 100 30 1 2 3 0 0\n"
				"cpu2 11 1 20 200 30 1 2 3 9 9\n"
				"cpu9 11 1 20 200 30 1 2 3 9 9\n"
				"intr 1234 0 0\nctxt 5\nbtime 1700000000\n";

TEST(reads_a_line_for_each_cpu)
{
	struct seat_time t[CPUS];

	CHECK_EQ(seat_times(stat_text, t, CPUS), 2);
	CHECK_EQ(t[0].idle, 130);
	CHECK_EQ(t[0].all, 167);
	CHECK_EQ(t[1].all, 0);
	CHECK_EQ(t[2].idle, 230);
	CHECK_EQ(t[2].all, 268);
	CHECK_EQ(t[3].all, 0);
}

TEST(a_line_cut_short_is_none)
{
	struct seat_time t[CPUS];

	CHECK_EQ(seat_times("cpu  1 2 3 4\ncpu0 1 2 3 4 5 6 7", t, CPUS), 0);
	CHECK_EQ(seat_times("cpu0 1 2 3 4 5 6 7\ncpu1 1 2 3 4 5 6 7 8\n", t, CPUS), 1);
	CHECK_EQ(t[1].all, 36);
	CHECK_EQ(seat_times("", t, CPUS), 0);
	CHECK_EQ(seat_times("intr 1 2 3", t, CPUS), 0);
}

/* Which CPUs are chosen, as bits, when they were idle for so many per cent; -1: no choice. */
static int chosen(const int *idle, int may, bool there)
{
	struct seat_time was[CPUS], now[CPUS];
	cpu_set_t set, out;
	int bits = 0;

	CPU_ZERO(&set);
	for (int i = 0; i < CPUS; i++) {
		was[i] = (struct seat_time){1000, 5000};
		now[i] = (struct seat_time){1000 + (uint64_t)idle[i],
					    5000 + (idle[i] < 0 ? 0 : 100)};
		if (idle[i] < 0)
			now[i].idle = 1000;
		if (may >> i & 1)
			CPU_SET(i, &set);
	}
	if (!seat_choose(was, now, CPUS, &set, &out, sizeof(out), there))
		return -1;
	for (int i = 0; i < CPUS; i++)
		bits |= CPU_ISSET(i, &out) ? 1 << i : 0;
	return bits;
}

TEST(leaves_cpus_that_have_no_time_left)
{
	CHECK_EQ(chosen((int[]){0, 50, 40, 2}, 0xf, false), 0x6);
	CHECK_EQ(chosen((int[]){0, 50, 5, 2}, 0xf, false),
		 0x6); /* a little is no room, but not full */
	CHECK_EQ(chosen((int[]){0, 50, 40, -1}, 0xf, false), 0x6); /* offline */
	CHECK_EQ(chosen((int[]){0, 50, 40, 90}, 0x3, false), 0x2);
}

TEST(stays_where_there_is_nothing_to_choose)
{
	CHECK_EQ(chosen((int[]){0, 0, 1, 2}, 0xf, false), -1);
	CHECK_EQ(chosen((int[]){10, 50, 40, 20}, 0xf, false), -1);
	CHECK_EQ(chosen((int[]){0, 50, 40, 90}, 0x1, false), -1);
	CHECK_EQ(chosen((int[]){0, 5, 0, 0}, 0xf, false), -1);
	CHECK_EQ(chosen((int[]){0, 5, 0, 0}, 0xf, true), 0x2); /* it is there, and uses it */
}

static int allowed(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 0 : CPU_COUNT(&set);
}

/* Whatever this host's CPUs do meanwhile, the thread may go everywhere again once it is quiet. */
TEST(goes_back_when_there_is_little_to_take_in)
{
	struct seat *s = seat_new((int)sysconf(_SC_NPROCESSORS_CONF));
	int before = allowed();

	REQUIRE(s);
	for (uint64_t i = 1; i < 4; i++) {
		seat_tick(s, i * SECOND, i << 30);
		CHECK(allowed() >= 1);
		usleep(200000);
	}
	seat_tick(s, 4 * SECOND, (3ull << 30) + SEAT_BUSY / 2);
	CHECK_EQ(allowed(), before);
	seat_free(s);
}

static cpu_set_t only(int nth)
{
	cpu_set_t all, one;
	int cpu = 0;

	CPU_ZERO(&one);
	CHECK(!sched_getaffinity(0, sizeof(all), &all));
	for (; !CPU_ISSET(cpu, &all) || nth--; cpu++)
		;
	CPU_SET(cpu, &one);
	return one;
}

TEST(moves_and_comes_back)
{
	struct seat *s = seat_new((int)sysconf(_SC_NPROCESSORS_CONF));
	int before = allowed();
	cpu_set_t one = only(0);

	REQUIRE(s);
	seat_move(s, &one);
	CHECK_EQ(allowed(), 1);
	seat_move(s, NULL);
	CHECK_EQ(allowed(), before);
	seat_free(s);
}

/* Soon after it got busy, later less often; and a short pause is none. */
TEST(looks_less_often_later)
{
	struct seat *s = seat_new((int)sysconf(_SC_NPROCESSORS_CONF));
	int before = allowed();
	cpu_set_t one = only(0);
	const uint64_t soon = SEAT_SOON_NS;

	REQUIRE(s);
	seat_tick(s, SECOND, 1ull << 30);        /* busy: a first look */
	seat_tick(s, SECOND + soon, 2ull << 30); /* and another, */
	seat_move(s, &one);
	seat_tick(s, SECOND + 2 * soon, 3ull << 30); /* but none so soon, busy as it is */
	CHECK_EQ(allowed(), 1);
	seat_tick(s, SECOND + 3 * soon, 4ull << 30);
	seat_move(s, &one);
	seat_tick(s, SECOND + 7 * soon, 4ull << 30); /* less than SEAT_BUSY now, for once */
	CHECK_EQ(allowed(), 1);
	seat_tick(s, SECOND + 3 * soon + SEAT_LATE_NS, 4ull << 30); /* for a second */
	CHECK_EQ(allowed(), before);
	seat_free(s);
}

/* Who pins redtap from outside has the last word. */
TEST(what_another_says_holds)
{
	struct seat *s = seat_new((int)sysconf(_SC_NPROCESSORS_CONF));
	cpu_set_t before, first = only(0), last;

	REQUIRE(s && !sched_getaffinity(0, sizeof(before), &before));
	last = only(CPU_COUNT(&before) - 1);
	REQUIRE(!sched_setaffinity(0, sizeof(first), &first));
	seat_move(s, &last);
	CHECK_EQ(allowed(), 1);
	seat_move(s, NULL);
	REQUIRE(!sched_getaffinity(0, sizeof(last), &last));
	CHECK(CPU_EQUAL(&last, &first));
	seat_free(s);
	CHECK(!sched_setaffinity(0, sizeof(before), &before));
}

/* On a part of where it was moved to as well. */
TEST(what_another_says_holds_after_a_move)
{
	struct seat *s = seat_new((int)sysconf(_SC_NPROCESSORS_CONF));
	cpu_set_t all, one = only(0), is;

	REQUIRE(s && !sched_getaffinity(0, sizeof(all), &all));
	seat_move(s, &all); /* moved, to all there are */
	REQUIRE(!sched_setaffinity(0, sizeof(one), &one));
	seat_move(s, NULL);
	REQUIRE(!sched_getaffinity(0, sizeof(is), &is));
	CHECK(CPU_EQUAL(&is, &one));
	seat_move(s, &all);
	REQUIRE(!sched_getaffinity(0, sizeof(is), &is));
	CHECK(CPU_EQUAL(&is, &one));
	seat_free(s);
	CHECK(!sched_setaffinity(0, sizeof(all), &all));
}

#define CPUSETS "/sys/fs/cgroup/cpuset"
#define CPUSET  CPUSETS "/redtap_test_seat"

static bool put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool is_on(const cpu_set_t *set)
{
	cpu_set_t is;

	return !sched_getaffinity(0, sizeof(is), &is) && CPU_EQUAL(&is, set);
}

/* In a child, whose cpuset changes and ends with it. */
static void in_a_cpuset(const cpu_set_t *all)
{
	cpu_set_t one = only(0);
	struct seat *s;

	if (!put(CPUSET "/cgroup.procs", "0"))
		_exit(2);
	s = seat_new((int)sysconf(_SC_NPROCESSORS_CONF)); /* when one CPU is all there is */
	if (!s)
		_exit(1);
	CHECK(is_on(&one));
	seat_move(s, all); /* moved, to what there is of them */
	CHECK(is_on(&one));
	CHECK(put(CPUSET "/cpuset.cpus", "0-1")); /* given back, behind its back */
	seat_move(s, &one);
	CHECK(is_on(&one));
	seat_move(s, NULL); /* it was not taken for a word, else it would stay */
	CHECK(is_on(all));
	seat_move(s, &one);
	CHECK(put(CPUSET "/cpuset.cpus", "1")); /* all that it asked for is gone */
	CHECK(!is_on(&one));
	seat_move(s, &one);
	CHECK(!is_on(&one));
	CHECK(put(CPUSET "/cpuset.cpus", "0-1"));
	seat_move(s, NULL);
	CHECK(is_on(all));
	_exit(test_failed);
}

/*
 * What the kernel takes away and gives back is no such word: the thread goes on to move among what
 * there is, and back to all of it.
 */
TEST(a_cpuset_is_no_word)
{
	cpu_set_t all, first = only(0);
	bool made = mkdir(CPUSET, 0755) == 0 && put(CPUSET "/cpuset.cpus", "0") &&
		    put(CPUSET "/cpuset.mems", "0");
	int status = 0;
	pid_t child = 0;

	REQUIRE(!sched_getaffinity(0, sizeof(all), &all));
	if (made && CPU_COUNT(&all) == 2 && CPU_ISSET(0, &all) && CPU_ISSET(1, &all)) {
		child = fork();
		if (!child)
			in_a_cpuset(&all);
		CHECK(waitpid(child, &status, 0) == child);
	}
	rmdir(CPUSET);
	if (!child || (WIFEXITED(status) && WEXITSTATUS(status) == 2))
		SKIP("needs a cpuset (cgroup v1) and just two CPUs");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(is_on(&all) && CPU_ISSET(0, &first));
}
