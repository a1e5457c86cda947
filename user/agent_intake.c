// SPDX-License-Identifier: GPL-2.0-or-later
/* From the queues to the registry, once a round; what is due once a second; and at a scrape. */
#include "agent_impl.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LISTED_AT_ONCE  64                 /* connections, before the queues are read again */
#define REFRESH_PASSES  (TRACK_PASSES + 1) /* at a scrape, so that nothing is left waiting */
#define REFRESH_WAIT_NS (2 * CLOCK_NS_PER_SECOND)

#define PRIMED_NS      (3600 * CLOCK_NS_PER_SECOND) /* RT_YOUNG_INODES in that time are plenty */
#define PRIME_AGAIN_NS (10 * CLOCK_NS_PER_SECOND)

static void on_record(void *arg, const struct rt_rec *rec)
{
	struct agent *a = arg;

	if (rec->type == RT_REC_EXEC || rec->type == RT_REC_FORK || rec->type == RT_REC_EXIT)
		procs_record(a->procs, rec);
	else
		track_record(a->track, rec);
}

static void on_open(void *arg, const struct rt_rec_open *rec)
{
	struct agent *a = arg;

	track_sweep_seen(a->track, rec);
	/* Many connections take longer to list than a queue may be left alone. */
	if (++a->listed % LISTED_AT_ONCE == 0)
		agent_intake(a);
}

int agent_intake(struct agent *a)
{
	int n = capture_read(a->capture, on_record, a);

	track_pass(a->track, clock_mono_ns());
	agent_name_late(a);
	return n;
}

static void sweep(struct agent *a)
{
	int r;

	track_sweep_begin(a->track);
	r = capture_list(a->capture, on_open, a);
	if (r < 0)
		log_warn("cannot list the connections: %s", strerror(-r));
	else
		track_sweep_end(a->track, clock_mono_ns());
}

static void nothing(void *arg, enum rt_unparsed cause, uint64_t n)
{
	(void)arg, (void)cause, (void)n;
}

struct expired_owner {
	struct agent *agent;
	uint32_t owner;
};

static void on_expired_records(void *arg, const struct rt_kafka_records *rec)
{
	struct expired_owner *o = arg;
	uint32_t tgid = o->owner & ~KAFKA_OWNER_SERVER;
	struct red_who who = {procs_service(o->agent->procs, tgid), INTERN_UNKNOWN,
			      o->owner & KAFKA_OWNER_SERVER ? RT_ROLE_SERVER : RT_ROLE_CLIENT};

	red_records(o->agent->red, &who, rec);
}

/* Batches that were not repeated in time have failed, whether or not their producer still talks. */
static void expire_kafka(struct agent *a, uint64_t now_ns)
{
	struct expired_owner o = {a, 0};
	struct rt_sink sink = {.arg = &o, .records = on_expired_records, .unparsed = nothing};

	while (kafka_world_due(a->env.kafka, now_ns, &o.owner))
		kafka_world_expire(a->env.kafka, now_ns, o.owner, &sink);
	if (now_ns > REGISTRY_EXPIRE_NS)
		kafka_world_sweep(a->env.kafka, now_ns - REGISTRY_EXPIRE_NS);
}

static uint32_t service_of(void *arg, uint32_t tgid)
{
	struct agent *a = arg;

	return procs_service(a->procs, tgid);
}

static void on_lag(void *arg, const struct kafka_lag *lag)
{
	struct agent *a = arg;

	red_lag(a->red, lag);
}

static void update_lags(struct agent *a)
{
	const struct kafka_lag_ops ops = {a, service_of, on_lag};

	red_lag_begin(a->red);
	kafka_world_lags(a->env.kafka, clock_mono_ns(), &ops);
	red_lag_end(a->red);
}

/* What redtap has cost since the start, its programs in the kernel included. */
static uint64_t used_ns(const struct agent *a)
{
	uint64_t ns[RT_PROGRAM_MAX], sum = clock_process_ns();

	capture_run_times(a->capture, ns);
	for (int i = 0; i < RT_PROGRAM_MAX; i++)
		sum += ns[i];
	return sum;
}

static void keep_budget(struct agent *a, uint64_t now_ns)
{
	uint32_t sample;
	int turn;

	turn = budget_tick(&a->budget, now_ns, used_ns(a));
	if (!turn)
		return;
	sample = budget_sample(&a->budget);
	capture_policy(a->capture, budget_small(&a->budget), sample);
	track_sample(a->track, sample);
	log_info("budget: %.2f CPUs in use, %.2f allowed; %s: %s captures, one connection in %u",
		 a->budget.used, a->budget.bound, turn < 0 ? "seeing less" : "seeing more",
		 budget_small(&a->budget) ? "small" : "full", RT_SAMPLE_ALL / sample);
}

void agent_set_budget(struct agent *a)
{
	budget_set(&a->budget, (double)a->config->budget_cpu / 1000,
		   (uint32_t)sysconf(_SC_NPROCESSORS_ONLN));
}

/* A lost exec record would leave a process under its parent's name for good. */
static void find_lost_procs(struct agent *a)
{
	uint64_t stats[RT_STAT_MAX];

	capture_stats(a->capture, stats);
	if (stats[RT_STAT_LOST_PROC] == a->lost_procs)
		return;
	a->lost_procs = stats[RT_STAT_LOST_PROC];
	procs_doubt(a->procs);
	track_forget_names(a->track);
}

/* Which sockets are new: again when it is not known, and before too many inodes were numbered. */
static void keep_primed(struct agent *a, uint64_t now_ns)
{
	uint64_t pause = capture_primed(a->capture) ? PRIMED_NS : PRIME_AGAIN_NS;

	if (now_ns - a->primed_ns < pause)
		return;
	a->primed_ns = now_ns;
	capture_prime(a->capture);
}

void agent_every_second(struct agent *a, uint64_t now_ns)
{
	a->second_ns = now_ns + CLOCK_NS_PER_SECOND;
	keep_primed(a, now_ns);
	if (pace_due(&a->pace, capture_read_bytes(a->capture)))
		sweep(a);
	track_renew_sessions(a->track, false);
	find_lost_procs(a);
	procs_tick(a->procs, now_ns);
	registry_tick(a->registry, now_ns);
	red_tick(a->red);
	expire_kafka(a, now_ns);
	update_lags(a);
	a->wall_offset_ns = clock_wall_offset_ns();
	keep_budget(a, now_ns);
}

static void update_programs(struct agent *a)
{
	static const char *const names[] = {
#define X(id, name) name,
		RT_PROGRAMS(X)
#undef X
	};
	uint64_t ns[RT_PROGRAM_MAX];

	capture_run_times(a->capture, ns);
	for (int i = 0; i < RT_PROGRAM_MAX; i++)
		a->programs[i] = (struct self_program){names[i], ns[i]};
	a->sample.programs = a->programs;
	a->sample.programs_len = RT_PROGRAM_MAX;
}

void agent_update_self(struct agent *a)
{
	struct track_stats ts;
	uint64_t forgotten;

	update_programs(a);
	a->sample.budget = (struct self_budget){
		.overhead = a->budget.used / (double)sysconf(_SC_NPROCESSORS_ONLN),
		.sampling = (double)budget_sample(&a->budget) / RT_SAMPLE_ALL,
		.step = a->budget.step,
		.steps_down = a->budget.steps_down,
		.steps_up = a->budget.steps_up,
	};
	capture_stats(a->capture, a->sample.stats);
	a->sample.read_bytes = capture_read_bytes(a->capture);
	capture_memory(a->capture, &a->sample.ring_bytes, &a->sample.map_bytes);
	forgotten = kafka_world_topics_forgotten(a->env.kafka);
	a->sample.unparsed[RT_PROTO_KAFKA][RT_UNPARSED_LIMIT] += forgotten - a->topics_forgotten;
	a->topics_forgotten = forgotten;
	track_stats(a->track, &ts);
	memcpy(a->sample.gap_bytes, ts.gap_bytes, sizeof(ts.gap_bytes));
	a->sample.lost[SELF_LOST_CONNS] = ts.conns_refused;
	a->sample.lost[SELF_LOST_HELD] = ts.hold_refused;
	a->sample.lost[SELF_LOST_PROCS] = procs_refused(a->procs);
	a->sample.lost[SELF_LOST_CARRY] = ts.carry_refused;
	a->sample.lost[SELF_LOST_MALFORMED] = capture_malformed(a->capture);
	a->sample.lost[SELF_LOST_RECURSION] = capture_recursion_misses(a->capture);
	for (int p = 0; p < RT_PROTO_MAX; p++)
		for (int r = 0; r < SELF_ROLES; r++)
			a->sample.connections[p][r] = (uint32_t)ts.by_kind[p][r];
	red_stats(a->red, &a->sample.red);
	self_update(a->self, &a->sample);
}

void agent_refresh(struct agent *a)
{
	uint64_t asked, drop;

	if (read(a->scrape_fd, &drop, sizeof(drop)) < 0 && errno != EAGAIN)
		log_warn("reading the scrape event: %s", strerror(errno));
	pthread_mutex_lock(&a->refresh_lock);
	asked = a->refresh_asked;
	pthread_mutex_unlock(&a->refresh_lock);
	agent_intake(a);
	sweep(a); /* the kernel writes out what waits for a next record */
	for (int i = 0; i < REFRESH_PASSES; i++)
		agent_intake(a);
	registry_tick(a->registry, clock_mono_ns());
	update_lags(a);
	agent_update_self(a);
	pthread_mutex_lock(&a->refresh_lock);
	a->refresh_served = asked;
	pthread_cond_broadcast(&a->refresh_done);
	pthread_mutex_unlock(&a->refresh_lock);
}

/* On the server's thread. */
int agent_render(void *arg, enum expose_format format, struct buf *out)
{
	struct agent *a = arg;
	struct timespec until;
	uint64_t mine, one = 1;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += REFRESH_WAIT_NS / CLOCK_NS_PER_SECOND;
	pthread_mutex_lock(&a->refresh_lock);
	mine = ++a->refresh_asked;
	if (write(a->scrape_fd, &one, sizeof(one)) != sizeof(one))
		log_warn("asking for a refresh: %s", strerror(errno));
	/* Late figures are better than none: after the time-out the page shows what there is. */
	while (a->refresh_served < mine &&
	       pthread_cond_timedwait(&a->refresh_done, &a->refresh_lock, &until) == 0)
		;
	pthread_mutex_unlock(&a->refresh_lock);
	return expose(a->registry, format, out);
}
