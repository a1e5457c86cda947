// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/kafka_schema.h"

#include <stddef.h>

/* clang-format off */

/* In every version; from version a on; up to version b; from a to b. */
#define F(t, r)		{KAFKA_##t, KAFKA_##r, 0, KAFKA_NEVER, 0}
#define FROM(a, t, r)	{KAFKA_##t, KAFKA_##r, a, KAFKA_NEVER, 0}
#define UPTO(b, t, r)	{KAFKA_##t, KAFKA_##r, 0, b, 0}
#define IN(a, b, t, r)	{KAFKA_##t, KAFKA_##r, a, b, 0}
#define END		F(END, NONE)
#define END_TAG(tag, r) {KAFKA_END, KAFKA_##r, 0, KAFKA_NEVER, tag}
#define REST		F(REST, NONE)

#define TABLE(name) static const struct kafka_field name[]

const struct kafka_field kafka_request_header[] = {
	F(STR16, CLIENT_ID),
	F(TAGS, NONE),
	F(BODY, NONE),
};

const struct kafka_field kafka_response_header[] = {
	F(TAGS, NONE),
	F(BODY, NONE),
};

/* ProduceRequest.json, ProduceResponse.json */
TABLE(produce_req) = {
	FROM(3, STR, NONE),
	F(I16, ACKS),
	F(I32, NONE),
	F(ARRAY, NONE),
		UPTO(12, STR, TOPIC),
		FROM(13, UUID, TOPIC_ID),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			F(RECORDS, BATCHES),
		END,
	END,
	END,
};

TABLE(produce_resp) = {
	F(ARRAY, NONE),
		UPTO(12, STR, TOPIC),
		FROM(13, UUID, TOPIC_ID),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			F(I16, ERROR),
			F(I64, BASE_OFFSET),
			FROM(2, I64, NONE),
			FROM(5, I64, NONE),
			FROM(8, ARRAY, NONE),
				F(I32, NONE),
				F(STR, NONE),
			END,
			FROM(8, STR, NONE),
		END,
	END,
	FROM(1, I32, NONE),
	END,
};

/* FetchRequest.json (ReplicaState is tag 1 from version 15 on), FetchResponse.json */
TABLE(fetch_req) = {
	UPTO(14, I32, REPLICA),
	F(I32, NONE),
	F(I32, NONE),
	FROM(3, I32, NONE),
	FROM(4, I8, ISOLATION),
	FROM(7, I32, SESSION_ID),
	FROM(7, I32, SESSION_EPOCH),
	F(ARRAY, NONE),
		UPTO(12, STR, TOPIC),
		FROM(13, UUID, TOPIC_ID),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			FROM(9, I32, NONE),
			F(I64, FETCH_OFFSET),
			FROM(12, I32, NONE),
			FROM(5, I64, NONE),
			F(I32, NONE),
		END,
	END,
	FROM(7, ARRAY, NONE),
		UPTO(12, STR, TOPIC),
		FROM(13, UUID, TOPIC_ID),
		F(LIST32, FORGOTTEN),
	END,
	FROM(11, STR, NONE),
	END_TAG(1, REPLICA),
};

TABLE(fetch_resp) = {
	FROM(1, I32, NONE),
	FROM(7, I16, ERROR),
	FROM(7, I32, SESSION_ID),
	F(ARRAY, NONE),
		UPTO(12, STR, TOPIC),
		FROM(13, UUID, TOPIC_ID),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			F(I16, ERROR),
			F(I64, HIGH_WATERMARK),
			FROM(4, I64, STABLE_OFFSET),
			FROM(5, I64, NONE),
			FROM(4, ARRAY, NONE),
				F(I64, ABORTED_PID),
				F(I64, ABORTED_FIRST),
			END,
			FROM(11, I32, NONE),
			F(RECORDS, BATCHES),
		END,
	END,
	END,
};

/* ListOffsetsRequest.json, ListOffsetsResponse.json */
TABLE(list_offsets_req) = {
	F(I32, NONE),
	FROM(2, I8, ISOLATION),
	F(ARRAY, NONE),
		F(STR, TOPIC),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			FROM(4, I32, NONE),
			F(I64, TIMESTAMP),
			UPTO(0, I32, NONE),
		END,
	END,
	FROM(10, I32, NONE),
	END,
};

TABLE(list_offsets_resp) = {
	FROM(2, I32, NONE),
	F(ARRAY, NONE),
		F(STR, TOPIC),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			F(I16, ERROR),
			UPTO(0, LIST64, NONE),
			FROM(1, I64, NONE),
			FROM(1, I64, OFFSET),
			FROM(4, I32, NONE),
		END,
	END,
	END,
};

/* MetadataResponse.json: names are needed only where ids stand beside them */
TABLE(metadata_resp) = {
	FROM(3, I32, NONE),
	F(ARRAY, NONE),
		F(I32, NONE),
		F(STR, NONE),
		F(I32, NONE),
		FROM(1, STR, NONE),
	END,
	FROM(2, STR, NONE),
	FROM(1, I32, NONE),
	F(ARRAY, NONE),
		F(I16, ERROR),
		UPTO(9, STR, NONE),
		FROM(10, STR, TOPIC),
		FROM(10, UUID, NAMED_ID),
		FROM(1, I8, NONE),
		F(ARRAY, NONE),
			F(I16, ERROR),
			F(I32, NONE),
			F(I32, NONE),
			FROM(7, I32, NONE),
			F(LIST32, NONE),
			F(LIST32, NONE),
			FROM(5, LIST32, NONE),
		END,
		FROM(8, I32, NONE),
	END,
	IN(8, 10, I32, NONE),
	FROM(13, I16, ERROR),
	END,
};

/* OffsetCommitRequest.json, OffsetCommitResponse.json */
TABLE(offset_commit_req) = {
	F(STR, GROUP),
	FROM(1, I32, NONE),
	FROM(1, STR, NONE),
	FROM(7, STR, NONE),
	IN(2, 4, I64, NONE),
	F(ARRAY, NONE),
		UPTO(9, STR, TOPIC),
		FROM(10, UUID, TOPIC_ID),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			F(I64, OFFSET),
			FROM(6, I32, NONE),
			IN(1, 1, I64, NONE),
			F(STR, NONE),
		END,
	END,
	END,
};

TABLE(offset_commit_resp) = {
	FROM(3, I32, NONE),
	F(ARRAY, NONE),
		UPTO(9, STR, TOPIC),
		FROM(10, UUID, TOPIC_ID),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			F(I16, ERROR),
		END,
	END,
	END,
};

/* OffsetFetchRequest.json: from version 8 on the response names the groups itself */
TABLE(offset_fetch_req) = {
	UPTO(7, STR, GROUP),
	FROM(8, ARRAY, NONE),
		F(STR, GROUP),
		FROM(9, STR, NONE),
		FROM(9, I32, NONE),
		F(ARRAY, NONE),
			UPTO(9, STR, NONE),
			FROM(10, UUID, NONE),
			F(LIST32, NONE),
		END,
	END,
	REST,
};

TABLE(offset_fetch_resp) = {
	FROM(3, I32, NONE),
	UPTO(7, ARRAY, NONE),
		F(STR, TOPIC),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			F(I64, OFFSET),
			FROM(5, I32, NONE),
			F(STR, NONE),
			F(I16, ERROR),
		END,
	END,
	IN(2, 7, I16, ERROR),
	FROM(8, ARRAY, NONE),
		F(STR, GROUP),
		F(ARRAY, NONE),
			UPTO(9, STR, TOPIC),
			FROM(10, UUID, TOPIC_ID),
			F(ARRAY, NONE),
				F(I32, PARTITION),
				F(I64, OFFSET),
				F(I32, NONE),
				F(STR, NONE),
				F(I16, ERROR),
			END,
		END,
		F(I16, ERROR),
	END,
	END,
};

/* FindCoordinatorResponse.json */
TABLE(find_coordinator_resp) = {
	FROM(1, I32, NONE),
	UPTO(3, I16, ERROR),
	UPTO(3, REST, NONE),
	F(ARRAY, NONE),
		F(STR, NONE),
		F(I32, NONE),
		F(STR, NONE),
		F(I32, NONE),
		F(I16, ERROR),
		F(STR, NONE),
	END,
	END,
};

/* LeaveGroupResponse.json */
TABLE(leave_group_resp) = {
	FROM(1, I32, NONE),
	F(I16, ERROR),
	FROM(3, ARRAY, NONE),
		F(STR, NONE),
		F(STR, NONE),
		F(I16, ERROR),
	END,
	END,
};

/* DescribeGroupsResponse.json, DeleteGroupsResponse.json */
TABLE(describe_groups_resp) = {
	FROM(1, I32, NONE),
	F(ARRAY, NONE),
		F(I16, ERROR),
		REST,
	END,
	END,
};

TABLE(delete_groups_resp) = {
	F(I32, NONE), F(ARRAY, NONE), F(STR, NONE), F(I16, ERROR), END, END,
};

/* CreateTopicsResponse.json, DeleteTopicsResponse.json, CreatePartitionsResponse.json */
TABLE(create_topics_resp) = {
	FROM(2, I32, NONE),
	F(ARRAY, NONE),
		UPTO(6, STR, NONE),
		FROM(7, STR, TOPIC),
		FROM(7, UUID, NAMED_ID),
		F(I16, ERROR),
		FROM(1, STR, NONE),
		FROM(5, I32, NONE),
		FROM(5, I16, NONE),
		FROM(5, ARRAY, NONE),
			F(STR, NONE),
			F(STR, NONE),
			F(I8, NONE),
			F(I8, NONE),
			F(I8, NONE),
		END,
	END,
	END,
};

TABLE(delete_topics_resp) = {
	FROM(1, I32, NONE),
	F(ARRAY, NONE),
		F(STR, TOPIC),
		FROM(6, UUID, NONE),
		F(I16, ERROR),
		FROM(5, STR, NONE),
	END,
	END,
};

TABLE(create_partitions_resp) = {
	F(I32, NONE), F(ARRAY, NONE), F(STR, NONE), F(I16, ERROR), F(STR, NONE), END, END,
};

/* DescribeTopicPartitionsResponse.json */
TABLE(describe_topic_partitions_resp) = {
	F(I32, NONE),
	F(ARRAY, NONE),
		F(I16, ERROR),
		F(STR, TOPIC),
		F(UUID, NAMED_ID),
		F(I8, NONE),
		F(ARRAY, NONE),
			F(I16, ERROR),
			F(I32, NONE),
			F(I32, NONE),
			F(I32, NONE),
			F(LIST32, NONE),
			F(LIST32, NONE),
			F(LIST32, NONE),
			F(LIST32, NONE),
			F(LIST32, NONE),
		END,
		F(I32, NONE),
	END,
	REST,
};

/* AddPartitionsToTxnResponse.json */
TABLE(add_partitions_resp) = {
	F(I32, NONE),
	FROM(4, I16, ERROR),
	FROM(4, ARRAY, NONE),
		F(STR, NONE),
		F(ARRAY, NONE),
			F(STR, NONE),
			F(ARRAY, NONE),
				F(I32, NONE),
				F(I16, ERROR),
			END,
		END,
	END,
	UPTO(3, ARRAY, NONE),
		F(STR, NONE),
		F(ARRAY, NONE),
			F(I32, NONE),
			F(I16, ERROR),
		END,
	END,
	END,
};

/* TxnOffsetCommitRequest.json, TxnOffsetCommitResponse.json */
TABLE(txn_offset_commit_req) = {
	F(STR, NONE),
	F(STR, GROUP),
	F(I64, PRODUCER_ID),
	F(I16, NONE),
	FROM(3, I32, NONE),
	FROM(3, STR, NONE),
	FROM(3, STR, NONE),
	F(ARRAY, NONE),
		F(STR, TOPIC),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			F(I64, OFFSET),
			FROM(2, I32, NONE),
			F(STR, NONE),
		END,
	END,
	END,
};

TABLE(txn_offset_commit_resp) = {
	F(I32, NONE),
	F(ARRAY, NONE),
		F(STR, TOPIC),
		F(ARRAY, NONE),
			F(I32, PARTITION),
			F(I16, ERROR),
		END,
	END,
	END,
};

/* EndTxnRequest.json */
TABLE(end_txn_req) = {
	F(STR, NONE),
	F(I64, PRODUCER_ID),
	F(I16, NONE),
	F(I8, COMMITTED),
	END,
};

/* Requests that begin with the group; responses that begin with the error, or the throttle time
 * and the error. */
TABLE(group_req) = {F(STR, GROUP), REST};
TABLE(error_resp) = {F(I16, ERROR), REST};
TABLE(throttle_resp) = {F(I32, NONE), F(I16, ERROR), REST};
TABLE(throttle1_resp) = {FROM(1, I32, NONE), F(I16, ERROR), REST};
TABLE(throttle2_resp) = {FROM(2, I32, NONE), F(I16, ERROR), REST};
TABLE(throttle_error1_resp) = {F(I32, NONE), FROM(1, I16, ERROR), REST};
TABLE(throttle_error3_resp) = {F(I32, NONE), FROM(3, I16, ERROR), REST};

static const struct kafka_api apis[KAFKA_KEYS] = {
	[0] = {"Produce", 13, 9, produce_req, produce_resp},
	[1] = {"Fetch", 18, 12, fetch_req, fetch_resp},
	[2] = {"ListOffsets", 11, 6, list_offsets_req, list_offsets_resp},
	[3] = {"Metadata", 13, 9, NULL, metadata_resp},
	[4] = {"LeaderAndIsr", 7, 4, NULL, NULL},
	[5] = {"StopReplica", 4, 2, NULL, NULL},
	[6] = {"UpdateMetadata", 8, 6, NULL, NULL},
	[7] = {"ControlledShutdown", 3, 3, NULL, NULL},
	[8] = {"OffsetCommit", 10, 8, offset_commit_req, offset_commit_resp},
	[9] = {"OffsetFetch", 10, 6, offset_fetch_req, offset_fetch_resp},
	[10] = {"FindCoordinator", 6, 3, NULL, find_coordinator_resp},
	[11] = {"JoinGroup", 9, 6, group_req, throttle2_resp},
	[12] = {"Heartbeat", 4, 4, group_req, throttle1_resp},
	[13] = {"LeaveGroup", 5, 4, group_req, leave_group_resp},
	[14] = {"SyncGroup", 5, 4, group_req, throttle1_resp},
	[15] = {"DescribeGroups", 6, 5, NULL, describe_groups_resp},
	[16] = {"ListGroups", 5, 3, NULL, throttle1_resp},
	[17] = {"SaslHandshake", 1, KAFKA_NEVER, NULL, error_resp},
	[18] = {"ApiVersions", 4, 3, NULL, error_resp},
	[19] = {"CreateTopics", 7, 5, NULL, create_topics_resp},
	[20] = {"DeleteTopics", 6, 4, NULL, delete_topics_resp},
	[21] = {"DeleteRecords", 2, 2, NULL, NULL},
	[22] = {"InitProducerId", 6, 2, NULL, throttle_resp},
	[23] = {"OffsetForLeaderEpoch", 4, 4, NULL, NULL},
	[24] = {"AddPartitionsToTxn", 5, 3, NULL, add_partitions_resp},
	[25] = {"AddOffsetsToTxn", 4, 3, NULL, throttle_resp},
	[26] = {"EndTxn", 5, 3, end_txn_req, throttle_resp},
	[27] = {"WriteTxnMarkers", 1, 1, NULL, NULL},
	[28] = {"TxnOffsetCommit", 5, 3, txn_offset_commit_req, txn_offset_commit_resp},
	[29] = {"DescribeAcls", 3, 2, NULL, throttle_resp},
	[30] = {"CreateAcls", 3, 2, NULL, NULL},
	[31] = {"DeleteAcls", 3, 2, NULL, NULL},
	[32] = {"DescribeConfigs", 4, 4, NULL, NULL},
	[33] = {"AlterConfigs", 2, 2, NULL, NULL},
	[34] = {"AlterReplicaLogDirs", 2, 2, NULL, NULL},
	[35] = {"DescribeLogDirs", 4, 2, NULL, throttle_error3_resp},
	[36] = {"SaslAuthenticate", 2, 2, NULL, error_resp},
	[37] = {"CreatePartitions", 3, 2, NULL, create_partitions_resp},
	[38] = {"CreateDelegationToken", 3, 2, NULL, error_resp},
	[39] = {"RenewDelegationToken", 2, 2, NULL, error_resp},
	[40] = {"ExpireDelegationToken", 2, 2, NULL, error_resp},
	[41] = {"DescribeDelegationToken", 3, 2, NULL, error_resp},
	[42] = {"DeleteGroups", 2, 2, NULL, delete_groups_resp},
	[43] = {"ElectLeaders", 2, 2, NULL, throttle_error1_resp},
	[44] = {"IncrementalAlterConfigs", 1, 1, NULL, NULL},
	[45] = {"AlterPartitionReassignments", 1, 0, NULL, NULL},
	[46] = {"ListPartitionReassignments", 0, 0, NULL, throttle_resp},
	[47] = {"OffsetDelete", 0, KAFKA_NEVER, NULL, error_resp},
	[48] = {"DescribeClientQuotas", 1, 1, NULL, throttle_resp},
	[49] = {"AlterClientQuotas", 1, 1, NULL, NULL},
	[50] = {"DescribeUserScramCredentials", 0, 0, NULL, throttle_resp},
	[51] = {"AlterUserScramCredentials", 0, 0, NULL, NULL},
	[52] = {"Vote", 2, 0, NULL, error_resp},
	[53] = {"BeginQuorumEpoch", 1, 1, NULL, error_resp},
	[54] = {"EndQuorumEpoch", 1, 1, NULL, error_resp},
	[55] = {"DescribeQuorum", 2, 0, NULL, error_resp},
	[56] = {"AlterPartition", 3, 0, NULL, throttle_resp},
	[57] = {"UpdateFeatures", 2, 0, NULL, throttle_resp},
	[58] = {"Envelope", 0, 0, NULL, NULL},
	[59] = {"FetchSnapshot", 1, 0, NULL, throttle_resp},
	[60] = {"DescribeCluster", 2, 0, NULL, throttle_resp},
	[61] = {"DescribeProducers", 0, 0, NULL, NULL},
	[62] = {"BrokerRegistration", 4, 0, NULL, throttle_resp},
	[63] = {"BrokerHeartbeat", 1, 0, NULL, throttle_resp},
	[64] = {"UnregisterBroker", 0, 0, NULL, throttle_resp},
	[65] = {"DescribeTransactions", 0, 0, NULL, NULL},
	[66] = {"ListTransactions", 2, 0, NULL, throttle_resp},
	[67] = {"AllocateProducerIds", 0, 0, NULL, throttle_resp},
	[68] = {"ConsumerGroupHeartbeat", 1, 0, group_req, throttle_resp},
	[69] = {"ConsumerGroupDescribe", 1, 0, NULL, NULL},
	[70] = {"ControllerRegistration", 0, 0, NULL, throttle_resp},
	[71] = {"GetTelemetrySubscriptions", 0, 0, NULL, throttle_resp},
	[72] = {"PushTelemetry", 0, 0, NULL, throttle_resp},
	[73] = {"AssignReplicasToDirs", 0, 0, NULL, throttle_resp},
	[74] = {"ListConfigResources", 1, 0, NULL, throttle_resp},
	[75] = {"DescribeTopicPartitions", 0, 0, NULL, describe_topic_partitions_resp},
	[76] = {"ShareGroupHeartbeat", 1, 0, group_req, throttle_resp},
	[77] = {"ShareGroupDescribe", 1, 0, NULL, NULL},
	[78] = {"ShareFetch", 1, 0, NULL, throttle_resp},
	[79] = {"ShareAcknowledge", 1, 0, NULL, throttle_resp},
	[80] = {"AddRaftVoter", 0, 0, NULL, throttle_resp},
	[81] = {"RemoveRaftVoter", 0, 0, NULL, throttle_resp},
	[82] = {"UpdateRaftVoter", 0, 0, NULL, throttle_resp},
	[83] = {"InitializeShareGroupState", 0, 0, NULL, NULL},
	[84] = {"ReadShareGroupState", 0, 0, NULL, NULL},
	[85] = {"WriteShareGroupState", 0, 0, NULL, NULL},
	[86] = {"DeleteShareGroupState", 0, 0, NULL, NULL},
	[87] = {"ReadShareGroupStateSummary", 0, 0, NULL, NULL},
	[88] = {"StreamsGroupHeartbeat", 0, 0, NULL, throttle_resp},
	[89] = {"StreamsGroupDescribe", 0, 0, NULL, NULL},
	[90] = {"DescribeShareGroupOffsets", 0, 0, NULL, NULL},
	[91] = {"AlterShareGroupOffsets", 0, 0, NULL, throttle_resp},
	[92] = {"DeleteShareGroupOffsets", 0, 0, NULL, throttle_resp},
};

/* clang-format on */

const struct kafka_api *kafka_api(int16_t key)
{
	return key >= 0 && key < KAFKA_KEYS ? &apis[key] : NULL;
}
