/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns every module: their start and stop in order, and the intake loop. The only file that sees
 * all of them.
 */
#ifndef REDTAP_AGENT_H
#define REDTAP_AGENT_H

#include "config/config.h"

struct agent;

/*
 * Starts everything. Each failure is said in one sentence on standard error; the return value is a
 * negative errno. `argc`, `argv` are kept for SIGHUP and outlive the agent, as does `config`.
 */
int agent_start(const struct config *config, int argc, char **argv, struct agent **out);

/* Runs until SIGTERM or SIGINT. 0, or a negative errno that was logged. */
int agent_run(struct agent *a);

void agent_stop(struct agent *a); /* accepts NULL */

#endif
