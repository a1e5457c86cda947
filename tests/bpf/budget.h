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
	{"rt_destroy", 590, 4600},
	{"rt_exec", 260, 270},
	{"rt_exit", 85, 80},
	{"rt_fork", 120, 125},
	{"rt_iter_files", 550, 4550},
	{"rt_iter_sockets", 330, 1700},
	{"rt_send_start", 950, 1550},
	{"rt_set_state", 630, 8400},
	{"rt_sock_recv", 14300, 190000},
	{"rt_sock_send", 14900, 194000},
	{"rt_sys_exit", 19700, 300000},
};

#endif
