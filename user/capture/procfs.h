/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc knows of processes that are older than redtap; younger ones are told by the kernel at
 * exec. A process may vanish between any two reads: then -ESRCH, and nothing is written. One
 * process is read through one directory handle, so its parts never come from two processes that
 * had the same number. Source: proc(5). One thread per struct procfs.
 */
#ifndef REDTAP_CAPTURE_PROCFS_H
#define REDTAP_CAPTURE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "names/service.h"

#define PROCFS_PATH_BYTES    4096
#define PROCFS_ARGS_BYTES    65536  /* a Java class path alone may be 10 KB and more */
#define PROCFS_ENV_BYTES     262144 /* of the environment that are looked through */
#define PROCFS_VALUE_BYTES   512    /* as RT_EXEC_ENV_BYTES */
#define PROCFS_NET_BYTES     65536  /* of a table of listening sockets: about 430 of them */
#define PROCFS_FDS_MAX       65536  /* descriptors of one process that are looked at */
#define PROCFS_LISTENERS_MAX 512
#define PROCFS_PACKAGE_BYTES 65536 /* of a package.json */

struct procfs;

/* One process. About 80 KiB: keep one and use it again. Strings are NUL-terminated; one that did
 * not fit is cut. */
struct procfs_proc {
	uint32_t tgid;
	uint32_t ppid;
	uint64_t start_ns; /* CLOCK_BOOTTIME, in steps of a clock tick (10 ms) */
	char comm[64];
	char exe[PROCFS_PATH_BYTES]; /* may end in " (deleted)"; empty when not permitted */
	char cwd[PROCFS_PATH_BYTES];
	char cgroup[PROCFS_PATH_BYTES]; /* version 2, else version 1's name=systemd; may be empty */
	char otel_service_name[PROCFS_VALUE_BYTES];
	char otel_resource_attributes[PROCFS_VALUE_BYTES];
	char package[SERVICE_NAME_BYTES + 1]; /* Node: procfs_package(); procfs_read() does it */
	size_t args_bytes;
	char args[PROCFS_ARGS_BYTES]; /* NUL-separated */
};

/* `root`: normally "/proc". *out is to be given back by procfs_close(). -ENOENT, -ENOMEM ... */
int procfs_open(const char *root, struct procfs **out);
void procfs_close(struct procfs *fs);

/*
 * Reads one process. -ESRCH: there is none of that number (any more), or a zombie; -ENOEXEC: it is
 * a kernel thread; -ENOMEM, -EMFILE. What is not permitted stays empty.
 */
int procfs_read(struct procfs *fs, uint32_t tgid, struct procfs_proc *out);

/*
 * Calls each() for every process but kernel threads and zombies; `proc` is valid during the call.
 * Ends early when it returns other than 0, and returns that. Else 0, or -errno when /proc itself
 * cannot be read.
 */
int procfs_each(struct procfs *fs, int (*each)(void *arg, const struct procfs_proc *proc),
		void *arg);

/*
 * The name in the nearest package.json above a Node script that has one, as the process sees the
 * file system (its root, no way out by links). script: service_script(); cwd: for a relative one.
 * Returns the name's bytes, 0 when there is none. Reads regular files only.
 */
size_t procfs_package(struct procfs *fs, uint32_t tgid, struct slice script, struct slice cwd,
		      char out[SERVICE_NAME_BYTES + 1]);

/*
 * TCP ports the process listens on, each once, in no order; up to `max`. Returns how many, or
 * -ESRCH. Costs one readlink per descriptor: only for processes that a rule asks it of.
 */
int procfs_listening(struct procfs *fs, uint32_t tgid, uint16_t *ports, int max);

/* While on, each network namespace's listeners are read only once: for a look at many processes. */
void procfs_net_keep(struct procfs *fs, bool keeps);

/* What service_name() wants of the process; borrows from it. Rule, container and unit stay empty.
 */
struct service_input procfs_service_input(const struct procfs_proc *proc);

#endif
