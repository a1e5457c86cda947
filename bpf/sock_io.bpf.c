// SPDX-License-Identifier: GPL-2.0
/* Primary capture: one hook per send and one per receive, for stream sockets only. */
#include "io.bpf.h"
#include "run.bpf.h"
#include "sock_open.bpf.h"

static __always_inline bool sock_wanted(struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return sk->sk_type == SOCK_STREAM &&
	       (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

static __always_inline struct conn *sock_conn(struct sock *sk, int io, __u32 ret)
{
	struct conn *c = bpf_sk_storage_get(&sk_conns, sk, NULL, 0);

	return c ? c : sock_conn_new(sk, io, ret);
}

/*
 * The task's saved registers: at the same place on every kernel stack. Copied once, both addresses
 * are numbers to any verifier: which of them is a pointer, and what may be done with it, changed in
 * 6.17.
 */
static __always_inline struct pt_regs *sock_regs(struct task_struct *task)
{
	__u64 both[2] = {0, (__u64)task->stack}, number[2];
	__u64 stack = both[1];

	if (!regs_at) {
		both[0] = (__u64)bpf_task_pt_regs(task);
		bpf_probe_read_kernel(number, sizeof(number), both);
		regs_at = number[0] - number[1];
	}
	return bpf_rdonly_cast((void *)(stack + regs_at), bpf_core_type_id_kernel(struct pt_regs));
}

static __always_inline int sock_io(struct sock *sk, int ret, int flags, int io,
				   struct task_struct *task)
{
	struct io_call x = {.task = task};
	struct tcp_sock *tp;

	if (!sock_wanted(sk))
		return 0;
	if (io == RT_RECV && flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return 0;
	if (ret < 0) {
		if (io == RT_RECV && REGS_NR(sock_regs(task)) != NR_RECVMMSG)
			return 0; /* most of them: nothing is there yet */
		x.conn = bpf_sk_storage_get(&sk_conns, sk, NULL, 0);
		if (x.conn) {
			x.conn->vec[io].vec = 0; /* the vector call ended here */
			if (io == RT_SEND)
				x.conn->d[RT_SEND].start_ns = x.conn->place.tid = 0;
		}
		return 0;
	}
	if (ret == 0 && io == RT_SEND) {
		x.conn = bpf_sk_storage_get(&sk_conns, sk, NULL, 0);
		x.regs = sock_regs(task);
		if (x.conn)
			buffer_mmsg_empty(&x.conn->vec[RT_SEND], x.regs, RT_SEND);
		return 0;
	}
	x.conn = sock_conn(sk, io, ret);
	if (!x.conn || x.conn->proto == RT_PROTO_IGNORED)
		return 0;
	x.regs = sock_regs(task);
	if (!ret)
		buffer_mmsg_empty(&x.conn->vec[RT_RECV], x.regs, RT_RECV);
	x.ret = ret;
	x.trunc = io == RT_RECV && flags & MSG_TRUNC;
	x.rcv_shut = sk->sk_shutdown & RCV_SHUTDOWN;
	x.send_shut = sk->sk_shutdown & SEND_SHUTDOWN;
	if (!x.conn->noseq && sk->sk_protocol == IPPROTO_TCP) {
		tp = tcp_of(sk);
		x.have_seq = true;
		x.seq[RT_SEND] = tp->write_seq;
		x.seq[RT_RECV] = tp->copied_seq;
		if (io == RT_SEND)
			x.sent_ns = sent_ns(tp);
	}
	io_call(&x, io);
	return 0;
}

static __always_inline int sock_io_timed(struct sock *sk, int ret, int flags, int io, __u32 program)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rt_cpu *cpu;
	__u64 begin_ns;

	if (!tgid_traced(task->tgid))
		return 0;
	cpu = this_cpu();
	if (!cpu) {
		stat_add(RT_STAT_LOST_RING, 1); /* nor has it a queue */
		return 0;
	}
	begin_ns = run_begin(cpu, program);
	sock_io(sk, ret, flags, io, task);
	run_end(cpu, program, begin_ns);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(rt_sock_send, struct sock *sk, int ret, int flags)
{
	return sock_io_timed(sk, ret, flags, RT_SEND, RT_PROGRAM_SOCK_SEND);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(rt_sock_recv, struct sock *sk, int ret, int flags)
{
	return sock_io_timed(sk, ret, flags, RT_RECV, RT_PROGRAM_SOCK_RECV);
}

/* ---- the start of a send, kernels from 6.16 ---- */

#define PROMPT_BYTES 16384

static __always_inline __u32 send_len(__u64 len)
{
	return len < 0xffffffff ? len : 0xffffffff;
}

/*
 * Where the user's bytes are: the kernel has looked for them already, so that the hook behind the
 * call need not. For a long message it runs again, further on, which send_place_told() then finds
 * out.
 */
static __always_inline void send_place(struct conn *c, struct sock *sk, struct msghdr *msg,
				       struct task_struct *task)
{
	struct iov_iter *iter = &msg->msg_iter;
	struct conn_place *p = &c->place;
	struct iovec *iov;

	p->tid = task->pid;
	p->seq = tcp_of(sk)->write_seq;
	barrier();
	p->len[1] = 0;
	if (iter->iter_type == bpf_core_enum_value(enum iter_type, ITER_UBUF)) {
		p->base[0] = (__u64)iter->ubuf + iter->iov_offset;
		p->len[0] = send_len(iter->count);
		return;
	}
	p->len[0] = 0;
	if (iter->iter_type != bpf_core_enum_value(enum iter_type, ITER_IOVEC))
		return;
	iov = bpf_rdonly_cast(iter->__iov, bpf_core_type_id_kernel(struct iovec));
	p->base[0] = (__u64)iov->iov_base + iter->iov_offset;
	p->len[0] = send_len(iov->iov_len - iter->iov_offset);
	if (iter->nr_segs < 2)
		return;
	iov = bpf_rdonly_cast((void *)((__u64)iter->__iov + sizeof(*iov)),
			      bpf_core_type_id_kernel(struct iovec));
	p->base[1] = (__u64)iov->iov_base;
	p->len[1] = send_len(iov->iov_len);
}

/*
 * Whether the send will not wait for room: then the time it returns at says as much of a server's
 * answer as the time it began at. A request's beginning matters more: on loopback its answer may be
 * there before it returns.
 */
static __always_inline bool send_prompt(struct conn *c, struct sock *sk, struct msghdr *msg)
{
	__u32 room = (__u32)sk->sk_sndbuf >> 2;

	return c->role == RT_ROLE_SERVER && msg->msg_iter.count < PROMPT_BYTES &&
	       msg->msg_iter.count < room && (__u32)sk->sk_wmem_queued < room &&
	       tcp_of(sk)->snd_nxt == tcp_of(sk)->write_seq;
}

static __always_inline void send_start(struct sock *sk, struct msghdr *msg,
				       struct task_struct *task)
{
	struct conn *c = bpf_sk_storage_get(&sk_conns, sk, NULL, 0);

	if (!c)
		c = sock_conn_new(sk, RT_SEND, 0);
	if (!c || c->proto == RT_PROTO_IGNORED)
		return;
	send_place(c, sk, msg, task);
	if (c->d[RT_SEND].start_ns)
		return;
	/* One message in several sends, unless more than one was asked for. */
	if (c->last_io == RT_SEND && c->proto == RT_PROTO_HTTP && !c->piped)
		return;
	if (send_prompt(c, sk, msg))
		return;
	c->d[RT_SEND].start_ns = bpf_ktime_get_ns();
}

/* When a message's first byte enters the kernel: before the send, which on loopback may return
 * after the peer has answered. */
SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(rt_send_start, struct sock *sk, struct msghdr *msg)
{
	struct task_struct *task;
	struct rt_cpu *cpu;
	__u64 begin_ns;

	/* Of the user's there are no bytes to find, and a message seldom begins so. */
	if (msg->msg_flags & MSG_SPLICE_PAGES)
		return 0;
	task = bpf_get_current_task_btf();
	if (!tgid_traced(task->tgid))
		return 0;
	cpu = this_cpu();
	if (!cpu)
		return 0;
	begin_ns = run_begin(cpu, RT_PROGRAM_SEND_START);
	send_start(sk, msg, task);
	run_end(cpu, RT_PROGRAM_SEND_START, begin_ns);
	return 0;
}
