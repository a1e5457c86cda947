// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/procfs_impl.h"

#define PROCFS_KTHREAD 0x00200000u /* PF_KTHREAD, include/linux/sched.h */

int procfs_open(const char *root, struct procfs **out)
{
	struct procfs *fs = calloc(1, sizeof(*fs));
	int r;

	if (!fs)
		return -ENOMEM;
	fs->fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fs->scratch = malloc(PROCFS_ENV_BYTES);
	fs->tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
	if (fs->fd < 0 || !fs->scratch) {
		r = fs->fd < 0 ? -errno : -ENOMEM;
		procfs_close(fs);
		return r;
	}
	*out = fs;
	return 0;
}

void procfs_close(struct procfs *fs)
{
	if (!fs)
		return;
	if (fs->fd >= 0)
		close(fs->fd);
	free(fs->scratch);
	free(fs->kept);
	free(fs);
}

int procfs_open_dir(struct procfs *fs, uint32_t tgid)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%u", tgid);
	fd = openat(fs->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ESRCH : -errno;
	return fd;
}

ssize_t procfs_read_file(int dir, const char *name, char *out, size_t out_bytes)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 0;

	if (fd < 0)
		return -errno;
	while (n < out_bytes) {
		got = read(fd, out + n, out_bytes - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (got < 0 && n == 0) {
		got = -errno;
		close(fd);
		return got;
	}
	close(fd);
	return (ssize_t)n;
}

static void procfs_read_link(int dir, const char *name, char *out, size_t out_bytes)
{
	ssize_t n = readlinkat(dir, name, out, out_bytes - 1);

	out[n > 0 ? n : 0] = '\0';
}

/* /proc/PID/stat: pid (comm) state ppid ... flags is field 9, starttime field 22. */
static int procfs_parse_stat(struct procfs *fs, char *text, struct procfs_proc *out)
{
	char *open = strchr(text, '('), *close_ = strrchr(text, ')');
	unsigned long long start_ticks;
	unsigned int ppid, flags;
	char state;

	if (!open || !close_ || close_ < open)
		return -ESRCH;
	if (sscanf(close_ + 1,
		   " %c %u %*s %*s %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
		   &state, &ppid, &flags, &start_ticks) != 4)
		return -ESRCH;
	if (flags & PROCFS_KTHREAD)
		return -ENOEXEC;
	if (state == 'Z' || state == 'X')
		return -ESRCH;
	*close_ = '\0';
	snprintf(out->comm, sizeof(out->comm), "%s", open + 1);
	out->ppid = ppid;
	out->start_ns = start_ticks * fs->tick_ns;
	return 0;
}

/* Lines `ID:CONTROLLERS:PATH`. Version 2 is `0::`, but on a hybrid host systemd's units are in
 * version 1's named hierarchy, so that one wins when it is there. */
static void procfs_parse_cgroup(char *text, char *out, size_t out_bytes)
{
	char *save = NULL;
	bool named = false;

	out[0] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;
		bool systemd;

		if (!path)
			continue;
		*path++ = '\0';
		systemd = strcmp(controllers + 1, "name=systemd") == 0;
		if (systemd || (!named && controllers[1] == '\0'))
			snprintf(out, out_bytes, "%s", path);
		named = named || systemd;
	}
}

static void procfs_value(char *out, size_t out_bytes, const char *value, size_t n)
{
	if (n >= out_bytes)
		n = out_bytes - 1;
	memcpy(out, value, n);
	out[n] = '\0';
}

static void procfs_parse_environ(const char *text, size_t n, struct procfs_proc *out)
{
	static const char name[] = "OTEL_SERVICE_NAME=";
	static const char attributes[] = "OTEL_RESOURCE_ATTRIBUTES=";

	while (n) {
		size_t len = strnlen(text, n);

		if (len >= sizeof(name) - 1 && !memcmp(text, name, sizeof(name) - 1))
			procfs_value(out->otel_service_name, sizeof(out->otel_service_name),
				     text + sizeof(name) - 1, len - sizeof(name) + 1);
		else if (len >= sizeof(attributes) - 1 &&
			 !memcmp(text, attributes, sizeof(attributes) - 1))
			procfs_value(out->otel_resource_attributes,
				     sizeof(out->otel_resource_attributes),
				     text + sizeof(attributes) - 1, len - sizeof(attributes) + 1);
		len += len < n; /* the NUL */
		text += len;
		n -= len;
	}
}

static int procfs_read_dir(struct procfs *fs, int dir, struct procfs_proc *out)
{
	char stat[1024];
	ssize_t n;
	int r;

	n = procfs_read_file(dir, "stat", stat, sizeof(stat) - 1);
	if (n <= 0)
		return n == -EMFILE || n == -ENFILE || n == -ENOMEM ? (int)n : -ESRCH;
	stat[n] = '\0';
	r = procfs_parse_stat(fs, stat, out);
	if (r)
		return r;
	procfs_read_link(dir, "exe", out->exe, sizeof(out->exe));
	procfs_read_link(dir, "cwd", out->cwd, sizeof(out->cwd));
	n = procfs_read_file(dir, "cmdline", out->args, sizeof(out->args));
	out->args_bytes = n > 0 ? (size_t)n : 0;
	n = procfs_read_file(dir, "cgroup", fs->scratch, PROCFS_PATH_BYTES - 1);
	fs->scratch[n > 0 ? n : 0] = '\0';
	procfs_parse_cgroup(fs->scratch, out->cgroup, sizeof(out->cgroup));
	out->otel_service_name[0] = out->otel_resource_attributes[0] = '\0';
	n = procfs_read_file(dir, "environ", fs->scratch, PROCFS_ENV_BYTES);
	procfs_parse_environ(fs->scratch, n > 0 ? (size_t)n : 0, out);
	/* All above went through one handle; if it still answers, all was of one live process. */
	n = procfs_read_file(dir, "stat", stat, sizeof(stat) - 1);
	return n > 0 ? 0 : -ESRCH;
}

int procfs_read(struct procfs *fs, uint32_t tgid, struct procfs_proc *out)
{
	struct service_input in;
	struct slice script;
	int dir = procfs_open_dir(fs, tgid);
	int r;

	if (dir < 0)
		return dir;
	r = procfs_read_dir(fs, dir, out);
	close(dir);
	if (r)
		return r;
	out->tgid = tgid;
	out->package[0] = '\0';
	in = procfs_service_input(out);
	script = service_script(&in);
	if (script.n)
		procfs_package(fs, tgid, script, in.cwd, out->package);
	return 0;
}

int procfs_each(struct procfs *fs, int (*each)(void *arg, const struct procfs_proc *proc),
		void *arg)
{
	int fd = openat(fs->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct procfs_proc *proc = malloc(sizeof(*proc));
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir || !proc) {
		r = dir ? -ENOMEM : -errno;
		if (!dir && fd >= 0)
			close(fd);
		goto out;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		unsigned long tgid;
		char *end;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		tgid = strtoul(entry->d_name, &end, 10);
		if (*end || tgid > INT32_MAX)
			continue;
		if (procfs_read(fs, (uint32_t)tgid, proc) == 0)
			r = each(arg, proc);
	}
out:
	if (dir)
		closedir(dir);
	free(proc);
	return r;
}

struct service_input procfs_service_input(const struct procfs_proc *proc)
{
	return (struct service_input){
		.otel_service_name = slice_str(proc->otel_service_name),
		.otel_resource_attributes = slice_str(proc->otel_resource_attributes),
		.exe = slice_str(proc->exe),
		.argv = slice_make(proc->args, proc->args_bytes),
		.cwd = slice_str(proc->cwd),
		.package = slice_str(proc->package),
	};
}
