/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every bound of redtap in one place, for the kernel and the user-space half. What each one sheds
 * at its limit, and which counter then moves, is the table in docs/ARCHITECTURE.md, "Limits".
 */
#ifndef REDTAP_LIMITS_H
#define REDTAP_LIMITS_H

/* kernel: what one call may bring up */
#define RT_PIECE_BYTES     4096   /* payload bytes of one record; a power of two */
#define RT_CALL_BYTES      65536  /* captured of one call, in pieces of RT_PIECE_BYTES */
#define RT_HTTP_CALL_BYTES 4096   /* the same of HTTP, from the RT_HTTP_RUN-th call in one */
#define RT_HTTP_RUN        8      /* direction on; a piece */
#define RT_HTTP_WALK_BYTES 262144 /* of heads looked at in one call */
#define RT_HTTP_BIG        64     /* short calls looked at for heads after a long one */
#define RT_CROWDED_BYTES   256  /* captured of a long call in a run while its queue is half full */
#define RT_HTTP_CALM       4    /* walked heads before short bodies, and the next one's ... */
#define RT_HTTP_CALM_BYTES 1024 /* ... body is taken for no longer than this */
#define RT_TAIL_BYTES      256  /* and the end of a call that was longer */
#define RT_IOV_MAX         1024 /* entries of one vector that are walked (UIO_MAXIOV) */
#define RT_MMSG_MAX        1024 /* messages of one sendmmsg/recvmmsg (UIO_MAXIOV) */
#define RT_HINT_AFTER      2    /* calls in one direction before skip hints are looked up */

/* recognition: a connection not recognised by then is left alone for good */
#define RT_UNKNOWN_BYTES 16384
#define RT_UNKNOWN_TURNS 8
#define RT_UNKNOWN_NS    900000000ull /* and not before user space had a look */

/* kernel: maps */
#define RT_PID_BITS         (4u << 20) /* PID_MAX_LIMIT of 64-bit kernels */
#define RT_HINTS_MAX        8192
#define RT_KAFKA_WALKS      16384 /* Kafka connections whose frames are walked */
#define RT_KAFKA_COPY_BYTES 4096  /* a frame up to this size is copied, a larger one walked */
#define RT_FALLBACK_CONNS   65536
#define RT_FALLBACK_IDLE_NS 600000000000ull
#define RT_YOUNG_INODES     (1u << 27) /* an hour's inode numbers, at 37,000 a second */

/* kernel: records on their way to user space */
#define RT_RING_TOTAL_BYTES  (2u << 20)   /* default of the ring and all queues together */
#define RT_RING_ASKED_BYTES  (8u << 10)   /* the least that may be asked for ... */
#define RT_RING_MAX_BYTES    (16u << 20)  /* ... and the most */
#define RT_RING_PART         8            /* the ring, which all CPUs share, is an eighth ... */
#define RT_RING_LEAST_BYTES  (16u << 10)  /* ... but at least so much */
#define RT_RING_PLAIN_BYTES  (64u << 10)  /* before it is sized: a multiple of any page */
#define RT_QUEUE_MIN_BYTES   (112u << 10) /* of one CPU */
#define RT_QUEUE_LEAST_BYTES (8u << 10)   /* the same when less than the default is asked for */
#define RT_QUEUE_STEP_SURE   (4u << 20)   /* a value that every kernel allows a map */
#define RT_QUEUE_BEHIND      10240        /* room for what ends behind it: the largest write */

/* process start: what is captured at exec */
#define RT_EXEC_ARGS_BYTES 2048
#define RT_EXEC_ENV_BYTES  256 /* of one OTEL_ variable */
#define RT_EXEC_ENV_SCAN   256 /* environment strings looked at */
#define RT_PATH_BYTES      256

/* user space: per connection */
#define RT_CARRY_BYTES   65536 /* an incomplete unit kept for its rest */
#define RT_HELD_EVENTS   4096  /* events that wait for their order, per connection */
#define RT_HTTP_PENDING  1024  /* requests without a complete response */
#define RT_PG_PENDING    8192  /* frontend messages without their terminator */
#define RT_PG_STATEMENTS 4096  /* named prepared statements */
#define RT_KAFKA_PENDING 4096  /* requests without a response */
#define RT_KAFKA_PARTS   65536 /* partitions named in them, and in a fetch session */

/* user space: in all */
#define RT_HELD_BYTES    (64u << 20) /* of events that wait for their order */
#define RT_CONNS_MAX     65536
#define RT_PROCS_MAX     32768
#define RT_NAMES_MAX     65536 /* interned strings */
#define RT_SERIES_MAX    20000
#define RT_ENDPOINTS_MAX 200 /* per service, then `other` */
#define RT_TOPICS_MAX    4096
#define RT_LABEL_BYTES   256 /* a longer label value is cut */

/* user space: statement text, of all PostgreSQL connections together */
#define RT_PG_TEXT_BYTES       4096        /* a longer normalised text is cut */
#define RT_PG_TEXTS            4096        /* texts kept; a power of two */
#define RT_PG_TEXT_TOTAL_BYTES (4u << 20)  /* of them */
#define RT_PG_RAW_BYTES        (16u << 10) /* of a statement that comes in parts; then it is cut */
#define RT_PG_GATHERS          64          /* such statements under way */
#define RT_PG_SHARED_NAMES     16384       /* prepared statements' names; a power of two */

#endif
