// SPDX-License-Identifier: GPL-2.0
/* The definitions behind maps.bpf.h: one place, because the linker refuses a map defined twice. */
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 cfg_self_tgid = 0;
const volatile __u32 cfg_queue_bytes = RT_QUEUE_MIN_BYTES;
const volatile __u32 cfg_wake_bytes = RT_QUEUE_MIN_BYTES / 4;
const volatile __u32 cfg_ring_wake_bytes = RT_RING_PLAIN_BYTES / 4;
const volatile __u32 cfg_crowd_bytes = RT_QUEUE_MIN_BYTES / 2;
const volatile bool cfg_stamp_sends = false;
const volatile bool cfg_fallback = false;

bool policy_small = false;
__u32 policy_sample = RT_SAMPLE_ALL;
__u32 young_after = 0;
__u32 regs_at = 0;
__u8 open_sweep = 1;
__u64 traced[RT_PID_BITS / 64] = {};

struct ring ring SEC(".maps");
struct queues queues SEC(".maps");
struct sk_conns sk_conns SEC(".maps");
struct fb_conns fb_conns SEC(".maps");
struct fb_fresh fb_fresh SEC(".maps");
struct hints hints SEC(".maps");
struct kafka_walks kafka_walks SEC(".maps");
struct kafka_zero kafka_zero SEC(".maps");
struct stats stats SEC(".maps");
struct cpus cpus SEC(".maps");
struct scratches scratches SEC(".maps");
struct proc_scratch proc_scratch SEC(".maps");
struct conn_ids conn_ids SEC(".maps");
