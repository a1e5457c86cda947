/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BPF programs: probed, sized, loaded, attached, read. One thread uses a capture, except
 * capture_memory(), which any thread may call between open and close.
 */
#ifndef REDTAP_CAPTURE_H
#define REDTAP_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "stats.h"

enum capture_mode {
	CAPTURE_AUTO,
	CAPTURE_SOCKET,  /* socket tracepoints, kernel 6.3 */
	CAPTURE_SYSCALL, /* tp_btf/sys_exit */
};

/* What this kernel offers; filled by capture_probe(). */
struct capture_probe {
	bool btf;
	bool sock_length; /* sock_send_length and sock_recv_length */
	bool send_locked; /* tcp_sendmsg_locked */
	bool sys_exit;
	bool storage_iter; /* socket storage may be iterated; else open files are */
	bool bpf_allowed;  /* bpf() lets us create a map */
	int bpf_errno;     /* when it does not */
};

struct capture_config {
	enum capture_mode mode;
	size_t ring_bytes; /* of the ring and all queues together; 0: the default */
	bool by_files;     /* list the live by open files, even where storage may be iterated */
};

struct capture;

void capture_probe(struct capture_probe *probe);

/* The mode CAPTURE_AUTO means here; CAPTURE_AUTO itself when none works. */
enum capture_mode capture_choose(const struct capture_probe *probe);
const char *capture_mode_name(enum capture_mode mode);

/* Loads and attaches everything. Negative errno: -ENOSYS the kernel lacks what `mode` needs,
 * -EPERM/-EACCES bpf() was refused, else what libbpf said. Nothing stays attached then. */
int capture_open(const struct capture_config *config, struct capture **out);
void capture_close(struct capture *c); /* detaches; accepts NULL */
enum capture_mode capture_mode(const struct capture *c);

/* How many CPUs there can be, offline ones included. */
int capture_cpus(const struct capture *c);

/* Whether the start of a send is stamped when it enters the kernel (tcp_sendmsg_locked). */
bool capture_stamps_sends(const struct capture *c);

/* Readable when a queue passed its fill mark or a process was executed. */
int capture_fd(const struct capture *c);

/* Hands every record of every queue and the ring to `fn`, one pass over all of them. Returns how
 * many, or a negative errno. The record is valid during the call. */
int capture_read(struct capture *c, void (*fn)(void *arg, const struct rt_rec *rec), void *arg);

/* Writes that are not what the programs write; all of a queue when its end cannot be told. */
uint64_t capture_malformed(const struct capture *c);

/* Bytes of all records read so far. */
uint64_t capture_read_bytes(const struct capture *c);

/* Lists the live connections (RT_REC_OPEN), each once. Negative errno; `arg` as given. */
int capture_list(struct capture *c, void (*fn)(void *arg, const struct rt_rec_open *rec),
		 void *arg);

/*
 * To be called once all processes are selected: sockets without a sequence (AF_UNIX, MPTCP) that
 * are made from now on are known to be new, for RT_YOUNG_INODES inode numbers. Takes some
 * milliseconds a CPU (young.h). It ends with capture_unprime(), which belongs before the selection
 * of processes that ran without, and when the kernel half could not make a connection's state.
 */
void capture_prime(struct capture *c);
bool capture_primed(const struct capture *c);
void capture_unprime(struct capture *c);

/* Selects or deselects a process. */
void capture_trace(struct capture *c, uint32_t tgid, bool on);

/* From now on: captures kept `small` or not, and how many of RT_SAMPLE_ALL connections are looked
 * at.
 */
void capture_policy(struct capture *c, bool small, uint32_t sample);

int capture_hint(struct capture *c, uint64_t conn, const struct rt_hint *hint);
void capture_forget(struct capture *c, uint64_t conn);

void capture_stats(const struct capture *c, uint64_t out[RT_STAT_MAX]);

/* Nanoseconds each program ran, estimated from those that were timed (stats.h). */
void capture_run_times(const struct capture *c, uint64_t out[RT_PROGRAM_MAX]);

/* Bytes of the ring and the queues, and of all other maps: as the kernel has it, and the state of
 * connections by those that were listed last. On the thread that lists them. */
void capture_memory(const struct capture *c, uint64_t *ring_bytes, uint64_t *map_bytes);

/* How many of the programs' runs the kernel skipped because the same one ran below it. */
uint64_t capture_recursion_misses(const struct capture *c);

#endif
