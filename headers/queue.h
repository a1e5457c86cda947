/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One CPU's queue of records from the programs to user space: an element of the array map `queues`,
 * which both sides see. One writer at a time (bpf/queue.bpf.h), one reader (capture/reader.h).
 *
 * Positions count bytes since the start and are multiples of eight; the byte at position P is
 * data[P % size]. What is written at once, struct rt_queued and the records behind it, lies in one
 * piece: it may end behind `size`, in the room there.
 */
#ifndef REDTAP_QUEUE_H
#define REDTAP_QUEUE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define RT_QUEUE_LINE 64

/* In front of the records that were written at once. */
struct rt_queued {
	__u32 bytes; /* of this and the records; what follows is at a multiple of eight */
	__u32 pad;
};

struct rt_queue {
	/* the writers' line; the reader only reads `head` */
	__u64 head;   /* everything before it is written */
	__u64 seen;   /* `tail` when it was last looked at */
	__u64 ask_at; /* `head` from which on the reader may have to be woken */
	__u32 at;     /* head % size */
	__u32 busy;   /* somebody writes */
	__u8 pad[RT_QUEUE_LINE - 32];
	/* the reader's line */
	__u64 tail; /* everything before it may be overwritten */
	__u8 pad2[RT_QUEUE_LINE - 8];
	__u8 data[];
};
_Static_assert(sizeof(struct rt_queue) == 2 * RT_QUEUE_LINE, "cache lines");

#endif
