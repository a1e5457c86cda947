// SPDX-License-Identifier: GPL-2.0-or-later
#include "serve/gzip.h"

#include <errno.h>
#include <zlib.h>

#define WINDOW_GZIP  (15 + 16) /* zlib.h, deflateInit2(): 16 asks for a gzip wrapper */
#define MEMORY_LEVEL 8
#define STEP_BYTES   65536
#define IN_BYTES     (1u << 30) /* z_stream counts in 32 bits */

int gzip_pack(struct slice in, struct buf *out)
{
	z_stream z = {0};
	int r;

	r = deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY);
	if (r != Z_OK)
		return -ENOMEM;
	do {
		char *to = buf_reserve(out, STEP_BYTES);

		if (!to)
			break;
		if (!z.avail_in) {
			z.next_in = (Bytef *)(uintptr_t)in.p;
			z.avail_in = in.n < IN_BYTES ? (uInt)in.n : IN_BYTES;
			in.p += z.avail_in;
			in.n -= z.avail_in;
		}
		z.next_out = (Bytef *)to;
		z.avail_out = STEP_BYTES;
		r = deflate(&z, in.n ? Z_NO_FLUSH : Z_FINISH);
		buf_commit(out, to + (STEP_BYTES - z.avail_out));
	} while (r == Z_OK || r == Z_BUF_ERROR);
	deflateEnd(&z);
	return out->error ? out->error : r == Z_STREAM_END ? 0 : -ENOMEM;
}
