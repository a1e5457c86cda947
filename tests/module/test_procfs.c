// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/package.h"
#include "capture/procfs.h"
#include "test.h"

static struct procfs_proc proc;

/* ---- a /proc of our own ---- */

static char root[64];

static void put(const char *path, const void *text, size_t n)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	file = fopen(full, "w");
	if (!file || fwrite(text, 1, n, file) != n)
		abort();
	fclose(file);
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

static void put_link(const char *path, const char *target)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	if (symlink(target, full))
		abort();
}

static struct procfs *fake(void)
{
	struct procfs *fs;

	strcpy(root, "/tmp/redtap-procfs-XXXXXX");
	if (!mkdtemp(root) || procfs_open(root, &fs))
		abort();
	return fs;
}

static void fake_end(struct procfs *fs)
{
	char command[128];

	procfs_close(fs);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	CHECK_EQ(system(command), 0);
}

/* state, ppid, flags and start of a /proc/PID/stat line */
static void put_stat(const char *path, const char *comm, char state, unsigned int flags)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "77 (%s) %c 42 77 77 0 -1 %u 1 2 3 4 5 6 7 8 20 0 1 0 12345 1000 50 1 2 3\n", comm,
		 state, flags);
	put_text(path, line);
}

TEST(reads_all_of_a_process)
{
	struct procfs *fs = fake();
	struct service_input in;

	put_stat("77/stat", "we (ird) x) S 1", 'S', 0x400100);
	put("77/cmdline", "node\0server.js\0", 15);
	put("77/environ",
	    "A=1\0OTEL_SERVICE_NAME=ui\0XOTEL_SERVICE_NAME=no\0"
	    "OTEL_RESOURCE_ATTRIBUTES=a=b,c=d\0OTEL_SERVICE_NAMES=no",
	    47 + 33 + 21);
	put_text("77/cgroup", "0::/system.slice/ui.service\n");
	put_text("77/root/srv/ui/package.json", "{\"version\":\"1\",\"name\":\"shop-ui\"}");
	put_link("77/exe", "/usr/bin/node");
	put_link("77/cwd", "/srv/ui");
	memset(&proc, 'Z', sizeof(proc));
	REQUIRE(procfs_read(fs, 77, &proc) == 0);
	CHECK_EQ(proc.tgid, 77);
	CHECK_EQ(proc.ppid, 42);
	CHECK_EQ(proc.start_ns, 12345 * (1000000000ull / (unsigned long)sysconf(_SC_CLK_TCK)));
	CHECK_STR(proc.comm, "we (ird) x) S 1");
	CHECK_STR(proc.exe, "/usr/bin/node");
	CHECK_STR(proc.cwd, "/srv/ui");
	CHECK_STR(proc.cgroup, "/system.slice/ui.service");
	CHECK_STR(proc.otel_service_name, "ui");
	CHECK_STR(proc.otel_resource_attributes, "a=b,c=d");
	CHECK_STR(proc.package, "shop-ui");
	CHECK_EQ(proc.args_bytes, 15);
	CHECK(memcmp(proc.args, "node\0server.js", 15) == 0);
	in = procfs_service_input(&proc);
	CHECK_EQ(in.argv.n, 15);
	CHECK(slice_eq(in.package, SLICE("shop-ui")));
	CHECK_EQ(in.unit.n + in.rule.n + in.container.n, 0);
	fake_end(fs);
}

TEST(what_is_missing_stays_empty)
{
	struct procfs *fs = fake();

	put_stat("77/stat", "x", 'R', 0);
	memset(&proc, 'Z', sizeof(proc));
	REQUIRE(procfs_read(fs, 77, &proc) == 0);
	CHECK_EQ(proc.args_bytes, 0);
	CHECK_STR(proc.exe, "");
	CHECK_STR(proc.cwd, "");
	CHECK_STR(proc.cgroup, "");
	CHECK_STR(proc.otel_service_name, "");
	CHECK_STR(proc.otel_resource_attributes, "");
	CHECK_STR(proc.package, "");
	fake_end(fs);
}

TEST(what_is_no_process)
{
	struct procfs *fs = fake();

	put_stat("1/stat", "kthreadd", 'S', 0x00200000 | 0x40);
	put_stat("2/stat", "zombie", 'Z', 0);
	put_text("3/stat", "3 (short) S 1");
	put_text("4/stat", "");
	put_text("5", "a file");
	put_text("6/cmdline", "no stat");
	put_text("7/stat", ") 7 ( S 1 2 3");
	CHECK_EQ(procfs_read(fs, 1, &proc), -ENOEXEC);
	for (uint32_t tgid = 2; tgid <= 8; tgid++)
		CHECK_EQ(procfs_read(fs, tgid, &proc), -ESRCH);
	fake_end(fs);
}

TEST(limits_cut)
{
	static char big[PROCFS_ENV_BYTES + 100];
	struct procfs *fs = fake();

	memset(big, 'x', sizeof(big));
	memcpy(big, "OTEL_SERVICE_NAME=", 18);
	put_stat("77/stat", "x", 'R', 0);
	put("77/cmdline", big, sizeof(big));
	put("77/environ", big, sizeof(big));
	REQUIRE(procfs_read(fs, 77, &proc) == 0);
	CHECK_EQ(proc.args_bytes, PROCFS_ARGS_BYTES);
	CHECK_EQ(strlen(proc.otel_service_name), PROCFS_VALUE_BYTES - 1);
	fake_end(fs);
}

TEST(cgroup_versions)
{
	struct procfs *fs = fake();

	put_stat("77/stat", "x", 'R', 0);
	put_text("77/cgroup",
		 "12:cpu,cpuacct:/cpu\n1:name=systemd:/system.slice/a.service\n0::/b\n");
	REQUIRE(procfs_read(fs, 77, &proc) == 0);
	CHECK_STR(proc.cgroup, "/system.slice/a.service");
	put_text("77/cgroup", "12:cpu:/cpu\n0::/with:colon\n");
	REQUIRE(procfs_read(fs, 77, &proc) == 0);
	CHECK_STR(proc.cgroup, "/with:colon");
	put_text("77/cgroup", "nonsense\n:\n");
	REQUIRE(procfs_read(fs, 77, &proc) == 0);
	CHECK_STR(proc.cgroup, "");
	fake_end(fs);
}

static int count(void *arg, const struct procfs_proc *p)
{
	int *n = arg;

	CHECK(p->tgid == 3 || p->tgid == 20);
	return ++*n == 100 ? -1 : 0;
}

static int stop(void *arg, const struct procfs_proc *p)
{
	(void)p;
	++*(int *)arg;
	return 17;
}

TEST(each_process_once)
{
	struct procfs *fs = fake();
	int n = 0;

	put_stat("3/stat", "a", 'S', 0);
	put_stat("20/stat", "b", 'R', 0);
	put_stat("21/stat", "zombie", 'Z', 0);
	put_stat("22/stat", "kernel", 'S', 0x00200000);
	put_text("uptime", "1 1\n");
	put_stat("self/stat", "self", 'S', 0);
	put_stat("3x/stat", "no", 'S', 0);
	CHECK_EQ(procfs_each(fs, count, &n), 0);
	CHECK_EQ(n, 2);
	CHECK_EQ(procfs_each(fs, count, &n), 0); /* starts anew */
	CHECK_EQ(n, 4);
	n = 0;
	CHECK_EQ(procfs_each(fs, stop, &n), 17);
	CHECK_EQ(n, 1);
	fake_end(fs);
}

/* ---- package.json ---- */

TEST(names_in_package_json)
{
	static const struct {
		const char *json, *name;
	} packages[] = {
		{"{\"name\": \"a\"}", "a"},
		{" {\n\t\"version\":\"1\" ,\n \"name\"\n:\n\"@acme/web\" }", "@acme/web"},
		{"{\"author\":{\"name\":\"bob\"},\"name\":\"b\"}", "b"},
		{"{\"files\":[\"name\",\"x\",{\"name\":1}],\"name\":\"c\"}", "c"},
		{"{\"description\":\"\\\"name\\\":\\\"x\\\"\",\"name\":\"d\"}", "d"},
		{"{\"x\":\"name\",\"y\":1,\"name\":\"e\"}", "e"},
		{"{\"private\":true,\"n\":-1.5e3,\"z\":null,\"name\":\"f\"}", "f"},
		{"{\"author\":{\"name\":\"bob\"}}", ""},
		{"{\"name\":1,\"x\":\"y\"}", ""},
		{"{\"name\":[\"x\"]}", ""},
		{"{\"name\":\"\"}", ""},
		{"{\"name\":\"cut", ""},
		{"{\"name\":", ""},
		{"{\"name\"", ""},
		{"[\"name\",\"x\"]", ""},
		{"\"name\"", ""},
		{"{}\"name\":\"x\"", ""},
		{"", ""},
		{"{\"a\\", ""},
	};

	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
		size_t n = strlen(packages[i].json);

		for (size_t cut = 0; cut <= n; cut++) {
			uint8_t *exact = test_exact(packages[i].json, cut);
			struct slice name = package_name(slice_make(exact, cut));

			if (cut == n)
				CHECK(slice_eq(name, slice_str(packages[i].name)));
			else
				CHECK(name.n == 0 || slice_eq(name, slice_str(packages[i].name)));
			free(exact);
		}
	}
}

#define PACKAGE(script, cwd, want)                                                                 \
	do {                                                                                       \
		char name[SERVICE_NAME_BYTES + 1] = "";                                            \
		CHECK_EQ(procfs_package(fs, 77, slice_str(script), slice_str(cwd), name),          \
			 strlen(want));                                                            \
		CHECK_STR(name, want);                                                             \
	} while (0)

TEST(nearest_package_json)
{
	struct procfs *fs = fake();
	char long_name[200], fifo[128];

	put_text("77/root/srv/ui/package.json", "{\"name\":\"ui\"}");
	put_text("77/root/srv/ui/dist/package.json", "{\"type\":\"module\"}");
	put_text("77/root/srv/ui/node_modules/next/package.json", "{\"name\":\"next\"}");
	put_text("77/root/package.json", "{\"name\":\"top\"}");
	PACKAGE("server.js", "/srv/ui", "ui");
	PACKAGE("/srv/ui/server.js", "/", "ui");
	PACKAGE("dist/a/b/index.js", "/srv/ui", "ui");
	PACKAGE("../ui/index.js", "/srv/ui", "ui");
	PACKAGE("node_modules/.bin/next", "/srv/ui", "ui");
	PACKAGE("/srv/ui/node_modules/next/dist/bin/next", "/", "ui");
	PACKAGE("x.js", "/elsewhere", "top");
	PACKAGE("x.js", "/", "top");
	PACKAGE("x.js", "", "top");
	PACKAGE("x.js", "not-absolute", "");
	PACKAGE("", "/srv/ui", "");
	/* the process's own tricks */
	snprintf(long_name, sizeof(long_name), "{\"name\":\"%0150d\"}", 1);
	put_text("77/root/srv/long/package.json", long_name);
	PACKAGE("/srv/long/x.js", "/", "top");
	put_text("secret/package.json", "{\"name\":\"secret\"}");
	put_text("77/root/srv/link/x.js", "");
	put_link("77/root/srv/link/package.json", "../../../../secret/package.json");
	PACKAGE("/srv/link/x.js", "/", "top");
	put_text("77/root/srv/fifo/x.js", "");
	snprintf(fifo, sizeof(fifo), "%s/77/root/srv/fifo/package.json", root);
	CHECK_EQ(mkfifo(fifo, 0600), 0);
	PACKAGE("/srv/fifo/x.js", "/", "top");
	fake_end(fs);
}

/* ---- the real one ---- */

TEST(reads_itself)
{
	char exe[PROCFS_PATH_BYTES], cwd[PROCFS_PATH_BYTES];
	struct procfs *fs;
	uint64_t now_ns = clock_boot_ns();
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	REQUIRE(n > 0 && getcwd(cwd, sizeof(cwd)));
	exe[n] = '\0';
	REQUIRE(procfs_open("/proc", &fs) == 0);
	REQUIRE(procfs_read(fs, (uint32_t)getpid(), &proc) == 0);
	CHECK_EQ(proc.ppid, getppid());
	CHECK_STR(proc.exe, exe);
	CHECK_STR(proc.cwd, cwd);
	CHECK(proc.args_bytes > 0);
	CHECK(proc.start_ns > 0 && proc.start_ns <= now_ns);
	CHECK(now_ns - proc.start_ns < 600 * CLOCK_NS_PER_SECOND);
	CHECK_EQ(procfs_read(fs, 2, &proc) == 0, 0); /* kthreadd, or not there in a container */
	procfs_close(fs);
	CHECK_EQ(procfs_open("/nonexistent", &fs), -ENOENT);
	procfs_close(NULL);
}

TEST(reads_another_and_its_end)
{
	static char *const argv[] = {(char *)"my-sleep", (char *)"60", NULL};
	static char *const env[] = {(char *)"X=1", (char *)"OTEL_SERVICE_NAME=sleeper", NULL};
	struct procfs *fs;
	pid_t pid = fork();

	if (pid == 0) {
		execve("/bin/sleep", argv, env);
		_exit(127);
	}
	REQUIRE(pid > 0 && procfs_open("/proc", &fs) == 0);
	for (int i = 0; i < 1000; i++) {
		if (procfs_read(fs, (uint32_t)pid, &proc) == 0 && proc.args_bytes == 12)
			break;
		usleep(1000);
	}
	CHECK_STR(proc.otel_service_name, "sleeper");
	CHECK_EQ(proc.args_bytes, 12);
	CHECK_EQ(proc.ppid, getpid());
	kill(pid, SIGKILL);
	for (int i = 0; i < 1000 && procfs_read(fs, (uint32_t)pid, &proc) == 0; i++)
		usleep(1000);
	CHECK_EQ(procfs_read(fs, (uint32_t)pid, &proc), -ESRCH); /* a zombie */
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(procfs_read(fs, (uint32_t)pid, &proc), -ESRCH); /* gone */
	CHECK_EQ(procfs_listening(fs, (uint32_t)pid, &(uint16_t){0}, 1), -ESRCH);
	procfs_close(fs);
}

static int find_self(void *arg, const struct procfs_proc *p)
{
	if (p->tgid == (uint32_t)getpid())
		++*(int *)arg;
	return 0;
}

/* Processes come and go while all of /proc is read. */
TEST(each_while_processes_vanish)
{
	struct procfs *fs;
	int found = 0;
	pid_t churn = fork();

	if (churn == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			pid_t child = fork();

			if (child == 0)
				_exit(0);
			waitpid(child, NULL, 0);
		}
	}
	REQUIRE(churn > 0 && procfs_open("/proc", &fs) == 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(procfs_each(fs, find_self, &found), 0);
	CHECK_EQ(found, 20);
	kill(churn, SIGKILL);
	waitpid(churn, NULL, 0);
	procfs_close(fs);
}

static int listen_on(int family)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in four = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(family, SOCK_STREAM, 0);

	if (fd < 0)
		return -1;
	if (family == AF_INET ? bind(fd, (struct sockaddr *)&four, sizeof(four))
			      : bind(fd, (struct sockaddr *)&six, sizeof(six))) {
		close(fd);
		return -1;
	}
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	getsockname(fd, (struct sockaddr *)&sa, &len);
	return ntohs(sa.sin6_port); /* the same place in both families */
}

static bool has(const uint16_t *ports, int n, uint16_t port)
{
	int times = 0;

	for (int i = 0; i < n; i++)
		times += ports[i] == port;
	return times == 1;
}

TEST(ports_it_listens_on)
{
	int four = listen_on(AF_INET), six = listen_on(AF_INET6), bound = listen_on(AF_INET), again;
	uint16_t ports[8];
	struct procfs *fs;
	int n;

	REQUIRE(four >= 0 && bound >= 0 && procfs_open("/proc", &fs) == 0);
	CHECK_EQ(procfs_listening(fs, (uint32_t)getpid(), ports, 8), 0);
	listen(four, 1);
	again = dup(four);
	n = procfs_listening(fs, (uint32_t)getpid(), ports, 8);
	CHECK_EQ(n, 1);
	CHECK(has(ports, n, port_of(four)));
	if (six >= 0) {
		listen(six, 1);
		n = procfs_listening(fs, (uint32_t)getpid(), ports, 8);
		CHECK_EQ(n, 2);
		CHECK(has(ports, n, port_of(six)) && has(ports, n, port_of(four)));
		CHECK_EQ(procfs_listening(fs, (uint32_t)getpid(), ports, 1), 1);
		close(six);
	}
	close(again);
	close(four);
	close(bound);
	CHECK_EQ(procfs_listening(fs, (uint32_t)getpid(), ports, 8), 0);
	procfs_close(fs);
}
