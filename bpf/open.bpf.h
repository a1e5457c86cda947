/* SPDX-License-Identifier: GPL-2.0 */
/* A connection's beginning: its state, and the record that names its ends. */
#ifndef REDTAP_OPEN_BPF_H
#define REDTAP_OPEN_BPF_H

#include "queue.bpf.h"
#include <bpf/bpf_endian.h>

static __always_inline __u64 conn_new_id(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&conn_ids, &zero);

	if (!n)
		return 0;
	return ++*n << 12 | (bpf_get_smp_processor_id() & 0xfff);
}

static __always_inline void conn_addr(struct rt_rec_conn *r, struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	r->local.family = r->remote.family = family;
	r->local.port = BPF_CORE_READ(sk, __sk_common.skc_num);
	r->remote.port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (family == AF_INET) {
		*(__u32 *)r->local.ip = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(__u32 *)r->remote.ip = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&r->local.ip, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&r->remote.ip, sk, __sk_common.skc_v6_daddr);
	}
}

/* The name either end is bound to; clients rarely bind, so the peer's is asked for as well. */
static __always_inline void conn_unix_path(struct rt_rec_conn *r, struct sock *sk,
					   struct sock *peer)
{
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)sk, addr);
	const char *path;
	__u32 len;

	if (!addr && peer)
		addr = BPF_CORE_READ((struct unix_sock *)peer, addr);
	if (!addr)
		return;
	len = BPF_CORE_READ(addr, len);
	path = (const char *)addr + bpf_core_field_offset(struct unix_address, name) +
	       sizeof(__u16);
	if (len <= sizeof(__u16))
		return;
	len -= sizeof(__u16);
	if (len >= RT_PATH_BYTES)
		len = RT_PATH_BYTES - 1;
	barrier_var(len);
	bpf_probe_read_kernel(r->path, len & (RT_PATH_BYTES - 1), path);
	if (!r->path[0])
		r->path[0] = '@'; /* the abstract name space */
}

static __noinline void conn_describe(struct rt_rec_conn *r, struct conn *c, struct sock *sk,
				     __u32 flags)
{
	struct sock *peer = NULL;

	__builtin_memset(r, 0, sizeof(*r));
	r->h.type = RT_REC_CONN;
	r->h.flags = flags;
	r->h.bytes = sizeof(*r);
	r->h.conn = c->id;
	r->h.ts_ns = bpf_ktime_get_ns();
	r->sock = (__u64)sk;
	r->tgid = c->tgid;
	r->role = c->role;
	r->off[0] = c->d[0].off;
	r->off[1] = c->d[1].off;
	r->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX) {
		r->local.family = r->remote.family = AF_UNIX;
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		r->peer = (__u64)peer;
		conn_unix_path(r, sk, peer);
	} else {
		conn_addr(r, sk);
	}
}

/* Written in place: too large for the stack. */
static __always_inline void conn_open_record(struct conn *c, struct sock *sk, __u32 flags)
{
	struct rt_rec_conn *r;
	struct rt_queue *q;
	bool full;
	void *to;

	q = queue_begin(sizeof(*r), &to, &full);
	if (q) {
		conn_describe(to, c, sk, flags);
		queue_end(q, sizeof(*r));
		stat_add(RT_STAT_CONNS, 1);
		return;
	}
	r = full ? NULL : bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		stat_add(RT_STAT_LOST_RING, 1);
		return;
	}
	conn_describe(r, c, sk, flags);
	bpf_ringbuf_submit(r, ring_flags());
	stat_add(RT_STAT_CONNS, 1);
}

/* The inode's number, 0 behind close(). */
static __always_inline __u32 sock_ino(struct sock *sk)
{
	struct socket_alloc *alloc = (struct socket_alloc *)BPF_CORE_READ(sk, sk_socket);

	return alloc ? BPF_CORE_READ(alloc, vfs_inode.i_ino) : 0;
}

/*
 * Where no sequence tells whether bytes had passed: the socket was made since all that is selected
 * is followed. Numbers come round, so no more are believed than can be given out between two
 * frontiers (capture/young.h). A socket that an ignored process used and then handed over, through
 * exec or SCM_RIGHTS, is not told from a new one.
 */
static __always_inline bool sock_young(__u32 ino)
{
	return young_after && ino && ino - young_after - 1 < RT_YOUNG_INODES;
}

static __always_inline void conn_init(struct conn *c, __u8 role)
{
	c->id = conn_new_id();
	c->tgid = bpf_get_current_pid_tgid() >> 32;
	c->role = role;
	c->last_io = 0xff;
	c->d[RT_RECV].wary = c->d[RT_SEND].wary = WARY_HEADS;
	c->born_ns = bpf_ktime_get_ns();
}

/*
 * A connection met with its first call done: sets both sequences so that the call starts at offset
 * 0. True: bytes had passed before, so it existed before redtap (or before it was selected).
 */
static __always_inline bool conn_base(struct conn *c, struct tcp_sock *tp, int io, __u32 ret)
{
	__u64 sent, received;
	__u32 write_seq = tp->write_seq, copied_seq = tp->copied_seq;

	c->d[RT_SEND].seq = io == RT_SEND ? write_seq - ret : write_seq;
	c->d[RT_RECV].seq = io == RT_RECV ? copied_seq - ret : copied_seq;
	/* Both figures count a SYN or a FIN here and there, hence more than 1. */
	sent = tp->bytes_acked + (write_seq - tp->snd_una);
	received = tp->bytes_received - (tp->rcv_nxt - copied_seq);
	if (io == RT_SEND)
		sent -= ret;
	else
		received -= ret;
	return (__s64)sent > 1 || (__s64)received > 1;
}

#endif
