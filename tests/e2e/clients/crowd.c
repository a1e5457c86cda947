// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many HTTP connections between two processes, most of them idle.
 *
 *   crowd serve PORT            answers every request on 127.0.0.0/8, in WORKERS processes: a
 * process may have 20,000 descriptors here crowd call PORT IDLE BUSY   opens IDLE + BUSY
 * connections, one request on each, says "ready N"; then for each line "N" on standard input sends
 * N requests over the busy ones and says "done N"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS     4
#define PER_ADDRESS 20000 /* connections to one address: there are not more local ports */

static const char request[] = "GET /crowd HTTP/1.1\r\nHost: crowd\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void serve(int port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, got[256];
	char buf[4096];

	/* Every address of the loopback network, and no other host's. */
	any.sin_addr.s_addr = htonl(INADDR_ANY);
	setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	setsockopt(listener, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 4096))
		fail("listen");
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(ep, got, 256, -1);

		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;

			if (fd == listener) {
				fd = accept(listener, NULL, NULL);
				if (fd < 0)
					fail("accept");
				e.data.fd = fd;
				epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
			} else if (read(fd, buf, sizeof(buf)) <= 0) {
				close(fd);
			} else if (write(fd, response, sizeof(response) - 1) < 0) {
				fail("write");
			}
		}
	}
}

static int open_one(int port, int number)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	/* callers beside each other take different addresses */
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(getpid() % 200 * 256) +
				   (uint32_t)(number / PER_ADDRESS));
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	return fd;
}

static void ask(int fd)
{
	char buf[sizeof(response)];
	size_t n = 0;

	if (write(fd, request, sizeof(request) - 1) < 0)
		fail("write");
	while (n < sizeof(response) - 1) {
		ssize_t r = read(fd, buf + n, sizeof(response) - 1 - n);

		if (r <= 0)
			fail("read");
		n += (size_t)r;
	}
}

static void call(int port, int idle, int busy)
{
	int *fds = calloc((size_t)(idle + busy), sizeof(int));
	char line[64];

	if (!fds)
		fail("calloc");
	for (int i = 0; i < idle + busy; i++) {
		fds[i] = open_one(port, i);
		ask(fds[i]);
	}
	printf("ready %d\n", idle + busy);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		long n = atol(line);

		for (long i = 0; i < n; i++)
			ask(fds[idle + i % busy]);
		printf("done %ld\n", n);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve")) {
		for (int i = 1; i < WORKERS; i++)
			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				break;
			}
		serve(atoi(argv[2]));
	}
	if (argc == 5 && !strcmp(argv[1], "call"))
		call(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	else
		return 2;
	return 0;
}
