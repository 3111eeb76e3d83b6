#include "respond/journal.h"

#include "base/limits.h"

static gt_status find_unfinished(gt_journal *j, gt_str event_id, const char *kind, bool undo)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(j->store,
                            "SELECT r.id, (SELECT coalesce(max(seq), 0) FROM response_log l"
                            " WHERE l.response_id = r.id) FROM responses r WHERE event_id = ?1"
                            " AND kind = ?2 AND undo = ?3 AND ended IS NULL ORDER BY r.id DESC LIMIT 1",
                            &stmt));
    gt_store_bind_str(stmt, 1, event_id);
    gt_store_bind_str(stmt, 2, gt_str_c(kind));
    gt_store_bind_i64(stmt, 3, undo);
    bool row;
    GT_TRY(gt_store_step(j->store, stmt, &row));
    if (row) {
        j->id = gt_store_col_i64(stmt, 0);
        j->seq = gt_store_col_i64(stmt, 1);
        j->resumed = true;
        (void)sqlite3_reset(stmt);
    }
    return GT_OK;
}

gt_status gt_journal_begin(gt_store *store, gt_str event_id, const char *kind, bool undo,
                           gt_str caller, gt_str reason, gt_time_ms now, const gt_json *plan,
                           gt_journal *ret)
{
    *ret = (gt_journal){.store = store};
    if (!store)
        return GT_OK;
    GT_TRY(find_unfinished(ret, event_id, kind, undo));
    if (ret->resumed)
        return GT_OK;
    gt_buf text = GT_BUF(GT_RECORD_BYTES_MAX);
    gt_json_write(&text, plan);
    sqlite3_stmt *stmt;
    gt_status status = gt_buf_status(&text);
    if (status == GT_OK)
        status = gt_store_prepare(store,
                                  "INSERT INTO responses(event_id, kind, undo, caller, reason, begun,"
                                  " plan) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                                  &stmt);
    if (status == GT_OK) {
        gt_store_bind_str(stmt, 1, event_id);
        gt_store_bind_str(stmt, 2, gt_str_c(kind));
        gt_store_bind_i64(stmt, 3, undo);
        gt_store_bind_str(stmt, 4, caller);
        gt_store_bind_str(stmt, 5, reason);
        gt_store_bind_i64(stmt, 6, now);
        gt_store_bind_str(stmt, 7, gt_buf_str(&text));
        status = gt_store_run(store, stmt);
        ret->id = sqlite3_last_insert_rowid(gt_store_db(store));
    }
    gt_buf_done(&text);
    return status;
}

gt_status gt_journal_add(gt_journal *journal, gt_time_ms now, const char *word,
                         const gt_json *detail)
{
    if (!journal->store)
        return GT_OK;
    gt_buf text = GT_BUF(GT_RECORD_BYTES_MAX);
    gt_json_write(&text, detail);
    sqlite3_stmt *stmt;
    gt_status status = gt_buf_status(&text);
    if (status == GT_OK)
        status = gt_store_prepare(journal->store,
                                  "INSERT INTO response_log VALUES(?1, ?2, ?3, ?4, ?5)", &stmt);
    if (status == GT_OK) {
        gt_store_bind_i64(stmt, 1, journal->id);
        gt_store_bind_i64(stmt, 2, ++journal->seq);
        gt_store_bind_i64(stmt, 3, now);
        gt_store_bind_str(stmt, 4, gt_str_c(word));
        gt_store_bind_str(stmt, 5, gt_buf_str(&text));
        status = gt_store_run(journal->store, stmt);
    }
    gt_buf_done(&text);
    return status;
}

gt_status gt_journal_end(gt_journal *journal, gt_time_ms now, const char *outcome)
{
    if (!journal->store)
        return GT_OK;
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(journal->store,
                            "UPDATE responses SET ended = ?2, outcome = ?3 WHERE id = ?1", &stmt));
    gt_store_bind_i64(stmt, 1, journal->id);
    gt_store_bind_i64(stmt, 2, now);
    gt_store_bind_str(stmt, 3, gt_str_c(outcome));
    return gt_store_run(journal->store, stmt);
}

gt_status gt_journal_read(gt_store *store, gt_arena *arena, gt_str event_id, const char *kind,
                          const char *word, gt_json **ret)
{
    gt_json *all = gt_json_new_array(arena);
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT l.detail FROM response_log l JOIN responses r"
                            " ON r.id = l.response_id WHERE r.event_id = ?1 AND r.kind = ?2"
                            " AND l.word = ?3 ORDER BY l.response_id, l.seq",
                            &stmt));
    gt_store_bind_str(stmt, 1, event_id);
    gt_store_bind_str(stmt, 2, gt_str_c(kind));
    gt_store_bind_str(stmt, 3, gt_str_c(word));
    bool row;
    GT_TRY(gt_store_step(store, stmt, &row));
    while (row) {
        gt_json *detail;
        gt_str text = gt_arena_dup(arena, gt_store_col_str(stmt, 0));
        gt_status status = gt_json_parse(arena, text, &detail, NULL);
        if (status != GT_OK) {
            (void)sqlite3_reset(stmt);
            return status == GT_INVALID ? GT_CORRUPT : status;
        }
        gt_json_append(all, detail);
        GT_TRY(gt_store_step(store, stmt, &row));
    }
    *ret = all;
    return gt_arena_status(arena);
}
