#include "cli/cli.h"

#include "base/utf8.h"

/* The character of a valid sequence of len bytes. */
static uint32_t utf8_value(const unsigned char *p, size_t len)
{
    uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

/* Can this character change what the others on the line look like? */
static bool is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void gt_cli_escape(gt_buf *out, gt_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t plain = 0;
    for (size_t i = 0; i < s.len;) {
        size_t len = gt_utf8_length(gt_str_from(s, i));
        uint32_t c = utf8_value(p + i, len ? len : 1);
        if (!len || is_harmful(c)) {
            gt_buf_add(out, (gt_str){s.ptr + plain, i - plain});
            if (!len || c < 0x80)
                gt_buf_printf(out, "\\x%02x", p[i]);
            else
                gt_buf_printf(out, "\\u{%x}", (unsigned)c);
            plain = i + (len ? len : 1);
        }
        i += len ? len : 1;
    }
    if (plain < s.len)
        gt_buf_add(out, (gt_str){s.ptr + plain, s.len - plain});
}
