/* Kafka: an idempotent producer; the key of a message is the alert's id, so that consumers (and
 * compaction) can drop what a killed producer sent twice. */
#include "base/limits.h"
#include "base/mem.h"
#include "net/kafka.h"
#include "sink/sink.h"

#define FLUSH_SLICE_MS 200

typedef struct kafka {
    rd_kafka_t *producer;
    gt_arena *batch; /* of the send under way, for reasons */
} kafka;

static void kafka_close(gt_sink *sink)
{
    kafka *k = sink->own;
    if (!k)
        return;
    if (k->producer)
        rd_kafka_destroy(k->producer);
    gt_free(k);
    sink->own = NULL;
}

static bool never(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || err == RD_KAFKA_RESP_ERR_INVALID_MSG ||
           err == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

static void answer(kafka *k, gt_sink_item *item, rd_kafka_resp_err_t err)
{
    if (!err) {
        item->answer = GT_SINK_OK;
        return;
    }
    item->answer = never(err) ? GT_SINK_ERROR : GT_SINK_RETRY;
    item->reason = gt_arena_dup(k->batch, gt_str_c(rd_kafka_err2str(err)));
}

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    answer(opaque, message->_private, message->err);
}

/* librdkafka would print to standard error; what fails is told by the answers. */
static void be_silent(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
    (void)producer, (void)level, (void)facility, (void)text;
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, gt_buf *reterr_message)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    gt_buf_printf(reterr_message, "Kafka's setting %s: %s", name, why);
    return false;
}

static bool set_all(const gt_sink *sink, rd_kafka_conf_t *conf, gt_buf *reterr_message)
{
    const gt_config_value *own = gt_config_value_of(sink->section, GT_CONFIG_SINK_PROPERTIES);
    char timeout[24];
    snprintf(timeout, sizeof timeout, "%lld",
             (long long)gt_config_number(sink->section, GT_CONFIG_SINK_TIMEOUT));
    bool good = set(conf, "bootstrap.servers",
                    gt_config_str(sink->section, GT_CONFIG_SINK_BROKERS).ptr, reterr_message) &&
                set(conf, "enable.idempotence", "true", reterr_message) &&
                set(conf, "linger.ms", "5", reterr_message) &&
                set(conf, "message.timeout.ms", timeout, reterr_message);
    for (size_t i = 0; good && i < own->count; i++)
        good = set(conf, own->pairs[i].name.ptr, own->pairs[i].value.ptr, reterr_message);
    return good;
}

static gt_status make_producer(gt_sink *sink, kafka *k, gt_buf *reterr_message)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!conf)
        return GT_NOMEM;
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_log_cb(conf, be_silent);
    rd_kafka_conf_set_opaque(conf, k);
    if (!set_all(sink, conf, reterr_message)) {
        rd_kafka_conf_destroy(conf);
        return GT_INVALID;
    }
    k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (k->producer)
        return GT_OK;
    rd_kafka_conf_destroy(conf);
    gt_buf_printf(reterr_message, "%s", why);
    return GT_IO;
}

static gt_status kafka_open(gt_sink *sink, gt_buf *reterr_message)
{
    kafka *k = gt_calloc(1, sizeof *k);
    if (!k)
        return GT_NOMEM;
    sink->own = k;
    return make_producer(sink, k, reterr_message);
}

static void produce(gt_sink *sink, kafka *k, gt_sink_item *item)
{
    const char *topic = gt_config_str(sink->section, GT_CONFIG_SINK_TOPIC).ptr;
    const gt_sink_row *row = item->row;
    item->reason = GT_STR("no answer from the brokers in time");
    rd_kafka_resp_err_t err = rd_kafka_producev(
        k->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(row->id.ptr, row->id.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)row->text.ptr, row->text.len),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(item), RD_KAFKA_V_END);
    if (err)
        answer(k, item, err);
}

/* Wait for the answers, in slices: a stop must not wait for a broker that is away. */
static bool flush(gt_sink *sink, kafka *k)
{
    int64_t left = gt_config_number(sink->section, GT_CONFIG_SINK_TIMEOUT) + 1000;
    for (; left > 0 && !sink->env->stopped(sink->env->ctx); left -= FLUSH_SLICE_MS)
        if (rd_kafka_flush(k->producer, FLUSH_SLICE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
    return false;
}

static void kafka_send(gt_sink *sink, gt_arena *batch, gt_sink_item *items, size_t count)
{
    kafka *k = sink->own;
    gt_buf why = GT_BUF(4096);
    if (!k->producer && make_producer(sink, k, &why) != GT_OK) {
        gt_sink_answer_all(items, count, GT_SINK_RETRY, gt_arena_dup(batch, gt_buf_str(&why)));
        gt_buf_done(&why);
        return;
    }
    gt_buf_done(&why);
    k->batch = batch;
    for (size_t i = 0; i < count; i++)
        produce(sink, k, &items[i]);
    char text[256];
    if (flush(sink, k) && !rd_kafka_fatal_error(k->producer, text, sizeof text))
        return;
    /* Nothing may answer for these items once they are gone: end this producer, make another later.
     */
    rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(k->producer, 1000);
    rd_kafka_destroy(k->producer);
    k->producer = NULL;
}

const gt_sink_ops gt_sink_kafka = {"kafka", 0, kafka_open, kafka_send, kafka_close};
