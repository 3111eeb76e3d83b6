#include "base/timeutil.h"

#include <stdio.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* Days <-> civil date in the proleptic Gregorian calendar, by eras of 400 years that begin on
 * 1 March, so that the leap day is the last of its year. */
int64_t gt_days_from_civil(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

gt_civil gt_civil_from_days(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (gt_civil){(int)(yoe + era * 400) + (month <= 2), month,
                      (int)(doy - (153 * mp + 2) / 5) + 1};
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Take exactly n digits from the front. */
static bool take(gt_str *s, size_t n, int *ret)
{
    if (s->len < n)
        return false;
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s->ptr[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *s = gt_str_from(*s, n);
    *ret = value;
    return true;
}

static bool take_byte(gt_str *s, char c)
{
    if (!s->len || s->ptr[0] != c)
        return false;
    *s = gt_str_from(*s, 1);
    return true;
}

/* Fraction of a second in milliseconds; digits past the third are dropped. */
static bool take_fraction(gt_str *s, int *ret_ms)
{
    *ret_ms = 0;
    if (!take_byte(s, '.') && !take_byte(s, ','))
        return true;
    int scale = 100, digit, n = 0;
    for (; s->len && take(s, 1, &digit); n++, scale /= 10)
        *ret_ms += digit * scale;
    return n > 0 && n <= 9;
}

/* Z, ±hh, ±hhmm, ±hh:mm, or nothing (UTC). */
static bool take_zone(gt_str *s, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (!s->len || take_byte(s, 'Z') || take_byte(s, 'z'))
        return true;
    int sign = take_byte(s, '+') ? 1 : take_byte(s, '-') ? -1 : 0;
    int hours, minutes = 0;
    if (!sign || !take(s, 2, &hours))
        return false;
    if (s->len) {
        take_byte(s, ':');
        if (!take(s, 2, &minutes))
            return false;
    }
    if (hours > 23 || minutes > 59)
        return false;
    *ret_ms = sign * (hours * HOUR_MS + minutes * MINUTE_MS);
    return true;
}

bool gt_time_parse(gt_str s, gt_time_ms *ret)
{
    int year, month, day, hour = 0, minute = 0, second = 0, ms = 0;
    int64_t zone = 0;
    if (!take(&s, 4, &year))
        return false;
    bool basic = !take_byte(&s, '-');
    if (!take(&s, 2, &month) || (!basic && !take_byte(&s, '-')) || !take(&s, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    if (s.len) {
        if (!take_byte(&s, 'T') && !take_byte(&s, 't') && !take_byte(&s, ' '))
            return false;
        if (!take(&s, 2, &hour) || (!basic && !take_byte(&s, ':')) || !take(&s, 2, &minute))
            return false;
        if (basic ? s.len && s.ptr[0] >= '0' && s.ptr[0] <= '9' : take_byte(&s, ':'))
            if (!take(&s, 2, &second) || !take_fraction(&s, &ms))
                return false;
        if (!take_zone(&s, &zone))
            return false;
    } else if (basic) {
        return false; /* eight digits alone are a number, not a date */
    }
    if (s.len || hour > 23 || minute > 59 || second > 59)
        return false;
    *ret = gt_days_from_civil(year, month, day) * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS +
           second * SECOND_MS + ms - zone;
    return true;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static gt_str format(gt_time_ms t, bool fraction, char out[GT_TIME_TEXT_MAX])
{
    int64_t days = floor_div(t, DAY_MS);
    int64_t rest = t - days * DAY_MS;
    gt_civil c = gt_civil_from_days(days);
    int n = snprintf(out, GT_TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day,
                     (int)(rest / HOUR_MS), (int)(rest / MINUTE_MS % 60),
                     (int)(rest / SECOND_MS % 60));
    if (n < 0 || n > 24)
        n = 0; /* a year of more than four digits: no time this program accepts */
    int m = fraction ? snprintf(out + n, GT_TIME_TEXT_MAX - (size_t)n, ".%03dZ", (int)(rest % 1000))
                     : snprintf(out + n, GT_TIME_TEXT_MAX - (size_t)n, "Z");
    return (gt_str){out, (size_t)(n + m)};
}

gt_str gt_time_format(gt_time_ms t, char out[GT_TIME_TEXT_MAX])
{
    return format(t, true, out);
}

gt_str gt_time_format_short(gt_time_ms t, char out[GT_TIME_TEXT_MAX])
{
    return format(t, t % 1000 != 0, out);
}

/* Add months, keeping the day where the month has it, else its last day. */
static gt_time_ms add_months(gt_time_ms t, int64_t months)
{
    int64_t days = floor_div(t, DAY_MS);
    gt_civil c = gt_civil_from_days(days);
    int64_t total = (int64_t)c.year * 12 + c.month - 1 + months;
    int year = (int)floor_div(total, 12);
    int month = (int)(total - (int64_t)year * 12) + 1;
    int last = month_days(year, month);
    int day = c.day < last ? c.day : last;
    return gt_days_from_civil(year, month, day) * DAY_MS + (t - days * DAY_MS);
}

static bool add_unit(gt_time_ms *t, int64_t n, char unit)
{
    switch (unit) {
    case 'y':
        *t = add_months(*t, n * 12);
        return true;
    case 'M':
        *t = add_months(*t, n);
        return true;
    case 'w':
        *t += n * 7 * DAY_MS;
        return true;
    case 'd':
        *t += n * DAY_MS;
        return true;
    case 'h':
    case 'H':
        *t += n * HOUR_MS;
        return true;
    case 'm':
        *t += n * MINUTE_MS;
        return true;
    case 's':
        *t += n * SECOND_MS;
        return true;
    default:
        return false;
    }
}

static bool round_unit(gt_time_ms *t, char unit, bool up)
{
    int64_t days = floor_div(*t, DAY_MS);
    gt_civil c = gt_civil_from_days(days);
    gt_time_ms low;
    switch (unit) {
    case 'y':
        low = gt_days_from_civil(c.year, 1, 1) * DAY_MS;
        break;
    case 'M':
        low = gt_days_from_civil(c.year, c.month, 1) * DAY_MS;
        break;
    case 'w': /* weeks begin on Monday; 1970-01-01 was a Thursday */
        low = (days - (((days + 3) % 7) + 7) % 7) * DAY_MS;
        break;
    case 'd':
        low = days * DAY_MS;
        break;
    case 'h':
    case 'H':
        low = floor_div(*t, HOUR_MS) * HOUR_MS;
        break;
    case 'm':
        low = floor_div(*t, MINUTE_MS) * MINUTE_MS;
        break;
    case 's':
        low = floor_div(*t, SECOND_MS) * SECOND_MS;
        break;
    default:
        return false;
    }
    *t = low;
    if (up) {
        if (!add_unit(t, 1, unit))
            return false;
        *t -= 1;
    }
    return true;
}

/* Span counts past this overflow nothing and reach past every log. */
#define SPAN_COUNT_MAX 1000000000

static bool take_count(gt_str *s, int64_t *ret)
{
    int digit;
    int64_t n = 0;
    size_t digits = 0;
    while (s->len && take(s, 1, &digit)) {
        n = n * 10 + digit;
        digits++;
        if (n > SPAN_COUNT_MAX)
            return false;
    }
    *ret = digits ? n : 1; /* "now-d" is one day */
    return true;
}

bool gt_time_math(gt_str text, gt_time_ms now, bool round_up, gt_time_ms *ret)
{
    gt_time_ms t = now;
    gt_str rest;
    if (gt_str_starts(text, GT_STR("now"))) {
        rest = gt_str_from(text, 3);
    } else {
        size_t bars = gt_str_find(text, GT_STR("||"));
        if (!gt_time_parse(bars == GT_NPOS ? text : gt_str_head(text, bars), &t))
            return false;
        rest = bars == GT_NPOS ? GT_STR_NULL : gt_str_from(text, bars + 2);
    }
    while (rest.len) {
        char op = rest.ptr[0];
        rest = gt_str_from(rest, 1);
        int64_t n = 1;
        if (op == '+' || op == '-') {
            if (!take_count(&rest, &n))
                return false;
        } else if (op != '/') {
            return false;
        }
        if (!rest.len)
            return false;
        char unit = rest.ptr[0];
        rest = gt_str_from(rest, 1);
        if (op == '/' ? !round_unit(&t, unit, round_up) : !add_unit(&t, op == '-' ? -n : n, unit))
            return false;
    }
    *ret = t;
    return true;
}

bool gt_span_parse(gt_str text, int64_t *ret_ms)
{
    int64_t n;
    if (text.len < 2 || text.ptr[0] < '0' || text.ptr[0] > '9' || !take_count(&text, &n))
        return false;
    if (text.len != 1 || n == 0 || text.ptr[0] == 'M' || text.ptr[0] == 'y')
        return false; /* months and years have no fixed length */
    gt_time_ms t = 0;
    if (!add_unit(&t, n, text.ptr[0]))
        return false;
    *ret_ms = t;
    return true;
}
