/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text into values. Each returns 0, or -EINVAL and writes nothing; whoever calls knows what to say.
 * The whole text must be the value; blanks are not taken off. Pure.
 */
#ifndef REDTAP_CONFIG_VALUE_H
#define REDTAP_CONFIG_VALUE_H

#include "config/config.h"

/* Digits only. -ERANGE past uint64_t. */
int value_count(const char *text, uint64_t *out);

/* A number with up to three decimals, `0.5`; *out in thousandths. -ERANGE past uint64_t. */
int value_thousandths(const char *text, uint64_t *out);

/* A count and B, K, KiB, M, MiB, G or GiB, all powers of 1024; no unit: bytes. */
int value_size(const char *text, uint64_t *out);

/* One or more counts with ms, s, m, h or d: `10m`, `1h30m`. In ns. */
int value_duration(const char *text, uint64_t *out_ns);

/* `N` or `N-M`, 1 to 65535. */
int value_ports(const char *text, uint16_t *low, uint16_t *high);

/* ADDR:PORT, [ADDR6]:PORT, `localhost:PORT`. */
int value_listen(const char *text, struct config_listen *out);

/* ADDR, ADDR:PORT, ADDR6, [ADDR6]:PORT; the name is left alone. */
int value_peer(const char *text, struct config_peer *out);

/* ::ffff:a.b.c.d becomes a.b.c.d. */
void value_unmap(uint8_t ip[16], uint16_t *family);

/* The number of the word in a list `one two three`. */
int value_choice(const char *text, const char *choices, uint32_t *out);

/* `2MiB`, `10m`: the largest unit that divides. Returns `out`. */
const char *value_format_size(uint64_t bytes, char out[32]);
const char *value_format_duration(uint64_t ns, char out[32]);

#endif
