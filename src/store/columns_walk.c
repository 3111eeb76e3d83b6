/* Method: a record whose skeleton was met before is not looked at again: where its columns stand is known,
 * and the strings are read off the skeleton's mask. All others are walked and remembered: 64 bytes at a
 * time become masks of quotes, backslashes and brackets; strings and brackets are then visited in
 * order. A stack of scopes says which object of columns.def we are in; only keys of those are looked
 * up. */
#include "store/columns_walk.h"

#include "base/bits.h"
#include "base/limits.h"
#include "base/mem.h"
#include "json/json.h"
#include "store/terms.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef enum scope {
    NOWHERE,
    ROOT,
#define GT_SCOPE(name, parent, key) name,
#define GT_COLUMN(number, name, scope, key, what)
#define GT_ODD(scope, key)
#include "store/columns.def"
#undef GT_SCOPE
#undef GT_COLUMN
#undef GT_ODD
    SCOPE_COUNT,
} scope;

typedef enum role { INTO, KEEP, KEEP_SHORT, REFUSE } role;
enum { ROLE_TEXT = KEEP, ROLE_SHORT = KEEP_SHORT };

typedef struct member {
    gt_str key;
    uint8_t within; /* scope */
    uint8_t role;
    uint8_t what; /* the scope or the column */
} member;

#define KEY(key) {(key), sizeof(key) - 1}
static const member MEMBERS[] = {
#define GT_SCOPE(name, parent, key) {KEY(key), parent, INTO, name},
#define GT_COLUMN(number, name, scope, key, what) {KEY(key), scope, ROLE_##what, GT_COLUMN_##name},
#define GT_ODD(scope, key) {KEY(key), scope, REFUSE, 0},
#include "store/columns.def"
#undef GT_SCOPE
#undef GT_COLUMN
#undef GT_ODD
};
#define MEMBER_COUNT (sizeof MEMBERS / sizeof *MEMBERS)
_Static_assert(MEMBER_COUNT < 64, "a mask of the members seen is 64 bits");

#define SLOTS 1024u
#define SHAPES 4096u   /* slots; half of them are used before all is forgotten */
#define FIXED_TERMS 64 /* strings that belong to a skeleton; with more it is not remembered */

/* A column's string: its opening quote is byte `index` of the skeleton. */
typedef struct spot {
    uint32_t index;
    uint8_t member;
} spot;

/* What all records of a skeleton have in common. */
typedef struct shape {
    uint64_t digest;
    uint32_t spot_count, term_count;
    spot spots[GT_COLUMN_COUNT]; /* in order */
    gt_cell cells[GT_COLUMN_COUNT]; /* those that are no strings of the record's own */
    uint64_t *terms;
} shape;

struct gt_columns_walk {
    uint8_t slots[SLOTS]; /* open addressing: the index of a member + 1 */
    shape *shapes[SHAPES]; /* open addressing by digest */
    size_t shape_count;
    gt_arena *memory; /* the shapes */
};

/* The last eight bytes of a key (fewer: with zeros before them in significance). room: bytes that may be
 * read before the key's end. */
static inline uint64_t tail_of(gt_str key, size_t room)
{
    uint64_t tail = 0;
    if (room >= 8) {
        memcpy(&tail, key.ptr + key.len - 8, 8);
        return key.len >= 8 ? tail : key.len ? tail >> (64 - 8 * key.len) : 0;
    }
    for (size_t i = 0; i < key.len; i++)
        tail |= (uint64_t)(unsigned char)key.ptr[i] << 8 * i;
    return tail;
}

/* Names are told apart well enough by their length and last bytes. */
static inline unsigned slot_of(unsigned within, uint64_t tail, size_t len)
{
    return (unsigned)(((tail ^ (uint64_t)len << 56 ^ (uint64_t)within << 48) *
                       UINT64_C(0x9e3779b97f4a7c15)) >> 54);
}

gt_columns_walk *gt_columns_walk_new(void)
{
    gt_columns_walk *w = gt_calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->memory = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    if (!w->memory) {
        gt_free(w);
        return NULL;
    }
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        gt_str key = MEMBERS[i].key;
        unsigned at = slot_of(MEMBERS[i].within, tail_of(key, key.len), key.len);
        while (w->slots[at])
            at = (at + 1) % SLOTS;
        w->slots[at] = (uint8_t)(i + 1);
    }
    return w;
}

void gt_columns_walk_free(gt_columns_walk *w)
{
    if (!w)
        return;
    gt_arena_free(w->memory);
    gt_free(w);
}

void gt_column_path(gt_column column, gt_str ret_keys[GT_COLUMN_KEYS_MAX], size_t *ret_count)
{
    const member *chain[GT_COLUMN_KEYS_MAX];
    size_t count = 0;
    unsigned want = column;
    bool scopes = false;
    do {
        const member *m = MEMBERS;
        while (m->what != want || (m->role == INTO) != scopes || m->role == REFUSE)
            m++;
        gt_assert(count < GT_COLUMN_KEYS_MAX);
        chain[count++] = m;
        want = m->within;
        scopes = true;
    } while (want != ROOT);
    for (size_t i = 0; i < count; i++)
        ret_keys[i] = chain[count - 1 - i]->key;
    *ret_count = count;
}

/* --- terms --- */

gt_status gt_terms_push(gt_terms *terms, uint64_t hash)
{
    if (terms->count == terms->cap) {
        size_t cap = terms->cap ? terms->cap * 2 : 1024;
        uint64_t *items = gt_realloc(terms->items, cap * sizeof *items);
        if (!items)
            return GT_NOMEM;
        terms->items = items;
        terms->cap = cap;
    }
    terms->items[terms->count++] = hash;
    terms->recent[hash % GT_TERMS_RECENT] = hash;
    return GT_OK;
}

void gt_terms_cut(gt_terms *terms, size_t count)
{
    terms->count = count;
    memset(terms->recent, 0, sizeof terms->recent);
}

/* --- the masks of 64 bytes --------------------------------------------------------------------- */

typedef struct masks {
    uint64_t quote, slash, open, close;
} masks;

static masks masks_of(const char *p)
{
    masks m = {0};
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}'), bit = _mm_set1_epi8(0x20);
    for (unsigned i = 0; i < 4; i++) {
        __m128i c = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        __m128i folded = _mm_or_si128(c, bit); /* '[' and '{', ']' and '}' differ in one bit */
        unsigned q = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(c, quote));
        unsigned s = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(c, slash));
        unsigned o = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, open));
        unsigned e = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, close));
        m.quote |= (uint64_t)q << 16 * i;
        m.slash |= (uint64_t)s << 16 * i;
        m.open |= (uint64_t)o << 16 * i;
        m.close |= (uint64_t)e << 16 * i;
    }
#else
    for (unsigned i = 0; i < 64; i++) {
        uint64_t bit = (uint64_t)1 << i;
        m.quote |= p[i] == '"' ? bit : 0;
        m.slash |= p[i] == '\\' ? bit : 0;
        m.open |= p[i] == '{' || p[i] == '[' ? bit : 0;
        m.close |= p[i] == '}' || p[i] == ']' ? bit : 0;
    }
#endif
    return m;
}

/* The bits behind an odd number of backslashes; *carry: is bit 0 one of them? */
static uint64_t escaped_bits(uint64_t slash, bool *carry)
{
    uint64_t escaped = *carry;
    *carry = false;
    for (uint64_t rest = slash & ~escaped; rest;) {
        unsigned at = (unsigned)__builtin_ctzll(rest);
        if (at == 63) {
            *carry = true;
            break;
        }
        escaped |= (uint64_t)2 << at;
        rest &= ~((uint64_t)3 << at);
    }
    return escaped;
}

/* --- one record -------------------------------------------------------------------------------- */

#define STACK 8 /* deeper there is no scope */

typedef struct pass {
    const gt_columns_walk *walk;
    const char *begin, *end; /* of the record */
    gt_arena *scratch;
    gt_cell *cells;
    gt_terms *terms;
    uint8_t scopes[STACK];
    unsigned depth;       /* brackets open */
    uint8_t next_scope;   /* of the object that comes next */
    const member *column; /* whose string comes next; or NULL */
    uint64_t seen;        /* members, to find keys that stand twice */
    bool odd;             /* the whole record */
    /* What is to be remembered of it; NULL: nothing. */
    shape *learnt;
    const gt_skeleton_view *view;
    uint64_t fixed_terms[FIXED_TERMS];
} pass;

static unsigned here(const pass *p)
{
    return p->depth && p->depth <= STACK ? p->scopes[p->depth - 1] : NOWHERE;
}

static void open_bracket(pass *p, char c)
{
    unsigned entered = p->depth == 0 ? ROOT : p->next_scope;
    if (p->depth < STACK)
        p->scopes[p->depth] = (uint8_t)(c == '{' ? entered : NOWHERE);
    p->depth++;
    p->next_scope = NOWHERE;
}

static void close_bracket(pass *p)
{
    if (p->depth)
        p->depth--;
}

static inline const char *skip_white(const char *p, const char *end)
{
    if (p < end && *p > ' ')
        return p;
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

static inline const member *find_member(const pass *p, unsigned within, gt_str key)
{
    uint64_t tail = tail_of(key, (size_t)(key.ptr + key.len - p->begin));
    for (unsigned at = slot_of(within, tail, key.len); p->walk->slots[at]; at = (at + 1) % SLOTS) {
        const member *m = &MEMBERS[p->walk->slots[at] - 1];
        if (m->within == within && gt_str_eq(m->key, key))
            return m;
    }
    return NULL;
}

/* A key; value points behind its colon. */
static void take_key(pass *p, gt_str key, bool escapes, const char *value)
{
    unsigned within = here(p);
    p->next_scope = NOWHERE;
    p->column = NULL;
    if (within == NOWHERE)
        return;
    if (escapes) {
        p->odd = true; /* it may be any of them */
        return;
    }
    const member *m = find_member(p, within, key);
    if (!m)
        return;
    uint64_t bit = (uint64_t)1 << (m - MEMBERS);
    p->odd |= m->role == REFUSE || (p->seen & bit);
    p->seen |= bit;
    value = skip_white(value, p->end);
    char c = value < p->end ? *value : 'n';
    if (m->role == INTO) {
        p->next_scope = c == '{' ? m->what : NOWHERE;
        return;
    }
    if (m->role == REFUSE)
        return;
    if (c == '"')
        p->column = m;
    else
        p->cells[m->what].kind = c == 'n'   ? GT_CELL_NONE
                                 : c == 't' ? GT_CELL_TRUE
                                 : c == 'f' ? GT_CELL_FALSE
                                            : GT_CELL_ODD;
}

static inline gt_cell text_cell(const member *m, gt_str value, uint64_t hash)
{
    gt_cell cell = {GT_CELL_TEXT, value, hash};
    if (m->role == KEEP_SHORT && value.len > 4) {
        cell.text = GT_STR("(some)");
        cell.hash = gt_term_hash(cell.text);
    } else if (value.len > GT_EVENT_TERM_BYTES_MAX) {
        cell.kind = GT_CELL_ODD;
    } else if (!value.len) {
        cell.text = GT_STR("");
    }
    return cell;
}

static inline bool is_term(gt_str value)
{
    return value.len && value.len <= GT_EVENT_TERM_BYTES_MAX;
}

static gt_status take_value(pass *p, gt_str value)
{
    uint64_t hash = 0;
    if (is_term(value)) {
        hash = gt_term_hash(value);
        GT_TRY(gt_terms_add(p->terms, hash));
    }
    if (p->column)
        p->cells[p->column->what] = text_cell(p->column, value, hash);
    p->column = NULL;
    return GT_OK;
}

/* How many bytes of the skeleton stand before this one. */
static uint32_t index_in_skeleton(const gt_skeleton_view *view, const char *record, const char *at)
{
    uint32_t count = 0;
    for (size_t i = (size_t)(record - view->origin); i < (size_t)(at - view->origin); i++)
        count += (uint32_t)(view->keep[i / 64] >> i % 64 & 1);
    return count;
}

/* A string value, before it is taken: what will it be in other records of this skeleton? */
static void learn_string(pass *p, const char *open, gt_str value)
{
    shape *s = p->learnt;
    bool is_cut = open > p->begin && (open[-1] == ':' || open[-1] == '[');
    if (is_cut && p->column && s->spot_count == GT_COLUMN_COUNT) {
        p->learnt = NULL; /* keys that stand twice */
    } else if (is_cut) {
        if (p->column)
            s->spots[s->spot_count++] = (spot){index_in_skeleton(p->view, p->begin, open),
                                               (uint8_t)(p->column - MEMBERS)};
    } else if (p->column || s->term_count == FIXED_TERMS) {
        p->learnt = NULL; /* rare: white space before a column's value */
    } else if (is_term(value)) {
        p->fixed_terms[s->term_count++] = gt_term_hash(value);
    }
}

/* A string with escapes, quotes and all. What was decoded stays in scratch if it is a column's. */
static gt_status take_escaped(pass *p, gt_str token)
{
    gt_json *node;
    gt_arena_mark mark = gt_arena_save(p->scratch);
    bool stays = p->column != NULL;
    gt_status status = gt_json_parse(p->scratch, token, &node, NULL);
    if (status == GT_OK)
        status = take_value(p, gt_json_str(node));
    else if (status == GT_INVALID)
        status = GT_OK;
    if (!stays)
        gt_arena_rewind(p->scratch, mark);
    return status;
}

static gt_status take_string(pass *p, const char *open, const char *close, bool escapes)
{
    gt_str inside = {open + 1, (size_t)(close - open - 1)};
    const char *behind = skip_white(close + 1, p->end);
    if (behind < p->end && *behind == ':') {
        take_key(p, inside, escapes, behind + 1);
        return GT_OK;
    }
    if (p->learnt)
        learn_string(p, open, inside);
    return escapes ? take_escaped(p, (gt_str){open, inside.len + 2}) : take_value(p, inside);
}

typedef struct stream {
    const char *open;  /* the quote of the string we are in; NULL outside */
    const char *slash; /* the last backslash before the block */
    bool inside, carry;
} stream;

/* bytes: 64 of them, which stand at `at` in the record. */
static gt_status take_block(pass *p, stream *s, const char *bytes, const char *at, uint64_t valid)
{
    masks m = masks_of(bytes);
    m.slash &= valid;
    if (m.slash || s->carry)
        m.quote &= ~escaped_bits(m.slash, &s->carry);
    m.quote &= valid;
    uint64_t strings = gt_prefix_xor(m.quote) ^ (s->inside ? ~(uint64_t)0 : 0);
    s->inside = strings >> 63;
    uint64_t brackets = (m.open | m.close) & ~strings & valid;
    for (uint64_t rest = m.quote | brackets; rest; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rest);
        uint64_t bit = rest & -rest;
        if (bit & brackets) {
            if (bit & m.open)
                open_bracket(p, at[i]);
            else
                close_bracket(p);
        } else if (!s->open) {
            s->open = at + i;
        } else {
            uint64_t before = m.slash & (bit - 1);
            const char *slash = before ? at + (63 - __builtin_clzll(before)) : s->slash;
            const char *open = s->open;
            s->open = NULL;
            GT_TRY(take_string(p, open, at + i, slash && slash > open));
        }
    }
    if (m.slash)
        s->slash = at + (63 - __builtin_clzll(m.slash));
    return GT_OK;
}

static gt_status walk(pass *p)
{
    stream s = {0};
    const char *at = p->begin;
    for (; p->end - at >= 64; at += 64)
        GT_TRY(take_block(p, &s, at, at, ~(uint64_t)0));
    size_t left = (size_t)(p->end - at);
    if (left) {
        char last[64] = {0};
        memcpy(last, at, left);
        GT_TRY(take_block(p, &s, last, at, ((uint64_t)1 << left) - 1));
    }
    for (size_t i = 0; p->odd && i < GT_COLUMN_COUNT; i++)
        p->cells[i].kind = GT_CELL_ODD;
    return GT_OK;
}

/* --- skeletons met before ---------------------------------------------------------------------- */

static shape **shape_slot(gt_columns_walk *w, uint64_t digest)
{
    size_t at = (size_t)(digest * UINT64_C(0x9e3779b97f4a7c15) >> 52) & (SHAPES - 1);
    while (w->shapes[at] && w->shapes[at]->digest != digest)
        at = (at + 1) & (SHAPES - 1);
    return &w->shapes[at];
}

/* Remember what the pass has learnt. Without memory it is not remembered. */
static void remember(gt_columns_walk *w, pass *p)
{
    shape *s = p->learnt;
    if (w->shape_count >= SHAPES / 2) {
        memset(w->shapes, 0, sizeof w->shapes);
        w->shape_count = 0;
        gt_arena_reset(w->memory, GT_MIB);
    }
    shape *kept = gt_arena_new_of(w->memory, shape);
    uint64_t *terms = gt_arena_array(w->memory, uint64_t, s->term_count + 1);
    if (!kept || !terms)
        return;
    *kept = *s;
    memcpy(terms, p->fixed_terms, s->term_count * sizeof *terms);
    kept->digest = p->view->digest;
    kept->terms = terms;
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++) /* strings come from the record */
        kept->cells[i].kind = p->cells[i].kind == GT_CELL_TEXT ? GT_CELL_NONE : p->cells[i].kind;
    for (size_t i = 0; i < s->spot_count; i++)
        kept->cells[MEMBERS[s->spots[i].member].what].kind = p->odd ? GT_CELL_ODD : GT_CELL_NONE;
    if (p->odd)
        kept->spot_count = 0;
    *shape_slot(w, kept->digest) = kept;
    w->shape_count++;
}

/* The strings between the edges of the mask: what lies inside is not of the skeleton. */
static gt_status read_off(const shape *s, gt_str json, const gt_skeleton_view *view, gt_cell *cells,
                          gt_terms *terms)
{
    size_t record = (size_t)(json.ptr - view->origin), end = record + json.len;
    size_t cut = 0, begin = 0; /* bytes left out so far; where the string began */
    uint64_t carry = 0;
    bool inside = false;
    const spot *next = s->spots, *last = s->spots + s->spot_count;
    memcpy(cells, s->cells, sizeof s->cells);
    for (size_t i = 0; i < s->term_count; i++)
        GT_TRY(gt_terms_add(terms, s->terms[i]));
    for (size_t b = record / 64; b * 64 < end; b++) {
        uint64_t mask = ~view->keep[b];
        if (b == record / 64)
            mask &= ~(uint64_t)0 << record % 64;
        if (end - 64 * b < 64)
            mask &= ((uint64_t)1 << (end - 64 * b)) - 1;
        uint64_t edges = mask ^ (mask << 1 | carry);
        carry = mask >> 63;
        for (; edges; edges &= edges - 1) {
            size_t at = 64 * b + (size_t)__builtin_ctzll(edges);
            inside = !inside;
            if (inside) {
                begin = at;
                continue;
            }
            gt_str value = {view->origin + begin, at - begin};
            size_t index = begin - 1 - record - cut;
            cut += value.len;
            for (; next < last && next->index < index; next++)
                cells[MEMBERS[next->member].what] =
                    text_cell(&MEMBERS[next->member], GT_STR(""), 0);
            const member *column =
                next < last && next->index == index ? &MEMBERS[next++->member] : NULL;
            /* A column's value is often the one before: then it need not be hashed. */
            bool later = column && column->role == KEEP && is_term(value);
            uint64_t hash = 0;
            if (!later && is_term(value)) {
                hash = gt_term_hash(value);
                GT_TRY(gt_terms_add(terms, hash));
            }
            if (column)
                cells[column->what] = text_cell(column, value, hash);
        }
    }
    for (; next < last; next++)
        cells[MEMBERS[next->member].what] = text_cell(&MEMBERS[next->member], GT_STR(""), 0);
    return GT_OK;
}

gt_status gt_columns_walk_record(gt_columns_walk *w, gt_str json, const gt_skeleton_view *skeleton,
                                 gt_arena *scratch, gt_cell *cells, gt_terms *terms)
{
    bool usable = skeleton && (!skeleton->escapes || !memchr(json.ptr, '\\', json.len));
    const shape *known = usable ? *shape_slot(w, skeleton->digest) : NULL;
    if (known)
        return read_off(known, json, skeleton, cells, terms);
    shape learnt = {0};
    pass p = {.walk = w, .begin = json.ptr, .end = json.ptr + json.len, .scratch = scratch,
              .cells = cells, .terms = terms,
              .odd = json.len > GT_COLUMNS_RECORD_BYTES, .view = skeleton,
              .learnt = usable ? &learnt : NULL};
    memset(cells, 0, GT_COLUMN_COUNT * sizeof *cells);
    GT_TRY(walk(&p));
    if (p.learnt)
        remember(w, &p);
    return GT_OK;
}
