#include "investigate/expected.h"


bool gt_expected_glob(gt_str pattern, gt_str text)
{
    size_t p = 0, t = 0, star = GT_NPOS, back = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            back = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != GT_NPOS) {
            p = star + 1;
            t = ++back;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

gt_str gt_expected_match(const gt_expected_list *list, gt_str text)
{
    for (size_t i = 0; text.len && i < list->count; i++)
        if (gt_expected_glob(list->items[i], text))
            return list->items[i];
    return GT_STR_NULL;
}

static bool window_holds(const gt_expected_window *w, gt_time_ms time)
{
    if (!w->weekly)
        return time >= w->start && time < w->end;
    int64_t minutes = time / 60000 - (time % 60000 < 0);
    int64_t day = minutes / 1440 - (minutes % 1440 < 0);
    int32_t minute = (int32_t)(minutes - day * 1440);
    unsigned weekday = (unsigned)(((day + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    unsigned before = (weekday + 6) % 7;
    if (w->from_min <= w->to_min)
        return (w->days >> weekday & 1) && minute >= w->from_min && minute < w->to_min;
    return ((w->days >> weekday & 1) && minute >= w->from_min) ||
           ((w->days >> before & 1) && minute < w->to_min);
}

const gt_expected_window *gt_expected_window_at(const gt_expected *expected, gt_time_ms time)
{
    for (size_t i = 0; i < expected->window_count; i++)
        if (window_holds(&expected->windows[i], time))
            return &expected->windows[i];
    return NULL;
}

/* --- reading -------------------------------------------------------------------------------------- */

typedef struct reader {
    gt_arena *arena;
    gt_diags *diags;
} reader;

static bool want(reader *r, const gt_toml *node, gt_toml_type type, const char *what)
{
    if (gt_toml_is(node, type))
        return true;
    gt_diag_error(r->diags, "CFG-301", node->span, NULL, "%s must be %s, not %s", what,
                  gt_toml_type_name(type), gt_toml_type_name((gt_toml_type)node->type));
    return false;
}

static gt_status read_list(reader *r, const gt_toml *node, const char *what, gt_expected_list *ret)
{
    if (!want(r, node, GT_TOML_ARRAY, what))
        return GT_OK;
    ret->given = true;
    ret->items = gt_arena_array(r->arena, gt_str, node->count ? node->count : 1);
    if (!ret->items)
        return gt_arena_status(r->arena);
    for (const gt_toml *e = gt_toml_first(node); e; e = e->next)
        if (want(r, e, GT_TOML_STRING, what))
            ret->items[ret->count++] = e->str;
    return GT_OK;
}

static gt_status read_networks(reader *r, const gt_toml *node, gt_expected *ret)
{
    if (!want(r, node, GT_TOML_ARRAY, "networks"))
        return GT_OK;
    ret->networks_given = true;
    ret->networks = gt_arena_array(r->arena, gt_cidr, node->count ? node->count : 1);
    if (!ret->networks)
        return gt_arena_status(r->arena);
    for (const gt_toml *e = gt_toml_first(node); e; e = e->next) {
        if (!want(r, e, GT_TOML_STRING, "a network"))
            continue;
        if (gt_cidr_parse(e->str, &ret->networks[ret->network_count]))
            ret->network_count++;
        else
            gt_diag_error(r->diags, "CFG-302", e->span, "as in \"203.0.113.0/24\"",
                          "not an address range");
    }
    return GT_OK;
}

static bool parse_port(gt_str text, gt_expected_port *ret)
{
    gt_str rest = gt_str_cut(text, '/', &ret->protocol);
    ret->from = 0;
    ret->to = 65535;
    if (!rest.ptr)
        return ret->protocol.len > 0;
    gt_str from;
    gt_str to = gt_str_cut(rest, '-', &from);
    int64_t low, high;
    if (!gt_str_to_i64(from, &low) || !gt_str_to_i64(to.ptr ? to : from, &high))
        return false;
    if (low < 0 || high > 65535 || low > high)
        return false;
    ret->from = (int32_t)low;
    ret->to = (int32_t)high;
    return ret->protocol.len > 0;
}

static gt_status read_ports(reader *r, const gt_toml *node, gt_expected *ret)
{
    if (!want(r, node, GT_TOML_ARRAY, "ports"))
        return GT_OK;
    ret->ports_given = true;
    ret->ports = gt_arena_array(r->arena, gt_expected_port, node->count ? node->count : 1);
    if (!ret->ports)
        return gt_arena_status(r->arena);
    for (const gt_toml *e = gt_toml_first(node); e; e = e->next) {
        if (!want(r, e, GT_TOML_STRING, "a port"))
            continue;
        if (parse_port(e->str, &ret->ports[ret->port_count]))
            ret->port_count++;
        else
            gt_diag_error(r->diags, "CFG-303", e->span, "as in \"tcp/443\" or \"tcp/8000-8099\"",
                          "not a protocol and its ports");
    }
    return GT_OK;
}

static bool read_minute(reader *r, const gt_toml *node, int32_t *ret)
{
    gt_str text = node->str, hours;
    gt_str minutes = gt_str_cut(text, ':', &hours);
    int64_t h, m;
    bool text_type = gt_toml_is(node, GT_TOML_STRING) || gt_toml_is(node, GT_TOML_LOCAL_TIME);
    if (text_type && gt_str_to_i64(hours, &h) && gt_str_to_i64(gt_str_head(minutes, 2), &m) &&
        h >= 0 && h <= 24 && m >= 0 && m < 60 && h * 60 + m <= 1440) {
        *ret = (int32_t)(h * 60 + m);
        return true;
    }
    gt_diag_error(r->diags, "CFG-304", node->span, "as in \"08:00\", in UTC", "not a time of day");
    return false;
}

static void read_days(reader *r, const gt_toml *node, uint8_t *ret)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    if (!want(r, node, GT_TOML_ARRAY, "days"))
        return;
    *ret = 0;
    for (const gt_toml *e = gt_toml_first(node); e; e = e->next) {
        size_t day = 0;
        while (day < 7 && !gt_str_eq_nocase(gt_str_head(e->str, 3), gt_str_c(names[day])))
            day++;
        if (gt_toml_is(e, GT_TOML_STRING) && day < 7)
            *ret |= (uint8_t)(1u << day);
        else
            gt_diag_error(r->diags, "CFG-304", e->span, "one of mon tue wed thu fri sat sun",
                          "not a day of the week");
    }
}

static bool read_instant(reader *r, const gt_toml *node, gt_time_ms *ret)
{
    if (gt_time_parse(node->str, ret))
        return true;
    gt_diag_error(r->diags, "CFG-304", node->span, "as in \"2024-10-14T09:00:00Z\"",
                  "not a point in time");
    return false;
}

static void read_window_key(reader *r, const gt_toml *node, gt_expected_window *w, unsigned *seen)
{
    if (gt_str_is(node->key, "days"))
        read_days(r, node, &w->days);
    else if (gt_str_is(node->key, "from"))
        *seen |= read_minute(r, node, &w->from_min) ? 1u : 16u;
    else if (gt_str_is(node->key, "to"))
        *seen |= read_minute(r, node, &w->to_min) ? 2u : 16u;
    else if (gt_str_is(node->key, "start"))
        *seen |= read_instant(r, node, &w->start) ? 4u : 16u;
    else if (gt_str_is(node->key, "end"))
        *seen |= read_instant(r, node, &w->end) ? 8u : 16u;
    else if (gt_str_is(node->key, "reason"))
        w->reason = node->str;
    else
        gt_diag_error(r->diags, "CFG-305", node->key_span,
                      "a window has days, from and to; or start and end; and a reason",
                      "a window has no '%.*s'", GT_STR_ARG(node->key));
}

static void read_window(reader *r, const gt_toml *node, gt_expected *ret)
{
    if (!want(r, node, GT_TOML_TABLE, "a window"))
        return;
    gt_expected_window w = {.days = 0x7f, .to_min = 1440};
    unsigned seen = 0;
    for (const gt_toml *e = gt_toml_first(node); e; e = e->next)
        read_window_key(r, e, &w, &seen);
    w.weekly = !(seen & 12u);
    bool whole = w.weekly ? !(seen & 3u) || (seen & 3u) == 3u : (seen & 15u) == 12u;
    if (seen & 16u)
        return;
    if (whole)
        ret->windows[ret->window_count++] = w;
    else
        gt_diag_error(r->diags, "CFG-304", node->span, NULL,
                      "a window needs both from and to, or both start and end");
}

static gt_status read_windows(reader *r, const gt_toml *node, gt_expected *ret)
{
    if (!want(r, node, GT_TOML_ARRAY, "windows"))
        return GT_OK;
    ret->windows_given = true;
    ret->windows = gt_arena_array(r->arena, gt_expected_window, node->count ? node->count : 1);
    if (!ret->windows)
        return gt_arena_status(r->arena);
    for (const gt_toml *e = gt_toml_first(node); e; e = e->next)
        read_window(r, e, ret);
    return GT_OK;
}

static gt_status read_key(reader *r, const gt_toml *node, gt_expected *ret)
{
    if (gt_str_is(node->key, "administrators"))
        return read_list(r, node, "administrators", &ret->administrators);
    if (gt_str_is(node->key, "automation"))
        return read_list(r, node, "automation", &ret->automation);
    if (gt_str_is(node->key, "countries"))
        return read_list(r, node, "countries", &ret->countries);
    if (gt_str_is(node->key, "regions"))
        return read_list(r, node, "regions", &ret->regions);
    if (gt_str_is(node->key, "networks"))
        return read_networks(r, node, ret);
    if (gt_str_is(node->key, "ports"))
        return read_ports(r, node, ret);
    if (gt_str_is(node->key, "windows"))
        return read_windows(r, node, ret);
    gt_diag_error(r->diags, "CFG-305", node->key_span,
                  "it has administrators, automation, countries, networks, ports, regions, windows",
                  "[expected] has no '%.*s'", GT_STR_ARG(node->key));
    return GT_OK;
}

gt_status gt_expected_read(gt_arena *arena, const gt_toml *table, gt_diags *diags, gt_expected *ret)
{
    reader r = {arena, diags};
    gt_expected expected = {0};
    size_t errors = diags->errors;
    if (table && want(&r, table, GT_TOML_TABLE, "[expected]"))
        for (const gt_toml *e = gt_toml_first(table); e; e = e->next)
            GT_TRY(read_key(&r, e, &expected));
    if (diags->errors != errors)
        return GT_INVALID;
    *ret = expected;
    return GT_OK;
}
