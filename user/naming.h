/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at the two ends of a connection: its service, and its peer by name. Worked out once per
 * connection; a peer that may still turn out to be on this host is asked again. One thread.
 */
#ifndef REDTAP_NAMING_H
#define REDTAP_NAMING_H

#include "config/config.h"
#include "metrics/red.h"
#include "procs.h"
#include "track/track.h"

struct naming;

/* Everything is borrowed. NULL: no memory. */
struct naming *naming_new(const struct config *config, struct intern *names, struct procs *procs);
void naming_free(struct naming *n);

void naming_reload(struct naming *n, const struct config *config);

struct red_who naming_who(struct naming *n, const struct track *track, struct conn *c);

#endif
