// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/ratelimit.h"

bool ratelimit_pass(struct ratelimit *rl, uint64_t now_ns, uint64_t interval_ns, uint32_t burst,
		    uint32_t *missed)
{
	if (rl->start_ns == 0 || now_ns - rl->start_ns >= interval_ns) {
		rl->start_ns = now_ns;
		rl->passed = 0;
	}
	if (rl->passed >= burst) {
		if (rl->missed != UINT32_MAX)
			rl->missed++;
		return false;
	}
	rl->passed++;
	*missed = rl->missed;
	rl->missed = 0;
	return true;
}
