// SPDX-License-Identifier: GPL-2.0-or-later
#include "naming.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/ratelimit.h"

#define NAMING_ASK_SECONDS 60 /* between two look-ups of one port */
#define NAMING_SCANS       10 /* look-ups of any in a second, at once if need be */

struct naming {
	const struct config *config;
	struct intern *names;
	struct procs *procs;
	/*
	 * Who is behind a TCP port of this host: the service of connections it accepted, else the
	 * process that listens there, asked of /proc once per NAMING_ASK_SECONDS and port.
	 */
	uint32_t by_port[65536];
	uint32_t asked_s[65536]; /* when, in seconds */
	struct ratelimit scans;
};

struct naming *naming_new(const struct config *config, struct intern *names, struct procs *procs)
{
	struct naming *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->config = config;
	n->names = names;
	n->procs = procs;
	return n;
}

void naming_free(struct naming *n)
{
	free(n);
}

void naming_reload(struct naming *n, const struct config *config)
{
	n->config = config;
	memset(n->by_port, 0, sizeof(n->by_port));
}

static bool addr_is_loopback(const struct rt_addr *a)
{
	static const uint8_t v6[16] = {[15] = 1};
	static const uint8_t mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};

	if (a->family == AF_INET)
		return a->ip[0] == 127;
	return memcmp(a->ip, v6, sizeof(v6)) == 0 || memcmp(a->ip, mapped, sizeof(mapped)) == 0;
}

/* The other end is on this host: loopback, or both ends have one address. */
static bool conn_is_local(const struct conn *c)
{
	return addr_is_loopback(&c->remote) ||
	       memcmp(c->remote.ip, c->local.ip, sizeof(c->local.ip)) == 0;
}

static uint32_t name_address(struct naming *n, const struct rt_addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char ip[INET6_ADDRSTRLEN] = "";
	char text[INET6_ADDRSTRLEN + 10];

	if (a->family == AF_INET || memcmp(a->ip, mapped, sizeof(mapped)) == 0) {
		inet_ntop(AF_INET, a->family == AF_INET ? a->ip : a->ip + 12, ip, sizeof(ip));
		snprintf(text, sizeof(text), "%s:%u", ip, a->port);
	} else {
		inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
		snprintf(text, sizeof(text), "[%s]:%u", ip, a->port);
	}
	return intern_put(n->names, slice_str(text));
}

struct listener {
	struct naming *naming;
	uint16_t port;
};

static int listens_on(void *arg, uint32_t tgid, const uint16_t *ports, int n)
{
	struct listener *l = arg;

	for (int i = 0; i < n; i++)
		if (ports[i] == l->port) {
			l->naming->by_port[l->port] = procs_service(l->naming->procs, tgid);
			return 1;
		}
	return 0;
}

/* Looks the listener up: rarely, because it means a look at every process's descriptors. */
static void ask_listener(struct naming *n, uint16_t port)
{
	uint64_t now_ns = clock_mono_ns();
	uint32_t now_s = (uint32_t)(now_ns / CLOCK_NS_PER_SECOND);
	struct listener l = {n, port};
	uint32_t missed;

	if ((n->asked_s[port] && now_s - n->asked_s[port] < NAMING_ASK_SECONDS) ||
	    !ratelimit_pass(&n->scans, now_ns, CLOCK_NS_PER_SECOND, NAMING_SCANS, &missed))
		return;
	n->asked_s[port] = now_s;
	procs_listeners(n->procs, listens_on, &l);
}

static void name_peer(struct naming *n, const struct track *track, struct conn *c)
{
	const struct conn *other;
	const char *configured;

	c->peer_final = true;
	if (c->local.family == AF_UNIX) {
		c->peer = c->path ? intern_put(n->names, slice_str(c->path)) : INTERN_UNKNOWN;
		return;
	}
	if (c->local.family == 0) { /* its first record was lost */
		c->peer = INTERN_UNKNOWN;
		return;
	}
	other = track_peer(track, c);
	if (other) {
		c->peer = procs_service(n->procs, other->tgid);
		return;
	}
	configured = config_peer_name(n->config, c->remote.ip, c->remote.family, c->remote.port);
	if (configured) {
		c->peer = intern_put(n->names, slice_str(configured));
		return;
	}
	if (conn_is_local(c)) {
		c->peer_final = false;
		if (!n->by_port[c->remote.port])
			ask_listener(n, c->remote.port);
		c->peer = n->by_port[c->remote.port];
		if (c->peer)
			return;
	}
	c->peer = name_address(n, &c->remote);
}

struct red_who naming_who(struct naming *n, const struct track *track, struct conn *c)
{
	if (!c->service) {
		c->service = procs_service(n->procs, c->tgid);
		if (c->role == RT_ROLE_SERVER && c->local.family != AF_UNIX)
			n->by_port[c->local.port] = c->service;
	}
	if (c->role == RT_ROLE_CLIENT && !c->peer_final)
		name_peer(n, track, c);
	return (struct red_who){c->service, c->peer, c->role};
}
