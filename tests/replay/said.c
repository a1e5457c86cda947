// SPDX-License-Identifier: GPL-2.0-or-later
#include "said.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/kafka.h"

static const char *const causes[RT_UNPARSED_MAX] = {"gap",   "malformed", "version",
						    "limit", "orphan",    "abandoned"};

void said_init(struct said *s, struct intern *names)
{
	s->names = names;
	s->n = 0;
	memset(s->unparsed, 0, sizeof(s->unparsed));
}

void said_free(struct said *s)
{
	while (s->n)
		free(s->lines[--s->n]);
}

void said_add(struct said *s, const char *fmt, ...)
{
	va_list ap;

	if (s->n == SAID_LINES_MAX)
		abort();
	va_start(ap, fmt);
	if (vasprintf(&s->lines[s->n++], fmt, ap) < 0)
		abort();
	va_end(ap);
}

/* ---- the sink ---- */

static const char *timing(const struct rt_txn *t)
{
	static char text[48];

	snprintf(text, sizeof(text), "%s%s%s",
		 t->flags & RT_TXN_NO_DURATION || !t->start_ns || !t->end_ns ? " untimed" : "",
		 t->flags & RT_TXN_STREAM ? " stream" : "",
		 t->flags & RT_TXN_ABORTED ? " aborted" : "");
	return text;
}

static void said_http(struct said *s, const struct rt_txn *t)
{
	const struct rt_http_txn *h = &t->http;
	char status[8] = "error", target[300] = "-", host[80] = "";

	if (h->status)
		snprintf(status, sizeof(status), "%u", h->status);
	if (h->target.n)
		snprintf(target, sizeof(target), "%.*s", (int)h->target.n,
			 (const char *)h->target.p);
	if (h->host.n)
		snprintf(host, sizeof(host), " host=%.*s", (int)h->host.n, (const char *)h->host.p);
	said_add(s, "= %.*s %s %s%s%s", (int)h->method.n, (const char *)h->method.p, target, status,
		 host, timing(t));
}

static void said_pg(struct said *s, const struct rt_txn *t)
{
	const struct rt_pg_txn *p = &t->pg;
	char batch[24] = "", database[80] = "";

	if (p->batch > 1)
		snprintf(batch, sizeof(batch), " batch=%u", p->batch);
	if (p->database.n)
		snprintf(database, sizeof(database), " db=%.*s", (int)p->database.n,
			 (const char *)p->database.p);
	said_add(s, "= %.*s %s rows=%llu%s%s%s%s", (int)p->query_type.n,
		 (const char *)p->query_type.p, p->sqlstate[0] ? p->sqlstate : "ok",
		 (unsigned long long)p->rows, batch, database, p->fatal ? " fatal" : "", timing(t));
}

static void said_kafka(struct said *s, const struct rt_txn *t)
{
	const struct rt_kafka_txn *k = &t->kafka;
	char error[64] = "", client[80] = "";

	if (k->error)
		snprintf(error, sizeof(error), " %s", kafka_error_name(k->error));
	if (k->client_id.n)
		snprintf(client, sizeof(client), " client=%.*s", (int)k->client_id.n,
			 (const char *)k->client_id.p);
	said_add(s, "= %s v%d%s%s%s%s", kafka_api_name(k->api), k->version, error, client,
		 timing(t), k->waited ? " waited" : "");
}

static void on_txn(void *arg, const struct rt_txn *t)
{
	struct said *s = arg;

	if (t->start_ns && t->end_ns && t->end_ns < t->start_ns)
		said_add(s, "= negative duration");
	if (t->first_ns && t->start_ns && t->first_ns < t->start_ns)
		said_add(s, "= first byte before the request");
	switch (t->proto) {
	case RT_PROTO_HTTP: said_http(s, t); break;
	case RT_PROTO_POSTGRES: said_pg(s, t); break;
	default: said_kafka(s, t); break;
	}
}

static void on_records(void *arg, const struct rt_kafka_records *r)
{
	static const char *const outcome[] = {"produced", "produce_failed", "unacked", "consumed"};
	struct said *s = arg;
	struct slice topic = intern_get(s->names, r->topic);

	said_add(s, "= records %.*s/%d %s %llu", (int)topic.n, (const char *)topic.p, r->partition,
		 outcome[r->outcome], (unsigned long long)r->records);
}

static void on_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	struct said *s = arg;

	s->unparsed[cause] += n;
}

struct rt_sink said_sink(struct said *s)
{
	return (struct rt_sink){
		.arg = s, .txn = on_txn, .records = on_records, .unparsed = on_unparsed};
}

/* ---- texts ---- */

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *said_text(struct said *s)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	qsort(s->lines, (size_t)s->n, sizeof(*s->lines), compare);
	for (int i = 0, same; i < s->n; i += same) {
		for (same = 1; i + same < s->n && !strcmp(s->lines[i], s->lines[i + same]);)
			same++;
		fprintf(f, same > 1 ? "%s x%d\n" : "%s\n", s->lines[i], same);
	}
	for (int i = 0; i < RT_UNPARSED_MAX; i++)
		if (s->unparsed[i])
			fprintf(f, "! %s %llu\n", causes[i], (unsigned long long)s->unparsed[i]);
	fclose(f);
	return text;
}

char *said_sorted(const char *want)
{
	struct said s;
	char *copy = strdup(want), *save = copy, *line, *text;
	char tail[64 * RT_UNPARSED_MAX] = "";

	if (!copy)
		abort();
	said_init(&s, NULL);
	while ((line = strsep(&save, "\n"))) {
		char *word = strstr(line, " endpoint=");

		/* only the page has endpoints */
		if (word)
			*word = '\0';
		if (line[0] == '=')
			said_add(&s, "%s", line);
	}
	free(copy);
	/* causes have their own order */
	for (int i = 0; i < RT_UNPARSED_MAX; i++)
		for (const char *p = want; (p = strstr(p, "! ")); p += 2)
			if (!strncmp(p + 2, causes[i], strlen(causes[i])))
				snprintf(tail + strlen(tail), sizeof(tail) - strlen(tail), "%.*s\n",
					 (int)strcspn(p, "\n"), p);
	text = said_text(&s);
	said_free(&s);
	if (asprintf(&copy, "%s%s", text, tail) < 0)
		abort();
	free(text);
	return copy;
}
