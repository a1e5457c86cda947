/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records on their way to user space. Nearly all go into this CPU's queue (queue.h), which costs a
 * fifth of what a BPF ring does: no lock that interrupts have to wait for, and the reader's line is
 * looked at only when the queue seems full. Its one writer may be interrupted, or preempted (an
 * iterator can be), by another on its CPU: that one uses the ring, which knows many writers. So do
 * the records of processes, whose order matters across CPUs. The reader takes the ring first
 * (capture.c).
 */
#ifndef REDTAP_QUEUE_BPF_H
#define REDTAP_QUEUE_BPF_H

#include "copy.bpf.h"
#include "maps.bpf.h"

static __always_inline struct rt_queue *this_queue(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&queues, &cpu);
}

static __always_inline __u64 queue_fill(struct rt_queue *q)
{
	return q->head - *(volatile __u64 *)&q->tail;
}

static __always_inline bool queue_crowded(void)
{
	struct rt_queue *q = this_queue();

	return q && queue_fill(q) > cfg_crowd_bytes;
}

/* How much a write of `bytes` takes. */
static __always_inline __u64 queue_step(__u64 bytes)
{
	return (sizeof(struct rt_queued) + bytes + 7) & ~7ull;
}

/* Where `bytes` of records may be written; NULL: there is no room. */
static __always_inline void *queue_room(struct rt_queue *q, __u64 bytes)
{
	__u64 at = q->at, end = q->head + queue_step(bytes);
	struct rt_queued *entry;

	if (end - q->seen > cfg_queue_bytes) {
		q->seen = *(volatile __u64 *)&q->tail;
		if (end - q->seen > cfg_queue_bytes)
			return NULL;
	}
	barrier_var(at);
	if (at >= cfg_queue_bytes)
		return NULL;
	entry = (void *)(q->data + at);
	entry->bytes = sizeof(*entry) + bytes;
	return entry + 1;
}

/*
 * This CPU's queue, to write `bytes` of records to *to, which ends with queue_end(). NULL: somebody
 * else writes, and the ring is to be used; with *full: neither, there is no room. Atomic, because a
 * writer may be preempted between looking and taking.
 */
static __always_inline struct rt_queue *queue_begin(__u64 bytes, void **to, bool *full)
{
	struct rt_queue *q = this_queue();

	*full = false;
	if (!q || __sync_lock_test_and_set(&q->busy, 1))
		return NULL;
	*to = queue_room(q, bytes);
	if (*to)
		return q;
	publish(&q->busy, 0);
	*full = true;
	return NULL;
}

static __always_inline void ring_wake(struct rt_queue *q)
{
	void *nothing = bpf_ringbuf_reserve(&ring, 8, 0);

	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
	else
		q->ask_at = q->head; /* the next one tries again */
}

/* The reader may have them. It is not woken for a record, but when the queue fills meanwhile. */
static __always_inline void queue_end(struct rt_queue *q, __u64 bytes)
{
	__u64 step = queue_step(bytes);
	__u32 at = q->at + step;

	q->at = at >= cfg_queue_bytes ? at - cfg_queue_bytes : at;
	publish(&q->head, q->head + step);
	if (q->head >= q->ask_at) {
		q->ask_at = q->head + cfg_wake_bytes / 2;
		if (queue_fill(q) > cfg_wake_bytes)
			ring_wake(q);
	}
	publish(&q->busy, 0);
}

/* For a write to the ring, likewise. */
static __always_inline __u64 ring_flags(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > cfg_ring_wake_bytes
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

/* Writes out `bytes` of records. Other than 0: there was no room. */
static __always_inline long queue_write(const void *from, __u64 bytes)
{
	struct rt_queue *q;
	bool full;
	void *to;

	q = queue_begin(bytes, &to, &full);
	if (!q)
		return full ? -1 : bpf_ringbuf_output(&ring, (void *)from, bytes, ring_flags());
	if (bpf_probe_read_kernel(to, bytes, from)) {
		publish(&q->busy, 0);
		return -1;
	}
	queue_end(q, bytes);
	return 0;
}

/* The same of what waits for its connection's next record. */
static __always_inline long queue_write_waiting(const struct conn_wait *w, __u64 bytes)
{
	struct rt_queue *q;
	bool full;
	void *to;

	q = queue_begin(bytes, &to, &full);
	if (!q)
		return full ? -1 : bpf_ringbuf_output(&ring, (void *)w->buf, bytes, ring_flags());
	copy_short(to, w->buf, bytes, WAIT_BYTES);
	queue_end(q, bytes);
	return 0;
}

#endif
