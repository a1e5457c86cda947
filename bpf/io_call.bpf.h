/* SPDX-License-Identifier: GPL-2.0 */
/* One send or receive, whatever hook brought it: its place in the stream, and its record's head. */
#ifndef REDTAP_IO_CALL_BPF_H
#define REDTAP_IO_CALL_BPF_H

#include "maps.bpf.h"

struct io_call {
	struct conn *conn;
	struct task_struct *task;
	struct pt_regs *regs;
	__u64 sent_ns; /* when the last of them was handed on, by TCP's own clock; or 0 */
	__u32 ret;     /* bytes moved */
	__u32 seq[2];  /* TCP's own, by enum rt_io, after the call */
	__u32 trunc;   /* the bytes did not reach the buffer (MSG_TRUNC) */
	bool have_seq;
	bool rcv_shut;
	bool send_shut;
	bool at_exit;
};

/*
 * The time of a send, of TCP: a clock reading waits for all that the CPU has begun, so that one
 * more costs as much as two helpers, and TCP reads the same clock when it hands bytes on. That was
 * in this very call, if none of them is left (as behind a packet that waits for its device, where
 * TCP lets more of them gather and does not look at the clock).
 */
static __always_inline __u64 sent_ns(struct tcp_sock *tp)
{
	if (!bpf_core_field_exists(tp->tcp_clock_cache) || tp->snd_nxt != tp->write_seq)
		return 0;
	return tp->tcp_clock_cache;
}

static __always_inline struct scratch *io_scratch(int io)
{
	__u32 key = io;

	return bpf_map_lookup_elem(&scratches, &key);
}

/* Behind io_offset(): without a sequence it is not known whether TCP had to do with it (a sockmap).
 */
static __always_inline __u64 io_now(struct io_call *x)
{
	struct conn *c = x->conn;

	return !c->noseq && c->last_ns && x->sent_ns > c->last_ns ? x->sent_ns : bpf_ktime_get_ns();
}

/*
 * What the start of a send said of its bytes, if it was this one's: at the same place in the
 * stream, by the same thread, and all of them in two pieces. send_place() on another CPU writes it
 * the other way round.
 */
static __always_inline bool send_place_told(struct io_call *x, struct conn_place *told)
{
	struct conn_place *p = &x->conn->place;

	told->base[0] = p->base[0];
	told->len[0] = p->len[0];
	told->len[1] = 0;
	if (x->ret > told->len[0]) {
		told->base[1] = p->base[1];
		told->len[1] = p->len[1];
	}
	barrier();
	if (p->tid != (__u32)x->task->pid)
		return false;
	p->tid = 0;
	return p->seq == x->seq[RT_SEND] - x->ret && x->ret <= (__u64)told->len[0] + told->len[1];
}

/*
 * The call's start offset, from TCP's sequence where it can be had: an advance larger than the call
 * is a hole in front of it (splice, a peer thread's hook still to come). A FIN counts as one.
 */
static __always_inline __u64 io_offset(struct io_call *x, int io)
{
	struct conn_dir *d = &x->conn->d[io];
	__u32 adv = x->seq[io] - d->seq;
	__u64 off = d->off;

	d->seq = x->seq[io];
	if (x->have_seq && !x->conn->noseq) {
		if (io == RT_RECV && x->rcv_shut && adv == x->ret + 1)
			adv--;
		if (adv < x->ret) {
			x->conn->noseq = 1;
		} else if (adv > x->ret) {
			off += adv - x->ret;
			if (d->gap != RT_GAP_LOST)
				d->gap = RT_GAP_UNSEEN;
		}
	}
	barrier(); /* io_other() on another CPU */
	d->off = off + x->ret;
	return off;
}

/*
 * How far the other direction must have been reported before this record means anything: what its
 * own hook has handed over or is about to, or TCP's sequence when a call of it has not come to its
 * hook yet. That hook may run right now: io_offset() writes what is read here, the other way round.
 */
static __always_inline __u64 io_other(struct io_call *x, int io)
{
	struct conn_dir *o = &x->conn->d[!io];
	__u64 off = o->off;
	__s32 ahead;

	barrier();
	ahead = x->seq[!io] - o->seq;
	if (io == RT_RECV && x->send_shut)
		ahead--; /* a FIN counts as one */
	if (x->have_seq && !x->conn->noseq && ahead > 0 && !o->eof)
		return off + ahead;
	return o->gap == RT_GAP_NONE ? o->off : o->prev;
}

/* All of a record that is known before its bytes are. */
static __always_inline void io_record_head(struct rt_rec_data *rec, struct io_call *x, int io,
					   __u64 off)
{
	struct conn *c = x->conn;

	rec->h.type = RT_REC_DATA;
	rec->h.flags = (io == RT_SEND ? RT_F_SEND : 0) |
		       (x->have_seq && !c->noseq ? RT_F_ORDER : RT_F_NOSEQ);
	rec->h.conn = c->id;
	rec->h.ts_ns = c->last_ns;
	/* Another thread's send may have been stamped meanwhile. */
	rec->start_ns =
		io == RT_SEND && c->d[RT_SEND].start_ns <= c->last_ns ? c->d[RT_SEND].start_ns : 0;
	rec->off = off;
	rec->other = io_other(x, io);
	rec->missed = c->d[!io].lost > c->d[!io].prev ? c->d[!io].lost : 0;
	rec->len = x->ret;
	rec->tgid = x->task->tgid;
	rec->tid = x->task->pid;
	rec->nfrags = 0;
	rec->gap = RT_GAP_NONE;
	if (io == RT_SEND)
		c->d[RT_SEND].start_ns = 0;
}

#endif
