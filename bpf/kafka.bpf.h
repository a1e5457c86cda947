/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kafka frames larger than is copied: Produce requests and Fetch responses. Their structure and the
 * 61-byte header of each record batch are copied, the records between are skipped by length, so
 * that a fetch of 50 MB costs a few hundred bytes per batch and user space still counts every one.
 *
 * The walk follows each direction from frame to frame by its sizes. The versions of responses are
 * known from the requests, by correlation id. Whatever it cannot follow (tagged fields of unknown
 * size, a frame that contradicts itself) is copied as far as the limit of a call goes, and the walk
 * starts anew at the next frame it can be sure of.
 */
#ifndef REDTAP_KAFKA_BPF_H
#define REDTAP_KAFKA_BPF_H

#include "buffer.bpf.h"
#include "copy.bpf.h"
#include "kafka_frame.bpf.h"
#include "record.bpf.h"

/*
 * Where the walk may begin: a request's head, or what comes first after a turn; walk_head() then
 * checks it. Java reads the size alone, so four bytes must do.
 */
static __always_inline bool walk_sync(const __u8 *head, __u32 n, bool request, bool turn)
{
	if (request && n >= RT_KAFKA_HEAD)
		return rt_is_kafka(head, n);
	return turn && n >= 4 && rt_be32(head) >= 4 && rt_be32(head) <= KAFKA_FRAME_MAX;
}

static __always_inline bool walk_copies(struct kafka_dir *k)
{
	return k->state == K_COPY || k->state == K_ABORTED_TXNS || k->state == K_CUT;
}

/* What was to be copied as it is has been. */
static __always_inline void walk_copied(struct kafka_dir *k, bool request)
{
	if (k->state == K_COPY && k->copy_end < k->frame_end)
		k->target = k->copy_end = k->frame_end;
	else if (k->state == K_COPY)
		walk_want(k, K_HEAD, request ? 12 : 8);
	else if (k->state == K_CUT)
		walk_part_end(k);
	else
		walk_want(k, K_ABORTED, (k->version >= 11 ? 4 : 0) + (k->flexible ? 1 : 4));
}

/* Up to COPY_CHUNK bytes in line, which copies up to seven more; the helper for longer ones. */
static __always_inline void walk_copy_bytes(__u8 *to, const __u8 *from, __u64 n)
{
	if (n <= COPY_CHUNK)
		copy_short(to, from, n, COPY_CHUNK);
	else
		bpf_probe_read_kernel(to, n, from);
}

/*
 * Brings `n` bytes of the `left` at the cursor to `fill` of the body. Structure comes in short
 * pieces that stand close together, and reading from the user costs the same for one of them and
 * for all. False: they cannot be read.
 */
static __always_inline bool walk_read(struct scratch *s, __u32 fill, __u64 n, __u64 left)
{
	__u64 at = s->base - s->ahead_base, ahead = left;

	if (n <= KAFKA_AHEAD && (at > s->ahead_len || n > s->ahead_len - at)) {
		barrier_var(ahead);
		if (ahead > KAFKA_AHEAD)
			ahead = KAFKA_AHEAD;
		s->ahead_len = 0;
		if (!bpf_probe_read_user(s->ahead, ahead, (void *)s->base)) {
			s->ahead_base = s->base;
			s->ahead_len = ahead;
			at = 0;
		}
	}
	barrier_var(n);
	barrier_var(at);
	if (n <= KAFKA_AHEAD && at < KAFKA_AHEAD && at + n <= s->ahead_len) {
		walk_copy_bytes(s->body + fill, s->ahead + at, n);
		return true;
	}
	return n <= RT_PIECE_BYTES && !bpf_probe_read_user(s->body + fill, n, (void *)s->base);
}

/* One step of the walk over a call: at most one vector entry, one window, one record. */
static __always_inline void walk_step(struct scratch *s, struct conn *c, struct kafka_walk *w,
				      int io)
{
	struct kafka_dir *k = &w->dir[io & 1];
	bool request = (c->role == RT_ROLE_SERVER) == (io == RT_RECV);
	__u64 left = s->rec.len - s->at, n;
	__u32 fill, have;
	bool copy;

	if (!left || s->at >= s->rec.len || !k->synced) {
		s->done = 1;
		return;
	}
	if (!s->seg_left && !segment_next(s)) {
		if (!s->rec.gap)
			s->rec.gap = RT_GAP_SYSCALL;
		k->synced = 0;
		s->done = 1;
		return;
	}
	if (left > s->seg_left)
		left = s->seg_left;
	if (k->target > k->pos) {
		n = k->target - k->pos;
		if (n > left)
			n = left;
		cursor_advance(s, n);
		k->pos += n;
		s->walk_open = 0;
		return;
	}
	copy = walk_copies(k);
	if (copy) {
		n = (k->state == K_COPY ? k->copy_end : k->rec_end) - k->pos;
		if (!n) {
			walk_copied(k, request);
			return;
		}
	} else {
		n = k->need - k->have;
	}
	if (n > left)
		n = left;
	if (!s->walk_open || !s->room) {
		/* Many small fragments: their headers take room as well. */
		if (s->room < 2 * KAFKA_WINDOW || s->fill > RT_PIECE_BYTES) {
			record_flush(s, c, io, true);
		}
		frag_open(s);
		s->walk_open = 1;
	}
	if (n > s->room)
		n = s->room;
	barrier_var(n);
	if (n > RT_PIECE_BYTES)
		n = RT_PIECE_BYTES;
	fill = s->fill & (BODY_BYTES - 1);
	if (n && !walk_read(s, fill, n, left)) {
		stat_add(RT_STAT_FAULT, 1);
		s->rec.gap = RT_GAP_FAULT;
		k->synced = 0;
		s->done = 1;
		return;
	}
	if (!copy) {
		have = k->have & (KAFKA_WINDOW - 1);
		barrier_var(n);
		if (n > KAFKA_WINDOW)
			n = KAFKA_WINDOW;
		walk_copy_bytes(k->win + have, s->body + fill, n);
		k->have = have + n;
	}
	s->fill = fill + n;
	s->room -= n;
	frag_grow(s, n);
	cursor_advance(s, n);
	k->pos += n;
	if (!copy && k->have >= k->need)
		walk_parse(w, k, request, k->pos);
}

struct walk_ctx {
	struct scratch *s;
	struct conn *c;
	struct kafka_walk *w;
	int io;
};

static long walk_loop(__u64 i, void *arg)
{
	struct walk_ctx *x = arg;

	walk_step(x->s, x->c, x->w, x->io);
	return x->s->done != 0;
}

#define WALK_STEPS 65536 /* a call of 4 MiB in pieces of 64 bytes */

static __always_inline struct kafka_walk *walk_of(struct conn *c)
{
	struct kafka_walk *w = bpf_map_lookup_elem(&kafka_walks, &c->id), *zero;
	__u32 key = 0;

	if (w)
		return w;
	zero = bpf_map_lookup_elem(&kafka_zero, &key);
	if (!zero || bpf_map_update_elem(&kafka_walks, &c->id, zero, BPF_NOEXIST)) {
		stat_add(RT_STAT_WALK_REFUSED, 1);
		return NULL;
	}
	return bpf_map_lookup_elem(&kafka_walks, &c->id);
}

/*
 * Looks for the beginning of a frame at the beginning of the call; what came of it before, in a
 * call too short for a size, stands in `win`. The position is kept for the next call's sake.
 */
static __always_inline bool walk_begin(struct scratch *s, struct conn *c, struct kafka_dir *k,
				       bool request, bool turn)
{
	__u32 had, n;

	if (turn || k->have > WALK_APART(request) || k->pos != s->rec.off)
		k->have = 0;
	if (!k->have)
		k->turn = turn;
	had = k->have & (RT_CLASSIFY_BYTES - 1);
	n = buffer_peek(s, s->rec.len) & (2 * RT_CLASSIFY_BYTES - 1);
	bpf_probe_read_kernel(k->win + had, RT_CLASSIFY_BYTES, s->head);
	k->pos = s->rec.off;
	if (walk_sync(k->win, had + n, request, k->turn)) {
		k->synced = 1;
		k->sure = !c->late && !s->rec.off; /* where the stream begins */
		k->target = 0;
		walk_want(k, K_HEAD, request ? 12 : 8);
		k->have = had;
		return true;
	}
	k->pos += s->rec.len;
	k->have = s->rec.len <= WALK_APART(request) ? had + n : 0;
	return false;
}

/* The call at `off` goes on with a request whose first bytes came before it was recognised. */
static __always_inline void walk_joins(struct conn *c, int io, __u64 off, const __u8 *head,
				       __u32 had)
{
	struct kafka_walk *w = walk_of(c);

	if (!w)
		return;
	bpf_probe_read_kernel(w->dir[io].win, RT_CLASSIFY_BYTES, head);
	w->dir[io].have = had;
	w->dir[io].pos = off;
	w->dir[io].turn = 1;
}

enum walk_result {
	WALK_NOT, /* it does not know where it is; nothing was copied */
	WALK_DONE,
	WALK_SILENT, /* all lies in skipped records and the frame goes on: not worth a record */
	WALK_LOST,   /* it lost its way: the rest of the call is to be copied as it is */
};

/* The call's bytes by the walk. */
static __always_inline enum walk_result walk_frames(struct scratch *s, struct conn *c, int io,
						    bool turn)
{
	bool request = (c->role == RT_ROLE_SERVER) == (io == RT_RECV);
	struct kafka_walk *w = walk_of(c);
	struct walk_ctx x = {s, c, w, io};
	struct kafka_dir *k;

	if (!w || c->role == RT_ROLE_UNKNOWN)
		return WALK_NOT;
	k = &w->dir[io & 1];
	if (k->synced && k->pos != s->rec.off) {
		k->synced = 0;
		k->have = 0;
	}
	if (!k->synced && !walk_begin(s, c, k, request, turn))
		return WALK_NOT;
	s->walk_open = 0;
	s->done = 0;
	s->ahead_len = 0;
	bpf_loop(WALK_STEPS, walk_loop, &x, 0);
	if (!k->synced && !s->rec.gap)
		return WALK_LOST;
	if (!s->rec.gap)
		s->rec.gap = RT_GAP_SKIPPED;
	if (k->synced && !s->rec.nfrags && s->rec.off + s->rec.len < k->frame_end)
		return WALK_SILENT;
	return WALK_DONE;
}

/* Global, as record_flush() is. */
__weak __noinline int walk_run(struct scratch *s, struct conn *c, int io, bool turn)
{
	if (!s || !c)
		return WALK_NOT;
	return io == RT_SEND ? walk_frames(s, c, RT_SEND, turn) : walk_frames(s, c, RT_RECV, turn);
}

#endif
