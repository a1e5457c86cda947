/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies the wanted ranges of one call into records. The cursor lives in per-CPU scratch, not
 * in the loop's stack context: offsets accumulated there cost the verifier a state per pass.
 */
#ifndef REDTAP_RECORD_BPF_H
#define REDTAP_RECORD_BPF_H

#include "wait.bpf.h"

/* Below what one record may hold, there is room for the tail behind a full head. */
#define BODY_ROOM (RT_PIECE_BYTES + RT_TAIL_BYTES + 2 * sizeof(struct rt_frag))

/*
 * Fragment headers are written in place, not aligned: the machine can, and the compiler's byte by
 * byte memcpy is five times the instructions.
 */
static __always_inline void frag_open(struct scratch *s)
{
	__u32 pos = s->fill & (BODY_BYTES - 1);

	s->frag = pos;
	*(__u32 *)(s->body + pos) = s->at;
	*(__u32 *)(s->body + pos + 4) = 0;
	s->fill = pos + sizeof(struct rt_frag);
	s->rec.nfrags++;
}

static __always_inline void frag_grow(struct scratch *s, __u32 n)
{
	*(__u32 *)(s->body + (s->frag & (BODY_BYTES - 1)) + 4) += n;
	s->copied = s->at + n;
}

/* The record, [from, end) of its direction, found the queue full, and so did what stood before it.
 */
static __always_inline void record_lost(struct scratch *s, struct conn *c, int io, __u64 front,
					__u64 from, __u64 end)
{
	bool locked = wait_lock(&c->wait);

	stat_add(RT_STAT_LOST_RING, 1);
	if (front) {
		stat_add(RT_STAT_LOST_RING, s->front_count);
		from = s->front_prev[io];
		wait_lost(&c->d[!io], s->front_prev[!io], s->front_end[!io]);
	}
	wait_lost(&c->d[io], from, end);
	if (locked)
		wait_unlock(&c->wait);
}

/*
 * Writes the record out, behind what waited, or lets it wait. What was lost is said by the next
 * record that gets through.
 */
static __always_inline void record_out(struct scratch *s, struct conn *c, int io, bool more)
{
	struct conn_dir *d = &c->d[io];
	__u64 bytes = sizeof(s->rec) + s->fill, front = 0, from;
	__u64 end = s->rec.off + (more ? s->copied : s->rec.len);
	bool locked;

	s->rec.h.bytes = bytes;
	if (more)
		s->rec.h.flags |= RT_F_MORE;
	else
		s->rec.h.flags &= ~RT_F_MORE;
	barrier_var(bytes);
	if (bytes > sizeof(s->rec) + BODY_BYTES)
		bytes = sizeof(s->rec) + BODY_BYTES;
	locked = wait_lock(&c->wait);
	from = d->prev;
	s->rec.prev = from;
	s->rec.gap0 = d->gap;
	if (locked) {
		if (more || s->more || !wait_wanted(s, c, io) || !wait_put(s, c, bytes))
			front = wait_take(s, c);
		else
			bytes = 0;
	}
	if (bytes && s->rec.other > c->d[!io].prev)
		c->d[!io].due = 1;
	d->due = 0;
	d->prev = end;
	d->gap = RT_GAP_NONE;
	if (locked)
		wait_unlock(&c->wait);
	else
		c->wait.hurry = 1;
	if (!bytes) {
		if (wait_overtaken(c))
			wait_flush(c);
	} else if (queue_write(wait_front(s, front), front + bytes)) {
		record_lost(s, c, io, front, from, end);
	}
	s->more = more;
	s->fill = 0;
	s->room = RT_PIECE_BYTES;
	s->rec.nfrags = 0;
	s->rec.start_ns = 0;
}

/*
 * A global function: the verifier walks it once, not on every path that leads here. Weak, because
 * both backends' objects hold it.
 */
__weak __noinline int record_flush(struct scratch *s, struct conn *c, int io, bool more)
{
	if (!s || !c)
		return 0;
	if (io == RT_SEND)
		record_out(s, c, RT_SEND, more);
	else
		record_out(s, c, RT_RECV, more);
	return 0;
}

/* Moves to the vector of the next message of a sendmmsg or recvmmsg. False: there is none. */
static __always_inline bool message_next(struct scratch *s)
{
	struct mmsghdr entry;

	if (!s->mmsg_left)
		return false;
	if (bpf_probe_read_user(&entry, sizeof(entry), (void *)s->mmsg)) {
		stat_add(RT_STAT_FAULT, 1);
		return false;
	}
	s->mmsg += sizeof(entry);
	s->mmsg_left--;
	s->mmsg_bytes = entry.msg_len;
	s->iov = (__u64)entry.msg_hdr.msg_iov;
	s->iov_left = entry.msg_hdr.msg_iovlen > RT_IOV_MAX ? RT_IOV_MAX : entry.msg_hdr.msg_iovlen;
	return true;
}

/* Moves to the next vector entry. False: there is none. */
static __always_inline bool segment_next(struct scratch *s)
{
	struct iovec iov;

	if (cfg_fallback && s->mmsg && !s->mmsg_bytes)
		s->iov_left = 0; /* the rest of the message's vector was not used */
	if (!s->iov_left && !message_next(s))
		return false;
	if (!s->iov_left)
		return true; /* a message without a vector */
	if (bpf_probe_read_user(&iov, sizeof(iov), (void *)s->iov)) {
		stat_add(RT_STAT_FAULT, 1);
		s->rec.gap = RT_GAP_FAULT;
		return false;
	}
	s->iov += sizeof(iov);
	s->iov_left--;
	s->base = (__u64)iov.iov_base;
	s->seg_left = iov.iov_len;
	if (cfg_fallback && s->mmsg) {
		if (s->seg_left > s->mmsg_bytes)
			s->seg_left = s->mmsg_bytes;
		s->mmsg_bytes -= s->seg_left;
	}
	return true;
}

static __always_inline void cursor_advance(struct scratch *s, __u64 n)
{
	s->base += n;
	s->seg_left -= n;
	s->at += n;
}

/* One step of the copy: at most one vector entry and one record. Sets s->done at the end. */
static __always_inline void copy_step(struct scratch *s, struct conn *c, int io)
{
	__u64 n;
	__u32 pos;

	if (!s->want_left) {
		if (!s->tail_left) {
			s->done = 1;
			return;
		}
		s->skip_left = s->tail_at - s->at;
		s->want_left = s->tail_left;
		s->room += s->tail_left;
		s->tail_left = 0;
		if (!s->skip_left)
			return;
	}
	if (!s->seg_left && !segment_next(s)) {
		if (!s->rec.gap)
			s->rec.gap = RT_GAP_SYSCALL;
		s->done = 1;
		return;
	}
	if (s->skip_left) {
		n = s->seg_left < s->skip_left ? s->seg_left : s->skip_left;
		cursor_advance(s, n);
		s->skip_left -= n;
		if (!s->skip_left)
			frag_open(s);
		return;
	}
	if (!s->room) {
		record_flush(s, c, io, true);
		frag_open(s);
	}
	n = s->seg_left < s->want_left ? s->seg_left : s->want_left;
	if (n > s->room)
		n = s->room;
	barrier_var(n);
	if (n > RT_PIECE_BYTES)
		n = RT_PIECE_BYTES;
	pos = s->fill & (BODY_BYTES - 1);
	if (n && bpf_probe_read_user(s->body + pos, n, (void *)s->base)) {
		stat_add(RT_STAT_FAULT, 1);
		s->rec.gap = RT_GAP_FAULT;
		s->done = 1;
		return;
	}
	s->fill = pos + n;
	s->room -= n;
	s->want_left -= n;
	frag_grow(s, n);
	cursor_advance(s, n);
}

struct copy_ctx {
	struct scratch *s;
	struct conn *c;
	int io;
};

static long copy_loop(__u64 i, void *arg)
{
	struct copy_ctx *x = arg;

	copy_step(x->s, x->c, x->io);
	return x->s->done != 0;
}

/* More steps than entries of the longest vector plus records of the longest capture. */
#define COPY_STEPS (RT_IOV_MAX + 2 * (RT_CALL_BYTES / RT_PIECE_BYTES) + 8)

/* Two steps in line serve a buffer in one piece; the loop is for the rest. */
static __always_inline void copy_run(struct scratch *s, struct conn *c, int io)
{
	struct copy_ctx x = {s, c, io};

	s->done = 0;
	copy_step(s, c, io);
	if (!s->done && (s->want_left || s->tail_left))
		bpf_loop(COPY_STEPS, copy_loop, &x, 0);
}

#endif
