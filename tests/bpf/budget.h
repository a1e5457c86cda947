/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each BPF program may cost: instructions as the kernel runs them, and instructions the
 * verifier walked (bpf_prog_info.verified_insns; other kernels walk more or less, so this is a
 * guard against a blow-up, not a measure). About a quarter over what was measured on 6.18 with
 * clang 14; who needs more says why in the commit that raises it.
 */
#ifndef REDTAP_TEST_BUDGET_H
#define REDTAP_TEST_BUDGET_H

struct budget {
	const char *program;
	unsigned xlated;
	unsigned verified;
};

static const struct budget budgets[] = {
	{"rt_destroy", 575, 2200},
	{"rt_exec", 260, 270},
	{"rt_exit", 85, 80},
	{"rt_fork", 120, 125},
	{"rt_iter_files", 550, 2150},
	{"rt_iter_sockets", 330, 1700},
	{"rt_send_start", 850, 1430},
	{"rt_set_state", 610, 3900},
	{"rt_sock_recv", 12000, 122000},
	{"rt_sock_send", 12500, 130000},
	{"rt_sys_exit", 17500, 235000},
};

#endif
