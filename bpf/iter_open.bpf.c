// SPDX-License-Identifier: GPL-2.0
/*
 * Every live connection, now and then and at a scrape: what is still open, by omission what is
 * gone, and the records that wait. By the storage, or, for the fallback and where the kernel
 * refuses iterators of maps, by the files that every process has open.
 */
#include "open.bpf.h"
#include "wait.bpf.h"

/* 0, or a negative errno: then the kernel comes again. */
static __always_inline long open_write(struct seq_file *seq, struct conn *c)
{
	struct rt_rec_open r = {};

	/* Where many wait, the reader is given a turn; what is left goes next time. */
	if (c->wait.bytes && !queue_crowded())
		wait_flush(c);
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
	return bpf_seq_write(seq, &r, sizeof(r));
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
	__u32 ino = sock_ino(sk);

	return ino && ino == c->ino;
}

/* Fallback: what is closed goes, and what is idle for long, should its end have been missed. */
static long open_purge(struct bpf_map *map, __u64 *at, struct conn *c, void *arg)
{
	__u64 key = *at;

	if (c->quiet ? !open_lives(c, (struct sock *)key)
		     : c->last_ns && bpf_ktime_get_ns() - c->last_ns > RT_FALLBACK_IDLE_NS) {
		if (c->proto == RT_PROTO_KAFKA)
			bpf_map_delete_elem(&kafka_walks, &c->id);
		bpf_map_delete_elem(&fb_conns, &key);
	}
	return 0;
}

static __always_inline struct conn *open_conn(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct conn *c;

	if (!cfg_fallback)
		return bpf_sk_storage_get(&sk_conns, sk, NULL, 0);
	c = bpf_map_lookup_elem(&fb_conns, &key);
	return c && open_lives(c, sk) ? c : NULL;
}

SEC("iter/task_file")
int rt_iter_files(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;
	struct conn *c;

	barrier_var(file); /* read once: what was held against NULL is what is used */
	if (!file) {       /* behind the last */
		if (cfg_fallback)
			bpf_for_each_map_elem(&fb_conns, open_purge, NULL, 0);
		return 0;
	}
	socket = bpf_sock_from_file(file);
	sk = socket ? socket->sk : NULL;
	c = sk ? open_conn(sk) : NULL;
	/* One socket may be open many times. */
	if (c && c->id && c->swept != open_sweep && !open_write(ctx->meta->seq, c))
		c->swept = open_sweep;
	return 0;
}
