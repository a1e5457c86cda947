// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/hist.h"

const uint64_t hist_bound_ns[HIST_BOUNDS] = {
	100000,   250000,    500000,    1000000,   2500000,    5000000,    10000000,   25000000,
	50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};

/*
 * Entry b: how many bounds lie below 2^(b-1), the smallest value of b significant bits. Bounds are
 * a factor of 2 apart, so at most one of them lies among the values of one entry, and a single
 * comparison decides. tests/unit/test_hist.c holds the table against a search.
 */
const uint8_t hist_first[65] = {
	0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 0..16 */
	0,  /* 65536.. holds 100 us */
	1,  /* 131072.. holds 250 us */
	2,  /* 262144.. holds 500 us */
	3,  /* 524288.. holds 1 ms */
	4,  /* 1.05 ms.. */
	4,  /* 2.10 ms.. holds 2.5 ms */
	5,  /* 4.19 ms.. holds 5 ms */
	6,  /* 8.39 ms.. holds 10 ms */
	7,  /* 16.8 ms.. holds 25 ms */
	8,  /* 33.6 ms.. holds 50 ms */
	9,  /* 67.1 ms.. holds 100 ms */
	10, /* 134 ms.. holds 250 ms */
	11, /* 268 ms.. holds 500 ms */
	12, /* 537 ms.. holds 1 s */
	13, /* 1.07 s.. */
	13, /* 2.15 s.. holds 2.5 s */
	14, /* 4.29 s.. holds 5 s */
	15, /* 8.59 s.. holds 10 s */
	16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
	16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
};
