// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/procfs_impl.h"

#define NET_LISTEN 0x0a /* TCP_LISTEN, include/net/tcp_states.h */

/*
 * One table of the process's network namespace. The kernel lists the listening sockets first, so
 * reading ends at the first line of another state, however many connections follow.
 */
static int net_read(int dir, const char *name, struct net_listener *out, int count)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	char line[512];
	size_t bytes = 0;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return count;
	}
	while (count < PROCFS_LISTENERS_MAX && bytes < PROCFS_NET_BYTES &&
	       fgets(line, sizeof(line), file)) {
		unsigned int port, state;
		unsigned long long inode;

		bytes += strlen(line);
		/* sl local rem st tx:rx tr:when retrnsmt uid timeout inode */
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %llu", &port,
			   &state, &inode) != 3)
			continue; /* the heading */
		if (state != NET_LISTEN)
			break;
		out[count++] = (struct net_listener){inode, (uint16_t)port};
	}
	fclose(file);
	return count;
}

static int net_add(uint16_t port, uint16_t *ports, int n, int max)
{
	for (int i = 0; i < n; i++)
		if (ports[i] == port)
			return n;
	if (n < max)
		ports[n++] = port;
	return n;
}

static int net_match(int dir, const struct net_listener *listeners, int count, uint16_t *ports,
		     int max)
{
	int fd = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *fds = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!fds) {
		n = errno == ENOENT ? -ESRCH : -errno;
		if (fd >= 0)
			close(fd);
		return n;
	}
	for (int looked = 0; looked < PROCFS_FDS_MAX && (entry = readdir(fds)); looked++) {
		char link[64];
		unsigned long long inode;
		ssize_t len = readlinkat(dirfd(fds), entry->d_name, link, sizeof(link) - 1);

		if (len <= 0)
			continue;
		link[len] = '\0';
		if (sscanf(link, "socket:[%llu]", &inode) != 1)
			continue;
		for (int i = 0; i < count; i++)
			if (listeners[i].inode == inode)
				n = net_add(listeners[i].port, ports, n, max);
	}
	closedir(fds);
	return n;
}

/* The inode of the process's network namespace; 0: not known. */
static uint64_t net_namespace(int dir)
{
	unsigned long long inode;
	char link[64];
	ssize_t len = readlinkat(dir, "ns/net", link, sizeof(link) - 1);

	if (len <= 0)
		return 0;
	link[len] = '\0';
	return sscanf(link, "net:[%llu]", &inode) == 1 ? inode : 0;
}

/*
 * The listeners that the process's namespace has, into fs->kept. The tables are read anew unless
 * they are kept and the namespace's: behind the listeners the kernel walks its whole table of
 * connections to fill the reader's buffer, milliseconds for each process that is asked about.
 */
static int net_listeners(struct procfs *fs, int dir)
{
	uint64_t net = fs->keeps ? net_namespace(dir) : 0;

	if (net && net == fs->kept_net)
		return 0;
	if (!fs->kept)
		fs->kept = malloc(PROCFS_LISTENERS_MAX * sizeof(*fs->kept));
	if (!fs->kept)
		return -ENOMEM;
	fs->kept_count = net_read(dir, "net/tcp", fs->kept, 0);
	fs->kept_count = net_read(dir, "net/tcp6", fs->kept, fs->kept_count);
	fs->kept_net = net;
	return 0;
}

void procfs_net_keep(struct procfs *fs, bool keeps)
{
	fs->keeps = keeps;
	fs->kept_net = 0;
}

int procfs_listening(struct procfs *fs, uint32_t tgid, uint16_t *ports, int max)
{
	int dir = procfs_open_dir(fs, tgid), n;

	if (dir < 0)
		return dir;
	n = net_listeners(fs, dir);
	if (!n)
		n = net_match(dir, fs->kept, fs->kept_count, ports, max);
	close(dir);
	return n;
}
