// SPDX-License-Identifier: GPL-2.0-or-later
/* HTTP/1 with bytes missing, and connections met half-way: what is counted is right, and what is
 * not sure is given up and counted as that. */
#include "http1_bed.h"

#define OK             "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define GET(path)      "GET " path " HTTP/1.1\r\n\r\n"
#define ORPHAN(status) "! orphan 1\n_OTHER - - " status " N\n"

/* An exchange that must come out right at the end of a test, to show that the pairing recovered. */
static void bed_exchange(struct bed *b, const char *path, int status)
{
	char text[128];

	sprintf(text, "GET %s HTTP/1.1\r\n\r\n", path);
	bed_req(b, text);
	sprintf(text, "HTTP/1.1 %d OK\r\nContent-Length: 2\r\n\r\nok", status);
	bed_resp(b, text);
}

/* ---- gaps inside bodies ---- */

TEST(gap_in_bodies)
{
	struct bed *b = bed_new(0);

	bed_call_cut(b, RT_REQ, "POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n1", 5, "6789");
	bed_call_cut(b, RT_RESP, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 10, "");
	CHECK_EQ(b->txn[0].end_ns, b->now);
	CHECK_EQ(b->txn[0].resp_bytes, 49);
	bed_exchange(b, "/b", 201);
	BED_END(b, "POST /a - 200 -\nGET /b - 201 -\n");
}

TEST(gap_in_chunk_and_until_close)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_call_cut(b, RT_RESP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\nab",
		     8188, "cd\r\n0\r\n\r\n");
	bed_req(b, GET("/b"));
	bed_call_cut(b, RT_RESP, "HTTP/1.0 200 OK\r\n\r\nab", 5000, "cd");
	BED_END(b, "GET /a - 200 -\nGET /b - 200 -\n");
}

/* The gap goes on past the body: the end's time is not known, and what follows may be anything. */
TEST(gap_past_a_body)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_call_cut(b, RT_RESP, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1", 20, "");
	CHECK_EQ(b->txn[0].end_ns, 0);
	bed_exchange(b, "/b", 201);
	BED_END(b, "GET /a - 200 N\n! gap 1\nGET /b - 201 -\n");
}

/* ---- chunked bodies whose framing was lost ---- */

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

TEST(chunked_tail)
{
	for (int cut = 0; cut < 11; cut++) {
		static const char tail[] = "abcd\r\n0\r\n\r\n";
		struct bed *b = bed_new(0);
		size_t at = (size_t)cut;

		bed_req(b, GET("/a"));
		bed_tick(b);
		bed_feed(b, RT_RESP, CHUNKED "4\r\nabcd\r\n", strlen(CHUNKED) + 9, RT_CALL_START);
		bed_gap(b, RT_RESP, 9000);
		CHECK_EQ(http1_ops.skippable(b->conn, RT_RESP), 0);
		/* also when the end comes in two pieces, or in two calls */
		bed_feed(b, RT_RESP, tail, at, at & 1 ? RT_CALL_END : 0);
		bed_feed(b, RT_RESP, tail + at, 11 - at,
			 RT_CALL_END | (at & 1 ? RT_CALL_START : 0));
		CHECK_EQ(b->txns, 1);
		CHECK_EQ(b->txn[0].end_ns, b->now);
		bed_exchange(b, "/b", 201);
		BED_END(b, "GET /a - 200 -\nGET /b - 201 -\n");
	}
}

/* Whole calls are missing: the tail may be another response's. */
TEST(chunked_tail_after_lost_calls)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_resp(b, CHUNKED "4\r\nabcd\r\n");
	bed_tick(b);
	bed_gap(b, RT_RESP, 300);
	bed_resp(b, "4\r\nabcd\r\n0\r\n\r\n");
	CHECK_EQ(b->txns, 0);
	/* ... and the request of that one, as is now told */
	bed_gap(b, RT_REQ, 30);
	bed_exchange(b, "/c", 201);
	bed_exchange(b, "/d", 202);
	BED_END(b, "! gap 1\nGET /a - 200 N\n! abandoned 1\n" ORPHAN("201") "GET /d - 202 -\n");
}

/* The end does not show: it was there when the client went on. */
TEST(chunked_tail_unseen)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_call_cut(b, RT_RESP, CHUNKED "4\r\nabcd\r\n", 9000, "");
	bed_resp(b, "x\r\n0\r\nTrailer: 1\r\n\r\n");
	CHECK_EQ(http1_ops.in_flight(b->conn), 1);
	bed_req(b, GET("/b"));
	CHECK_EQ(b->txns, 1);
	CHECK_EQ(b->txn[0].end_ns, b->now - 10);
	bed_resp(b, OK);
	BED_END(b, "GET /a - 200 -\nGET /b - 200 -\n");
}

/* Text that looks like an answer, in a body that is not understood. */
TEST(chunked_gap_then_status_text)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_call_cut(b, RT_RESP, CHUNKED "4\r\nabcd\r\n", 9000, "");
	bed_resp(b, OK);
	bed_eof(b, RT_REQ, 0);
	bed_eof(b, RT_RESP, 0);
	CHECK_STR(b->log, "GET /a - 200 N\n");
	bed_free(b);
}

/* With more requests out, the tail says nothing about which response it ends. */
TEST(chunked_gap_in_a_pipeline)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a") GET("/b"));
	bed_call_cut(b, RT_RESP, CHUNKED "4\r\nabcd\r\n", 9000, "x\r\n0\r\n\r\n");
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/c", 201);
	BED_END(b, "GET /a - 200 N\n! abandoned 1\n" ORPHAN("404") "GET /c - 201 -\n");
}

TEST(chunked_request_tail)
{
	struct bed *b = bed_new(0);

	bed_call_cut(b, RT_REQ, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
		     9000, "x\r\n0\r\n\r\n");
	bed_resp(b, OK);
	bed_exchange(b, "/b", 201);
	CHECK_EQ(b->txn[0].req_bytes, 54 + 9000 + 8);
	BED_END(b, "POST /a - 200 -\nGET /b - 201 -\n");
}

/* ---- heads ---- */

/* A head longer than what is captured of a call: the request is known all the same. */
TEST(gap_in_request_head)
{
	struct bed *b = bed_new(0);

	for (int i = 0; i < 3; i++) {
		bed_call_cut(b, RT_REQ, "GET /a HTTP/1.1\r\nHost: x\r\nCookie: ", 4000,
			     "z\r\n\r\n");
		bed_resp(b, OK);
	}
	bed_exchange(b, "/b", 201);
	BED_END(b, "GET /a x 200 -\nGET /a x 200 -\nGET /a x 200 -\nGET /b - 201 -\n");
}

/* The gap may have hidden requests behind it: their answers belong to nobody. */
TEST(gap_in_pipelined_heads)
{
	struct bed *b = bed_new(0);

	bed_call_cut(b, RT_REQ, GET("/a") "GET /b HTTP/1.1\r\nHo", 4000, "st: x\r\n\r\n");
	bed_resp(b, OK OK);
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/c", 201);
	BED_END(b, "GET /a - 200 -\nGET /b - 200 -\n" ORPHAN("404") "GET /c - 201 -\n");
}

/* Requests sent behind a gap without waiting: nobody can say whose the answers are. */
TEST(requests_behind_a_gap)
{
	struct bed *b = bed_new(0);

	bed_call_cut(b, RT_REQ, GET("/a"), 4000, "x: y\r\n\r\n");
	bed_req(b, GET("/b"));
	bed_resp(b, OK);
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/c", 201);
	BED_END(b, "! gap 1\n! abandoned 1\nGET /a - 200 -\n" ORPHAN("404") "GET /c - 201 -\n");
}

TEST(gap_over_a_whole_request)
{
	struct bed *b = bed_new(0);

	bed_exchange(b, "/a", 200);
	bed_tick(b);
	bed_gap(b, RT_REQ, 100);
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/c", 201);
	BED_END(b, "GET /a - 200 -\n! gap 1\n" ORPHAN("404") "GET /c - 201 -\n");
}

/* A request line of which the end is missing is no request; its answer is an orphan. */
TEST(gap_in_request_line)
{
	struct bed *b = bed_new(0);

	bed_call_cut(b, RT_REQ, "GET /aaaaa", 4000, " HTTP/1.1\r\n\r\n");
	bed_resp(b, OK);
	bed_exchange(b, "/c", 201);
	BED_END(b, "! gap 1\n" ORPHAN("200") "GET /c - 201 -\n");
}

TEST(gap_over_a_whole_response)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_tick(b);
	bed_gap(b, RT_RESP, 100);
	bed_exchange(b, "/c", 201);
	BED_END(b, "! gap 1\n! abandoned 1\nGET /c - 201 -\n");
}

/* The loss of a response is told with the next one, when the next request is out already. */
TEST(lost_response_told_late)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_req(b, GET("/b"));
	bed_tick(b);
	bed_gap(b, RT_RESP, 100);
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/c", 201);
	BED_END(b, "! gap 1\n! abandoned 2\n" ORPHAN("404") "GET /c - 201 -\n");
}

/* A response and the next request are both lost: the answer to that one is not the first one's. */
TEST(lost_response_and_request)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_tick(b);
	bed_gap(b, RT_RESP, 100);
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_gap(b, RT_REQ, 30);
	bed_exchange(b, "/c", 201);
	bed_exchange(b, "/d", 202);
	BED_END(b, "! gap 1\n! abandoned 1\n" ORPHAN("404") "! gap 1\n! abandoned 1\n" ORPHAN(
			   "201") "GET /d - 202 -\n");
}

/* A request is lost, and its answer is told after the next request: the times give it away. */
TEST(answer_overtaken_by_the_next_request)
{
	struct bed *b = bed_new(RT_LATE);

	b->now = 2000;
	bed_req(b, GET("/b"));
	b->now = 1500;
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	b->now = 2500;
	bed_resp(b, "HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/c", 202);
	BED_END(b, "! abandoned 1\n" ORPHAN("404") ORPHAN("201") "GET /c - 202 -\n");
}

TEST(gap_in_response_head)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_call_cut(b, RT_RESP, "HTTP/1.1 200 OK\r\nSet-Cookie: ", 4000, "z\r\n\r\nbody");
	bed_resp(b, "more body");
	bed_req(b, GET("/b"));
	CHECK_EQ(b->txn[0].end_ns, b->now - 10);
	CHECK_EQ(b->txn[0].resp_bytes, 29 + 4000 + 9 + 9);
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/c", 201);
	BED_END(b, "! gap 1\nGET /a - 200 -\nGET /b - 404 -\nGET /c - 201 -\n");
}

/* ... with more requests out. */
TEST(gap_in_pipelined_response_head)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a") GET("/b"));
	bed_call_cut(b, RT_RESP, "HTTP/1.1 200 OK\r\nSet-Cookie: ", 4000, "z\r\n\r\nbody");
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/c", 201);
	BED_END(b, "! gap 1\nGET /a - 200 N\n! abandoned 1\n" ORPHAN("404") "GET /c - 201 -\n");
}

/* ... and it was an interim one, of which the rest and the answer's head are missing. */
TEST(gap_in_interim_head)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_call_cut(b, RT_RESP, "HTTP/1.1 103 Early Hints\r\n", 400, "rest of the body");
	bed_exchange(b, "/c", 201);
	BED_END(b, "! gap 1\n! abandoned 1\nGET /c - 201 -\n");
}

TEST(gap_then_end)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_tick(b);
	bed_gap(b, RT_RESP, 100);
	BED_END(b, "! gap 1\n! abandoned 1\n");
}

/* A client that asks into the middle of its answers proves nothing by asking. */
TEST(sliding_client_never_resumes)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_req(b, GET("/b"));
	bed_resp(b, OK);
	bed_req(b, GET("/c"));
	bed_tick(b);
	bed_gap(b, RT_RESP, 38);
	bed_req(b, GET("/d"));
	bed_resp(b, OK);
	bed_req(b, GET("/e"));
	bed_resp(b, OK);
	bed_resp(b, OK);
	CHECK_EQ(b->txns, 4);
	BED_END(b, "GET /a - 200 -\n! gap 1\n! abandoned 2\n! abandoned 1\n" ORPHAN(
			   "200") "! abandoned 1\n" ORPHAN("200") ORPHAN("200"));
}

/* The same client, two of whose requests are told before the answers that came before them. */
TEST(sliding_told_out_of_order)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_req(b, GET("/b"));
	b->now = 1030;
	bed_req(b, GET("/c"));
	b->now = 1050;
	bed_req(b, GET("/d"));
	b->now = 1020;
	bed_resp(b, OK);
	b->now = 1040;
	bed_resp(b, OK);
	b->now = 1070;
	bed_gap(b, RT_RESP, 38);
	bed_req(b, GET("/e"));
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	BED_END(b, "GET /a - 200 -\nGET /b - 200 -\n! gap 1\n! abandoned 2\n! abandoned 1\n" ORPHAN(
			   "404"));
}

/* The next request is told before the end of an answer that was read before it: the times tell that
 * this client waits, and so that it has had its answers after a loss. */
TEST(an_overtaken_answer_is_no_sliding)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_call_cut(b, RT_RESP, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 0, "");
	b->now += 10;
	bed_req(b, GET("/b"));
	b->now -= 10;
	bed_feed(b, RT_RESP, "cd", 2, RT_CALL_START | RT_CALL_END);
	b->now += 10;
	bed_resp(b, OK);
	bed_gap(b, RT_REQ, 100);
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/c", 201);
	BED_END(b, "GET /a - 200 -\nGET /b - 200 -\n! gap 1\n" ORPHAN("404") "GET /c - 201 -\n");
}

/* The rest of an answer was lost before the client asked again: that is no asking into its middle.
 */
TEST(lost_body_is_no_sliding)
{
	struct bed *b = bed_new(0);

	bed_req(b, GET("/a"));
	bed_call_cut(b, RT_RESP, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 0, "");
	bed_req(b, GET("/b"));
	bed_tick(b);
	bed_gap(b, RT_RESP, 100 + 38);
	bed_req(b, GET("/c"));
	bed_resp(b, OK);
	BED_END(b, "GET /a - 200 N\n! gap 1\n! abandoned 1\nGET /c - 200 -\n");
}

/* ---- connections met half-way ---- */

TEST(late_idle)
{
	struct bed *b = bed_new(RT_LATE);

	bed_exchange(b, "/a", 200);
	bed_exchange(b, "/b", 201);
	BED_END(b, "GET /a - 200 -\nGET /b - 201 -\n");
}

TEST(late_byte_by_byte)
{
	static const char req[] = GET("/a"),
			  resp[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

	for (int whole = 0; whole < 2; whole++) {
		struct bed *b = bed_new(RT_LATE);

		for (size_t i = 0; i < strlen(req); i++)
			bed_feed(b, RT_REQ, req + i, 1, i && !whole ? 0 : RT_CALL_START);
		bed_tick(b);
		for (size_t i = 0; i < strlen(resp); i++)
			bed_feed(b, RT_RESP, resp + i, 1, i && !whole ? 0 : RT_CALL_START);
		CHECK_EQ(b->txn[0].start_ns, 1000);
		CHECK_EQ(b->txn[0].first_ns, 1010);
		CHECK_EQ(b->txn[0].req_bytes, strlen(req));
		CHECK_EQ(b->txn[0].resp_bytes, strlen(resp));
		BED_END(b, "GET /a - 200 -\n");
	}
}

TEST(late_before_the_answer)
{
	struct bed *b = bed_new(RT_LATE);

	bed_resp(b, "HTTP/1.1 204 OK\r\n\r\n");
	bed_exchange(b, "/b", 201);
	BED_END(b, ORPHAN("204") "GET /b - 201 -\n");
}

TEST(late_in_an_answer)
{
	struct bed *b = bed_new(RT_LATE);

	bed_resp(b, "rest of a body\r\nHTTP/1.1 200 no\r\n");
	bed_resp(b, "GET / HTTP/1.1\r\n\r\n");
	bed_exchange(b, "/b", 201);
	BED_END(b, "GET /b - 201 -\n");
}

TEST(late_in_a_request)
{
	struct bed *b = bed_new(RT_LATE);

	bed_req(b, "rest of an upload\r\nGET /no HTTP/1.1\r\n\r\n");
	bed_req(b, "and more");
	bed_resp(b, "HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n");
	bed_exchange(b, "/b", 202);
	BED_END(b, ORPHAN("201") "GET /b - 202 -\n");
}

/* What is first seen is the body of an answer to HEAD: none comes. */
TEST(late_answer_to_head)
{
	struct bed *b = bed_new(RT_LATE);

	bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
	CHECK_EQ(http1_ops.skippable(b->conn, RT_RESP), 0);
	CHECK_EQ(http1_ops.in_flight(b->conn), 1);
	bed_exchange(b, "/b", 202);
	BED_END(b, ORPHAN("200") "GET /b - 202 -\n");
}

/* The same, and the next request is not seen before its answer. */
TEST(late_answer_to_head_then_answer)
{
	struct bed *b = bed_new(RT_LATE);

	bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
	bed_req(b, "\x01");
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	BED_END(b, ORPHAN("200") ORPHAN("404"));
}

TEST(late_chunked_answer)
{
	struct bed *b = bed_new(RT_LATE);

	bed_resp(b, CHUNKED "3\r\nabc\r\n");
	bed_resp(b, "0\r\n\r\n");
	bed_exchange(b, "/b", 202);
	BED_END(b, ORPHAN("200") "GET /b - 202 -\n");
}

/* A pipeline met half-way: what was sent before the first turn stays unpaired. */
TEST(late_in_a_pipeline)
{
	struct bed *b = bed_new(RT_LATE);

	bed_req(b, "x: y\r\n\r\n");
	bed_req(b, GET("/b"));
	bed_req(b, GET("/c"));
	bed_resp(b, OK OK OK);
	bed_req(b, GET("/d") GET("/e"));
	bed_resp(b, OK OK);
	BED_END(b, "! abandoned 1\n! abandoned 1\n" ORPHAN("200") ORPHAN("200")
			   ORPHAN("200") "GET /d - 200 -\nGET /e - 200 -\n");
}

/* Two requests at once are the first that is seen of a connection. */
TEST(late_with_a_pipeline)
{
	struct bed *b = bed_new(RT_LATE);

	bed_req(b, GET("/a") GET("/b"));
	bed_req(b, GET("/c"));
	bed_resp(b, OK);
	bed_resp(b, "HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n");
	bed_resp(b, OK);
	BED_END(b, "GET /a - 200 -\nGET /b - 404 -\nGET /c - 200 -\n");
}

TEST(late_upgrade_and_end)
{
	struct bed *b = bed_new(RT_LATE);

	bed_resp(b, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n");
	CHECK(b->left);
	CHECK_EQ(http1_ops.in_flight(b->conn), 1);
	BED_END(b, ORPHAN("101"));
}

TEST(late_no_answer)
{
	struct bed *b = bed_new(RT_LATE);

	bed_req(b, GET("/a"));
	BED_END(b, "GET /a - 0 N\n");
}

TEST(gap_in_a_tunnel)
{
	struct bed *b = bed_new(0);

	bed_req(b, "CONNECT h:1 HTTP/1.1\r\n\r\n");
	bed_gap(b, RT_REQ, 100);
	bed_resp(b, "HTTP/1.1 200 Go\r\n\r\n");
	bed_gap(b, RT_RESP, 100);
	CHECK(b->left);
	CHECK_EQ(http1_ops.in_flight(b->conn), 1);
	BED_END(b, "CONNECT h:1 - 200 -\n");
}
