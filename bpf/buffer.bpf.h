/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the bytes of the current send or receive are: from the task's saved system call registers,
 * trusted only while they describe this very call.
 */
#ifndef REDTAP_BUFFER_BPF_H
#define REDTAP_BUFFER_BPF_H

#include "maps.bpf.h"

static __always_inline void buffer_vector(struct scratch *s, __u64 iov, __u64 count)
{
	s->iov = iov;
	s->iov_left = count > RT_IOV_MAX ? RT_IOV_MAX : count;
}

static __always_inline __u8 buffer_msghdr(struct scratch *s, __u64 msg)
{
	struct user_msghdr hdr;

	if (bpf_probe_read_user(&hdr, sizeof(hdr), (void *)msg)) {
		stat_add(RT_STAT_FAULT, 1);
		return RT_GAP_FAULT;
	}
	buffer_vector(s, (__u64)hdr.msg_iov, hdr.msg_iovlen);
	return RT_GAP_NONE;
}

/* The loops' cursors live in the scratch (record.bpf.h). */
struct look_ctx {
	struct scratch *s;
};

static long buffer_sum_step(__u64 i, void *arg)
{
	struct scratch *s = ((struct look_ctx *)arg)->s;
	struct iovec iov;

	if (!s->look_entries || bpf_probe_read_user(&iov, sizeof(iov), (void *)s->look_iov))
		return 1;
	s->look_sum += iov.iov_len;
	s->look_iov += sizeof(iov);
	s->look_entries--;
	return 0;
}

/* sendmmsg and recvmmsg report once per entry, with the same registers: the entry is counted. */
static __always_inline __u32 buffer_mmsg_next(struct conn_vec *v, __u64 vec, __u32 vlen)
{
	__u32 i = v->vec == vec ? v->i : 0;

	if (i >= RT_MMSG_MAX || i >= vlen)
		i = 0;
	v->vec = vec;
	v->i = i + 1 < vlen ? i + 1 : 0;
	return i;
}

/* An entry that was sent in part ends the call; one that is too small is not the one meant. */
static __always_inline __u8 buffer_mmsg(struct scratch *s, struct conn_vec *v, __u64 vec,
					__u32 vlen, int io, __u32 ret)
{
	__u32 i = buffer_mmsg_next(v, vec, vlen);
	struct look_ctx x = {s};
	__u8 gap = buffer_msghdr(s, vec + i * sizeof(struct mmsghdr));

	if (gap)
		return gap;
	s->look_sum = 0;
	s->look_iov = s->iov;
	s->look_entries = s->iov_left;
	bpf_loop(RT_IOV_MAX, buffer_sum_step, &x, 0);
	if (ret > s->look_sum) {
		v->vec = 0;
		stat_add(RT_STAT_STALE_REGS, 1);
		return RT_GAP_SYSCALL;
	}
	if (io == RT_SEND && ret < s->look_sum)
		v->i = 0;
	return RT_GAP_NONE;
}

/* An entry of no bytes counts as well: an empty vector, or the end of the stream. */
static __always_inline void buffer_mmsg_empty(struct conn_vec *v, struct pt_regs *regs, int io)
{
	if (REGS_IN_SYSCALL(regs) && REGS_NR(regs) == (io == RT_SEND ? NR_SENDMMSG : NR_RECVMMSG))
		buffer_mmsg_next(v, REGS_A2(regs), REGS_A3(regs));
}

/* At the exit of the call all its messages are there at once, each with its length. */
static __always_inline __u8 buffer_messages(struct scratch *s, struct pt_regs *regs)
{
	s->mmsg = REGS_A2(regs);
	s->mmsg_left = REGS_A3(regs) > RT_MMSG_MAX ? RT_MMSG_MAX : REGS_A3(regs);
	return RT_GAP_NONE;
}

/*
 * Where the bytes of a call with a single buffer are, or with a vector whose first entry holds all
 * of them; 0: it is another call, or not to be told.
 */
static __always_inline __u64 buffer_plain(struct pt_regs *regs, int io, __u64 len)
{
	__u64 nr = REGS_NR(regs);
	struct iovec iov;

	if (io == RT_SEND ? nr == NR_WRITE || nr == NR_SENDTO : nr == NR_READ || nr == NR_RECVFROM)
		return REGS_A2(regs);
	if ((io == RT_SEND ? nr != NR_WRITEV : nr != NR_READV) ||
	    bpf_probe_read_user(&iov, sizeof(iov), (void *)REGS_A2(regs)) || iov.iov_len < len)
		return 0;
	return (__u64)iov.iov_base;
}

/* Points the cursor at the call's bytes. RT_GAP_NONE, or why they cannot be had. */
static __always_inline __u8 buffer_find(struct scratch *s, struct conn_vec *v,
					struct task_struct *task, struct pt_regs *regs, int io,
					__u32 ret, bool at_exit)
{
	__u64 nr = REGS_NR(regs);

	s->base = s->seg_left = s->iov = s->mmsg = 0;
	s->iov_left = s->mmsg_left = s->mmsg_bytes = 0;
	if (task_is_compat(task)) {
		stat_add(RT_STAT_COMPAT, 1);
		return RT_GAP_COMPAT;
	}
	if (!at_exit && !REGS_IN_SYSCALL(regs)) {
		stat_add(RT_STAT_STALE_REGS, 1);
		return RT_GAP_IO_URING;
	}
	if (io == RT_SEND) {
		switch (nr) {
		case NR_WRITE:
		case NR_SENDTO:
			s->base = REGS_A2(regs);
			s->seg_left = ret;
			return RT_GAP_NONE;
		case NR_WRITEV:
		case NR_PWRITEV2:
			buffer_vector(s, REGS_A2(regs), REGS_A3(regs));
			return RT_GAP_NONE;
		case NR_SENDMSG: return buffer_msghdr(s, REGS_A2(regs));
		case NR_SENDMMSG:
			return at_exit ? buffer_messages(s, regs)
				       : buffer_mmsg(s, v, REGS_A2(regs), REGS_A3(regs), io, ret);
		case NR_SENDFILE:
		case NR_SPLICE: return RT_GAP_SENDFILE;
		}
	} else {
		switch (nr) {
		case NR_READ:
		case NR_RECVFROM:
			s->base = REGS_A2(regs);
			s->seg_left = ret;
			return RT_GAP_NONE;
		case NR_READV:
		case NR_PREADV2: buffer_vector(s, REGS_A2(regs), REGS_A3(regs)); return RT_GAP_NONE;
		case NR_RECVMSG: return buffer_msghdr(s, REGS_A2(regs));
		case NR_RECVMMSG:
			return at_exit ? buffer_messages(s, regs)
				       : buffer_mmsg(s, v, REGS_A2(regs), REGS_A3(regs), io, ret);
		}
	}
	stat_add(RT_STAT_STALE_REGS, 1);
	return nr == NR_IO_URING_ENTER ? RT_GAP_IO_URING : RT_GAP_SYSCALL;
}

/* The vector of the next message of a sendmmsg or recvmmsg at its exit. False: there is none. */
static __always_inline bool buffer_peek_message(struct scratch *s)
{
	struct mmsghdr entry;

	if (!s->look_mmsg_left || bpf_probe_read_user(&entry, sizeof(entry), (void *)s->look_mmsg))
		return false;
	s->look_mmsg += sizeof(entry);
	s->look_mmsg_left--;
	s->look_mmsg_bytes = entry.msg_len;
	s->look_iov = (__u64)entry.msg_hdr.msg_iov;
	s->look_entries =
		entry.msg_hdr.msg_iovlen > RT_IOV_MAX ? RT_IOV_MAX : entry.msg_hdr.msg_iovlen;
	return true;
}

static __always_inline bool buffer_peek_step(struct scratch *s)
{
	__u64 n = s->look_sum, take = s->look_len - n;
	struct iovec iov;

	if (n >= s->look_len)
		return false;
	if (!s->look_left) {
		if (!s->look_entries || bpf_probe_read_user(&iov, sizeof(iov), (void *)s->look_iov))
			return false;
		s->look_iov += sizeof(iov);
		s->look_entries--;
		s->look_base = (__u64)iov.iov_base;
		s->look_left = iov.iov_len;
		if (!s->look_left)
			return true;
	}
	if (take > s->look_left)
		take = s->look_left;
	barrier_var(take);
	if (take > RT_CLASSIFY_BYTES)
		take = RT_CLASSIFY_BYTES;
	if (bpf_probe_read_user(s->head + (n & (RT_CLASSIFY_BYTES - 1)), take,
				(void *)s->look_base))
		return false;
	s->look_sum = n + take;
	s->look_left = 0;
	return true;
}

static long buffer_peek_loop(__u64 i, void *arg)
{
	return !buffer_peek_step(((struct look_ctx *)arg)->s);
}

/* Likewise, from message to message; what is behind a message's own end is not looked at. */
static long buffer_peek_mmsg_loop(__u64 i, void *arg)
{
	struct scratch *s = ((struct look_ctx *)arg)->s;
	__u64 before = s->look_sum, end = before + s->look_mmsg_bytes;
	__u32 len = s->look_len;
	bool more;

	if (!s->look_mmsg_bytes || !s->look_entries)
		return !buffer_peek_message(s);
	if (s->look_len > end)
		s->look_len = end;
	more = buffer_peek_step(s);
	s->look_len = len;
	s->look_mmsg_bytes -= s->look_sum - before;
	return !more;
}

/* Puts the call's first bytes into s->head, zeroes behind them; the cursor stays. How many. */
static __always_inline __u32 buffer_peek(struct scratch *s, __u32 len)
{
	struct look_ctx x = {s};

	__builtin_memset(s->head, 0, sizeof(s->head));
	s->look_base = s->base;
	s->look_left = s->seg_left;
	s->look_iov = s->iov;
	s->look_entries = s->iov_left;
	s->look_mmsg = s->mmsg;
	s->look_mmsg_left = s->mmsg_left;
	s->look_mmsg_bytes = s->mmsg_bytes;
	s->look_sum = 0;
	s->look_len = len < RT_CLASSIFY_BYTES ? len : RT_CLASSIFY_BYTES;
	if (cfg_fallback && s->mmsg)
		bpf_loop(RT_IOV_MAX, buffer_peek_mmsg_loop, &x, 0);
	else if (buffer_peek_step(s) && s->look_sum < s->look_len)
		bpf_loop(RT_IOV_MAX, buffer_peek_loop, &x, 0);
	return s->look_sum;
}

#endif
