// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where messages and their parts begin and end (RFC 9112). One step function per state; each
 * consumes whole lines or body bytes, 0 when it needs more.
 */
#include "proto/http1_state.h"

/* "\r\n0\r\n\r\n": the end of a chunked body without trailers */
#define CHUNKED_END      0x0d0a300d0a0d0aull
#define CHUNKED_END_MASK 0xffffffffffffffull

/* What the steps of one feed() share. */
struct feed {
	struct http1 *c;
	struct http1_side *side;
	enum rt_dir dir;
	const struct rt_chunk *chunk;
	const struct rt_sink *sink;
};

void http1_book(struct http1 *c, enum rt_dir dir, uint64_t n, uint64_t ns)
{
	c->side[dir].last_ns = ns;
	c->side[dir].latest = false;
	if (dir == RT_RESP)
		c->resp_bytes += n;
	else if (c->req_open)
		((struct http1_req *)fifo_back(&c->pending))->bytes += n;
}

static void feed_book(const struct feed *f, size_t pos, size_t n)
{
	http1_book(f->c, f->dir, n, RT_AT(f->chunk, pos + n - 1));
}

/* One line at p, without its end; what goes on past HTTP1_LINE_BYTES is skipped later. Returns the
 * bytes to consume, 0 when more are needed. */
static size_t http1_line(struct http1_side *side, const uint8_t *p, size_t n, struct slice *line)
{
	const uint8_t *lf = memchr(p, '\n', http1_min(n, HTTP1_LINE_BYTES));

	if (lf) {
		size_t len = (size_t)(lf - p);

		*line = slice_make(p, len && p[len - 1] == '\r' ? len - 1 : len);
		return len + 1;
	}
	if (n < HTTP1_LINE_BYTES)
		return 0;
	*line = slice_make(p, HTTP1_LINE_BYTES);
	side->skip = true;
	return HTTP1_LINE_BYTES;
}

static void http1_req_end(struct http1 *c)
{
	struct http1_side *side = &c->side[RT_REQ];

	side->state = HTTP1_START;
	c->req_open = false;
}

void http1_msg_end(struct http1 *c, enum rt_dir dir, uint64_t ns, const struct rt_sink *sink)
{
	if (dir == RT_REQ)
		http1_req_end(c);
	else
		http1_finish(c, ns, 0, sink);
}

/*
 * The direction's boundary is lost. In a chunked body the end may still be recognised, and a
 * request whose line was read is known to be there: neither is worth a count by itself.
 */
void http1_lose(struct http1 *c, enum rt_dir dir, enum rt_unparsed cause,
		const struct rt_sink *sink)
{
	struct http1_side *side = &c->side[dir];
	bool chunks = side->state >= HTTP1_CHUNK_SIZE && side->state <= HTTP1_TRAILERS;
	bool started = dir == RT_REQ ? side->state == HTTP1_FIELDS : c->answering || c->orphan;

	if (side->state == HTTP1_LOST)
		return;
	side->state = HTTP1_LOST;
	side->skip = side->candidate = side->heard = false;
	side->recent = 0;
	side->chunked = chunks && cause == RT_UNPARSED_GAP;
	if (cause != RT_UNPARSED_GAP || !(side->chunked || (dir == RT_REQ && started)))
		sink->unparsed(sink->arg, cause, 1);
	if (dir == RT_REQ) {
		c->hole = true;
		return;
	}
	if (c->orphan || (c->answering && c->pending.len + c->hidden > 1)) {
		http1_finish(c, 0, 0, sink);
		side->state = HTTP1_LOST;
		side->chunked = false;
	}
	http1_noise(c, sink);
}

/* Everything that is left of the chunk, after a line that is not HTTP. */
static ssize_t feed_malformed(const struct feed *f, size_t pos)
{
	size_t n = f->chunk->len - pos;

	http1_lose(f->c, f->dir, RT_UNPARSED_MALFORMED, f->sink);
	if (n)
		feed_book(f, pos, n);
	return (ssize_t)n;
}

static int step_request(const struct feed *f, size_t pos, struct slice line, size_t n)
{
	struct http1_req req = {.start_ns = RT_AT(f->chunk, pos), .bytes = n};
	int r = http1_request_line(&req, line, f->side->skip);

	if (r)
		return r;
	f->side->head = (struct http1_head){0};
	f->c->early = false;
	f->c->asked_connect = req.method == HTTP1_CONNECT;
	f->c->req_open = http1_push(f->c, &req, f->sink) != NULL;
	f->side->last_ns = RT_AT(f->chunk, pos + n - 1);
	return 0;
}

static int step_status(const struct feed *f, size_t pos, struct slice line, size_t n)
{
	int status = http1_status_line(line);

	if (status < 0)
		return status;
	http1_answer(f->c, (uint16_t)status, RT_AT(f->chunk, pos), f->sink);
	feed_book(f, pos, n);
	return 0;
}

/* An answer to nothing, which may only have overtaken its request. */
static bool feed_early(const struct feed *f)
{
	const struct http1 *c = f->c;

	return f->dir == RT_RESP && f->chunk->flags & RT_EARLY && !c->pending.len && !c->hidden &&
	       !c->hole;
}

static ssize_t step_start(const struct feed *f, size_t pos)
{
	const uint8_t *p = f->chunk->data + pos;
	size_t len = f->chunk->len - pos, n;
	struct slice line;
	int r;

	/* RFC 9112 section 2.2: an empty line before a message is ignored. */
	if (p[0] == '\n')
		return 1;
	if (p[0] == '\r')
		return len < 2 ? 0 : p[1] == '\n' ? 2 : feed_malformed(f, pos);
	if (feed_early(f))
		return 0;
	n = http1_line(f->side, p, len, &line);
	if (!n)
		return 0;
	r = f->dir == RT_REQ ? step_request(f, pos, line, n) : step_status(f, pos, line, n);
	if (r == RT_LEAVE)
		return r;
	if (r)
		return feed_malformed(f, pos);
	f->side->state = HTTP1_FIELDS;
	return (ssize_t)n;
}

/* Body of a message whose head says so, RFC 9112 section 6.3 (3-6). 0, or -EPROTO. */
static int http1_body(struct http1_side *side, enum rt_dir dir)
{
	const struct http1_head *head = &side->head;

	if (head->flags & HTTP1_HAS_CODING) {
		if (dir == RT_REQ && !(head->flags & HTTP1_CHUNKED))
			return -EPROTO;
		side->state = head->flags & HTTP1_CHUNKED ? HTTP1_CHUNK_SIZE : HTTP1_UNTIL_EOF;
		return 0;
	}
	if (head->flags & HTTP1_BAD_LENGTH)
		return -EPROTO;
	side->left = head->length;
	side->state = HTTP1_BODY;
	if (dir == RT_RESP && !(head->flags & HTTP1_HAS_LENGTH))
		side->state = HTTP1_UNTIL_EOF;
	return 0;
}

static int head_end_request(const struct feed *f)
{
	if (f->c->asked_connect) {
		f->c->req_open = false;
		f->side->state = HTTP1_ASKED;
		return 0;
	}
	return http1_body(f->side, RT_REQ);
}

/* RFC 9112 section 6.3 (1, 2) */
static int head_end_response(const struct feed *f, uint64_t ns)
{
	const struct http1_req *req = f->c->answering ? fifo_front(&f->c->pending) : NULL;
	uint16_t status = f->side->head.status;
	bool ok = status >= 200 && status < 300;

	if (status == 101 || (ok && req && req->method == HTTP1_CONNECT)) {
		http1_finish(f->c, ns, 0, f->sink);
		http1_abandon(f->c, f->sink);
		f->c->tunnel = true;
		return RT_LEAVE;
	}
	if (status < 200) {
		f->side->state = HTTP1_START;
		return 0;
	}
	if (status == 204 || status == 304 || (req && req->method == HTTP1_HEAD)) {
		http1_finish(f->c, ns, 0, f->sink);
		return 0;
	}
	return http1_body(f->side, RT_RESP);
}

static ssize_t step_fields(const struct feed *f, size_t pos)
{
	size_t len = f->chunk->len, at = pos;
	struct http1_req *req = NULL;
	struct slice line;
	int r;

	if (f->dir == RT_REQ && f->c->req_open)
		req = fifo_back(&f->c->pending);
	for (;;) {
		size_t n = at < len ? http1_line(f->side, f->chunk->data + at, len - at, &line) : 0;

		if (!n) {
			if (at > pos)
				feed_book(f, pos, at - pos);
			return (ssize_t)(at - pos);
		}
		at += n;
		if (!line.n)
			break;
		http1_field_line(&f->side->head, req, line, f->side->skip);
		if (f->side->skip) {
			feed_book(f, pos, at - pos);
			return (ssize_t)(at - pos);
		}
	}
	feed_book(f, pos, at - pos);
	r = f->dir == RT_REQ ? head_end_request(f) : head_end_response(f, f->side->last_ns);
	if (r == RT_LEAVE)
		return r;
	if (r)
		return (ssize_t)(at - pos) + feed_malformed(f, at);
	if (f->side->state == HTTP1_BODY && !f->side->left)
		http1_msg_end(f->c, f->dir, f->side->last_ns, f->sink);
	return (ssize_t)(at - pos);
}

static ssize_t step_data(const struct feed *f, size_t pos)
{
	size_t n = (size_t)http1_min(f->side->left, f->chunk->len - pos);

	feed_book(f, pos, n);
	f->c->body_seen |= f->dir == RT_RESP;
	f->side->left -= n;
	if (f->side->left)
		return (ssize_t)n;
	if (f->side->state == HTTP1_CHUNK_DATA)
		f->side->state = HTTP1_CHUNK_END;
	else
		http1_msg_end(f->c, f->dir, f->side->last_ns, f->sink);
	return (ssize_t)n;
}

/* A chunk-size line, the line end behind a chunk, or a trailer line. */
static ssize_t step_chunk_line(const struct feed *f, size_t pos)
{
	struct slice line;
	size_t n = http1_line(f->side, f->chunk->data + pos, f->chunk->len - pos, &line);

	if (!n)
		return 0;
	switch (f->side->state) {
	case HTTP1_CHUNK_SIZE:
		if (http1_chunk_line(line, f->side->skip, &f->side->left))
			return feed_malformed(f, pos);
		f->side->state = f->side->left ? HTTP1_CHUNK_DATA : HTTP1_TRAILERS;
		feed_book(f, pos, n);
		f->c->body_seen |= f->dir == RT_RESP;
		break;
	case HTTP1_CHUNK_END:
		if (line.n)
			return feed_malformed(f, pos);
		f->side->state = HTTP1_CHUNK_SIZE;
		feed_book(f, pos, n);
		break;
	default:
		feed_book(f, pos, n);
		if (!line.n)
			http1_msg_end(f->c, f->dir, f->side->last_ns, f->sink);
	}
	return (ssize_t)n;
}

/* All that is left of the chunk. */
static ssize_t step_rest(const struct feed *f, size_t pos)
{
	size_t n = f->chunk->len - pos;

	if (f->dir == RT_REQ) {
		f->c->early = true;
		f->side->last_ns = f->chunk->last_ns;
		return (ssize_t)n;
	}
	feed_book(f, pos, n);
	f->c->body_seen = true;
	return (ssize_t)n;
}

/*
 * Whether a message starts at the chunk's first byte: 1, 0, or -EAGAIN when there are too few bytes
 * to tell; they come again, and then as a candidate. `may`: it is a place where one can.
 */
static int feed_boundary(const struct feed *f, bool may)
{
	struct http1_side *side = f->side;
	int r;

	if (!may && !(side->candidate && side->candidate_off == f->chunk->off))
		return 0;
	r = http1_looks_like(f->dir, f->chunk->data, f->chunk->len);
	side->candidate = r == -EAGAIN;
	side->candidate_off = f->chunk->off;
	return r;
}

/*
 * A chunked body whose framing was lost: whether it ends here, with the end of a call. Only while
 * the call in which bytes are missing goes on behind them: after the loss of whole calls this may
 * be the end of another response.
 */
static bool lost_chunked_end(const struct feed *f)
{
	struct http1_side *side = f->side;

	if (f->chunk->flags & RT_CALL_START && !side->heard)
		side->chunked = false;
	side->heard = true;
	return side->chunked && f->chunk->flags & RT_CALL_END &&
	       (side->recent & CHUNKED_END_MASK) == CHUNKED_END;
}

static ssize_t step_lost(const struct feed *f, size_t pos)
{
	const struct rt_chunk *chunk = f->chunk;
	size_t n = chunk->len - pos;
	int r = pos ? 0 : feed_boundary(f, chunk->flags & (RT_TURN | RT_CALL_START));

	if (r == -EAGAIN)
		return 0;
	/* While an answer is in progress a status line is text in its body. */
	if (r && (f->dir == RT_REQ || !f->c->answering)) {
		f->side->state = HTTP1_START;
		f->side->chunked = false;
		if (f->dir == RT_RESP)
			f->c->resp_bytes = 0;
		return step_start(f, pos);
	}
	for (size_t i = n > 8 ? n - 8 : 0; i < n; i++)
		f->side->recent = f->side->recent << 8 | chunk->data[pos + i];
	f->c->fresh = false;
	f->side->last_ns = chunk->last_ns;
	f->side->latest = false;
	if (f->dir == RT_RESP) {
		f->c->resp_bytes += n;
		http1_noise(f->c, f->sink);
	} else if (f->c->req_open) {
		feed_book(f, pos, n);
	}
	if (lost_chunked_end(f)) {
		f->side->chunked = false;
		if (f->dir == RT_REQ)
			http1_req_end(f->c);
		else if (f->c->answering)
			http1_finish(f->c, chunk->last_ns, 0, f->sink);
	}
	return (ssize_t)n;
}

static ssize_t feed_step(const struct feed *f, size_t pos)
{
	if (f->side->skip) {
		size_t n = f->chunk->len - pos;
		const uint8_t *lf = memchr(f->chunk->data + pos, '\n', n);

		n = lf ? (size_t)(lf - f->chunk->data) - pos + 1 : n;
		feed_book(f, pos, n);
		f->side->skip = !lf;
		return (ssize_t)n;
	}
	switch ((enum http1_state)f->side->state) {
	case HTTP1_START: return step_start(f, pos);
	case HTTP1_FIELDS: return step_fields(f, pos);
	case HTTP1_BODY:
	case HTTP1_CHUNK_DATA: return step_data(f, pos);
	case HTTP1_CHUNK_SIZE:
	case HTTP1_CHUNK_END:
	case HTTP1_TRAILERS: return step_chunk_line(f, pos);
	case HTTP1_UNTIL_EOF:
	case HTTP1_ASKED: return step_rest(f, pos);
	case HTTP1_LOST: break;
	}
	return step_lost(f, pos);
}

/* The body of an orphan may not be there (HEAD): a status line at a turn is believed. */
static int feed_orphan(const struct feed *f)
{
	int r;

	if (f->dir != RT_RESP || !f->c->orphan || f->side->state <= HTTP1_FIELDS)
		return 0;
	r = feed_boundary(f, f->chunk->flags & RT_TURN);
	if (r > 0)
		http1_finish(f->c, f->side->last_ns, 0, f->sink);
	return r;
}

ssize_t http1_feed(void *conn, enum rt_dir dir, const struct rt_chunk *chunk,
		   const struct rt_sink *sink)
{
	struct http1 *c = conn;
	const struct feed f = {c, &c->side[dir], dir, chunk, sink};
	size_t pos = 0;

	if (c->tunnel)
		return RT_LEAVE;
	if (dir == RT_RESP) {
		c->fresh = false;
		http1_heard(c, chunk->last_ns);
	}
	if (feed_orphan(&f) == -EAGAIN)
		return 0;
	while (pos < chunk->len) {
		ssize_t n = feed_step(&f, pos);

		if (n < 0)
			return n;
		if (!n)
			break;
		pos += (size_t)n;
	}
	return (ssize_t)pos;
}
