/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HTTP endpoints: /metrics, /healthz, /readyz and an index. Runs on a thread of its own
 * (libmicrohttpd's), which all callbacks are called on, one at a time.
 */
#ifndef REDTAP_SERVE_HTTP_H
#define REDTAP_SERVE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "metrics/expose.h"

#define SERVE_ADDRESS         "127.0.0.1"
#define SERVE_PORT            9464
#define SERVE_CONNECTIONS_MAX 32           /* more wait in the listen queue */
#define SERVE_TIMEOUT_SECONDS 10           /* of silence on a connection */
#define SERVE_PAGE_BYTES      (256u << 20) /* a longer page is an error 500 */

struct serve_config {
	const char *address; /* numeric, v4 or v6, without brackets; NULL: SERVE_ADDRESS */
	uint16_t port;       /* 0: any free one, see serve_port() */
	const char *version; /* for the index; outlives the server */
	/* Writes the page of /metrics. 0, or a negative errno: 503 then. */
	int (*render)(void *arg, enum expose_format format, struct buf *out);
	/* Whether /readyz says so. */
	bool (*ready)(void *arg);
	void *arg;
};

struct serve;

/*
 * Listens and serves. Errors: -EADDRINUSE, -EACCES, -EADDRNOTAVAIL as bind(2) says, -EINVAL for
 * what is no address, -ENOMEM, -EIO when the server's thread does not start.
 */
int serve_start(const struct serve_config *config, struct serve **out);

/* Ends all connections and the thread; the callbacks are not called after it returns. */
void serve_stop(struct serve *serve);

/* The port that is listened on. */
uint16_t serve_port(const struct serve *serve);

#endif
