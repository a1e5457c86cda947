// SPDX-License-Identifier: GPL-2.0-or-later
#include "pace.h"
#include "test.h"

/* Seconds from now until it is time, with the rings at `heard`. */
static int until(struct pace *p, uint64_t heard)
{
	int n = 1;

	while (!pace_due(p, heard))
		n++;
	return n;
}

TEST(every_second_while_something_comes)
{
	struct pace p = {0};

	for (uint64_t heard = 0; heard < 50; heard++)
		CHECK_EQ(until(&p, heard), 1);
}

TEST(less_and_less_often_in_silence)
{
	static const int seconds[] = {1, 1, 2, 4, 8, 8, 8};
	struct pace p = {0};

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		CHECK_EQ(until(&p, 7), seconds[i]);
}

/* Not only when the silence would have been over. */
TEST(at_once_when_something_comes_again)
{
	struct pace p = {0};

	for (int i = 0; i < 6; i++)
		until(&p, 7);
	CHECK(!pace_due(&p, 7));
	CHECK(pace_due(&p, 8));
	CHECK_EQ(until(&p, 8), 1);
	CHECK_EQ(until(&p, 8), 2);
	CHECK(pace_due(&p, 9));
	CHECK(pace_due(&p, 10));
}
