// SPDX-License-Identifier: GPL-2.0
/* Every live connection, once a second and at a scrape: what is still open, by omission what is
 * gone, and the records that wait. One program per backend. */
#include "wait.bpf.h"

static __always_inline void open_write(struct seq_file *seq, struct conn *c)
{
	struct rt_rec_open r = {};

	/* Where many wait, the reader is given a turn; what is left goes next time. */
	if (c->wait.bytes && !ring_crowded())
		wait_flush(c, this_ring());
	r.h.type = RT_REC_OPEN;
	r.h.bytes = sizeof(r);
	r.h.conn = c->id;
	r.h.ts_ns = bpf_ktime_get_ns();
	r.off[0] = c->d[0].off;
	r.off[1] = c->d[1].off;
	r.prev[0] = c->d[0].prev;
	r.prev[1] = c->d[1].prev;
	r.last_ns = c->last_ns;
	r.tgid = c->tgid;
	r.proto = c->proto;
	r.shut = c->ended;
	bpf_seq_write(seq, &r, sizeof(r));
}

SEC("iter/bpf_sk_storage_map")
int rt_iter_sockets(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct conn *c = ctx->value;

	if (ctx->sk && c && c->id)
		open_write(ctx->meta->seq, c);
	return 0;
}

/*
 * Fallback, where no hook tells the end: whether the address still holds the socket that was met. A
 * closed one has lost its inode, a new one at its address has another.
 */
static __always_inline bool open_lives(struct conn *c, struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);
	struct socket_alloc *alloc = (struct socket_alloc *)socket;

	return socket && BPF_CORE_READ(alloc, vfs_inode.i_ino) == c->ino;
}

/* A socket's address may be used again: what is idle for long goes. */
SEC("iter/bpf_map_elem")
int rt_iter_fallback(struct bpf_iter__bpf_map_elem *ctx)
{
	struct conn *c = ctx->value;
	__u64 *at = ctx->key;
	__u64 key;

	if (!at || !c)
		return 0;
	if ((c->quiet && !open_lives(c, (struct sock *)*at)) ||
	    (c->last_ns && bpf_ktime_get_ns() - c->last_ns > RT_FALLBACK_IDLE_NS)) {
		key = *at;
		if (c->proto == RT_PROTO_KAFKA)
			bpf_map_delete_elem(&kafka_walks, &c->id);
		bpf_map_delete_elem(&fb_conns, &key);
		return 0;
	}
	open_write(ctx->meta->seq, c);
	return 0;
}
