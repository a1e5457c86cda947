/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PostgreSQL v3 (protocol 3.0, 3.2 and what may come): proto_ops postgres_ops. What it says beyond
 * transactions is here. Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol".
 */
#ifndef REDTAP_PROTO_POSTGRES_H
#define REDTAP_PROTO_POSTGRES_H

#include "proto/proto.h"

enum pg_pool_state {
	PG_POOL_UNKNOWN = 0, /* attached late, and nothing has told the state yet */
	PG_POOL_CONNECTING,  /* before the first ReadyForQuery */
	PG_POOL_ACTIVE,      /* something is outstanding */
	PG_POOL_IDLE,
	PG_POOL_IDLE_IN_TRANSACTION,
	PG_POOL_IDLE_IN_TRANSACTION_ABORTED,
	PG_POOL_NONE, /* not a session: a cancel request, or past a FATAL error */
	PG_POOL_MAX,
};

/* enum pg_pool_state of a state of postgres_ops. Any time between init and fini. */
int postgres_pool_state(const void *conn);

/* The value of the label pool_state; NULL for PG_POOL_NONE and what is none. */
const char *pg_pool_state_name(int state);

#endif
