// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes in two directions. The input is a list of calls: a byte of what to do (bit 0:
 * direction, bits 1-3: 0 a gap, 1 an end, else data), a byte of length, and the data. It is run
 * twice, with the calls whole and with each cut into pieces: what is said must be the same,
 * durations are never negative, requests counted never more than were sent.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fifo.h"
#include "proto/proto.h"

#define LOG_BYTES (1u << 20)

static struct fifo_spares spares; /* of both runs, and those before */
static const struct rt_env env = {.http_spares = &spares};

struct side {
	uint8_t *rest;
	size_t rest_len;
	uint64_t rest_ns;
	uint32_t rest_flags;
	uint64_t off;
	bool turned;
	bool ended;
};

struct run {
	void *conn;
	struct side side[2];
	struct rt_sink sink;
	uint64_t now;
	uint32_t cuts; /* state of the random cuts, 0: none */
	uint64_t paired;
	uint64_t orphans;
	uint64_t orphan_txns;
	bool left;
	size_t log_len;
	char *log;
};

static void log_slice(struct run *run, struct slice s)
{
	assert(s.n <= 256);
	if (s.n)
		memcpy(run->log + run->log_len, s.p, s.n);
	run->log_len += s.n;
	run->log[run->log_len++] = ' ';
}

static void on_txn(void *arg, const struct rt_txn *txn)
{
	struct run *run = arg;

	assert(txn->proto == RT_PROTO_HTTP);
	assert(txn->http.status == 0 || (txn->http.status >= 200 && txn->http.status <= 999) ||
	       txn->http.status == 101);
	assert(!txn->end_ns || txn->start_ns <= txn->end_ns);
	assert(!txn->end_ns || txn->first_ns <= txn->end_ns);
	assert(txn->end_ns || txn->flags & RT_TXN_NO_DURATION);
	assert(!(txn->flags & RT_TXN_ABORTED) || txn->http.status);
	if (txn->start_ns)
		run->paired++;
	else
		run->orphan_txns++;
	if (run->log_len > LOG_BYTES - 2048)
		return;
	log_slice(run, txn->http.method);
	log_slice(run, txn->http.target);
	log_slice(run, txn->http.host);
	run->log_len += (size_t)sprintf(
		run->log + run->log_len, "%u %x %llu %llu %llu %llu %llu\n", txn->http.status,
		txn->flags, (unsigned long long)txn->start_ns, (unsigned long long)txn->first_ns,
		(unsigned long long)txn->end_ns, (unsigned long long)txn->req_bytes,
		(unsigned long long)txn->resp_bytes);
}

static void on_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	struct run *run = arg;

	assert(n > 0);
	if (cause == RT_UNPARSED_ORPHAN)
		run->orphans += n;
	if (run->log_len < LOG_BYTES - 2048)
		run->log_len += (size_t)sprintf(run->log + run->log_len, "! %d %llu\n", cause,
						(unsigned long long)n);
}

static void run_open(struct run *run, uint32_t flags, uint32_t cuts)
{
	*run = (struct run){.now = 1000, .cuts = cuts};
	run->sink = (struct rt_sink){.arg = run, .txn = on_txn, .unparsed = on_unparsed};
	run->log = malloc(LOG_BYTES);
	run->conn = calloc(1, http1_ops.conn_bytes);
	if (!run->log || !run->conn)
		abort();
	http1_ops.init(run->conn, &env, flags);
}

static void run_piece(struct run *run, enum rt_dir dir, const uint8_t *p, size_t n, uint32_t flags)
{
	struct side *s = &run->side[dir];
	struct rt_chunk chunk = {
		.len = s->rest_len + n,
		.off = s->off - s->rest_len,
		.first_ns = s->rest_len ? s->rest_ns : run->now,
		.last_ns = run->now,
	};
	uint8_t *data = malloc(chunk.len);
	ssize_t used;

	if (!data)
		abort();
	if (s->rest_len)
		memcpy(data, s->rest, s->rest_len);
	memcpy(data + s->rest_len, p, n);
	if (s->turned)
		flags |= RT_TURN;
	s->turned = false;
	run->side[!dir].turned = true;
	s->off += n;
	chunk.data = data;
	chunk.flags = s->rest_len ? (s->rest_flags & ~RT_CALL_END) | (flags & RT_CALL_END) : flags;
	used = http1_ops.feed(run->conn, dir, &chunk, &run->sink);
	if (used == RT_LEAVE) {
		run->left = true;
		used = (ssize_t)chunk.len;
	}
	assert(used >= 0 && (size_t)used <= chunk.len);
	if (used || !s->rest_len) {
		s->rest_ns = run->now;
		s->rest_flags = used ? 0 : flags;
	}
	free(s->rest);
	s->rest_len = chunk.len - (size_t)used;
	assert(s->rest_len <= 1024);
	s->rest = malloc(s->rest_len + 1);
	if (!s->rest)
		abort();
	memcpy(s->rest, data + used, s->rest_len);
	free(data);
}

static void run_call(struct run *run, enum rt_dir dir, const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n && !run->left) {
		size_t len = n - at;

		if (run->cuts) {
			run->cuts = run->cuts * 1103515245u + 12345u;
			len = 1 + (run->cuts >> 16) % (run->cuts & 0x8000 ? 3 : 40);
			len = len < n - at ? len : n - at;
		}
		run_piece(run, dir, p + at, len,
			  (at ? 0 : RT_CALL_START) | (at + len == n ? RT_CALL_END : 0));
		at += len;
	}
}

static void run_gap(struct run *run, enum rt_dir dir, uint64_t n)
{
	struct side *s = &run->side[dir];
	int r;

	s->off += n;
	n += s->rest_len;
	s->rest_len = 0;
	if (!n)
		return;
	r = http1_ops.gap(run->conn, dir, s->off - n, n, run->now, 0, &run->sink);
	assert(r == 0 || r == RT_LEAVE);
	run->left = r == RT_LEAVE;
}

static void run_eof(struct run *run, enum rt_dir dir, int reset)
{
	if (run->side[dir].ended)
		return;
	run->side[dir].ended = true;
	http1_ops.eof(run->conn, dir, run->now, reset, &run->sink);
}

/* Plays the input; returns how many requests there were at most. */
static uint64_t run_play(struct run *run, const uint8_t *p, size_t n)
{
	uint64_t requests = 0;
	size_t i = 1;

	while (i + 2 <= n && !run->left) {
		enum rt_dir dir = (enum rt_dir)(p[i] & 1);
		unsigned int what = p[i] >> 1 & 7;
		size_t len = p[i + 1];

		i += 2;
		run->now += 10;
		if (run->side[dir].ended)
			continue;
		if (what == 0) {
			run_gap(run, dir, len << (p[i - 2] >> 4 & 7));
		} else if (what == 1) {
			run_eof(run, dir, p[i - 1] & 1);
		} else {
			if (what == 2)
				len += 256 * (p[i - 2] >> 4);
			len = len < n - i ? len : n - i;
			for (size_t k = 0; dir == RT_REQ && k < len; k++)
				requests += p[i + k] == '\n';
			requests += len / 1024 + 1;
			run_call(run, dir, p + i, len);
			i += len;
		}
		http1_ops.skippable(run->conn, RT_REQ);
		http1_ops.skippable(run->conn, RT_RESP);
		assert(http1_ops.in_flight(run->conn) <= requests + 1);
	}
	return requests;
}

static void run_close(struct run *run)
{
	http1_ops.fini(run->conn);
	free(run->conn);
	free(run->side[0].rest);
	free(run->side[1].rest);
	free(run->log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run whole, cut;
	uint64_t requests;
	uint32_t flags;

	if (size < 3 || size > 16384)
		return 0;
	flags = data[0] & 1 ? RT_LATE : 0;
	run_open(&whole, flags, 0);
	run_open(&cut, flags, 1 + data[0]);
	requests = run_play(&whole, data, size);
	run_play(&cut, data, size);
	for (int i = 0; i < 2; i++) {
		struct run *run = i ? &cut : &whole;

		run_eof(run, RT_REQ, data[0] & 2);
		run_eof(run, RT_RESP, data[0] & 2);
		assert(http1_ops.in_flight(run->conn) == 0);
		assert(run->paired <= requests);
		assert(run->orphan_txns == run->orphans);
	}
	if (whole.log_len != cut.log_len || memcmp(whole.log, cut.log, whole.log_len)) {
		fprintf(stderr, "whole:\n%.*scut:\n%.*s", (int)whole.log_len, whole.log,
			(int)cut.log_len, cut.log);
		abort();
	}
	run_close(&whole);
	run_close(&cut);
	return 0;
}
