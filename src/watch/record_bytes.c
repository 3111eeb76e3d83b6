#include "watch/judge.h"

#include <string.h>

static void record_texts(gt_record *record, gt_str *texts[8])
{
    gt_str *const all[8] = {&record->event_id,   &record->event_source, &record->event_name,
                            &record->event_time, &record->aws_region,   &record->account_id,
                            &record->recipient_account_id, &record->json};
    memcpy(texts, all, sizeof all);
}

/* Each text with its length and one more, 0 for an absent one. */
void gt_record_write(gt_buf *out, const gt_record *record)
{
    gt_record copy = *record;
    gt_str *texts[8];
    record_texts(&copy, texts);
    for (size_t i = 0; i < 8; i++) {
        uint64_t n = texts[i]->ptr ? (uint64_t)texts[i]->len + 1 : 0;
        gt_buf_add(out, (gt_str){(const char *)&n, sizeof n});
        gt_buf_add(out, *texts[i]);
    }
}

bool gt_record_read(gt_str bytes, gt_record *ret)
{
    gt_str *texts[8];
    *ret = (gt_record){.offset = 0};
    record_texts(ret, texts);
    for (size_t i = 0; i < 8; i++) {
        uint64_t n;
        if (bytes.len < sizeof n)
            return false;
        memcpy(&n, bytes.ptr, sizeof n);
        bytes = gt_str_from(bytes, sizeof n);
        if (n && n - 1 > bytes.len)
            return false;
        *texts[i] = n ? gt_str_head(bytes, (size_t)n - 1) : GT_STR_NULL;
        bytes = gt_str_from(bytes, n ? (size_t)n - 1 : 0);
    }
    return true;
}
