// SPDX-License-Identifier: GPL-2.0-or-later
/* Holds records back until what belongs before them has come (track.h, "Order"). */
#include <stdlib.h>

#include "track/internal.h"

enum order {
	ORDER_READY,
	ORDER_WAIT,       /* for a predecessor: it is in another queue */
	ORDER_WAIT_OTHER, /* for the other direction: its call may still be on its way */
	ORDER_WAIT_FIRST, /* a request, for the responses that came before it */
};

/* How far a direction is known: a record that waits says that what is in front of it is missing. */
static uint64_t order_reached(const struct conn *c, enum rt_io io)
{
	uint64_t reached = c->s[io].next;

	for (const struct track_held *h = c->held; h; h = h->next) {
		const struct rt_rec_data *rec = (const struct rt_rec_data *)h->rec;

		if (rec->h.type == RT_REC_DATA && !(rec->h.flags & RT_F_SEND) == (io == RT_RECV) &&
		    rec->prev <= c->s[io].next && rec->off > reached)
			reached = rec->off;
	}
	return reached;
}

/* Whether a response that came at that time may still have to wait for its request. */
static bool order_patient(const struct track *t, uint64_t since_pass, uint64_t since_ns)
{
	return t->pass < since_pass + 2 || t->now_ns < since_ns + TRACK_WAIT_NS;
}

/* The record, if it is one of that direction. */
static const struct rt_rec_data *held_data(const struct track_held *h, enum rt_io io)
{
	const struct rt_rec_data *rec = (const struct rt_rec_data *)h->rec;

	return rec->h.type == RT_REC_DATA && !(rec->h.flags & RT_F_SEND) == (io == RT_RECV) ? rec
											    : NULL;
}

/* A response, its predecessor applied. */
static enum order order_response(const struct track *t, const struct conn *c,
				 const struct rt_rec_data *rec, uint64_t since_pass,
				 uint64_t since_ns)
{
	enum rt_io io = conn_io(c, RT_RESP);

	if (rec->other > c->s[!io].next)
		return ORDER_WAIT_OTHER;
	if (rec->h.flags & RT_F_ORDER)
		return ORDER_READY;
	if (rec->missed > c->s[!io].next)
		return ORDER_READY; /* what it waits for is lost */
	/*
	 * No sequence to go by: what comes while nothing is asked for, and without a request since
	 * the last response, may have overtaken its request. Not so the rest of a head whose front
	 * the parser has taken for an answer.
	 */
	if (((c->in_flight == 0 && !c->s[io].carry_len) || c->awaiting) &&
	    rec->other <= c->resp_other && order_patient(t, since_pass, since_ns))
		return ORDER_WAIT_OTHER;
	return ORDER_READY;
}

/*
 * Whether responses are still to come that came before this request. None of them may wait for it
 * in turn: two threads at once may each have seen the other's call, and a response may have shown a
 * hole in front of it, or overtaken its request.
 */
static bool order_follows(const struct track *t, const struct conn *c,
			  const struct rt_rec_data *req)
{
	enum rt_io io = conn_io(c, RT_RESP);
	const struct rt_rec_data *resp;

	if (req->other <= c->s[io].next || req->other <= c->resp_vain)
		return false;
	for (const struct track_held *h = c->held; h; h = h->next) {
		resp = held_data(h, io);
		if (resp && resp->prev <= c->s[io].next &&
		    order_response(t, c, resp, h->pass, h->ns) != ORDER_READY)
			return false;
	}
	return true;
}

static enum order order_data(const struct track *t, const struct conn *c,
			     const struct rt_rec_data *rec, uint64_t since_pass, uint64_t since_ns)
{
	enum rt_io io = rec->h.flags & RT_F_SEND ? RT_SEND : RT_RECV;

	if (rec->prev > c->s[io].next)
		return ORDER_WAIT;
	/* Which direction answers which is not known yet: the one that was first goes first. */
	if (!c->ops)
		return rec->other > order_reached(c, !io) ? ORDER_WAIT : ORDER_READY;
	if (conn_dir(c, io) == RT_RESP)
		return order_response(t, c, rec, since_pass, since_ns);
	return order_follows(t, c, rec) ? ORDER_WAIT_FIRST : ORDER_READY;
}

static bool order_named(const struct track *t, struct conn *c)
{
	if (c->named && !c->known)
		c->known = !t->ops->known || t->ops->known(t->ops->arg, c);
	return c->known;
}

static enum order order_of(const struct track *t, struct conn *c, const struct rt_rec *rec,
			   uint64_t since_pass, uint64_t since_ns)
{
	const struct rt_rec_end *end;

	if (!order_named(t, c))
		return ORDER_WAIT;
	if (rec->type == RT_REC_DATA)
		return order_data(t, c, (const struct rt_rec_data *)rec, since_pass, since_ns);
	end = (const struct rt_rec_end *)rec;
	if (end->off[0] > c->s[0].next || end->off[1] > c->s[1].next ||
	    (end->eof && !c->s[RT_RECV].eof))
		return ORDER_WAIT;
	return ORDER_READY;
}

static void holding_link(struct track *t, struct conn *c)
{
	c->held_next = t->holding;
	c->held_prev = &t->holding;
	if (t->holding)
		t->holding->held_prev = &c->held_next;
	t->holding = c;
}

static void holding_unlink(struct conn *c)
{
	*c->held_prev = c->held_next;
	if (c->held_next)
		c->held_next->held_prev = c->held_prev;
	c->held_prev = NULL;
	c->held_next = NULL;
}

/* Room for a record that waits from now on; NULL: the hole is seen by what follows. */
static struct track_held *held_new(struct track *t, const struct conn *c, uint32_t bytes)
{
	struct track_held *h = NULL;

	if (c->held_len < RT_HELD_EVENTS && t->held_bytes + bytes <= RT_HELD_BYTES)
		h = malloc(sizeof(*h) + bytes);
	if (!h) {
		t->stats.hold_refused++;
		return NULL;
	}
	t->held_bytes += bytes;
	h->pass = t->pass;
	h->ns = t->now_ns;
	h->waited = false;
	return h;
}

static void held_link(struct track *t, struct conn *c, struct track_held **at, struct track_held *h)
{
	h->next = *at;
	*at = h;
	if (!h->next)
		c->held_tail = &h->next;
	if (!c->held_len++)
		holding_link(t, c);
	t->stats.held++;
}

static void order_hold(struct track *t, struct conn *c, const struct rt_rec *rec, enum order why)
{
	struct track_held *h = held_new(t, c, rec->bytes);

	if (!h)
		return;
	memcpy(h->rec, rec, rec->bytes);
	h->waited = why == ORDER_WAIT_OTHER;
	held_link(t, c, c->held_tail, h);
}

void order_hold_rest(struct track *t, struct conn *c, const struct rt_rec_data *rec,
		     const struct rt_frag *rest, const uint8_t *data, uint16_t frags)
{
	uint32_t n = (uint32_t)((const uint8_t *)rec + rec->h.bytes - data);
	uint32_t bytes = (uint32_t)(sizeof(*rec) + sizeof(*rest)) + n;
	struct track_held *h = held_new(t, c, bytes);
	struct rt_rec_data *r;

	if (!h)
		return;
	r = (struct rt_rec_data *)h->rec;
	*r = *rec;
	r->h.bytes = bytes;
	r->prev = rec->off + rest->at;
	r->gap0 = RT_GAP_NONE;
	r->nfrags = frags;
	memcpy(r + 1, rest, sizeof(*rest));
	memcpy((uint8_t *)(r + 1) + sizeof(*rest), data, n);
	h->waited = true;
	held_link(t, c, &c->held, h);
}

static struct track_held *order_unlink(struct track *t, struct conn *c, struct track_held **at)
{
	struct track_held *h = *at;

	t->held_bytes -= h->rec->bytes;
	*at = h->next;
	if (!h->next)
		c->held_tail = at;
	if (!--c->held_len)
		holding_unlink(c);
	return h;
}

/*
 * The first held response that belongs into the hole in front of a request: nobody knew that the
 * request it answers does not come before this one showed the hole.
 */
static struct track_held **order_in_hole(struct conn *c, const struct rt_rec_data *req)
{
	enum rt_io io = conn_io(c, RT_REQ);
	struct track_held **first = NULL;
	const struct rt_rec_data *rec;

	for (struct track_held **at = &c->held; *at; at = &(*at)->next) {
		rec = held_data(*at, !io);
		if (rec && rec->prev <= c->s[!io].next && rec->other > c->s[io].next &&
		    rec->other <= req->off && (!first || rec->prev < held_data(*first, !io)->prev))
			first = at;
	}
	return first;
}

/* Why the next bytes of a direction are missing, as a record that waits behind them says. */
static enum rt_gap order_why_missing(const struct conn *c, enum rt_io io)
{
	for (const struct track_held *h = c->held; h; h = h->next) {
		const struct rt_rec_data *rec = held_data(h, io);

		if (rec && rec->prev <= c->s[io].next && rec->off > c->s[io].next)
			return (enum rt_gap)rec->gap0;
	}
	return RT_GAP_UNSEEN;
}

/*
 * What is missing before the record is told before it is applied, and in its place: the requests a
 * response waited for in vain, and the responses to requests that are missing before this one.
 */
static void order_missed(struct track *t, struct conn *c, const struct rt_rec_data *rec)
{
	enum rt_io io = rec->h.flags & RT_F_SEND ? RT_SEND : RT_RECV;
	const struct rt_rec_data *resp;
	struct track_held **at, *h;

	/* Not recognised: each waits for what went before it in the other direction. */
	if (!c->ops || conn_dir(c, io) == RT_RESP) {
		apply_missed(t, c, rec, rec->other, order_why_missing(c, !io));
		return;
	}
	while (rec->off > c->s[io].next && (at = order_in_hole(c, rec))) {
		h = order_unlink(t, c, at);
		resp = (const struct rt_rec_data *)h->rec;
		apply_missed(t, c, resp, resp->other, rec->gap0);
		apply_data(t, c, resp, 0);
		free(h);
	}
}

static bool order_apply(struct track *t, struct conn *c, const struct rt_rec *rec, uint32_t wait)
{
	if (rec->type == RT_REC_END)
		return apply_end(t, c, (const struct rt_rec_end *)rec);
	order_missed(t, c, (const struct rt_rec_data *)rec);
	apply_data(t, c, (const struct rt_rec_data *)rec, wait);
	return false;
}

void order_free(struct track *t, struct conn *c)
{
	while (c->held)
		free(order_unlink(t, c, &c->held));
}

static bool order_overdue(const struct track *t, const struct track_held *h, enum order why)
{
	uint64_t wait_ns = why == ORDER_WAIT_OTHER ? TRACK_ORDER_NS : TRACK_WAIT_NS;

	return t->pass >= h->pass + TRACK_PASSES && t->now_ns > h->ns + wait_ns;
}

/* Whether record `a` belongs before `b`: requests first, then by offset; an end is last. */
static bool order_before(const struct conn *c, const struct rt_rec *a, const struct rt_rec *b)
{
	const struct rt_rec_data *x = (const struct rt_rec_data *)a;
	const struct rt_rec_data *y = (const struct rt_rec_data *)b;
	enum rt_io io = conn_io(c, RT_REQ);

	if (a->type != RT_REC_DATA || b->type != RT_REC_DATA)
		return a->type == RT_REC_DATA && b->type != RT_REC_DATA;
	if ((a->flags ^ b->flags) & RT_F_SEND)
		return !(a->flags & RT_F_SEND) == (io == RT_RECV);
	return x->prev < y->prev;
}

/* What is given up first where `at` is overdue: it must not leave behind what was only waiting. */
static struct track_held **order_first(struct conn *c, struct track_held **at)
{
	const struct rt_rec *overdue = (*at)->rec;

	for (struct track_held **p = &c->held; *p; p = &(*p)->next)
		if ((overdue->type == RT_REC_END ||
		     !(((*p)->rec->flags ^ overdue->flags) & RT_F_SEND)) &&
		    order_before(c, (*p)->rec, (*at)->rec))
			at = p;
	return at;
}

/* Whether it is a response, and requests that go before it are there, waiting for their turn. */
static bool order_requests_held(const struct conn *c, const struct track_held *at)
{
	enum rt_io io = conn_io(c, RT_REQ);
	const struct rt_rec_data *rec, *resp = held_data(at, !io);

	if (!c->ops || !resp)
		return false;
	for (const struct track_held *h = c->held; h; h = h->next) {
		rec = held_data(h, io);
		if (rec && rec->prev < resp->other)
			return true;
	}
	return false;
}

/* What would name the connection does not come any more: go on without it. */
static void order_name_anyway(struct track *t, struct conn *c)
{
	t->stats.given_up++;
	if (!c->named) /* its RT_REC_CONN was lost: no addresses, and nobody saw what went before */
		c->late = true;
	c->named = c->known = true;
}

/* One held record that may go now, oldest first; NULL when there is none. */
static struct track_held **order_next(struct track *t, struct conn *c, bool force)
{
	struct track_held **overdue = NULL;

	/* First the name, then each record by its own order: none may overtake for want of a name.
	 */
	if (force && !order_named(t, c) && order_overdue(t, c->held, ORDER_WAIT))
		order_name_anyway(t, c);
	for (struct track_held **at = &c->held; *at; at = &(*at)->next) {
		enum order why = order_of(t, c, (*at)->rec, (*at)->pass, (*at)->ns);

		if (why == ORDER_READY)
			return at;
		(*at)->waited |= why == ORDER_WAIT_OTHER;
		if (!overdue && order_overdue(t, *at, why) && !order_requests_held(c, *at))
			overdue = at;
	}
	/* Only when nothing can go by its own right is anything given up. */
	if (!force || !overdue || !c->known)
		return NULL;
	t->stats.given_up++;
	overdue = order_first(c, overdue);
	if (order_of(t, c, (*overdue)->rec, (*overdue)->pass, (*overdue)->ns) == ORDER_WAIT_FIRST)
		c->resp_vain = ((const struct rt_rec_data *)(*overdue)->rec)->other;
	return overdue;
}

bool order_drain(struct track *t, struct conn *c, bool force)
{
	struct track_held **at, *h;
	uint32_t wait;
	bool closed;

	while (c->held && (at = order_next(t, c, force))) {
		h = *at;
		/* What is given up does not wait again. */
		wait = 0;
		if (order_patient(t, h->pass, h->ns) &&
		    order_of(t, c, h->rec, h->pass, h->ns) == ORDER_READY)
			wait = RT_EARLY | (h->waited ? RT_WAITED : 0);
		order_unlink(t, c, at);
		closed = order_apply(t, c, h->rec, wait);
		free(h);
		if (closed)
			return true;
	}
	return false;
}

bool order_record(struct track *t, struct conn *c, const struct rt_rec *rec)
{
	enum order why = order_of(t, c, rec, t->pass, t->now_ns);

	if (why != ORDER_READY) {
		order_hold(t, c, rec, why);
		/* a request may have waited for it, in vain */
		return why == ORDER_WAIT_OTHER && c->held_len > 1 && order_drain(t, c, false);
	}
	if (order_apply(t, c, rec, RT_EARLY))
		return true;
	return c->held ? order_drain(t, c, false) : false;
}
