/* SPDX-License-Identifier: GPL-2.0 */
/* State the kernel half keeps: per connection (socket storage) and per program (scratch). */
#ifndef REDTAP_BPF_CONN_H
#define REDTAP_BPF_CONN_H

#include "classify.h"
#include "event.h"

/* HTTP: how far one direction's heads have been looked at (http.bpf.h). */
struct conn_http {
	__u64 at;     /* offset of the next byte to look at */
	__u64 length; /* Content-Length, as far as it was read */
	__u64 doubt;  /* where a body ends, if what was taken for an answer to HEAD was not; or 0 */
	__u64 word;   /* the last bytes of the first line */
	__u8 state;   /* enum http_state */
	__u8 line;    /* bytes of this line before it, 255: at least so many */
	__u8 name;    /* enum http_name */
	__u8 flags;   /* HTTP_* */
	__u8 pad[4];
};

/* Not recognised yet: the bytes of calls too short to tell, until the direction turns. */
struct conn_head {
	__u8 bytes[2 * RT_CLASSIFY_BYTES];
	__u8 n;
	__u8 pad[7];
};

struct conn_dir {
	__u64 off;      /* end of the last call seen */
	__u64 prev;     /* end of what went into a queue */
	__u64 skip;     /* nothing below this offset is wanted */
	__u64 start_ns; /* sends: first byte of the one under way entered the kernel */
	__u64 lost;     /* end of the last that found its queue full */
	__u64 tail;     /* as rt_hint.tail */
	__u32 seq;      /* TCP's own sequence at `off` */
	__u16 run;      /* calls since the other direction's last */
	__u8 gap;       /* enum rt_gap of [prev, off) */
	__u8 eof;
	__u8 wary; /* HTTP: see WARY_HEADS */
	__u8 head; /* HTTP: the walk stands inside a head, or behind one that announced a body */
	__u8 due;  /* a record of the other direction is out that comes after what this one's next
		      brings */
	__u8 pad;
	/* HTTP, requests: low half of `off` when a final answer came, so that a head comes next */
	__u32 answered;
};

/* Where the bytes of a send are, as far as they are in two pieces; told by its start. */
struct conn_place {
	__u64 base[2]; /* user addresses */
	__u32 len[2];
	__u32 seq; /* TCP's own at the first of them */
	__u32 tid; /* who sends; 0: nothing was told */
};

/*
 * How wary of long bodies a direction is (conn_dir.wary). Signs of one make it so. Up to
 * WARY_HEADS, where it begins, a head is walked if its body may come with the next call, and takes
 * one off if that is short (http_settled()); above, every call is walked and takes one off.
 */
#define WARY_HEADS RT_HTTP_CALM
#define WARY_CALLS (WARY_HEADS + RT_HTTP_BIG)

/* A body was seen, or announced, that is no short one. */
static __always_inline void wary_of_heads(struct conn_dir *d)
{
	if (d->wary < WARY_HEADS)
		d->wary = WARY_HEADS;
}

/*
 * conn.piped: so many turns more that begin with a final answer, and no earlier request is taken to
 * be outstanding any longer.
 */
#define HTTP_PIPED 64

/* sendmmsg, recvmmsg: the vector last seen, and the entry that comes next. */
struct conn_vec {
	__u64 vec;
	__u32 i;
	__u32 pad;
};

#define WAIT_FRONT      512  /* behind so much, one record more may wait */
#define WAIT_RECORD     1112 /* its size */
#define WAIT_BYTES      (WAIT_FRONT + WAIT_RECORD)
#define WAIT_PAYLOAD    (WAIT_RECORD - sizeof(struct rt_rec_data) - sizeof(struct rt_frag))
#define WAIT_MERGED_MAX (1u << 30)

/* Records that wait for the next one (wait.bpf.h), each at a multiple of eight bytes. */
struct conn_wait {
	__u32 lock;
	__u16 bytes;
	__u16 count;
	__u32 hurry; /* a record went past the lock: what waits is to follow at once */
	__u32 pad;
	__u64 prev[2]; /* conn_dir.prev before the first of them */
	__u8 buf[WAIT_BYTES];
};

/*
 * Charged to the application's option memory: with the kernel's own 72 bytes it fills 2 KiB. What
 * every call needs stands together, in three cache lines (the kernel's last 8 bytes begin the
 * first): each that is not in the cache costs as much as a helper's call.
 */
struct conn {
	__u64 id; /* 0: the kernel's own socket, left alone */
	__u64 last_ns;
	__u16 calls;
	__u8 proto;   /* enum rt_protocol */
	__u8 role;    /* enum rt_role */
	__u8 last_io; /* enum rt_io, 0xff before the first call */
	__u8 turns;
	__u8 noseq;
	__u8 piped; /* HTTP: see HTTP_PIPED */
	struct conn_place place;
	struct conn_dir d[2]; /* by enum rt_io */
	union {
		struct conn_http http[2];
		struct conn_head head[2]; /* while `proto` is RT_PROTO_UNKNOWN */
	};
	struct conn_vec vec[2];
	__u64 born_ns; /* when it was met */
	__u32 tgid;
	__u32 ino;     /* fallback only */
	__u32 unknown; /* bytes seen while the protocol is unknown */
	__u8 ended;    /* sk_shutdown as last reported */
	__u8 late;     /* bytes had passed before, or that is not known */
	__u8 quiet;    /* fallback: no hook tells its end (AF_UNIX, MPTCP) */
	__u8 swept;    /* `open_sweep` that listed it (iter_open.bpf.c) */
	struct conn_wait wait;
};

#define CONN_BYTES_MAX 1976
_Static_assert(sizeof(struct conn) <= CONN_BYTES_MAX, "socket storage");

/* What comes in and goes out at this end: whether it is the client's. */
static __always_inline bool io_is_request(struct conn *c, int io)
{
	return (c->role == RT_ROLE_SERVER) == (io == RT_RECV);
}

#define KAFKA_WINDOW 512   /* the longest run of structure looked at: a topic name and a little */
#define KAFKA_AHEAD  128   /* bytes read at once where structure is looked at */
#define KAFKA_BEHIND 65536 /* so far a response may be behind the newest request of its room */
#define KAFKA_REQS   128   /* requests whose response may still come, remembered for its version */

#define BODY_BYTES 8192 /* twice what one record may hold, so that masked copies stay inside */

struct scratch {
	/* where the user's bytes are */
	__u64 iov;  /* next vector entry, user address */
	__u64 base; /* rest of the current segment, user address */
	__u64 seg_left;
	__u32 iov_left; /* entries */
	/* fallback: the entries of a sendmmsg or recvmmsg that come next, and what the current
	 * moved */
	__u64 mmsg;
	__u32 mmsg_left;
	__u32 mmsg_bytes;
	/* what of them is wanted */
	__u32 at; /* position in the call */
	__u32 skip_left;
	__u32 want_left;
	__u32 tail_at; /* a second range, 0 bytes long when there is none */
	__u32 tail_left;
	/* the record being filled */
	__u32 fill; /* bytes in body */
	__u32 frag; /* where the open fragment's header is in body */
	__u32 room; /* payload bytes left in this record */
	__u32 done;
	__u32 walk_open; /* kafka.bpf.h: the open fragment goes on */
	__u32 copied;    /* position in the call behind the last fragment */
	__u32 walked;    /* http.bpf.h: bytes copied, ... */
	__u32 heads;     /* ... heads that ended, ... */
	__u32 finals;    /* ... those that were no 1xx */
	/* a second cursor, to add up a vector or to look at the call's first bytes (buffer.bpf.h)
	 */
	__u64 look_iov;
	__u64 look_base;
	__u64 look_left;
	__u64 look_sum;
	__u32 look_entries;
	__u32 look_len;
	__u64 look_mmsg; /* fallback: as mmsg */
	__u32 look_mmsg_left;
	__u32 look_mmsg_bytes;
	__u8 head[2 * RT_CLASSIFY_BYTES];
	__u64 ahead_base; /* kafka.bpf.h: where the user's bytes in `ahead` are from */
	__u32 ahead_len;
	__u8 ahead[2 * KAFKA_AHEAD]; /* twice: as body */
	__u64 front_prev[2];         /* wait.bpf.h: as conn_wait.prev */
	__u64 front_end[2];          /* conn_dir.prev when what waited was taken */
	__u32 front_count;
	__u32 more;             /* record.bpf.h: the last record was a piece of this call */
	__u8 front[WAIT_BYTES]; /* what waited ends where the record begins */
	struct rt_rec_data rec;
	__u8 body[BODY_BYTES + RT_PIECE_BYTES];
};

/*
 * Kafka: where the walk through one direction's frames stands (kafka.bpf.h). `need` bytes of
 * structure are collected in `win`, over as many calls as it takes; everything below `target` is
 * skipped.
 */
struct kafka_dir {
	__u64 pos;    /* offset of the next byte to come */
	__u64 target; /* nothing below is wanted */
	__u64 frame_end;
	__u64 rec_end;  /* end of the record set being walked */
	__u64 copy_end; /* K_COPY: behind it the frame is skipped */
	__u32 need;
	__u32 have;
	__u32 topics; /* left, the current one included */
	__u32 parts;  /* of the current topic, likewise */
	__u16 state;  /* enum kafka_state */
	__u8 version;
	__u8 flexible;
	__u8 fetch; /* a Fetch response, else a Produce request */
	__u8 synced;
	__u8 sure; /* responses: since the stream began, or one was to a request that is known */
	__u8 turn; /* not synced: what stands in `win` began a turn */
	__u8 win[2 * KAFKA_WINDOW];
};

struct kafka_req {
	__u32 corr;
	__u8 key;
	__u8 version;
	__u8 used;
	__u8 pad;
};

struct kafka_walk {
	struct kafka_req reqs[KAFKA_REQS]; /* by correlation id modulo KAFKA_REQS: clients count */
	struct kafka_dir dir[2];           /* by enum rt_io */
};

struct proc_buf {
	__u64 pos;
	__u64 end;
	struct rt_rec_exec rec;
};

#endif
