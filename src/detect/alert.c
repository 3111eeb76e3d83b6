#include "detect/alert_internal.h"

#include "base/hash.h"

/* --- reading documents ----------------------------------------------------------------------- */

gt_json *gt_document_get(const gt_json *document, gt_str path)
{
    for (gt_json *m = gt_json_first(document); m; m = m->next) {
        if (document->type == GT_JSON_ARRAY) {
            gt_json *found = gt_document_get(m, path);
            if (found)
                return found;
            continue;
        }
        if (!gt_str_starts(path, m->key))
            continue;
        if (m->key.len == path.len && m->type != GT_JSON_NULL)
            return m;
        if (m->key.len < path.len && path.ptr[m->key.len] == '.') {
            gt_json *found = gt_document_get(m, gt_str_from(path, m->key.len + 1));
            if (found)
                return found;
        }
    }
    return NULL;
}

gt_str gt_document_text(const gt_json *document, gt_str path)
{
    const gt_json *node = gt_document_get(document, path);
    while (node && node->type == GT_JSON_ARRAY)
        node = node->first;
    return gt_json_text(node);
}

/* --- id and reason --------------------------------------------------------------------------- */

void gt_alert_id_rest(const gt_json *document, gt_str event_id, gt_buf *out)
{
    gt_str parts[3] = {
        gt_document_text(document, GT_STR("cloud.account.id")),
        gt_document_text(document, GT_STR("cloud.region")),
        event_id,
    };
    for (size_t i = 0; i < 3; i++) {
        gt_buf_add_byte(out, '\0');
        gt_buf_add(out, parts[i]);
    }
}

gt_status gt_alert_id_of(const gt_rule *rule, gt_buf *text, size_t rest, char out[GT_ALERT_ID_LEN])
{
    text->len = rest;
    if (!gt_buf_room(text, rule->rule_id.len + rest))
        return gt_buf_status(text);
    gt_buf_add(text, rule->rule_id);
    gt_buf_add(text, (gt_str){text->data, rest});
    if (gt_buf_status(text) == GT_OK)
        gt_sha256_hex(gt_str_from(gt_buf_str(text), rest), out);
    return gt_buf_status(text);
}

gt_status gt_alert_id(const gt_rule *rule, const gt_json *document, gt_str event_id,
                      char out[GT_ALERT_ID_LEN])
{
    gt_buf text = GT_BUF((size_t)1 << 30);
    gt_alert_id_rest(document, event_id, &text);
    gt_status status = gt_alert_id_of(rule, &text, text.len, out);
    gt_buf_done(&text);
    return status;
}

/* Free a buffer that helped to fill `out`; what it lacks, out lacks too. */
static void helper_done(gt_buf *helper, gt_buf *out)
{
    if (gt_buf_status(helper) != GT_OK && gt_buf_status(out) == GT_OK)
        out->status = gt_buf_status(helper);
    gt_buf_done(helper);
}

/* All values of a field, as Kibana joins them; false when there is nothing to show. */
static bool add_values(const gt_json *document, gt_str path, gt_buf *out)
{
    const gt_json *node = gt_document_get(document, path);
    const gt_json *item = node && node->type == GT_JSON_ARRAY ? node->first : node;
    bool list = node && node->type == GT_JSON_ARRAY;
    size_t begin = out->len;
    for (; item; item = list ? item->next : NULL) {
        gt_str text = gt_json_text(item);
        if (!text.len)
            continue;
        if (out->len > begin)
            gt_buf_lit(out, ", ");
        gt_buf_add(out, text);
    }
    return out->len > begin && !gt_str_is(gt_str_from(gt_buf_str(out), begin), "-");
}

/* before, the field's values, after; nothing at all without values. */
static bool add_part(const gt_json *document, gt_buf *out, const char *before, gt_str path,
                     const char *after)
{
    size_t begin = out->len;
    gt_buf_add(out, gt_str_c(before));
    if (!add_values(document, path, out)) {
        if (out->len > begin)
            out->len = begin;
        return false;
    }
    gt_buf_add(out, gt_str_c(after));
    return true;
}

/* The reason up to what the rule adds. */
static void write_reason_begin(const gt_json *document, gt_buf *out)
{
    gt_buf with = GT_BUF((size_t)1 << 24);
    bool any = add_part(document, &with, " process ", GT_STR("process.name"), ",");
    any |= add_part(document, &with, " parent process ", GT_STR("process.parent.name"), ",");
    any |= add_part(document, &with, " file ", GT_STR("file.name"), ",");
    any |= add_part(document, &with, " source ", GT_STR("source.address"), "");
    any |= add_part(document, &with, ":", GT_STR("source.port"), ",");
    any |= add_part(document, &with, " destination ", GT_STR("destination.address"), "");
    any |= add_part(document, &with, ":", GT_STR("destination.port"), ",");

    add_part(document, out, "", GT_STR("event.category"), " ");
    gt_buf_add(out, any ? GT_STR("event with") : GT_STR("event"));
    gt_buf_add(out, gt_buf_str(&with));
    add_part(document, out, " by ", GT_STR("user.name"), "");
    add_part(document, out, " on ", GT_STR("host.name"), "");
    helper_done(&with, out);
}

static void write_reason_end(const gt_rule *rule, gt_buf *out)
{
    gt_buf_printf(out, " created %.*s alert %.*s.", GT_STR_ARG(rule->severity),
                  GT_STR_ARG(rule->name));
}

void gt_alert_reason(const gt_rule *rule, const gt_json *document, gt_buf *out)
{
    write_reason_begin(document, out);
    write_reason_end(rule, out);
}

/* --- the alert: what depends on the event ---------------------------------------------------- */

static void member(gt_buf *out, const char *key, gt_str value)
{
    gt_buf_lit(out, ",\"");
    gt_buf_add(out, gt_str_c(key));
    gt_buf_lit(out, "\":");
    gt_json_write_str(out, value);
}

/* The event's object with kind "signal". */
static void write_event(const gt_json *event, gt_buf *out)
{
    gt_buf_lit(out, ",\"event\":{\"kind\":\"signal\"");
    for (const gt_json *m = gt_json_first(event); m; m = m->next) {
        if (gt_str_is(m->key, "kind"))
            continue;
        gt_buf_add_byte(out, ',');
        gt_json_write_str(out, m->key);
        gt_buf_add_byte(out, ':');
        gt_json_write(out, m);
    }
    gt_buf_add_byte(out, '}');
}

static void write_document(const gt_json *document, gt_buf *out)
{
    const gt_json *event = gt_json_getl(document, "event");
    bool nested = gt_json_is(event, GT_JSON_OBJECT);
    for (const gt_json *m = gt_json_first(document); m; m = m->next) {
        if (gt_str_is(m->key, "@timestamp") || gt_str_is(m->key, "event.kind"))
            continue;
        if (m == event && nested) {
            write_event(m, out);
            continue;
        }
        gt_buf_add_byte(out, ',');
        gt_json_write_str(out, m->key);
        gt_buf_add_byte(out, ':');
        gt_json_write(out, m);
    }
    if (!nested)
        gt_buf_lit(out, ",\"event.kind\":\"signal\"");
}

/* event.a.b becomes kibana.alert.original_event.a.b, flat. */
static void write_original(const gt_json *node, gt_buf *path, gt_buf *out)
{
    for (const gt_json *m = gt_json_first(node); m; m = m->next) {
        size_t len = path->len;
        gt_buf_add_byte(path, '.');
        gt_buf_add(path, m->key);
        if (m->type == GT_JSON_OBJECT) {
            write_original(m, path, out);
        } else {
            gt_buf_add_byte(out, ',');
            gt_json_write_str(out, gt_buf_str(path));
            gt_buf_add_byte(out, ':');
            gt_json_write(out, m);
        }
        path->len = len;
    }
}

static void write_original_event(const gt_json *document, gt_buf *out)
{
    gt_buf path = GT_BUF((size_t)1 << 24);
    gt_buf_lit(&path, "kibana.alert.original_event");
    size_t len = path.len;
    for (const gt_json *m = gt_json_first(document); m; m = m->next) {
        path.len = len;
        if (gt_str_is(m->key, "event")) {
            write_original(m, &path, out);
        } else if (gt_str_starts(m->key, GT_STR("event."))) {
            gt_buf_add(&path, gt_str_from(m->key, 5));
            if (m->type == GT_JSON_OBJECT) {
                write_original(m, &path, out);
                continue;
            }
            gt_buf_add_byte(out, ',');
            gt_json_write_str(out, gt_buf_str(&path));
            gt_buf_add_byte(out, ':');
            gt_json_write(out, m);
        }
    }
    helper_done(&path, out);
}

static void write_ancestors(const gt_match *match, gt_buf *out)
{
    static const char *const parts[] = {"data_stream.type", "data_stream.dataset",
                                        "data_stream.namespace"};
    gt_buf_lit(out, ",\"kibana.alert.ancestors\":[{\"id\":");
    gt_json_write_str(out, match->event_id);
    gt_buf_lit(out, ",\"type\":\"event\",\"index\":\"");
    for (size_t i = 0; i < 3; i++) {
        gt_str text = gt_document_text(match->document, gt_str_c(parts[i]));
        if (text.len && !memchr(text.ptr, '"', text.len) && !memchr(text.ptr, '\\', text.len)) {
            gt_buf_add(out, i ? GT_STR("-") : GT_STR(""));
            gt_buf_add(out, text);
        }
    }
    gt_buf_lit(out, "\",\"depth\":0}]");
}

/* One run of one rule, as a UUID: the same when --now is. */
static void write_execution(const gt_rule *rule, gt_str now, gt_buf *out)
{
    char hex[64];
    gt_buf text = GT_BUF((size_t)1 << 20);
    gt_buf_printf(&text, "%.*s %.*s", GT_STR_ARG(rule->rule_id), GT_STR_ARG(now));
    gt_sha256_hex(gt_buf_str(&text), hex);
    helper_done(&text, out);
    hex[12] = '8'; /* RFC 9562: a UUID of one's own making */
    hex[16] = 'a';
    gt_buf_printf(out, ",\"kibana.alert.rule.execution.uuid\":\"%.8s-%.4s-%.4s-%.4s-%.12s\"", hex,
                  hex + 8, hex + 12, hex + 16, hex + 20);
}

/* The text of a JSON string whose quotes are the caller's. */
static void write_inside(gt_str text, gt_buf *out)
{
    size_t begin = out->len;
    gt_json_write_str(out, text);
    if (gt_buf_status(out) != GT_OK)
        return;
    memmove(out->data + begin, out->data + begin + 1, out->len - begin - 2);
    out->len -= 2;
}

static void write_reason_end_inside(const gt_rule *rule, gt_buf *out)
{
    gt_buf text = GT_BUF((size_t)1 << 24);
    write_reason_end(rule, &text);
    write_inside(gt_buf_str(&text), out);
    helper_done(&text, out);
}

/* With cuts: what is the rule's own is left out there. */
static void write_head(const gt_match *match, gt_buf *out, gt_alert_cuts *cuts)
{
    char time[GT_TIME_TEXT_MAX];
    gt_str now = gt_time_format(match->now, time);
    gt_buf reason = GT_BUF((size_t)1 << 24);
    gt_buf_lit(out, "{\"@timestamp\":");
    gt_json_write_str(out, now);
    write_document(match->document, out);
    gt_buf_lit(out, ",\"kibana.alert.uuid\":\"");
    if (cuts)
        cuts->id = out->len;
    else
        gt_buf_add(out, match->id);
    gt_buf_lit(out, "\"");
    member(out, "kibana.alert.start", now);
    member(out, "kibana.alert.last_detected", now);
    member(out, "kibana.alert.intended_timestamp", now);
    gt_str original = gt_document_text(match->document, GT_STR("@timestamp"));
    if (original.len)
        member(out, "kibana.alert.original_time", original);
    gt_buf_lit(out, ",\"kibana.alert.reason\":\"");
    write_reason_begin(match->document, &reason);
    write_inside(gt_buf_str(&reason), out);
    helper_done(&reason, out);
    if (cuts)
        cuts->reason = out->len;
    else
        write_reason_end_inside(match->rule, out);
    gt_buf_lit(out, "\"");
    write_ancestors(match, out);
    if (cuts)
        cuts->execution = out->len;
    else
        write_execution(match->rule, now, out);
    write_original_event(match->document, out);
}

void gt_alert_write_head(const gt_match *match, gt_buf *out)
{
    write_head(match, out, NULL);
}

void gt_alert_write(const gt_detector *detector, const gt_match *match, gt_buf *out)
{
    gt_alert_write_head(match, out);
    gt_buf_add(out, gt_detector_alert_tail(detector, match->index));
}

/* --- the alert: in parts ----------------------------------------------------------------------- */

void gt_alert_write_shared(const gt_match *match, gt_buf *out, gt_alert_cuts *ret_cuts)
{
    size_t begin = out->len;
    write_head(match, out, ret_cuts);
    ret_cuts->id -= begin;
    ret_cuts->reason -= begin;
    ret_cuts->execution -= begin;
}

gt_status gt_alert_own_make(const gt_detector *detector, size_t index, gt_time_ms now,
                            gt_arena *arena, gt_alert_own *ret)
{
    const gt_rule *rule = gt_detector_rule(detector, index);
    char time[GT_TIME_TEXT_MAX];
    gt_buf text = GT_BUF((size_t)1 << 24);
    write_reason_end_inside(rule, &text);
    size_t middle = text.len;
    write_execution(rule, gt_time_format(now, time), &text);
    gt_str copy = gt_buf_status(&text) == GT_OK ? gt_arena_dup(arena, gt_buf_str(&text))
                                                : GT_STR_NULL;
    gt_status status = gt_buf_status(&text) != GT_OK ? gt_buf_status(&text)
                     : copy.ptr                      ? GT_OK
                                                     : gt_arena_status(arena);
    gt_buf_done(&text);
    if (status == GT_OK)
        *ret = (gt_alert_own){gt_str_head(copy, middle), gt_str_from(copy, middle),
                              gt_detector_alert_tail(detector, index)};
    return status;
}

void gt_alert_parts(gt_str shared, const gt_alert_cuts *cuts, gt_str id, const gt_alert_own *own,
                    gt_str ret[GT_ALERT_PARTS])
{
    gt_str to_reason = gt_str_head(shared, cuts->reason);
    gt_str to_execution = gt_str_head(shared, cuts->execution);
    ret[0] = gt_str_head(shared, cuts->id);
    ret[1] = id;
    ret[2] = gt_str_from(to_reason, cuts->id);
    ret[3] = own->reason_end;
    ret[4] = gt_str_from(to_execution, cuts->reason);
    ret[5] = own->execution;
    ret[6] = gt_str_from(shared, cuts->execution);
    ret[7] = own->tail;
}

/* --- the alert: what depends on the rule alone ------------------------------------------------ */

static void write_params(const gt_rule *rule, gt_buf *out)
{
    static const struct {
        const char *name, *key, *absent;
    } rows[] = {
#define PARAM(name, key) {name, key, NULL},
#define PARAM_OR(name, key, value) {name, key, value},
#include "detect/alert_rule.def"
#undef PARAM
#undef PARAM_OR
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const gt_json *value = gt_json_get(rule->params, gt_str_c(rows[i].key));
        if (!value && !rows[i].absent)
            continue;
        gt_buf_printf(out, ",\"kibana.alert.rule.%s\":", rows[i].name);
        if (value)
            gt_json_write(out, value);
        else
            gt_buf_add(out, gt_str_c(rows[i].absent));
    }
}

void gt_alert_write_tail(const gt_rule *rule, bool scheduled, gt_buf *out)
{
    gt_str saved_id = gt_json_str(gt_json_getl(rule->params, "id"));
    gt_buf_lit(out, ",\"kibana.alert.status\":\"active\",\"kibana.alert.workflow_status\":\"open\","
                    "\"kibana.alert.workflow_tags\":[],\"kibana.alert.workflow_assignee_ids\":[],"
                    "\"kibana.alert.depth\":1,\"kibana.space_ids\":[\"default\"]");
    member(out, "kibana.alert.severity", rule->severity);
    gt_buf_printf(out, ",\"kibana.alert.risk_score\":%lld", (long long)rule->risk_score);
    if (rule->building_block_type.len)
        member(out, "kibana.alert.building_block_type", rule->building_block_type);
    member(out, "kibana.alert.rule.category", GT_STR("Custom Query Rule"));
    member(out, "kibana.alert.rule.consumer", GT_STR("siem"));
    member(out, "kibana.alert.rule.producer", GT_STR("siem"));
    member(out, "kibana.alert.rule.rule_type_id", GT_STR("siem.queryRule"));
    member(out, "kibana.alert.rule.type", gt_str_c(gt_rule_type_name(rule->type)));
    member(out, "kibana.alert.rule.execution.type",
           scheduled ? GT_STR("scheduled") : GT_STR("manual"));
    member(out, "kibana.alert.rule.uuid", saved_id.len ? saved_id : rule->rule_id);
    member(out, "kibana.alert.rule.rule_id", rule->rule_id);
    member(out, "kibana.alert.rule.name", rule->name);
    gt_buf_printf(out, ",\"kibana.alert.rule.version\":%lld,\"kibana.alert.rule.max_signals\":%lld",
                  (long long)rule->version, (long long)rule->max_signals);
    member(out, "kibana.alert.rule.from", rule->from);
    member(out, "kibana.alert.rule.to", rule->to);
    member(out, "kibana.alert.rule.interval", rule->interval);
    write_params(rule, out);
    if (rule->params) {
        gt_buf_lit(out, ",\"kibana.alert.rule.parameters\":");
        gt_json_write(out, rule->params);
    }
    gt_buf_add_byte(out, '}');
}
