/* Method: who acted. The steps are in the pipeline's order, since later ones look at what earlier
 * ones made; what is moved without a look is in moves.def. */
#include "ecs/ecs_internal.h"

static void append_user(mapping *m, gt_str name)
{
    gt_doc_append(m, &m->related_user, OBJ_RELATED, GT_STR("user"), name);
}

static bool is_type(const mapping *m, const char *type)
{
    return gt_str_eq(slot_str(m, SRC_UI_TYPE), gt_str_c(type));
}

/* arn:PARTITION:sts:… */
static bool is_sts_arn(gt_str arn)
{
    if (!gt_str_starts(arn, GT_STR("arn:")))
        return false;
    size_t i = 4;
    while (i < arn.len && ((arn.ptr[i] >= 'a' && arn.ptr[i] <= 'z') ||
                           (arn.ptr[i] >= '0' && arn.ptr[i] <= '9') || arn.ptr[i] == '-'))
        i++;
    return i > 4 && gt_str_starts(gt_str_from(arn, i), GT_STR(":sts:"));
}

static void session_name(mapping *m)
{
    gt_str arn = slot_str(m, SRC_UI_ARN);
    if (!is_type(m, "AssumedRole") && !is_type(m, "FederatedUser") &&
        !is_type(m, "IdentityCenterUser"))
        return;
    size_t slash = gt_str_rfind_byte(arn, '/');
    if (slash == GT_NPOS || !is_sts_arn(arn))
        return;
    gt_str name = gt_str_from(arn, slash + 1);
    append_user(m, name);
    size_t at = gt_str_find_byte(name, '@');
    if (at == GT_NPOS)
        return;
    append_user(m, gt_str_head(name, at));
    m->user_email = put_str(m, USER, "email", name);
}

static void move_names(mapping *m)
{
    gt_json *name = m->slot[SRC_UI_USER_NAME], *issuer = m->slot[SRC_ISSUER_USER_NAME];
    if (m->filebeat) {
        /* A rename does not overwrite: the issuer's name only fills a gap, whatever the type. */
        append_user(m, slot_str(m, SRC_UI_USER_NAME));
        m->user_name = name ? name : issuer;
    } else {
        bool session = is_type(m, "AssumedRole") || is_type(m, "FederatedUser");
        m->user_name = session && issuer ? issuer : name;
    }
    m->user_id = m->slot[SRC_UI_PRINCIPAL_ID];
    m->account_id = m->slot[SRC_UI_ACCOUNT_ID];
}

/* Mapping 9.0: the principal id goes to its own field and user.id names what is stable. */
static void principal(mapping *m)
{
    gt_json *arn = m->slot[SRC_UI_ARN], *role = m->slot[SRC_ISSUER_ARN];
    put(m, UI, "principal_id", gt_doc_copy(m, m->slot[SRC_UI_PRINCIPAL_ID]));
    if ((is_type(m, "IAMUser") || is_type(m, "Root")) && arn)
        m->user_id = gt_doc_copy(m, arn);
    else if (is_type(m, "AssumedRole") && role)
        m->user_id = gt_doc_copy(m, role);
}

void gt_ecs_identity(mapping *m)
{
    move_names(m);
    put_str(m, SC, "creation_date", gt_doc_date(m, SRC_SC_CREATION_DATE, "creationDate"));
    if (!m->filebeat) {
        session_name(m);
        if (!m->user_id && is_type(m, "IdentityCenterUser"))
            m->user_id = gt_doc_copy(m, m->slot[SRC_BEHALF_USER_ID]);
        if (m->tables->mapping == GT_ECS_9_0)
            principal(m);
        gt_json *name = m->slot[SRC_A_USER_NAME];
        if (!m->user_name && name && gt_str_is(slot_str(m, SRC_EVENT_NAME), "UserAuthentication"))
            m->user_name = gt_json_remove(m->slot[SRC_A], GT_STR("UserName"));
    }
    put(m, USER, "id", m->user_id);
    put(m, USER, "name", m->user_name);
}
