// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What redtap adds to an HTTP exchange, by the scheduler's clock: two servers of one kind, of which
 * redtap follows one, take turns of some milliseconds each. What a machine's neighbours do to one
 * they do to the other, so that a difference of a per cent shows where whole runs differ by thirty.
 *
 *   exchange serve PORT             answers as nginx does: a head by writev(2), a body by
 * sendfile(2) exchange drive SECONDS PORT PID PORT PID   "SLICES US US RATIO QUARTER
 * THREE_QUARTERS"
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 32
#define ROUNDS      20 /* of a slice: one request on every connection each */
#define SLICES_MAX  100000
#define BODY_BYTES  612
#define SERVER_CPU  0
#define CLIENT_CPU  1

static const char request[] = "GET /tiny.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
static const char head[] =
	"HTTP/1.1 200 OK\r\nServer: exchange\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\n"
	"Content-Type: text/plain\r\nContent-Length: 612\r\n"
	"Last-Modified: Sat, 28 Nov 2026 11:00:00 GMT\r\nConnection: keep-alive\r\n"
	"ETag: \"6565d7a0-264\"\r\nAccept-Ranges: bytes\r\n\r\n";

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static struct sockaddr_in loopback(const char *port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void answer(int fd, int body)
{
	struct iovec iov = {(void *)head, sizeof(head) - 1};
	char buf[4096];
	off_t off = 0;

	if (recv(fd, buf, sizeof(buf), 0) <= 0) {
		close(fd);
		return;
	}
	if (writev(fd, &iov, 1) != (ssize_t)iov.iov_len ||
	    sendfile(fd, body, &off, BODY_BYTES) != BODY_BYTES)
		die("answering");
}

static void take(int listener, int epoll)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int one = 1;

	ev.data.fd = accept(listener, NULL, NULL);
	if (ev.data.fd < 0)
		die("accept");
	setsockopt(ev.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, ev.data.fd, &ev))
		die("epoll_ctl");
}

static void serve(const char *port)
{
	struct sockaddr_in addr = loopback(port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
	int body = memfd_create("body", 0), one = 1, n;
	struct epoll_event events[64], ev = {.events = EPOLLIN, .data.fd = listener};

	pin(SERVER_CPU);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener, CONNECTIONS) || ftruncate(body, BODY_BYTES) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev))
		die(port);
	while ((n = epoll_wait(epoll, events, 64, -1)) >= 0)
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				take(listener, epoll);
			else
				answer(events[i].data.fd, body);
		}
	die("epoll_wait");
}

struct server {
	int fds[CONNECTIONS];
	char stat[64]; /* /proc/PID/schedstat */
	double us[SLICES_MAX];
};

static void reach(struct server *s, const char *port, const char *pid)
{
	struct sockaddr_in addr = loopback(port);
	int one = 1;

	snprintf(s->stat, sizeof(s->stat), "/proc/%d/schedstat", atoi(pid));
	for (int i = 0; i < CONNECTIONS; i++) {
		s->fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(s->fds[i], (struct sockaddr *)&addr, sizeof(addr)))
			die(port);
		setsockopt(s->fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
}

static double on_cpu_us(const struct server *s)
{
	FILE *f = fopen(s->stat, "r");
	unsigned long long ns;

	if (!f || fscanf(f, "%llu", &ns) != 1)
		die(s->stat);
	fclose(f);
	return (double)ns / 1000;
}

static void exchanges(struct server *s)
{
	char buf[2048];
	ssize_t n;

	for (int i = 0; i < CONNECTIONS; i++)
		if (write(s->fds[i], request, sizeof(request) - 1) < 0)
			die("write");
	for (int i = 0; i < CONNECTIONS; i++)
		for (size_t got = 0; got < sizeof(head) - 1 + BODY_BYTES; got += (size_t)n) {
			n = read(s->fds[i], buf, sizeof(buf));
			if (n <= 0)
				die("read");
		}
}

static double slice(struct server *s)
{
	double begin = on_cpu_us(s);

	for (int i = 0; i < ROUNDS; i++)
		exchanges(s);
	usleep(200); /* until it sleeps: its time is booked then */
	return (on_cpu_us(s) - begin) / (ROUNDS * CONNECTIONS);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a - *(const double *)b;

	return x < 0 ? -1 : x > 0;
}

static void drive(double seconds, char **where)
{
	static struct server servers[2];
	static double ratios[SLICES_MAX];
	struct timespec begin, now;
	int n = 0;

	pin(CLIENT_CPU);
	for (int k = 0; k < 2; k++)
		reach(&servers[k], where[2 * k], where[2 * k + 1]);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		for (int k = 0; k < 2; k++) {
			int which = n % 2 ? !k : k;

			servers[which].us[n] = slice(&servers[which]);
		}
		ratios[n] = servers[1].us[n] / servers[0].us[n];
		n++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (n < SLICES_MAX && (double)(now.tv_sec - begin.tv_sec) < seconds);
	qsort(servers[0].us, (size_t)n, sizeof(double), by_value);
	qsort(servers[1].us, (size_t)n, sizeof(double), by_value);
	qsort(ratios, (size_t)n, sizeof(double), by_value);
	printf("%d %.3f %.3f %.4f %.4f %.4f\n", n, servers[0].us[n / 2], servers[1].us[n / 2],
	       ratios[n / 2], ratios[n / 4], ratios[3 * n / 4]);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(argv[2]);
	if (argc != 7 || strcmp(argv[1], "drive") != 0) {
		fprintf(stderr, "usage: exchange serve PORT | drive SECONDS PORT PID PORT PID\n");
		return 2;
	}
	drive(atof(argv[2]), argv + 3);
	return 0;
}
