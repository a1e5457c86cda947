// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A transaction takes no memory: what connections, names and series need is there after the first
 * few. malloc() and its like are replaced by ones that count, in this program only.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "load.h"

#define WARM_UP   8000 /* exchanges */
#define EXCHANGES 100000

#if defined(__GLIBC__) && !SANITIZED
#define COUNTED 1
#else
#define COUNTED 0 /* there is nothing to hand on to, or a sanitizer has its own */
#endif

/* Volatile, because a compiler thinks that malloc() looks at nothing of ours. */
static volatile struct {
	bool on;
	uint64_t taken;
	const char *by; /* the code that asked first */
} heap;

#if COUNTED
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

#define heap_count() heap_count_for(__builtin_return_address(0))

static void heap_count_for(const void *by)
{
	if (heap.on && !heap.taken++)
		heap.by = by;
}

void *malloc(size_t n)
{
	heap_count();
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	heap_count();
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	heap_count();
	return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
	heap_count();
	return __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
	heap_count();
	*p = __libc_memalign(align, n);
	return *p ? 0 : ENOMEM;
}
#endif

/* ---- further exchanges ---- */

static const char items_request[] = "GET /items/000000/parts HTTP/1.1\r\nHost: shop\r\n\r\n";
static const char items_missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/* Two go at once, the second of which finds nothing; the first's target is another each time. */
static void make_http_pipelined(struct wire *w)
{
	char both[1024];

	*w = (struct wire){.proto = RT_PROTO_HTTP};
	snprintf(both, sizeof(both), "%s%s", items_request, items_request);
	wire_text(w, RT_REQ, both);
	snprintf(both, sizeof(both), "%s%s", http_response, items_missing);
	wire_text(w, RT_RESP, both);
}

static void vary_http(uint8_t *p, size_t len, uint32_t n)
{
	uint8_t *at = memmem(p, len, "/items/", 7);
	char number[8];

	if (!at)
		return;
	snprintf(number, sizeof(number), "%06u", n % 1000000);
	memcpy(at + 7, number, 6);
}

/* A body in chunks, and both heads cut within a line. */
static void make_http_cut(struct wire *w)
{
	*w = (struct wire){.proto = RT_PROTO_HTTP};
	wire_text(w, RT_REQ, "POST /items HTTP/1.1\r\nHost: sh");
	wire_text(w, RT_REQ, "op\r\nContent-Length: 4\r\n\r\nbo");
	wire_text(w, RT_REQ, "dy");
	wire_text(w, RT_RESP, "HTTP/1.1 200 OK\r\nTransfer-Enc");
	wire_text(w, RT_RESP, "oding: chunked\r\n\r\n3\r\nab");
	wire_text(w, RT_RESP, "c\r\n0\r\n\r\n");
}

static void make_pg_simple(struct wire *w)
{
	uint8_t p[512];
	size_t n;

	*w = (struct wire){.proto = RT_PROTO_POSTGRES};
	wire_add(w, RT_REQ, p, wire_pg_message(p, 'Q', "select a from t where id = 1", 29));
	n = wire_pg_message(p, 'T', "\0", 2);
	n += wire_pg_message(p + n, 'D', "\0\1\0\0\0\1x", 7);
	n += wire_pg_message(p + n, 'C', "SELECT 1", 9);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(w, RT_RESP, p, n);
}

static void make_pg_failing(struct wire *w)
{
	uint8_t p[512];
	size_t n;

	*w = (struct wire){.proto = RT_PROTO_POSTGRES};
	wire_add(w, RT_REQ, p, wire_pg_message(p, 'Q', "update t set a = 2", 19));
	n = wire_pg_message(p, 'E', "SERROR\0C23505\0Mno\0", 19);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(w, RT_RESP, p, n);
}

/* A result of a thousand rows, in pieces as it is captured; one ends within a message's header. */
static void make_pg_rows(struct wire *w)
{
	static uint8_t p[WIRE_BYTES];
	size_t n, at = 0;

	*w = (struct wire){.proto = RT_PROTO_POSTGRES};
	wire_add(w, RT_REQ, p, wire_pg_message(p, 'Q', "select a from t", 16));
	n = wire_pg_message(p, 'T', "\0", 2);
	for (int i = 0; i < 1000; i++)
		n += wire_pg_message(p + n, 'D', "\0\1\0\0\0\11some text", 15);
	n += wire_pg_message(p + n, 'C', "SELECT 1000", 12);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	for (; n - at > RT_PIECE_BYTES; at += RT_PIECE_BYTES)
		wire_add(w, RT_RESP, p + at, RT_PIECE_BYTES);
	wire_add(w, RT_RESP, p + at, n - at);
}

/* Parse, Bind, Execute; all names are empty, or the portal has one. */
static size_t pg_parsed_request(uint8_t *p, const char *portal)
{
	uint8_t bind[64] = {0};
	size_t n, len = strlen(portal);

	n = wire_pg_message(p, 'P', "\0delete from t\0\0", 17);
	memcpy(bind, portal, len);
	n += wire_pg_message(p + n, 'B', bind, len + 8);
	memset(bind + len, 0, sizeof(bind) - len);
	n += wire_pg_message(p + n, 'E', bind, len + 5);
	return n;
}

static void make_pg_extended(struct wire *w, const char *portal)
{
	uint8_t p[512];
	size_t n;

	*w = (struct wire){.proto = RT_PROTO_POSTGRES};
	n = pg_parsed_request(p, portal);
	n += wire_pg_message(p + n, 'S', "", 0);
	wire_add(w, RT_REQ, p, n);
	n = wire_pg_message(p, '1', "", 0);
	n += wire_pg_message(p + n, '2', "", 0);
	n += wire_pg_message(p + n, 'C', "DELETE 3", 9);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(w, RT_RESP, p, n);
}

static void make_pg_unnamed(struct wire *w)
{
	make_pg_extended(w, "");
}

static void make_pg_portal(struct wire *w)
{
	make_pg_extended(w, "C_1");
}

/* A prepared statement and a query of its own Sync, both on their way before the first answer. */
static void make_pg_pipelined(struct wire *w)
{
	static struct wire one, two;

	make_pg(&one);
	make_pg_unnamed(&two);
	*w = (struct wire){.proto = RT_PROTO_POSTGRES};
	for (int i = 0; i < 2; i++) {
		wire_add(w, one.calls[i].dir, one.bytes + one.calls[i].at, one.calls[i].len);
		wire_add(w, two.calls[i].dir, two.bytes + two.calls[i].at, two.calls[i].len);
	}
}

/* The checksum of each batch is another, as that of other records is, and so is an idempotent
 * producer's sequence. */
static void vary_kafka(uint8_t *p, size_t len, uint32_t n)
{
	static const uint8_t before_crc[] = {0, 0, 0, 7, 2};
	uint8_t *at, *end = p + len;

	while ((at = memmem(p, (size_t)(end - p), before_crc, sizeof(before_crc)))) {
		p = at + sizeof(before_crc);
		n = htonl(n);
		memcpy(p, &n, sizeof(n));
		memcpy(p + 36, &n, sizeof(n));
		n = ntohl(n);
	}
}

static void make_kafka_pipelined(struct wire *w)
{
	struct part parts[] = {{0, {.count = 3, .pid = -1, .epoch = -1, .seq = -1, .body = 40}, 0},
			       {1, {.count = 2, .pid = 9, .epoch = 1, .seq = 4, .body = 30}, 0}};
	struct frame f;

	*w = (struct wire){.proto = RT_PROTO_KAFKA};
	m_produce(&f, 9, 2, -1, "orders", 1, parts);
	wire_add(w, RT_REQ, f.p, f.n);
	m_produce(&f, 9, 3, -1, "orders", 2, parts);
	wire_add(w, RT_REQ, f.p, f.n);
	m_produced(&f, 9, 2, "orders", 1, parts);
	wire_add(w, RT_RESP, f.p, f.n);
	parts[0].error = 29; /* TOPIC_AUTHORIZATION_FAILED */
	m_produced(&f, 9, 3, "orders", 2, parts);
	wire_add(w, RT_RESP, f.p, f.n);
}

static void make_fetch(struct wire *w)
{
	*w = (struct wire){.proto = RT_PROTO_KAFKA};
	wire_fetch(w, 11, 0, 0, "orders", 77);
}

/* The topic's id is named, and a session begins. */
static void open_session(struct wire *w)
{
	struct frame f;

	*w = (struct wire){.proto = RT_PROTO_KAFKA};
	m_metadata(&f, 1);
	wire_add(w, RT_REQ, f.p, f.n);
	m_described(&f, 1, 'o', "orders", 0);
	wire_add(w, RT_RESP, f.p, f.n);
	wire_fetch(w, 13, 0, 0, "o", 77);
}

static void make_session(struct wire *w)
{
	*w = (struct wire){.proto = RT_PROTO_KAFKA};
	wire_fetch(w, 13, 77, 1, "o", 77);
}

/* Offsets that are committed with a transaction. */
static void make_kafka_txn(struct wire *w)
{
	struct frame f;

	*w = (struct wire){.proto = RT_PROTO_KAFKA};
	m_txn_commit(&f, 3, 4, 7, "group", "orders", 30);
	wire_add(w, RT_REQ, f.p, f.n);
	m_txn_committed(&f, 3, 4, "orders", 0);
	wire_add(w, RT_RESP, f.p, f.n);
	m_txn_end(&f, 3, 5, 7, 1);
	wire_add(w, RT_REQ, f.p, f.n);
	m_txn_ended(&f, 3, 5, 7, 0);
	wire_add(w, RT_RESP, f.p, f.n);
}

/* ---- what is checked ---- */

static void steady_go(struct load_run *l, uint64_t exchanges)
{
	uint64_t until = l->exchanges + exchanges;

	while (l->exchanges < until) {
		load_round(l);
		load_move(l);
	}
}

/* Of one role; `txns` and `records`: of one exchange. */
static void steady_as(struct load load, enum rt_role role, uint64_t txns, uint64_t records)
{
	struct track_stats stats;
	struct load_run *l;

	load.role = role;
	l = load_up(&load);
	steady_go(l, WARM_UP);
	heap.taken = 0;
	heap.on = true;
	steady_go(l, EXCHANGES);
	heap.on = false;
	CHECK_EQ(heap.taken, 0);
	CHECK_EQ(l->in.txns, l->exchanges * txns);
	CHECK_EQ(l->in.records, l->exchanges * records);
	CHECK_EQ(l->in.unparsed, 0);
	track_stats(l->in.track, &stats);
	CHECK_EQ(stats.held, 0);
	load_down(l);
}

/* Where to look: what addr2line -fie PROGRAM wants. */
static void heap_say(void)
{
	extern const char __executable_start[];

	if (heap.taken)
		printf("# first asked for at %#tx\n", heap.by - __executable_start);
}

static void steady(struct load load, uint64_t txns, uint64_t records)
{
	if (!COUNTED)
		SKIP("malloc() cannot be replaced here");
	for (enum rt_role role = RT_ROLE_CLIENT; role <= RT_ROLE_SERVER && !test_failed; role++) {
		steady_as(load, role, txns, records);
		heap_say();
	}
}

TEST(allocations_are_counted)
{
	void *volatile p;

	if (!COUNTED)
		SKIP("malloc() cannot be replaced here");
	heap.taken = 0;
	heap.on = true;
	p = malloc(1);
	p = realloc(p, 2);
	free(p);
	p = strdup("libc's own");
	heap.on = false;
	free(p);
	CHECK_EQ(heap.taken, 3);
}

TEST(http_takes_no_memory)
{
	steady((struct load){.make = make_http}, 1, 0);
}

TEST(http_pipelined_takes_no_memory)
{
	steady((struct load){.make = make_http_pipelined, .vary = vary_http}, 2, 0);
}

TEST(http_in_pieces_takes_no_memory)
{
	steady((struct load){.make = make_http_cut}, 1, 0);
}

TEST(postgres_simple_takes_no_memory)
{
	steady((struct load){.make = make_pg_simple, .open = open_pg}, 1, 0);
}

TEST(postgres_failing_takes_no_memory)
{
	steady((struct load){.make = make_pg_failing, .open = open_pg}, 1, 0);
}

TEST(postgres_results_in_pieces_take_no_memory)
{
	steady((struct load){.make = make_pg_rows, .open = open_pg}, 1, 0);
}

TEST(postgres_unnamed_takes_no_memory)
{
	steady((struct load){.make = make_pg_unnamed, .open = open_pg}, 1, 0);
}

TEST(postgres_prepared_takes_no_memory)
{
	steady((struct load){.make = make_pg, .open = open_pg}, 1, 0);
}

TEST(postgres_portals_take_no_memory)
{
	steady((struct load){.make = make_pg_portal, .open = open_pg}, 1, 0);
}

TEST(postgres_pipelined_takes_no_memory)
{
	steady((struct load){.make = make_pg_pipelined, .open = open_pg}, 2, 0);
}

TEST(kafka_produce_takes_no_memory)
{
	steady((struct load){.make = make_kafka, .vary = vary_kafka}, 1, 30);
}

TEST(kafka_produce_pipelined_takes_no_memory)
{
	steady((struct load){.make = make_kafka_pipelined, .vary = vary_kafka}, 2, 8);
}

TEST(kafka_fetch_takes_no_memory)
{
	steady((struct load){.make = make_fetch}, 1, 4);
}

TEST(kafka_fetch_in_sessions_takes_no_memory)
{
	steady((struct load){.make = make_session, .open = open_session}, 1, 4);
}

TEST(kafka_transactions_take_no_memory)
{
	steady((struct load){.make = make_kafka_txn}, 2, 0);
}
