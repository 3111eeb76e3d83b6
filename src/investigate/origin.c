/* Where from: agent, address, place, first seen, impossible travel, inside or outside what is expected. */
#include <math.h>

#include "investigate/internal.h"

/* Faster than an airliner. */
#define TRAVEL_KMH_MAX 1000.0
/* Nearer than this two addresses are one place: GeoIP is no better. */
#define TRAVEL_KM_MIN 150.0

typedef struct place {
    bool known;
    bool has_point;
    double lat, lon;
    gt_str country, country_name, city, as_org;
    gt_str asn;
} place;

/* The mapper knows the databases: ask it about a record that holds nothing but the address. */
static gt_status look_up(gt_inv *inv, gt_str address, place *ret)
{
    *ret = (place){0};
    gt_ip ip;
    if (!inv->ecs || !inv->options->geo || !gt_ip_parse(address, &ip))
        return GT_OK;
    gt_json *record = gt_json_new_object(inv->arena), *document;
    gt_json_setl(record, "eventVersion", gt_json_new_str(inv->arena, GT_STR("1.08")));
    gt_json_setl(record, "eventTime", gt_json_new_str(inv->arena, GT_STR("2024-01-01T00:00:00Z")));
    gt_json_setl(record, "eventSource", gt_json_new_str(inv->arena, GT_STR("ec2.amazonaws.com")));
    gt_json_setl(record, "eventName", gt_json_new_str(inv->arena, GT_STR("DescribeRegions")));
    gt_json_setl(record, "sourceIPAddress", gt_json_new_str(inv->arena, address));
    GT_TRY(gt_arena_status(inv->arena));
    GT_TRY(gt_ecs_map(inv->ecs, inv->arena, record, GT_STR("{}"), &document));
    const gt_json *geo = gt_json_path(document, "source.geo");
    const gt_json *as = gt_json_path(document, "source.as");
    ret->country = gt_json_path_str(geo, "country_iso_code");
    ret->country_name = gt_json_path_str(geo, "country_name");
    ret->city = gt_json_path_str(geo, "city_name");
    ret->has_point = gt_json_double(gt_json_path(geo, "location.lat"), &ret->lat) &&
                     gt_json_double(gt_json_path(geo, "location.lon"), &ret->lon);
    ret->asn = gt_json_text(gt_json_getl(as, "number"));
    ret->as_org = gt_json_path_str(as, "organization.name");
    ret->known = geo || as;
    return GT_OK;
}

static double distance_km(const place *a, const place *b)
{
    const double rad = 3.14159265358979323846 / 180.0;
    double dlat = (b->lat - a->lat) * rad, dlon = (b->lon - a->lon) * rad;
    double h = sin(dlat / 2) * sin(dlat / 2) +
               cos(a->lat * rad) * cos(b->lat * rad) * sin(dlon / 2) * sin(dlon / 2);
    return 2 * 6371.0 * asin(sqrt(h < 1 ? h : 1));
}

static void agent_fact(gt_step *step)
{
    gt_inv *inv = step->inv;
    const gt_event *e = inv->event;
    if (!e->agent.len) {
        (void)gt_fact_no_data(step, "agent", "the record names no user agent");
        return;
    }
    gt_json *fact = gt_fact(step, "agent", "%s%s%.*s%s: %.*s", gt_sg_actor_class_text(inv->actor.class),
                            inv->actor.tool.len ? " (" : "", GT_STR_ARG(inv->actor.tool),
                            inv->actor.tool.len ? ")" : "", GT_STR_ARG(e->agent));
    gt_json_setl(fact, "class",
                 gt_json_new_str(inv->arena, gt_str_c(gt_sg_actor_class_text(inv->actor.class))));
    gt_json_setl(fact, "tool", gt_str_node(inv, inv->actor.tool));
    gt_json_setl(fact, "user_agent", gt_str_node(inv, e->agent));
    gt_fact_proof(step, fact, e->id);
    const gt_seen *seen = gt_seen_find(&inv->habits.agents, e->agent);
    if (!inv->habits.events)
        return;
    if (!seen) {
        fact = gt_fact(step, "agent_first_seen", "this identity never used this agent before");
        gt_fact_proof(step, fact, e->id);
    } else {
        fact = gt_fact(step, "agent_first_seen", "this identity used this agent %llu time%s before, "
                       "first at %.*s", (unsigned long long)seen->count, seen->count == 1 ? "" : "s",
                       GT_STR_ARG(gt_time_words(inv, seen->first)));
        gt_fact_proof(step, fact, seen->first_id);
    }
}

static void place_fact(gt_step *step, const place *p)
{
    gt_inv *inv = step->inv;
    if (!inv->ecs || !inv->options->geo) {
        (void)gt_fact_no_data(step, "place", "no GeoIP database is given (--geoip-city, "
                              "--geoip-asn): country and network are not known");
        return;
    }
    if (!p->known) {
        (void)gt_fact_no_data(step, "place", "the GeoIP database does not know %.*s",
                              GT_STR_ARG(inv->event->address));
        return;
    }
    gt_json *fact = gt_fact(step, "place", "%.*s%s%.*s%s%.*s %.*s",
                            GT_STR_ARG(p->city), p->city.len ? ", " : "",
                            GT_STR_ARG(p->country_name.len ? p->country_name : p->country),
                            p->asn.len ? "; AS" : "", GT_STR_ARG(p->asn), GT_STR_ARG(p->as_org));
    gt_json_setl(fact, "country", gt_str_node(inv, p->country));
    gt_json_setl(fact, "city", gt_str_node(inv, p->city));
    gt_json_setl(fact, "as", gt_str_node(inv, p->asn));
    gt_json_setl(fact, "as_organization", gt_str_node(inv, p->as_org));
    gt_fact_proof(step, fact, inv->event->id);
}

static void countries_fact(gt_step *step, const place *p)
{
    gt_inv *inv = step->inv;
    const gt_expected_list *list = &inv->expected->countries;
    if (!list->given || !p->country.len) {
        (void)gt_fact_no_data(step, "country_expected", list->given
                                  ? "the country of the address is not known"
                                  : "the configuration names no countries ([expected])");
        return;
    }
    bool inside = gt_expected_match(list, p->country).ptr != NULL;
    gt_json *fact = gt_fact(step, "country_expected", "%.*s is %s the expected countries",
                            GT_STR_ARG(p->country), inside ? "one of" : "none of");
    gt_json_setl(fact, "expected", gt_json_new_bool(inv->arena, inside));
    gt_fact_proof(step, fact, inv->event->id);
    if (!inside)
        gt_reason(inv, 20, inv->event->id, "the call came from %.*s, outside the expected countries",
                  GT_STR_ARG(p->country));
}

static void networks_fact(gt_step *step)
{
    gt_inv *inv = step->inv;
    gt_ip ip;
    gt_str address = inv->event->address;
    if (!inv->expected->networks_given || !gt_ip_parse(address, &ip)) {
        (void)gt_fact_no_data(step, "network_expected", inv->expected->networks_given
                                  ? "the record holds no IP address"
                                  : "the configuration names no networks ([expected])");
        return;
    }
    const gt_cidr *inside = NULL;
    for (size_t i = 0; i < inv->expected->network_count && !inside; i++)
        if (gt_cidr_contains(&inv->expected->networks[i], &ip))
            inside = &inv->expected->networks[i];
    char text[GT_IP_TEXT_MAX];
    gt_json *fact;
    if (inside)
        fact = gt_fact(step, "network_expected", "%.*s lies in the expected network %.*s",
                       GT_STR_ARG(address), GT_STR_ARG(gt_cidr_format(inside, text)));
    else
        fact = gt_fact(step, "network_expected", "%.*s lies in none of the expected networks",
                       GT_STR_ARG(address));
    gt_json_setl(fact, "expected", gt_json_new_bool(inv->arena, inside != NULL));
    gt_fact_proof(step, fact, inv->event->id);
    gt_reason(inv, inside ? -10 : 20, inv->event->id,
              inside ? "the call came from an expected network"
                     : "the call came from outside the expected networks");
}

static void regions_fact(gt_step *step)
{
    gt_inv *inv = step->inv;
    const gt_expected_list *list = &inv->expected->regions;
    if (!list->given || !inv->event->region.len) {
        (void)gt_fact_no_data(step, "region_expected",
                              "the configuration names no regions ([expected])");
        return;
    }
    bool inside = gt_expected_match(list, inv->event->region).ptr != NULL;
    gt_json *fact = gt_fact(step, "region_expected", "%.*s is %s the expected regions",
                            GT_STR_ARG(inv->event->region), inside ? "one of" : "none of");
    gt_json_setl(fact, "expected", gt_json_new_bool(inv->arena, inside));
    gt_fact_proof(step, fact, inv->event->id);
    if (!inside)
        gt_reason(inv, 20, inv->event->id, "%.*s is outside the expected regions",
                  GT_STR_ARG(inv->event->region));
}

static void address_fact(gt_step *step)
{
    gt_inv *inv = step->inv;
    const gt_event *e = inv->event;
    if (!e->address.len) {
        (void)gt_fact_no_data(step, "address", "the record holds no address");
        return;
    }
    gt_ip ip;
    bool is_ip = gt_ip_parse(e->address, &ip);
    gt_json *fact = gt_fact(step, "address", is_ip ? "from the address %.*s"
                                                   : "from %.*s: a service of AWS called",
                            GT_STR_ARG(e->address));
    gt_json_setl(fact, "address", gt_str_node(inv, e->address));
    gt_fact_proof(step, fact, e->id);
    if (!inv->habits.events) {
        (void)gt_fact_no_data(step, "address_first_seen",
                              "no earlier calls of this identity to compare the address with");
        return;
    }
    const gt_seen *seen = gt_seen_find(&inv->habits.addresses, e->address);
    if (seen) {
        fact = gt_fact(step, "address_first_seen", "this identity called from there %llu time%s "
                       "before, first at %.*s", (unsigned long long)seen->count,
                       seen->count == 1 ? "" : "s",
                       GT_STR_ARG(gt_time_words(inv, seen->first)));
        gt_fact_proof(step, fact, seen->first_id);
        return;
    }
    fact = gt_fact(step, "address_first_seen", "this identity never called from there before "
                   "(%zu other addresses known)", inv->habits.addresses.count);
    gt_fact_proof(step, fact, e->id);
    if (is_ip && inv->habits.covered_ms >= 86400000)
        gt_reason(inv, 10, e->id, "this identity never called from %.*s before",
                  GT_STR_ARG(e->address));
}

/* A key from several addresses: a stolen one looks like this. */
static void shared_key_fact(gt_step *step, gt_str key)
{
    gt_inv *inv = step->inv;
    const gt_event *here = NULL, *other = NULL;
    size_t addresses = 0;
    gt_strs seen = {0};
    for (size_t i = 0; i < inv->chain.events.count; i++) {
        const gt_event *e = inv->chain.events.items[i];
        gt_ip ip;
        if (!gt_str_eq(e->key, key) || !gt_ip_parse(e->address, &ip) ||
            gt_strs_has(&seen, e->address))
            continue;
        if (gt_strs_add(inv->arena, &seen, e->address) != GT_OK)
            return;
        addresses++;
        *(gt_str_eq(e->address, inv->event->address) ? &here : &other) = e;
    }
    if (addresses < 2 || !other)
        return;
    gt_json *fact = gt_fact(step, "key_addresses",
                            "the access key %.*s was used from %zu addresses "
                            "within the window, %.*s among them",
                            GT_STR_ARG(key), addresses, GT_STR_ARG(other->address));
    gt_json_setl(fact, "key", gt_str_node(inv, key));
    gt_fact_proof(step, fact, other->id);
    gt_fact_proof(step, fact, here ? here->id : GT_STR_NULL);
}

/* The event's own key, and those on the way back to the first identity: there a theft began. */
static void shared_key_facts(gt_step *step)
{
    const gt_chain *chain = &step->inv->chain;
    for (size_t i = 0; i < chain->path_keys && i < chain->keys.count; i++)
        shared_key_fact(step, chain->keys.items[i]);
}

static gt_status travel_fact(gt_step *step, const place *here)
{
    gt_inv *inv = step->inv;
    if (!here->has_point) {
        (void)gt_fact_no_data(step, "travel", "without the place of the address nothing can be said "
                              "about travel");
        return GT_OK;
    }
    gt_str actor = gt_event_actor(inv->event);
    for (size_t i = 0; i < inv->habits.addresses.count + inv->chain.events.count; i++) {
        bool habit = i < inv->habits.addresses.count;
        const gt_seen *s = habit ? &inv->habits.addresses.items[i] : NULL;
        const gt_event *e = habit ? NULL : inv->chain.events.items[i - inv->habits.addresses.count];
        gt_str address = habit ? s->value : e->address;
        gt_time_ms time = habit ? s->last : e->time;
        if (gt_str_eq(address, inv->event->address) ||
            (e && !gt_str_eq(gt_event_actor(e), actor)))
            continue;
        place there;
        GT_TRY(look_up(inv, address, &there));
        int64_t apart = time < inv->event->time ? inv->event->time - time : time - inv->event->time;
        if (!there.has_point || apart > 86400000)
            continue;
        double km = distance_km(here, &there);
        double hours = (double)apart / 3600000.0;
        if (km < TRAVEL_KM_MIN || km <= hours * TRAVEL_KMH_MAX)
            continue;
        gt_json *fact = gt_fact(step, "travel", "impossible travel: %.*s and %.*s lie %.0f km "
                                "apart, the calls %.*s", GT_STR_ARG(address),
                                GT_STR_ARG(inv->event->address), km,
                                GT_STR_ARG(gt_span_words(inv, apart)));
        gt_fact_proof(step, fact, inv->event->id);
        gt_fact_proof(step, fact, habit ? gt_last_id_str(&s->last_id) : e->id);
        gt_reason(inv, 20, inv->event->id, "impossible travel of one identity");
        return GT_OK;
    }
    (void)gt_fact_nothing(step, "travel", "no impossible travel");
    return GT_OK;
}

gt_status gt_step_origin(gt_inv *inv, gt_json *steps)
{
    gt_step step = gt_step_begin(inv, steps, "step", "origin",
                                 "With which tool, and from where, was it done?");
    place here;
    GT_TRY(look_up(inv, inv->event->address, &here));
    agent_fact(&step);
    address_fact(&step);
    shared_key_facts(&step);
    place_fact(&step, &here);
    networks_fact(&step);
    countries_fact(&step, &here);
    regions_fact(&step);
    GT_TRY(travel_fact(&step, &here));
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}
