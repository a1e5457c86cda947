// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/service.h"

#include "base/text.h"
#include "names/service_argv.h"

/* Cleans the text into `out`; 0 when nothing is left. */
static size_t service_clean(struct slice text, char out[SERVICE_NAME_BYTES + 1])
{
	size_t n = 0;

	while (text.n && (text.p[0] == ' ' || text.p[0] == '\t')) {
		text.p++;
		text.n--;
	}
	while (text.n) {
		size_t step = text_step(text.p, text.n);
		size_t len = step ? step : 1;

		if (n + len > SERVICE_NAME_BYTES)
			break;
		memcpy(out + n, step ? (const void *)text.p : "_", len);
		n += len;
		text.p += len;
		text.n -= len;
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return n;
}

static struct slice service_trim(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static size_t service_percent_decode(struct slice s, char *out, size_t out_bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n < out_bytes; i++) {
		int high = i + 2 < s.n && s.p[i] == '%' ? slice_hex(s.p[i + 1]) : -1;
		int low = high >= 0 ? slice_hex(s.p[i + 2]) : -1;

		if (low >= 0)
			i += 2;
		out[n++] = (char)(low >= 0 ? high << 4 | low : s.p[i]);
	}
	return n;
}

/* service.name of `key=value,key=value`, decoded. */
static size_t service_from_attributes(struct slice attributes, char *out, size_t out_bytes)
{
	while (attributes.n) {
		const uint8_t *end = memchr(attributes.p, ',', attributes.n);
		size_t n = end ? (size_t)(end - attributes.p) : attributes.n;
		const uint8_t *eq = memchr(attributes.p, '=', n);

		if (eq &&
		    slice_eq(service_trim(slice_make(attributes.p, (size_t)(eq - attributes.p))),
			     SLICE("service.name")))
			return service_percent_decode(
				service_trim(
					slice_make(eq + 1, (size_t)(attributes.p + n - eq - 1))),
				out, out_bytes);
		attributes.p += n + (end != NULL);
		attributes.n -= n + (end != NULL);
	}
	return 0;
}

static struct slice service_from_exe(const struct service_input *in)
{
	struct slice base = service_base(in->exe), first = in->argv;
	const uint8_t *end;

	/* One file under many names: the name it was called by tells what it is. */
	if (base.n && !service_in_list(" busybox toybox coreutils ", base))
		return base;
	end = first.n ? memchr(first.p, '\0', first.n) : NULL;
	if (end)
		first.n = (size_t)(end - first.p);
	first = service_base(first);
	while (first.n && first.p[0] == '-') {
		first.p++;
		first.n--;
	}
	return first.n ? first : base;
}

static struct slice service_unit_name(struct slice unit)
{
	static const char suffix[] = ".service";

	if (unit.n > sizeof(suffix) - 1 &&
	    memcmp(unit.p + unit.n - sizeof(suffix) + 1, suffix, sizeof(suffix) - 1) == 0)
		unit.n -= sizeof(suffix) - 1;
	return unit;
}

/* Workers that Python's multiprocessing starts by exec: spawn, forkserver, resource_tracker. */
static bool service_is_worker(struct slice argv)
{
	return argv.n && (memmem(argv.p, argv.n, "\0--multiprocessing-fork", 23) ||
			  memmem(argv.p, argv.n, "\0from multiprocessing.", 22));
}

size_t service_name(const struct service_input *in, char out[SERVICE_NAME_BYTES + 1])
{
	char decoded[SERVICE_NAME_BYTES * 4];
	struct service_found found;
	size_t n;

	if ((n = service_clean(in->rule, out)) || (n = service_clean(in->otel_service_name, out)))
		return n;
	n = service_from_attributes(in->otel_resource_attributes, decoded, sizeof(decoded));
	if (n && (n = service_clean(slice_make(decoded, n), out)))
		return n;
	if ((n = service_clean(in->container, out)) ||
	    (n = service_clean(service_unit_name(in->unit), out)))
		return n;
	if (service_is_worker(in->argv) && (n = service_clean(in->parent, out)))
		return n;
	service_from_argv(in, &found);
	if ((n = service_clean(slice_make(found.name, found.bytes), out)) ||
	    (n = service_clean(service_from_exe(in), out)))
		return n;
	return service_clean(SLICE("unknown"), out);
}

struct slice service_script(const struct service_input *in)
{
	struct service_found found;

	service_from_argv(in, &found);
	return found.script;
}

static bool service_unit_counts(struct slice part)
{
	static const char suffix[] = ".service", user[] = "user@";

	if (part.n <= sizeof(suffix) - 1 ||
	    memcmp(part.p + part.n - sizeof(suffix) + 1, suffix, sizeof(suffix) - 1))
		return false;
	return part.n < sizeof(user) - 1 || memcmp(part.p, user, sizeof(user) - 1) != 0;
}

struct slice service_unit(struct slice cgroup)
{
	while (cgroup.n) {
		const uint8_t *at = memrchr(cgroup.p, '/', cgroup.n);
		size_t start = at ? (size_t)(at - cgroup.p) + 1 : 0;
		struct slice part = slice_make(cgroup.p + start, cgroup.n - start);

		if (service_unit_counts(part))
			return part;
		cgroup.n = at ? (size_t)(at - cgroup.p) : 0;
	}
	return SLICE("");
}
