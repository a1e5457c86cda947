// SPDX-License-Identifier: GPL-2.0
/* When a message's first byte enters the kernel: before the send, which on loopback may return
 * after the peer has answered. Kernels from 6.16. */
#include "sock_open.bpf.h"

static __always_inline void send_start(struct sock *sk)
{
	struct conn *c = bpf_sk_storage_get(&sk_conns, sk, NULL, 0);

	if (!c)
		c = sock_conn_new(sk, RT_SEND, 0);
	if (!c || c->proto == RT_PROTO_IGNORED || c->d[RT_SEND].start_ns)
		return;
	/* One message in several sends, unless more than one was asked for. */
	if (c->last_io == RT_SEND && c->proto == RT_PROTO_HTTP && !c->piped)
		return;
	c->d[RT_SEND].start_ns = bpf_ktime_get_ns();
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(rt_send_start, struct sock *sk)
{
	__u64 begin_ns;

	if (!tgid_traced(bpf_get_current_task_btf()->tgid))
		return 0;
	begin_ns = run_begin(RT_PROGRAM_SEND_START);
	send_start(sk);
	run_end(RT_PROGRAM_SEND_START, begin_ns);
	return 0;
}
