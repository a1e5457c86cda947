// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/package.h"
#include "capture/procfs_impl.h"

#define PACKAGE_DEPTH_MAX 32

/*
 * Opens a regular file below the process's root. The path is the process's choice and redtap is
 * root: links must not lead out (RESOLVE_IN_ROOT, openat2(2)), and nothing but a regular file may
 * be opened, as opening a FIFO or a device can block or act.
 */
static int package_open(int root, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	char self[64];
	struct stat st;
	int fd, file = -1;

	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		file = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	close(fd);
	return file < 0 ? -ENOENT : file;
}

/* The name in PATH/package.json; 0: the file is there without one, -errno: no such file. */
static int package_at(struct procfs *fs, int root, const char *path,
		      char out[SERVICE_NAME_BYTES + 1])
{
	int fd = package_open(root, path);
	struct slice name;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, fs->scratch, PROCFS_PACKAGE_BYTES);
	close(fd);
	name = package_name(slice_make(fs->scratch, n > 0 ? (size_t)n : 0));
	if (name.n == 0 || name.n > SERVICE_NAME_BYTES)
		return 0;
	memcpy(out, name.p, name.n);
	out[name.n] = '\0';
	return (int)name.n;
}

/* The script's directory as an absolute path without a last slash; -ENOENT: none. */
static ssize_t package_start(struct slice script, struct slice cwd, char *path, size_t path_bytes)
{
	static const char modules[] = "/node_modules/";
	const char *at;
	int n;

	if (script.p[0] == '/')
		n = snprintf(path, path_bytes, "%.*s", (int)script.n, (const char *)script.p);
	else
		n = snprintf(path, path_bytes, "%.*s/%.*s", (int)cwd.n, (const char *)cwd.p,
			     (int)script.n, (const char *)script.p);
	if (n <= 0 || (size_t)n >= path_bytes || path[0] != '/')
		return -ENOENT;
	/* A tool out of node_modules serves the project it is installed in. */
	at = strstr(path, modules);
	return (at ? at : strrchr(path, '/')) - path;
}

size_t procfs_package(struct procfs *fs, uint32_t tgid, struct slice script, struct slice cwd,
		      char out[SERVICE_NAME_BYTES + 1])
{
	char path[PROCFS_PATH_BYTES + sizeof("/package.json")];
	int dir, root, r = -ENOENT;
	ssize_t n;

	if (script.n == 0 || script.n > PROCFS_PATH_BYTES || cwd.n > PROCFS_PATH_BYTES)
		return 0;
	n = package_start(script, cwd, path, PROCFS_PATH_BYTES);
	dir = n < 0 ? -1 : procfs_open_dir(fs, tgid);
	if (dir < 0)
		return 0;
	root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	close(dir);
	if (root < 0)
		return 0;
	for (int depth = 0; depth < PACKAGE_DEPTH_MAX && r <= 0; depth++) {
		const char *slash;

		memcpy(path + n, "/package.json", sizeof("/package.json"));
		r = package_at(fs, root, path, out);
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (!slash)
			break;
		n = slash - path;
	}
	close(root);
	return r > 0 ? (size_t)r : 0;
}
