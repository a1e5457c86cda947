// SPDX-License-Identifier: GPL-2.0-or-later
#include "procs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/u64map.h"
#include "capture/procfs.h"

#define PROCS_LINGER_NS  (60 * CLOCK_NS_PER_SECOND) /* late records of an ended process */
#define PROCS_PORTS_MAX  64
#define PROCS_PARENT_MAX 4 /* generations that are asked for a worker's name */

struct proc {
	uint32_t tgid;
	uint32_t parent;
	uint32_t service; /* 0: not worked out yet */
	uint32_t args_bytes;
	uint64_t exit_ns; /* 0: lives */
	enum config_verdict verdict;
	bool sure;      /* exe and args are its own, not its parent's */
	bool exec_seen; /* exe, args and otel are the kernel's */
	char *exe;      /* as executed, or /proc's; NULL: not known */
	char *args;
	char *otel[2];     /* values of the two OTEL_ variables */
	struct proc *next; /* in the list of all */
	struct proc **prev;
};

struct procs {
	const struct config *config;
	struct intern *names;
	struct capture *capture;
	struct procfs *fs;
	struct procfs_proc *buf;
	struct u64map map;
	struct proc *all;
	uint64_t refused;
	uint32_t self;
};

static void proc_clear(struct proc *p)
{
	free(p->exe);
	free(p->args);
	free(p->otel[0]);
	free(p->otel[1]);
	p->exe = p->args = p->otel[0] = p->otel[1] = NULL;
	p->args_bytes = 0;
	p->exec_seen = p->sure = false;
	p->service = 0;
}

static struct proc *proc_get(struct procs *ps, uint32_t tgid)
{
	struct proc *p = u64map_get(&ps->map, tgid);

	if (p || !tgid)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p || u64map_put(&ps->map, tgid, p)) {
		free(p);
		ps->refused++;
		return NULL;
	}
	p->tgid = tgid;
	p->verdict = CONFIG_TRACE;
	p->next = ps->all;
	p->prev = &ps->all;
	if (ps->all)
		ps->all->prev = &p->next;
	ps->all = p;
	return p;
}

static void proc_free(struct procs *ps, struct proc *p)
{
	u64map_del(&ps->map, p->tgid);
	*p->prev = p->next;
	if (p->next)
		p->next->prev = p->prev;
	proc_clear(p);
	free(p);
}

int procs_new(const struct config *config, struct intern *names, struct capture *capture,
	      struct procs **out)
{
	struct procs *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->config = config;
	p->names = names;
	p->capture = capture;
	p->self = (uint32_t)getpid();
	u64map_init(&p->map, config->processes_max ? config->processes_max : RT_PROCS_MAX);
	p->buf = malloc(sizeof(*p->buf));
	r = p->buf ? procfs_open("/proc", &p->fs) : -ENOMEM;
	if (r) {
		procs_free(p);
		return r;
	}
	*out = p;
	return 0;
}

void procs_free(struct procs *p)
{
	if (!p)
		return;
	while (p->all)
		proc_free(p, p->all);
	u64map_free(&p->map);
	procfs_close(p->fs);
	free(p->buf);
	free(p);
}

static struct config_proc proc_for_rules(const struct proc *p)
{
	return (struct config_proc){
		.tgid = p->tgid,
		.exe = slice_str(p->exe),
		.args = slice_make(p->args, p->args_bytes),
	};
}

static void proc_select(struct procs *ps, struct proc *p)
{
	struct config_proc who = proc_for_rules(p);

	p->verdict = p->tgid == ps->self ? CONFIG_IGNORE : config_select(ps->config, &who);
	if (ps->capture)
		capture_trace(ps->capture, p->tgid, p->verdict != CONFIG_IGNORE);
}

/* There is no room for it: what is selected is observed, as service `unknown`; who is to be asked
 * for ports is not. */
static void proc_refuse(struct procs *ps, uint32_t tgid, struct slice exe, struct slice args)
{
	struct config_proc who = {.tgid = tgid, .exe = exe, .args = args};

	if (ps->capture)
		capture_trace(ps->capture, tgid,
			      tgid != ps->self && config_select(ps->config, &who) == CONFIG_TRACE);
}

static char *dup_bytes(const char *s, size_t n)
{
	char *copy = malloc(n + 1);

	if (copy) {
		memcpy(copy, s, n);
		copy[n] = '\0';
	}
	return copy;
}

static void proc_set_otel(struct proc *p, int i, const char *value, size_t n)
{
	if (!n || !value[0])
		return;
	free(p->otel[i]);
	p->otel[i] = strndup(value, n);
}

/* What /proc says replaces what the exec record said: it knows the interpreter of a script. */
static void proc_take(struct proc *p, const struct procfs_proc *from)
{
	size_t n = from->args_bytes > RT_EXEC_ARGS_BYTES ? RT_EXEC_ARGS_BYTES : from->args_bytes;

	p->sure = true;
	p->parent = from->ppid;
	if (from->exe[0]) {
		free(p->exe);
		p->exe = strdup(from->exe);
	}
	/* One that ends while it is read has lost the rest. */
	if (n) {
		free(p->args);
		p->args = dup_bytes(from->args, n);
		p->args_bytes = p->args ? (uint32_t)n : 0;
	}
	/* It may have ended by the time its name is worked out. */
	proc_set_otel(p, 0, from->otel_service_name, PROCFS_VALUE_BYTES);
	proc_set_otel(p, 1, from->otel_resource_attributes, PROCFS_VALUE_BYTES);
}

/* A process that is just ending has lost its memory and its executable: it is as good as gone. */
static int proc_read(struct procs *ps, uint32_t tgid)
{
	int r = procfs_read(ps->fs, tgid, ps->buf);

	return r ? r : ps->buf->exe[0] || ps->buf->args_bytes ? 0 : -ESRCH;
}

struct scan {
	struct procs *procs;
	void (*between)(void *arg);
	void *arg;
};

static int scan_one(void *arg, const struct procfs_proc *from)
{
	struct scan *scan = arg;
	struct proc *p = proc_get(scan->procs, from->tgid);

	if (p) {
		if (!p->exec_seen)
			proc_take(p, from);
		proc_select(scan->procs, p);
	} else {
		proc_refuse(scan->procs, from->tgid, slice_str(from->exe),
			    slice_make(from->args, from->args_bytes));
	}
	scan->between(scan->arg);
	return 0;
}

int procs_scan(struct procs *p, void (*between)(void *arg), void *arg)
{
	struct scan scan = {p, between, arg};

	return procfs_each(p->fs, scan_one, &scan);
}

int procs_reload(struct procs *ps, const struct config *config, void (*between)(void *arg),
		 void *arg)
{
	ps->config = config;
	if (ps->capture)
		capture_unprime(ps->capture);
	for (struct proc *p = ps->all; p; p = p->next) {
		p->service = 0;
		if (!p->exit_ns)
			proc_select(ps, p);
	}
	return ps->refused ? procs_scan(ps, between, arg) : 0;
}

static void on_exec(struct procs *ps, const struct rt_rec_exec *rec)
{
	struct proc *p = proc_get(ps, rec->tgid);
	size_t args = rec->args_bytes > sizeof(rec->args) ? sizeof(rec->args) : rec->args_bytes;

	if (!p && ps->config->rules_count && proc_read(ps, rec->tgid) == 0) {
		proc_refuse(ps, rec->tgid, slice_str(ps->buf->exe),
			    slice_make(ps->buf->args, ps->buf->args_bytes));
		return;
	}
	if (!p) {
		size_t exe = strnlen(rec->filename, sizeof(rec->filename));

		proc_refuse(ps, rec->tgid, slice_make(rec->filename, exe),
			    slice_make(rec->args, args));
		return;
	}
	proc_clear(p);
	p->exit_ns = 0;
	p->exec_seen = p->sure = true;
	p->exe = strndup(rec->filename, sizeof(rec->filename));
	p->args = dup_bytes(rec->args, args);
	p->args_bytes = p->args ? (uint32_t)args : 0;
	for (int i = 0; i < 2; i++) {
		const char *text = rec->otel[i], *end = text + sizeof(rec->otel[i]);
		const char *eq = memchr(text, '=', sizeof(rec->otel[i]));

		if (text[0] && eq)
			proc_set_otel(p, i, eq + 1, (size_t)(end - eq - 1));
	}
	/* Rules are about the program that runs, which for a script is its interpreter. */
	if (ps->config->rules_count && proc_read(ps, rec->tgid) == 0)
		proc_take(p, ps->buf);
	proc_select(ps, p);
}

/* A child that has not executed anything is its parent still. */
static void on_fork(struct procs *ps, const struct rt_rec_proc *rec)
{
	struct proc *parent = proc_get(ps, rec->parent);
	struct proc *p = parent ? proc_get(ps, rec->tgid) : NULL;

	if (!p)
		return;
	proc_clear(p); /* of an older process; what the kernel says of processes comes in order */
	p->parent = rec->parent;
	p->exit_ns = 0;
	p->service = parent->service;
	p->exe = parent->exe ? strdup(parent->exe) : NULL;
	p->args = parent->args ? dup_bytes(parent->args, parent->args_bytes) : NULL;
	p->args_bytes = p->args ? parent->args_bytes : 0;
	for (int i = 0; i < 2; i++)
		p->otel[i] = parent->otel[i] ? strdup(parent->otel[i]) : NULL;
	p->verdict = parent->verdict;
}

void procs_record(struct procs *ps, const struct rt_rec *rec)
{
	struct proc *p;

	switch (rec->type) {
	case RT_REC_EXEC: on_exec(ps, (const struct rt_rec_exec *)rec); break;
	case RT_REC_FORK: on_fork(ps, (const struct rt_rec_proc *)rec); break;
	case RT_REC_EXIT:
		p = u64map_get(&ps->map, ((const struct rt_rec_proc *)rec)->tgid);
		if (p)
			p->exit_ns = rec->ts_ns;
		break;
	default: break;
	}
}

static const char *rule_name(struct procs *ps, const struct proc *p)
{
	struct config_proc who = proc_for_rules(p);
	uint16_t ports[PROCS_PORTS_MAX];
	int n = 0;

	if (!ps->config->services_count)
		return NULL;
	if (config_wants_ports(ps->config))
		n = procfs_listening(ps->fs, p->tgid, ports, PROCS_PORTS_MAX);
	return config_service_name(ps->config, &who, ports, n > 0 ? (size_t)n : 0);
}

static uint32_t work_out(struct procs *ps, struct proc *p, unsigned generations)
{
	struct service_input in = {0};
	char name[SERVICE_NAME_BYTES + 1];
	struct proc *parent;
	uint32_t above = 0;

	if (p->service)
		return p->service;
	/* A worker is called as its parent; asked first, because both use the buffer of /proc. */
	parent = generations && p->parent > 1 ? u64map_get(&ps->map, p->parent) : NULL;
	if (parent && parent != p)
		above = work_out(ps, parent, generations - 1);
	if (!p->exit_ns && proc_read(ps, p->tgid) == 0) {
		proc_take(p, ps->buf);
		in = procfs_service_input(ps->buf);
	} else {
		in.exe = slice_str(p->exe);
	}
	if (!in.argv.n)
		in.argv = slice_make(p->args, p->args_bytes);
	if (!in.otel_service_name.n)
		in.otel_service_name = slice_str(p->otel[0]);
	if (!in.otel_resource_attributes.n)
		in.otel_resource_attributes = slice_str(p->otel[1]);
	in.rule = slice_str(rule_name(ps, p));
	in.parent = intern_get(ps->names, above);
	service_name(&in, name);
	p->service = intern_put(ps->names, slice_str(name));
	return p->service;
}

uint32_t procs_service(struct procs *ps, uint32_t tgid)
{
	struct proc *p = proc_get(ps, tgid);

	if (!p)
		return INTERN_UNKNOWN;
	return work_out(ps, p, PROCS_PARENT_MAX);
}

bool procs_known(struct procs *ps, uint32_t tgid)
{
	struct proc *p = u64map_get(&ps->map, tgid);

	if (p && p->sure)
		return true;
	if (!p && ps->map.len >= ps->map.max)
		return true; /* there is no room for it, and nothing more to be known */
	if (proc_read(ps, tgid))
		return false;
	p = proc_get(ps, tgid);
	if (p)
		proc_take(p, ps->buf);
	return true;
}

bool procs_selects_conn(struct procs *ps, uint32_t tgid, uint16_t local_port, uint16_t remote_port)
{
	struct proc *p = u64map_get(&ps->map, tgid);
	struct config_proc who;

	if (!p)
		return true;
	if (p->verdict != CONFIG_ASK_PORT)
		return p->verdict == CONFIG_TRACE;
	who = proc_for_rules(p);
	return config_selects_conn(ps->config, &who, local_port, remote_port);
}

void procs_listeners(struct procs *ps,
		     int (*each)(void *arg, uint32_t tgid, const uint16_t *ports, int n), void *arg)
{
	uint16_t ports[PROCS_PORTS_MAX];
	bool done = false;
	int n;

	procfs_net_keep(ps->fs, true);
	for (struct proc *p = ps->all; p && !done; p = p->next) {
		if (p->exit_ns || p->tgid == 1) /* init holds sockets for others */
			continue;
		n = procfs_listening(ps->fs, p->tgid, ports, PROCS_PORTS_MAX);
		done = n > 0 && each(arg, p->tgid, ports, n);
	}
	procfs_net_keep(ps->fs, false);
}

void procs_doubt(struct procs *ps)
{
	for (struct proc *p = ps->all; p; p = p->next) {
		if (p->exit_ns || proc_read(ps, p->tgid))
			continue;
		proc_take(p, ps->buf);
		p->service = 0;
		proc_select(ps, p);
	}
}

void procs_tick(struct procs *ps, uint64_t now_ns)
{
	struct proc *p, *next;

	for (p = ps->all; p; p = next) {
		next = p->next;
		if (p->exit_ns && now_ns > p->exit_ns + PROCS_LINGER_NS)
			proc_free(ps, p);
	}
}

uint64_t procs_refused(const struct procs *p)
{
	return p->refused;
}
