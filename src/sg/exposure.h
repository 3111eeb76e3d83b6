/* exposure.h — exact set algebra over direction x protocol x ports x addresses.
 * A box is one product of the four; a space is a list of disjoint boxes. Nothing is approximated: a
 * piece that is left when a /32 is taken out of 0.0.0.0/0 is 32 prefixes.
 *
 * Ports are one linear axis of 65,536 for every protocol: ports for tcp and udp, type * 256 + code for
 * icmp and icmpv6, and the whole axis for protocols without ports. */
#ifndef GT_SG_EXPOSURE_H
#define GT_SG_EXPOSURE_H

#include "sg/sg.h"

typedef struct gt_sg_box {
    uint64_t protocols[4]; /* bit p of 256 protocol numbers */
    gt_cidr cidr;
    uint16_t from, to; /* on the linear axis */
    uint8_t direction; /* gt_sg_direction */
} gt_sg_box;

typedef struct gt_sg_space {
    gt_sg_box *items;
    size_t count, cap;
} gt_sg_space;

/* The box of a rule whose peer is a CIDR; false when it opens nothing (malformed, unknown content or
 * direction, a group or a prefix list as its peer). */
bool gt_sg_box_of(const gt_sg_rule *rule, gt_sg_box *ret);
/* As gt_sg_box_of, with an entry of a prefix list in the place of the rule's peer. */
bool gt_sg_box_of_entry(const gt_sg_rule *rule, const gt_cidr *entry, gt_sg_box *ret);

/* A total order: direction, protocols, ports, prefix. */
int gt_sg_box_cmp(const gt_sg_box *a, const gt_sg_box *b);
bool gt_sg_box_intersect(const gt_sg_box *a, const gt_sg_box *b, gt_sg_box *ret);

/* All in `arena`; false without memory. Spaces stay disjoint.
 * push      append, the caller knows that it is disjoint
 * add       append what is not covered yet
 * subtract  append a minus b to *ret: at most a few dozen boxes */
bool gt_sg_space_push(gt_arena *arena, gt_sg_space *space, const gt_sg_box *box) GT_MUST_CHECK;
bool gt_sg_space_add(gt_arena *arena, gt_sg_space *space, const gt_sg_box *box) GT_MUST_CHECK;
bool gt_sg_box_subtract(gt_arena *arena, const gt_sg_box *a, const gt_sg_box *b,
                        gt_sg_space *ret) GT_MUST_CHECK;
/* What of x is not covered by any of the `count` boxes at y (which may overlap), into *ret. */
bool gt_sg_space_minus(gt_arena *arena, const gt_sg_box *x, const gt_sg_box *y, size_t count,
                       gt_sg_space *ret) GT_MUST_CHECK;
/* Join boxes that together are one box (sibling prefixes, adjacent ports), and sort. */
void gt_sg_space_normalise(gt_sg_space *space);

/* Does the prefix hold an address outside 0/8, 10/8, 100.64/10, 127/8, 169.254/16, 172.16/12,
 * 192.168/16, 224/4, 240/4, fc00::/7, fe80::/10, ::1 and ff00::/8? */
bool gt_sg_is_internet(const gt_cidr *cidr);

/* A box in the words of the outside: one protocol, ports or type and code, one prefix. */
typedef struct gt_sg_piece {
    gt_sg_direction direction;
    gt_str protocol; /* tcp, udp, icmp, icmpv6, a number, -1 (all of it), other (what is left of it) */
    int32_t from_port, to_port;
    gt_cidr cidr;
    bool internet;
} gt_sg_piece;

typedef struct gt_sg_pieces {
    gt_sg_piece *items;
    size_t count, cap;
} gt_sg_pieces;

/* The pieces of one box, appended. */
bool gt_sg_pieces_of(gt_arena *arena, const gt_sg_box *box, gt_sg_pieces *ret) GT_MUST_CHECK;
/* {direction, protocol, from_port, to_port, cidr, internet}; NULL without memory. */
gt_json *gt_sg_piece_json(gt_arena *arena, const gt_sg_piece *piece);
/* For people: "ingress tcp 22 from 0.0.0.0/0 (internet)". */
gt_str gt_sg_piece_text(gt_arena *arena, const gt_sg_piece *piece);

#endif
