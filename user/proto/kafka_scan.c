// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finding a boundary in the middle of a stream. A request stands at the beginning of a call or of
 * a turn and has a head that hardly anything else has: least of all with the client id that the
 * connection is known to have. A response has no such head: it is known by
 * the correlation id of a request that was seen, at the beginning of a call or behind responses
 * that begin there.
 */
#include "proto/kafka_conn.h"

#define HEAD_BYTES    14 /* size, key, version, correlation id, length of the client id */
#define CLIENT_MAX    255
#define VERSION_SLACK 2 /* newer than the newest known that is still believed */
#define KEY_MAX       (KAFKA_KEYS - 1)

static bool scan_printable(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	return true;
}

enum kafka_probe kafka_probe_request(const uint8_t *p, size_t n)
{
	uint32_t size;
	int16_t key, client;

	if (n < 4)
		return KAFKA_PROBE_MORE;
	size = be32(p);
	if (size < HEAD_BYTES - 4 || size > KAFKA_LATE_FRAME_MAX)
		return KAFKA_PROBE_NO;
	if (n < 6)
		return KAFKA_PROBE_MORE;
	key = (int16_t)be16(p + 4);
	if (key < 0 || key > KEY_MAX)
		return KAFKA_PROBE_NO;
	if (n < HEAD_BYTES)
		return KAFKA_PROBE_MORE;
	if (be16(p + 6) > kafka_api(key)->max + VERSION_SLACK || p[8] & 0x80)
		return KAFKA_PROBE_NO;
	client = (int16_t)be16(p + 12);
	if (client < -1 || client > CLIENT_MAX || HEAD_BYTES - 4 + client > (int64_t)size)
		return KAFKA_PROBE_NO;
	if (client <= 0)
		return KAFKA_PROBE_YES;
	n -= HEAD_BYTES;
	if (!scan_printable(p + HEAD_BYTES, n < (size_t)client ? n : (size_t)client))
		return KAFKA_PROBE_NO;
	return n < (size_t)client ? KAFKA_PROBE_MORE : KAFKA_PROBE_YES;
}

/* Whether a frame's p[0..n), of which `left` bytes remain, are what the tables say; they must name
 * a partition if `part`. */
static enum kafka_probe scan_walk(const uint8_t *p, size_t n, const struct kafka_field *header,
				  const struct kafka_api *api, const struct kafka_field *body,
				  int16_t version, uint64_t left, bool part)
{
	struct kafka_event ev;
	struct kafka_walk w;
	size_t used;

	kafka_walk_start(&w, header, body, version, version >= api->flex, left);
	while (w.left && w.field) {
		switch (kafka_walk_step(&w, p, n, &used, &ev)) {
		case KAFKA_BAD: return KAFKA_PROBE_NO;
		case KAFKA_MORE: return KAFKA_PROBE_MORE;
		case KAFKA_STEP: break;
		}
		p += used;
		n -= used;
		part &= ev.role != KAFKA_PARTITION;
	}
	return w.whole && !part ? KAFKA_PROBE_YES : KAFKA_PROBE_NO;
}

/*
 * Whether the frame at p[0..n), which begins like a request, reads like one as far as it is there.
 * A response may begin so by chance of its correlation id: a topic's name then stands for the
 * client id. What cannot be followed to its end as a request must not fit a response to Produce.
 */
static bool scan_reads(const uint8_t *p, size_t n)
{
	const struct kafka_api *api = kafka_api((int16_t)be16(p + 4));
	const struct kafka_api *produce = kafka_api(KAFKA_PRODUCE);
	int16_t version = (int16_t)be16(p + 6);
	enum kafka_probe r = KAFKA_PROBE_MORE;
	uint64_t size = be32(p);

	if (version <= api->max && api->req)
		r = scan_walk(p + 12, n - 12, kafka_request_header, api, api->req, version,
			      size - 8, false);
	if (r != KAFKA_PROBE_MORE)
		return r == KAFKA_PROBE_YES;
	for (int16_t v = 0; v < produce->flex; v++)
		if (scan_walk(p + 8, n - 8, NULL, produce, produce->resp, v, size - 4, true) !=
		    KAFKA_PROBE_NO)
			return false;
	return true;
}

bool kafka_reads_as_requests(struct slice call)
{
	bool first = true;

	for (;; first = false) {
		enum kafka_probe r = kafka_probe_request(call.p, call.n);
		uint64_t end;

		if (r != KAFKA_PROBE_YES)
			return r == KAFKA_PROBE_MORE && !first;
		if (!scan_reads(call.p, call.n))
			return false;
		end = 4 + (uint64_t)be32(call.p);
		if (end >= call.n)
			return true;
		call = slice_make(call.p + end, call.n - (size_t)end);
	}
}

/*
 * Whether the head's client id is the connection's, if that is known: a client has but one. If it
 * is not, there must be one: zeros, of which batches are full, look like a head without.
 */
static enum kafka_probe scan_client(const struct kafka_conn *c, const uint8_t *p, size_t n)
{
	int16_t client = (int16_t)be16(p + 12);

	if (!c->confirmed || !c->client_seen)
		return client > 0 ? KAFKA_PROBE_YES : KAFKA_PROBE_NO;
	if (!c->client_len)
		return client <= 0 ? KAFKA_PROBE_YES : KAFKA_PROBE_NO;
	if (client != c->client_len &&
	    (client < c->client_len || c->client_len < sizeof(c->client)))
		return KAFKA_PROBE_NO;
	n -= HEAD_BYTES;
	if (memcmp(p + HEAD_BYTES, c->client, n < c->client_len ? n : c->client_len) != 0)
		return KAFKA_PROBE_NO;
	return n < c->client_len ? KAFKA_PROBE_MORE : KAFKA_PROBE_YES;
}

/* A frame that ends within what is there must be followed by another, or by nothing. */
static enum kafka_probe scan_request_at(const struct kafka_conn *c, const uint8_t *p, size_t n)
{
	enum kafka_probe r = kafka_probe_request(p, n);
	uint64_t end;

	if (r == KAFKA_PROBE_YES)
		r = scan_client(c, p, n);
	if (r != KAFKA_PROBE_YES)
		return r;
	end = 4 + (uint64_t)be32(p);
	if (end < n && kafka_probe_request(p + end, n - end) == KAFKA_PROBE_NO)
		return KAFKA_PROBE_NO;
	return KAFKA_PROBE_YES;
}

/* `kept` bytes from the candidate on are not consumed. */
static void scan_wait(struct kafka_stream *s, uint64_t candidate, size_t kept)
{
	if (s->has_candidate && s->candidate == candidate && s->kept)
		return;
	s->candidate = candidate;
	s->has_candidate = 1;
	s->kept = (uint8_t)(kept < UINT8_MAX ? kept : 0);
}

static size_t scan_requests(const struct kafka_conn *c, struct kafka_stream *s,
			    const struct rt_chunk *chunk, size_t pos, bool begins)
{
	size_t n = chunk->len - pos, kept = s->has_candidate ? s->kept : 0;
	enum kafka_probe r = begins ? scan_request_at(c, chunk->data + pos, n) : KAFKA_PROBE_NO;

	if (r == KAFKA_PROBE_MORE) {
		scan_wait(s, chunk->off + pos, n);
		return 0;
	}
	s->has_candidate = 0;
	if (r == KAFKA_PROBE_YES) {
		s->state = KAFKA_AT_HEAD;
		return 0;
	}
	if (!kept || kept >= n)
		return n;
	scan_wait(s, chunk->off + pos + kept, 0);
	return kept;
}

enum scan_end {
	SCAN_NONE,  /* not a frame */
	SCAN_NEXT,  /* frames to the end of the chunk, or past it */
	SCAN_MORE,  /* the last one's head is not all there */
	SCAN_FOUND, /* a response to a pending request */
};

struct scan_chain {
	enum scan_end end;
	size_t at;     /* SCAN_MORE, SCAN_FOUND: where it begins */
	uint64_t next; /* SCAN_NEXT: offset of the next frame */
	uint64_t orphans;
};

/* Follows frames by their length from data[at]. */
static struct scan_chain scan_follow(const struct kafka_conn *c, const struct rt_chunk *chunk,
				     size_t at)
{
	struct scan_chain r = {.end = SCAN_NEXT, .next = chunk->off + at};

	while (r.next < chunk->off + chunk->len) {
		const uint8_t *p = chunk->data + (r.at = (size_t)(r.next - chunk->off));
		uint32_t size;

		if (chunk->len - r.at < 8) {
			r.end = SCAN_MORE;
			return r;
		}
		size = be32(p);
		if (size < 4 || size > KAFKA_LATE_FRAME_MAX || p[4] & 0x80) {
			r.end = SCAN_NONE;
			return r;
		}
		if (kafka_pending_find(c, (int32_t)be32(p + 4)) >= 0) {
			r.end = SCAN_FOUND;
			return r;
		}
		r.orphans++;
		r.next += 4 + (uint64_t)size;
	}
	return r;
}

/* Where a response may begin, the likeliest place first. */
static size_t scan_places(const struct kafka_stream *s, const struct rt_chunk *chunk, size_t pos,
			  bool begins, size_t places[3])
{
	uint64_t candidate = s->candidate - chunk->off;
	size_t n = 0;

	if (begins)
		places[n++] = pos;
	if (!s->has_candidate || s->candidate < chunk->off + pos || candidate >= chunk->len)
		return n;
	if (!n || candidate != pos)
		places[n++] = (size_t)candidate;
	if (s->kept && s->kept < chunk->len - candidate)
		places[n++] = (size_t)candidate + s->kept;
	return n;
}

static size_t scan_responses(const struct kafka_conn *c, struct kafka_stream *s,
			     const struct rt_chunk *chunk, size_t pos, bool begins,
			     const struct rt_sink *sink)
{
	struct scan_chain best = {.end = SCAN_NONE};
	size_t places[3], n = scan_places(s, chunk, pos, begins, places);

	for (size_t i = 0; i < n && best.end != SCAN_FOUND; i++) {
		struct scan_chain r = scan_follow(c, chunk, places[i]);

		if (r.end > best.end)
			best = r;
	}
	switch (best.end) {
	case SCAN_FOUND:
		kafka_count(sink, RT_UNPARSED_ORPHAN, best.orphans);
		s->state = KAFKA_AT_HEAD;
		s->has_candidate = 0;
		return best.at - pos;
	case SCAN_MORE:
		scan_wait(s, chunk->off + best.at, chunk->len - best.at);
		return best.at - pos;
	case SCAN_NEXT: scan_wait(s, best.next, 0); break;
	case SCAN_NONE:
		if (s->candidate < chunk->off + chunk->len)
			s->has_candidate = 0;
		break;
	}
	return chunk->len - pos;
}

size_t kafka_scan(struct kafka_conn *c, enum rt_dir dir, const struct rt_chunk *chunk, size_t pos,
		  const struct rt_sink *sink)
{
	struct kafka_stream *s = &c->dir[dir];
	bool begins = pos == 0 && chunk->flags & (RT_CALL_START | RT_TURN);

	if (s->has_candidate && s->candidate == chunk->off + pos)
		begins = true;
	if (dir == RT_RESP)
		return scan_responses(c, s, chunk, pos, begins, sink);
	return scan_requests(c, s, chunk, pos, begins);
}
