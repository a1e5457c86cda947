// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/hist.h"
#include "test.h"

static unsigned int search(uint64_t ns)
{
	unsigned int i = 0;

	while (i < HIST_BOUNDS && ns > hist_bound_ns[i])
		i++;
	return i;
}

TEST(bounds_are_those_of_the_contract)
{
	static const double seconds[HIST_BOUNDS] = {100e-6, 250e-6, 500e-6, 1e-3,   2.5e-3, 5e-3,
						    10e-3,  25e-3,  50e-3,  100e-3, 250e-3, 500e-3,
						    1,      2.5,    5,      10};

	for (int i = 0; i < HIST_BOUNDS; i++)
		CHECK_EQ(hist_bound_ns[i], (uint64_t)(seconds[i] * 1e9 + 0.5));
	for (int i = 1; i < HIST_BOUNDS; i++)
		CHECK(hist_bound_ns[i] >= 2 * hist_bound_ns[i - 1]);
}

TEST(index_is_what_a_search_finds)
{
	uint64_t x = 88172645463325252ull;

	CHECK_EQ(hist_index(0), 0);
	CHECK_EQ(hist_index(UINT64_MAX), HIST_BUCKETS - 1);
	for (int i = 0; i < HIST_BOUNDS; i++)
		for (int d = -1; d <= 1; d++)
			CHECK_EQ(hist_index(hist_bound_ns[i] + (uint64_t)d),
				 search(hist_bound_ns[i] + (uint64_t)d));
	for (int bit = 0; bit < 64; bit++)
		for (int d = -1; d <= 1; d++)
			CHECK_EQ(hist_index((1ull << bit) + (uint64_t)d),
				 search((1ull << bit) + (uint64_t)d));
	for (int i = 0; i < 200000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		CHECK_EQ(hist_index(x >> (i & 63)), search(x >> (i & 63)));
	}
}
