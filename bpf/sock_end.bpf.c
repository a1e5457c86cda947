// SPDX-License-Identifier: GPL-2.0
/* The ends of TCP connections. AF_UNIX has no such hook: end of file, and the iterator. */
#include "wait.bpf.h"

/*
 * How far sending had come. A reset is handled inside the very send it strikes, before that call's
 * own hook: its bytes are in TCP's sequence already, and the end must wait for them. A FIN counts
 * as one, hence the one that is left out: the last byte comes with those before it. Behind a reset
 * the sequence is a new connection's, and what there was to wait for was told before.
 */
static __always_inline __u64 end_sent(struct conn *c, struct sock *sk)
{
	bool known = c->noseq || c->ended & SEND_SHUTDOWN;
	struct tcp_sock *tp = known ? NULL : bpf_skc_to_tcp_sock(sk);
	__s32 ahead = tp ? tp->write_seq - c->d[RT_SEND].seq : 0;

	return ahead > 1 ? c->d[RT_SEND].off + ahead - 1 : c->d[RT_SEND].prev;
}

static __always_inline void end_record(struct conn *c, struct sock *sk, __u8 shut, bool reset,
				       bool destroyed)
{
	__u64 sent = end_sent(c, sk);
	struct rt_rec_end r = {};

	c->ended = shut;
	if (!c->id || (c->proto == RT_PROTO_IGNORED && !destroyed))
		return;
	wait_flush(c);
	r.h.type = RT_REC_END;
	r.h.bytes = sizeof(r);
	r.h.conn = c->id;
	r.h.ts_ns = bpf_ktime_get_ns();
	r.off[RT_RECV] = c->d[RT_RECV].prev;
	r.off[RT_SEND] = sent;
	for (int io = 0; io < 2; io++)
		if (c->d[io].lost > c->d[io].prev)
			r.lost[io] = c->d[io].lost;
	r.shut = shut;
	r.reset = reset;
	r.destroyed = destroyed;
	r.eof = c->d[RT_RECV].eof;
	if (queue_write(&r, sizeof(r)))
		stat_add(RT_STAT_LOST_RING, 1);
}

/* The state lives in one of two places, by backend. */
static __always_inline struct conn *end_conn(struct sock *sk)
{
	__u64 key = (__u64)sk;

	if (cfg_fallback)
		return bpf_map_lookup_elem(&fb_conns, &key);
	return bpf_sk_storage_get(&sk_conns, sk, NULL, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(rt_set_state, struct sock *sk, int oldstate, int newstate)
{
	struct conn *c;
	bool reset;
	__u8 shut;

	if (newstate != TCP_FIN_WAIT1 && newstate != TCP_LAST_ACK && newstate != TCP_CLOSE)
		return 0;
	c = end_conn(sk);
	if (!c)
		return 0;
	/*
	 * Sending is over. Receiving is not unless the socket was closed: behind the peer's FIN, or
	 * even a reset, there may be bytes that nobody has read yet; end of file and the socket's
	 * own end tell.
	 */
	shut = newstate == TCP_FIN_WAIT1 ? sk->sk_shutdown : SEND_SHUTDOWN;
	shut |= c->ended;
	/* The side that resets has no error; it leaves in one step where a close takes several. */
	reset = newstate == TCP_CLOSE &&
		(sk->sk_err || oldstate == TCP_ESTABLISHED || oldstate == TCP_CLOSE_WAIT);
	if (shut == c->ended && !reset)
		return 0;
	end_record(c, sk, shut, reset, false);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(rt_destroy, struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct conn *c = end_conn(sk);

	if (!c)
		return 0;
	end_record(c, sk, RCV_SHUTDOWN | SEND_SHUTDOWN, false, true);
	if (c->proto == RT_PROTO_KAFKA)
		bpf_map_delete_elem(&kafka_walks, &c->id);
	if (cfg_fallback)
		bpf_map_delete_elem(&fb_conns, &key);
	return 0;
}
