/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels and machines, each with its release. Nothing else in bpf/ asks for
 * a kernel version.
 *
 *   6.2   bpf_rdonly_cast()
 *   6.3   sock_send_length, sock_recv_length tracepoints: the primary capture
 *   6.16  tcp_sendmsg_locked tracepoint: stamps the start of a send, tells its bytes' place
 *   5.17  bpf_loop()
 *   5.16  bpf_skc_to_unix_sock()
 *   5.13  bpf_for_each_map_elem()
 *   5.12  atomic exchange
 *   5.5   tp_btf; 5.8 ring buffer; 5.11 socket storage, current task and bpf_sock_from_file() for
 * tracing programs
 */
#ifndef REDTAP_COMPAT_BPF_H
#define REDTAP_COMPAT_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

/* The clamp below a variable-length access: clang 14 else keeps the sign of the smaller type. */
#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

#define AF_UNIX  1
#define AF_INET  2
#define AF_INET6 10

#define ENOSYS   38
#define S_IFMT   0170000
#define S_IFSOCK 0140000

#define SOCK_STREAM   1
#define RCV_SHUTDOWN  1
#define SEND_SHUTDOWN 2

#define MSG_OOB      0x1
#define MSG_PEEK     0x2
#define MSG_TRUNC    0x20
#define MSG_ERRQUEUE 0x2000

#define MSG_SPLICE_PAGES 0x8000000 /* sendfile, splice */

/* The system calls that move stream bytes, and where their registers are. */
#if defined(__TARGET_ARCH_x86)
#define NR_READ           0
#define NR_WRITE          1
#define NR_READV          19
#define NR_WRITEV         20
#define NR_SENDFILE       40
#define NR_SENDTO         44
#define NR_RECVFROM       45
#define NR_SENDMSG        46
#define NR_RECVMSG        47
#define NR_SPLICE         275
#define NR_RECVMMSG       299
#define NR_SENDMMSG       307
#define NR_PREADV2        327
#define NR_PWRITEV2       328
#define NR_IO_URING_ENTER 426
#define TS_COMPAT         0x0002

#define REGS_NR(r) ((r)->orig_ax)
#define REGS_A1(r) ((r)->di)
#define REGS_A2(r) ((r)->si)
#define REGS_A3(r) ((r)->dx)
#define REGS_A4(r) ((r)->r10)

/*
 * While a system call runs, its saved return value is still -ENOSYS; task work at the exit of
 * another call and io_uring's workers show something else (measured on 6.18).
 */
#define REGS_IN_SYSCALL(r) ((r)->ax == (unsigned long)-ENOSYS)

/* Who sees the value sees what was written before it: this machine does not swap stores. */
#define publish(at, value)                                                                         \
	do {                                                                                       \
		asm volatile("" ::: "memory");                                                     \
		*(volatile __typeof__(*(at)) *)(at) = (value);                                     \
	} while (0)
#else
#error "redtap's capture knows x86-64 only"
#endif

/* Weak: a kernel that does without (before 6.2) has no use for the programs that ask. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/* A socket known to be TCP's; a cast where the helper is a call. */
static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
	return bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
}

static __always_inline bool task_is_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}

#endif
