/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections whose both ends are here. */
#ifndef REDTAP_REPLAY_LINK_H
#define REDTAP_REPLAY_LINK_H

#include "golden.h"

enum family {
	FAMILY_TCP4,
	FAMILY_TCP6,
	FAMILY_MPTCP,
	FAMILY_UNIX,
	FAMILIES,
};

extern const char *const family_names[FAMILIES];

struct link {
	int fd[2]; /* by enum rt_dir of what it sends; -1: closed */
};

/* A listening socket; `dir`: where a Unix socket may stand. -1 with errno where the kernel has
 * none. */
int link_listen(enum family family, const char *dir);
/* Connects to it. What must not fail and does ends the program. */
struct link link_open(enum family family, int listener);

/* Sends bytes of one side by one system call (more where it is short) and receives them at the
 * other by calls of at most `step` bytes. */
void link_bytes(struct link *l, enum rt_dir side, int send, int recv, const uint8_t *p, size_t n,
		size_t step);
/* GOLDEN_SHUT, GOLDEN_CLOSE or GOLDEN_RESET; the other side reads the end. */
void link_end(struct link *l, enum rt_dir side, enum golden_act act);

/* What redtap has had to carry so far, about: bytes, and LINK_CALL_WEIGHT for every call. */
#define LINK_CALL_WEIGHT 300
extern uint64_t link_weight;

#endif
