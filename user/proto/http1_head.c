// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/http1_state.h"

enum http1_field {
	FIELD_NONE,
	FIELD_HOST,
	FIELD_LENGTH,
	FIELD_CODING,
	FIELD_TYPE,
};

const struct slice http1_method_names[HTTP1_METHODS] = {
	[HTTP1_OTHER] = SLICE("_OTHER"),  [HTTP1_CONNECT] = SLICE("CONNECT"),
	[HTTP1_DELETE] = SLICE("DELETE"), [HTTP1_GET] = SLICE("GET"),
	[HTTP1_HEAD] = SLICE("HEAD"),     [HTTP1_OPTIONS] = SLICE("OPTIONS"),
	[HTTP1_PATCH] = SLICE("PATCH"),   [HTTP1_POST] = SLICE("POST"),
	[HTTP1_PUT] = SLICE("PUT"),       [HTTP1_TRACE] = SLICE("TRACE"),
	[HTTP1_QUERY] = SLICE("QUERY"),
};

#define METHOD_BYTES_MAX 32

/* RFC 9110 section 5.6.2 */
static bool is_token(uint8_t b)
{
	if ((b | 0x20) >= 'a' && (b | 0x20) <= 'z')
		return true;
	return (b >= '0' && b <= '9') || (b && strchr("!#$%&'*+-.^_`|~", b));
}

static bool is_blank(uint8_t b)
{
	return b == ' ' || b == '\t';
}

static bool is_digit(uint8_t b)
{
	return b >= '0' && b <= '9';
}

/* `lower` is in lower case; the text may be in any. */
static bool same_nocase(const uint8_t *p, const char *lower, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t b = p[i];

		if (b >= 'A' && b <= 'Z')
			b |= 0x20;
		if (b != (uint8_t)lower[i])
			return false;
	}
	return true;
}

static struct slice trim(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_make(s.p + 1, s.n - 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The text before the first `sep`, which with it is taken off `rest`. */
static struct slice take_until(struct slice *rest, uint8_t sep)
{
	const uint8_t *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
	struct slice part = slice_make(rest->p, at ? (size_t)(at - rest->p) : rest->n);

	*rest = at ? slice_make(at + 1, rest->n - part.n - 1) : slice_make(rest->p + rest->n, 0);
	return part;
}

static enum http1_method method_find(const uint8_t *p, size_t n)
{
	for (int i = HTTP1_OTHER + 1; i < HTTP1_METHODS; i++)
		if (slice_eq(http1_method_names[i], slice_make(p, n)))
			return (enum http1_method)i;
	return HTTP1_OTHER;
}

static bool version_ok(const uint8_t *p)
{
	return !memcmp(p, "HTTP/1.", 7) && is_digit(p[7]);
}

static void target_add(struct http1_req *req, struct slice s)
{
	size_t room = HTTP1_TARGET_BYTES - req->target_bytes;
	size_t n = s.n < room ? s.n : room;

	memcpy(req->target + req->target_bytes, s.p, n);
	req->target_bytes = (uint16_t)(req->target_bytes + n);
}

static void host_set(struct http1_req *req, struct slice s)
{
	if (req->host_bytes)
		return;
	req->host_bytes = (uint8_t)(s.n < HTTP1_HOST_BYTES ? s.n : HTTP1_HOST_BYTES);
	memcpy(req->host, s.p, req->host_bytes);
}

/* Keeps a target without its query, its fragment, and a password in an absolute form. */
static int target_set(struct http1_req *req, struct slice target)
{
	struct slice authority, host;
	size_t n = 0, scheme;

	for (; n < target.n && target.p[n] != '?' && target.p[n] != '#'; n++)
		if (target.p[n] <= ' ' || target.p[n] == 0x7f)
			return -EPROTO;
	target.n = n;
	scheme = n >= 7 && same_nocase(target.p, "http://", 7)    ? 7
		 : n >= 8 && same_nocase(target.p, "https://", 8) ? 8
								  : 0;
	if (!scheme) {
		target_add(req, target);
		return 0;
	}
	authority = slice_make(target.p + scheme, n - scheme);
	host = take_until(&authority, '/');
	for (size_t i = host.n; i > 0; i--)
		if (host.p[i - 1] == '@') {
			host = slice_make(host.p + i, host.n - i);
			break;
		}
	target_add(req, slice_make(target.p, scheme));
	target_add(req, host);
	host_set(req, host);
	if (host.p + host.n < target.p + n)
		target_add(req,
			   slice_make(host.p + host.n, (size_t)(target.p + n - host.p) - host.n));
	return 0;
}

int http1_request_line(struct http1_req *req, struct slice line, bool cut)
{
	struct slice target = line, method = take_until(&target, ' ');

	if (slice_eq(line, SLICE("PRI * HTTP/2.0")))
		return RT_LEAVE;
	if (!method.n || method.n > METHOD_BYTES_MAX || !target.n)
		return -EPROTO;
	req->method = (uint8_t)method_find(method.p, method.n);
	if (req->method == HTTP1_OTHER)
		for (size_t i = 0; i < method.n; i++)
			if (!is_token(method.p[i]))
				return -EPROTO;
	if (cut)
		return req->method == HTTP1_OTHER ? -EPROTO
						  : target_set(req, take_until(&target, ' '));
	if (target.n < 10 || target.p[target.n - 9] != ' ' || !version_ok(target.p + target.n - 8))
		return -EPROTO;
	target.n -= 9;
	return target_set(req, target);
}

int http1_status_line(struct slice line)
{
	const uint8_t *p = line.p;

	if (line.n < 12 || !version_ok(p) || p[8] != ' ' || (line.n > 12 && p[12] != ' '))
		return -EPROTO;
	if (p[9] < '1' || p[9] > '9' || !is_digit(p[10]) || !is_digit(p[11]))
		return -EPROTO;
	return (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
}

/* RFC 9112 section 6.3: a list of the same number is that number. */
static void length_add(struct http1_head *head, struct slice value)
{
	while (value.n) {
		struct slice part = trim(take_until(&value, ','));
		uint64_t v = 0;

		if (!part.n)
			continue;
		for (size_t i = 0; i < part.n; i++) {
			if (!is_digit(part.p[i]) || v > (UINT64_MAX >> 4) / 10) {
				head->flags |= HTTP1_BAD_LENGTH;
				return;
			}
			v = v * 10 + (part.p[i] - '0');
		}
		if (head->flags & HTTP1_HAS_LENGTH && head->length != v)
			head->flags |= HTTP1_BAD_LENGTH;
		head->flags |= HTTP1_HAS_LENGTH;
		head->length = v;
	}
}

static void coding_add(struct http1_head *head, struct slice value)
{
	while (value.n) {
		struct slice part = take_until(&value, ',');

		part = trim(take_until(&part, ';'));
		if (!part.n)
			continue;
		head->flags |= HTTP1_HAS_CODING;
		if (part.n == 7 && same_nocase(part.p, "chunked", 7))
			head->flags |= HTTP1_CHUNKED;
		else
			head->flags &= (uint8_t)~HTTP1_CHUNKED;
	}
}

static void type_set(struct http1_head *head, struct slice value)
{
	value = trim(take_until(&value, ';'));
	if (value.n == 17 && same_nocase(value.p, "text/event-stream", 17))
		head->flags |= HTTP1_EVENTS;
}

static enum http1_field field_find(const uint8_t *p, size_t n)
{
	switch (n) {
	case 4: return same_nocase(p, "host", 4) ? FIELD_HOST : FIELD_NONE;
	case 12: return same_nocase(p, "content-type", 12) ? FIELD_TYPE : FIELD_NONE;
	case 14: return same_nocase(p, "content-length", 14) ? FIELD_LENGTH : FIELD_NONE;
	case 17: return same_nocase(p, "transfer-encoding", 17) ? FIELD_CODING : FIELD_NONE;
	}
	return FIELD_NONE;
}

void http1_field_line(struct http1_head *head, struct http1_req *req, struct slice line, bool cut)
{
	struct slice value = line;

	/* obs-fold, RFC 9112 section 5.2: more of the line before */
	if (!line.n || !is_blank(line.p[0])) {
		const uint8_t *colon =
			line.n ? memchr(line.p, ':', line.n < 18 ? line.n : 18) : NULL;
		size_t name = colon ? (size_t)(colon - line.p) : 0;

		head->field = (uint8_t)field_find(line.p, name);
		if (head->field == FIELD_NONE)
			return;
		value = slice_make(colon + 1, line.n - name - 1);
	}
	switch (head->field) {
	case FIELD_HOST:
		if (req)
			host_set(req, trim(value));
		break;
	case FIELD_LENGTH:
		if (cut)
			head->flags |= HTTP1_BAD_LENGTH;
		length_add(head, value);
		break;
	case FIELD_CODING:
		coding_add(head, value);
		/* What it ends in was not seen. */
		if (cut)
			head->flags &= (uint8_t)~HTTP1_CHUNKED;
		break;
	case FIELD_TYPE: type_set(head, value); break;
	}
}

int http1_chunk_line(struct slice line, bool cut, uint64_t *size)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < line.n && slice_hex(line.p[i]) >= 0; i++) {
		if (v >> 56)
			return -EPROTO;
		v = v << 4 | (uint64_t)slice_hex(line.p[i]);
	}
	if (!i)
		return -EPROTO;
	while (i < line.n && is_blank(line.p[i]))
		i++;
	if (i < line.n ? line.p[i] != ';' : cut)
		return -EPROTO;
	*size = v;
	return 0;
}

static int looks_like_status(const uint8_t *p, size_t n)
{
	static const char shape[] = "HTTP/1.0 000";

	for (size_t i = 0; i < sizeof(shape) - 1; i++) {
		if (i == n)
			return -EAGAIN;
		if (shape[i] == '0' ? !is_digit(p[i]) : p[i] != (uint8_t)shape[i])
			return 0;
	}
	if (n == sizeof(shape) - 1)
		return -EAGAIN;
	return p[12] == ' ' || p[12] == '\r' || p[12] == '\n';
}

static int looks_like_request(const uint8_t *p, size_t n)
{
	size_t look = n < HTTP1_LINE_BYTES ? n : HTTP1_LINE_BYTES;
	const uint8_t *end;
	struct http1_req req = {0};
	bool known = false;

	for (int i = HTTP1_OTHER + 1; i < HTTP1_METHODS && !known; i++) {
		struct slice m = http1_method_names[i];
		size_t same = n < m.n ? n : m.n;

		known = !memcmp(p, m.p, same) && (n <= m.n || p[m.n] == ' ');
	}
	if (!known)
		return 0;
	end = memchr(p, '\n', look);
	if (!end && look < HTTP1_LINE_BYTES)
		return -EAGAIN;
	look = end ? (size_t)(end - p) : look;
	if (end && look && p[look - 1] == '\r')
		look--;
	return http1_request_line(&req, slice_make(p, look), !end) == 0;
}

int http1_looks_like(enum rt_dir dir, const uint8_t *p, size_t n)
{
	if (!n)
		return -EAGAIN;
	return dir == RT_REQ ? looks_like_request(p, n) : looks_like_status(p, n);
}
