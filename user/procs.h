/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's processes, as far as redtap needs them: whether one is traced, and what its service is
 * called. Processes older than redtap come from /proc, younger ones from the kernel's records; a
 * name is worked out when a process first has something to say. One thread (the intake).
 */
#ifndef REDTAP_PROCS_H
#define REDTAP_PROCS_H

#include "base/intern.h"
#include "capture/capture.h"
#include "config/config.h"

struct procs;

/* `capture` NULL: nothing is selected in the kernel (tests). -ENOENT: no /proc; -ENOMEM. */
int procs_new(const struct config *config, struct intern *names, struct capture *capture,
	      struct procs **out);
void procs_free(struct procs *p);

/* Reads /proc: selects what the rules say. What was selected first may have much to say before the
 * last is: between() is called behind every process. */
int procs_scan(struct procs *p, void (*between)(void *arg), void *arg);

/*
 * Follows another configuration: selects anew and forgets names. `config` is borrowed from then.
 * Reads /proc as procs_scan() does if ever a process found the table full.
 */
int procs_reload(struct procs *p, const struct config *config, void (*between)(void *arg),
		 void *arg);

/* RT_REC_EXEC, RT_REC_FORK, RT_REC_EXIT. */
void procs_record(struct procs *p, const struct rt_rec *rec);

/* The interned service of a process; INTERN_UNKNOWN when it is gone and was never seen. */
uint32_t procs_service(struct procs *p, uint32_t tgid);

/*
 * Whether it is sure what the process runs: from its exec record, or from /proc. A process that is
 * gone already and not sure has a record on its way in another queue, or is its parent's copy.
 */
bool procs_known(struct procs *p, uint32_t tgid);

/* Whether a connection of the process is to be followed, by the port rules. */
bool procs_selects_conn(struct procs *p, uint32_t tgid, uint16_t local_port, uint16_t remote_port);

/* Calls each() with the TCP ports every living process listens on, until it returns other than 0.
 */
void procs_listeners(struct procs *p,
		     int (*each)(void *arg, uint32_t tgid, const uint16_t *ports, int n),
		     void *arg);

/*
 * Records of the kernel were lost, an exec perhaps among them: whoever is known as its parent's
 * copy, or from an older exec, is looked up in /proc anew. The caller forgets the names it keeps.
 */
void procs_doubt(struct procs *p);

/* Forgets processes that ended a while ago. */
void procs_tick(struct procs *p, uint64_t now_ns);

/* Processes that found the table full. */
uint64_t procs_refused(const struct procs *p);

#endif
