/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ABI between the BPF programs and user space: records of the per-CPU queues, and of the
 * iterator over socket storage. Fixed-width types, no implicit padding, host byte order. What is
 * written to a queue at once is one or more of them, each at a multiple of eight bytes.
 *
 * Ordering. Within one direction of a connection the records' offsets are in order once all queues
 * have been read; between directions there is no order: `other` says how far the other direction
 * had come when the call returned (docs/ARCHITECTURE.md, "Order").
 */
#ifndef REDTAP_EVENT_H
#define REDTAP_EVENT_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#include <stddef.h>
#endif

#include "limits.h"

enum rt_rec_type {
	RT_REC_CONN = 1, /* struct rt_rec_conn: a connection is followed from here on */
	RT_REC_DATA = 2, /* struct rt_rec_data: bytes of one send or receive */
	RT_REC_END = 3,  /* struct rt_rec_end: one or both directions ended */
	RT_REC_EXEC = 4, /* struct rt_rec_exec */
	RT_REC_FORK = 5, /* struct rt_rec_proc */
	RT_REC_EXIT = 6, /* struct rt_rec_proc */
	RT_REC_OPEN = 7, /* struct rt_rec_open: the iterator's view of a live connection */
};

/* What the process did: RT_SEND wrote to the socket, RT_RECV read from it. */
enum rt_io {
	RT_RECV = 0,
	RT_SEND = 1,
};

enum rt_protocol {
	RT_PROTO_UNKNOWN = 0,
	RT_PROTO_HTTP = 1,
	RT_PROTO_POSTGRES = 2,
	RT_PROTO_KAFKA = 3,
	RT_PROTO_IGNORED = 4, /* left alone for good: TLS, a tunnel, not recognised, our own */
	RT_PROTO_MAX = 5,
};

enum rt_role {
	RT_ROLE_UNKNOWN = 0,
	RT_ROLE_CLIENT = 1,
	RT_ROLE_SERVER = 2,
};

/* Why bytes of a call are missing; also the label `cause` of redtap_gap_bytes_total. */
enum rt_gap {
	RT_GAP_NONE = 0,
	RT_GAP_LIMIT = 1,   /* more than is captured of one call */
	RT_GAP_SKIPPED = 2, /* below a skip offset user space or the walker set: a known body */
	RT_GAP_UNSEEN = 3,  /* the stream advanced without a hook: splice(2), sockmap */
	RT_GAP_SENDFILE = 4,
	RT_GAP_IO_URING = 5, /* registers do not describe the call */
	RT_GAP_COMPAT = 6,   /* 32-bit task */
	RT_GAP_FAULT = 7,    /* the user page was not present */
	RT_GAP_SYSCALL =
		8,       /* another system call, MSG_TRUNC, or a vector that could not be walked */
	RT_GAP_LOST = 9, /* user space: the queue was full */
	RT_GAP_SAMPLED = 10, /* the connection was not in the sample */
	RT_GAP_MAX = 11,
};

/*
 * Where a connection stands among RT_SAMPLE_ALL: its bytes are looked at while this is
 * below the sample. The same in both halves; successive ids are spread evenly.
 */
#define RT_SAMPLE_ALL 65536

static inline __u32 rt_sample_of(__u64 conn)
{
	return (conn * 0x9e3779b97f4a7c15ull) >> 48;
}

struct rt_rec {
	__u16 type;  /* enum rt_rec_type */
	__u16 flags; /* RT_F_* */
	__u32 bytes; /* of the whole record, this header included */
	__u64 conn;  /* connection id, unique since redtap started; 0 where there is none */
	__u64 ts_ns; /* CLOCK_MONOTONIC */
};

/* rt_rec.flags of RT_REC_DATA */
#define RT_F_SEND  (1u << 0) /* enum rt_io */
#define RT_F_ORDER (1u << 1) /* `other` is valid */
#define RT_F_MORE  (1u << 2) /* further records of the same call follow */
#define RT_F_NOSEQ (1u << 3) /* offsets are counted calls, not TCP's own sequence */
#define RT_F_EOF   (1u << 4) /* receive of 0 bytes: the peer ended this direction; len is 0 */
/* of RT_REC_CONN and RT_REC_OPEN */
#define RT_F_LATE (1u << 5) /* the connection existed before it was first seen */
#define RT_F_SELF (1u << 6) /* one end is redtap itself */

/*
 * One send or receive call, or one piece of it. The call moved bytes [off, off + len) of its
 * direction. Behind the struct follow `nfrags` fragments, each a struct rt_frag and its bytes
 * (not padded); what no fragment of the call covers is a gap of cause `gap`.
 */
struct rt_rec_data {
	struct rt_rec h;
	__u64 start_ns; /* of a send: when its first byte entered the kernel; 0: not known, or a
			 * server's that did not have to wait, which ts_ns tells as well */
	__u64 prev;     /* end offset of the record before in this direction: a hole between the
			 * reader's position and `prev` is a loss, [prev, off) is unseen */
	__u64 off;
	__u64 other;  /* offset of the other direction when the call returned */
	__u64 missed; /* where `other` is reached, the other direction's bytes up to here found
			 their queue full: nothing of them comes any more; 0: none */
	__u32 len;
	__u32 tgid;
	__u32 tid;
	__u16 nfrags;
	__u8 gap;  /* enum rt_gap of the bytes inside the call that no fragment covers */
	__u8 gap0; /* enum rt_gap of [prev, off), or from `prev` inside the call to the first
		      fragment */
};

struct rt_frag {
	__u32 at; /* from the call's first byte */
	__u32 len;
};

struct rt_addr {
	__u8 ip[16];  /* network order; v4 in the first four bytes */
	__u16 port;   /* host order */
	__u16 family; /* AF_INET, AF_INET6, AF_UNIX */
	__u32 pad;
};

struct rt_rec_conn {
	struct rt_rec h;
	struct rt_addr local;
	struct rt_addr remote;
	__u64 sock;   /* kernel address, an opaque key */
	__u64 peer;   /* AF_UNIX: the other end's `sock` */
	__u64 off[2]; /* by enum rt_io: offsets where the following starts */
	__u32 tgid;
	__u32 netns;
	__u8 role; /* enum rt_role as far as the kernel knows */
	__u8 pad[7];
	char path[RT_PATH_BYTES]; /* AF_UNIX: the bound name of either end; '@' for abstract */
};

struct rt_rec_end {
	struct rt_rec h;
	__u64 off[2];  /* by enum rt_io: final offsets as far as seen */
	__u64 lost[2]; /* by enum rt_io: end of what found its queue full behind that; 0: nothing */
	__u8 shut;     /* 1: receiving ended, 2: sending ended, 3: both; as sk_shutdown */
	__u8 reset;    /* connection reset or timed out */
	__u8 destroyed; /* nothing follows for this connection */
	__u8 eof;       /* a record of RT_F_EOF went before */
	__u8 pad[4];
};

/* The iterator's record: one live connection. */
struct rt_rec_open {
	struct rt_rec h;
	__u64 off[2];  /* by enum rt_io */
	__u64 prev[2]; /* by enum rt_io: end of the last record that went into a queue */
	__u64 last_ns; /* last call in either direction */
	__u32 tgid;
	__u8 proto; /* enum rt_protocol as the kernel has it */
	__u8 shut;
	__u8 pad[2];
};

struct rt_rec_proc {
	struct rt_rec h;
	__u32 tgid;
	__u32 parent; /* fork: the tgid that forked */
};

/* `args`: argv as NUL-separated strings, cut at its limit; `otel`: the values' whole variables,
 * "OTEL_SERVICE_NAME=..." and "OTEL_RESOURCE_ATTRIBUTES=...", NUL-terminated, "" when not set. */
struct rt_rec_exec {
	struct rt_rec h;
	__u64 start_ns; /* of the process, CLOCK_BOOTTIME, as field 22 of /proc/PID/stat */
	__u64 cgroup;
	__u32 tgid;
	__u32 args_bytes;
	char filename[RT_PATH_BYTES];
	char args[RT_EXEC_ARGS_BYTES];
	char otel[2][RT_EXEC_ENV_BYTES];
};

/*
 * Value of the `hints` map, key: connection id. Written by user space, read by the kernel in calls
 * that are not skipped: from the RT_HINT_AFTER-th in one direction on, and in each while the
 * protocol is unknown.
 * Offsets are absolute, so a late hint is harmless.
 */
struct rt_hint {
	__u64 skip[2]; /* by enum rt_io: nothing below this offset is wanted */
	__u64 tail[2]; /* by enum rt_io: only the end of each call is wanted as long as the OTHER
			* direction stands at this offset; 0: no such wish */
	__u8 proto;    /* enum rt_protocol: user space's verdict; RT_PROTO_UNKNOWN: none yet */
	__u8 role;     /* enum rt_role that goes with it */
	__u8 pad[6];
};

#ifndef __VMLINUX_H__
_Static_assert(sizeof(struct rt_rec) == 24, "ABI");
_Static_assert(sizeof(struct rt_rec_data) == 80, "ABI");
_Static_assert(sizeof(struct rt_frag) == 8, "ABI");
_Static_assert(sizeof(struct rt_addr) == 24, "ABI");
_Static_assert(offsetof(struct rt_rec_conn, path) == 120, "ABI");
_Static_assert(sizeof(struct rt_rec_conn) == 120 + RT_PATH_BYTES, "ABI");
_Static_assert(sizeof(struct rt_rec_end) == 64, "ABI");
_Static_assert(sizeof(struct rt_rec_open) == 72, "ABI");
_Static_assert(sizeof(struct rt_rec_proc) == 32, "ABI");
_Static_assert(offsetof(struct rt_rec_exec, filename) == 48, "ABI");
_Static_assert(sizeof(struct rt_hint) == 40, "ABI");
#endif
#endif
