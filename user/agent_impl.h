/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent inside: agent.c starts, waits and stops; agent_heard.c takes what the tracker says;
 * agent_intake.c is everything from the queues to the registry. Nobody else includes this.
 */
#ifndef REDTAP_AGENT_IMPL_H
#define REDTAP_AGENT_IMPL_H

#include "agent.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/fifo.h"
#include "budget.h"
#include "capture/capture.h"
#include "metrics/expose.h"
#include "metrics/red.h"
#include "metrics/self.h"
#include "late.h"
#include "naming.h"
#include "pace.h"
#include "procs.h"
#include "seat.h"
#include "proto/kafka.h"
#include "track/track.h"

struct agent {
	const struct config *config;
	struct config reloaded; /* owned; `config` points here after a SIGHUP */
	int argc;
	char **argv;
	int lock_fd, epoll_fd, signal_fd, scrape_fd;
	struct intern *names;
	uint32_t names_max;
	struct rt_env env;
	struct fifo_spares http_spares;
	struct track_ops ops;
	struct track *track;
	struct capture *capture;
	struct procs *procs;
	struct naming *naming;
	struct registry *registry;
	struct red *red;
	struct self *self;
	struct serve *serve;
	struct endpoint_routes **routes; /* by interned service, made on first use */
	struct self_sample sample;
	uint64_t topics_forgotten; /* that `sample` has already */
	struct self_program programs[RT_PROGRAM_MAX];
	struct budget budget;
	struct seat *seat;
	struct late late;
	uint64_t listed;        /* connections, by all sweeps */
	struct pace pace;       /* of sweeps that no scrape asked for */
	uint64_t lost_procs;    /* process records, when last looked at */
	uint64_t primed_ns;     /* the last capture_prime() */
	uint64_t second_ns;     /* when the once-a-second work is due */
	int64_t wall_offset_ns; /* from an event's time to the wall clock's, once a second */
	uint16_t port;          /* of our own listener */
	_Atomic bool ready;
	/* A scrape asks the intake for fresh figures and waits for them. */
	pthread_mutex_t refresh_lock;
	pthread_cond_t refresh_done;
	uint64_t refresh_asked, refresh_served;
};

/* ---- agent_heard.c ---- */

/* What the tracker is to call; `a` outlives it. */
struct track_ops agent_track_ops(struct agent *a);

/* Behind a pass over the queues: records of topics that it has named, or that waited long enough.
 */
void agent_name_late(struct agent *a);

/* red_config.routes */
const struct endpoint_routes *agent_routes(void *arg, uint32_t service);
void agent_forget_routes(struct agent *a);

/* ---- agent_intake.c ---- */

/* One pass over all queues: how many records, or a negative errno. */
int agent_intake(struct agent *a);
void agent_every_second(struct agent *a, uint64_t now_ns);

/* Brings the page up to date for the scrapes that wait. */
void agent_refresh(struct agent *a);
void agent_update_self(struct agent *a);
void agent_set_budget(struct agent *a);

/* serve_config.render, on the server's thread: asks for a refresh and waits for it. */
int agent_render(void *arg, enum expose_format format, struct buf *out);

#endif
