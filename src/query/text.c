#include "query/text.h"

/* Classes of Unicode's word break rules (UAX 29), for what occurs in logs. */
typedef enum char_class {
    OTHER,
    LETTER,
    DIGIT,
    JOIN,       /* _ : joins letters and digits */
    MID_LETTER, /* : and the middle dot, between letters */
    MID_BOTH,   /* . ' and ’ between letters or between digits */
    MID_DIGIT,  /* , ; between digits */
    ALONE,      /* ideographs: a word each */
} char_class;

static uint32_t decode(gt_str s, size_t *pos)
{
    const unsigned char *p = (const unsigned char *)s.ptr + *pos;
    size_t left = s.len - *pos;
    uint32_t c = p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3
             : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    if (n == 0 || n > left) {
        *pos += 1;
        return c | 0x80000000u;
    }
    if (n > 1)
        c &= 0xFFu >> (n + 1);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            *pos += 1;
            return p[0] | 0x80000000u;
        }
        c = c << 6 | (p[i] & 0x3Fu);
    }
    *pos += n;
    return c;
}

static bool is_ideograph(uint32_t c)
{
    return (c >= 0x3040 && c < 0x30A0) || (c >= 0x3400 && c < 0x4DC0) ||
           (c >= 0x4E00 && c < 0xA000) || (c >= 0xF900 && c < 0xFB00) ||
           (c >= 0x20000 && c < 0x30000);
}

static char_class class_of(uint32_t c)
{
    if (c < 0x80) {
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            return LETTER;
        if (c >= '0' && c <= '9')
            return DIGIT;
        return c == '_' ? JOIN : c == ':' ? MID_LETTER : c == '.' || c == '\'' ? MID_BOTH
             : c == ',' || c == ';' ? MID_DIGIT : OTHER;
    }
    if (c >= 0x80000000u || c == 0x2019)
        return c == 0x2019 ? MID_BOTH : OTHER;
    if (c == 0xB7)
        return MID_LETTER;
    if (c == 0xAA || c == 0xB5 || c == 0xBA)
        return LETTER;
    if (c < 0xC0 || c == 0xD7 || c == 0xF7 || (c >= 0x2000 && c < 0x2070) ||
        (c >= 0x20A0 && c < 0x20D0) || (c >= 0x2190 && c < 0x2460) || (c >= 0x2500 && c < 0x2C00) ||
        (c >= 0x3000 && c < 0x3005) || (c >= 0x3008 && c < 0x3021) || (c >= 0xFF00 && c < 0xFF10) ||
        (c >= 0xE000 && c < 0xF900) || (c >= 0x1F000 && c < 0x20000))
        return OTHER;
    return is_ideograph(c) ? ALONE : LETTER;
}

/* A word that begins at *pos with the class `last`; moves *pos behind it. False for a run of '_'. */
static bool word_end(gt_str text, size_t *pos, char_class last)
{
    size_t at = *pos;
    bool letters = last != JOIN;
    while (last != ALONE && at < text.len) {
        size_t next = at;
        char_class c = class_of(decode(text, &next));
        if (c == MID_LETTER || c == MID_BOTH || c == MID_DIGIT) {
            size_t behind = next;
            char_class after = next < text.len ? class_of(decode(text, &behind)) : OTHER;
            bool joins = (last == LETTER && after == LETTER && c != MID_DIGIT) ||
                         (last == DIGIT && after == DIGIT && c != MID_LETTER);
            if (!joins)
                break;
            next = behind;
            c = after;
        } else if (c != LETTER && c != DIGIT && c != JOIN) {
            break;
        }
        letters |= c != JOIN;
        last = c;
        at = next;
    }
    *pos = at;
    return letters;
}

bool gt_text_word(gt_str text, size_t *pos, gt_str *ret)
{
    while (*pos < text.len) {
        size_t begin = *pos;
        char_class c = class_of(decode(text, pos));
        if ((c == LETTER || c == DIGIT || c == ALONE || c == JOIN) && word_end(text, pos, c)) {
            *ret = (gt_str){text.ptr + begin, *pos - begin};
            return true;
        }
    }
    return false;
}

uint32_t gt_text_lower_at(gt_str text, size_t *pos)
{
    uint32_t c = decode(text, pos);
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
        (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    bool even_upper = (c >= 0x100 && c < 0x130) || (c >= 0x132 && c < 0x138) ||
                      (c >= 0x14A && c < 0x178) || (c >= 0x460 && c < 0x482);
    bool odd_upper = (c >= 0x139 && c < 0x149) || (c >= 0x179 && c < 0x17F);
    if ((even_upper && c % 2 == 0) || (odd_upper && c % 2 == 1))
        return c + 1;
    return c;
}

int gt_text_cmp(gt_str a, gt_str b)
{
    size_t i = 0, k = 0;
    while (i < a.len && k < b.len) {
        uint32_t x = gt_text_lower_at(a, &i), y = gt_text_lower_at(b, &k);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return i < a.len ? 1 : k < b.len ? -1 : 0;
}

bool gt_text_any(gt_str text, gt_str words)
{
    gt_str have, want;
    for (size_t i = 0; gt_text_word(text, &i, &have);)
        for (size_t k = 0; gt_text_word(words, &k, &want);)
            if (gt_text_cmp(have, want) == 0)
                return true;
    return false;
}

/* Do the words from `pos` on begin with those of the phrase? */
static bool phrase_at(gt_str text, size_t pos, gt_str phrase)
{
    gt_str have, want;
    for (size_t k = 0; gt_text_word(phrase, &k, &want);)
        if (!gt_text_word(text, &pos, &have) || gt_text_cmp(have, want) != 0)
            return false;
    return true;
}

bool gt_text_phrase(gt_str text, gt_str phrase)
{
    gt_str word;
    size_t k = 0;
    if (!gt_text_word(phrase, &k, &word))
        return false;
    for (size_t i = 0, before = 0; gt_text_word(text, &i, &word); before = i)
        if (phrase_at(text, before, phrase))
            return true;
    return false;
}

static size_t encode(uint32_t c, char *out)
{
    if (c < 0x80 || c >= 0x80000000u) {
        out[0] = (char)(c & 0xFF);
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((0xF00 >> n) | c);
    return n;
}

size_t gt_text_lower(gt_str s, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < s.len;)
        len += encode(gt_text_lower_at(s, &i), out + len);
    return len;
}
