/* piece.c — boxes in the words of the outside. */
#include "sg/exposure.h"

#include <stdio.h>

/* More unnamed protocols than this are told as `other`. One call can name a few numbers, never this
 * many. */
#define NUMBERS_MAX 64

static bool push(gt_arena *arena, gt_sg_pieces *ret, const gt_sg_piece *piece)
{
    if (ret->count == ret->cap) {
        size_t cap = ret->cap ? ret->cap * 2 : 8;
        gt_sg_piece *grown = gt_arena_grow(arena, ret->items, ret->cap * sizeof *piece,
                                           cap * sizeof *piece);
        if (!grown)
            return false;
        ret->items = grown;
        ret->cap = cap;
    }
    ret->items[ret->count++] = *piece;
    return true;
}

static bool mask_has(const gt_sg_box *box, int protocol)
{
    return box->protocols[protocol / 64] >> (protocol % 64) & 1;
}

/* Types and codes: whole types while they last, single codes at the ends. */
static bool push_icmp(gt_arena *arena, const gt_sg_box *box, gt_sg_piece piece, gt_sg_pieces *ret)
{
    if (box->from == 0 && box->to == 65535)
        return push(arena, ret, &piece);
    for (int32_t at = box->from; at <= box->to;) {
        bool whole = at % 256 == 0 && at + 255 <= box->to;
        piece.from_port = at / 256;
        piece.to_port = whole ? -1 : at % 256;
        if (!push(arena, ret, &piece))
            return false;
        at += whole ? 256 : 1;
    }
    return true;
}

static bool push_protocol(gt_arena *arena, const gt_sg_box *box, int protocol, gt_sg_piece piece,
                          gt_sg_pieces *ret)
{
    char text[8];
    gt_str name = gt_sg_protocol_text(protocol, text);
    bool named = name.ptr != text;
    piece.protocol = named ? name : gt_arena_dup(arena, name);
    if (!piece.protocol.ptr)
        return false;
    if (protocol == GT_SG_ICMP || protocol == GT_SG_ICMPV6)
        return push_icmp(arena, box, piece, ret);
    if (named) {
        piece.from_port = box->from;
        piece.to_port = box->to;
    }
    return push(arena, ret, &piece);
}

static int count_bits(const gt_sg_box *box)
{
    int bits = 0;
    for (int i = 0; i < 4; i++)
        bits += __builtin_popcountll(box->protocols[i]);
    return bits;
}

bool gt_sg_pieces_of(gt_arena *arena, const gt_sg_box *box, gt_sg_pieces *ret)
{
    static const int named[] = {GT_SG_TCP, GT_SG_UDP, GT_SG_ICMP, GT_SG_ICMPV6};
    gt_sg_piece piece = {.direction = (gt_sg_direction)box->direction, .from_port = -1,
                         .to_port = -1, .cidr = box->cidr,
                         .internet = gt_sg_is_internet(&box->cidr)};
    int bits = count_bits(box);
    if (bits == 256 && box->from == 0 && box->to == 65535) {
        piece.protocol = GT_STR("-1");
        return push(arena, ret, &piece);
    }
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (mask_has(box, named[i])) {
            bits--;
            if (!push_protocol(arena, box, named[i], piece, ret))
                return false;
        }
    if (bits > NUMBERS_MAX) {
        piece.protocol = GT_STR("other");
        return push(arena, ret, &piece);
    }
    for (int p = 0; p < 256 && bits > 0; p++)
        if (mask_has(box, p) && p != GT_SG_TCP && p != GT_SG_UDP && p != GT_SG_ICMP &&
            p != GT_SG_ICMPV6) {
            bits--;
            if (!push_protocol(arena, box, p, piece, ret))
                return false;
        }
    return true;
}

gt_json *gt_sg_piece_json(gt_arena *arena, const gt_sg_piece *piece)
{
    char text[GT_IP_TEXT_MAX];
    gt_json *o = gt_json_new_object(arena);
    gt_json_add(o, GT_STR("direction"),
                gt_json_new_str(arena, piece->direction == GT_SG_EGRESS ? GT_STR("egress")
                                                                         : GT_STR("ingress")));
    gt_json_add(o, GT_STR("protocol"), gt_json_new_str(arena, piece->protocol));
    gt_json_add(o, GT_STR("from_port"), gt_json_new_i64(arena, piece->from_port));
    gt_json_add(o, GT_STR("to_port"), gt_json_new_i64(arena, piece->to_port));
    gt_str cidr = gt_arena_dup(arena, gt_cidr_format(&piece->cidr, text));
    gt_json_add(o, GT_STR("cidr"), gt_json_new_str(arena, cidr));
    gt_json_add(o, GT_STR("internet"), gt_json_new_bool(arena, piece->internet));
    return gt_arena_status(arena) == GT_OK ? o : NULL;
}

static gt_str ports_text(gt_arena *arena, const gt_sg_piece *piece)
{
    if (gt_str_starts(piece->protocol, GT_STR("icmp"))) {
        if (piece->from_port < 0)
            return GT_STR("");
        if (piece->to_port < 0)
            return gt_arena_printf(arena, " type %d", piece->from_port);
        return gt_arena_printf(arena, " type %d code %d", piece->from_port, piece->to_port);
    }
    if (piece->from_port < 0)
        return GT_STR("");
    if (piece->from_port == piece->to_port)
        return gt_arena_printf(arena, " %d", piece->from_port);
    return gt_arena_printf(arena, " %d-%d", piece->from_port, piece->to_port);
}

gt_str gt_sg_piece_text(gt_arena *arena, const gt_sg_piece *piece)
{
    char text[GT_IP_TEXT_MAX];
    bool egress = piece->direction == GT_SG_EGRESS;
    gt_str ports = ports_text(arena, piece), cidr = gt_cidr_format(&piece->cidr, text);
    gt_str protocol = gt_str_is(piece->protocol, "-1")      ? GT_STR("everything")
                      : gt_str_is(piece->protocol, "other") ? GT_STR("other protocols")
                                                            : piece->protocol;
    return gt_arena_printf(arena, "%.*s%.*s %s %.*s%s", GT_STR_ARG(protocol), GT_STR_ARG(ports),
                           egress ? "to" : "from", GT_STR_ARG(cidr),
                           piece->internet ? " (internet)" : "");
}
