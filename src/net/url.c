#include "net/net.h"

#include <stdio.h>

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_' || c == '.' || c == '~';
}

void gt_url_encode(gt_buf *out, gt_str text, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (is_unreserved(c) || (c == '/' && keep_slash)) {
            gt_buf_add_byte(out, (char)c);
        } else {
            char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
            gt_buf_add(out, (gt_str){escaped, 3});
        }
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

void gt_url_decode(gt_buf *out, gt_str text, bool plus_is_space)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%' && i + 2 < text.len && hex_value(text.ptr[i + 1]) >= 0 &&
            hex_value(text.ptr[i + 2]) >= 0) {
            c = (char)(hex_value(text.ptr[i + 1]) * 16 + hex_value(text.ptr[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        gt_buf_add_byte(out, c);
    }
}

/* The port in [begin, len) of authority is the scheme's own. */
static bool is_default_port(gt_str scheme, gt_str port)
{
    return gt_str_is(scheme, "https") ? gt_str_is(port, "443") : gt_str_is(port, "80");
}

bool gt_url_parse(gt_str text, gt_url *ret)
{
    gt_url url = {0};
    size_t colon = gt_str_find(text, GT_STR("://"));
    if (colon == GT_NPOS)
        return false;
    url.scheme = gt_str_head(text, colon);
    if (!gt_str_is(url.scheme, "http") && !gt_str_is(url.scheme, "https"))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7F || text.ptr[i] == '#')
            return false;
    }
    gt_str rest = gt_str_from(text, colon + 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    url.authority = url.host = gt_str_head(rest, end);
    if (!url.host.len || gt_str_find_byte(url.host, '@') != GT_NPOS)
        return false;
    size_t port = gt_str_rfind_byte(url.host, ':');
    if (port != GT_NPOS && gt_str_find_byte(gt_str_from(url.host, port), ']') == GT_NPOS) {
        gt_str digits = gt_str_from(url.host, port + 1);
        url.host = gt_str_head(url.host, port);
        if (is_default_port(url.scheme, digits))
            url.authority = url.host;
    }
    rest = gt_str_from(rest, end);
    url.query = gt_str_cut(rest, '?', &url.path);
    if (!url.path.len)
        url.path = GT_STR("/");
    *ret = url;
    return url.host.len > 0;
}

bool gt_http_date_parse(gt_str text, gt_time_ms *ret)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    gt_str day, month, year;
    gt_str rest = gt_str_trim(gt_str_cut(text, ',', &day));
    rest = gt_str_cut(rest, ' ', &day);
    rest = gt_str_cut(rest, ' ', &month);
    rest = gt_str_cut(rest, ' ', &year);
    gt_str time;
    gt_str zone = gt_str_cut(rest, ' ', &time);
    if (!gt_str_is(zone, "GMT") || month.len != 3 || day.len != 2 || year.len != 4 || time.len != 8)
        return false;
    for (unsigned m = 1; m <= 12; m++) {
        if (memcmp(months + 3 * (m - 1), month.ptr, 3) != 0)
            continue;
        char iso[GT_TIME_TEXT_MAX];
        int n = snprintf(iso, sizeof iso, "%.4s-%02u-%.2sT%.8sZ", year.ptr, m, day.ptr, time.ptr);
        return gt_time_parse((gt_str){iso, (size_t)n}, ret);
    }
    return false;
}
