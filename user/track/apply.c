// SPDX-License-Identifier: GPL-2.0-or-later
/* One record whose turn has come: its holes as gaps, its fragments as bytes. */
#include "track/internal.h"

/*
 * When the bytes in front of a record passed at the latest: before it, and before every record of
 * the other direction that waits for them.
 */
static uint64_t gap_ns(const struct conn *c, enum rt_io io, uint64_t ns)
{
	for (const struct track_held *h = c->held; h; h = h->next) {
		const struct rt_rec_data *rec = (const struct rt_rec_data *)h->rec;

		if (rec->h.type == RT_REC_DATA && !(rec->h.flags & RT_F_SEND) == (io == RT_SEND) &&
		    rec->other > c->s[io].next && rec->h.ts_ns < ns)
			ns = rec->h.ts_ns;
	}
	return ns;
}

static void gap_told(struct track *t, struct conn *c, enum rt_io io, uint64_t to, uint64_t ns,
		     uint32_t flags, enum rt_gap cause)
{
	if (cause == RT_GAP_NONE || cause >= RT_GAP_MAX)
		cause = RT_GAP_UNSEEN;
	if (to > c->s[io].next)
		stream_gap(t, c, io, to - c->s[io].next, gap_ns(c, io, ns), flags, cause);
}

/* The gap up to `to`, when that lies ahead, within the call that returned at `ns`. */
static void gap_to(struct track *t, struct conn *c, enum rt_io io, uint64_t to, uint64_t ns,
		   enum rt_gap cause)
{
	gap_told(t, c, io, to, ns, 0, cause);
}

/* The same in front of it: of calls that nobody saw, at any time before. */
static void gap_before(struct track *t, struct conn *c, enum rt_io io, uint64_t to, uint64_t ns,
		       enum rt_gap cause)
{
	gap_told(t, c, io, to, ns, RT_AT_LATEST, cause);
}

void apply_missed(struct track *t, struct conn *c, const struct rt_rec_data *before, uint64_t to,
		  enum rt_gap cause)
{
	enum rt_io io = before->h.flags & RT_F_SEND ? RT_RECV : RT_SEND;
	uint64_t ns = before->start_ns ? before->start_ns : before->h.ts_ns;

	/* The parsers go by time where they have nothing else: it was before, not with the record.
	 */
	gap_before(t, c, io, to, ns - 1, cause);
}

static void apply_fragment(struct track *t, struct conn *c, const struct rt_rec_data *rec,
			   const struct stream_call *call, const struct rt_frag *frag,
			   const uint8_t *data)
{
	uint64_t at = rec->off + frag->at, next = c->s[call->io].next;
	uint32_t len = frag->len, flags = 0, cut;

	if (at + len <= next)
		return; /* known already: two threads read or wrote at once */
	if (at < next) {
		cut = next - at;
		data += cut;
		len -= cut;
		at = next;
	}
	gap_to(t, c, call->io, at, rec->h.ts_ns, rec->gap);
	if (at == rec->off)
		flags |= RT_CALL_START;
	if (at + len == rec->off + rec->len)
		flags |= RT_CALL_END;
	stream_bytes(t, c, call, data, len, flags);
}

/* What was on its way when the connection left the sample: an answer to it is not looked at. */
static void apply_unsampled(struct track *t, struct conn *c, const struct rt_rec_data *rec,
			    enum rt_io io)
{
	uint64_t ns = rec->h.ts_ns;

	gap_before(t, c, io, rec->prev < rec->off ? rec->prev : rec->off, ns, RT_GAP_LOST);
	gap_before(t, c, io, rec->off, ns, rec->gap0);
	gap_to(t, c, io, rec->off + rec->len, ns, RT_GAP_SAMPLED);
	if (rec->h.flags & RT_F_EOF)
		stream_eof(t, c, RT_RECV, ns, false);
}

void apply_data(struct track *t, struct conn *c, const struct rt_rec_data *rec, uint32_t wait)
{
	enum rt_io io = rec->h.flags & RT_F_SEND ? RT_SEND : RT_RECV;
	struct stream_call call = {
		.io = io,
		.first_ns = rec->start_ns ? rec->start_ns : rec->h.ts_ns,
		.last_ns = rec->h.ts_ns,
		.len = rec->len,
	};
	const uint8_t *p = (const uint8_t *)(rec + 1), *end = (const uint8_t *)rec + rec->h.bytes;
	struct rt_frag frag;
	uint32_t left;

	if (!(rec->h.flags & RT_F_ORDER) && c->ops && conn_dir(c, io) == RT_RESP)
		call.wait = wait;
	c->s[!call.io].turned = true;
	c->s[!call.io].run = 0;
	c->s[call.io].run++;
	if (conn_dir(c, call.io) == RT_RESP)
		c->resp_other = rec->other > c->s[!call.io].next ? rec->other : c->s[!call.io].next;
	if (rec->tgid && rec->tgid != c->tgid) {
		conn_rename(t, c, rec->tgid); /* the socket was handed on */
		if (c->ops && c->ops->owner)
			c->ops->owner(c->state, c->tgid, c->role);
		if (c->session)
			t->ops->session(t->ops->arg, c);
	}
	if (rt_sample_of(c->id) >= t->sample) {
		apply_unsampled(t, c, rec, io);
		return;
	}
	if (rec->other <= c->s[!call.io].next)
		apply_missed(t, c, rec, rec->missed, RT_GAP_LOST);
	gap_before(t, c, call.io, rec->prev < rec->off ? rec->prev : rec->off, call.last_ns,
		   RT_GAP_LOST);
	gap_before(t, c, call.io, rec->off, call.last_ns, rec->gap0);
	gap_to(t, c, call.io, rec->prev, call.last_ns, RT_GAP_LOST);
	/* A piece before this one of the same call was lost. */
	if (rec->prev > rec->off && rec->nfrags && (size_t)(end - p) >= sizeof(frag)) {
		memcpy(&frag, p, sizeof(frag));
		if (rec->gap0 == RT_GAP_LOST && frag.at <= rec->len)
			gap_to(t, c, call.io, rec->off + frag.at, call.last_ns, RT_GAP_LOST);
	}
	for (uint16_t i = 0; i < rec->nfrags; i++) {
		if ((size_t)(end - p) < sizeof(frag))
			break;
		memcpy(&frag, p, sizeof(frag));
		p += sizeof(frag);
		if (frag.len > (size_t)(end - p) || frag.at > rec->len ||
		    frag.len > rec->len - frag.at)
			break;
		apply_fragment(t, c, rec, &call, &frag, p);
		p += frag.len;
		left = call.wait & RT_EARLY ? stream_take_back(c, io, frag.len) : 0;
		if (left) {
			frag.at += frag.len - left;
			frag.len = left;
			order_hold_rest(t, c, rec, &frag, p - left, rec->nfrags - i);
			return;
		}
	}
	if (!(rec->h.flags & RT_F_MORE))
		gap_to(t, c, call.io, rec->off + rec->len, call.last_ns, rec->gap);
	if (rec->h.flags & RT_F_EOF)
		stream_eof(t, c, RT_RECV, call.last_ns, false);
}

bool apply_end(struct track *t, struct conn *c, const struct rt_rec_end *rec)
{
	bool all = rec->destroyed || (rec->shut & 3) == 3;
	enum rt_io req = conn_io(c, RT_REQ);

	c->reset |= rec->reset;
	for (int io = 0; io < 2; io++) {
		/* What the end waited for in vain passed all the same; but a second end, behind
		 * the one that closed the connection, is of a stranger. */
		if (c->ops)
			gap_before(t, c, (enum rt_io)io, rec->off[io], rec->h.ts_ns, RT_GAP_UNSEEN);
		gap_before(t, c, (enum rt_io)io, rec->lost[io], rec->h.ts_ns, RT_GAP_LOST);
	}
	if (!all) {
		if (rec->shut & 2)
			stream_eof(t, c, RT_SEND, rec->h.ts_ns, c->reset);
		return false;
	}
	/* Requests first: a response's end settles what is pending. */
	stream_eof(t, c, req, rec->h.ts_ns, c->reset);
	stream_eof(t, c, !req, rec->h.ts_ns, c->reset);
	conn_close(t, c);
	return true;
}
