/* What a path or S3 key says about the records inside.
 * AWSLogs/[o-…/]ACCOUNT/CloudTrail[-Digest|-Insight]/REGION/YYYY/MM/DD/FILE, and in FILE
 * ACCOUNT_CloudTrail[-…]_REGION_[…_]YYYYMMDDTHHMM[SS]Z[_x].json.gz */
#include "source/source.h"

#include "base/limits.h"

#define PARTS 7 /* account, kind, region, year, month, day, file */
#define DAY_MS (24 * 3600 * 1000LL)
#define MINUTE_MS (60 * 1000LL)

static bool all_digits(gt_str s, size_t len)
{
    if (s.len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return true;
}

static int number_of(gt_str s)
{
    int n = 0;
    for (size_t i = 0; i < s.len; i++)
        n = n * 10 + (s.ptr[i] - '0');
    return n;
}

/* "us-east-1", "us-gov-west-1", "ap-southeast-2": lower-case words and a number. */
static bool is_region(gt_str s)
{
    size_t dashes = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool ok = (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || s.ptr[i] == '-' ||
                  (s.ptr[i] >= '0' && s.ptr[i] <= '9');
        dashes += s.ptr[i] == '-';
        if (!ok)
            return false;
    }
    return dashes >= 2 && s.len >= 8;
}

static bool is_kind(gt_str s)
{
    return gt_str_is(s, "CloudTrail") || gt_str_is(s, "CloudTrail-Digest") ||
           gt_str_is(s, "CloudTrail-Insight");
}

static bool day_of(gt_str year, gt_str month, gt_str day, gt_time_ms *ret)
{
    char text[16];
    if (!all_digits(year, 4) || !all_digits(month, 2) || !all_digits(day, 2))
        return false;
    memcpy(text, year.ptr, 4);
    text[4] = text[7] = '-';
    memcpy(text + 5, month.ptr, 2);
    memcpy(text + 8, day.ptr, 2);
    return gt_time_parse((gt_str){text, 10}, ret);
}

/* The folders: false when they are not the layout. */
static bool folders_of(const gt_str parts[PARTS], gt_input_key *key)
{
    if (!all_digits(parts[0], 12) || !is_kind(parts[1]) || !is_region(parts[2]) ||
        !day_of(parts[3], parts[4], parts[5], &key->begin))
        return false;
    key->account = parts[0];
    key->region = parts[2];
    key->end = key->begin + DAY_MS;
    key->sure = true;
    return true;
}

/* YYYYMMDDTHHMM[SS]Z */
static bool stamp_of(gt_str s, gt_time_ms *ret)
{
    if (s.len < 14 || s.ptr[8] != 'T' || s.ptr[s.len - 1] != 'Z')
        return false;
    gt_str hour = {s.ptr + 9, 2}, minute = {s.ptr + 11, 2};
    gt_str seconds = {s.ptr + 13, s.len - 14};
    if (!all_digits(hour, 2) || !all_digits(minute, 2) ||
        (seconds.len && !all_digits(seconds, 2)) || number_of(hour) > 23 || number_of(minute) > 59)
        return false;
    if (!day_of((gt_str){s.ptr, 4}, (gt_str){s.ptr + 4, 2}, (gt_str){s.ptr + 6, 2}, ret))
        return false;
    *ret += (number_of(hour) * 60 + number_of(minute)) * MINUTE_MS;
    return true;
}

/* The file's name: false when it is not AWS's. Digest names end in ACCOUNT_CloudTrail-Digest_REGION_
 * TRAIL_REGION_STAMP: the stamp is the last part that is one. */
static bool name_of(gt_str name, gt_input_key *key)
{
    gt_str account, kind, region, part;
    gt_time_ms stamp;
    name = gt_str_cut(name, '_', &account);
    name = gt_str_cut(name, '_', &kind);
    name = gt_str_cut(name, '_', &region);
    if (!all_digits(account, 12) || !is_kind(kind) || !is_region(region))
        return false;
    while (name.ptr) {
        name = gt_str_cut(name, '_', &part);
        gt_str stem = part;
        size_t dot = gt_str_find_byte(part, '.');
        if (dot != GT_NPOS)
            stem = gt_str_head(part, dot);
        if (!stamp_of(stem, &stamp))
            continue;
        *key = (gt_input_key){true, account, region, stamp, stamp + MINUTE_MS};
        return true;
    }
    return false;
}

gt_input_key gt_input_key_parse(gt_str path)
{
    gt_str parts[PARTS] = {{0}}, rest = path;
    size_t count = 0;
    for (bool more = true; more && count < PARTS;) { /* from the end */
        size_t slash = gt_str_rfind_byte(rest, '/');
        more = slash != GT_NPOS;
        parts[PARTS - ++count] = more ? gt_str_from(rest, slash + 1) : rest;
        rest = more ? gt_str_head(rest, slash) : GT_STR_NULL;
    }
    gt_input_key folders = {0}, name = {0};
    bool has_folders = count == PARTS && folders_of(parts, &folders);
    bool has_name = name_of(parts[PARTS - 1], &name);
    if (!has_name)
        return folders;
    /* A delivery just after midnight lies in the folder of its own day; anything else is a file
     * that somebody moved. */
    if (has_folders && (!gt_str_eq(folders.account, name.account) ||
                        !gt_str_eq(folders.region, name.region) ||
                        name.begin < folders.begin - DAY_MS || name.end > folders.end + DAY_MS))
        return (gt_input_key){0};
    return name;
}

static bool in_list(gt_str s, const gt_str *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gt_str_eq(s, list[i]))
            return true;
    return count == 0;
}

bool gt_input_key_passes(const gt_input_key *key, const gt_input_filter *filter)
{
    if (!key->sure)
        return true;
    if (!in_list(key->account, filter->accounts, filter->account_count) ||
        !in_list(key->region, filter->regions, filter->region_count))
        return false;
    /* Records are delivered late, so a file may hold what happened well before its time; and clocks
     * differ. */
    if (filter->has_since && key->end + GT_LATE_DELIVERY_MS <= filter->since)
        return false;
    return !filter->has_until || key->begin - GT_LATE_DELIVERY_MS < filter->until;
}
