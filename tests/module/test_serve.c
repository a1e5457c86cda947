// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "serve/accept.h"
#include "serve/gzip.h"
#include "serve/http.h"
#include "test.h"

/* What Prometheus 2.42 sends. */
#define PROMETHEUS                                                                                 \
	"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"   \
	"q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
#define CHROME "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

struct bed {
	struct serve *serve;
	const char *page;
	size_t page_bytes;
	int render_error;
	bool ready;
	int family;
};

static int bed_render(void *arg, enum expose_format format, struct buf *out)
{
	struct bed *b = arg;

	if (b->render_error)
		return b->render_error;
	buf_str(out, format == EXPOSE_OPENMETRICS ? "open " : "text ");
	buf_put(out, b->page, b->page_bytes);
	return out->error;
}

static bool bed_ready(void *arg)
{
	return ((struct bed *)arg)->ready;
}

static int bed_up(struct bed *b, const char *address)
{
	struct serve_config config = {
		.address = address,
		.version = "9.8.7",
		.render = bed_render,
		.ready = bed_ready,
		.arg = b,
	};

	*b = (struct bed){.page = "page\n", .page_bytes = 5, .ready = true};
	b->family = address && strchr(address, ':') ? AF_INET6 : AF_INET;
	return serve_start(&config, &b->serve);
}

static int dial(const struct bed *b)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons(serve_port(b->serve)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(serve_port(b->serve)),
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool six = b->family == AF_INET6;
	int fd = socket(b->family, SOCK_STREAM, 0);

	if (fd < 0)
		abort();
	if (connect(fd, six ? (void *)&v6 : (void *)&v4, six ? sizeof(v6) : sizeof(v4))) {
		close(fd);
		return -1;
	}
	return fd;
}

struct reply {
	char *text; /* head and body */
	char *body;
	size_t body_bytes;
	int status;
};

static void reply_free(struct reply *r)
{
	free(r->text);
}

/* One request on a connection of its own. */
static struct reply ask(const struct bed *b, const char *method, const char *path,
			const char *headers)
{
	char request[1024], part[65536];
	struct reply r = {0};
	struct buf in;
	ssize_t n;
	int fd = dial(b);

	if (fd < 0)
		abort();
	buf_init(&in, 0);
	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", method, path, headers);
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		abort();
	while ((n = recv(fd, part, sizeof(part), 0)) > 0)
		buf_put(&in, part, (size_t)n);
	close(fd);
	buf_char(&in, '\0');
	r.text = in.p;
	r.body = strstr(in.p, "\r\n\r\n");
	if (!r.body || sscanf(in.p, "HTTP/1.1 %d", &r.status) != 1)
		abort();
	r.body[2] = '\0';
	r.body += 4;
	r.body_bytes = in.n - 1 - (size_t)(r.body - in.p);
	return r;
}

static void check_reply(const struct bed *b, const char *method, const char *path, int status,
			const char *body)
{
	struct reply r = ask(b, method, path, "");

	CHECK_EQ(r.status, status);
	CHECK_STR(r.body, body);
	reply_free(&r);
}

/* ---- negotiation ---- */

TEST(accept)
{
	static const struct {
		const char *accept;
		enum expose_format expect;
	} cases[] = {
		{NULL, EXPOSE_TEXT},
		{"", EXPOSE_TEXT},
		{" , ;;,=", EXPOSE_TEXT},
		{PROMETHEUS, EXPOSE_OPENMETRICS},
		{CHROME, EXPOSE_TEXT},
		{"*/*", EXPOSE_TEXT},
		{"text/plain", EXPOSE_TEXT},
		{"application/json", EXPOSE_TEXT},
		{"application/openmetrics-text", EXPOSE_OPENMETRICS},
		{"Application/OpenMetrics-Text; Version=1.0.0", EXPOSE_OPENMETRICS},
		{"application/openmetrics-text; version=\"1.0.0\"; charset=utf-8",
		 EXPOSE_OPENMETRICS},
		{"application/openmetrics-text;version=0.0.1", EXPOSE_TEXT},
		{"application/openmetrics-text;version=2.0.0", EXPOSE_TEXT},
		{"application/openmetrics-text;version=2.0.0,*/*;q=0.1", EXPOSE_TEXT},
		{"application/openmetrics-text;q=0", EXPOSE_TEXT},
		{"application/openmetrics-text;q=0,*/*", EXPOSE_TEXT},
		{"application/openmetrics-text;q=0.5,text/plain;q=0.4", EXPOSE_OPENMETRICS},
		{"application/openmetrics-text;q=0.4,text/plain;q=0.5", EXPOSE_TEXT},
		{"application/openmetrics-text;q=0.400,text/plain;q=0.399", EXPOSE_OPENMETRICS},
		{"text/plain;q=0.4 , application/openmetrics-text ; q=0.5", EXPOSE_OPENMETRICS},
		{"text/plain;q=0,*/*", EXPOSE_OPENMETRICS},
		{"text/*;q=0.1,application/*", EXPOSE_OPENMETRICS},
		{"application/openmetrics-text,*/*", EXPOSE_OPENMETRICS},
		{"application/openmetrics-text,text/plain", EXPOSE_TEXT},
		{"application/openmetrics-textual", EXPOSE_TEXT},
		{"text/plain;version=0.0.3;q=1,application/openmetrics-text;q=0.1",
		 EXPOSE_OPENMETRICS},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK_EQ(accept_format(cases[i].accept), cases[i].expect);
		if (accept_format(cases[i].accept) != cases[i].expect)
			printf("# %s\n", cases[i].accept);
	}
}

TEST(accept_encoding)
{
	CHECK(!accept_gzip(NULL));
	CHECK(!accept_gzip(""));
	CHECK(!accept_gzip("identity"));
	CHECK(!accept_gzip("deflate, br"));
	CHECK(accept_gzip("gzip"));
	CHECK(accept_gzip("GZip"));
	CHECK(accept_gzip("deflate, gzip;q=0.1"));
	CHECK(accept_gzip("*"));
	CHECK(accept_gzip("br;q=1.0,*;q=0.5"));
	CHECK(!accept_gzip("gzip;q=0"));
	CHECK(!accept_gzip("gzip;q=0.000, *"));
	CHECK(!accept_gzip("*;q=0"));
	CHECK(!accept_gzip("gzipped"));
}

/* Any header, at the end of memory that is its own. */
TEST(headers_are_not_read_past_their_end)
{
	static const char text[] = PROMETHEUS ",;=\"\", gzip;q=0.5;version=\"";

	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = (char *)test_exact(text, n + 1);

		copy[n] = '\0';
		if (n >= sizeof(PROMETHEUS) - 1)
			CHECK_EQ(accept_format(copy), EXPOSE_OPENMETRICS);
		accept_gzip(copy);
		free(copy);
	}
	CHECK(accept_gzip(text));
}

/* ---- gzip ---- */

static char *unpack(const char *p, size_t n, size_t room, size_t *out_bytes)
{
	char *out = malloc(room + 1);
	z_stream z = {.next_in = (Bytef *)(uintptr_t)p,
		      .avail_in = (uInt)n,
		      .next_out = (Bytef *)out,
		      .avail_out = (uInt)room};

	if (!out || inflateInit2(&z, 15 + 16) != Z_OK)
		abort();
	CHECK_EQ(inflate(&z, Z_FINISH), Z_STREAM_END);
	CHECK_EQ(z.avail_in, 0);
	*out_bytes = room - z.avail_out;
	out[*out_bytes] = '\0';
	inflateEnd(&z);
	return out;
}

TEST(gzip_round_trip)
{
	static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 1000000};
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint8_t *in = malloc(sizes[i] + 1);
		struct buf out;
		size_t n;
		char *back;

		REQUIRE(in);
		for (size_t k = 0; k < sizes[i]; k++) {
			x = x * 1103515245 + 12345;
			in[k] = (uint8_t)(x >> 16);
		}
		buf_init(&out, 0);
		CHECK_EQ(gzip_pack(slice_make(in, sizes[i]), &out), 0);
		back = unpack(out.p, out.n, sizes[i] + 1, &n);
		CHECK_EQ(n, sizes[i]);
		CHECK(memcmp(back, in, n) == 0);
		free(back);
		buf_free(&out);
		buf_init(&out, 10);
		CHECK_EQ(gzip_pack(slice_make(in, sizes[i]), &out), -EFBIG);
		buf_free(&out);
		free(in);
	}
}

/* ---- the server ---- */

TEST(paths)
{
	struct reply r;
	struct bed b;

	REQUIRE(bed_up(&b, NULL) == 0);
	check_reply(&b, "GET", "/healthz", 200, "ok\n");
	check_reply(&b, "GET", "/readyz", 200, "ready\n");
	b.ready = false;
	check_reply(&b, "GET", "/readyz", 503, "not ready\n");
	check_reply(&b, "GET", "/healthz?x=1", 200, "ok\n");
	check_reply(&b, "GET", "/metrics", 200, "text page\n");
	check_reply(&b, "GET", "/nothing", 404, "Not found. See /.\n");
	check_reply(&b, "GET", "/metrics/", 404, "Not found. See /.\n");
	r = ask(&b, "GET", "/", "");
	CHECK_EQ(r.status, 200);
	CHECK(strstr(r.text, "Content-Type: text/html; charset=utf-8\r\n"));
	CHECK(strstr(r.body, "redtap 9.8.7"));
	CHECK(strstr(r.body, "href=\"/metrics\""));
	CHECK(strstr(r.body, "href=\"/healthz\""));
	CHECK(strstr(r.body, "href=\"/readyz\""));
	reply_free(&r);
	serve_stop(b.serve);
}

TEST(methods)
{
	static const char *const refused[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
	struct reply r;
	struct bed b;

	REQUIRE(bed_up(&b, NULL) == 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		r = ask(&b, refused[i], "/metrics", "Content-Length: 0\r\n");
		CHECK_EQ(r.status, 405);
		CHECK(strstr(r.text, "Allow: GET, HEAD\r\n"));
		reply_free(&r);
	}
	r = ask(&b, "HEAD", "/metrics", "");
	CHECK_EQ(r.status, 200);
	CHECK_EQ(r.body_bytes, 0);
	CHECK(strstr(r.text, "Content-Length: 10\r\n"));
	reply_free(&r);
	/* a body that comes with it is passed over */
	r = ask(&b, "GET", "/healthz", "Content-Length: 5\r\n\r\nhello");
	CHECK_EQ(r.status, 200);
	CHECK_STR(r.body, "ok\n");
	reply_free(&r);
	r = ask(&b, "HEAD", "/nothing", "");
	CHECK_EQ(r.status, 404);
	CHECK_EQ(r.body_bytes, 0);
	reply_free(&r);
	serve_stop(b.serve);
}

TEST(formats_and_gzip)
{
	struct reply r;
	struct bed b;
	char *back;
	size_t n;

	REQUIRE(bed_up(&b, NULL) == 0);
	r = ask(&b, "GET", "/metrics", "");
	CHECK(strstr(r.text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	CHECK(strstr(r.text, "Vary: Accept, Accept-Encoding\r\n"));
	CHECK(!strstr(r.text, "Content-Encoding"));
	reply_free(&r);
	r = ask(&b, "GET", "/metrics", "Accept: " PROMETHEUS "\r\nAccept-Encoding: gzip\r\n");
	CHECK_EQ(r.status, 200);
	CHECK(strstr(r.text, "Content-Type: application/openmetrics-text; version=1.0.0; "
			     "charset=utf-8\r\n"));
	CHECK(strstr(r.text, "Content-Encoding: gzip\r\n"));
	back = unpack(r.body, r.body_bytes, 100, &n);
	CHECK_STR(back, "open page\n");
	free(back);
	reply_free(&r);
	serve_stop(b.serve);
}

TEST(a_large_page)
{
	const size_t bytes = 20000000;
	char *page = malloc(bytes), *back;
	struct reply r;
	struct bed b;
	size_t n;

	REQUIRE(page);
	for (size_t i = 0; i < bytes; i++)
		page[i] = (char)('a' + i * 7 % 26);
	REQUIRE(bed_up(&b, NULL) == 0);
	b.page = page;
	b.page_bytes = bytes;
	for (int i = 0; i < 2; i++) {
		r = ask(&b, "GET", "/metrics", "");
		CHECK_EQ(r.body_bytes, bytes + 5);
		CHECK(memcmp(r.body + 5, page, bytes) == 0);
		reply_free(&r);
	}
	r = ask(&b, "GET", "/metrics", "Accept-Encoding: gzip\r\n");
	back = unpack(r.body, r.body_bytes, bytes + 6, &n);
	CHECK_EQ(n, bytes + 5);
	CHECK(n == bytes + 5 && memcmp(back + 5, page, bytes) == 0);
	free(back);
	reply_free(&r);
	serve_stop(b.serve);
	free(page);
}

TEST(a_page_that_cannot_be_rendered)
{
	struct bed b;

	REQUIRE(bed_up(&b, NULL) == 0);
	b.render_error = -ETIMEDOUT;
	check_reply(&b, "GET", "/metrics", 503, "The metrics cannot be rendered now.\n");
	b.render_error = 0;
	check_reply(&b, "GET", "/metrics", 200, "text page\n");
	serve_stop(b.serve);
}

TEST(ipv6)
{
	struct bed b;
	int r = bed_up(&b, "::1");

	if (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT)
		SKIP("no IPv6 loopback");
	REQUIRE(r == 0);
	check_reply(&b, "GET", "/healthz", 200, "ok\n");
	serve_stop(b.serve);
}

TEST(addresses_that_cannot_be)
{
	struct serve_config config = {.render = bed_render, .ready = bed_ready};
	struct serve *second = NULL;
	struct bed b;

	REQUIRE(bed_up(&b, "127.0.0.1") == 0);
	config.port = serve_port(b.serve);
	CHECK(config.port != 0);
	CHECK_EQ(serve_start(&config, &second), -EADDRINUSE);
	config.address = "192.0.2.1";
	CHECK_EQ(serve_start(&config, &second), -EADDRNOTAVAIL);
	config.address = "localhost";
	CHECK_EQ(serve_start(&config, &second), -EINVAL);
	config.address = "[::1]";
	CHECK_EQ(serve_start(&config, &second), -EINVAL);
	CHECK(!second);
	serve_stop(b.serve);
	/* and at once again on the same port */
	config.address = NULL;
	CHECK_EQ(serve_start(&config, &second), 0);
	serve_stop(second);
	serve_stop(NULL);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Clients that say nothing, half a request, or do not read, hold up neither others nor the end. */
TEST(lazy_clients)
{
	static const char half[] = "GET /metrics HTTP/1.1\r\nHo";
	static const char whole[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	char *page = calloc(1, 8000000);
	double start;
	struct bed b;
	int fds[12];

	REQUIRE(page);
	REQUIRE(bed_up(&b, NULL) == 0);
	b.page = page;
	b.page_bytes = 8000000;
	for (int i = 0; i < 12; i++) {
		const char *text = i % 3 == 1 ? half : whole;

		fds[i] = dial(&b);
		CHECK(fds[i] >= 0);
		if (i % 3)
			CHECK(send(fds[i], text, strlen(text), MSG_NOSIGNAL) > 0);
	}
	start = seconds();
	check_reply(&b, "GET", "/healthz", 200, "ok\n");
	CHECK(seconds() - start < 2);
	start = seconds();
	serve_stop(b.serve);
	CHECK(seconds() - start < 1);
	for (int i = 0; i < 12; i++)
		close(fds[i]);
	free(page);
}

/* A connection past the limit waits until another one leaves. */
TEST(connections_are_limited)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	struct timeval timeout = {.tv_usec = 300000}, patience = {.tv_sec = 5};
	int fds[SERVE_CONNECTIONS_MAX + 1], last;
	char text[1024];
	struct bed b;

	REQUIRE(bed_up(&b, NULL) == 0);
	for (int i = 0; i <= SERVE_CONNECTIONS_MAX; i++) {
		fds[i] = dial(&b);
		REQUIRE(fds[i] >= 0);
	}
	last = fds[SERVE_CONNECTIONS_MAX];
	setsockopt(last, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	CHECK(send(last, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
	CHECK(recv(last, text, sizeof(text), 0) < 0);
	close(fds[0]);
	setsockopt(last, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	CHECK(recv(last, text, sizeof(text), 0) > 12);
	CHECK(memcmp(text, "HTTP/1.1 200", 12) == 0);
	for (int i = 1; i <= SERVE_CONNECTIONS_MAX; i++)
		close(fds[i]);
	serve_stop(b.serve);
}

TEST(keep_alive)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	char text[4096];
	struct bed b;
	int fd;

	REQUIRE(bed_up(&b, NULL) == 0);
	fd = dial(&b);
	REQUIRE(fd >= 0);
	for (int i = 0; i < 100; i++) {
		size_t n = 0;
		ssize_t got = 1;

		REQUIRE(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
		while (got > 0 && (n < 3 || memcmp(text + n - 3, "ok\n", 3) != 0)) {
			got = recv(fd, text + n, sizeof(text) - n, 0);
			n += got > 0 ? (size_t)got : 0;
		}
		CHECK(n > 12 && memcmp(text, "HTTP/1.1 200", 12) == 0);
	}
	close(fd);
	serve_stop(b.serve);
}
