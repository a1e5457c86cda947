// SPDX-License-Identifier: GPL-2.0-or-later
/* Loads every program as either capture does and holds its size against budget.h. Needs root. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <unistd.h>

#include "test.h"

#include "budget.h"
#include "capture/capture.h"
#include "redtap.skel.h"

#define BUDGETS (sizeof(budgets) / sizeof(budgets[0]))

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN)
		return vprintf(fmt, ap);
	return 0;
}

static struct capture_probe probe;

/* Whether the program is one of the capture's. */
static bool of_capture(const char *name, bool socket)
{
	static const char *const by_socket[] = {"rt_sock_send", "rt_sock_recv", "rt_send_start"};

	for (size_t i = 0; i < 3; i++)
		if (!strcmp(name, by_socket[i]))
			return socket;
	if (!strcmp(name, "rt_sys_exit"))
		return !socket;
	if (!strcmp(name, "rt_iter_sockets"))
		return socket && probe.storage_iter;
	return true;
}

static void hold(const char *name, const struct bpf_prog_info *info, bool seen[BUDGETS])
{
	unsigned xlated = info->xlated_prog_len / 8;

	printf("# %-18s %6u instructions, %7u verified\n", name, xlated, info->verified_insns);
	for (size_t i = 0; i < BUDGETS; i++) {
		if (strcmp(budgets[i].program, name))
			continue;
		seen[i] = true;
		CHECK(xlated <= budgets[i].xlated);
		CHECK(info->verified_insns <= budgets[i].verified);
		/* A budget twice as large as needed guards nothing. */
		CHECK(xlated * 2 >= budgets[i].xlated);
		if (test_failed)
			printf("# %s: its budget is %u instructions, %u verified\n", name,
			       budgets[i].xlated, budgets[i].verified);
		return;
	}
	printf("# %s has no line in tests/bpf/budget.h\n", name);
	CHECK(!"a budget for every program");
}

static void load(bool socket, bool seen[BUDGETS])
{
	struct redtap_bpf *skel;
	struct bpf_program *prog;

	libbpf_set_print(quiet);
	skel = redtap_bpf__open();
	REQUIRE(skel);
	skel->rodata->cfg_fallback = !socket;
	skel->rodata->cfg_stamp_sends = socket;
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, of_capture(bpf_program__name(prog), socket));
	if (redtap_bpf__load(skel)) {
		redtap_bpf__destroy(skel);
		CHECK(!"the programs load");
		return;
	}
	bpf_object__for_each_program(prog, skel->obj)
	{
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);

		if (bpf_program__fd(prog) < 0)
			continue;
		if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			abort();
		hold(bpf_program__name(prog), &info, seen);
	}
	redtap_bpf__destroy(skel);
}

TEST(every_program_keeps_its_budget)
{
	bool seen[BUDGETS] = {false};

	if (geteuid())
		SKIP("needs root");
	capture_probe(&probe);
	if (!probe.btf || !probe.sock_length || !probe.send_locked)
		SKIP("no BTF, or a kernel before 6.16: not all programs load");
	load(true, seen);
	load(false, seen);
	for (size_t i = 0; i < BUDGETS; i++) {
		if (!probe.storage_iter && !strcmp(budgets[i].program, "rt_iter_sockets"))
			continue;
		CHECK(seen[i]);
		if (!seen[i])
			printf("# %s is no program of ours\n", budgets[i].program);
	}
}
