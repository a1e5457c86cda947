// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plays goldens over sockets, both ends in this process.
 *
 *   play all DIR SCRATCH [PART [ONLY [each]]]
 *              every golden that does not begin before redtap, in every family
 *   play late DIR SCRATCH [PART [ONLY [each]]]
 *              those that do: opens them, says "ready", and goes on when a line is read from
 *              standard input
 *   play one FILE FAMILY SCRATCH all|late PART
 *              what the others run, one process each
 *
 * A process is a service of its own by OTEL_SERVICE_NAME (PROTOCOL.NAME.FAMILY), so that redtap's
 * page keeps them apart. For each one line comes out: SERVICE FILE PLAYS, or SERVICE FILE skip WHY.
 *
 * PART is K/N: every N-th of each one's plays, from the K-th on. ONLY is a pattern of service names
 * (fnmatch(3)). With `each` every play is a process and a service of its own,
 * PROTOCOL.NAME.FAMILY.K, and its line says behind the 1 what it was.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "link.h"

#define SHARE       7 /* of the points a family other than TCP v4 takes every so many-th */
#define PAIRS       (CALLS_SEND * CALLS_RECV)
#define LATE_PLAYS  240        /* connections that one process holds open */
#define BYTES_MAX   8192       /* longer conversations are not played byte by byte ... */
#define LONG_STRIDE 6          /* of their points, every so many-th */
#define PACE_BYTES  (1u << 20) /* redtap gets a turn after so much: this is no load test */
#define PACE_NS     12000000
#define EACH_PART   1000000 /* as N of K/N: the K-th play alone */

enum way {
	WAY_WHOLE,
	WAY_MESSAGES,
	WAY_COALESCED,
	WAY_BYTES,
	WAY_CUT,  /* at a point, sent and received */
	WAY_READ, /* sent whole, received in two */
};

/* One connection's play. */
struct turn {
	enum way way;
	enum rt_dir side; /* that is cut */
	size_t cut;
	int send, recv; /* system calls */
};

struct player {
	const char *path;
	enum family family;
	struct golden *g;
	int listener;
	struct turn *turns;
	int nturns, cap;
};

/* Every n-th of the plays, from the k-th on. */
struct part {
	int k, n;
};

/* ---- what is played ---- */

static void turn_add(struct player *p, struct turn t)
{
	if (p->nturns == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 1024;
		p->turns = realloc(p->turns, (size_t)p->cap * sizeof(*p->turns));
		if (!p->turns)
			abort();
	}
	p->turns[p->nturns++] = t;
}

static struct turn turn_by(int pair, enum way way)
{
	return (struct turn){.way = way, .send = pair % CALLS_SEND, .recv = pair / CALLS_SEND};
}

/*
 * Every pair of calls plays the conversation whole, by messages or run together; some play it byte
 * by byte. TCP v4 is cut everywhere by sendto and recvfrom; the other families take some of the
 * points and the pairs in turn, half of them cutting only what is received.
 */
static void turns_plan(struct player *p)
{
	bool is_long = p->g->side[0].len + p->g->side[1].len > BYTES_MAX;
	unsigned int hash = 0, k = 0;

	for (const char *c = p->path; *c; c++)
		hash = hash * 31 + (unsigned char)*c;
	for (int pair = 0; pair < PAIRS; pair++)
		turn_add(p, turn_by(pair, (enum way)((unsigned int)pair + hash) % WAY_BYTES));
	if (!is_long)
		for (unsigned int i = 0; i < 2; i++)
			turn_add(p, turn_by((int)((hash + i * 7 + p->family * 11) % PAIRS),
					    WAY_BYTES));
	for (int side = 0; side < 2; side++) {
		size_t cut = 0;

		while ((cut = golden_next_cut(p->g, (enum rt_dir)side, cut))) {
			struct turn t = {.way = WAY_CUT};

			k++;
			if ((is_long && k % LONG_STRIDE) ||
			    (p->family != FAMILY_TCP4 && k % SHARE != (unsigned int)p->family))
				continue;
			if (p->family != FAMILY_TCP4)
				t = turn_by((int)((k / SHARE + hash) % PAIRS),
					    k / SHARE % 2 ? WAY_READ : WAY_CUT);
			t.side = (enum rt_dir)side;
			t.cut = cut;
			turn_add(p, t);
		}
	}
}

/* Leaves the part of the plays that is wanted. */
static void turns_choose(struct player *p, struct part part)
{
	int n = 0;

	for (int i = part.k; i < p->nturns; i += part.n)
		p->turns[n++] = p->turns[i];
	p->nturns = n;
}

/* What a play was, for who looks into a difference. */
static void turn_say(const struct turn *t)
{
	static const char *const ways[] = {"whole", "messages", "coalesced",
					   "bytes", "cut",      "read"};

	dprintf(STDOUT_FILENO, " %s %s %s", calls_send_names[t->send], calls_recv_names[t->recv],
		ways[t->way]);
	if (t->way >= WAY_CUT)
		dprintf(STDOUT_FILENO, " %s %zu", t->side == RT_REQ ? "client" : "server", t->cut);
}

/* ---- playing ---- */

static void pace(uint64_t every)
{
	static uint64_t last;
	struct timespec t = {.tv_nsec = PACE_NS};

	if (link_weight - last < every)
		return;
	last = link_weight;
	nanosleep(&t, NULL);
}

static size_t message_end(const struct golden_side *s, size_t at, size_t end)
{
	for (size_t i = 0; i < s->nends; i++)
		if (s->ends[i] > at)
			return s->ends[i] < end ? s->ends[i] : end;
	return end;
}

static void play_bytes(struct link *l, const struct golden *g, const struct golden_step *s,
		       const struct turn *t, bool settled)
{
	const struct golden_side *side = &g->side[s->side];
	size_t end = s->at + s->len, to, step;

	for (size_t at = s->at; at < end; at = to) {
		bool cut = settled && t->side == s->side && t->cut > at && t->cut < end;

		to = end;
		step = SIZE_MAX;
		if (settled && t->way == WAY_BYTES)
			to = at + 1;
		else if (settled && t->way == WAY_MESSAGES)
			to = message_end(side, at, end);
		else if (cut && t->way == WAY_CUT)
			to = t->cut;
		else if (cut && t->way == WAY_READ)
			step = t->cut - at;
		link_bytes(l, s->side, t->send, t->recv, side->bytes + at, to - at, step);
		pace(PACE_BYTES);
	}
}

/* Plays the steps [from, to), or up to GOLDEN_ATTACH when `to` is 0. */
static void play_steps(struct link *l, const struct golden *g, const struct turn *t, int from,
		       int to)
{
	struct golden_step together[GOLDEN_STEPS_MAX];
	const struct golden_step *steps = g->steps;

	/* what is before `settled` stays as it is, so do the numbers of its steps */
	if (t->way == WAY_COALESCED) {
		int n = golden_coalesce(g, together);

		steps = together;
		if (to == g->nsteps)
			to = n;
	}
	for (int i = from; i < to; i++) {
		const struct golden_step *s = &steps[i];

		if (s->act == GOLDEN_BYTES)
			play_bytes(l, g, s, t, i >= g->settled);
		else if (s->act <= GOLDEN_RESET)
			link_end(l, s->side, s->act);
	}
}

static void play_close(struct link *l)
{
	link_end(l, RT_REQ, GOLDEN_CLOSE);
	link_end(l, RT_RESP, GOLDEN_CLOSE);
}

static struct golden *play_read(const struct player *p, int turn)
{
	return golden_read(p->path, (uint64_t)getpid() << 20 | (uint64_t)turn);
}

static void play_all(struct player *p)
{
	for (int i = 0; i < p->nturns; i++) {
		struct golden *g = p->g->serial ? play_read(p, i) : p->g;
		struct link l = link_open(p->family, p->listener);

		play_steps(&l, g, &p->turns[i], 0, g->nsteps);
		play_close(&l);
		if (g != p->g)
			golden_free(g);
	}
	pace(0); /* the next process begins anew */
}

static void play_late(struct player *p)
{
	struct link links[LATE_PLAYS];
	int attach = 0;
	char c;

	while (p->g->steps[attach].act != GOLDEN_ATTACH)
		attach++;
	for (int i = 0; i < p->nturns; i++) {
		links[i] = link_open(p->family, p->listener);
		play_steps(&links[i], p->g, &p->turns[i], 0, attach);
	}
	if (write(STDOUT_FILENO, "r", 1) != 1 || read(STDIN_FILENO, &c, 1) != 1)
		exit(1);
	for (int i = 0; i < p->nturns; i++) {
		play_steps(&links[i], p->g, &p->turns[i], attach, p->g->nsteps);
		play_close(&links[i]);
	}
}

static bool part_read(const char *text, struct part *part)
{
	return sscanf(text, "%d/%d", &part->k, &part->n) == 2 && part->k >= 0 && part->n > 0;
}

/* Says how often it was played, or why it cannot be played here. */
static int play_one(const char *path, const char *family, const char *scratch, bool late,
		    const char *text)
{
	struct player p = {.path = path};
	struct part part;

	while (p.family < FAMILIES && strcmp(family, family_names[p.family]) != 0)
		p.family++;
	if (p.family == FAMILIES || !part_read(text, &part))
		return 2;
	p.g = golden_read(path, 0);
	p.listener = link_listen(p.family, scratch);
	if (p.listener < 0) {
		dprintf(STDOUT_FILENO, "skip %s\n", strerror(errno));
		return 0;
	}
	turns_plan(&p);
	turns_choose(&p, part);
	if (late && p.nturns > LATE_PLAYS)
		p.nturns = LATE_PLAYS;
	if (p.g->plays && p.nturns > p.g->plays)
		p.nturns = p.g->plays;
	if (late)
		play_late(&p);
	else
		play_all(&p);
	dprintf(STDOUT_FILENO, "%d", p.nturns);
	if (part.n == EACH_PART)
		turn_say(&p.turns[0]);
	dprintf(STDOUT_FILENO, "\n");
	golden_free(p.g);
	free(p.turns);
	return 0;
}

/* ---- one process each ---- */

struct child {
	char service[128], path[1024];
	char part[32];
	pid_t pid;
	int in, out; /* its standard input and output */
	char first;  /* of its output, when that was read already; r: ready */
};

static void child_start(struct child *c, const char *self, const char *family, const char *scratch,
			const char *how)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		abort();
	c->pid = fork();
	if (c->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		setenv("OTEL_SERVICE_NAME", c->service, 1);
		execl(self, self, "one", c->path, family, scratch, how, c->part, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	c->in = in[1];
	c->out = out[0];
}

/* Its line, behind the service and the file. False when it failed. */
static bool child_end(struct child *c)
{
	char text[256];
	ssize_t n, len = c->first && c->first != 'r';
	int status;

	text[0] = c->first;
	while ((n = read(c->out, text + len, sizeof(text) - 1 - (size_t)len)) > 0)
		len += n;
	text[len] = '\0';
	close(c->in);
	close(c->out);
	waitpid(c->pid, &status, 0);
	if (status)
		printf("%s %s failed status %d\n", c->service, c->path, status);
	else
		printf("%s %s %s", c->service, c->path, text);
	return !status;
}

struct company {
	struct child *children;
	int n;
	const char *self, *scratch, *how, *part, *only;
	bool late, each, good;
};

static void company_child(struct company *y, const char *service, const char *path,
			  const char *family, const char *part)
{
	struct child *c;

	y->children = realloc(y->children, ((size_t)y->n + 1) * sizeof(*c));
	if (!y->children)
		abort();
	c = &y->children[y->n++];
	*c = (struct child){0};
	snprintf(c->service, sizeof(c->service), "%s", service);
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->part, sizeof(c->part), "%s", part);
	child_start(c, y->self, family, y->scratch, y->how);
	if (!y->late)
		y->good &= child_end(c);
}

/* A child for every play that one process would make. */
static void company_each(struct company *y, const char *service, const char *path,
			 enum family family)
{
	struct player p = {.path = path, .family = family, .g = golden_read(path, 0)};
	struct part part = {0, 1};
	char name[160], text[32];

	turns_plan(&p);
	part_read(y->part, &part);
	for (int i = part.k; i < p.nturns; i += part.n) {
		snprintf(name, sizeof(name), "%s.%d", service, i);
		snprintf(text, sizeof(text), "%d/%d", i, EACH_PART);
		company_child(y, name, path, family_names[family], text);
	}
	golden_free(p.g);
	free(p.turns);
}

static void company_add(struct company *y, const char *proto, const char *path, const char *name)
{
	struct golden *g = golden_read(path, 0);
	char service[128];

	for (int f = 0; g->late == y->late && f < FAMILIES; f++) {
		/* a reset is TCP's; the end of a Unix socket cannot be one */
		if (g->resets && f >= FAMILY_MPTCP)
			continue;
		snprintf(service, sizeof(service), "%s.%.*s.%s", proto, (int)(strlen(name) - 4),
			 name, family_names[f]);
		if (fnmatch(y->only, service, 0) != 0)
			continue;
		if (y->each)
			company_each(y, service, path, (enum family)f);
		else
			company_child(y, service, path, family_names[f], y->part);
	}
	golden_free(g);
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void company_all(struct company *y, const char *dir, const char *proto)
{
	struct dirent **list;
	int n = scandir(dir, &list, is_visible, alphasort);

	for (int i = 0; i < n; i++) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (proto)
			company_add(y, proto, path, list[i]->d_name);
		else
			company_all(y, path, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* All have opened their connections; they go on one after the other. */
static void company_late(struct company *y)
{
	char c;

	for (int i = 0; i < y->n; i++)
		if (read(y->children[i].out, &y->children[i].first, 1) != 1)
			y->good = false;
	printf("ready\n");
	fflush(stdout);
	if (read(STDIN_FILENO, &c, 1) != 1)
		exit(1);
	for (int i = 0; i < y->n; i++) {
		if (write(y->children[i].in, "g", 1) != 1)
			y->good = false;
		y->good &= child_end(&y->children[i]);
	}
}

int main(int argc, char **argv)
{
	struct company y = {.self = "/proc/self/exe", .good = true, .part = "0/1", .only = "*"};
	struct part part;

	if (argc == 7 && !strcmp(argv[1], "one"))
		return play_one(argv[2], argv[3], argv[4], !strcmp(argv[5], "late"), argv[6]);
	if (argc > 4)
		y.part = argv[4];
	if (argc > 5)
		y.only = argv[5];
	y.each = argc == 7 && !strcmp(argv[6], "each");
	if (argc < 4 || argc > 6 + y.each || !part_read(y.part, &part) ||
	    (strcmp(argv[1], "all") != 0 && strcmp(argv[1], "late") != 0)) {
		fprintf(stderr, "usage: play all|late DIR SCRATCH [K/N [ONLY [each]]]\n");
		return 2;
	}
	y.how = argv[1];
	y.scratch = argv[3];
	y.late = !strcmp(argv[1], "late");
	company_all(&y, argv[2], NULL);
	if (y.late)
		company_late(&y);
	free(y.children);
	return !y.good;
}
