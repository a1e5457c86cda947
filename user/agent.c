// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "lock.h"
#include "proto/postgres_world.h"
#include "serve/http.h"

#define POLL_MIN_MS 20 /* under load; doubling when nothing came */
#define POLL_MAX_MS 400
#define INTAKE_NICE (-10)

static bool on_ready(void *arg)
{
	struct agent *a = arg;

	return atomic_load(&a->ready);
}

/* ---- SIGHUP ---- */

static void say_change(void *arg, const char *option, bool reloads)
{
	(void)arg;
	if (reloads)
		log_info("configuration: %s changed", option);
	else
		log_warn("configuration: %s changed, but needs a restart", option);
}

static void between_procs(void *arg)
{
	struct agent *a = arg;

	agent_intake(a);
}

static void say_unread(int error)
{
	if (error)
		log_warn("reading /proc: %s; processes known to it alone are not selected",
			 strerror(-error));
}

static void reload(struct agent *a)
{
	struct config old = a->reloaded, fresh;

	if (config_load(a->argc, a->argv, &fresh, stderr)) {
		log_error("configuration: not reloaded, the old one stays");
		return;
	}
	if (!config_diff(a->config, &fresh, say_change, NULL))
		log_info("configuration: nothing changed");
	a->reloaded = fresh;
	a->config = &a->reloaded;
	log_set_level((enum log_level)a->config->log_level);
	agent_set_budget(a);
	agent_forget_routes(a);
	red_routes_changed(a->red);
	registry_expire_after(a->registry, a->config->series_expire_ns);
	say_unread(procs_reload(a->procs, a->config, between_procs, a));
	naming_reload(a->naming, a->config);
	track_forget_names(a->track);
	track_renew_sessions(a->track, true);
	kafka_world_forget_services(a->env.kafka);
	config_free(&old);
}

/* True: time to stop. */
static bool on_signal(struct agent *a)
{
	struct signalfd_siginfo info;

	while (read(a->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			log_info("stopping on signal %u", info.ssi_signo);
			return true;
		}
		reload(a);
	}
	return false;
}

int agent_run(struct agent *a)
{
	int wait_ms = POLL_MIN_MS, n, taken;
	struct epoll_event events[4];
	uint64_t now_ns;

	/* This thread alone: a host that is busy is when the queues must be read in time. */
	if (setpriority(PRIO_PROCESS, 0, INTAKE_NICE))
		log_debug("cannot raise the intake's priority: %s", strerror(errno));
	for (;;) {
		n = epoll_wait(a->epoll_fd, events, 4, wait_ms);
		if (n < 0 && errno != EINTR) {
			n = -errno;
			log_error("waiting for events: %s", strerror(-n));
			return n;
		}
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == a->signal_fd && on_signal(a))
				return 0;
			if (events[i].data.fd == a->scrape_fd)
				agent_refresh(a);
		}
		taken = agent_intake(a);
		if (taken < 0 && taken != -EINTR && taken != -EAGAIN)
			log_warn("reading the queues: %s", strerror(-taken));
		if (taken > 0)
			wait_ms = POLL_MIN_MS;
		else if (wait_ms < POLL_MAX_MS)
			wait_ms = wait_ms * 2 > POLL_MAX_MS ? POLL_MAX_MS : wait_ms * 2;
		now_ns = clock_mono_ns();
		seat_tick(a->seat, now_ns, capture_read_bytes(a->capture));
		if (now_ns >= a->second_ns)
			agent_every_second(a, now_ns);
	}
}

/* ---- start and stop ---- */

static int watch(struct agent *a, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int start_events(struct agent *a)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	a->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	a->scrape_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->epoll_fd < 0 || a->signal_fd < 0 || a->scrape_fd < 0)
		return -errno;
	return watch(a, a->signal_fd, EPOLLIN) ?: watch(a, a->scrape_fd, EPOLLIN);
}

/* Says in one sentence what stands in the way, before anything is touched. */
static int start_privilege(void)
{
	struct capture_probe probe;

	capture_probe(&probe);
	if (!probe.bpf_allowed && geteuid() != 0)
		log_error("redtap has to run as root (or with CAP_BPF, CAP_PERFMON and "
			  "CAP_SYS_PTRACE): the kernel refused bpf(): %s",
			  strerror(probe.bpf_errno));
	else if (!probe.bpf_allowed)
		log_error("the kernel refused bpf(): %s; a container needs CAP_BPF and CAP_PERFMON",
			  strerror(probe.bpf_errno));
	else if (!probe.btf)
		log_error(
			"this kernel has no BTF (/sys/kernel/btf/vmlinux); redtap needs one built "
			"with CONFIG_DEBUG_INFO_BTF");
	else
		return 0;
	return probe.bpf_allowed ? -ENOSYS : -EPERM;
}

static int start_lock(struct agent *a)
{
	int holder;

	a->lock_fd = lock_take(a->config->lock_file, &holder);
	if (a->lock_fd == -EWOULDBLOCK) {
		log_error("another redtap (pid %d) runs on this host; it holds %s", holder,
			  a->config->lock_file);
		return -EWOULDBLOCK;
	}
	if (a->lock_fd < 0)
		log_error("cannot take the lock %s: %s", a->config->lock_file,
			  strerror(-a->lock_fd));
	return a->lock_fd < 0 ? a->lock_fd : 0;
}

static int start_capture(struct agent *a)
{
	struct capture_config cc = {
		.mode = (enum capture_mode)a->config->capture,
		.ring_bytes = a->config->ring_bytes,
	};
	int r = capture_open(&cc, &a->capture);

	if (r == -EPERM || r == -EACCES)
		log_error("the kernel refused bpf(): %s; run redtap as root, or give it CAP_BPF, "
			  "CAP_PERFMON and CAP_SYS_PTRACE",
			  strerror(-r));
	else if (r == -ENOSYS)
		log_error("this kernel lacks what --capture=%s needs; `redtap check` says what",
			  capture_mode_name(cc.mode));
	else if (r)
		log_error("the BPF programs could not be loaded: %s; --log-level=debug says more",
			  strerror(-r));
	return r;
}

static int start_metrics(struct agent *a)
{
	struct registry_config rc = {
		.names = a->names,
		.series_max = (uint32_t)a->config->series_max,
		.expire_ns = a->config->series_expire_ns,
	};
	struct red_config red = {
		.names = a->names,
		.names_max = a->names_max,
		.endpoints_max = (uint32_t)a->config->endpoints_max,
		.routes = agent_routes,
		.arg = a,
	};
	struct utsname un = {0};
	struct self_info info = {
		.version = REDTAP_VERSION,
		.capture = capture_mode_name(capture_mode(a->capture)),
		.send_stamp = capture_stamps_sends(a->capture) ? "entry" : "return",
	};

	uname(&un);
	info.kernel = un.release;
	a->registry = registry_new(&rc);
	if (!a->registry)
		return -ENOMEM;
	registry_tick(a->registry, clock_mono_ns());
	red.registry = a->registry;
	a->red = red_new(&red);
	a->self = self_new(a->registry, a->names, &info);
	return a->red && a->self ? 0 : -ENOMEM;
}

static int start_track(struct agent *a)
{
	const struct config *c = a->config;

	a->env.names = a->names;
	a->env.http_spares = &a->http_spares;
	a->env.limits = (struct rt_limits){
		.http_pending = (uint32_t)c->http_pending_max,
		.pg_pending = (uint32_t)c->postgres_pending_max,
		.pg_statements = (uint32_t)c->postgres_statements_max,
		.kafka_pending = (uint32_t)c->kafka_pending_max,
		.kafka_partitions = (uint32_t)c->kafka_partitions_max,
	};
	a->wall_offset_ns = clock_wall_offset_ns();
	a->env.kafka = kafka_world_new(a->names);
	/* no metric has a statement's text */
	a->env.postgres = pg_world_new(false);
	if (!a->env.kafka || !a->env.postgres)
		return -ENOMEM;
	kafka_world_bound(a->env.kafka, (uint32_t)c->kafka_topics_max,
			  (uint32_t)c->kafka_partitions_max);
	a->ops = agent_track_ops(a);
	a->track = track_new(&a->ops, &a->env, (uint32_t)c->connections_max);
	return a->track ? 0 : -ENOMEM;
}

static int start_serve(struct agent *a)
{
	struct serve_config sc = {
		.address = a->config->listen.address,
		.port = a->config->listen.port,
		.version = REDTAP_VERSION,
		.render = agent_render,
		.ready = on_ready,
		.arg = a,
	};
	int r = serve_start(&sc, &a->serve);

	if (r == -EADDRINUSE)
		log_error("port %u on %s is in use; choose another with --listen", sc.port,
			  sc.address);
	else if (r)
		log_error("cannot listen on %s port %u: %s", sc.address, sc.port, strerror(-r));
	else
		a->port = serve_port(a->serve);
	return r;
}

int agent_start(const struct config *config, int argc, char **argv, struct agent **out)
{
	struct agent *a = calloc(1, sizeof(*a));
	bool v6 = strchr(config->listen.address, ':') != NULL;
	int r = -ENOMEM;

	if (!a)
		return r;
	a->config = config;
	a->argc = argc;
	a->argv = argv;
	a->lock_fd = a->epoll_fd = a->signal_fd = a->scrape_fd = -1;
	pthread_mutex_init(&a->refresh_lock, NULL);
	pthread_cond_init(&a->refresh_done, NULL);
	agent_set_budget(a);
	a->names_max = (uint32_t)config->names_max;
	a->names = intern_new(a->names_max);
	a->routes = calloc(a->names_max, sizeof(struct endpoint_routes *));
	if (!a->names || !a->routes)
		goto fail;
	r = start_privilege() ?: start_events(a) ?: start_lock(a) ?: start_capture(a);
	if (r)
		goto fail;
	r = procs_new(config, a->names, a->capture, &a->procs);
	if (r)
		goto fail;
	r = -ENOMEM;
	a->naming = naming_new(config, a->names, a->procs);
	if (!a->naming)
		goto fail;
	/* By edge: the queues are hardly ever found empty, and need not be for the next wait. */
	r = start_track(a) ?: start_metrics(a) ?: watch(a, capture_fd(a->capture), EPOLLIN | EPOLLET);
	if (r)
		goto fail;
	/* Our own port is known before the first process is selected. */
	r = start_serve(a);
	if (r)
		goto fail;
	say_unread(procs_scan(a->procs, between_procs, a));
	capture_prime(a->capture);
	a->seat = seat_new(capture_cpus(a->capture));
	if (!a->seat)
		log_debug("the intake stays where it is: its CPUs are not known");
	a->primed_ns = clock_mono_ns();
	agent_update_self(a);
	atomic_store(&a->ready, true);
	log_info("capture: %s; metrics: http://%s%s%s:%u/metrics",
		 capture_mode_name(capture_mode(a->capture)), v6 ? "[" : "", config->listen.address,
		 v6 ? "]" : "", a->port);
	*out = a;
	return 0;
fail:
	if (r == -ENOMEM)
		log_error("out of memory at the start");
	agent_stop(a);
	return r;
}

void agent_stop(struct agent *a)
{
	if (!a)
		return;
	atomic_store(&a->ready, false);
	serve_stop(a->serve);
	track_free(a->track);
	capture_close(a->capture);
	red_free(a->red);
	self_free(a->self);
	registry_free(a->registry);
	naming_free(a->naming);
	procs_free(a->procs);
	seat_free(a->seat);
	fifo_spares_free(&a->http_spares);
	kafka_world_free(a->env.kafka);
	pg_world_free(a->env.postgres);
	agent_forget_routes(a);
	free(a->routes);
	intern_free(a->names);
	for (int i = 0; i < 4; i++) {
		int fd = (int[]){a->signal_fd, a->scrape_fd, a->epoll_fd, a->lock_fd}[i];

		if (fd >= 0)
			close(fd);
	}
	pthread_cond_destroy(&a->refresh_done);
	pthread_mutex_destroy(&a->refresh_lock);
	config_free(&a->reloaded);
	free(a);
}
