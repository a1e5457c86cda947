// SPDX-License-Identifier: GPL-2.0-or-later
/* What io_uring moves is a gap in its place, whoever does the work: the submitting call, task work,
 * a kernel thread. Its registers describe something else, and must never be believed. */
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "duo.h"

/* ---- io_uring, by its system calls ---- */

struct uring {
	int fd;
	struct io_uring_params p;
	uint8_t *sq, *cq;
	struct io_uring_sqe *sqe;
	size_t sq_bytes, cq_bytes;
};

static bool uring_open(struct uring *u, uint32_t flags)
{
	memset(u, 0, sizeof(*u));
	u->p.flags = flags;
	u->p.sq_thread_idle = 50;
	u->fd = (int)syscall(SYS_io_uring_setup, 4, &u->p);
	if (u->fd < 0)
		return false;
	u->sq_bytes = u->p.sq_off.array + u->p.sq_entries * sizeof(uint32_t);
	u->cq_bytes = u->p.cq_off.cqes + u->p.cq_entries * sizeof(struct io_uring_cqe);
	u->sq = mmap(NULL, u->sq_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		     IORING_OFF_SQ_RING);
	u->cq = mmap(NULL, u->cq_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		     IORING_OFF_CQ_RING);
	u->sqe = mmap(NULL, u->p.sq_entries * sizeof(*u->sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
		      u->fd, IORING_OFF_SQES);
	if (u->sq == MAP_FAILED || u->cq == MAP_FAILED || u->sqe == MAP_FAILED)
		abort();
	return true;
}

static void uring_close(struct uring *u)
{
	munmap(u->sq, u->sq_bytes);
	munmap(u->cq, u->cq_bytes);
	munmap(u->sqe, u->p.sq_entries * sizeof(*u->sqe));
	close(u->fd);
}

static void uring_submit(struct uring *u, uint8_t op, int fd, void *p, uint32_t n)
{
	uint32_t *tail = (uint32_t *)(u->sq + u->p.sq_off.tail);
	uint32_t mask = *(uint32_t *)(u->sq + u->p.sq_off.ring_mask), i = *tail & mask;

	memset(&u->sqe[i], 0, sizeof(u->sqe[i]));
	u->sqe[i].opcode = op;
	u->sqe[i].fd = fd;
	u->sqe[i].addr = (uint64_t)(uintptr_t)p;
	u->sqe[i].len = n;
	((uint32_t *)(u->sq + u->p.sq_off.array))[i] = i;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (u->p.flags & IORING_SETUP_SQPOLL) {
		/* The entry is seen before the flag is looked at, or both sides wait for ever. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n((uint32_t *)(u->sq + u->p.sq_off.flags), __ATOMIC_SEQ_CST) &
		    IORING_SQ_NEED_WAKEUP)
			syscall(SYS_io_uring_enter, u->fd, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
	} else if (syscall(SYS_io_uring_enter, u->fd, 1, 0, 0, NULL, 0) != 1) {
		abort();
	}
}

static int uring_wait(struct uring *u)
{
	uint32_t *head = (uint32_t *)(u->cq + u->p.cq_off.head);
	uint32_t *tail = (uint32_t *)(u->cq + u->p.cq_off.tail);
	uint32_t mask = *(uint32_t *)(u->cq + u->p.cq_off.ring_mask);
	struct io_uring_cqe *cqe = (struct io_uring_cqe *)(u->cq + u->p.cq_off.cqes);
	int res;

	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		syscall(SYS_io_uring_enter, u->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	res = cqe[*head & mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

/* `armed`: the receive waits when the bytes come, and is completed by task work. */
static void by_uring(enum capture_mode mode, enum rig_family family, uint32_t flags, bool armed)
{
	struct duo *d = duo_new(mode, family);
	struct uring u;
	uint8_t buf[400];

	if (!d)
		return;
	if (!uring_open(&u, flags)) {
		duo_free(d);
		SKIP("io_uring_setup() is refused here");
	}
	memset(d->sent + d->n, 'u', 300);
	d->n += 300;
	for (int i = 0; i < 2; i++) {
		if ((i == 0) == armed)
			uring_submit(&u, IORING_OP_RECV, d->p.server, buf, 400);
		else
			uring_submit(&u, IORING_OP_SEND, d->p.client, d->sent + d->n - 300, 300);
		if (i == 1 || !armed)
			CHECK_EQ(uring_wait(&u), 300);
	}
	if (armed)
		CHECK_EQ(uring_wait(&u), 300);
	put(d, 10);
	get(d, 10);
	if (mode == CAPTURE_SOCKET || rig_sequenced(family)) /* else nothing tells */
		for (int server = 0; server < 2; server++) {
			all_but(d, server, 8, 308);
			CHECK_EQ(duo_dir(d, server)->gap[mode == CAPTURE_SOCKET ? RT_GAP_IO_URING
										: RT_GAP_UNSEEN],
				 300);
		}
	uring_close(&u);
	duo_free(d);
}

EVERY(io_uring_is_a_gap)
{
	by_uring(mode, family, 0, false);
}

EVERY(io_uring_task_work_is_a_gap)
{
	by_uring(mode, family, 0, true);
}

EVERY(io_uring_of_a_kernel_thread_is_a_gap)
{
	by_uring(mode, family, IORING_SETUP_SQPOLL, false);
}

/*
 * The receive waits; the bytes come, and it completes at the exit of a recv() that finds nothing
 * left, on the same socket, with another buffer: registers that match and are not to be believed.
 */
TEST(io_uring_completes_in_another_call)
{
	for (int f = 0; f < RIG_UNIX; f++) {
		struct duo *d = duo_new(CAPTURE_SOCKET, (enum rig_family)f);
		static uint8_t wrong[400], right[400];
		struct uring u;

		if (!d)
			return;
		if (!uring_open(&u, 0)) {
			duo_free(d);
			SKIP("io_uring_setup() is refused here");
		}
		memset(wrong, 'w', sizeof(wrong));
		for (int i = 0; i < 50; i++) {
			uring_submit(&u, IORING_OP_RECV, d->p.server, right, sizeof(right));
			put(d, 100);
			recv(d->p.server, wrong, 100, MSG_DONTWAIT);
			if (uring_wait(&u) != 100) /* the plain call took them */
				break;
		}
		CHECK_EQ(duo_dir(d, true)->end <= d->n, true);
		for (uint64_t i = 0; i < d->n; i++)
			if (rig_count(duo_dir(d, true), i, i + 1))
				CHECK(rig_has(duo_dir(d, true), d->sent, i, i + 1));
		uring_close(&u);
		duo_free(d);
	}
}
