// SPDX-License-Identifier: GPL-2.0
/*
 * Processes: a child inherits its parent's bit before it can run; an exec turns it on until user
 * space has decided, so that a short-lived client's first bytes are not missed. Arguments and the
 * two OTEL_ variables are read here because /proc of a short process is gone by then.
 */
#include "queue.bpf.h"

#define OTEL_NAME  "OTEL_SERVICE_NAME="
#define OTEL_ATTRS "OTEL_RESOURCE_ATTRIBUTES="

static __always_inline void proc_record(__u16 type, __u32 tgid, __u32 parent)
{
	struct rt_rec_proc r = {};

	r.h.type = type;
	r.h.bytes = sizeof(r);
	r.h.ts_ns = bpf_ktime_get_ns();
	r.tgid = tgid;
	r.parent = parent;
	if (bpf_ringbuf_output(&ring, &r, sizeof(r), ring_flags()))
		stat_add(RT_STAT_LOST_PROC, 1);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(rt_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->tgid == parent->tgid)
		return 0; /* a thread */
	tgid_trace(child->tgid, tgid_traced(parent->tgid) && (__u32)parent->tgid != cfg_self_tgid);
	proc_record(RT_REC_FORK, child->tgid, parent->tgid);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(rt_exit, struct task_struct *task)
{
	if (task->signal->live.counter)
		return 0; /* other threads live on */
	tgid_trace(task->tgid, false);
	proc_record(RT_REC_EXIT, task->tgid, 0);
	return 0;
}

/* One environment string; the ones wanted are read again, whole, into their slot. */
static long env_step(__u64 i, void *unused)
{
	__u32 zero = 0;
	struct proc_buf *b = bpf_map_lookup_elem(&proc_scratch, &zero);
	char *slot;
	long n;

	if (!b || b->pos >= b->end)
		return 1;
	n = bpf_probe_read_user_str(b->rec.args, sizeof(b->rec.args), (void *)b->pos);
	if (n <= 0)
		return 1;
	slot = NULL;
	if (!bpf_strncmp(b->rec.args, sizeof(OTEL_NAME) - 1, OTEL_NAME))
		slot = b->rec.otel[0];
	else if (!bpf_strncmp(b->rec.args, sizeof(OTEL_ATTRS) - 1, OTEL_ATTRS))
		slot = b->rec.otel[1];
	if (slot)
		bpf_probe_read_user_str(slot, RT_EXEC_ENV_BYTES, (void *)b->pos);
	b->pos += n;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(rt_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	__u32 zero = 0;
	struct proc_buf *b = bpf_map_lookup_elem(&proc_scratch, &zero);
	struct mm_struct *mm = task->mm;
	__u64 n;

	if ((__u32)task->tgid != cfg_self_tgid)
		tgid_trace(task->tgid, true);
	if (!b || !mm)
		return 0;
	b->rec.h.type = RT_REC_EXEC;
	b->rec.h.flags = 0;
	b->rec.h.bytes = sizeof(b->rec);
	b->rec.h.conn = 0;
	b->rec.h.ts_ns = bpf_ktime_get_ns();
	b->rec.start_ns = task->start_boottime;
	b->rec.cgroup = bpf_get_current_cgroup_id();
	b->rec.tgid = task->tgid;
	b->rec.filename[0] = 0;
	bpf_probe_read_kernel_str(b->rec.filename, sizeof(b->rec.filename), bprm->filename);
	b->rec.otel[0][0] = b->rec.otel[1][0] = 0;
	b->pos = mm->env_start;
	b->end = mm->env_end;
	bpf_loop(RT_EXEC_ENV_SCAN, env_step, NULL,
		 0); /* before the arguments: it uses their room */
	n = mm->arg_end - mm->arg_start;
	if (n > sizeof(b->rec.args))
		n = sizeof(b->rec.args);
	barrier_var(n);
	if (n > sizeof(b->rec.args))
		n = sizeof(b->rec.args);
	if (bpf_probe_read_user(b->rec.args, n, (void *)mm->arg_start)) {
		stat_add(RT_STAT_FAULT, 1);
		n = 0;
	}
	b->rec.args_bytes = n;
	if (bpf_ringbuf_output(&ring, &b->rec, sizeof(b->rec), BPF_RB_FORCE_WAKEUP))
		stat_add(RT_STAT_LOST_PROC, 1);
	return 0;
}
