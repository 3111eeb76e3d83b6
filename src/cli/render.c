#include "cli/render.h"

#include <stdio.h>

/* Entities named in a line of text; the whole list is in the other formats. */
#define ENTITIES_SHOWN 4
#define PIECES_SHOWN 3
#define AGENT_BYTES_SHOWN 60

gt_colour gt_render_severity_colour(gt_str severity)
{
    if (gt_str_is(severity, "critical"))
        return GT_COLOUR_BOLD_RED;
    if (gt_str_is(severity, "high"))
        return GT_COLOUR_RED;
    return gt_str_is(severity, "medium") ? GT_COLOUR_YELLOW : GT_COLOUR_CYAN;
}

static gt_str field(const gt_json *document, const char *name)
{
    return gt_document_text(document, gt_str_c(name));
}

static void text(gt_buf *out, bool colour, gt_colour paint, gt_str s)
{
    gt_buf_add(out, gt_str_c(gt_cli_colour(colour, paint)));
    gt_cli_escape(out, s);
    gt_buf_add(out, gt_str_c(gt_cli_colour(colour, GT_COLOUR_OFF)));
}

/* "2025-03-06 02:09:14"; what is no time stays as it is. */
static void add_time(gt_buf *out, gt_str time)
{
    gt_time_ms t;
    char room[GT_TIME_TEXT_MAX];
    if (!gt_time_parse(time, &t)) {
        gt_cli_escape(out, time.len ? time : GT_STR("no time"));
        return;
    }
    gt_str whole = gt_time_format_short(t, room);
    room[10] = ' ';
    gt_buf_add(out, gt_str_head(whole, 19));
}

/* Is the value one of the names of the one who called? */
static bool is_actor(const gt_json *document, gt_str value)
{
    static const char *const names[] = {
        "aws.cloudtrail.user_identity.arn",
        "aws.cloudtrail.user_identity.access_key_id",
        "aws.cloudtrail.user_identity.session_context.session_issuer.arn",
        "aws.cloudtrail.user_identity.session_context.session_issuer.user_name",
        "user.name",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (gt_str_eq(field(document, names[i]), value))
            return true;
    return false;
}

/* Ids that a person looks for and that the mapping does not count among the entities. */
static const char *const more_entities[] = {
    "aws.cloudtrail.flattened.request_parameters.groupId",
    "aws.cloudtrail.flattened.request_parameters.ModifySecurityGroupRulesRequest.GroupId",
    "aws.cloudtrail.flattened.request_parameters.ModifyManagedPrefixListRequest.PrefixListId",
    "aws.cloudtrail.flattened.request_parameters.instanceId",
    "aws.cloudtrail.flattened.request_parameters.dBInstanceIdentifier",
};

static bool holds(const gt_json *list, gt_str value)
{
    for (const gt_json *e = gt_json_first(list); e; e = e->next)
        if (gt_str_eq(gt_json_text(e), value))
            return true;
    return false;
}

static void add_entity(gt_buf *out, gt_str value, const char *before, size_t most, size_t *count)
{
    if (++*count > most)
        return;
    gt_buf_add(out, *count > 1 ? GT_STR(" ") : gt_str_c(before));
    gt_cli_escape(out, value);
}

/* Ids and ARNs that the call touched. */
static void add_entities(gt_buf *out, const gt_json *document, const char *before, size_t most)
{
    const gt_json *list = gt_document_get(document, GT_STR("related.entity"));
    size_t count = 0;
    for (const gt_json *e = gt_json_first(list); e; e = e->next) {
        gt_str value = gt_json_text(e);
        if (value.len && !is_actor(document, value))
            add_entity(out, value, before, most, &count);
    }
    for (size_t i = 0; i < sizeof(more_entities) / sizeof(more_entities[0]); i++) {
        gt_str value = field(document, more_entities[i]);
        if (value.len && !holds(list, value))
            add_entity(out, value, before, most, &count);
    }
    if (count > most)
        gt_buf_printf(out, " +%zu", count - most);
}

static gt_str actor(const gt_json *document)
{
    static const char *const names[] = {
        "aws.cloudtrail.user_identity.arn", "aws.cloudtrail.user_identity.invoked_by", "user.name",
        "user.id", "aws.cloudtrail.user_identity.type",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        gt_str value = field(document, names[i]);
        if (value.len)
            return value;
    }
    return GT_STR("unknown");
}

static gt_str service_of(const gt_json *document)
{
    gt_str provider = field(document, "event.provider");
    if (gt_str_ends(provider, GT_STR(".amazonaws.com")))
        provider.len -= strlen(".amazonaws.com");
    return provider;
}

static void add_action(gt_buf *out, const gt_json *document, bool colour)
{
    gt_str outcome = field(document, "event.outcome");
    gt_str error = field(document, "aws.cloudtrail.error_code");
    gt_str action = field(document, "event.action");
    bool failed = gt_str_is(outcome, "failure");
    text(out, colour, GT_COLOUR_BOLD, action.len ? action : GT_STR("(no action)"));
    gt_str service = service_of(document);
    if (service.len) {
        gt_buf_lit(out, " (");
        gt_cli_escape(out, service);
        gt_buf_add_byte(out, ')');
    }
    if (failed) {
        gt_buf_add_byte(out, ' ');
        text(out, colour, GT_COLOUR_YELLOW, error.len ? error : outcome);
    }
}

/* The part of a user agent that a person looks for: "Terraform/1.10.5" of a long list of libraries. */
static gt_str tool_of(gt_str agent)
{
    static const char *const tools[] = {
        "OpenTofu/", "Terraform/", "Pulumi/", "eksctl/", "aws-cli/", "Boto3/", "Botocore/",
    };
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        size_t at = gt_str_find(agent, gt_str_c(tools[i]));
        if (at != GT_NPOS) {
            agent = gt_str_from(agent, at);
            break;
        }
    }
    gt_str head;
    gt_str_cut(agent, ' ', &head);
    return gt_str_head(head, AGENT_BYTES_SHOWN);
}

/* "203.0.113.66 (NL)  Boto3/1.37.1"; a browser by its own name. */
static void add_origin(gt_buf *out, const gt_json *document)
{
    gt_str address = field(document, "source.address");
    gt_str agent = field(document, "user_agent.original");
    gt_str country = field(document, "source.geo.country_iso_code");
    gt_cli_escape(out, address.len ? address : GT_STR("no address"));
    if (country.len) {
        gt_buf_lit(out, " (");
        gt_cli_escape(out, country);
        gt_buf_add_byte(out, ')');
    }
    if (!agent.len || gt_str_eq(agent, address))
        return;
    gt_buf_lit(out, "  ");
    if (gt_str_starts(agent, GT_STR("Mozilla/"))) {
        gt_buf_lit(out, "browser ");
        gt_cli_escape(out, field(document, "user_agent.name"));
    } else {
        gt_cli_escape(out, tool_of(agent));
    }
}

static void label(gt_buf *out, bool colour, const char *name)
{
    gt_buf_printf(out, "  %s%-7s%s", gt_cli_colour(colour, GT_COLOUR_DIM), name,
                  gt_cli_colour(colour, GT_COLOUR_OFF));
}

/* "tcp/22 from 0.0.0.0/0 (internet)" */
static void add_piece(gt_buf *out, const gt_json *piece)
{
    gt_str protocol = field(piece, "protocol"), first = field(piece, "from_port");
    gt_str last = field(piece, "to_port");
    bool egress = gt_str_is(field(piece, "direction"), "egress");
    gt_cli_escape(out, gt_str_is(protocol, "-1") ? GT_STR("everything") : protocol);
    if (first.len && !gt_str_is(first, "-1")) {
        gt_buf_add_byte(out, '/');
        gt_cli_escape(out, first);
        if (!gt_str_eq(first, last)) {
            gt_buf_add_byte(out, '-');
            gt_cli_escape(out, last);
        }
    }
    gt_buf_add(out, egress ? GT_STR(" to ") : GT_STR(" from "));
    gt_cli_escape(out, field(piece, "cidr"));
    if (gt_str_is(field(piece, "internet"), "true"))
        gt_buf_lit(out, " (internet)");
}

static void add_pieces(gt_buf *out, const gt_json *document, const char *verb, const char *path)
{
    const gt_json *list = gt_document_get(document, gt_str_c(path));
    size_t shown = 0;
    for (const gt_json *piece = gt_json_first(list); piece; piece = piece->next) {
        if (shown == PIECES_SHOWN) {
            gt_buf_printf(out, " +%zu", (size_t)list->count - shown);
            break;
        }
        if (shown++)
            gt_buf_lit(out, ", ");
        else
            gt_buf_printf(out, "%s ", verb);
        add_piece(out, piece);
    }
}

/* What the event opened and closed, where that is known. */
static void add_effect(gt_buf *out, const gt_json *document, bool colour)
{
    gt_str effect = field(document, "gatetrail.security_group.net_effect");
    size_t begin;
    if (!effect.len || gt_str_is(effect, "none"))
        return;
    label(out, colour, "effect");
    begin = out->len;
    add_pieces(out, document, "opens", "gatetrail.security_group.opened");
    if (out->len > begin && gt_document_get(document, GT_STR("gatetrail.security_group.closed.cidr")))
        gt_buf_lit(out, "; ");
    add_pieces(out, document, "closes", "gatetrail.security_group.closed");
    if (out->len == begin)
        gt_cli_escape(out, effect);
    gt_buf_add_byte(out, '\n');
}

void gt_render_alert(gt_buf *out, const gt_match *match, gt_str file, bool colour)
{
    const gt_json *document = match->document;
    add_time(out, field(document, "@timestamp"));
    gt_buf_lit(out, "  ");
    text(out, colour, gt_render_severity_colour(match->rule->severity), match->rule->severity);
    gt_buf_lit(out, "  ");
    text(out, colour, GT_COLOUR_BOLD, match->rule->name);
    gt_buf_lit(out, "\n");
    label(out, colour, "who");
    gt_cli_escape(out, actor(document));
    gt_buf_lit(out, "\n");
    label(out, colour, "what");
    add_action(out, document, colour);
    add_entities(out, document, "  ", ENTITIES_SHOWN);
    gt_buf_lit(out, "\n");
    add_effect(out, document, colour);
    label(out, colour, "from");
    add_origin(out, document);
    gt_buf_lit(out, "\n");
    label(out, colour, "where");
    gt_cli_escape(out, field(document, "cloud.account.id"));
    gt_buf_add_byte(out, ' ');
    gt_cli_escape(out, field(document, "cloud.region"));
    gt_buf_lit(out, "  event ");
    gt_cli_escape(out, match->event_id);
    gt_buf_lit(out, "\n");
    label(out, colour, "file");
    text(out, colour, GT_COLOUR_DIM, file);
    gt_buf_lit(out, "\n\n");
}

void gt_render_event(gt_buf *out, const gt_json *document, gt_str file, bool colour)
{
    gt_str id = field(document, "event.id");
    add_time(out, field(document, "@timestamp"));
    gt_buf_lit(out, "  ");
    add_action(out, document, colour);
    add_entities(out, document, "  ", ENTITIES_SHOWN);
    gt_buf_lit(out, "\n  ");
    gt_cli_escape(out, actor(document));
    gt_buf_lit(out, "  ");
    add_origin(out, document);
    gt_buf_lit(out, "\n  ");
    text(out, colour, GT_COLOUR_DIM, id.len ? id : file);
    gt_buf_lit(out, "\n");
}

/* --- CSV ------------------------------------------------------------------------------------- */

static void cell(gt_buf *out, gt_str value, bool first)
{
    gt_buf plain = GT_BUF((size_t)64 << 20);
    gt_cli_escape(&plain, value);
    gt_str s = gt_buf_str(&plain);
    if (!first)
        gt_buf_add_byte(out, ',');
    /* Spreadsheets run what begins so. */
    bool formula = s.len && memchr("=+-@", s.ptr[0], 4);
    bool quote = formula || (s.len && (memchr(s.ptr, ',', s.len) || memchr(s.ptr, '"', s.len)));
    gt_buf_add(out, quote ? GT_STR("\"") : GT_STR(""));
    if (formula)
        gt_buf_add_byte(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            gt_buf_add_byte(out, '"');
        gt_buf_add_byte(out, s.ptr[i]);
    }
    gt_buf_add(out, quote ? GT_STR("\"") : GT_STR(""));
    if (gt_buf_status(&plain) != GT_OK)
        out->status = gt_buf_status(&plain);
    gt_buf_done(&plain);
}

static const struct {
    const char *heading, *field;
} columns[] = {
    {"time", "@timestamp"},
    {"action", "event.action"},
    {"provider", "event.provider"},
    {"outcome", "event.outcome"},
    {"error", "aws.cloudtrail.error_code"},
    {"actor", NULL},
    {"source_address", "source.address"},
    {"country", "source.geo.country_iso_code"},
    {"user_agent", "user_agent.original"},
    {"account", "cloud.account.id"},
    {"region", "cloud.region"},
    {"event_id", "event.id"},
};
#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

void gt_render_csv_head(gt_buf *out, bool alert)
{
    if (alert)
        gt_buf_lit(out, "alert_id,rule_id,rule,severity,risk_score,");
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        gt_buf_printf(out, "%s%s", i ? "," : "", columns[i].heading);
    gt_buf_lit(out, ",entities,file\n");
}

void gt_render_csv(gt_buf *out, const gt_match *match, const gt_json *document, gt_str file)
{
    char risk[24];
    if (match) {
        int n = snprintf(risk, sizeof(risk), "%lld", (long long)match->rule->risk_score);
        cell(out, match->id, true);
        cell(out, match->rule->rule_id, false);
        cell(out, match->rule->name, false);
        cell(out, match->rule->severity, false);
        cell(out, (gt_str){risk, (size_t)n}, false);
    }
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        cell(out, columns[i].field ? field(document, columns[i].field) : actor(document),
             i == 0 && !match);
    gt_buf entities = GT_BUF((size_t)64 << 20);
    add_entities(&entities, document, "", (size_t)-1);
    cell(out, gt_buf_str(&entities), false);
    gt_buf_done(&entities);
    cell(out, file, false);
    gt_buf_add_byte(out, '\n');
}
