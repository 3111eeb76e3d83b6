/* kafka — CloudTrail in Kafka topics, read as a member of a consumer group.
 *
 * Method: offsets are committed by us, after the store. Deliveries finish in any order, so each
 * partition keeps the list of what is out: its committed offset never passes the first delivery that
 * is not stored. When a partition is taken away, what of it is still out belongs to nobody; its next
 * owner reads it again, and alert ids make that harmless. */
#include "source/feed.h"

#include "base/limits.h"
#include "base/mem.h"
#include "net/kafka.h"

#include <stdatomic.h>
#include <stdio.h>

#define RUN_MESSAGES_MAX 500 /* messages of one delivery */
#define RUN_BYTES_MAX GT_MIB
/* How often brokers that were away are asked whether they are back, and how long their answer may take. */
#define ASK_EVERY_MS 2000
#define ASK_WAIT_MS 500

/* A delivery that is out. */
typedef struct run run;
struct run {
    run *next;
    int64_t first, behind; /* offsets: first, and one behind the last */
    bool done;
};

typedef struct partition partition;
struct partition {
    partition *next;
    run *head, *tail;
    int64_t commit; /* offset to commit; -1: nothing new */
    int64_t seek;   /* read from here again; -1: no */
    int32_t number;
    bool lost; /* no longer ours: freed with its last run */
    char topic[256];
};

typedef struct kafka_feed {
    rd_kafka_t *consumer;
    rd_kafka_message_t *held; /* began another run; of the thread that calls next */
    gt_time_ms next_ask;      /* of that thread too */
    atomic_bool away;         /* the last problem was that brokers cannot be reached */
    partition *partitions;    /* under feed->lock, like all below */
} kafka_feed;

typedef struct kafka_own {
    partition *partition;
    run *run;
} kafka_own;

/* --- partitions (under feed->lock) ---------------------------------------------------------------- */

static partition *find_partition(kafka_feed *f, const char *topic, int32_t number)
{
    for (partition *p = f->partitions; p; p = p->next) {
        if (!p->lost && p->number == number && strcmp(p->topic, topic) == 0)
            return p;
    }
    return NULL;
}

static partition *add_partition(kafka_feed *f, const char *topic, int32_t number)
{
    partition *p = gt_calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->number = number;
    p->commit = p->seek = -1;
    snprintf(p->topic, sizeof p->topic, "%s", topic);
    p->next = f->partitions;
    f->partitions = p;
    return p;
}

static void drop_partition(kafka_feed *f, partition *gone)
{
    partition **link = &f->partitions;
    while (*link != gone)
        link = &(*link)->next;
    *link = gone->next;
    gt_free(gone);
}

/* Forget finished runs at the front; what they reached may be committed. */
static void advance(kafka_feed *f, partition *p)
{
    while (p->head && p->head->done) {
        run *r = p->head;
        p->head = r->next;
        if (!p->head)
            p->tail = NULL;
        if (!p->lost && p->seek < 0)
            p->commit = r->behind;
        gt_free(r);
    }
    if (p->lost && !p->head)
        drop_partition(f, p);
}

/* Take what is to be committed (of one topic and partition, or of all) as a list; NULL: nothing. */
static rd_kafka_topic_partition_list_t *take_commits(kafka_feed *f)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    for (partition *p = f->partitions; p; p = p->next) {
        if (p->lost || p->commit < 0)
            continue;
        if (!list)
            list = rd_kafka_topic_partition_list_new(8);
        rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset = p->commit;
        p->commit = -1;
    }
    return list;
}

static void commit_offsets(gt_feed *feed, bool wait)
{
    kafka_feed *f = feed->own;
    pthread_mutex_lock(&feed->lock);
    rd_kafka_topic_partition_list_t *list = take_commits(f);
    pthread_mutex_unlock(&feed->lock);
    if (!list)
        return;
    rd_kafka_resp_err_t error = rd_kafka_commit(f->consumer, list, !wait);
    if (error && error != RD_KAFKA_RESP_ERR__NO_OFFSET)
        gt_feed_note(feed, "commit: %s", rd_kafka_err2str(error));
    rd_kafka_topic_partition_list_destroy(list);
}

/* --- librdkafka's callbacks ----------------------------------------------------------------------- */

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text; /* errors come through on_error */
}

static bool is_unreachable(int error)
{
    return error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__RESOLVE ||
           error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__SSL ||
           error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static void note_error(gt_feed *feed, int error, const char *reason)
{
    kafka_feed *f = feed->own;
    atomic_store(&f->away, is_unreachable(error));
    gt_feed_note(feed, "%s", reason);
}

static void on_error(rd_kafka_t *rk, int error, const char *reason, void *ctx)
{
    (void)rk;
    /* It comes behind the reason of the last broker, which tells more. */
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && gt_feed_health_get(ctx).problem[0])
        return;
    note_error(ctx, error, reason);
}

static void lose(gt_feed *feed, const rd_kafka_topic_partition_list_t *list)
{
    kafka_feed *f = feed->own;
    commit_offsets(feed, true);
    pthread_mutex_lock(&feed->lock);
    for (int i = 0; i < list->cnt; i++) {
        partition *p = find_partition(f, list->elems[i].topic, list->elems[i].partition);
        if (!p)
            continue;
        p->lost = true;
        if (!p->head)
            drop_partition(f, p);
    }
    pthread_mutex_unlock(&feed->lock);
    if (f->held) {
        rd_kafka_message_destroy(f->held); /* not handed out; its owner reads it again */
        f->held = NULL;
    }
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t error,
                         rd_kafka_topic_partition_list_t *list, void *ctx)
{
    gt_feed *feed = ctx;
    bool assigned = error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    bool step_by_step = strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE") == 0;
    if (!assigned)
        lose(feed, list);
    rd_kafka_error_t *failed = NULL;
    if (step_by_step && assigned)
        failed = rd_kafka_incremental_assign(rk, list);
    else if (step_by_step)
        failed = rd_kafka_incremental_unassign(rk, list);
    else
        rd_kafka_assign(rk, assigned ? list : NULL);
    if (failed) {
        gt_feed_note(feed, "%s", rd_kafka_error_string(failed));
        rd_kafka_error_destroy(failed);
    }
}

/* --- reading -------------------------------------------------------------------------------------- */

/* Go back where something failed. Runs behind it are still out; when they finish they count for
 * nothing, and are read again. */
static void seek_back(gt_feed *feed)
{
    kafka_feed *f = feed->own;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    pthread_mutex_lock(&feed->lock);
    for (partition *p = f->partitions, *next; p; p = next) {
        next = p->next;
        if (p->lost || p->seek < 0)
            continue;
        rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset = p->seek;
        partition *fresh = add_partition(f, p->topic, p->number);
        if (!fresh)
            continue; /* tried again at the next call */
        p->lost = true;
        if (!p->head)
            drop_partition(f, p);
    }
    pthread_mutex_unlock(&feed->lock);
    if (list->cnt) {
        if (f->held)
            rd_kafka_message_destroy(f->held);
        f->held = NULL;
        rd_kafka_error_t *failed = rd_kafka_seek_partitions(f->consumer, list, 10000);
        if (failed) {
            gt_feed_note(feed, "seek: %s", rd_kafka_error_string(failed));
            rd_kafka_error_destroy(failed);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* The next message, or NULL; errors are noted. */
static rd_kafka_message_t *poll_message(gt_feed *feed, int64_t wait_ms)
{
    kafka_feed *f = feed->own;
    if (f->held) {
        rd_kafka_message_t *m = f->held;
        f->held = NULL;
        return m;
    }
    rd_kafka_message_t *m = rd_kafka_consumer_poll(f->consumer, (int)wait_ms);
    if (m && m->err) {
        note_error(feed, m->err, rd_kafka_message_errstr(m));
        rd_kafka_message_destroy(m);
        return NULL;
    }
    return m;
}

static bool all_led(const rd_kafka_metadata_t *known)
{
    for (int i = 0; i < known->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *topic = &known->topics[i];
        if (topic->err)
            return false;
        for (int k = 0; k < topic->partition_cnt; k++) {
            if (topic->partitions[k].leader < 0)
                return false;
        }
    }
    return known->broker_cnt > 0;
}

/* A quiet topic brings no message that would show that the brokers are back: ask. */
static void ask_brokers(gt_feed *feed)
{
    kafka_feed *f = feed->own;
    const rd_kafka_metadata_t *known = NULL;
    gt_time_ms now = gt_feed_now(feed);
    /* now < next - every: the clock was set back */
    if (!atomic_load(&f->away) || (now < f->next_ask && now >= f->next_ask - ASK_EVERY_MS))
        return;
    f->next_ask = now + ASK_EVERY_MS;
    if (rd_kafka_metadata(f->consumer, 0, NULL, &known, ASK_WAIT_MS))
        return;
    if (all_led(known) && atomic_exchange(&f->away, false))
        gt_feed_note(feed, NULL);
    rd_kafka_metadata_destroy(known);
}

static gt_status add_piece(gt_delivery *d, const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    int64_t at = rd_kafka_message_timestamp(m, &type);
    gt_piece *piece = &d->pieces[d->count];
    piece->name = gt_arena_printf(d->arena, "kafka://%s/%d@%lld", rd_kafka_topic_name(m->rkt),
                                  (int)m->partition, (long long)m->offset);
    piece->bytes = gt_arena_dup(d->arena, (gt_str){m->len ? m->payload : "", m->len});
    piece->arrived = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : at;
    d->count++;
    d->bytes += m->len;
    return piece->name.ptr && piece->bytes.ptr ? GT_OK : gt_arena_status(d->arena);
}

/* Note that the run is out. */
static gt_status register_run(gt_feed *feed, gt_delivery *d, const char *topic, int32_t number,
                              int64_t first, int64_t behind)
{
    kafka_feed *f = feed->own;
    kafka_own *own = d->own;
    run *r = gt_calloc(1, sizeof *r);
    if (!r)
        return GT_NOMEM;
    r->first = first;
    r->behind = behind;
    pthread_mutex_lock(&feed->lock);
    partition *p = find_partition(f, topic, number);
    if (!p)
        p = add_partition(f, topic, number);
    if (p) {
        if (p->tail)
            p->tail->next = r;
        else
            p->head = r;
        p->tail = r;
    }
    pthread_mutex_unlock(&feed->lock);
    *own = (kafka_own){p, r};
    if (p)
        return GT_OK;
    gt_free(r);
    return GT_NOMEM;
}

static bool continues(const rd_kafka_message_t *m, const char *topic, int32_t number)
{
    return m->partition == number && strcmp(rd_kafka_topic_name(m->rkt), topic) == 0;
}

static gt_status kafka_next(gt_feed *feed, int64_t wait_ms, gt_delivery **ret)
{
    kafka_feed *f = feed->own;
    seek_back(feed);
    rd_kafka_message_t *m = poll_message(feed, wait_ms);
    if (!m) {
        ask_brokers(feed);
        return GT_END;
    }
    gt_delivery *d = gt_delivery_new(RUN_MESSAGES_MAX, sizeof(kafka_own));
    char topic[256];
    snprintf(topic, sizeof topic, "%s", rd_kafka_topic_name(m->rkt));
    int32_t number = m->partition;
    int64_t first = m->offset, behind = first;
    gt_status status = d ? GT_OK : GT_NOMEM;
    while (m && status == GT_OK) {
        status = add_piece(d, m);
        behind = m->offset + 1;
        rd_kafka_message_destroy(m);
        m = NULL;
        if (d->count < RUN_MESSAGES_MAX && d->bytes < RUN_BYTES_MAX)
            m = poll_message(feed, 0);
        if (m && !continues(m, topic, number)) {
            f->held = m;
            break;
        }
    }
    if (status == GT_OK)
        status = register_run(feed, d, topic, number, first, behind);
    if (status != GT_OK) {
        gt_delivery_free(d);
        pthread_mutex_lock(&feed->lock);
        partition *p = find_partition(f, topic, number);
        if (p)
            p->seek = first;
        pthread_mutex_unlock(&feed->lock);
        return status;
    }
    atomic_store(&f->away, false);
    gt_feed_note(feed, NULL);
    *ret = d;
    return GT_OK;
}

/* --- the rest of the feed ------------------------------------------------------------------------- */

static gt_status kafka_save(gt_feed *feed, gt_store *store, const gt_delivery *delivery)
{
    (void)feed, (void)store, (void)delivery; /* the broker remembers */
    return GT_OK;
}

static void kafka_commit(gt_feed *feed, gt_delivery *delivery)
{
    kafka_own *own = delivery->own;
    pthread_mutex_lock(&feed->lock);
    own->run->done = true;
    advance(feed->own, own->partition);
    pthread_mutex_unlock(&feed->lock);
    gt_delivery_free(delivery);
}

static void kafka_put_back(gt_feed *feed, gt_delivery *delivery, const char *reason)
{
    kafka_own *own = delivery->own;
    atomic_store(&((kafka_feed *)feed->own)->away, false); /* the problem is another now */
    gt_feed_note(feed, "%s", reason);
    pthread_mutex_lock(&feed->lock);
    partition *p = own->partition;
    if (p->seek < 0 || own->run->first < p->seek)
        p->seek = own->run->first;
    own->run->done = true;
    advance(feed->own, p);
    pthread_mutex_unlock(&feed->lock);
    gt_delivery_free(delivery);
}

static void kafka_tick(gt_feed *feed)
{
    commit_offsets(feed, false);
}

static void kafka_close(gt_feed *feed)
{
    kafka_feed *f = feed->own;
    if (!f)
        return;
    if (f->consumer) {
        commit_offsets(feed, true);
        if (f->held)
            rd_kafka_message_destroy(f->held);
        f->held = NULL;
        rd_kafka_consumer_close(f->consumer);
        rd_kafka_destroy(f->consumer);
    }
    while (f->partitions) {
        for (run *r = f->partitions->head, *next; r; r = next) {
            next = r->next;
            gt_free(r);
        }
        drop_partition(f, f->partitions);
    }
}

static bool set_property(gt_feed *feed, rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    gt_feed_note(feed, "%s", why);
    return false;
}

static bool set_properties(gt_feed *feed, rd_kafka_conf_t *conf)
{
    static const char *const ours[][2] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "earliest"},
        {"queued.max.messages.kbytes", "16384"}, /* memory stays bounded under a flood */
        {"fetch.wait.max.ms", "100"},
        {"client.id", "gatetrail"},
    };
    const gt_feed_config *c = &feed->config;
    bool fine = true;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        fine = fine && set_property(feed, conf, ours[i][0], ours[i][1]);
    for (size_t i = 0; fine && i < c->property_count; i++) {
        gt_str key;
        gt_str value = gt_str_cut(c->properties[i], '=', &key);
        gt_str name = gt_arena_dup(feed->arena, gt_str_trim(key));
        gt_str text = gt_arena_dup(feed->arena, gt_str_trim(value));
        if (gt_str_starts(name, GT_STR("enable.auto."))) {
            gt_feed_note(feed, "%s: offsets are committed after the alerts are stored", name.ptr);
            return false;
        }
        fine = name.ptr && text.ptr && set_property(feed, conf, name.ptr, text.ptr);
    }
    fine = fine && set_property(feed, conf, "bootstrap.servers", c->brokers.ptr);
    return fine && set_property(feed, conf, "group.id", c->group.len ? c->group.ptr : "gatetrail");
}

/* Topics are separated by commas; one that begins with '^' is a regular expression. */
static gt_status subscribe(gt_feed *feed, kafka_feed *f)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(4);
    gt_str rest = feed->config.topic;
    while (rest.len) {
        gt_str topic;
        rest = gt_str_cut(rest, ',', &topic);
        topic = gt_arena_dup(feed->arena, gt_str_trim(topic));
        if (topic.len)
            rd_kafka_topic_partition_list_add(topics, topic.ptr, RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t error = rd_kafka_subscribe(f->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (error)
        gt_feed_note(feed, "%s", rd_kafka_err2str(error));
    return error ? GT_INVALID : GT_OK;
}

static gt_status kafka_open(const gt_feed_config *config, gt_feed *feed)
{
    (void)config;
    kafka_feed *f = gt_arena_new_of(feed->arena, kafka_feed);
    feed->own = f;
    rd_kafka_conf_t *conf = f ? rd_kafka_conf_new() : NULL;
    if (!conf)
        return GT_NOMEM;
    rd_kafka_conf_set_opaque(conf, feed);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    if (!set_properties(feed, conf)) {
        rd_kafka_conf_destroy(conf);
        return GT_INVALID;
    }
    char why[256];
    f->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!f->consumer) {
        rd_kafka_conf_destroy(conf);
        gt_feed_note(feed, "%s", why);
        return GT_INVALID;
    }
    rd_kafka_poll_set_consumer(f->consumer);
    return subscribe(feed, f);
}

const gt_feed_ops gt_feed_kafka = {.type = "kafka", .open = kafka_open, .next = kafka_next,
                                   .save = kafka_save, .commit = kafka_commit,
                                   .put_back = kafka_put_back, .tick = kafka_tick,
                                   .close = kafka_close};
