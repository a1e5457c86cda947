// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a process may choose freely: its title, arguments, environment and paths. The input is five
 * parts with a 0xff between: argv, exe, cwd, OTEL_RESOURCE_ATTRIBUTES, cgroup path. A name always
 * comes out, printable and within its bound; the script and the unit point into what was handed in.
 */
#include <stdlib.h>

#include "base/text.h"
#include "names/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARTS 5

static struct slice exact(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	memcpy(copy, p, n);
	return slice_make(copy, n);
}

static void check_inside(struct slice part, struct slice whole)
{
	if (part.n && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[SERVICE_NAME_BYTES + 1];
	struct slice parts[PARTS];
	struct service_input in = {.parent = SLICE("")};
	size_t n, step;

	for (int i = 0; i < PARTS; i++) {
		const uint8_t *end = size ? memchr(data, 0xff, size) : NULL;

		n = end && i + 1 < PARTS ? (size_t)(end - data) : size;
		parts[i] = exact(data, n);
		n += n < size;
		data += n;
		size -= n;
	}
	in.argv = parts[0];
	in.exe = parts[1];
	in.cwd = parts[2];
	in.otel_resource_attributes = parts[3];
	n = service_name(&in, out);
	if (n == 0 || n > SERVICE_NAME_BYTES || out[n] != '\0')
		abort();
	for (size_t i = 0; i < n; i += step) {
		step = text_step((const uint8_t *)out + i, n - i);
		if (step == 0)
			abort();
	}
	check_inside(service_script(&in), in.argv);
	check_inside(service_unit(parts[4]), parts[4]);
	for (int i = 0; i < PARTS; i++)
		free((void *)parts[i].p);
	return 0;
}
