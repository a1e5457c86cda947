// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel's records say of processes; of those that are gone /proc says nothing. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "procs.h"
#include "test.h"

#define GONE 7000001u /* beyond any process's number */

static char selected[8]; /* by the number behind GONE: '+', '-', or 0 */
static uint32_t child;
static bool child_selected;

/* Instead of the kernel half's. */
void capture_trace(struct capture *c, uint32_t tgid, bool on)
{
	(void)c;
	if (tgid - GONE < sizeof(selected))
		selected[tgid - GONE] = on ? '+' : '-';
	if (tgid == child)
		child_selected = on;
}

void capture_unprime(struct capture *c)
{
	(void)c;
}

static struct config config;
static struct intern *names;
static struct procs *procs;

static void up(uint32_t processes)
{
	config = (struct config){.processes_max = processes};
	names = intern_new(256);
	memset(selected, 0, sizeof(selected));
	if (procs_new(&config, names, (struct capture *)selected, &procs))
		abort();
}

static void down(void)
{
	procs_free(procs);
	intern_free(names);
}

static void executed(uint32_t tgid, const char *file, const char *args, size_t n)
{
	struct rt_rec_exec rec = {.h = {.type = RT_REC_EXEC, .bytes = sizeof(rec)}, .tgid = tgid};

	snprintf(rec.filename, sizeof(rec.filename), "%s", file);
	memcpy(rec.args, args, n);
	rec.args_bytes = (uint32_t)n;
	procs_record(procs, &rec.h);
}

#define EXECUTED(tgid, file, args) executed(tgid, file, args, sizeof(args))

static void process(uint16_t type, uint32_t tgid, uint32_t parent)
{
	struct rt_rec_proc rec = {.h = {.type = type, .bytes = sizeof(rec), .ts_ns = 5},
				  .tgid = tgid,
				  .parent = parent};

	procs_record(procs, &rec.h);
}

static const char *service(uint32_t tgid)
{
	static char name[300];
	struct slice s = intern_get(names, procs_service(procs, tgid));

	snprintf(name, sizeof(name), "%.*s", (int)s.n, (const char *)s.p);
	return name;
}

#define SPAWNED "python3\0-c\0from multiprocessing.spawn import spawn_main; spawn_main()"

/* A worker is called as the process that forked it, whatever it executed. */
TEST(a_worker_has_its_parents_name)
{
	up(0);
	EXECUTED(GONE, "/usr/bin/uvicorn", "uvicorn\0shop.main:app");
	process(RT_REC_FORK, GONE + 1, GONE);
	EXECUTED(GONE + 1, "/usr/bin/python3", SPAWNED);
	process(RT_REC_EXIT, GONE + 1, 0);
	process(RT_REC_EXIT, GONE, 0);
	CHECK_STR(service(GONE + 1), "shop");
	CHECK_STR(service(GONE), "shop");
	down();
}

TEST(a_child_is_its_parent_until_it_executes)
{
	up(0);
	EXECUTED(GONE, "/usr/bin/uvicorn", "uvicorn\0shop.main:app");
	process(RT_REC_FORK, GONE + 1, GONE);
	process(RT_REC_FORK, GONE + 2, GONE);
	EXECUTED(GONE, "/usr/sbin/nginx", "nginx\0-g\0daemon off;"); /* after the forks */
	CHECK_STR(service(GONE + 1), "shop");
	CHECK_STR(service(GONE), "nginx");
	CHECK(!procs_known(procs, GONE + 2));
	down();
}

/* Nothing of the process that had the number before. */
TEST(a_number_that_is_used_again)
{
	up(0);
	EXECUTED(GONE, "/usr/bin/uvicorn", "uvicorn\0shop.main:app");
	EXECUTED(GONE + 1, "/usr/sbin/nginx", "nginx\0-g\0daemon off;");
	CHECK_STR(service(GONE + 1), "nginx");
	process(RT_REC_EXIT, GONE + 1, 0);
	process(RT_REC_FORK, GONE + 1, GONE);
	CHECK_STR(service(GONE + 1), "shop");
	down();
}

/* One that there is no room for is selected by the rules nevertheless, but has no name. */
TEST(no_more_than_is_set)
{
	char shell[] = "*/nginx";
	struct config_rule rule = {.match.exe = shell, .exclude = true};

	up(2);
	EXECUTED(GONE, "/usr/bin/uvicorn", "uvicorn\0shop.main:app");
	EXECUTED(GONE + 1, "/usr/bin/uvicorn", "uvicorn\0shop.main:app");
	CHECK_EQ(procs_refused(procs), 0);
	EXECUTED(GONE + 2, "/usr/sbin/nginx", "nginx\0");
	CHECK_EQ(procs_refused(procs), 1);
	CHECK_STR(service(GONE + 2), "unknown");
	config.rules = &rule;
	config.rules_count = 1;
	EXECUTED(GONE + 3, "/usr/sbin/nginx", "nginx\0");
	EXECUTED(GONE + 4, "/usr/bin/uvicorn", "uvicorn\0shop.main:app");
	CHECK_STR(selected, "+++-+");
	down();
}

static void nothing(void *arg)
{
	(void)arg;
}

/* Such a one is selected anew at a reload, for which /proc must be asked; and nobody waits for
 * what it runs. */
TEST(one_without_room_follows_another_configuration)
{
	char own[] = "*/test_procs";
	struct config_rule rule = {.match.exe = own, .exclude = true};
	struct config fresh;

	child = (uint32_t)fork();
	if (!child)
		for (;;)
			pause();
	up(2);
	EXECUTED(GONE, "/usr/bin/uvicorn", "uvicorn\0shop.main:app");
	CHECK(!procs_known(procs, GONE + 2));
	EXECUTED(GONE + 1, "/usr/bin/uvicorn", "uvicorn\0shop.main:app");
	CHECK(procs_known(procs, GONE + 2));
	EXECUTED(child, "/usr/bin/uvicorn", "uvicorn\0");
	CHECK(child_selected);
	fresh = config;
	fresh.rules = &rule;
	fresh.rules_count = 1;
	CHECK_EQ(procs_reload(procs, &fresh, nothing, NULL), 0);
	CHECK(!child_selected);
	fresh.rules_count = 0;
	CHECK_EQ(procs_reload(procs, &fresh, nothing, NULL), 0);
	CHECK(child_selected);
	down();
	kill((pid_t)child, SIGKILL);
	waitpid((pid_t)child, NULL, 0);
	child = 0;
}
