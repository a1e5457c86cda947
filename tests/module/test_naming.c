// SPDX-License-Identifier: GPL-2.0-or-later
/* The name of a connection's other end on this host, which nothing but the listener tells. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

#include "base/clock.h"
#include "naming.h"

#define PORTS   200
#define AT_ONCE 10 /* NAMING_SCANS */

struct bed {
	struct config config;
	struct intern *names;
	struct procs *procs;
	struct rt_env env;
	struct track_ops ops;
	struct track *track;
	struct naming *naming;
	uint32_t self; /* what this process is called */
};

static void nothing(void *arg)
{
	(void)arg;
}

static void bed_up(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	b->names = intern_new(1024);
	b->env.names = b->names;
	REQUIRE(b->names && procs_new(&b->config, b->names, NULL, &b->procs) == 0);
	REQUIRE(procs_scan(b->procs, nothing, NULL) == 0);
	b->track = track_new(&b->ops, &b->env, 16);
	b->naming = naming_new(&b->config, b->names, b->procs);
	REQUIRE(b->track && b->naming);
	b->self = procs_service(b->procs, (uint32_t)getpid());
	CHECK(b->self != INTERN_UNKNOWN);
}

static void bed_down(struct bed *b)
{
	naming_free(b->naming);
	track_free(b->track);
	procs_free(b->procs);
	intern_free(b->names);
}

/* A socket that listens on a port of its own. */
static int listen_on(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	*port = ntohs(a.sin_port);
	return fd;
}

/* The peer of a client's connection to the port, whose other end shows nowhere. */
static struct slice peer_at(struct bed *b, uint16_t port)
{
	struct rt_addr a = {.ip = {127, 0, 0, 1}, .port = 40000, .family = AF_INET};
	struct conn c = {.role = RT_ROLE_CLIENT, .tgid = (uint32_t)getpid(), .local = a};

	c.remote = a;
	c.remote.port = port;
	return intern_get(b->names, naming_who(b->naming, b->track, &c).peer);
}

/* An application that starts calls its database and its broker within the same instant. */
TEST(listeners_of_one_moment_all_have_names)
{
	uint16_t port[AT_ONCE];
	int fd[AT_ONCE];
	struct bed b;

	bed_up(&b);
	for (int i = 0; i < AT_ONCE; i++) {
		fd[i] = listen_on(&port[i]);
		CHECK(slice_eq(peer_at(&b, port[i]), intern_get(b.names, b.self)));
	}
	for (int i = 0; i < AT_ONCE; i++)
		close(fd[i]);
	bed_down(&b);
}

/* Each look-up reads every process: who asks for many ports at once gets addresses. */
TEST(listeners_are_not_looked_up_without_end)
{
	uint64_t begin_ns = clock_mono_ns(), seconds;
	uint64_t named = 0;
	int fd[PORTS];
	uint16_t port;
	struct bed b;

	bed_up(&b);
	for (int i = 0; i < PORTS; i++) {
		fd[i] = listen_on(&port);
		named += slice_eq(peer_at(&b, port), intern_get(b.names, b.self));
	}
	seconds = (clock_mono_ns() - begin_ns) / CLOCK_NS_PER_SECOND;
	CHECK(named >= AT_ONCE && named <= AT_ONCE * (seconds + 2));
	for (int i = 0; i < PORTS; i++)
		close(fd[i]);
	bed_down(&b);
}
