// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/young.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 1024u

static uint32_t next_ino(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st = {0};

	if (fd < 0)
		return 0;
	if (fstat(fd, &st))
		st.st_ino = 0;
	close(fd);
	return (uint32_t)st.st_ino;
}

/* The number before the first of a batch that this CPU has taken just now; 0: it could not. */
static uint32_t new_batch(void)
{
	uint32_t first = next_ino(), ino = first;

	/* others on this CPU take from the batch as well */
	for (uint32_t i = 0; ino && i <= BATCH; i++) {
		if ((ino - 1) / BATCH != (first - 1) / BATCH)
			return (ino - 1) / BATCH * BATCH;
		ino = next_ino();
	}
	return 0;
}

uint32_t young_frontier(int cpus)
{
	cpu_set_t *all = CPU_ALLOC(cpus), *one = CPU_ALLOC(cpus);
	size_t size = CPU_ALLOC_SIZE(cpus);
	uint32_t frontier = 0;
	bool good = all && one && !sched_getaffinity(0, size, all);

	for (int cpu = 0; good && cpu < cpus; cpu++) {
		uint32_t batch;

		CPU_ZERO_S(size, one);
		CPU_SET_S(cpu, size, one);
		if (sched_setaffinity(0, size, one))
			continue; /* offline, or not ours: what is left of its batch is not believed
				   */
		batch = new_batch();
		good = batch != 0;
		if (!frontier)
			frontier = batch;
	}
	if (all && one)
		sched_setaffinity(0, size, all);
	if (all)
		CPU_FREE(all);
	if (one)
		CPU_FREE(one);
	return good ? frontier : 0;
}
