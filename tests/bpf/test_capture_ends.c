// SPDX-License-Identifier: GPL-2.0-or-later
/* Beginnings and ends: addresses, late connections, half-closes, resets, the list, processes. */
#include <pthread.h>
#include <sys/wait.h>

#include "rig.h"

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
}

static void hear(int fd, size_t n)
{
	char buf[4096];

	if (recv(fd, buf, n, MSG_WAITALL) != (ssize_t)n)
		abort();
}

static void tell(int from, int to, const char *text)
{
	say(from, text);
	hear(to, strlen(text));
}

#define BOTH(name)                                                                                 \
	static void name(enum capture_mode mode);                                                  \
	TEST(socket_##name)                                                                        \
	{                                                                                          \
		name(CAPTURE_SOCKET);                                                              \
	}                                                                                          \
	TEST(syscall_##name)                                                                       \
	{                                                                                          \
		name(CAPTURE_SYSCALL);                                                             \
	}                                                                                          \
	static void name(enum capture_mode mode)

static bool loopback(const struct rt_addr *a)
{
	static const uint8_t v4[16] = {127, 0, 0, 1};

	return !memcmp(a->ip, a->family == AF_INET ? v4 : in6addr_loopback.s6_addr, 16);
}

BOTH(connections_are_named)
{
	struct rig *r = rig_new(mode);

	for (int family = 0; r && family < RIG_MPTCP; family++) {
		struct rig_conn *c, *s;
		struct rig_pair p;

		if (!rig_connect((enum rig_family)family, &p))
			continue;
		tell(p.client, p.server, "one");
		tell(p.server, p.client, "two");
		rig_read(r);
		c = rig_end(r, &p, false);
		s = rig_end(r, &p, true);
		REQUIRE(c && s);
		CHECK_EQ(c->rec.tgid, getpid());
		CHECK(c->rec.h.conn != s->rec.h.conn);
		CHECK(!(c->rec.h.flags & RT_F_LATE));
		CHECK(!(s->rec.h.flags & RT_F_LATE));
		CHECK_EQ(c->rec.netns, s->rec.netns);
		CHECK(c->rec.netns != 0);
		if (family == RIG_UNIX) {
			CHECK_EQ(c->rec.sock, s->rec.peer);
			CHECK_EQ(s->rec.sock, c->rec.peer);
			CHECK_STR(c->rec.path, p.path);
			CHECK_STR(s->rec.path, p.path);
		} else {
			CHECK_EQ(c->rec.local.family, family == RIG_V4 ? AF_INET : AF_INET6);
			CHECK(loopback(&c->rec.local) && loopback(&c->rec.remote));
			CHECK(loopback(&s->rec.local) && loopback(&s->rec.remote));
		}
		CHECK(c->rec.h.ts_ns <= c->d[RT_SEND].ts_ns);
		rig_close(&p);
	}
	rig_free(r);
}

/* What passed before it was looked at is neither counted nor copied. */
BOTH(a_connection_met_half_way)
{
	struct rig *r = rig_new(mode);
	struct rig_conn *c;
	struct rig_pair p;

	if (!r)
		return;
	capture_trace(r->capture, (uint32_t)getpid(), false);
	if (!rig_connect(RIG_V4, &p))
		abort();
	for (int i = 0; i < 3; i++) {
		tell(p.client, p.server, "before");
		tell(p.server, p.client, "nothing");
	}
	rig_read(r);
	CHECK(!rig_end(r, &p, false) && !rig_end(r, &p, true));
	capture_trace(r->capture, (uint32_t)getpid(), true);
	tell(p.client, p.server, "after");
	rig_read(r);
	for (int server = 0; server < 2; server++) {
		c = rig_end(r, &p, server);
		REQUIRE(c);
		CHECK(c->rec.h.flags & RT_F_LATE);
		CHECK_EQ(c->d[!server].end, 5);
		CHECK(rig_has(&c->d[!server], (const uint8_t *)"after", 0, 5));
		CHECK_EQ(rig_gaps(&c->d[!server]), 0);
	}
	/* Deselected again: what passes shows as unseen once it is looked at anew. */
	capture_trace(r->capture, (uint32_t)getpid(), false);
	tell(p.client, p.server, "hidden");
	capture_trace(r->capture, (uint32_t)getpid(), true);
	tell(p.client, p.server, "seen");
	rig_read(r);
	c = rig_end(r, &p, true);
	CHECK_EQ(c->d[RT_RECV].end, 15);
	CHECK_EQ(c->d[RT_RECV].gap[RT_GAP_UNSEEN], 6);
	CHECK(rig_has(&c->d[RT_RECV], (const uint8_t *)"afterhiddenseen", 11, 15));
	rig_close(&p);
	rig_free(r);
}

/* Whether both ends were met as late connections. */
static void lateness(struct rig *r, struct rig_pair *p, bool late)
{
	tell(p->client, p->server, "any");
	tell(p->server, p->client, "thing");
	rig_read(r);
	for (int server = 0; server < 2; server++) {
		struct rig_conn *c = rig_end(r, p, server);

		REQUIRE(c);
		CHECK_EQ(!!(c->rec.h.flags & RT_F_LATE), late);
		CHECK_EQ(c->d[RT_SEND].end, server ? 5 : 3);
	}
}

/* No sequence tells: the age of the socket does, from when all that is to be followed is. */
BOTH(without_a_sequence)
{
	static const enum rig_family families[] = {RIG_UNIX, RIG_MPTCP};
	struct rig *r = rig_new(mode);

	for (int f = 0; r && f < 2; f++) {
		struct rig_pair before, old, now;

		if (!rig_connect(families[f], &before))
			continue;
		capture_trace(r->capture, (uint32_t)getpid(), false);
		tell(before.client, before.server, "before");
		capture_unprime(r->capture);
		capture_trace(r->capture, (uint32_t)getpid(), true);
		lateness(r, &before, true);
		REQUIRE(rig_connect(families[f], &old));
		capture_prime(r->capture);
		lateness(r, &old, true);
		/* On whatever CPU they are made. */
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			cpu_set_t one, kept;

			sched_getaffinity(0, sizeof(kept), &kept);
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			if (sched_setaffinity(0, sizeof(one), &one))
				continue;
			REQUIRE(rig_connect(families[f], &now));
			sched_setaffinity(0, sizeof(kept), &kept);
			lateness(r, &now, false);
			rig_close(&now);
		}
		rig_close(&before);
		rig_close(&old);
	}
	rig_free(r);
}

/* A connection that is new, and one whose server speaks first, are not late. */
BOTH(a_server_that_speaks_first)
{
	struct rig *r = rig_new(mode);
	struct rig_conn *c;
	struct rig_pair p;

	if (!r)
		return;
	if (!rig_connect(RIG_V4, &p))
		abort();
	tell(p.server, p.client, "220 ready\r\n");
	tell(p.client, p.server, "HELO\r\n");
	rig_read(r);
	for (int server = 0; server < 2; server++) {
		c = rig_end(r, &p, server);
		REQUIRE(c);
		CHECK(!(c->rec.h.flags & RT_F_LATE));
		CHECK_EQ(c->d[server].end, 11);
		CHECK_EQ(c->d[!server].end, 6);
	}
	rig_close(&p);
	rig_free(r);
}

/* The client ends its direction; what it then reads waits for no byte that will never come. */
BOTH(half_close)
{
	struct rig *r = rig_new(mode);
	struct rig_conn *c, *s;
	struct rig_pair p;
	char buf[16];

	if (!r)
		return;
	if (!rig_connect(RIG_V4, &p))
		abort();
	tell(p.client, p.server, "request");
	shutdown(p.client, SHUT_WR);
	CHECK_EQ(read(p.server, buf, sizeof(buf)), 0);
	CHECK_EQ(read(p.server, buf, sizeof(buf)), 0);
	tell(p.server, p.client, "response");
	rig_read(r);
	c = rig_end(r, &p, false);
	s = rig_end(r, &p, true);
	REQUIRE(c && s);
	CHECK(s->d[RT_RECV].eof);
	CHECK_EQ(c->d[RT_RECV].other, 7);
	CHECK_EQ(s->d[RT_SEND].other, 7);
	CHECK_EQ(c->ends, 1);
	CHECK_EQ(c->end.shut, 2);
	CHECK(!c->end.reset && !c->destroyed && !c->end.eof);
	CHECK_EQ(c->end.off[RT_SEND], 7);
	CHECK_EQ(s->ends, 0);
	/* The server closes while the response's end is unread. */
	say(p.server, "more");
	close(p.server);
	p.server = -1;
	rig_read(r);
	CHECK(!c->destroyed);
	CHECK(!(c->shut & 1));
	hear(p.client, 4);
	CHECK_EQ(read(p.client, buf, sizeof(buf)), 0);
	rig_read(r);
	CHECK_EQ(c->d[RT_RECV].end, 12);
	CHECK(c->d[RT_RECV].eof);
	CHECK_EQ(rig_gaps(&c->d[RT_RECV]), 0);
	CHECK(!c->destroyed);
	rig_close(&p);
	rig_await_end(r, c);
	rig_await_end(r, s);
	CHECK(c->destroyed && s->destroyed);
	CHECK(c->end.eof && s->end.eof);
	CHECK(!c->end.reset && !s->end.reset);
	rig_free(r);
}

BOTH(closed_by_one_and_the_other)
{
	struct rig *r = rig_new(mode);

	for (int first = 0; r && first < 2; first++) {
		struct rig_conn *c, *s, *closer;
		struct rig_pair p;
		char buf[4];

		rig_clear(r);
		if (!rig_connect(RIG_V6, &p))
			abort();
		tell(p.client, p.server, "a");
		tell(p.server, p.client, "b");
		close(first ? p.server : p.client);
		CHECK_EQ(read(first ? p.client : p.server, buf, 4), 0);
		close(first ? p.client : p.server);
		rig_read(r);
		c = rig_end(r, &p, false);
		s = rig_end(r, &p, true);
		REQUIRE(c && s);
		closer = first ? s : c;
		rig_await_end(r, c);
		rig_await_end(r, s);
		CHECK_EQ(closer->shut, 3);
		CHECK(c->destroyed && s->destroyed);
		CHECK_EQ((first ? c : s)->d[RT_RECV].eof, true);
		CHECK(!closer->d[RT_RECV].eof);
	}
	rig_free(r);
}

BOTH(reset)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct rig *r = rig_new(mode);
	struct rig_conn *c, *s;
	struct rig_pair p;
	char buf[8];

	if (!r)
		return;
	if (!rig_connect(RIG_V4, &p))
		abort();
	tell(p.client, p.server, "x");
	setsockopt(p.server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(p.server);
	p.server = -1;
	CHECK(read(p.client, buf, sizeof(buf)) < 0);
	rig_read(r);
	c = rig_end(r, &p, false);
	s = rig_end(r, &p, true);
	REQUIRE(c && s);
	CHECK(c->end.reset && !c->destroyed);
	CHECK(!c->d[RT_RECV].eof);
	rig_await_end(r, s);
	CHECK(s->destroyed);
	CHECK_EQ(s->end.off[RT_SEND], s->d[RT_SEND].end);
	CHECK_EQ(s->end.off[RT_RECV], s->d[RT_RECV].end);
	rig_close(&p);
	rig_await_end(r, c);
	CHECK(c->destroyed);
	rig_free(r);
}

BOTH(unix_ends)
{
	struct rig *r = rig_new(mode);
	struct rig_conn *s;
	struct rig_pair p;
	char buf[8];

	if (!r)
		return;
	if (!rig_connect(RIG_UNIX, &p))
		abort();
	tell(p.client, p.server, "x");
	close(p.client);
	p.client = -1;
	CHECK_EQ(read(p.server, buf, sizeof(buf)), 0);
	rig_read(r);
	s = rig_end(r, &p, true);
	REQUIRE(s);
	CHECK(s->d[RT_RECV].eof);
	rig_close(&p);
	rig_free(r);
}

/* ---- the list of what is open ---- */

static void the_list(enum capture_mode mode, bool by_files)
{
	struct rig *r = rig_new_listing(mode, by_files);
	struct rig_pair p[RIG_FAMILIES];
	uint64_t ids[RIG_FAMILIES][2];
	struct rt_rec_open *open;
	bool have[RIG_FAMILIES];

	if (!r)
		return;
	for (int f = 0; f < RIG_FAMILIES; f++) {
		have[f] = rig_connect((enum rig_family)f, &p[f]);
		if (!have[f])
			continue;
		tell(p[f].client, p[f].server, "12345");
		tell(p[f].server, p[f].client, "123");
		rig_read(r);
		for (int server = 0; server < 2; server++) {
			struct rig_conn *c = rig_end(r, &p[f], server);

			REQUIRE(c);
			ids[f][server] = c->rec.h.conn;
		}
	}
	for (int f = 0; f < RIG_FAMILIES; f++)
		for (int server = 0; have[f] && server < 2; server++) {
			open = rig_listed(r, ids[f][server]);
			REQUIRE(open);
			CHECK_EQ(open->h.type, RT_REC_OPEN);
			CHECK_EQ(open->off[RT_SEND], server ? 3 : 5);
			CHECK_EQ(open->off[RT_RECV], server ? 5 : 3);
			CHECK_EQ(open->prev[RT_SEND], server ? 3 : 5);
			CHECK_EQ(open->tgid, getpid());
		}
	for (int f = 0; f < RIG_FAMILIES; f++)
		if (have[f])
			rig_close(&p[f]);
	for (int f = 0; f < RIG_FAMILIES; f++)
		for (int server = 0; have[f] && server < 2; server++) {
			/* AF_UNIX and MPTCP sockets go a little later. */
			for (int i = 0; i < RIG_WAIT_MS && rig_listed(r, ids[f][server]); i++)
				usleep(1000);
			CHECK(!rig_listed(r, ids[f][server]));
		}
	rig_free(r);
}

TEST(the_list_socket)
{
	the_list(CAPTURE_SOCKET, false);
}

TEST(the_list_socket_by_files)
{
	the_list(CAPTURE_SOCKET, true);
}

TEST(the_list_syscall)
{
	the_list(CAPTURE_SYSCALL, true);
}

#define MANY 240 /* pairs: more than one buffer of the kernel's iterator holds */

struct many {
	uint64_t ids[4 * MANY];
	size_t n;
};

static void many_on_open(void *arg, const struct rt_rec_open *rec)
{
	struct many *m = arg;

	if (rec->tgid == (uint32_t)getpid() && m->n < sizeof(m->ids) / sizeof(m->ids[0]))
		m->ids[m->n++] = rec->h.conn;
}

static void many_on_record(void *arg, const struct rt_rec *rec)
{
	(void)arg, (void)rec;
}

static int many_order(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Bytes of the maps, by what is listed now. */
static uint64_t many_memory(struct rig *r)
{
	struct many m = {.n = 0};
	uint64_t rings, maps;

	CHECK_EQ(capture_list(r->capture, many_on_open, &m), 0);
	capture_memory(r->capture, &rings, &maps);
	return maps;
}

/*
 * Sockets that are open twice, and in a second process, are listed once each, every time; and by
 * that the kernel's memory is told, 2 KiB for each.
 */
BOTH(each_is_listed_once)
{
	struct rig *r = rig_new_listing(mode, true);
	int pairs[MANY][2], copies[MANY], stop[2];
	struct many m;
	uint64_t memory;
	pid_t child;

	if (!r)
		return;
	REQUIRE(!pipe(stop));
	memory = many_memory(r);
	for (int i = 0; i < MANY; i++) {
		REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]));
		tell(pairs[i][0], pairs[i][1], "1");
		tell(pairs[i][1], pairs[i][0], "2");
		copies[i] = dup(pairs[i][0]);
	}
	child = fork();
	if (!child) {
		close(stop[1]);
		_exit(read(stop[0], &m, 1) == 0 ? 0 : 1);
	}
	memory = many_memory(r) - memory;
	printf("# %llu bytes for %d sockets\n", (unsigned long long)memory, 2 * MANY);
	CHECK(memory > 2 * MANY * 1900 && memory < 2 * MANY * 2200);
	/* More often than the number of a walk takes to come round. */
	for (int round = 0; round < 300; round++) {
		m.n = 0;
		capture_read(r->capture, many_on_record, NULL);
		REQUIRE(!capture_list(r->capture, many_on_open, &m));
		REQUIRE(m.n == 2 * (size_t)MANY);
		qsort(m.ids, m.n, sizeof(m.ids[0]), many_order);
		for (size_t i = 1; i < m.n; i++)
			REQUIRE(m.ids[i - 1] != m.ids[i]);
	}
	close(stop[1]);
	waitpid(child, NULL, 0);
	for (int i = 0; i < MANY; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
		close(copies[i]);
	}
	close(stop[0]);
	rig_free(r);
}

/* ---- processes ---- */

static struct rt_rec_exec *proc_of(struct rig *r, uint16_t type, pid_t pid)
{
	for (int i = 0; i < r->nprocs; i++) {
		struct rt_rec_exec *e = &r->procs[i];
		uint32_t tgid = type == RT_REC_EXEC ? e->tgid : ((struct rt_rec_proc *)e)->tgid;

		if (e->h.type == type && tgid == (uint32_t)pid)
			return e;
	}
	return NULL;
}

static void *nothing(void *arg)
{
	return arg;
}

TEST(processes)
{
	static char *const argv[] = {"/bin/true", "one", "", "three words here", NULL};
	static char *const envp[] = {"A=b", "OTEL_RESOURCE_ATTRIBUTES=service.name=x,deployment=y",
				     "XOTEL_SERVICE_NAME=no", "OTEL_SERVICE_NAME=the-name", NULL};
	static const char args[] = "/bin/true\0one\0\0three words here";
	struct rig *r = rig_new(CAPTURE_AUTO);
	struct rt_rec_proc *fork_rec;
	struct rt_rec_exec *exec;
	pthread_t thread;
	int status;
	pid_t pid;

	if (!r)
		return;
	pid = fork();
	if (!pid) {
		cpu_set_t any;

		memset(&any, 0xff, sizeof(any)); /* the order holds across CPUs */
		sched_setaffinity(0, sizeof(any), &any);
		execve(argv[0], argv, envp);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	if (pthread_create(&thread, NULL, nothing, NULL))
		abort();
	pthread_join(thread, NULL);
	rig_read(r);
	fork_rec = (struct rt_rec_proc *)proc_of(r, RT_REC_FORK, pid);
	REQUIRE(fork_rec);
	CHECK_EQ(fork_rec->parent, getpid());
	exec = proc_of(r, RT_REC_EXEC, pid);
	REQUIRE(exec);
	CHECK((void *)exec > (void *)fork_rec);
	CHECK_STR(exec->filename, "/bin/true");
	CHECK_EQ(exec->args_bytes, sizeof(args));
	CHECK(!memcmp(exec->args, args, sizeof(args)));
	CHECK_STR(exec->otel[0], "OTEL_SERVICE_NAME=the-name");
	CHECK_STR(exec->otel[1], "OTEL_RESOURCE_ATTRIBUTES=service.name=x,deployment=y");
	CHECK(exec->start_ns > 0 && exec->cgroup > 0);
	REQUIRE(proc_of(r, RT_REC_EXIT, pid));
	CHECK(proc_of(r, RT_REC_EXIT, pid) > exec);
	CHECK(!proc_of(r, RT_REC_FORK, getpid())); /* a thread is no process */
	CHECK(!proc_of(r, RT_REC_EXIT, getpid()));
	rig_free(r);
}

/* What was said of one process does not show in the next one's record. */
TEST(processes_without_a_name)
{
	static char *const argv[] = {"/bin/true", NULL};
	static char *const envp[] = {"OTEL_SERVICE_NAME=first", NULL};
	static char *const none[] = {NULL};
	struct rig *r = rig_new(CAPTURE_AUTO);
	pid_t pid[2];

	if (!r)
		return;
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			execve(argv[0], argv, i ? none : envp);
			_exit(127);
		}
		waitpid(pid[i], NULL, 0);
	}
	rig_read(r);
	for (int i = 0; i < 2; i++) {
		struct rt_rec_exec *exec = proc_of(r, RT_REC_EXEC, pid[i]);

		REQUIRE(exec);
		CHECK_STR(exec->otel[0], i ? "" : "OTEL_SERVICE_NAME=first");
		CHECK_STR(exec->otel[1], "");
		CHECK_EQ(exec->args_bytes, 10);
	}
	rig_free(r);
}

/* argv past its limit is cut, a long variable too; neither runs into what follows. */
TEST(processes_with_long_arguments)
{
	static char *argv[64], *envp[2];
	static char word[200], variable[1000];
	struct rig *r = rig_new(CAPTURE_AUTO);
	struct rt_rec_exec *exec;
	pid_t pid;

	if (!r)
		return;
	memset(word, 'w', sizeof(word) - 1);
	argv[0] = "/bin/true";
	for (int i = 1; i < 63; i++)
		argv[i] = word;
	strcpy(variable, "OTEL_SERVICE_NAME=");
	memset(variable + strlen(variable), 'v', sizeof(variable) - 1 - strlen(variable));
	envp[0] = variable;
	pid = fork();
	if (!pid) {
		execve(argv[0], argv, envp);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	rig_read(r);
	exec = proc_of(r, RT_REC_EXEC, pid);
	REQUIRE(exec);
	CHECK_EQ(exec->args_bytes, RT_EXEC_ARGS_BYTES);
	CHECK(!memcmp(exec->args, "/bin/true\0ww", 12));
	CHECK_EQ(strnlen(exec->otel[0], RT_EXEC_ENV_BYTES), RT_EXEC_ENV_BYTES - 1);
	CHECK_STR(exec->otel[1], "");
	rig_free(r);
}

/* A child is followed because its parent is, before it can run. Our own children are not: we are
 * redtap itself here; so it is a child's child. */
BOTH(a_child_inherits_its_selection)
{
	struct rig *r = rig_new(mode);

	for (int selected = 1; r && selected >= 0; selected--) {
		struct rig_pair p;
		int start[2], told[2];
		pid_t parent, child;

		rig_clear(r);
		if (!rig_connect(RIG_V4, &p) || pipe(start) || pipe(told))
			abort();
		parent = fork();
		if (!parent) {
			if (read(start[0], &child, 1) != 1)
				abort();
			child = fork();
			if (!child) {
				say(p.client, "from the child");
				_exit(0);
			}
			if (write(told[1], &child, sizeof(child)) != sizeof(child))
				abort();
			waitpid(child, NULL, 0);
			_exit(0);
		}
		capture_trace(r->capture, (uint32_t)parent, selected);
		if (write(start[1], "", 1) != 1 ||
		    read(told[0], &child, sizeof(child)) != sizeof(child))
			abort();
		waitpid(parent, NULL, 0);
		r->child = (uint32_t)child;
		rig_read(r);
		CHECK_EQ(rig_end(r, &p, false) != NULL, selected);
		if (selected && rig_end(r, &p, false))
			CHECK_EQ(rig_end(r, &p, false)->rec.tgid, child);
		rig_close(&p);
		for (int i = 0; i < 2; i++) {
			close(start[i]);
			close(told[i]);
		}
	}
	rig_free(r);
}
