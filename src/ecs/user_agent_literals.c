/* Method: a walk over the expression's text that gives, for each sequence, the best of its parts: a
 * run of plain characters, or a group of which every branch has such a run. Optional parts give
 * nothing. When in doubt a part gives nothing; an expression without literals is always tried. */
#include "ecs/user_agent.h"

#define LITERAL_MIN 3 /* shorter ones stand in every text */
#define LITERALS_MAX 256
#define DEPTH_MAX 32

typedef struct literals {
    gt_str *items; /* NULL: not known */
    size_t count;
    size_t shortest;
} literals;

typedef struct walker {
    gt_arena *arena;
    gt_str re;
    size_t at;
    bool confused; /* something that is not understood: nothing is known */
} walker;

static literals better(literals a, literals b)
{
    if (!a.items || (b.items && b.shortest > a.shortest))
        return b;
    return a;
}

static literals from_run(walker *w, const char *run, size_t len)
{
    literals none = {NULL, 0, 0};
    if (len < LITERAL_MIN)
        return none;
    gt_str *item = gt_arena_array(w->arena, gt_str, 1);
    gt_str text = gt_arena_dup(w->arena, (gt_str){run, len});
    if (!item || !text.ptr)
        return none;
    *item = text;
    return (literals){item, 1, len};
}

static literals both(walker *w, literals a, literals b)
{
    literals none = {NULL, 0, 0};
    if (!a.items || !b.items || a.count + b.count > LITERALS_MAX)
        return none;
    gt_str *items = gt_arena_array(w->arena, gt_str, a.count + b.count);
    if (!items)
        return none;
    memcpy(items, a.items, a.count * sizeof *items);
    memcpy(items + a.count, b.items, b.count * sizeof *items);
    return (literals){items, a.count + b.count, a.shortest < b.shortest ? a.shortest : b.shortest};
}

static bool more(const walker *w)
{
    return w->at < w->re.len && !w->confused;
}

/* Behind a part: a quantifier. Tells whether the part may be absent, or stand several times. */
static void quantifier(walker *w, bool *optional, bool *repeated)
{
    *optional = *repeated = false;
    if (!more(w))
        return;
    char c = w->re.ptr[w->at];
    if (c == '{') {
        *optional = w->at + 1 < w->re.len && w->re.ptr[w->at + 1] == '0';
        *repeated = true;
        while (w->at < w->re.len && w->re.ptr[w->at] != '}')
            w->at++;
        w->at++;
    } else if (c == '?' || c == '*' || c == '+') {
        *optional = c != '+';
        *repeated = c != '?';
        w->at++;
    } else {
        return;
    }
    if (more(w) && (w->re.ptr[w->at] == '?' || w->re.ptr[w->at] == '+'))
        w->at++; /* lazy or possessive */
}

static void skip_class(walker *w)
{
    w->at++;
    if (w->at < w->re.len && w->re.ptr[w->at] == '^')
        w->at++;
    if (w->at < w->re.len && w->re.ptr[w->at] == ']')
        w->at++;
    while (w->at < w->re.len && w->re.ptr[w->at] != ']')
        w->at += w->re.ptr[w->at] == '\\' ? 2 : 1;
    w->at++;
}

static literals branches(walker *w, unsigned depth);

static literals group(walker *w, unsigned depth)
{
    literals none = {NULL, 0, 0};
    bool looks = false; /* a look-around: what it holds need not be in the match */
    w->at++;
    if (more(w) && w->re.ptr[w->at] == '?') {
        char c = w->at + 1 < w->re.len ? w->re.ptr[w->at + 1] : 0;
        if (c != ':' && c != '!' && c != '=') {
            w->confused = true;
            return none;
        }
        looks = c != ':';
        w->at += 2;
    }
    literals inside = branches(w, depth + 1);
    if (w->at >= w->re.len || w->re.ptr[w->at] != ')')
        w->confused = true;
    w->at++;
    return looks ? none : inside;
}

/* A plain character at w->at (or an escaped one); -1: the part is none. */
static int plain(const walker *w)
{
    char c = w->re.ptr[w->at];
    if (c == '\\') {
        char e = w->at + 1 < w->re.len ? w->re.ptr[w->at + 1] : 0;
        bool word = (e >= 'a' && e <= 'z') || (e >= 'A' && e <= 'Z') || (e >= '0' && e <= '9');
        return word || !e ? -1 : (unsigned char)e;
    }
    return strchr(".^$[(", c) ? -1 : (unsigned char)c;
}

static literals sequence(walker *w, unsigned depth)
{
    literals best = {NULL, 0, 0};
    char run[256];
    size_t len = 0;
    while (more(w) && w->re.ptr[w->at] != '|' && w->re.ptr[w->at] != ')') {
        literals part = {NULL, 0, 0};
        bool optional, repeated;
        int c = plain(w);
        if (c >= 0)
            w->at += w->re.ptr[w->at] == '\\' ? 2 : 1;
        else if (w->re.ptr[w->at] == '(')
            part = group(w, depth);
        else if (w->re.ptr[w->at] == '[')
            skip_class(w);
        else
            w->at += w->re.ptr[w->at] == '\\' ? 2 : 1;
        quantifier(w, &optional, &repeated);
        if (c >= 0 && !optional && len < sizeof run)
            run[len++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        if (c < 0 || optional || repeated || len == sizeof run) {
            best = better(best, from_run(w, run, len));
            len = 0;
        }
        if (!optional)
            best = better(best, part);
    }
    return better(best, from_run(w, run, len));
}

static literals branches(walker *w, unsigned depth)
{
    literals none = {NULL, 0, 0};
    if (depth > DEPTH_MAX) {
        w->confused = true;
        return none;
    }
    literals all = sequence(w, depth);
    while (more(w) && w->re.ptr[w->at] == '|') {
        w->at++;
        all = both(w, all, sequence(w, depth));
    }
    return all;
}

gt_status gt_uap_literals(uap_pattern *pattern, gt_arena *arena)
{
    walker w = {.arena = arena, .re = pattern->regex};
    literals found = branches(&w, 0);
    if (gt_arena_status(arena) != GT_OK)
        return gt_arena_status(arena);
    if (!w.confused && w.at == w.re.len) {
        pattern->literals = found.items;
        pattern->literal_count = found.count;
    }
    return GT_OK;
}
