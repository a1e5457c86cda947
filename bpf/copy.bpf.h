/* SPDX-License-Identifier: GPL-2.0 */
/* Short copies inside the kernel: in line they take a third of what the helper does. */
#ifndef REDTAP_COPY_BPF_H
#define REDTAP_COPY_BPF_H

#include "compat.bpf.h"

#define COPY_CHUNK 64

/* Volatile: else the compiler makes a loop of it, or a call. */
#define COPY_BYTES(n)                                                                              \
	do {                                                                                       \
		_Pragma("unroll") for (int k = 0; k < (n); k += 8) * (volatile __u64 *)(to + k) =  \
			*(volatile __u64 *)(from + k);                                             \
		to += (n);                                                                         \
		from += (n);                                                                       \
		bytes -= (n);                                                                      \
	} while (0)

/*
 * `bytes` and up to seven more, so that they are a multiple of eight. `most`: a constant multiple
 * of eight, which they are at most; by it the verifier sees where the copy ends.
 */
static __always_inline void copy_short(__u8 *to, const __u8 *from, __u64 bytes, __u32 most)
{
	bytes = (bytes + 7) & ~7ull;
	barrier_var(bytes);
	if (bytes > most)
		return;
	for (__u32 i = 0; i + COPY_CHUNK <= most && bytes >= COPY_CHUNK; i += COPY_CHUNK)
		COPY_BYTES(COPY_CHUNK);
	if (bytes >= 32)
		COPY_BYTES(32);
	if (bytes >= 16)
		COPY_BYTES(16);
	if (bytes >= 8)
		COPY_BYTES(8);
}

#endif
