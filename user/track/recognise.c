// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The verdict on a connection's protocol. From its first bytes the short look of classify.h will
 * do; a connection met half-way must show more, because its bytes may be the middle of anything.
 */
#include "classify.h"
#include "proto/kafka.h"
#include "track/internal.h"

/* The rest of a request line or status line, as far as it is there. */
static bool http_convinces(struct slice b)
{
	const uint8_t *nl = memchr(b.p, '\n', b.n);
	size_t line = nl ? (size_t)(nl - b.p) : b.n;

	if (memcmp(b.p, "HTTP/", 5) == 0)
		return line >= 12 ? b.p[8] == ' ' && b.p[9] >= '1' && b.p[9] <= '5' : !nl;
	if (!nl)
		return true;
	if (line && b.p[line - 1] == '\r')
		line--;
	return line > 9 && memcmp(b.p + line - 9, " HTTP/1.", 8) == 0;
}

/*
 * The client id is printable; and where responses may come along, which may look like a request,
 * there is one, the frame ends with the call or goes beyond it, and its body is a request's.
 */
static bool kafka_convinces(struct slice b, uint64_t call_len, bool strict)
{
	uint64_t frame = (uint64_t)be32(b.p) + 4;
	uint16_t client = be16(b.p + 12);
	size_t end = client == 0xffff ? 14 : 14u + client;

	for (size_t i = 14; i < end && i < b.n; i++)
		if (b.p[i] < ' ' || b.p[i] > '~')
			return false;
	if (!strict)
		return true;
	return client && client != 0xffff && (frame >= call_len || b.n > frame + 4) &&
	       kafka_reads_as_requests(b);
}

static bool pg_type(uint8_t type, bool backend)
{
	const char *known = backend ? "123CDEGHIKNRSTVWZstnAdc" : "QPBDECSHXFdcfp";

	return type && memchr(known, type, strlen(known));
}

/* A chain of typed messages from the first byte to the end of the call; how many, 0: broken. */
static unsigned pg_chain(struct slice b, bool backend)
{
	unsigned n = 0;
	size_t at = 0;
	uint32_t len;

	while (at < b.n) {
		if (b.n - at < 5 || !pg_type(b.p[at], backend))
			return 0;
		len = be32(b.p + at + 1);
		if (len < 4 || len > b.n - at - 1)
			return 0;
		at += 1 + (size_t)len;
		n++;
	}
	return n;
}

/* The server's call ends in ReadyForQuery: both directions are at a boundary behind it. */
static bool pg_ready_at_end(struct slice b)
{
	const uint8_t *z;

	if (b.n < 6)
		return false;
	z = b.p + b.n - 6;
	if (z[0] != 'Z' || be32(z + 1) != 5)
		return false;
	if (z[5] != 'I' && z[5] != 'T' && z[5] != 'E')
		return false;
	return pg_chain(b, true) >= 2 || (b.n > 256 && pg_type(b.p[0], true));
}

static struct recognised pg_midway(struct slice b, uint64_t call_len)
{
	struct recognised none = {RT_PROTO_UNKNOWN, false, false};
	uint8_t last;
	unsigned n;

	if (pg_ready_at_end(b))
		return (struct recognised){RT_PROTO_POSTGRES, false, false};
	if (b.n != call_len || b.n < 5)
		return none;
	n = pg_chain(b, false);
	if (n < 2)
		return none;
	/* Ends in Sync or Flush, which have no body. */
	last = b.p[b.n - 5];
	if (be32(b.p + b.n - 4) == 4 && (last == 'S' || last == 'H'))
		return (struct recognised){RT_PROTO_POSTGRES, true, false};
	return none;
}

struct recognised recognise(struct slice b, uint64_t call_len, bool strict)
{
	struct recognised v = {RT_PROTO_UNKNOWN, false, false};
	uint8_t head[RT_CLASSIFY_BYTES] = {0};
	uint32_t n = b.n < sizeof(head) ? (uint32_t)b.n : sizeof(head);
	uint32_t c;

	memcpy(head, b.p, n);
	c = rt_classify(head, n, call_len > UINT32_MAX ? UINT32_MAX : (uint32_t)call_len);
	v.proto = RT_CLASS_PROTO(c);
	v.request = c & RT_CLASS_REQ;
	v.first = c & RT_CLASS_FIRST;
	if (v.proto == RT_PROTO_HTTP && !http_convinces(b))
		v.proto = RT_PROTO_UNKNOWN;
	if (v.proto == RT_PROTO_KAFKA && !kafka_convinces(b, call_len, strict))
		v.proto = RT_PROTO_UNKNOWN;
	if (v.proto == RT_PROTO_POSTGRES && !v.first && (b.n != call_len || b.p[b.n - 1]))
		v.proto = RT_PROTO_UNKNOWN;
	if (v.proto == RT_PROTO_UNKNOWN)
		return pg_midway(b, call_len);
	return v;
}
