/* evidence.h — the one way in which an investigation asks the logs.
 * Behind it stands an event store: the file of --db, or a private one that PATHs were read into; so
 * both give the same answers. Every answer carries the event ids that prove it.
 *
 * An event lives in the arena it was read into, with its text. One thread. */
#ifndef GT_INVESTIGATE_EVIDENCE_H
#define GT_INVESTIGATE_EVIDENCE_H

#include "json/json.h"
#include "store/events.h"

/* One record with the views that the steps read. Absent fields are empty with a NULL ptr. */
typedef struct gt_event {
    gt_str id;         /* eventID, else "xxh3:…" of the bytes */
    gt_time_ms time;   /* GT_EVENT_NO_TIME when the record has none */
    gt_str name, source, region, account, error, address, agent;
    gt_str type;       /* userIdentity.type */
    gt_str arn, principal, key, user, invoked_by;
    gt_str issuer;     /* sessionContext.sessionIssuer.arn: the role's, else the user's, ARN */
    gt_str source_identity;
    gt_str session;    /* of an assumed role: chosen by the caller */
    gt_str minted_key; /* access key id that this call gave out (STS credentials, a new access key) */
    bool sts;          /* minted_key is a session's */
    gt_str text;
    const gt_json *record;
} gt_event;

/* Who an event is by, over sessions: the role's or user's ARN; for what has none, the service, the
 * principal or the account. Never a session name. */
gt_str gt_event_actor(const gt_event *event);

typedef struct gt_evidence {
    gt_store *store;
    gt_arena *arena;  /* as long as the investigation */
    gt_events_stats stats;
    uint64_t searches;
} gt_evidence;

gt_status gt_evidence_init(gt_evidence *evidence, gt_store *store, gt_arena *arena) GT_MUST_CHECK;

/* Read the views out of one record. text must live as long as the event. GT_INVALID: no JSON object. */
gt_status gt_event_read(gt_arena *arena, gt_str text, gt_time_ms time, gt_hash128 key,
                        gt_event **ret) GT_MUST_CHECK;
/* A copy in another arena. */
gt_status gt_event_keep(gt_arena *arena, const gt_event *event, gt_event **ret) GT_MUST_CHECK;

/* Each event that mentions one of the values, from since (inclusive) to until (exclusive), in order of
 * time. The event dies when the callback returns unless kept. */
typedef gt_status (*gt_event_fn)(void *user, const gt_event *event);
gt_status gt_evidence_each(gt_evidence *evidence, const gt_str *any_of, size_t count,
                           gt_time_ms since, gt_time_ms until, gt_event_fn fn, void *user)
    GT_MUST_CHECK;

typedef struct gt_event_list {
    gt_event **items;
    size_t count;
    size_t cap;
} gt_event_list;
gt_status gt_event_list_add(gt_arena *arena, gt_event_list *list, gt_event *event) GT_MUST_CHECK;
/* All of gt_evidence_each, kept in the investigation's arena. */
gt_status gt_evidence_all(gt_evidence *evidence, const gt_str *any_of, size_t count,
                          gt_time_ms since, gt_time_ms until, gt_event_list *ret) GT_MUST_CHECK;

/* The event of this id (several records may share one: ret_copies tells). GT_NOTFOUND. */
gt_status gt_evidence_event(gt_evidence *evidence, gt_str id, gt_event **ret, size_t *ret_copies)
    GT_MUST_CHECK;

#endif
