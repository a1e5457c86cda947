// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/http1_state.h"

static uint32_t pending_count(const struct http1 *c)
{
	return c->pending.len + c->hidden;
}

/* `req` NULL: an orphan. */
static void pair_emit(const struct http1 *c, const struct http1_req *req, uint16_t status,
		      uint64_t end_ns, uint32_t flags, const struct rt_sink *sink)
{
	struct rt_txn txn = {.proto = RT_PROTO_HTTP, .flags = flags, .end_ns = end_ns};

	txn.resp_bytes = c->resp_bytes;
	txn.http.status = status;
	txn.http.method = http1_method_names[req ? req->method : HTTP1_OTHER];
	if (status)
		txn.first_ns = c->first_ns;
	if (req) {
		txn.start_ns = req->start_ns;
		txn.req_bytes = req->bytes;
		txn.http.target = slice_make(req->target, req->target_bytes);
		txn.http.host = slice_make(req->host, req->host_bytes);
	}
	if (!req || !end_ns)
		txn.flags |= RT_TXN_NO_DURATION;
	sink->txn(sink->arg, &txn);
}

static void pair_pop(struct http1 *c)
{
	fifo_pop(&c->pending, 1);
	if (!c->pending.len) {
		c->req_open = false;
		fifo_trim(&c->pending, HTTP1_KEEP_ITEMS);
	}
}

void http1_abandon(struct http1 *c, const struct rt_sink *sink)
{
	uint32_t n = pending_count(c);

	if (n)
		sink->unparsed(sink->arg, RT_UNPARSED_ABANDONED, n);
	fifo_pop(&c->pending, c->pending.len);
	fifo_trim(&c->pending, HTTP1_KEEP_ITEMS);
	c->hidden = 0;
	c->req_open = c->answering = false;
}

void http1_finish(struct http1 *c, uint64_t ns, uint32_t flags, const struct rt_sink *sink)
{
	struct http1_side *asked = &c->side[RT_REQ], *said = &c->side[RT_RESP];

	if (said->head.flags & HTTP1_EVENTS)
		flags |= RT_TXN_STREAM;
	if (c->answering) {
		pair_emit(c, fifo_front(&c->pending), said->head.status, ns, flags, sink);
		pair_pop(c);
	} else {
		sink->unparsed(sink->arg, RT_UNPARSED_ORPHAN, 1);
		pair_emit(c, NULL, said->head.status, ns, flags, sink);
		if (c->hidden)
			c->hidden--;
	}
	c->answering = c->orphan = c->body_seen = c->overlap = false;
	c->resp_bytes = c->first_ns = 0;
	said->state = HTTP1_START;
	/* A CONNECT was refused: what the client said meanwhile was meant for the tunnel. */
	if (asked->state == HTTP1_ASKED && !pending_count(c)) {
		asked->state = c->early ? HTTP1_LOST : HTTP1_START;
		c->early = false;
	}
}

/* A request arrives while the end of the response before it was not recognised: that is over now.
 */
static void pair_after_loss(struct http1 *c, bool turn, const struct rt_sink *sink)
{
	struct http1_side *said = &c->side[RT_RESP];
	bool whole = turn && !c->sliding && !c->hole;

	http1_finish(c, whole ? http1_known_ns(said) : 0, 0, sink);
	said->state = HTTP1_LOST;
	said->chunked = false;
	if (!turn || c->sliding)
		c->hole = true;
}

/* Whether the client waits for its responses before it asks again. */
static void pair_overlap(struct http1 *c, bool turn)
{
	if (!turn || c->side[RT_RESP].state == HTTP1_LOST)
		return;
	if (c->pending.len == 1 && c->answering)
		c->overlap = true;
	else if (c->pending.len)
		c->sliding = HTTP1_SLIDING;
	else if (c->sliding)
		c->sliding--;
}

void http1_heard(struct http1 *c, uint64_t ns)
{
	const struct http1_req *newest = fifo_back(&c->pending);

	if (!c->overlap || (newest && ns < newest->start_ns))
		return;
	c->sliding = HTTP1_SLIDING;
	c->overlap = false;
}

static bool pair_quiet(const struct http1 *c)
{
	const struct http1_side *said = &c->side[RT_RESP];

	return !pending_count(c) && !c->answering && !c->orphan &&
	       (said->state == HTTP1_START || said->state == HTTP1_LOST);
}

struct http1_req *http1_push(struct http1 *c, const struct http1_req *req,
			     const struct rt_sink *sink)
{
	struct http1_side *said = &c->side[RT_RESP];
	bool turn = c->fresh || said->last_ns > c->side[RT_REQ].last_ns;
	struct http1_req *p = NULL;

	c->fresh = false;
	/* A head that promised a body, and then a new request: that was the answer to a HEAD. */
	if (c->orphan && turn && !c->body_seen && said->state > HTTP1_FIELDS) {
		http1_finish(c, said->last_ns, 0, sink);
		said->state = HTTP1_LOST;
	}
	if (said->state == HTTP1_LOST && c->answering)
		pair_after_loss(c, turn, sink);
	if (c->hole && turn && !c->sliding && pair_quiet(c)) {
		c->hole = false;
		c->doubt = true;
	}
	if (c->hole) {
		sink->unparsed(sink->arg, RT_UNPARSED_ABANDONED, 1);
		return NULL;
	}
	pair_overlap(c, turn);
	if (!c->hidden)
		p = fifo_push(&c->pending);
	if (!p) {
		sink->unparsed(sink->arg, RT_UNPARSED_LIMIT, 1);
		c->hidden++;
		return NULL;
	}
	memcpy(p, req, sizeof(*p));
	return p;
}

/* The order between directions is not perfect: an answer older than the first request behind a hole
 * is to one in the hole, and so the hole was closed too early. */
static void pair_doubt(struct http1 *c, uint64_t ns, const struct rt_sink *sink)
{
	const struct http1_req *req = fifo_front(&c->pending);

	if (!c->doubt || !req)
		return;
	c->doubt = false;
	if (ns >= req->start_ns)
		return;
	http1_abandon(c, sink);
	c->hole = true;
}

/* As pair_overlap(), where requests were told before answers that had come before them: one was
 * sent behind the answer before this, while this one was outstanding. */
static void pair_slid(struct http1 *c, uint64_t before_ns, uint64_t ns)
{
	const struct http1_req *front = fifo_front(&c->pending), *newest = fifo_back(&c->pending);

	if (!front || front->start_ns >= before_ns || newest->start_ns <= before_ns)
		return;
	for (uint32_t i = 1; i < c->pending.len; i++) {
		const struct http1_req *req = fifo_at(&c->pending, i);

		if (req->start_ns <= before_ns)
			continue;
		if (req->start_ns < ns)
			c->sliding = HTTP1_SLIDING;
		return;
	}
}

/* A request's hook may run behind that of its answer, but the request was there before. */
static void answer_after(struct http1_req *req, uint64_t ns)
{
	if (req->start_ns > ns)
		req->start_ns = ns;
}

void http1_answer(struct http1 *c, uint16_t status, uint64_t ns, const struct rt_sink *sink)
{
	pair_slid(c, c->side[RT_RESP].last_ns, ns);
	pair_doubt(c, ns, sink);
	c->side[RT_RESP].head = (struct http1_head){.status = status};
	if (status < 200 && status != 101)
		return;
	c->first_ns = ns;
	c->body_seen = false;
	c->answering = c->pending.len > 0;
	c->orphan = !c->answering;
	if (c->answering)
		answer_after(fifo_front(&c->pending), ns);
}

void http1_noise(struct http1 *c, const struct rt_sink *sink)
{
	if (c->answering || !pending_count(c))
		return;
	http1_abandon(c, sink);
	c->hole = true;
}

static void finish_current(struct http1 *c, int reset, const struct rt_sink *sink)
{
	const struct http1_side *said = &c->side[RT_RESP];
	bool closes = said->state == HTTP1_UNTIL_EOF || said->head.flags & HTTP1_EVENTS;

	if (said->state == HTTP1_LOST)
		http1_finish(c, 0, 0, sink);
	else if (closes && !reset)
		http1_finish(c, http1_known_ns(said), 0, sink);
	else
		http1_finish(c, 0, RT_TXN_ABORTED, sink);
}

void http1_finish_all(struct http1 *c, int reset, const struct rt_sink *sink)
{
	c->tunnel = false;
	if (c->answering || c->orphan)
		finish_current(c, reset, sink);
	while (c->pending.len) {
		pair_emit(c, fifo_front(&c->pending), 0, 0, 0, sink);
		pair_pop(c);
		c->resp_bytes = 0;
	}
	http1_abandon(c, sink);
}
