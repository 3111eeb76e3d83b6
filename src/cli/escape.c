#include "cli/cli.h"

/* Decode one UTF-8 sequence of n bytes at most; 0 when it is broken, overlong or a surrogate. */
static size_t utf8_decode(const unsigned char *p, size_t n, uint32_t *ret)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
        return 0;
    uint32_t c = p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return len;
}

/* Can this character change what the others on the line look like? */
static bool is_harmful(uint32_t c)
{
    return (c >= 0x80 && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void gt_cli_escape(gt_buf *out, gt_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t plain = 0;
    for (size_t i = 0; i < s.len;) {
        uint32_t c = p[i];
        size_t len = 1;
        bool bad = c < 0x20 || c == 0x7f;
        bool broken = false;
        if (c >= 0x80) {
            len = utf8_decode(p + i, s.len - i, &c);
            broken = len == 0;
            bad = broken || is_harmful(c);
            len = broken ? 1 : len;
        }
        if (bad) {
            gt_buf_add(out, (gt_str){s.ptr + plain, i - plain});
            if (broken || c < 0x80)
                gt_buf_printf(out, "\\x%02x", p[i]);
            else
                gt_buf_printf(out, "\\u{%x}", (unsigned)c);
            plain = i + len;
        }
        i += len;
    }
    if (plain < s.len)
        gt_buf_add(out, (gt_str){s.ptr + plain, s.len - plain});
}
