// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics/expose.h"

#include "limits.h"

/* A value is at most RT_LABEL_BYTES long, and escaping doubles it at the worst. */
#define LABELS_BYTES (REGISTRY_LABELS_MAX * (REGISTRY_NAME_BYTES + 2 * RT_LABEL_BYTES + 4))
#define LINE_BYTES   (REGISTRY_NAME_BYTES + LABELS_BYTES + 64)
#define SUFFIX       "_total"

/* Bounds as client libraries write them: OpenMetrics wants a float's point (1.0.0, "Numbers"). */
static const char *const expose_le[2][HIST_BUCKETS] = {
	[EXPOSE_TEXT] = {"0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025",
			 "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"},
	[EXPOSE_OPENMETRICS] = {"0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01",
				"0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0",
				"+Inf"},
};

struct page {
	struct buf *out;
	const struct intern *names;
	enum expose_format format;
};

const char *expose_content_type(enum expose_format format)
{
	return format == EXPOSE_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

static char *put_str(char *p, const char *s)
{
	return (char *)mempcpy(p, s, strlen(s));
}

/* Backslash, line feed and, where `quote` says so, the double quote are escaped in both formats. */
static char *put_escaped(char *p, struct slice s, bool quote)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c == '\\' || (quote && c == '"')) {
			*p++ = '\\';
			*p++ = (char)c;
		} else if (c == '\n') {
			*p++ = '\\';
			*p++ = 'n';
		} else {
			*p++ = (char)c;
		}
	}
	return p;
}

/* `a="x",b="y"`, without braces. */
static char *put_labels(char *p, const struct page *page, const struct family *f,
			const struct series *s)
{
	for (uint32_t i = 0; i < f->labels; i++) {
		if (i)
			*p++ = ',';
		p = put_str(p, f->desc->labels[i]);
		*p++ = '=';
		*p++ = '"';
		p = put_escaped(p, intern_get(page->names, s->ids[i]), true);
		*p++ = '"';
	}
	return p;
}

static void put_head(const struct page *page, const struct family_desc *d)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	size_t name = strlen(d->name);
	char *p;

	if (page->format == EXPOSE_OPENMETRICS && d->type == METRIC_COUNTER)
		name -= sizeof(SUFFIX) - 1;
	p = buf_reserve(page->out, 2 * name + 2 * strlen(d->help) + 64);
	if (!p)
		return;
	p = put_str(p, "# HELP ");
	p = (char *)mempcpy(p, d->name, name);
	*p++ = ' ';
	p = put_escaped(p, slice_str(d->help), page->format == EXPOSE_OPENMETRICS);
	p = put_str(p, "\n# TYPE ");
	p = (char *)mempcpy(p, d->name, name);
	*p++ = ' ';
	p = put_str(p, types[d->type]);
	*p++ = '\n';
	buf_commit(page->out, p);
}

static char *put_value(char *p, const struct family_desc *d, const struct series *s)
{
	uint64_t v = atomic_load_explicit(&s->value[0], memory_order_relaxed);

	if (s->flags & SERIES_FN) {
		const struct gauge_fn *fn = (const struct gauge_fn *)(uintptr_t)v;

		return fmt_f64(p, fn->read(fn->arg));
	}
	if (d->type == METRIC_GAUGE)
		return fmt_f64(p, series_gauge(s));
	return d->flags & FAMILY_SECONDS ? fmt_seconds(p, v) : fmt_u64(p, v);
}

static void put_scalar(const struct page *page, const struct family *f, const struct series *s)
{
	char *p = buf_reserve(page->out, LINE_BYTES);

	if (!p)
		return;
	p = put_str(p, f->desc->name);
	if (f->labels) {
		*p++ = '{';
		p = put_labels(p, page, f, s);
		*p++ = '}';
	}
	*p++ = ' ';
	p = put_value(p, f->desc, s);
	*p++ = '\n';
	buf_commit(page->out, p);
}

static void put_histogram(const struct page *page, const struct family *f, const struct series *s)
{
	const char *const *le = expose_le[page->format];
	size_t name = strlen(f->desc->name), labels, prefix;
	uint64_t sum = atomic_load_explicit(&s->value[0], memory_order_relaxed);
	char text[LABELS_BYTES], first[LINE_BYTES], *p = first;
	uint64_t count = 0;

	labels = (size_t)(put_labels(text, page, f, s) - text);
	p = (char *)mempcpy(p, f->desc->name, name);
	p = put_str(p, "_bucket{");
	p = (char *)mempcpy(p, text, labels);
	p = put_str(p, labels ? ",le=\"" : "le=\"");
	prefix = (size_t)(p - first);

	p = buf_reserve(page->out, (prefix + 40) * (HIST_BUCKETS + 2));
	if (!p)
		return;
	for (int i = 0; i < HIST_BUCKETS; i++) {
		count += atomic_load_explicit(&s->value[1 + i], memory_order_relaxed);
		p = (char *)mempcpy(p, first, prefix);
		p = put_str(p, le[i]);
		p = put_str(p, "\"} ");
		p = fmt_u64(p, count);
		*p++ = '\n';
	}
	for (int i = 0; i < 2; i++) {
		p = (char *)mempcpy(p, f->desc->name, name);
		p = put_str(p, i ? "_count" : "_sum");
		if (labels) {
			*p++ = '{';
			p = (char *)mempcpy(p, text, labels);
			*p++ = '}';
		}
		*p++ = ' ';
		p = i ? fmt_u64(p, count) : fmt_seconds(p, sum);
		*p++ = '\n';
	}
	buf_commit(page->out, p);
}

static void put_family(const struct page *page, const struct family *f)
{
	const struct series *s = atomic_load(&f->first);

	if (s)
		put_head(page, f->desc);
	for (; s && !page->out->error; s = atomic_load(&s->next)) {
		if (f->desc->type == METRIC_HISTOGRAM)
			put_histogram(page, f, s);
		else
			put_scalar(page, f, s);
	}
}

int expose(struct registry *r, enum expose_format format, struct buf *out)
{
	struct page page = {.out = out, .names = registry_names(r), .format = format};
	const struct family *f;

	registry_read_begin(r);
	for (uint32_t i = 0; (f = registry_family_at(r, i)); i++)
		put_family(&page, f);
	registry_read_end(r);
	if (format == EXPOSE_OPENMETRICS)
		buf_str(out, "# EOF\n");
	return out->error;
}
