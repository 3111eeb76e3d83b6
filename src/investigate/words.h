/* words.h — rules, ports and actors as a person says them. All in the arena. */
#ifndef GT_INVESTIGATE_WORDS_H
#define GT_INVESTIGATE_WORDS_H

#include "investigate/evidence.h"
#include "sg/sg.h"

/* "tcp/22", "tcp/8000-8099", "all traffic", "icmp". */
gt_str gt_words_ports(gt_arena *arena, int protocol, int32_t from, int32_t to);
gt_str gt_words_peer(gt_arena *arena, const gt_sg_rule *rule);
/* "ingress tcp/22 from 10.0.0.0/8". */
gt_str gt_words_rule(gt_arena *arena, const gt_sg_rule *rule);
/* Sensitive services inside the ports: "SSH (22), RDP (3389)"; empty when there are none. *ret_admin:
 * one of them gives a shell or a desktop. */
gt_str gt_words_services(gt_arena *arena, int protocol, int32_t from, int32_t to, bool *ret_admin,
                         size_t *ret_count);
/* "the role admin (session alice)", "the IAM user deploy", "the account's root user". */
/* A session that only IAM Identity Center can give out: nobody can make roles under this path. */
bool gt_words_is_identity_center(const gt_event *event);
gt_str gt_words_actor(gt_arena *arena, const gt_event *event);

/* What an entry of the report's alerts is: rules that are off by default only would have alerted. */
const char *gt_words_alert(const gt_json *alert);

#endif
