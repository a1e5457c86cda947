// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

struct value_unit {
	const char *name;
	uint64_t factor;
};

/* Longest first among those that share a beginning; the first of a factor is the one printed. */
static const struct value_unit sizes[] = {
	{"GiB", 1ull << 30},
	{"G", 1ull << 30},
	{"MiB", 1ull << 20},
	{"M", 1ull << 20},
	{"KiB", 1ull << 10},
	{"K", 1ull << 10},
	{"B", 1},
};

static const struct value_unit durations[] = {
	{"ms", CLOCK_NS_PER_MS},           {"d", 86400 * CLOCK_NS_PER_SECOND},
	{"h", 3600 * CLOCK_NS_PER_SECOND}, {"m", 60 * CLOCK_NS_PER_SECOND},
	{"s", CLOCK_NS_PER_SECOND},
};

#define VALUE_UNITS(table) (sizeof(table) / sizeof((table)[0]))

/* The digits at *text, which moves behind them. */
static int value_digits(const char **text, uint64_t *out)
{
	uint64_t value = 0;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	for (; **text >= '0' && **text <= '9'; (*text)++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**text - '0'), &value))
			return -ERANGE;
	*out = value;
	return 0;
}

/* Digits and the unit behind them, which may not be missing. */
static int value_with_unit(const char **text, const struct value_unit *units, size_t count,
			   uint64_t *out)
{
	uint64_t value = 0;
	int r = value_digits(text, &value);

	for (size_t i = 0; r == 0 && i < count; i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(*text, units[i].name, n))
			continue;
		*text += n;
		return __builtin_mul_overflow(value, units[i].factor, out) ? -ERANGE : 0;
	}
	return r ? r : -EINVAL;
}

int value_count(const char *text, uint64_t *out)
{
	uint64_t value = 0;
	int r = value_digits(&text, &value);

	if (r || *text)
		return r ? r : -EINVAL;
	*out = value;
	return 0;
}

int value_thousandths(const char *text, uint64_t *out)
{
	uint64_t value = 0, scale = 1000;
	int r = value_digits(&text, &value);

	if (r == 0 && __builtin_mul_overflow(value, scale, &value))
		r = -ERANGE;
	if (r == 0 && *text == '.' && text[1]) {
		for (text++; *text >= '0' && *text <= '9' && scale > 1; text++) {
			scale /= 10;
			value += (uint64_t)(*text - '0') * scale;
		}
	}
	if (r || *text)
		return r ? r : -EINVAL;
	*out = value;
	return 0;
}

int value_size(const char *text, uint64_t *out)
{
	uint64_t value;
	int r;

	if (value_count(text, &value) == 0) {
		*out = value;
		return 0;
	}
	r = value_with_unit(&text, sizes, VALUE_UNITS(sizes), &value);
	if (r || *text)
		return r ? r : -EINVAL;
	*out = value;
	return 0;
}

int value_duration(const char *text, uint64_t *out_ns)
{
	uint64_t sum = 0, part;
	int r;

	do {
		r = value_with_unit(&text, durations, VALUE_UNITS(durations), &part);
		if (r)
			return r;
		if (__builtin_add_overflow(sum, part, &sum))
			return -ERANGE;
	} while (*text);
	*out_ns = sum;
	return 0;
}

int value_ports(const char *text, uint16_t *low, uint16_t *high)
{
	uint64_t from, to;

	if (value_digits(&text, &from))
		return -EINVAL;
	to = from;
	if (*text == '-') {
		text++;
		if (value_digits(&text, &to))
			return -EINVAL;
	}
	if (*text || from == 0 || from > to || to > UINT16_MAX)
		return -EINVAL;
	*low = (uint16_t)from;
	*high = (uint16_t)to;
	return 0;
}

/* ADDR:PORT or [ADDR]:PORT taken apart; *port NULL: there is none. */
static int value_split_port(const char *text, char address[64], const char **port)
{
	const char *from = text, *end;
	size_t n;

	if (*text == '[') {
		from++;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		*port = end[1] ? end + 2 : NULL;
	} else {
		end = strchr(text, ':');
		if (end && strchr(end + 1, ':')) /* a bare v6 address */
			end = NULL;
		*port = end ? end + 1 : NULL;
	}
	n = end ? (size_t)(end - from) : strlen(from);
	if (n == 0 || n >= 64)
		return -EINVAL;
	memcpy(address, from, n);
	address[n] = '\0';
	return *text == '[' && !strchr(address, ':') ? -EINVAL : 0;
}

static int value_ip(const char *text, uint8_t ip[16], uint16_t *family)
{
	memset(ip, 0, 16);
	if (inet_pton(AF_INET, text, ip) == 1)
		*family = AF_INET;
	else if (inet_pton(AF_INET6, text, ip) == 1)
		*family = AF_INET6;
	else
		return -EINVAL;
	return 0;
}

int value_listen(const char *text, struct config_listen *out)
{
	struct config_listen listen = {.port = 0};
	char address[64];
	const char *digits;
	uint64_t port;
	uint16_t family;
	uint8_t ip[16];

	if (value_split_port(text, address, &digits) || !digits || value_count(digits, &port) ||
	    port > UINT16_MAX)
		return -EINVAL;
	if (strcmp(address, "localhost") == 0)
		strcpy(address, "127.0.0.1");
	if (value_ip(address, ip, &family))
		return -EINVAL;
	inet_ntop(family, ip, listen.address, sizeof(listen.address));
	listen.port = (uint16_t)port;
	*out = listen;
	return 0;
}

int value_peer(const char *text, struct config_peer *out)
{
	struct config_peer peer = {.port = 0};
	char address[64];
	const char *digits;
	uint16_t high;

	if (value_split_port(text, address, &digits) ||
	    (digits && (value_ports(digits, &peer.port, &high) || peer.port != high)) ||
	    value_ip(address, peer.ip, &peer.family))
		return -EINVAL;
	value_unmap(peer.ip, &peer.family);
	memcpy(out->ip, peer.ip, sizeof(peer.ip));
	out->family = peer.family;
	out->port = peer.port;
	return 0;
}

void value_unmap(uint8_t ip[16], uint16_t *family)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	if (*family != AF_INET6 || memcmp(ip, prefix, sizeof(prefix)))
		return;
	memmove(ip, ip + 12, 4);
	memset(ip + 4, 0, 12);
	*family = AF_INET;
}

int value_choice(const char *text, const char *choices, uint32_t *out)
{
	size_t len = strlen(text);
	uint32_t i = 0;

	for (const char *p = choices; *p; i++) {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, text, n) == 0) {
			*out = i;
			return 0;
		}
		p += n + (p[n] == ' ');
	}
	return -EINVAL;
}

static const char *value_format(uint64_t value, const struct value_unit *units, size_t count,
				char out[32])
{
	const struct value_unit *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (value % units[i].factor == 0 && (!best || units[i].factor > best->factor))
			best = &units[i];
	snprintf(out, 32, "%" PRIu64 "%s", best ? value / best->factor : value,
		 best ? best->name : "");
	return out;
}

const char *value_format_size(uint64_t bytes, char out[32])
{
	return value_format(bytes, sizes, VALUE_UNITS(sizes), out);
}

const char *value_format_duration(uint64_t ns, char out[32])
{
	return value_format(ns, durations, VALUE_UNITS(durations), out);
}
