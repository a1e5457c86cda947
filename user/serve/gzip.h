/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REDTAP_SERVE_GZIP_H
#define REDTAP_SERVE_GZIP_H

#include "base/buf.h"

/* Appends `in` as one gzip member (RFC 1952), fast rather than small. 0, -ENOMEM or -EFBIG. */
int gzip_pack(struct slice in, struct buf *out);

#endif
