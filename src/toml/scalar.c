#include "toml/toml_internal.h"

#include <math.h>
#include <stdlib.h>

/* Bytes that a number, a boolean or a date may consist of; what follows them is not its part. */
static bool is_scalar_byte(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '-' || c == '.' || c == '_' || c == ':' || c >= 0x80;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_at(gt_str s, size_t pos)
{
    size_t n = 0;
    while (pos + n < s.len && is_digit(s.ptr[pos + n]))
        n++;
    return n;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Digits of the base with single underscores between them, at pos; 0 when there are none or an
 * underscore stands wrong. */
static size_t digit_run(gt_str s, size_t pos, int base)
{
    size_t i = pos;
    bool digit = false;
    for (; i < s.len; i++) {
        if (digit_value(s.ptr[i]) < base)
            digit = true;
        else if (s.ptr[i] == '_' && digit && i + 1 < s.len && digit_value(s.ptr[i + 1]) < base)
            digit = false;
        else
            break;
    }
    return i < s.len && s.ptr[i] == '_' ? 0 : i - pos;
}

typedef enum number_kind { NO_NUMBER, TOO_LARGE, AN_INTEGER, A_FLOAT } number_kind;

static number_kind to_integer(gt_str digits, int base, bool negative, int64_t *ret)
{
    uint64_t value = 0, max = negative ? (uint64_t)1 << 63 : INT64_MAX;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] == '_')
            continue;
        uint64_t digit = (uint64_t)digit_value(digits.ptr[i]);
        if (value > (max - digit) / (uint64_t)base)
            return TOO_LARGE;
        value = value * (uint64_t)base + digit;
    }
    *ret = negative ? (int64_t)(0 - value) : (int64_t)value;
    return AN_INTEGER;
}

static number_kind read_prefixed(gt_str s, int64_t *ret)
{
    int base = s.ptr[1] == 'x' ? 16 : s.ptr[1] == 'o' ? 8 : 2;
    if (digit_run(s, 2, base) != s.len - 2 || s.len == 2)
        return NO_NUMBER;
    return to_integer(gt_str_from(s, 2), base, false, ret);
}

/* The double of a float whose grammar was checked; underscores are left out. */
static bool to_float(gt_arena *arena, gt_str s, double *ret)
{
    char *text = gt_arena_alloc(arena, s.len + 1);
    if (!text)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != '_')
            text[n++] = s.ptr[i];
    text[n] = '\0';
    *ret = strtod(text, NULL); /* the program never leaves the "C" locale */
    return true;
}

static number_kind read_decimal(gt_arena *arena, gt_str s, size_t sign, int64_t *ret_integer,
                                double *ret_float)
{
    size_t digits = digit_run(s, sign, 10), pos = sign + digits;
    if (!digits || (digits > 1 && s.ptr[sign] == '0'))
        return NO_NUMBER;
    if (pos == s.len)
        return to_integer(gt_str_from(s, sign), 10, s.ptr[0] == '-', ret_integer);
    if (s.ptr[pos] == '.') {
        size_t fraction = digit_run(s, pos + 1, 10);
        if (!fraction)
            return NO_NUMBER;
        pos += 1 + fraction;
    }
    if (pos < s.len && (s.ptr[pos] == 'e' || s.ptr[pos] == 'E')) {
        pos++;
        if (pos < s.len && (s.ptr[pos] == '+' || s.ptr[pos] == '-'))
            pos++;
        size_t exponent = digit_run(s, pos, 10);
        if (!exponent)
            return NO_NUMBER;
        pos += exponent;
    }
    if (pos != s.len || !to_float(arena, s, ret_float))
        return NO_NUMBER;
    return A_FLOAT;
}

static number_kind read_number(gt_arena *arena, gt_str s, int64_t *ret_integer, double *ret_float)
{
    size_t sign = s.len && (s.ptr[0] == '+' || s.ptr[0] == '-');
    gt_str rest = gt_str_from(s, sign);
    if (gt_str_is(rest, "inf") || gt_str_is(rest, "nan")) {
        double n = rest.ptr[0] == 'i' ? (double)INFINITY : (double)NAN;
        *ret_float = s.ptr[0] == '-' ? -n : n;
        return A_FLOAT;
    }
    if (!sign && s.len > 1 && s.ptr[0] == '0' && memchr("xob", s.ptr[1], 3))
        return read_prefixed(s, ret_integer);
    return read_decimal(arena, s, sign, ret_integer, ret_float);
}

/* --- dates and times -------------------------------------------------------------------------- */

static int two_digits(gt_str s, size_t pos)
{
    if (digits_at(s, pos) < 2)
        return -1;
    return (s.ptr[pos] - '0') * 10 + s.ptr[pos + 1] - '0';
}

/* YYYY-MM-DD at the beginning, of a day that the calendar has. */
static bool read_date(gt_str s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (s.len < 10 || digits_at(s, 0) != 4 || s.ptr[4] != '-' || digits_at(s, 5) != 2 ||
        s.ptr[7] != '-' || digits_at(s, 8) != 2)
        return false;
    int year = two_digits(s, 0) * 100 + two_digits(s, 2);
    int month = two_digits(s, 5), day = two_digits(s, 8);
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= days[month - 1] + (month == 2 && leap);
}

/* The length of hh:mm[:ss[.fraction]] at pos, 0 when there is none; *ret_seconds: it has seconds.
 */
static size_t read_time(gt_str s, size_t pos, bool *ret_seconds)
{
    int hour = two_digits(s, pos), minute = two_digits(s, pos + 3);
    if (hour < 0 || hour > 23 || digits_at(s, pos) != 2 || pos + 5 > s.len ||
        s.ptr[pos + 2] != ':' || digits_at(s, pos + 3) != 2 || minute > 59)
        return 0;
    *ret_seconds = pos + 5 < s.len && s.ptr[pos + 5] == ':';
    if (!*ret_seconds)
        return 5;
    int second = two_digits(s, pos + 6);
    if (second < 0 || second > 60 || digits_at(s, pos + 6) != 2) /* 60: a leap second */
        return 0;
    if (pos + 8 < s.len && s.ptr[pos + 8] == '.') {
        size_t fraction = digits_at(s, pos + 9);
        return fraction ? 9 + fraction : 0;
    }
    return 8;
}

/* Z or ±hh:mm up to the end of s. */
static bool read_offset(gt_str s, size_t pos)
{
    if (s.len == pos + 1)
        return s.ptr[pos] == 'Z' || s.ptr[pos] == 'z';
    if (s.len != pos + 6 || (s.ptr[pos] != '+' && s.ptr[pos] != '-') || s.ptr[pos + 3] != ':')
        return false;
    int hour = two_digits(s, pos + 1), minute = two_digits(s, pos + 4);
    return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

/* s with 'T' and 'Z' in capitals, and seconds added behind the first `minutes_end` bytes when they
 * were left out. */
static gt_str normal_time(gt_arena *arena, gt_str s, size_t t, size_t minutes_end, bool seconds)
{
    gt_str head = gt_str_head(s, minutes_end), tail = gt_str_from(s, minutes_end);
    gt_str copy = gt_arena_printf(arena, "%.*s%s%.*s", GT_STR_ARG(head), seconds ? "" : ":00",
                                  GT_STR_ARG(tail));
    if (!copy.ptr)
        return copy;
    char *text = gt_arena_alloc(arena, copy.len + 1);
    if (!text)
        return GT_STR_NULL;
    memcpy(text, copy.ptr, copy.len + 1);
    if (t)
        text[t] = 'T';
    if (text[copy.len - 1] == 'z')
        text[copy.len - 1] = 'Z';
    return (gt_str){text, copy.len};
}

/* Sets node's type and text when s is a date or a time. */
static bool read_temporal(const toml_parser *ps, gt_str s, gt_toml *node)
{
    bool seconds = true, no_seconds_allowed = ps->version == GT_TOML_1_1;
    size_t at = 0;
    node->type = GT_TOML_LOCAL_TIME;
    if (s.len >= 3 && s.ptr[2] != ':') {
        if (!read_date(s))
            return false;
        node->type = GT_TOML_LOCAL_DATE;
        node->str = s;
        if (s.len == 10)
            return true;
        at = 11;
        if (s.ptr[10] != 'T' && s.ptr[10] != 't' && s.ptr[10] != ' ')
            return false;
        node->type = GT_TOML_LOCAL_DATETIME;
    }
    size_t length = read_time(s, at, &seconds);
    if (!length || (!seconds && !no_seconds_allowed))
        return false;
    if (at + length < s.len) {
        if (!at || !read_offset(s, at + length))
            return false;
        node->type = GT_TOML_DATETIME;
    }
    node->str = normal_time(ps->arena, s, at ? 10 : 0, at + 5, seconds);
    return node->str.ptr != NULL;
}

/* --- either ----------------------------------------------------------------------------------- */

static gt_str scalar_text(const toml_parser *ps)
{
    size_t end = ps->pos;
    while (is_scalar_byte(toml_at(ps, end)))
        end++;
    /* "1979-05-27 07:32:00": the one scalar with a space inside */
    if (end - ps->pos == 10 && toml_at(ps, ps->pos + 4) == '-' && toml_at(ps, end) == ' ' &&
        is_digit(toml_at(ps, end + 1))) {
        end++;
        while (is_scalar_byte(toml_at(ps, end)))
            end++;
    }
    return (gt_str){ps->text.ptr + ps->pos, end - ps->pos};
}

static bool looks_temporal(gt_str s)
{
    size_t digits = digits_at(s, 0);
    return digits && digits < s.len &&
           (s.ptr[digits] == ':' || (s.ptr[digits] == '-' && digits == 4));
}

static bool refuse(toml_parser *ps, gt_str s, number_kind kind)
{
    gt_span span = {ps->pos, ps->pos + (s.len ? s.len : ps->pos < ps->text.len)};
    if (kind == TOO_LARGE)
        gt_diag_error(ps->diags, "TOML-007", span, NULL, "this integer does not fit in 64 bits");
    else if (looks_temporal(s))
        gt_diag_error(ps->diags, "TOML-008", span,
                      "as in 2024-10-14, 2024-10-14T14:11:38Z, 14:11:38",
                      "this is no date or time");
    else if (s.len && (is_digit(s.ptr[0]) || s.ptr[0] == '+' || s.ptr[0] == '-'))
        gt_diag_error(ps->diags, "TOML-007", span, NULL, "this is no number");
    else if (!s.len)
        gt_diag_error(ps->diags, "TOML-006", span, NULL, "a value is missing here");
    else
        gt_diag_error(ps->diags, "TOML-006", span,
                      "text stands in quotes; true and false are in lower case",
                      "this is no value");
    ps->pos += s.len;
    return false;
}

bool toml_parse_scalar(toml_parser *ps, gt_toml **ret)
{
    gt_str s = scalar_text(ps);
    gt_toml *node = toml_new(ps->arena, GT_TOML_BOOL, (gt_span){ps->pos, ps->pos + s.len});
    if (!node)
        return false;
    node->str = s;
    if (gt_str_is(s, "true") || gt_str_is(s, "false")) {
        node->boolean = s.len == 4;
    } else if (looks_temporal(s)) {
        if (!read_temporal(ps, s, node))
            return refuse(ps, s, NO_NUMBER);
    } else {
        int64_t integer = 0;
        double number = 0;
        number_kind kind = read_number(ps->arena, s, &integer, &number);
        if (kind == NO_NUMBER || kind == TOO_LARGE)
            return refuse(ps, s, kind);
        node->type = kind == AN_INTEGER ? GT_TOML_INTEGER : GT_TOML_FLOAT;
        if (kind == AN_INTEGER)
            node->integer = integer;
        else
            node->number = number;
    }
    ps->pos += s.len;
    *ret = node;
    return true;
}
