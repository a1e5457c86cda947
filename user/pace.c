// SPDX-License-Identifier: GPL-2.0-or-later
#include "pace.h"

bool pace_due(struct pace *p, uint64_t heard)
{
	if (heard == p->heard && p->wait > 1) {
		p->wait--;
		return false;
	}
	if (heard != p->heard || !p->pause)
		p->pause = 1;
	else if (p->pause < PACE_MAX)
		p->pause *= 2;
	p->wait = p->pause;
	p->heard = heard;
	return true;
}
