/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters the BPF programs keep, one per-CPU array `stats` indexed by enum rt_stat; EVENTS is
 * counted by user space. Every failed helper and every event that is dropped has one: losing data
 * is allowed, losing it silently is not. X(id, metric, cause, help): `metric` groups them for
 * user/metrics/self.c; LOST ones become redtap_events_lost_total{cause}.
 */
#ifndef REDTAP_STATS_H
#define REDTAP_STATS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define RT_STATS(X)                                                                                \
	X(EVENTS, EVENTS, "ring",                                                                  \
	  "writes to the queues read (capture.c counts), each of one or more calls")               \
	X(LOST_RING, LOST, "ring_full", "records that found their queue, or the ring, full")       \
	X(LOST_STORAGE, LOST, "storage_refused", "sockets the kernel refused storage for")         \
	X(LOST_CONNS, LOST, "conn_table_full", "fallback: connections beyond the table")           \
	X(LOST_PROC, LOST, "proc_ring_full", "process records that found the ring full")           \
	X(FAULT, OTHER, "fault", "reads of user memory that failed")                               \
	X(STALE_REGS, OTHER, "stale_registers", "calls whose registers describe another call")     \
	X(COMPAT, OTHER, "compat_task", "calls of 32-bit tasks")                                   \
	X(WALK_LOST, OTHER, "kafka_walk_lost", "Kafka frames whose walk lost its way")             \
	X(WALK_REFUSED, OTHER, "kafka_walk_refused", "Kafka connections beyond the walk table")    \
	X(CROWDED, OTHER, "crowded", "long calls captured small because the queue was half full")  \
	X(CONNS, OTHER, "conns", "connections followed")                                           \
	X(IGNORED_TLS, IGNORED, "tls", "connections left alone: TLS")                              \
	X(IGNORED_UNKNOWN, IGNORED, "unknown", "connections left alone: not recognised")           \
	X(IGNORED_VERDICT, IGNORED, "verdict", "connections left alone: user space said so")       \
	X(IGNORED_SELF, IGNORED, "self", "connections left alone: redtap's own")

enum rt_stat {
#define X(id, metric, cause, help) RT_STAT_##id,
	RT_STATS(X)
#undef X
		RT_STAT_MAX,
};

/*
 * Programs that time themselves, for processes that are selected: one run in 128 on average, after
 * RT_TIMED_LEAST to RT_TIMED_LEAST + RT_TIMED_SPREAD - 1 others, because a fixed number would
 * always meet the same call of a process that repeats itself. X(id, name): the name is the value of
 * redtap_bpf_run_seconds_total's label `program`.
 */
#define RT_TIMED_LEAST  96
#define RT_TIMED_SPREAD 64 /* a power of two */
#define RT_PROGRAMS(X)                                                                             \
	X(SOCK_SEND, "sock_send")                                                                  \
	X(SOCK_RECV, "sock_recv")                                                                  \
	X(SEND_START, "send_start")                                                                \
	X(SYS_EXIT, "sys_exit")

enum rt_program {
#define X(id, name) RT_PROGRAM_##id,
	RT_PROGRAMS(X)
#undef X
		RT_PROGRAM_MAX,
};

/*
 * One CPU's, in the array map `cpus`: what every run needs of its CPU is one cache line. Written by
 * the programs; read by user space at any time.
 */
#define RT_TOOK_NS      32 /* width of a bucket */
#define RT_TOOK_BUCKETS 64 /* the last one: that and more */
struct rt_cpu {
	__u32 left[RT_PROGRAM_MAX]; /* runs until one is timed */
	__u32 pad[12];
	__u64 ns[RT_PROGRAM_MAX]; /* what all runs took, estimated from those that were timed */
	__u64 pad2[4];
	__u32 took[RT_PROGRAM_MAX][RT_TOOK_BUCKETS]; /* timed runs, by what each took */
};
_Static_assert(__builtin_offsetof(struct rt_cpu, ns) == 64 &&
		       __builtin_offsetof(struct rt_cpu, took) == 128 &&
		       sizeof(struct rt_cpu) % 64 == 0,
	       "cache lines");

#endif
