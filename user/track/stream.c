// SPDX-License-Identifier: GPL-2.0-or-later
/* One direction's bytes, in order, to the parser; what it did not consume is carried over. */
#include <stdlib.h>

#include "track/internal.h"

#define CARRY_KEEP 1024  /* a buffer up to this size stays with the connection */
#define SKIP_WORTH 16384 /* a body shorter than this is not worth a hint */
#define SKIP_AFTER 2     /* records of one answer: most bodies the kernel skips by itself */
#define TAIL_AFTER 8     /* records of one answer before its tail alone will do */

void stream_reset(struct track_stream *s)
{
	free(s->carry);
	s->carry = NULL;
	s->carry_len = s->carry_cap = 0;
}

static void carry_trim(struct track_stream *s)
{
	if (s->carry_len == 0 && s->carry_cap > CARRY_KEEP) {
		free(s->carry);
		s->carry = NULL;
		s->carry_cap = 0;
	}
}

static bool carry_fits(const struct track_stream *s, uint32_t len)
{
	return len <= RT_CARRY_BYTES && s->carry_len + len <= RT_CARRY_BYTES + RT_PIECE_BYTES;
}

static bool carry_add(struct track_stream *s, const uint8_t *data, uint32_t len)
{
	uint32_t cap = s->carry_cap ? s->carry_cap : 256;
	uint8_t *mem;

	if (!carry_fits(s, len))
		return false;
	while (cap < s->carry_len + len)
		cap *= 2;
	if (cap != s->carry_cap) {
		mem = realloc(s->carry, cap);
		if (!mem)
			return false;
		s->carry = mem;
		s->carry_cap = cap;
	}
	memcpy(s->carry + s->carry_len, data, len);
	s->carry_len += len;
	return true;
}

/* Drops what was consumed of it. Returns how much that is of `n` bytes. */
static uint32_t carry_drop(struct track_stream *s, uint32_t n)
{
	uint32_t drop = n < s->carry_len ? n : s->carry_len;

	s->carry_len -= drop;
	if (drop && s->carry_len)
		memmove(s->carry, s->carry + drop, s->carry_len);
	return drop;
}

static void update_in_flight(struct track *t, struct conn *c)
{
	uint32_t now = c->ops->in_flight(c->state);

	if (now == c->in_flight)
		return;
	t->ops->in_flight(t->ops->arg, c, (int)now - (int)c->in_flight);
	c->in_flight = now;
}

/* Tells the kernel what is not wanted of this direction. */
static void update_hint(struct track *t, struct conn *c, enum rt_io io)
{
	struct track_stream *s = &c->s[io];
	enum rt_dir dir = conn_dir(c, io);
	uint64_t skip, tail = 0;

	if (c->ops->walked)
		return;
	skip = s->run < SKIP_AFTER ? 0 : c->ops->skippable(c->state, dir);
	skip = skip >= SKIP_WORTH ? s->next - s->carry_len + skip : 0;
	if (s->run >= TAIL_AFTER && c->ops->tail_only(c->state, dir))
		tail = c->s[!io].next;
	if ((skip && skip > c->hint.skip[io]) || tail != c->hint.tail[io]) {
		if (skip)
			c->hint.skip[io] = skip;
		c->hint.tail[io] = tail;
		c->hint.proto = c->proto;
		c->hint.role = c->role;
		t->ops->hint(t->ops->arg, c, &c->hint);
	}
}

/* Hands a run of bytes to the parser; true: all was consumed or carried. */
static void feed(struct track *t, struct conn *c, const struct stream_call *call,
		 const uint8_t *data, uint32_t len, uint32_t flags)
{
	struct track_stream *s = &c->s[call->io];
	struct rt_chunk chunk = {
		.data = data,
		.len = len,
		.off = s->next,
		.first_ns = call->first_ns,
		.last_ns = call->last_ns,
		.flags = flags,
	};
	bool carried = s->carry_len, added = false;
	uint32_t used; /* of `data` */
	ssize_t n;

	/* What was carried although nothing is asked for has waited already. */
	if (!carried || (c->in_flight && !c->awaiting))
		chunk.flags |= call->wait;
	if (carried) {
		chunk.off -= s->carry_len;
		chunk.first_ns = s->carry_ns;
		chunk.flags = (s->carry_flags & ~RT_CALL_END) | (flags & RT_CALL_END) |
			      (chunk.flags & (RT_EARLY | RT_WAITED));
		if (!carry_fits(s, len)) {
			t->stats.carry_refused++;
			stream_gap(t, c, call->io, len, call->last_ns, 0, RT_GAP_LIMIT);
			return;
		}
		chunk.len = s->carry_len + len;
		added = chunk.len <= s->carry_cap;
		if (added) {
			carry_add(s, data, len);
			chunk.data = s->carry;
		} else { /* most of it is consumed, and that needs no memory */
			memcpy(t->joined, s->carry, s->carry_len);
			memcpy(t->joined + s->carry_len, data, len);
			chunk.data = t->joined;
		}
	}
	s->next += len;
	t->current = c;
	n = c->ops->feed(c->state, conn_dir(c, call->io), &chunk, &t->sink);
	if (n < 0 || (size_t)n > chunk.len) {
		update_in_flight(t, c);
		conn_leave(t, c);
		return;
	}
	if (n || !carried) {
		s->carry_ns = n ? call->last_ns : call->first_ns;
		s->carry_flags = n ? 0 : flags;
	}
	used = (uint32_t)n - carry_drop(s, (uint32_t)n);
	if (!added && used < len && !carry_add(s, data + used, len - used)) {
		/* Not kept, so it is missing: as if it had not been captured. */
		t->stats.carry_refused++;
		s->next -= len - used;
		stream_gap(t, c, call->io, len - used, call->last_ns, 0, RT_GAP_LIMIT);
	}
	if (s->carry_len > RT_CARRY_BYTES) {
		t->stats.carry_refused++;
		stream_gap(t, c, call->io, 0, call->last_ns, 0, RT_GAP_LIMIT);
	}
	carry_trim(s);
}

/* Not recognised yet: looks at what there is; true: it is now, and the bytes are still to feed. */
static bool try_recognise(struct track *t, struct conn *c, const struct stream_call *call,
			  const uint8_t *data, uint32_t len, uint32_t flags)
{
	struct track_stream *s = &c->s[call->io];
	struct track_early *e = &c->early[call->io];
	/* A whole piece, because what is met half-way is known by the ends of its messages. */
	uint8_t joined[TRACK_PREFIX_BYTES + RT_PIECE_BYTES];
	uint32_t take = len < RT_PIECE_BYTES ? len : RT_PIECE_BYTES;
	struct recognised v = {RT_PROTO_UNKNOWN, false, false};
	/* A connection's first bytes are a request's; later ones must convince. */
	bool strict =
		c->late || c->missed || c->s[!call->io].next || c->early[!call->io].prefix_len;

	if (s->turned && e->prefix_len) {
		e->prefix_len = 0;
		c->missed = true;
	}
	if (e->prefix_len) {
		memcpy(joined, e->prefix, e->prefix_len);
		memcpy(joined + e->prefix_len, data, take);
		v = recognise(slice_make(joined, e->prefix_len + take), e->prefix_len + call->len,
			      strict);
	}
	if (!v.proto && flags & RT_CALL_START) {
		v = recognise(slice_make(data, len), call->len, strict);
		if (v.proto && e->prefix_len) {
			e->prefix_len = 0;
			c->missed = true;
		}
	}
	if (!v.proto) {
		/* A head cut very short by its reader (Kafka's length apart) is kept for its rest.
		 */
		if (e->prefix_len + len <= TRACK_PREFIX_BYTES / 2) {
			if (!e->prefix_len)
				e->prefix_ns = call->first_ns;
			memcpy(e->prefix + e->prefix_len, data, len);
			e->prefix_len += len;
		} else {
			e->prefix_len = 0;
			c->missed = true;
		}
		return false;
	}
	conn_recognised(t, c, v.proto,
			v.request == (call->io == RT_RECV) ? RT_ROLE_SERVER : RT_ROLE_CLIENT,
			v.first || (!c->late && !c->missed));
	return c->ops && !c->left;
}

/* What was kept before it was recognised goes to the parser with the bytes that did: as one call,
 * because one met half-way looks for its messages between the ends of calls. */
static void carry_prefix(struct track *t, struct conn *c, enum rt_io io)
{
	struct track_stream *s = &c->s[io];
	struct track_early *e = &c->early[io];
	uint32_t n = e->prefix_len;

	e->prefix_len = 0;
	s->carry_ns = e->prefix_ns;
	s->carry_flags = RT_CALL_START | RT_TURN;
	if (n && !carry_add(s, e->prefix, n)) {
		t->stats.carry_refused++;
		s->next -= n;
		stream_gap(t, c, io, n, e->prefix_ns, 0, RT_GAP_LIMIT);
	}
	conn_early_end(c);
}

void stream_bytes(struct track *t, struct conn *c, const struct stream_call *call,
		  const uint8_t *data, uint32_t len, uint32_t flags)
{
	struct track_stream *s = &c->s[call->io];

	if (c->left || len == 0) {
		s->next += len;
		return;
	}
	if (s->turned)
		flags |= RT_TURN;
	if (call->io == conn_io(c, RT_REQ))
		c->awaiting = false;
	if (!c->ops) {
		if (!try_recognise(t, c, call, data, len, flags)) {
			s->turned = false;
			s->next += len;
			return;
		}
		carry_prefix(t, c, call->io);
	}
	s->turned = false;
	if (!c->left)
		feed(t, c, call, data, len, flags);
	else
		s->next += len;
	if (!c->left) {
		update_in_flight(t, c);
		conn_session(t, c);
		update_hint(t, c, call->io);
	}
}

uint32_t stream_take_back(struct conn *c, enum rt_io io, uint32_t len)
{
	struct track_stream *s = &c->s[io];
	uint32_t n = s->carry_len;

	c->awaiting = n && c->ops && c->ops->waits && !c->left && c->ops->waits(c->state);
	if (!c->awaiting || n > len)
		return 0;
	s->next -= n;
	s->carry_len = 0;
	carry_trim(s);
	return n;
}

void stream_gap(struct track *t, struct conn *c, enum rt_io io, uint64_t len, uint64_t ns,
		uint32_t flags, enum rt_gap cause)
{
	struct track_stream *s = &c->s[io];
	uint64_t from = s->next - s->carry_len, missing = len + s->carry_len;

	s->next += len;
	s->carry_len = 0;
	c->awaiting = false;
	if (!c->ops)
		c->missed = true;
	if (c->left)
		return;
	if (!c->ops) {
		c->early[io].prefix_len = 0;
		c->early[io].lost += len;
		c->early[io].lost_ns = ns;
	}
	t->stats.gap_bytes[cause] += len;
	if (!c->ops || !missing)
		return;
	t->current = c;
	if (c->ops->gap(c->state, conn_dir(c, io), from, missing, ns, flags, &t->sink) < 0)
		conn_leave(t, c);
	update_in_flight(t, c);
	conn_session(t, c);
	carry_trim(s);
}

void stream_eof(struct track *t, struct conn *c, enum rt_io io, uint64_t ns, bool reset)
{
	struct track_stream *s = &c->s[io];

	if (s->eof)
		return;
	s->eof = true;
	if (!c->ops)
		return;
	t->current = c;
	c->ops->eof(c->state, conn_dir(c, io), ns, reset, &t->sink);
	update_in_flight(t, c);
	conn_session(t, c);
}
