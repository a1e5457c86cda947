// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include "agent.h"
#include "base/log.h"
#include "check.h"
#include "config/config.h"

#define EXIT_USAGE 2

/* What is larger is mapped: most of a large table is never touched. The allocator's own bound would
 * grow with the first large thing that goes, the kernel's types. */
#define MAPPED_BYTES (128 << 10)

static int run(const struct config *config, int argc, char **argv)
{
	struct agent *agent;
	int r = agent_start(config, argc, argv, &agent);

	if (r)
		return 1;
	r = agent_run(agent);
	agent_stop(agent);
	return r ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct config config;
	int code = 0;

	mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
	if (config_load(argc, argv, &config, stderr))
		return EXIT_USAGE;
	log_set_level((enum log_level)config.log_level);
	switch (config.command) {
	case CONFIG_VERSION: printf("redtap %s\n", REDTAP_VERSION); break;
	case CONFIG_HELP: config_print_help(stdout); break;
	case CONFIG_CHECK: code = check_run(&config); break;
	case CONFIG_RUN: code = run(&config, argc, argv); break;
	}
	config_free(&config);
	return code;
}
