// SPDX-License-Identifier: GPL-2.0
/*
 * Fallback capture for kernels without the socket tracepoints (before 6.3): one hook at the exit of
 * every system call. The arguments are still in the saved registers, so there is no enter hook and
 * no stash. The socket is walked to from the file descriptor with CO-RE reads, and its state kept
 * in a hash by the socket's address; socket storage cannot be used here.
 */
#include "io.bpf.h"
#include "open.bpf.h"
#include "run.bpf.h"

/* Numbers below 64 in one mask; the rest one by one. */
#define NR_MASK                                                                                    \
	(1ull << NR_READ | 1ull << NR_WRITE | 1ull << NR_READV | 1ull << NR_WRITEV |               \
	 1ull << NR_SENDFILE | 1ull << NR_SENDTO | 1ull << NR_RECVFROM | 1ull << NR_SENDMSG |      \
	 1ull << NR_RECVMSG)

static __always_inline bool call_wanted(__u64 nr)
{
	if (nr < 64)
		return NR_MASK >> nr & 1;
	return nr == NR_PREADV2 || nr == NR_PWRITEV2 || nr == NR_RECVMMSG || nr == NR_SENDMMSG ||
	       nr == NR_SPLICE;
}

static __always_inline int call_io(__u64 nr)
{
	return nr == NR_READ || nr == NR_READV || nr == NR_RECVFROM || nr == NR_RECVMSG ||
			       nr == NR_PREADV2 || nr == NR_RECVMMSG
		       ? RT_RECV
		       : RT_SEND;
}

/* The descriptor whose socket moved bytes; sendfile and splice name it elsewhere. */
static __always_inline __u32 call_fd(struct pt_regs *regs, __u64 nr)
{
	return nr == NR_SPLICE ? REGS_A3(regs) : REGS_A1(regs);
}

static __always_inline struct sock *fd_sock(__u32 fd, __u32 *ino)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL, **slot;
	struct socket *socket;
	struct inode *inode;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	slot = BPF_CORE_READ(fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), slot + fd) || !file)
		return NULL;
	inode = BPF_CORE_READ(file, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	*ino = BPF_CORE_READ(inode, i_ino);
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline bool sk_wanted(struct sock *sk, __u16 *family)
{
	*family = BPF_CORE_READ(sk, __sk_common.skc_family);
	return BPF_CORE_READ(sk, sk_type) == SOCK_STREAM &&
	       (*family == AF_INET || *family == AF_INET6 || *family == AF_UNIX);
}

/* As bpf_skc_to_tcp_sock(), for a pointer the verifier does not know. */
static __always_inline bool sk_is_tcp(struct sock *sk, __u16 family)
{
	return family != AF_UNIX && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP &&
	       !BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops);
}

static __always_inline bool fb_base(struct conn *c, struct tcp_sock *tp, int io, __u32 ret)
{
	__u32 write_seq = BPF_CORE_READ(tp, write_seq), copied_seq = BPF_CORE_READ(tp, copied_seq);
	__s64 sent = BPF_CORE_READ(tp, bytes_acked) + (write_seq - BPF_CORE_READ(tp, snd_una));
	__s64 received =
		BPF_CORE_READ(tp, bytes_received) - (BPF_CORE_READ(tp, rcv_nxt) - copied_seq);

	c->d[RT_SEND].seq = io == RT_SEND ? write_seq - ret : write_seq;
	c->d[RT_RECV].seq = io == RT_RECV ? copied_seq - ret : copied_seq;
	if (io == RT_SEND)
		sent -= ret;
	else
		received -= ret;
	return sent > 1 || received > 1;
}

static __noinline struct conn *fb_conn(struct sock *sk, __u32 ino, int io, __u32 ret)
{
	__u64 key = (__u64)sk;
	struct conn *c = bpf_map_lookup_elem(&fb_conns, &key);
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u32 zero = 0, flags = 0;
	struct conn *fresh;

	if (c && c->ino == ino)
		return c;
	if (c)
		wait_flush(c);
	fresh = bpf_map_lookup_elem(&fb_fresh, &zero);
	if (!fresh)
		return NULL;
	__builtin_memset(fresh, 0, offsetof(struct conn, wait.buf)); /* nothing waits */
	conn_init(fresh, RT_ROLE_UNKNOWN);
	fresh->ino = ino;
	if (sk_is_tcp(sk, family)) {
		if (fb_base(fresh, (struct tcp_sock *)sk, io, ret))
			flags |= RT_F_LATE;
	} else {
		fresh->noseq = fresh->quiet = 1;
		if (!sock_young(ino))
			flags |= RT_F_LATE;
	}
	fresh->late = flags & RT_F_LATE ? 1 : 0;
	if (bpf_map_update_elem(&fb_conns, &key, fresh, BPF_ANY)) {
		stat_add(RT_STAT_LOST_CONNS, 1);
		young_after = 0;
		return NULL;
	}
	c = bpf_map_lookup_elem(&fb_conns, &key);
	if (c)
		conn_open_record(c, sk, flags);
	return c;
}

static __always_inline __u64 fb_flags(struct pt_regs *regs, __u64 nr)
{
	if (nr == NR_RECVMSG)
		return REGS_A3(regs);
	return nr == NR_RECVFROM || nr == NR_RECVMMSG ? REGS_A4(regs) : 0;
}

static long fb_sum_step(__u64 i, void *arg)
{
	struct scratch *s = ((struct look_ctx *)arg)->s;
	struct mmsghdr *entry = (struct mmsghdr *)s->look_iov;
	__u32 len = 0;

	if (bpf_probe_read_user(&len, sizeof(len), &entry->msg_len))
		return 1;
	s->look_sum += len;
	s->look_iov += sizeof(*entry);
	return 0;
}

/* The vector calls return how many messages they moved; their lengths stand in the entries. */
static __always_inline long fb_bytes(struct pt_regs *regs, __u64 nr, long ret, int io)
{
	struct scratch *s = io_scratch(io);
	struct look_ctx x = {s};

	if (nr != NR_SENDMMSG && nr != NR_RECVMMSG)
		return ret;
	if (!s)
		return -1;
	s->look_sum = 0;
	s->look_iov = REGS_A2(regs);
	bpf_loop(ret > RT_MMSG_MAX ? RT_MMSG_MAX : ret, fb_sum_step, &x, 0);
	return s->look_sum;
}

/* `io` is a constant to the verifier: with a variable direction it walks every path twice over. */
static __always_inline void fb_io(struct pt_regs *regs, __u64 nr, long ret, int io)
{
	__u64 flags = fb_flags(regs, nr);
	struct io_call x = {.task = bpf_get_current_task_btf()};
	struct sock *sk;
	__u16 family;
	__u32 ino = 0;
	__u8 shutdown;

	x.trunc = flags & MSG_TRUNC;
	ret = fb_bytes(regs, nr, ret, io);
	if (ret < 0 || ret > 0x7fffffff || (ret == 0 && io == RT_SEND) ||
	    flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return;
	sk = fd_sock(call_fd(regs, nr), &ino);
	if (!sk || !sk_wanted(sk, &family))
		return;
	x.conn = fb_conn(sk, ino, io, ret);
	if (!x.conn || x.conn->proto == RT_PROTO_IGNORED)
		return;
	x.ret = ret;
	x.regs = regs;
	x.at_exit = true;
	shutdown = BPF_CORE_READ(sk, sk_shutdown);
	x.rcv_shut = shutdown & RCV_SHUTDOWN;
	x.send_shut = shutdown & SEND_SHUTDOWN;
	x.conn->vec[io].vec = 0; /* one call, one entry: the first */
	if (!x.conn->noseq) {
		x.have_seq = true;
		x.seq[RT_SEND] = BPF_CORE_READ((struct tcp_sock *)sk, write_seq);
		x.seq[RT_RECV] = BPF_CORE_READ((struct tcp_sock *)sk, copied_seq);
	}
	io_call(&x, io);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(rt_sys_exit, struct pt_regs *regs, long ret)
{
	__u64 nr = REGS_NR(regs), begin_ns;
	struct rt_cpu *cpu;

	if (ret < 0 || !call_wanted(nr) || !tgid_traced(bpf_get_current_task_btf()->tgid))
		return 0;
	cpu = this_cpu();
	if (!cpu) {
		stat_add(RT_STAT_LOST_RING, 1); /* nor has it a queue */
		return 0;
	}
	begin_ns = run_begin(cpu, RT_PROGRAM_SYS_EXIT);
	if (call_io(nr) == RT_RECV)
		fb_io(regs, nr, ret, RT_RECV);
	else
		fb_io(regs, nr, ret, RT_SEND);
	run_end(cpu, RT_PROGRAM_SYS_EXIT, begin_ns);
	return 0;
}
