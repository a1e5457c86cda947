// SPDX-License-Identifier: GPL-2.0-or-later
/* The way of the records to user space (bpf/queue.bpf.h): by a CPU's queue, or past it. */
#include <bpf/bpf.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "queue.h"
#include "rig.h"

static const char request[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#define REQUEST_BYTES  (sizeof(request) - 1)
#define RESPONSE_BYTES (sizeof(response) - 1)

/* The queues of this process's capture, as its reader maps them. */
struct queues {
	uint8_t *at;
	size_t bytes, step;
	int cpus;
};

static bool queues_map(struct queues *q, int fd)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || strcmp(info.name, "queues"))
		return false;
	q->step = info.value_size;
	q->cpus = (int)info.max_entries;
	q->bytes = (q->step * info.max_entries + 4095) / 4096 * 4096;
	q->at = mmap(NULL, q->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return q->at != MAP_FAILED;
}

static struct queues queues_find(void)
{
	struct queues q = {0};
	char link[64], what[64];
	int found = 0;

	for (int fd = 3; fd < 1024; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, what, sizeof(what) - 1);
		if (n > 0 && (what[n] = 0, strstr(what, "bpf-map")))
			found += queues_map(&q, fd);
	}
	if (found != 1)
		abort();
	return q;
}

static struct rt_queue *queue_of(const struct queues *q, int cpu)
{
	return (struct rt_queue *)(q->at + (size_t)cpu * q->step);
}

/* As a writer does; theirs take no time. */
static void queues_take(const struct queues *q)
{
	for (int cpu = 0; cpu < q->cpus; cpu++)
		while (__atomic_exchange_n(&queue_of(q, cpu)->busy, 1, __ATOMIC_SEQ_CST))
			;
}

static void queues_leave(const struct queues *q)
{
	for (int cpu = 0; cpu < q->cpus; cpu++)
		__atomic_store_n(&queue_of(q, cpu)->busy, 0, __ATOMIC_SEQ_CST);
}

static uint64_t queues_head(const struct queues *q)
{
	uint64_t sum = 0;

	for (int cpu = 0; cpu < q->cpus; cpu++)
		sum += queue_of(q, cpu)->head;
	return sum;
}

static void move(int from, int to, const char *data, size_t n)
{
	char buf[4096];

	if (write(from, data, n) != (ssize_t)n || recv(to, buf, n, MSG_WAITALL) != (ssize_t)n ||
	    memcmp(buf, data, n) != 0)
		abort();
}

static void exchange(const struct rig_pair *p)
{
	move(p->client, p->server, request, REQUEST_BYTES);
	move(p->server, p->client, response, RESPONSE_BYTES);
}

static void all_told(struct rig *r, const struct rig_pair *p, int exchanges)
{
	for (int server = 0; server < 2; server++) {
		struct rig_conn *c = rig_end(r, p, server);
		struct rig_dir *req, *resp;

		CHECK(c);
		if (!c)
			return;
		req = &c->d[server ? RT_RECV : RT_SEND];
		resp = &c->d[server ? RT_SEND : RT_RECV];
		CHECK_EQ(req->end, exchanges * REQUEST_BYTES);
		CHECK_EQ(rig_count(req, 0, req->end), req->end);
		CHECK_EQ(resp->end, exchanges * RESPONSE_BYTES);
		CHECK_EQ(rig_count(resp, 0, resp->end), resp->end);
	}
}

/* A writer that was interrupted holds its queue: who interrupts it loses nothing. */
static void taken(enum capture_mode mode)
{
	struct rig *r = rig_new(mode);
	struct queues q;
	struct rig_pair before, within;
	struct rig_conn *ends[2];
	uint64_t head;

	if (!r)
		return;
	q = queues_find();
	CHECK(rig_connect(RIG_V4, &before));
	exchange(&before);
	rig_read(r);

	queues_take(&q);
	head = queues_head(&q);
	CHECK(head > 0);
	CHECK(rig_connect(RIG_V4, &within));
	for (int i = 0; i < 20; i++) {
		exchange(&before);
		exchange(&within);
	}
	rig_read(r);
	CHECK_EQ(queues_head(&q), head);
	all_told(r, &before, 21);
	all_told(r, &within, 20);
	for (int server = 0; server < 2; server++) {
		ends[server] = rig_end(r, &within, server);
		CHECK(ends[server] && !ends[server]->destroyed);
	}
	rig_close(&within);
	for (int server = 0; server < 2; server++)
		if (ends[server])
			rig_await_end(r, ends[server]);
	CHECK_EQ(queues_head(&q), head);

	queues_leave(&q);
	exchange(&before);
	rig_read(r);
	CHECK(queues_head(&q) > head);
	all_told(r, &before, 22);
	CHECK_EQ(rig_stat(r, RT_STAT_LOST_RING), 0);
	rig_close(&before);
	munmap(q.at, q.bytes);
	rig_free(r);
}

TEST(a_taken_queue_is_passed_by)
{
	taken(CAPTURE_SOCKET);
	if (!test_failed)
		taken(CAPTURE_SYSCALL);
}

struct child {
	pid_t pid;
	int forked, conns, early;
};

static void on_child(void *arg, const struct rt_rec *rec)
{
	struct child *c = arg;

	if (rec->type == RT_REC_FORK && ((const struct rt_rec_proc *)rec)->tgid == (uint32_t)c->pid)
		c->forked++;
	if (rec->type == RT_REC_CONN &&
	    ((const struct rt_rec_conn *)rec)->tgid == (uint32_t)c->pid) {
		c->conns++;
		c->early += !c->forked;
	}
}

/* The ring's records of a process come before what the process wrote to a queue. */
TEST(a_process_is_told_before_its_connections)
{
	struct rig *r = rig_new(CAPTURE_AUTO);
	struct rig_pair p;
	struct child c = {0};
	int go[2];
	char byte = 0;

	if (!r)
		return;
	if (pipe(go))
		abort();
	rig_read(r);
	c.pid = fork();
	if (!c.pid) {
		if (read(go[0], &byte, 1) == 1 && rig_connect(RIG_V4, &p))
			exchange(&p);
		_exit(0);
	}
	capture_trace(r->capture, (uint32_t)c.pid, true); /* redtap's own children are not */
	if (write(go[1], &byte, 1) != 1)
		abort();
	waitpid(c.pid, NULL, 0);
	close(go[0]);
	close(go[1]);
	CHECK(capture_read(r->capture, on_child, &c) > 0);
	CHECK_EQ(c.forked, 1);
	CHECK_EQ(c.conns, 2);
	CHECK_EQ(c.early, 0);
	rig_free(r);
}

static bool readable(struct rig *r)
{
	struct pollfd p = {.fd = capture_fd(r->capture), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static int executed(struct rig *r)
{
	int n = 0;

	for (int i = 0; i < r->nprocs; i++)
		n += r->procs[i].h.type == RT_REC_EXEC;
	return n;
}

/* Nobody is woken for a record, but for a queue that is more than a quarter full; each time. */
TEST(the_reader_is_woken_before_its_queue_is_full)
{
	struct rig *r = rig_new(CAPTURE_SOCKET);
	struct rig_pair p;
	struct queues q;
	struct rt_queue *mine;
	uint64_t size;

	if (!r)
		return;
	q = queues_find();
	mine = queue_of(&q, sched_getcpu());
	size = q.step - sizeof(struct rt_queue) - RT_QUEUE_BEHIND;
	CHECK(rig_connect(RIG_V4, &p));
	for (int round = 0; round < 5; round++) {
		bool early = false;

		rig_read(r);
		while (!early && mine->head - mine->tail < size / 5) {
			exchange(&p);
			early = readable(r);
		}
		if (early) { /* whoever executes something wakes the reader, too */
			int had = executed(r);

			rig_read(r);
			CHECK(executed(r) > had);
			if (test_failed)
				break;
			round--;
			continue;
		}
		while (!readable(r) && mine->head - mine->tail < size * 9 / 10)
			exchange(&p);
		CHECK(readable(r));
		CHECK(mine->head - mine->tail < size / 2);
	}
	CHECK_EQ(rig_stat(r, RT_STAT_LOST_RING), 0);
	rig_close(&p);
	munmap(q.at, q.bytes);
	rig_free(r);
}
