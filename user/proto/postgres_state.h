/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of one PostgreSQL connection, shared by the postgres_*.c files only.
 *
 * Two streams are framed into messages (postgres_req.c, postgres_resp.c). A frontend message that
 * will be answered waits in `pending`; each backend message that answers takes from its front
 * (postgres_pair.c). What a unit - all up to one ReadyForQuery - achieved is kept in `unit` and
 * `done` and said when its ReadyForQuery comes. After loss or a late attach the next certain place
 * is looked for in postgres_sync.c.
 *
 * Untied mode (`untied`). When it is not known any more which frontend messages wait - bytes of
 * them were lost, more wait than RT_PG_PENDING, a gap in the answers hid how many units ended, the
 * connection was met half-way - the queue is left empty and statements are counted from the answers
 * alone: a CommandComplete is a statement, an ErrorResponse a failure, ReadyForQuery ends them.
 * Counts stay exact so; what is lost are the time (the start of a later unit is not known: it is
 * booked with RT_TXN_NO_DURATION) and the command of a failure (`unknown`). It ends at the next
 * quiet place: a request call after an answer call that ended in ReadyForQuery.
 *
 * A unit met half-way. After a late attach nobody knows whether the first request seen is the first
 * of its unit (`unit.midway`). When all that was seen was answered and nothing else was, it was.
 * A failure may be that of any statement, and then the unit's are said as untied, unless no Sync
 * was seen that can have ended it: a query fails by itself.
 *
 * Suspended portals. An Execute with a limit of rows may end in PortalSuspended. When a later
 * Execute ends the portal, the two are one statement, booked then. When the portal goes without
 * (the client never asks again: asyncpg's fetchval and fetchrow, JDBC's setMaxRows) the statement
 * has no CommandComplete and yet was one: it is booked when the portal goes, with the times of the
 * unit that suspended it and the command of its text.
 *
 * Bytes. req_bytes and resp_bytes of a unit, message headers included, go to the first of its
 * statements; the others say 0. Startup and asynchronous messages between units belong to none.
 */
#ifndef REDTAP_PROTO_POSTGRES_STATE_H
#define REDTAP_PROTO_POSTGRES_STATE_H

#include "base/fifo.h"
#include "limits.h"
#include "proto/pgtags.h"
#include "proto/postgres.h"
#include "proto/postgres_names.h"
#include "proto/postgres_sql.h"
#include "proto/postgres_text.h"
#include "proto/postgres_world.h"

#define PG_PORTALS       1024  /* named portals of one connection */
#define PG_NAME_BYTES    1024  /* a longer name of a statement or portal is not followed */
#define PG_TAG_BYTES     256   /* longest CommandComplete message */
#define PG_STARTUP_BYTES 10000 /* MAX_STARTUP_PACKET_LENGTH */
#define PG_LABEL_BYTES   64    /* of database and user */
#define PG_TRIM          16    /* queue entries an idle connection may keep */
#define PG_HEAD_BYTES    5     /* type and length */
#define PG_START_HEAD    8u    /* length and code of an untyped packet */
#define PG_READY_BYTES   6     /* ReadyForQuery, whole */
#define PG_BODY_MAX      (1u << 30)
#define PG_WINDOWED      64 /* alternations until a windowed client is trusted again */

enum pg_phase {
	PG_START = 0, /* untyped packets */
	PG_AUTH,      /* up to the first ReadyForQuery */
	PG_READY,
	PG_CANCEL, /* the connection is a cancel request */
	PG_DEAD,   /* past a FATAL error */
};

/* What answers a pending entry waits for, in the order in which they come. */
#define PG_WANT_CLOSE    (1u << 0) /* 3 */
#define PG_WANT_PARSE    (1u << 1) /* 1 */
#define PG_WANT_BIND     (1u << 2) /* 2 */
#define PG_WANT_DESCRIBE (1u << 3) /* T or n */
#define PG_WANT_EXECUTE  (1u << 4) /* C, s or I */
#define PG_WANT_QUERY    (1u << 5) /* Z */
#define PG_WANT_FUNCTION (1u << 6) /* Z */
#define PG_WANT_SYNC     (1u << 7) /* Z */
#define PG_WANT_READY    (PG_WANT_QUERY | PG_WANT_FUNCTION | PG_WANT_SYNC)

/* pg_pending.flags */
#define PG_PENDING_SINGLE (1u << 0) /* a query known to hold one statement */
#define PG_PENDING_COPY_DONE                                                                       \
	(1u << 1)          /* marks where CopyDone or CopyFail came; waits for nothing */
#define PG_PENDING_SCOPE 2 /* from this bit on: enum pg_scope of the name of Parse */

/*
 * One or more frontend messages: those of one extended sequence that were sent at once share an
 * entry, and so do repetitions of it (`count`), so that 100,000 Bind-Execute pairs are two words.
 */
struct pg_pending {
	uint64_t start_ns;  /* first byte of the first message */
	uint64_t bytes;     /* of all messages */
	uint64_t name;      /* of the statement that Parse makes, or of what Close closes */
	uint64_t statement; /* of Bind */
	uint64_t portal;    /* of Bind or Execute */
	uint64_t arg;       /* pg_sql.arg of the text */
	uint32_t max_rows;  /* of Execute; 0: all */
	uint32_t count;
	uint8_t want;
	uint8_t flags;
	uint8_t close; /* 'S' or 'P' */
	uint8_t pad;
	uint8_t verbs[PG_SQL_VERBS]; /* enum pgtag; of Parse the first */
	uint32_t pad2;
	struct pg_said said;
};

/* Statements of the open unit that were answered; equal ones in a row share an entry. */
struct pg_done {
	uint64_t rows; /* of all of them */
	struct pg_rows seen;
	uint32_t count;
	uint8_t verb;
	uint8_t pad[3];
	struct pg_said said;
};

struct pg_unit {
	uint64_t start_ns;  /* 0: not known */
	uint64_t answer_ns; /* last answer */
	uint64_t sent_ns;   /* first message of the statement under way; 0: nothing answered yet */
	uint64_t req_bytes;
	uint64_t resp_bytes;
	struct pg_rows seen; /* of the statement under way */
	uint64_t data_rows;  /* how many */
	uint64_t loose_rows; /* of those, and how many: untied, suspended Executes */
	uint32_t loose;
	uint32_t statements; /* in `done` */
	uint8_t failed;      /* a failure closes the unit's statements */
	uint8_t fail_verb;
	uint8_t fatal;
	uint8_t query; /* statements of the query under way that were answered, up to 255 */
	char sqlstate[6];
	uint8_t midway; /* the first we met: requests in front of those seen may be part of it */
	uint8_t pad;
	struct pg_said said; /* of the statement recorded next */
	struct pg_said failed_said;
	struct pg_said parsed; /* of the newest Parse that was answered */
};

/* Where one direction's framing stands. */
struct pg_stream {
	uint32_t left;  /* bytes of the current message still to come; answers not synced: bytes
			 * of an earlier call that come again in front of the next */
	uint8_t type;   /* of the current message */
	uint8_t step;   /* enum pg_step: what its rest is good for */
	uint8_t synced; /* a message boundary is known */
	uint8_t fresh;  /* answers, enum pg_fresh: one is about to begin, to be checked */
};

enum pg_fresh {
	PG_FRESH_NOT = 0,
	PG_FRESH_CALL, /* with the next call */
	PG_FRESH_HERE, /* with the next byte, where such a call began */
};

enum pg_step {
	PG_SKIP = 0,
	PG_TEXT,  /* SQL */
	PG_FIELD, /* ErrorResponse */
	PG_HOLED, /* ErrorResponse of which bytes are missing */
};

enum pg_untied {
	PG_TIED = 0,
	PG_UNTIED_KNOWN, /* all frontend messages are seen: `ready` is a bound */
	PG_UNTIED_BLIND, /* some were not */
};

/* ErrorResponse under way. */
struct pg_error {
	char severity[8];
	char sqlstate[6];
	uint8_t field; /* code of the current field; 0: a code comes */
	uint8_t at;    /* bytes of it */
	uint8_t plain; /* severity is the one that is never translated */
	uint8_t pad;
};

struct pg_conn {
	struct fifo pending;
	struct fifo done;
	struct pg_names statements;
	struct pg_names portals;
	struct pg_name unnamed; /* the unnamed statement; key is PG_NAME_NONE without one */
	struct pg_name unnamed_portal;
	struct pg_stream req;
	struct pg_stream resp;
	struct pg_unit unit;
	struct pg_error error;
	struct pg_sql sql;
	struct pg_gather gather;
	struct pg_world *world; /* NULL: none */
	uint64_t resp_ns;       /* when the last answer was read or lost that we know of */
	uint64_t req_ns;        /* when the last request was written that we know of */
	uint32_t tgid;
	uint32_t ready; /* ReadyForQuery outstanding; untied: at most so many, if at all known */
	uint32_t owed;  /* untied: statements that were sent and not answered, as far as seen */
	uint8_t want;   /* what the front entry still waits for */
	uint8_t phase;
	uint8_t status;      /* of the last ReadyForQuery; 0: none yet */
	uint8_t negotiating; /* one-byte answers outstanding */
	uint8_t untied;      /* enum pg_untied */
	uint8_t at_ready;    /* the last answer call ended in ReadyForQuery, read behind req_ns */
	uint8_t windowed;   /* not 0: the client sends units while it reads the answers of others */
	uint8_t open;       /* extended messages were sent behind the last Sync */
	uint8_t asked;      /* a message that will be answered was sent since ReadyForQuery */
	uint8_t late;       /* attached half-way, and no boundary found yet */
	uint8_t texting;    /* the newest entry waits for its text to be read */
	uint8_t suspending; /* a portal was suspended in the open unit */
	uint8_t skipping;   /* frontend messages are dropped up to the next Sync */
	uint8_t copying_in; /* the server swallows Sync and Flush */
	uint8_t streaming;  /* rows or copy data of the statement under way were seen */
	uint8_t heard;      /* a request or an answer came at all */
	uint8_t strings;    /* enum pg_strings */
	uint8_t missed;     /* requests were lost since an answer was heard */
	uint8_t holed;      /* answers: bytes in front of the next ones are missing */
	uint8_t unended;    /* the end of an answer call was lost: it may have ended the unit */
	uint8_t waited;     /* of the answers being read: RT_WAITED */
	uint8_t waits;      /* an answer was left for want of its request */
	uint8_t database_len;
	uint8_t user_len;
	char database[PG_LABEL_BYTES];
	char user[PG_LABEL_BYTES];
};

/* ---- postgres_pair.c: what is asked ---- */

/* Queues a frontend message: `msg` is an entry of one want-bit. The entry that holds it now; NULL
 * when none does (it is dropped by the server, or the connection is untied). */
struct pg_pending *pg_push(struct pg_conn *c, const struct pg_pending *msg,
			   const struct rt_sink *sink);

/* CopyDone or CopyFail from the client; CopyInResponse or CopyBothResponse from the server. */
void pg_copy_done(struct pg_conn *c, const struct rt_sink *sink);
void pg_copy_in(struct pg_conn *c);

/* The oldest entry, NULL when there is none; noted in the unit as being answered at `ns`. */
struct pg_pending *pg_touch(struct pg_conn *c, uint64_t ns);

/* A DataRow of the statement under way came at `ns`. */
void pg_row(struct pg_conn *c, uint64_t ns);

/* Forgets the rows of the statement under way; returns when they came. */
struct pg_rows pg_rows_end(struct pg_conn *c);

/* The front entry got the answers of `bits`. */
void pg_took(struct pg_conn *c, uint8_t bits);

/* The server drops what waits, up to the next Sync. */
void pg_skip_to_sync(struct pg_conn *c);

/* Drops what waits up to the next ReadyForQuery and that itself. How many statements it was. */
uint32_t pg_drop_unit(struct pg_conn *c);

/* Statements that were sent and not answered, as far as the queue knows. */
uint32_t pg_outstanding(const struct pg_conn *c);

/* Enters untied mode. */
void pg_untie(struct pg_conn *c, enum pg_untied how);

/* Forgets all that waits and leaves untied mode; counts what was owed under `cause`. */
void pg_forget(struct pg_conn *c, enum rt_unparsed cause, const struct rt_sink *sink);

/* Whether exactly one statement is outstanding and nothing else was answered in its unit, so that
 * the next verdict is its own. */
bool pg_single(const struct pg_conn *c);

/* The lowest bit: what comes next of what the front entry waits for. */
static inline uint8_t pg_next(const struct pg_conn *c)
{
	return c->want & (uint8_t)-c->want;
}

/* ---- postgres_answer.c: what is answered; `ns`: when ---- */

/* ParseComplete, BindComplete, CloseComplete, RowDescription/NoData, by their want-bit. An answer
 * that does not fit what waits makes the connection untied. */
void pg_answer(struct pg_conn *c, uint8_t bit, uint64_t ns, const struct rt_sink *sink);
void pg_complete(struct pg_conn *c, struct slice tag, uint64_t ns, const struct rt_sink *sink);
void pg_empty(struct pg_conn *c, uint64_t ns, const struct rt_sink *sink);
void pg_suspended(struct pg_conn *c, uint64_t ns, const struct rt_sink *sink);
void pg_ready(struct pg_conn *c, uint8_t status, uint64_t ns, const struct rt_sink *sink);

/* The connection is over: suspended statements will not go on. */
void pg_portals_end(struct pg_conn *c, const struct rt_sink *sink);

/* ErrorResponse; NULL: its content was lost, and nothing is booked for it. */
void pg_failed(struct pg_conn *c, const struct pg_error *e, uint64_t ns,
	       const struct rt_sink *sink);

/* Takes for answered what comes before the verdict of the one statement outstanding. */
void pg_assume_verdict(struct pg_conn *c, uint64_t ns, const struct rt_sink *sink);

/* ---- postgres_book.c: what is said ---- */

/* One more statement of the open unit was answered; `seen`: when its rows came. */
void pg_record(struct pg_conn *c, uint8_t verb, uint64_t rows, struct pg_rows seen,
	       const struct rt_sink *sink);

/* The open unit failed: the statement under way, or (`last`) the one answered last. */
void pg_record_failure(struct pg_conn *c, uint8_t verb, bool last, const struct pg_error *e);

/* Says the statements of the open unit, ended at `end_ns`, and begins a new one. */
void pg_book(struct pg_conn *c, uint64_t end_ns, const struct rt_sink *sink);

/* Says a suspended statement whose unit ended long ago. */
void pg_book_suspended(const struct pg_conn *c, const struct pg_name *portal,
		       const struct rt_sink *sink);

/* Drops the answered statements of the open unit. How many there were. */
uint32_t pg_unbook(struct pg_conn *c);

/* ---- postgres_req.c, postgres_start.c, postgres_resp.c: framing ---- */

/* Bytes consumed at chunk->data[at], 0 when more are needed, or RT_LEAVE. */
ssize_t pg_req_step(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		    const struct rt_sink *sink);
ssize_t pg_start_step(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		      const struct rt_sink *sink);
ssize_t pg_resp_step(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		     const struct rt_sink *sink);

/* `len` bytes are missing of the message under way, at most its rest. */
void pg_req_hole(struct pg_conn *c, uint32_t len);
void pg_resp_hole(struct pg_conn *c, uint32_t len, uint64_t ns, const struct rt_sink *sink);

/* Whether the 8 bytes can begin a connection: a startup, SSL, GSS or cancel request. */
bool pg_start_plausible(const uint8_t *p);

/* Whether a header can be right; `len`: its length field. */
bool pg_req_plausible(uint8_t type, uint32_t len);
bool pg_resp_plausible(uint8_t type, uint32_t len);

/* Reads the fields of an ErrorResponse, in pieces. */
void pg_error_feed(struct pg_error *e, const uint8_t *p, size_t n);

/* Reads the whole body of one. */
void pg_error_whole(struct pg_error *e, struct slice body);

/* ---- postgres_sync.c: boundaries lost and found ---- */

/* Before the bytes of a request are looked at: has the client come to a quiet place? */
void pg_sync_call(struct pg_conn *c, const struct rt_chunk *chunk, const struct rt_sink *sink);

/* Looks for a boundary; as pg_*_step(). When chunk->data[at] is one, `synced` of the stream is set
 * and 0 returned. */
ssize_t pg_sync_req(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		    const struct rt_sink *sink);
ssize_t pg_sync_resp(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		     const struct rt_sink *sink);

/* The boundary of the direction was lost. */
void pg_sync_lost(struct pg_conn *c, enum rt_dir dir);

#endif
