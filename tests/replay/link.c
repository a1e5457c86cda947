// SPDX-License-Identifier: GPL-2.0-or-later
#include "link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "calls.h"

#define CALL_BYTES   (128u << 10) /* sent before the other end reads: fits every socket's buffer */
#define BUFFER_BYTES (1 << 20)

const char *const family_names[FAMILIES] = {"tcp4", "tcp6", "mptcp", "unix"};

uint64_t link_weight;

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int link_socket(enum family family)
{
	static const int domains[FAMILIES] = {AF_INET, AF_INET6, AF_INET, AF_UNIX};

	return socket(domains[family], SOCK_STREAM | SOCK_CLOEXEC,
		      family == FAMILY_MPTCP ? IPPROTO_MPTCP : 0);
}

int link_listen(enum family family, const char *dir)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} a = {0};
	socklen_t len = sizeof(a.in);
	int fd = link_socket(family);

	if (fd < 0)
		return -1;
	if (family == FAMILY_UNIX) {
		a.un.sun_family = AF_UNIX;
		snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s/play.%d", dir, getpid());
		len = sizeof(a.un);
	} else if (family == FAMILY_TCP6) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_addr = in6addr_loopback;
		len = sizeof(a.in6);
	} else {
		a.in.sin_family = AF_INET;
		a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	if (bind(fd, &a.sa, len) || listen(fd, 1024))
		return -1;
	return fd;
}

static void link_tune(enum family family, int fd)
{
	int size = BUFFER_BYTES, one = 1;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (family != FAMILY_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

struct link link_open(enum family family, int listener)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	struct link l = {{link_socket(family), -1}};

	if (l.fd[RT_REQ] < 0 || getsockname(listener, (struct sockaddr *)&a, &len) ||
	    connect(l.fd[RT_REQ], (struct sockaddr *)&a, len))
		fail("connect");
	l.fd[RT_RESP] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (l.fd[RT_RESP] < 0)
		fail("accept4");
	link_tune(family, l.fd[RT_REQ]);
	link_tune(family, l.fd[RT_RESP]);
	return l;
}

/* The other side reads n bytes, which must be p's. */
static void link_take(struct link *l, enum rt_dir side, int recv, const uint8_t *p, size_t n,
		      size_t step)
{
	static uint8_t buf[CALL_BYTES];

	while (n) {
		ssize_t got = calls_recv(recv, l->fd[!side], buf, step < n ? step : n);

		if (got <= 0)
			fail(calls_recv_names[recv]);
		if (memcmp(buf, p, (size_t)got) != 0) {
			fprintf(stderr, "%s brought other bytes\n", calls_recv_names[recv]);
			exit(1);
		}
		link_weight += LINK_CALL_WEIGHT + (uint64_t)got;
		p += got;
		n -= (size_t)got;
	}
}

void link_bytes(struct link *l, enum rt_dir side, int send, int recv, const uint8_t *p, size_t n,
		size_t step)
{
	while (n) {
		ssize_t sent =
			calls_send(send, l->fd[side], p, n < CALL_BYTES ? n : (size_t)CALL_BYTES);

		if (sent <= 0)
			fail(calls_send_names[send]);
		link_take(l, side, recv, p, (size_t)sent, step);
		link_weight += LINK_CALL_WEIGHT + (uint64_t)sent;
		p += sent;
		n -= (size_t)sent;
	}
}

void link_end(struct link *l, enum rt_dir side, enum golden_act act)
{
	struct linger now = {.l_onoff = 1};
	char c;

	if (l->fd[side] < 0)
		return;
	if (act == GOLDEN_SHUT) {
		shutdown(l->fd[side], SHUT_WR);
	} else {
		if (act == GOLDEN_RESET)
			setsockopt(l->fd[side], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(l->fd[side]);
		l->fd[side] = -1;
	}
	if (l->fd[!side] < 0)
		return;
	if (recv(l->fd[!side], &c, 1, 0) > 0 || (act != GOLDEN_RESET && errno == ECONNABORTED)) {
		fprintf(stderr, "bytes after the end\n");
		exit(1);
	}
}
