/* xml.h — the XML that AWS's Query and S3 APIs answer with, as a small tree.
 * No DTD, no external entities: a document type declaration is refused. Namespaces: prefixes are
 * dropped from names, attributes are skipped. */
#ifndef GT_NET_XML_H
#define GT_NET_XML_H

#include "base/arena.h"

typedef struct gt_xml gt_xml;
struct gt_xml {
    gt_xml *next;  /* sibling */
    gt_xml *first; /* child element */
    gt_xml *last;
    gt_str name; /* local name; a view of the text */
    gt_str text; /* character data of an element without children, entities decoded */
};

/* Parse a whole document. Views point into text, which must outlive the tree.
 * GT_OK, GT_INVALID (not XML that we read), GT_LIMIT (deeper than GT_XML_DEPTH_MAX), GT_NOMEM. */
gt_status gt_xml_parse(gt_arena *arena, gt_str text, gt_xml **ret) GT_MUST_CHECK;

/* All accept NULL. The first child of that name; NULL when there is none. */
const gt_xml *gt_xml_child(const gt_xml *node, const char *name);
/* The next sibling of the same name. */
const gt_xml *gt_xml_next(const gt_xml *node);
/* Along "a/b/c" of first children. */
const gt_xml *gt_xml_path(const gt_xml *node, const char *path);
/* The text at a path; ptr NULL when there is no such element. */
gt_str gt_xml_text(const gt_xml *node, const char *path);

#endif
