// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics/self.h"

#include <stdlib.h>

#include "metrics/procself.h"

enum self_family {
	SELF_EVENTS,
	SELF_EVENTS_BYTES,
	SELF_LOST,
	SELF_IGNORED,
	SELF_CAPTURE,
	SELF_GAPS,
	SELF_UNPARSED,
	SELF_BATCHED,
	SELF_NEGATIVE,
	SELF_SERIES_FOLDED,
	SELF_NAMES_FOLDED,
	SELF_ENDPOINTS_FOLDED,
	SELF_CONNECTIONS,
	SELF_SERIES,
	SELF_NAMES,
	SELF_RING,
	SELF_MAPS,
	SELF_RUN,
	SELF_OVERHEAD,
	SELF_STEP,
	SELF_STEPS,
	SELF_SAMPLING,
	SELF_INFO,
	SELF_CPU,
	SELF_RSS,
	SELF_VSZ,
	SELF_FDS,
	SELF_FDS_MAX,
	SELF_START,
	SELF_FAMILIES,
};

struct self {
	struct registry *registry;
	struct intern *names;
	struct family *families[SELF_FAMILIES];
};

#define COUNTER METRIC_COUNTER, FAMILY_PINNED, 0
#define SECONDS METRIC_COUNTER, FAMILY_PINNED | FAMILY_SECONDS, 0
#define GAUGE   METRIC_GAUGE, FAMILY_PINNED, 0

static const struct family_desc self_families[SELF_FAMILIES] = {
	[SELF_EVENTS] = {"redtap_events_total",
			 "Writes to the event queues, each of the records of one or more calls.",
			 {0},
			 COUNTER},
	[SELF_EVENTS_BYTES] = {"redtap_events_bytes_total", "Bytes of them.", {0}, COUNTER},
	[SELF_LOST] = {"redtap_events_lost_total", "What was lost, by cause.", {"cause"}, COUNTER},
	[SELF_IGNORED] = {"redtap_connections_ignored_total",
			  "Connections left alone for good, by cause.",
			  {"cause"},
			  COUNTER},
	[SELF_CAPTURE] = {"redtap_capture_total",
			  "What the kernel half met, by kind.",
			  {"kind"},
			  COUNTER},
	[SELF_GAPS] = {"redtap_gap_bytes_total",
		       "Bytes of followed connections not captured, by cause.",
		       {"cause"},
		       COUNTER},
	[SELF_UNPARSED] = {"redtap_unparsed_total",
			   "What the parsers could not use, by cause.",
			   {"protocol", "cause"},
			   COUNTER},
	[SELF_BATCHED] = {"redtap_batched_statements_total",
			  "Statements that shared their ReadyForQuery with others.",
			  {0},
			  COUNTER},
	[SELF_NEGATIVE] = {"redtap_negative_durations_total",
			   "Durations below 0, counted as 0.",
			   {0},
			   COUNTER},
	[SELF_SERIES_FOLDED] = {"redtap_series_folded_total",
				"Updates booked under other for want of series.",
				{0},
				COUNTER},
	[SELF_NAMES_FOLDED] = {"redtap_names_folded_total",
			       "Names booked as other for want of room.",
			       {0},
			       COUNTER},
	[SELF_ENDPOINTS_FOLDED] = {"redtap_endpoints_folded_total",
				   "HTTP requests booked as other past the endpoints of a service.",
				   {0},
				   COUNTER},
	[SELF_CONNECTIONS] = {"redtap_connections",
			      "Connections followed now.",
			      {"protocol", "role"},
			      GAUGE},
	[SELF_SERIES] = {"redtap_series", "Series held; a histogram is one.", {0}, GAUGE},
	[SELF_NAMES] = {"redtap_names", "Label values held.", {0}, GAUGE},
	[SELF_RING] = {"redtap_ring_bytes", "Memory of the event queues.", {0}, GAUGE},
	[SELF_MAPS] = {"redtap_map_bytes",
		       "Memory of the BPF maps without the event queues, the state of connections "
		       "included.",
		       {0},
		       GAUGE},
	[SELF_RUN] = {"redtap_bpf_run_seconds_total",
		      "Time in BPF programs, from samples.",
		      {"program"},
		      SECONDS},
	[SELF_OVERHEAD] = {"redtap_overhead_ratio",
			   "CPU that redtap costs, in the kernel too, of the whole host's.",
			   {0},
			   GAUGE},
	[SELF_STEP] = {"redtap_budget_step",
		       "0: sees all; 1: small captures; from 2 on a sample of the connections.",
		       {0},
		       GAUGE},
	[SELF_STEPS] = {"redtap_budget_steps_total",
			"Changes of redtap_budget_step: down to less cost, or back up.",
			{"direction"},
			COUNTER},
	[SELF_SAMPLING] = {"redtap_sampling_ratio",
			   "Share of the connections that is looked at; divide rates by it.",
			   {0},
			   GAUGE},
	[SELF_INFO] = {"redtap_build_info",
		       "Always 1; the labels tell.",
		       {"version", "capture", "kernel", "send_stamp"},
		       GAUGE},
	[SELF_CPU] = {"process_cpu_seconds_total",
		      "User and system CPU time of redtap.",
		      {0},
		      SECONDS},
	[SELF_RSS] = {"process_resident_memory_bytes", "Resident memory of redtap.", {0}, GAUGE},
	[SELF_VSZ] = {"process_virtual_memory_bytes", "Virtual memory of redtap.", {0}, GAUGE},
	[SELF_FDS] = {"process_open_fds", "Open file descriptors of redtap.", {0}, GAUGE},
	[SELF_FDS_MAX] = {"process_max_fds", "File descriptors redtap may open.", {0}, GAUGE},
	[SELF_START] = {"process_start_time_seconds",
			"Start of redtap since the epoch.",
			{0},
			GAUGE},
};

/* By family of counters, each kernel counter's label. */
enum self_stat_metric {
	STAT_EVENTS = SELF_EVENTS,
	STAT_LOST = SELF_LOST,
	STAT_OTHER = SELF_CAPTURE,
	STAT_IGNORED = SELF_IGNORED,
};

static const struct {
	enum self_stat_metric family;
	const char *cause;
} self_stats[RT_STAT_MAX] = {
#define X(id, metric, cause, help) [RT_STAT_##id] = {STAT_##metric, cause},
	RT_STATS(X)
#undef X
};

static const char *const self_lost[SELF_LOST_MAX] = {"conns_max",   "held_events", "procs_max",
						     "carry_bytes", "malformed",   "recursion"};
static const char *const self_gaps[] = {"",         "limit",    "skipped", "unseen",
					"sendfile", "io_uring", "compat",  "fault",
					"syscall",  "lost",     "sampled"};
static const char *const self_protocols[] = {"unknown", "http", "postgres", "kafka", "ignored"};
static const char *const self_roles[] = {"unknown", "client", "server"};
static const char *const self_unparsed[] = {"gap",   "malformed", "version",
					    "limit", "orphan",    "abandoned"};
_Static_assert(sizeof(self_gaps) / sizeof(*self_gaps) == RT_GAP_MAX, "a name per cause");
_Static_assert(sizeof(self_protocols) / sizeof(*self_protocols) == RT_PROTO_MAX, "a name each");
_Static_assert(sizeof(self_roles) / sizeof(*self_roles) == SELF_ROLES, "a name each");
_Static_assert(sizeof(self_unparsed) / sizeof(*self_unparsed) == RT_UNPARSED_MAX, "a name each");

/* The series of a family with up to two labels. */
static struct series *find(struct self *self, enum self_family family, const char *a, const char *b)
{
	uint32_t ids[2] = {intern_put(self->names, slice_str(a)),
			   intern_put(self->names, slice_str(b))};

	return registry_series(self->registry, self->families[family], ids);
}

static void total(struct self *self, enum self_family family, const char *a, const char *b,
		  uint64_t v)
{
	series_set_total(self->registry, find(self, family, a, b), v);
}

static void gauge(struct self *self, enum self_family family, double v)
{
	series_set(self->registry, find(self, family, "", ""), v);
}

static void update_causes(struct self *self, const struct self_sample *sample)
{
	for (int i = 0; i < RT_STAT_MAX; i++)
		total(self, (enum self_family)self_stats[i].family,
		      self_stats[i].family == STAT_EVENTS ? "" : self_stats[i].cause, "",
		      sample->stats[i]);
	for (int i = 0; i < SELF_LOST_MAX; i++)
		total(self, SELF_LOST, self_lost[i], "", sample->lost[i]);
	for (int i = RT_GAP_NONE + 1; i < RT_GAP_MAX; i++)
		total(self, SELF_GAPS, self_gaps[i], "", sample->gap_bytes[i]);
	for (uint32_t i = 0; i < sample->programs_len && i < SELF_PROGRAMS; i++)
		total(self, SELF_RUN, sample->programs[i].name, "", sample->programs[i].run_ns);
}

static void update_protocols(struct self *self, const struct self_sample *sample)
{
	for (int p = 0; p < RT_PROTO_MAX; p++) {
		for (int i = 0; i < RT_UNPARSED_MAX; i++)
			if (p != RT_PROTO_UNKNOWN && p != RT_PROTO_IGNORED)
				total(self, SELF_UNPARSED, self_protocols[p], self_unparsed[i],
				      sample->unparsed[p][i]);
		for (int i = 0; i < SELF_ROLES; i++)
			series_set(self->registry,
				   find(self, SELF_CONNECTIONS, self_protocols[p], self_roles[i]),
				   sample->connections[p][i]);
	}
}

static void update_process(struct self *self)
{
	struct procself p;

	/* Without /proc the families stay as they were: absent, or at the last known value. */
	if (procself_read(&p))
		return;
	total(self, SELF_CPU, "", "", p.cpu_ns);
	gauge(self, SELF_RSS, (double)p.resident_bytes);
	gauge(self, SELF_VSZ, (double)p.virtual_bytes);
	gauge(self, SELF_FDS, (double)p.open_fds);
	gauge(self, SELF_FDS_MAX, (double)p.max_fds);
}

void self_update(struct self *self, const struct self_sample *sample)
{
	update_causes(self, sample);
	update_protocols(self, sample);
	update_process(self);
	total(self, SELF_BATCHED, "", "", sample->red.batched_statements);
	total(self, SELF_NEGATIVE, "", "", sample->red.negative_durations);
	total(self, SELF_ENDPOINTS_FOLDED, "", "", sample->red.endpoints_folded);
	total(self, SELF_SERIES_FOLDED, "", "", registry_folds(self->registry));
	total(self, SELF_NAMES_FOLDED, "", "", intern_overflows(self->names));
	gauge(self, SELF_SERIES, registry_count(self->registry));
	gauge(self, SELF_NAMES, intern_count(self->names));
	gauge(self, SELF_RING, (double)sample->ring_bytes);
	gauge(self, SELF_MAPS, (double)sample->map_bytes);
	total(self, SELF_EVENTS_BYTES, "", "", sample->read_bytes);
	gauge(self, SELF_OVERHEAD, sample->budget.overhead);
	gauge(self, SELF_STEP, sample->budget.step);
	gauge(self, SELF_SAMPLING, sample->budget.sampling);
	total(self, SELF_STEPS, "down", "", sample->budget.steps_down);
	total(self, SELF_STEPS, "up", "", sample->budget.steps_up);
}

struct self *self_new(struct registry *registry, struct intern *names, const struct self_info *info)
{
	const struct self_sample zero = {0};
	struct self *self = calloc(1, sizeof(*self));
	double start_seconds;
	uint32_t ids[4];

	if (!self)
		return NULL;
	self->registry = registry;
	self->names = names;
	for (int i = 0; i < SELF_FAMILIES; i++) {
		self->families[i] = registry_family(registry, &self_families[i]);
		if (!self->families[i]) {
			self_free(self);
			return NULL;
		}
	}
	ids[0] = intern_put(names, slice_str(info->version));
	ids[1] = intern_put(names, slice_str(info->capture));
	ids[2] = intern_put(names, slice_str(info->kernel));
	ids[3] = intern_put(names, slice_str(info->send_stamp));
	series_set(registry, registry_series(registry, self->families[SELF_INFO], ids), 1);
	if (!procself_start(&start_seconds))
		gauge(self, SELF_START, start_seconds);
	self_update(self, &zero);
	return self;
}

void self_free(struct self *self)
{
	free(self);
}
