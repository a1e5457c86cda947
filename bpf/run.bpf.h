/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs take of their CPU's time: one run in 128 is timed (stats.h). */
#ifndef REDTAP_RUN_BPF_H
#define REDTAP_RUN_BPF_H

#include "maps.bpf.h"

/* The start of a run that is timed, less what the reading takes that ends it; or 0. */
static __always_inline __u64 run_begin(struct rt_cpu *cpu, __u32 program)
{
	__u64 before_ns, begin_ns;

	/* The verifier goes here first, and so need not walk the program a second time for 0. */
	if (__builtin_expect(!cpu->left[program], 1)) {
		before_ns = bpf_ktime_get_ns();
		begin_ns = bpf_ktime_get_ns();
		cpu->left[program] = RT_TIMED_LEAST + (begin_ns & (RT_TIMED_SPREAD - 1));
		return begin_ns + (begin_ns - before_ns);
	}
	cpu->left[program]--;
	return 0;
}

/* A global function: the verifier walks it once. Weak, because both backends' objects hold it. */
__weak __noinline int run_took(struct rt_cpu *cpu, __u32 program, __u64 begin_ns)
{
	__s64 ns = bpf_ktime_get_ns() - begin_ns;
	__u64 took = ns > 0 ? ns : 0, bucket = took / RT_TOOK_NS;

	if (!cpu || program >= RT_PROGRAM_MAX)
		return 0;
	cpu->ns[program] += took * (cpu->left[program] + 1);
	if (bucket >= RT_TOOK_BUCKETS)
		bucket = RT_TOOK_BUCKETS - 1;
	cpu->took[program][bucket]++;
	return 0;
}

static __always_inline void run_end(struct rt_cpu *cpu, __u32 program, __u64 begin_ns)
{
	if (begin_ns)
		run_took(cpu, program, begin_ns);
}

#endif
