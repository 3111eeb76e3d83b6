#include "ecs/geoip.h"

#include <maxminddb.h>
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct gt_geoip {
    MMDB_s city, asn;
    bool has_city, has_asn;
};

static gt_status open_one(const char *path, MMDB_s *db, bool *ret_has, gt_arena *arena,
                          gt_str *reterr_message)
{
    if (!path)
        return GT_OK;
    int error = MMDB_open(path, MMDB_MODE_MMAP, db);
    if (error != MMDB_SUCCESS) {
        *reterr_message = gt_arena_printf(arena, "%s: %s", path, MMDB_strerror(error));
        return error == MMDB_FILE_OPEN_ERROR || error == MMDB_IO_ERROR ? GT_IO : GT_CORRUPT;
    }
    *ret_has = true;
    return GT_OK;
}

gt_status gt_geoip_open(const char *city, const char *asn, gt_arena *arena, gt_geoip **ret,
                        gt_str *reterr_message)
{
    gt_geoip *geoip = gt_arena_new_of(arena, gt_geoip);
    if (!geoip)
        return gt_arena_status(arena);
    gt_status status = open_one(city, &geoip->city, &geoip->has_city, arena, reterr_message);
    if (status == GT_OK)
        status = open_one(asn, &geoip->asn, &geoip->has_asn, arena, reterr_message);
    if (status != GT_OK) {
        gt_geoip_close(geoip);
        return status;
    }
    *ret = geoip;
    return GT_OK;
}

void gt_geoip_close(gt_geoip *geoip)
{
    if (!geoip)
        return;
    if (geoip->has_city)
        MMDB_close(&geoip->city);
    if (geoip->has_asn)
        MMDB_close(&geoip->asn);
    geoip->has_city = geoip->has_asn = false;
}

static bool look_up(const MMDB_s *db, const gt_ip *ip, MMDB_lookup_result_s *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    int error;
    memcpy(&v4.sin_addr, ip->bytes + 12, 4);
    memcpy(&v6.sin6_addr, ip->bytes, 16);
    const void *address = ip->v6 ? (const void *)&v6 : (const void *)&v4;
    *ret = MMDB_lookup_sockaddr(db, address, &error);
    return error == MMDB_SUCCESS && ret->found_entry;
}

/* The value at a path of keys (and list indices), or type 0. */
static MMDB_entry_data_s value_at(MMDB_entry_s *entry, const char *const *path)
{
    MMDB_entry_data_s data;
    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data)
        memset(&data, 0, sizeof data);
    return data;
}

#define AT(entry, ...) value_at((entry), (const char *const[]){__VA_ARGS__, NULL})

static gt_str text_of(MMDB_entry_data_s data)
{
    return data.has_data && data.type == MMDB_DATA_TYPE_UTF8_STRING
               ? (gt_str){data.utf8_string, data.data_size}
               : GT_STR_NULL;
}

static gt_str first_text(gt_str a, gt_str b)
{
    return a.len ? a : b;
}

/* The shortest decimal text that reads back as the number. */
static gt_str number_of(MMDB_entry_data_s data, gt_arena *scratch)
{
    char text[40] = "";
    if (!data.has_data)
        return GT_STR_NULL;
    if (data.type == MMDB_DATA_TYPE_DOUBLE && isfinite(data.double_value)) {
        for (int n = 1; n <= 17 && (n == 1 || strtod(text, NULL) != data.double_value); n++)
            snprintf(text, sizeof text, "%.*g", n, data.double_value);
    } else if (data.type == MMDB_DATA_TYPE_FLOAT && isfinite(data.float_value)) {
        for (int n = 1; n <= 9 && (n == 1 || strtof(text, NULL) != data.float_value); n++)
            snprintf(text, sizeof text, "%.*g", n, (double)data.float_value);
    } else if (data.type == MMDB_DATA_TYPE_UINT32) {
        snprintf(text, sizeof text, "%u", data.uint32);
    } else if (data.type == MMDB_DATA_TYPE_UINT16) {
        snprintf(text, sizeof text, "%u", data.uint16);
    }
    return text[0] ? gt_arena_dup(scratch, gt_str_c(text)) : GT_STR_NULL;
}

/* The subdivision that is named last is the most exact one. */
static MMDB_entry_data_s subdivision(MMDB_entry_s *entry, const char *key, const char *language)
{
    MMDB_entry_data_s list = AT(entry, "subdivisions");
    char index[16];
    if (list.type != MMDB_DATA_TYPE_ARRAY || !list.data_size) {
        memset(&list, 0, sizeof list);
        return list;
    }
    snprintf(index, sizeof index, "%u", list.data_size - 1);
    return AT(entry, "subdivisions", index, key, language);
}

static void add_city(const gt_geoip *geoip, const gt_ip *ip, gt_arena *scratch, fragment *f)
{
    MMDB_lookup_result_s found;
    if (!geoip->has_city || !look_up(&geoip->city, ip, &found))
        return;
    MMDB_entry_s *e = &found.entry;
    gt_str country = first_text(text_of(AT(e, "country", "iso_code")),
                                text_of(AT(e, "country_code")));
    gt_str region = text_of(subdivision(e, "iso_code", NULL));
    gt_str lat = number_of(AT(e, "location", "latitude"), scratch);
    gt_str lon = number_of(AT(e, "location", "longitude"), scratch);
    if (!lat.len || !lon.len) {
        lat = number_of(AT(e, "latitude"), scratch);
        lon = number_of(AT(e, "longitude"), scratch);
    }
    gt_fragment_add(f, OBJ_GEO, "continent_name", GT_JSON_STRING,
                    text_of(AT(e, "continent", "names", "en")));
    gt_fragment_add(f, OBJ_GEO, "country_iso_code", GT_JSON_STRING, country);
    gt_fragment_add(f, OBJ_GEO, "country_name", GT_JSON_STRING,
                    text_of(AT(e, "country", "names", "en")));
    if (country.len && region.len)
        gt_fragment_add(f, OBJ_GEO, "region_iso_code", GT_JSON_STRING,
                        gt_arena_printf(scratch, "%.*s-%.*s", GT_STR_ARG(country),
                                        GT_STR_ARG(region)));
    gt_fragment_add(f, OBJ_GEO, "region_name", GT_JSON_STRING,
                    first_text(text_of(subdivision(e, "names", "en")), text_of(AT(e, "state1"))));
    /* ip-location-db's `city` is a text, MaxMind's a map. */
    gt_fragment_add(f, OBJ_GEO, "city_name", GT_JSON_STRING,
                    first_text(text_of(AT(e, "city", "names", "en")), text_of(AT(e, "city"))));
    if (lat.len && lon.len) {
        gt_fragment_add(f, OBJ_GEO_LOCATION, "lat", GT_JSON_NUMBER, lat);
        gt_fragment_add(f, OBJ_GEO_LOCATION, "lon", GT_JSON_NUMBER, lon);
    }
}

static void add_asn(const gt_geoip *geoip, const gt_ip *ip, gt_arena *scratch, fragment *f)
{
    MMDB_lookup_result_s found;
    if (!geoip->has_asn || !look_up(&geoip->asn, ip, &found))
        return;
    MMDB_entry_s *e = &found.entry;
    gt_fragment_add(f, OBJ_AS, "number", GT_JSON_NUMBER,
                    number_of(AT(e, "autonomous_system_number"), scratch));
    gt_fragment_add(f, OBJ_AS_ORGANIZATION, "name", GT_JSON_STRING,
                    text_of(AT(e, "autonomous_system_organization")));
}

gt_status gt_geoip_find(const gt_geoip *geoip, const gt_ip *ip, gt_arena *scratch, fragment *ret)
{
    ret->count = 0;
    add_city(geoip, ip, scratch, ret);
    add_asn(geoip, ip, scratch, ret);
    return gt_arena_status(scratch);
}
