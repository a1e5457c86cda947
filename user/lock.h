/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One redtap per host: two would count everything twice, and each would see the other's scrapes. */
#ifndef REDTAP_LOCK_H
#define REDTAP_LOCK_H

/* Takes the lock file (made when missing). The descriptor that holds it, or -EWOULDBLOCK with the
 * holder's pid in *holder (0: not known), or another negative errno. */
int lock_take(const char *path, int *holder);

#endif
