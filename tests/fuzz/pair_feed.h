/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzers of pairing share: the input as a source of decisions, a conversation as a list
 * of calls, and the way of these calls to a parser, as track/ would tell them. Who includes this
 * makes up the conversation, loses some of it, and knows which answer belongs to which request.
 */
#ifndef REDTAP_PAIR_FEED_H
#define REDTAP_PAIR_FEED_H

#include <assert.h>
#include <stdlib.h>

#include "proto/proto.h"

#define PAIR_RECORDS      512
#define PAIR_RECORD_BYTES 2048
#define PAIR_REST_BYTES   16384

struct pair_input {
	const uint8_t *p;
	size_t n;
};

/* A call, as it went over the wire. */
struct pair_record {
	enum rt_dir dir;
	uint32_t len;
	uint32_t cut; /* bytes captured at the beginning, when not all are */
	uint32_t tail;
	uint64_t ns;
	bool lost;
	uint8_t data[PAIR_RECORD_BYTES];
};

struct pair {
	struct pair_input in;
	struct pair_record *list; /* PAIR_RECORDS */
	int records;
	uint64_t now;
	bool loss; /* something is lost, or was not captured whole */

	/* the parser's side */
	const struct proto_ops *ops;
	void *conn;
	/* As proto.h has it, lost requests are told before the next answer; without, only before
	 * the next request: a parser that copes with that copes with more. */
	bool requests_first;
	uint8_t rest[2][PAIR_REST_BYTES];
	size_t rest_len[2];
	uint64_t rest_ns[2];
	uint32_t rest_flags[2];
	uint64_t missing[2]; /* lost, and not told yet */
	uint64_t off[2];
	bool turned[2];
};

static unsigned int pair_pick(struct pair *p, unsigned int n)
{
	unsigned int v = 0;

	if (p->in.n) {
		v = *p->in.p++;
		p->in.n--;
	}
	return v % n;
}

static void pair_add(struct pair *p, enum rt_dir dir, const void *data, size_t n)
{
	struct pair_record *r = &p->list[p->records];

	if (!n)
		return;
	assert(p->records < PAIR_RECORDS && n <= PAIR_RECORD_BYTES);
	p->now += 10;
	*r = (struct pair_record){.dir = dir, .len = (uint32_t)n, .ns = p->now};
	memcpy(r->data, data, n);
	p->records++;
}

/* A request may be told before answers that were there before it. */
static void pair_overtake(struct pair *p, int from)
{
	static struct pair_record keep;

	for (int i = from + 1; i < p->records; i++) {
		unsigned int by = p->list[i].dir == RT_REQ ? pair_pick(p, 4) : 0;

		for (int k = i; by && k > from && p->list[k - 1].dir == RT_RESP; k--, by--) {
			keep = p->list[k];
			p->list[k] = p->list[k - 1];
			p->list[k - 1] = keep;
		}
	}
}

static void pair_tell_gap(struct pair *p, enum rt_dir dir, uint64_t n, uint64_t ns,
			  const struct rt_sink *sink)
{
	uint64_t all = n + p->rest_len[dir];

	p->off[dir] += n;
	p->rest_len[dir] = 0;
	if (all)
		p->ops->gap(p->conn, dir, p->off[dir] - all, all, ns, 0, sink);
}

static void pair_tell_bytes(struct pair *p, enum rt_dir dir, const uint8_t *data, size_t n,
			    uint64_t ns, uint32_t flags, const struct rt_sink *sink)
{
	struct rt_chunk chunk = {.data = p->rest[dir], .last_ns = ns};
	bool carried = p->rest_len[dir];
	ssize_t used;

	assert(p->rest_len[dir] + n <= sizeof(p->rest[dir]));
	memcpy(p->rest[dir] + p->rest_len[dir], data, n);
	chunk.off = p->off[dir] - p->rest_len[dir];
	p->off[dir] += n;
	p->rest_len[dir] += n;
	chunk.len = p->rest_len[dir];
	chunk.first_ns = carried ? p->rest_ns[dir] : ns;
	if (p->turned[dir])
		flags |= RT_TURN;
	p->turned[dir] = false;
	chunk.flags = carried ? (p->rest_flags[dir] & ~RT_CALL_END) | (flags & RT_CALL_END) : flags;
	used = p->ops->feed(p->conn, dir, &chunk, sink);
	assert(used >= 0 && (size_t)used <= chunk.len);
	if (used || !carried) {
		p->rest_ns[dir] = ns;
		p->rest_flags[dir] = used ? 0 : flags;
	}
	p->rest_len[dir] -= (size_t)used;
	memmove(p->rest[dir], p->rest[dir] + used, p->rest_len[dir]);
}

static void pair_tell(struct pair *p, const struct pair_record *r, const struct rt_sink *sink)
{
	if (r->lost) {
		p->missing[r->dir] += r->len;
		return;
	}
	p->turned[!r->dir] = true;
	for (int dir = p->requests_first ? RT_REQ : (int)r->dir; dir <= (int)r->dir; dir++) {
		if (p->missing[dir])
			pair_tell_gap(p, (enum rt_dir)dir, p->missing[dir], r->ns, sink);
		p->missing[dir] = 0;
	}
	if (!r->cut) {
		pair_tell_bytes(p, r->dir, r->data, r->len, r->ns, RT_CALL_START | RT_CALL_END,
				sink);
		return;
	}
	pair_tell_bytes(p, r->dir, r->data, r->cut, r->ns, RT_CALL_START, sink);
	pair_tell_gap(p, r->dir, r->len - r->cut - r->tail, r->ns, sink);
	if (r->tail)
		pair_tell_bytes(p, r->dir, r->data + r->len - r->tail, r->tail, r->ns, RT_CALL_END,
				sink);
}

#endif
