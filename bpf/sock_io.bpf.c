// SPDX-License-Identifier: GPL-2.0
/* Primary capture: one hook per send and one per receive, for stream sockets only. */
#include "io.bpf.h"
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
		x.conn = bpf_sk_storage_get(&sk_conns, sk, NULL, 0);
		if (x.conn) {
			x.conn->vec[io].vec = 0; /* the vector call ended here */
			if (io == RT_SEND)
				x.conn->d[RT_SEND].start_ns = 0;
		}
		return 0;
	}
	if (ret == 0 && io == RT_SEND) {
		x.conn = bpf_sk_storage_get(&sk_conns, sk, NULL, 0);
		x.regs = (struct pt_regs *)bpf_task_pt_regs(task);
		if (x.conn)
			buffer_mmsg_empty(&x.conn->vec[RT_SEND], x.regs, RT_SEND);
		return 0;
	}
	x.conn = sock_conn(sk, io, ret);
	if (!x.conn || x.conn->proto == RT_PROTO_IGNORED)
		return 0;
	x.regs = (struct pt_regs *)bpf_task_pt_regs(task);
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
	}
	io_call(&x, io);
	return 0;
}

static __always_inline int sock_io_timed(struct sock *sk, int ret, int flags, int io, __u32 program)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 begin_ns;

	if (!tgid_traced(task->tgid))
		return 0;
	begin_ns = run_begin(program);
	sock_io(sk, ret, flags, io, task);
	run_end(program, begin_ns);
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
