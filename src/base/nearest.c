#include "base/nearest.h"

#define WORD_MAX 64 /* longer words are no slips of names */

static int fold(char c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau's distance (optimal string alignment), three rows at a time. */
static size_t distance(gt_str a, gt_str b)
{
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = fold(a.ptr[i - 1]) == fold(b.ptr[j - 1]);
            now[j] = least(least(now[j - 1], before[j]) + 1, before[j - 1] + !same);
            if (i > 1 && j > 1 && fold(a.ptr[i - 1]) == fold(b.ptr[j - 2]) &&
                fold(a.ptr[i - 2]) == fold(b.ptr[j - 1]))
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

void gt_nearest_offer(gt_nearest_search *search, gt_str name)
{
    if (search->word.len > WORD_MAX || name.len > WORD_MAX)
        return;
    size_t d = distance(search->word, name);
    if (d > search->word.len / 3 && d > 1)
        return;
    if (search->word.len < 2 || (search->best.ptr && d >= search->distance))
        return;
    search->best = name;
    search->distance = d;
}

gt_str gt_nearest(gt_str word, const gt_str *names, size_t count)
{
    gt_nearest_search search = {.word = word};
    for (size_t i = 0; i < count; i++)
        gt_nearest_offer(&search, names[i]);
    return search.best;
}
