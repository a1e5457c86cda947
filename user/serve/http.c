// SPDX-License-Identifier: GPL-2.0-or-later
#include "serve/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/accept.h"
#include "serve/gzip.h"

#define LISTEN_QUEUE 16
#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_HTML    "text/html; charset=utf-8"

struct serve {
	struct serve_config config;
	struct MHD_Daemon *daemon;
	struct buf index;
	size_t page_bytes; /* of the last page: room for the next */
	uint16_t port;
};

/* ---- answers ---- */

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned int status,
				     const char *type, struct MHD_Response *response)
{
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned int status,
				 const char *text)
{
	return send_response(connection, status, TYPE_TEXT,
			     MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
							     MHD_RESPMEM_PERSISTENT));
}

/* Gives the text to the response, which frees it. */
static struct MHD_Response *response_take(struct buf *text)
{
	size_t n = text->n;
	char *p = buf_take(text);
	struct MHD_Response *response =
		MHD_create_response_from_buffer(n, p, MHD_RESPMEM_MUST_FREE);

	if (!response)
		free(p);
	return response;
}

static enum MHD_Result send_metrics(struct serve *serve, struct MHD_Connection *connection)
{
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	const char *encoding = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							   MHD_HTTP_HEADER_ACCEPT_ENCODING);
	enum expose_format format = accept_format(accept);
	struct MHD_Response *response;
	bool gzip = accept_gzip(encoding);
	struct buf page, packed;

	buf_init(&page, SERVE_PAGE_BYTES);
	buf_init(&packed, SERVE_PAGE_BYTES);
	buf_reserve(&page, serve->page_bytes + serve->page_bytes / 8 + 1);
	if (serve->config.render(serve->config.arg, format, &page)) {
		buf_free(&page);
		return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
				 "The metrics cannot be rendered now.\n");
	}
	serve->page_bytes = page.n;
	if (gzip && gzip_pack(slice_make(page.p, page.n), &packed) == 0) {
		buf_free(&page);
		response = response_take(&packed);
	} else {
		gzip = false;
		buf_free(&packed);
		response = response_take(&page);
	}
	if (response) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
		if (gzip)
			MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	}
	return send_response(connection, MHD_HTTP_OK, expose_content_type(format), response);
}

static enum MHD_Result send_index(const struct serve *serve, struct MHD_Connection *connection)
{
	return send_response(connection, MHD_HTTP_OK, TYPE_HTML,
			     MHD_create_response_from_buffer(serve->index.n, serve->index.p,
							     MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result answer_get(struct serve *serve, struct MHD_Connection *connection,
				  const char *url)
{
	bool ready;

	if (strcmp(url, "/metrics") == 0)
		return send_metrics(serve, connection);
	if (strcmp(url, "/healthz") == 0)
		return send_text(connection, MHD_HTTP_OK, "ok\n");
	if (strcmp(url, "/readyz") == 0) {
		ready = serve->config.ready(serve->config.arg);
		return send_text(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
				 ready ? "ready\n" : "not ready\n");
	}
	if (strcmp(url, "/") == 0)
		return send_index(serve, connection);
	return send_text(connection, MHD_HTTP_NOT_FOUND, "Not found. See /.\n");
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_bytes, void **state)
{
	(void)version;
	(void)upload;
	/* Before the body was read: the library closes the connection behind this answer. */
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD.\n");
	/* The first call comes behind the head. To answer there would close the connection too. */
	if (!*state) {
		*state = arg;
		return MHD_YES;
	}
	if (*upload_bytes) {
		*upload_bytes = 0;
		return MHD_YES;
	}
	return answer_get(arg, connection, url);
}

/* ---- start and stop ---- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int parse_address(const char *text, uint16_t port, union address *out, socklen_t *out_bytes)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		*out_bytes = sizeof(out->v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(port);
		*out_bytes = sizeof(out->v6);
		return 0;
	}
	return -EINVAL;
}

static int get_port(int fd, uint16_t *out)
{
	union address address = {0};
	socklen_t bytes = sizeof(address);

	if (getsockname(fd, &address.any, &bytes))
		return -errno;
	if (address.any.sa_family == AF_INET6)
		*out = ntohs(address.v6.sin6_port);
	else
		*out = ntohs(address.v4.sin_port);
	return 0;
}

/* The socket is opened here and not by the library, which would not say why it could not. */
static int listen_on(const struct serve_config *config, uint16_t *out_port)
{
	const char *text = config->address ? config->address : SERVE_ADDRESS;
	union address address;
	socklen_t bytes;
	int fd, r, one = 1;

	r = parse_address(text, config->port, &address, &bytes);
	if (r)
		return r;
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* A restart must not wait for the last scrape's TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, &address.any, bytes) || listen(fd, LISTEN_QUEUE)) {
		r = -errno;
		close(fd);
		return r;
	}
	r = get_port(fd, out_port);
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}

static void write_index(struct serve *serve)
{
	buf_printf(&serve->index,
		   "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>redtap</title></head>\n"
		   "<body>\n<h1>redtap %s</h1>\n<ul>\n"
		   "<li><a href=\"/metrics\">/metrics</a>: Prometheus text or OpenMetrics</li>\n"
		   "<li><a href=\"/healthz\">/healthz</a>: alive</li>\n"
		   "<li><a href=\"/readyz\">/readyz</a>: programs attached</li>\n"
		   "</ul>\n</body>\n</html>\n",
		   serve->config.version ? serve->config.version : "");
}

int serve_start(const struct serve_config *config, struct serve **out)
{
	struct serve *serve = calloc(1, sizeof(*serve));
	int fd, r;

	if (!serve)
		return -ENOMEM;
	serve->config = *config;
	write_index(serve);
	r = serve->index.error;
	if (r)
		goto fail;
	fd = listen_on(config, &serve->port);
	if (fd < 0) {
		r = fd;
		goto fail;
	}
	serve->daemon = MHD_start_daemon(
		MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL, answer,
		serve, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)SERVE_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)SERVE_TIMEOUT_SECONDS, MHD_OPTION_END);
	if (!serve->daemon) {
		close(fd);
		r = -EIO;
		goto fail;
	}
	*out = serve;
	return 0;
fail:
	serve_stop(serve);
	return r;
}

void serve_stop(struct serve *serve)
{
	if (!serve)
		return;
	if (serve->daemon)
		MHD_stop_daemon(serve->daemon);
	buf_free(&serve->index);
	free(serve);
}

uint16_t serve_port(const struct serve *serve)
{
	return serve->port;
}
