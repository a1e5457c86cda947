/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The twelve system calls that carry bytes over a socket, each behind the same face. */
#ifndef REDTAP_REPLAY_CALLS_H
#define REDTAP_REPLAY_CALLS_H

#include <stddef.h>
#include <sys/types.h>

#define CALLS_SEND 6
#define CALLS_RECV 6

/* One call each, by number; `p` may be cut into a vector of small and empty pieces, or into two
 * messages. Bytes sent or received, 0 at the end, -1 with errno. */
ssize_t calls_send(int how, int fd, const void *p, size_t n);
ssize_t calls_recv(int how, int fd, void *p, size_t n);

extern const char *const calls_send_names[CALLS_SEND];
extern const char *const calls_recv_names[CALLS_RECV];

#endif
