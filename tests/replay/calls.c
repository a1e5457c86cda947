// SPDX-License-Identifier: GPL-2.0-or-later
#include "calls.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECES 8

const char *const calls_send_names[CALLS_SEND] = {"sendto",   "write",   "writev",
						  "pwritev2", "sendmsg", "sendmmsg"};
const char *const calls_recv_names[CALLS_RECV] = {"recvfrom", "read",    "readv",
						  "preadv2",  "recvmsg", "recvmmsg"};

/* 1, 2, 3 ... bytes, an empty piece among them, the rest in the last. Number of pieces. */
static int cut(struct iovec *v, const void *p, size_t n)
{
	uint8_t *at = (uint8_t *)(uintptr_t)p;
	int k;

	for (k = 0; k < PIECES - 1 && n; k++) {
		size_t len = k == 2 ? 0 : (size_t)k + 1;

		if (len > n)
			len = n;
		v[k] = (struct iovec){at, len};
		at += len;
		n -= len;
	}
	v[k++] = (struct iovec){at, n};
	return k;
}

/* Two messages over one vector. Number of messages. */
static unsigned int halves(struct mmsghdr m[2], struct iovec *v, int k)
{
	size_t first = (size_t)k / 2;

	m[0] = (struct mmsghdr){.msg_hdr = {.msg_iov = v, .msg_iovlen = first ? first : 1}};
	m[1] = (struct mmsghdr){.msg_hdr = {.msg_iov = v + first, .msg_iovlen = (size_t)k - first}};
	return first ? 2 : 1;
}

static ssize_t total(const struct mmsghdr m[2], int n)
{
	return n <= 0 ? n : (ssize_t)m[0].msg_len + (n > 1 ? (ssize_t)m[1].msg_len : 0);
}

/* The second message begins where the first could have ended: moves it up to where it did. */
static ssize_t joined(const struct mmsghdr m[2], int n, uint8_t *p)
{
	const struct iovec *second = m[1].msg_hdr.msg_iov;

	if (n > 1)
		for (size_t i = 0, left = m[1].msg_len; left; i++) {
			size_t len = second[i].iov_len < left ? second[i].iov_len : left;

			memmove(p + m[0].msg_len + (m[1].msg_len - left), second[i].iov_base, len);
			left -= len;
		}
	return total(m, n);
}

ssize_t calls_send(int how, int fd, const void *p, size_t n)
{
	struct iovec v[PIECES];
	struct mmsghdr m[2];
	int k = cut(v, p, n);
	struct msghdr h = {.msg_iov = v, .msg_iovlen = (size_t)k};

	switch (how) {
	case 0: return sendto(fd, p, n, MSG_NOSIGNAL, NULL, 0);
	case 1: return write(fd, p, n);
	case 2: return writev(fd, v, k);
	case 3: return pwritev2(fd, v, k, -1, 0);
	case 4: return sendmsg(fd, &h, MSG_NOSIGNAL);
	default: return total(m, sendmmsg(fd, m, halves(m, v, k), MSG_NOSIGNAL));
	}
}

ssize_t calls_recv(int how, int fd, void *p, size_t n)
{
	struct iovec v[PIECES];
	struct mmsghdr m[2];
	int k = cut(v, p, n);
	struct msghdr h = {.msg_iov = v, .msg_iovlen = (size_t)k};

	switch (how) {
	case 0: return recvfrom(fd, p, n, 0, NULL, NULL);
	case 1: return read(fd, p, n);
	case 2: return readv(fd, v, k);
	case 3: return preadv2(fd, v, k, -1, 0);
	case 4: return recvmsg(fd, &h, 0);
	/* the second only takes what is there, and fills what the first has filled up to */
	default: return joined(m, recvmmsg(fd, m, halves(m, v, k), MSG_WAITFORONE, NULL), p);
	}
}
