/* kafka.h — librdkafka, loaded when it is first used (base/lazy.h). A function that is called for the first
 * time gets a row in kafka.def and a line below. */
#ifndef GT_NET_KAFKA_H
#define GT_NET_KAFKA_H

#include <librdkafka/rdkafka.h>

typedef struct gt_kafka_calls {
#define CALL(name) __typeof__(name) *name;
#include "net/kafka.def"
#undef CALL
} gt_kafka_calls;

const gt_kafka_calls *gt_kafka_calls_get(void);

#define rd_kafka_assign gt_kafka_calls_get()->rd_kafka_assign
#define rd_kafka_commit gt_kafka_calls_get()->rd_kafka_commit
#define rd_kafka_conf_destroy gt_kafka_calls_get()->rd_kafka_conf_destroy
#define rd_kafka_conf_new gt_kafka_calls_get()->rd_kafka_conf_new
#define rd_kafka_conf_set gt_kafka_calls_get()->rd_kafka_conf_set
#define rd_kafka_conf_set_dr_msg_cb gt_kafka_calls_get()->rd_kafka_conf_set_dr_msg_cb
#define rd_kafka_conf_set_error_cb gt_kafka_calls_get()->rd_kafka_conf_set_error_cb
#define rd_kafka_conf_set_log_cb gt_kafka_calls_get()->rd_kafka_conf_set_log_cb
#define rd_kafka_conf_set_opaque gt_kafka_calls_get()->rd_kafka_conf_set_opaque
#define rd_kafka_conf_set_rebalance_cb gt_kafka_calls_get()->rd_kafka_conf_set_rebalance_cb
#define rd_kafka_consumer_close gt_kafka_calls_get()->rd_kafka_consumer_close
#define rd_kafka_consumer_poll gt_kafka_calls_get()->rd_kafka_consumer_poll
#define rd_kafka_destroy gt_kafka_calls_get()->rd_kafka_destroy
#define rd_kafka_err2str gt_kafka_calls_get()->rd_kafka_err2str
#define rd_kafka_error_destroy gt_kafka_calls_get()->rd_kafka_error_destroy
#define rd_kafka_error_string gt_kafka_calls_get()->rd_kafka_error_string
#define rd_kafka_fatal_error gt_kafka_calls_get()->rd_kafka_fatal_error
#define rd_kafka_flush gt_kafka_calls_get()->rd_kafka_flush
#define rd_kafka_incremental_assign gt_kafka_calls_get()->rd_kafka_incremental_assign
#define rd_kafka_incremental_unassign gt_kafka_calls_get()->rd_kafka_incremental_unassign
#define rd_kafka_message_destroy gt_kafka_calls_get()->rd_kafka_message_destroy
#define rd_kafka_message_errstr gt_kafka_calls_get()->rd_kafka_message_errstr
#define rd_kafka_message_timestamp gt_kafka_calls_get()->rd_kafka_message_timestamp
#define rd_kafka_metadata gt_kafka_calls_get()->rd_kafka_metadata
#define rd_kafka_metadata_destroy gt_kafka_calls_get()->rd_kafka_metadata_destroy
#define rd_kafka_new gt_kafka_calls_get()->rd_kafka_new
#define rd_kafka_poll_set_consumer gt_kafka_calls_get()->rd_kafka_poll_set_consumer
#define rd_kafka_producev gt_kafka_calls_get()->rd_kafka_producev
#define rd_kafka_purge gt_kafka_calls_get()->rd_kafka_purge
#define rd_kafka_rebalance_protocol gt_kafka_calls_get()->rd_kafka_rebalance_protocol
#define rd_kafka_seek_partitions gt_kafka_calls_get()->rd_kafka_seek_partitions
#define rd_kafka_subscribe gt_kafka_calls_get()->rd_kafka_subscribe
#define rd_kafka_topic_name gt_kafka_calls_get()->rd_kafka_topic_name
#define rd_kafka_topic_partition_list_add gt_kafka_calls_get()->rd_kafka_topic_partition_list_add
#define rd_kafka_topic_partition_list_destroy gt_kafka_calls_get()->rd_kafka_topic_partition_list_destroy
#define rd_kafka_topic_partition_list_new gt_kafka_calls_get()->rd_kafka_topic_partition_list_new

#endif
