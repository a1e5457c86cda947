/* SPDX-License-Identifier: GPL-2.0 */
/* A connection's state in socket storage, for the hooks that know the socket. */
#ifndef REDTAP_SOCK_OPEN_BPF_H
#define REDTAP_SOCK_OPEN_BPF_H

#include "open.bpf.h"

/* Socket storage for a stream socket met for the first time; `ret` bytes of the call are done. */
static __noinline struct conn *sock_conn_new(struct sock *sk, int io, __u32 ret)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct conn *c = bpf_sk_storage_get(&sk_conns, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	__u32 flags = 0;

	if (!c) {
		stat_add(RT_STAT_LOST_STORAGE, 1);
		young_after = 0;
		return NULL;
	}
	conn_init(c, RT_ROLE_UNKNOWN);
	if (BPF_CORE_READ_BITFIELD(sk, sk_kern_sock)) {
		c->proto = RT_PROTO_IGNORED;
		c->id = 0;
		return c;
	}
	if (tp && !tp->inet_conn.icsk_ulp_ops) {
		if (conn_base(c, tp, io, ret))
			flags |= RT_F_LATE;
	} else {
		c->noseq = 1;
		if (tp || !sock_young(sock_ino(sk)))
			flags |= RT_F_LATE; /* not known: the parser finds out */
	}
	c->late = flags & RT_F_LATE ? 1 : 0;
	conn_open_record(c, sk, flags);
	return c;
}

#endif
