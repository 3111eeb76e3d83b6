#include "base/utf8.h"

static size_t length_by_lead(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c >= 0xC2 && c < 0xE0)
        return 2;
    if ((c & 0xF0) == 0xE0)
        return 3;
    return c >= 0xF0 && c < 0xF5 ? 4 : 0;
}

size_t gt_utf8_length(gt_str s)
{
    if (s.len == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t n = length_by_lead(p[0]);
    if (n == 0 || n > s.len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

size_t gt_utf8_plain(gt_str s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t i = 0;
    for (uint64_t w; s.len - i >= sizeof w; i += sizeof w) {
        memcpy(&w, s.ptr + i, sizeof w);
        /* Top bits: a byte from 0x80 on, one below 0x20, one that is 0x7F. A borrow or a carry reaches
         * another byte only from one of these. */
        if ((w | (w - ones * 0x20) | (w + ones)) & tops)
            break;
    }
    return i;
}

bool gt_utf8_valid(gt_str s)
{
    while (s.len) {
        size_t n = gt_utf8_length(s);
        if (n == 0)
            return false;
        s = gt_str_from(s, n);
    }
    return true;
}

char *gt_utf8_put(char *out, uint32_t cp)
{
    if (cp < 0x80) {
        *out++ = (char)cp;
        return out;
    }
    if (cp < 0x800) {
        *out++ = (char)(0xC0 | cp >> 6);
    } else {
        if (cp < 0x10000) {
            *out++ = (char)(0xE0 | cp >> 12);
        } else {
            *out++ = (char)(0xF0 | cp >> 18);
            *out++ = (char)(0x80 | (cp >> 12 & 0x3F));
        }
        *out++ = (char)(0x80 | (cp >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (cp & 0x3F));
    return out;
}
