/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sockets are new, by the numbers of their inodes. */
#ifndef REDTAP_YOUNG_H
#define REDTAP_YOUNG_H

#include <stdint.h>

/*
 * The kernel numbers the inodes of sockets and pipes from one counter, of which each CPU takes
 * 1,024 at a time (get_next_ino(), fs/inode.c). Uses up what every CPU has left, some milliseconds
 * each. Returns a number: every socket made afterwards on these CPUs has a later one; numbers come
 * round after 2^32. 0 when it cannot be had. Moves the calling thread from CPU to CPU and back.
 */
uint32_t young_frontier(int cpus);

#endif
