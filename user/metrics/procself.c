// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics/procself.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000ull

/* Reads a small file whole, NUL-terminated. */
static int read_small(const char *path, char *text, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 0;

	if (fd < 0)
		return -errno;
	while (n < bytes - 1 && (got = read(fd, text + n, bytes - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(fd);
	return got < 0 ? -EIO : 0;
}

/* The boot time in seconds since the epoch (`btime` of /proc/stat, behind lines as long as the host
 * has CPUs and interrupts). */
static int boot_seconds(uint64_t *out)
{
	FILE *f = fopen("/proc/stat", "re");
	char *line = NULL;
	size_t bytes = 0;
	int r = -EINVAL;

	if (!f)
		return -errno;
	while (r && getline(&line, &bytes, f) > 0)
		if (sscanf(line, "btime %" SCNu64, out) == 1)
			r = 0;
	free(line);
	fclose(f);
	return r;
}

static int count_fds(uint64_t *out)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	uint64_t n = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			n++;
	closedir(dir);
	*out = n - 1; /* the directory itself was open */
	return 0;
}

/* The fields of /proc/self/stat that are wanted; the start in ticks since boot. */
static int read_stat(struct procself *p, uint64_t *start_ticks)
{
	uint64_t user, system, resident, page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[1024], *at;
	int r = read_small("/proc/self/stat", text, sizeof(text));

	if (r)
		return r;
	/* The name, field 2, may hold anything; what follows starts behind its last bracket. */
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1,
			  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
			  " %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64 " %" SCNu64,
			  &user, &system, start_ticks, &p->virtual_bytes, &resident) != 5)
		return -EINVAL;
	p->cpu_ns = (user + system) * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
	p->resident_bytes = resident * page;
	return 0;
}

int procself_read(struct procself *out)
{
	struct procself p = {0};
	struct rlimit limit;
	uint64_t start;
	int r = read_stat(&p, &start);

	if (!r)
		r = count_fds(&p.open_fds);
	if (r)
		return r;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	p.max_fds = limit.rlim_cur;
	*out = p;
	return 0;
}

int procself_start(double *out_seconds)
{
	struct procself p = {0};
	uint64_t boot = 0, start;
	int r = read_stat(&p, &start);

	if (!r)
		r = boot_seconds(&boot);
	if (!r)
		*out_seconds = (double)boot + (double)start / (double)sysconf(_SC_CLK_TCK);
	return r;
}
