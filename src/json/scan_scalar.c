/* The pass without vector instructions: for other machines, and as the measure of the others. */
#include "base/bits.h"
#include "json/scan_masks_internal.h"

enum { QUOTE = 1, BACKSLASH = 2, OPEN = 4, CLOSE = 8, COLON = 16, COMMA = 32, LOW = 64, WHITE = 128 };

static unsigned class_of(unsigned char c)
{
    switch (c) {
    case '"':
        return QUOTE;
    case '\\':
        return BACKSLASH;
    case '{':
    case '[':
        return OPEN;
    case '}':
    case ']':
        return CLOSE;
    case ':':
        return COLON;
    case ',':
        return COMMA;
    case ' ':
    case '\t':
    case '\n':
    case '\r':
        return LOW | WHITE;
    default:
        return c < 0x20 ? LOW : 0;
    }
}

static inline void classify(const char *p, scan_masks *m)
{
    *m = (scan_masks){0};
    for (unsigned i = 0; i < 64; i++) {
        unsigned c = class_of((unsigned char)p[i]);
        m->quote |= (uint64_t)(c & 1) << i;
        m->backslash |= (uint64_t)(c >> 1 & 1) << i;
        m->open |= (uint64_t)(c >> 2 & 1) << i;
        m->close |= (uint64_t)(c >> 3 & 1) << i;
        m->colon |= (uint64_t)(c >> 4 & 1) << i;
        m->comma |= (uint64_t)(c >> 5 & 1) << i;
        m->low |= (uint64_t)(c >> 6 & 1) << i;
        m->space |= (uint64_t)(p[i] == ' ') << i;
        m->curly |= (uint64_t)((unsigned char)p[i] >> 5 & 1) << i;
    }
}

static inline uint64_t white_space(const char *p)
{
    uint64_t white = 0;
    for (unsigned i = 0; i < 64; i++)
        white |= (uint64_t)(class_of((unsigned char)p[i]) >> 7 & 1) << i;
    return white;
}

#define prefix_xor gt_prefix_xor
#define XXH_VECTOR 0 /* XXH_SCALAR */
#include "json/scan_core_internal.h"

const gt_scanner scan_scalar = {"scalar", scan, hash, NULL};
