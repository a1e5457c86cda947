/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of procfs: what procfs.c, procfs_net.c and procfs_package.c share. */
#ifndef REDTAP_CAPTURE_PROCFS_IMPL_H
#define REDTAP_CAPTURE_PROCFS_IMPL_H

#include <sys/types.h>

#include "capture/procfs.h"

struct net_listener {
	uint64_t inode;
	uint16_t port;
};

struct procfs {
	int fd;
	bool keeps;        /* procfs_net_keep() */
	uint64_t kept_net; /* the namespace whose listeners are kept; 0: none */
	int kept_count;
	struct net_listener *kept; /* PROCFS_LISTENERS_MAX, or NULL */
	uint64_t tick_ns;
	char *scratch; /* PROCFS_ENV_BYTES */
};

/* The process's directory, to be closed; -ESRCH, -EMFILE ... */
int procfs_open_dir(struct procfs *fs, uint32_t tgid);

/* Up to out_bytes of the file, no NUL added; -errno. */
ssize_t procfs_read_file(int dir, const char *name, char *out, size_t out_bytes);

#endif
