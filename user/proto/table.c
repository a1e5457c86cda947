// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/proto.h"

const struct proto_ops *const proto_table[RT_PROTO_MAX] = {
	[RT_PROTO_HTTP] = &http1_ops,
	[RT_PROTO_POSTGRES] = &postgres_ops,
	[RT_PROTO_KAFKA] = &kafka_ops,
};
