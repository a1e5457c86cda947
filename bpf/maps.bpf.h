/* SPDX-License-Identifier: GPL-2.0 */
/* Every map and global, declared; they are defined in maps.bpf.c. */
#ifndef REDTAP_MAPS_BPF_H
#define REDTAP_MAPS_BPF_H

#include "compat.bpf.h"
#include "event.h"
#include "queue.h"
#include "stats.h"
#include "conn.h"

/* ---- set before load ---- */
extern const volatile __u32 cfg_self_tgid;
extern const volatile __u32 cfg_queue_bytes;     /* size of a queue */
extern const volatile __u32 cfg_wake_bytes;      /* a queue holding more wakes its reader */
extern const volatile __u32 cfg_ring_wake_bytes; /* likewise the ring */
extern const volatile __u32 cfg_crowd_bytes;     /* so full, it takes only the ends of long runs */
extern const volatile bool cfg_stamp_sends;      /* the tcp_sendmsg_locked hook is attached */
extern const volatile bool cfg_fallback;         /* state in `fb_conns`, not in socket storage */

/* ---- set by user space at any time: what may be looked at ---- */
extern bool policy_small;   /* of one call, no more than a piece */
extern __u32 policy_sample; /* of RT_SAMPLE_ALL connections, see rt_sample_of() */
extern __u32 young_after; /* later inode numbers are of new sockets; 0: not known. Either sets it */
extern __u32 regs_at;     /* where on a kernel stack the saved registers are; 0: not known yet */
extern __u8 open_sweep;   /* number of the walk through open files, not 0 */

/* Selected thread groups, one bit each. Written by user space and by the process hooks. */
extern __u64 traced[RT_PID_BITS / 64];

/* What does not go into a queue (queue.bpf.h). Its size is set before load. */
struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RT_RING_PLAIN_BYTES);
};
extern struct ring ring SEC(".maps");

/* One struct rt_queue a CPU, its data and the room behind. Sized before load, both ways. */
struct queues {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct rt_queue) + RT_QUEUE_MIN_BYTES + RT_QUEUE_BEHIND);
};
extern struct queues queues SEC(".maps");

struct sk_conns {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn);
};
extern struct sk_conns sk_conns SEC(".maps");

/* Fallback: by the socket's address; the inode number inside tells a reused address. */
struct fb_conns {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RT_FALLBACK_CONNS);
	__type(key, __u64);
	__type(value, struct conn);
};
extern struct fb_conns fb_conns SEC(".maps");

/* Where an entry of it is made: too large for the stack. */
struct fb_fresh {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct conn);
};
extern struct fb_fresh fb_fresh SEC(".maps");

struct hints {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RT_HINTS_MAX);
	__type(key, __u64);
	__type(value, struct rt_hint);
};
extern struct hints hints SEC(".maps");

/* By connection id; made at a Kafka connection's first recognised call. */
struct kafka_walks {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RT_KAFKA_WALKS);
	__type(key, __u64);
	__type(value, struct kafka_walk);
};
extern struct kafka_walks kafka_walks SEC(".maps");

/* A zeroed struct kafka_walk: too large for the stack. */
struct kafka_zero {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kafka_walk);
};
extern struct kafka_zero kafka_zero SEC(".maps");

struct stats {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RT_STAT_MAX);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct stats stats SEC(".maps");

/* By CPU: found without a load, which a per-CPU array needs. Mappable begins at a page, so that
 * struct rt_cpu begins at a cache line. */
struct cpus {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* the number of possible CPUs, set before load */
	__type(key, __u32);
	__type(value, struct rt_cpu);
};
extern struct cpus cpus SEC(".maps");

/* Scratch of the capture, one per program that uses it: by enum rt_io. */
struct scratches {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct scratch);
};
extern struct scratches scratches SEC(".maps");

struct proc_scratch {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct proc_buf);
};
extern struct proc_scratch proc_scratch SEC(".maps");

struct conn_ids {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct conn_ids conn_ids SEC(".maps");

static __always_inline void stat_add(__u32 id, __u64 n)
{
	__u64 *v = bpf_map_lookup_elem(&stats, &id);

	if (v)
		*v += n;
}

static __always_inline struct rt_cpu *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpus, &cpu);
}

static __always_inline bool tgid_traced(__u32 tgid)
{
	return (traced[(tgid / 64) & (RT_PID_BITS / 64 - 1)] >> (tgid % 64)) & 1;
}

static __always_inline void tgid_trace(__u32 tgid, bool on)
{
	__u64 *word = &traced[(tgid / 64) & (RT_PID_BITS / 64 - 1)];

	if (on)
		__sync_fetch_and_or(word, 1ull << (tgid % 64));
	else
		__sync_fetch_and_and(word, ~(1ull << (tgid % 64)));
}

#endif
