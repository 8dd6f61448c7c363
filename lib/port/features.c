/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

#include <config.h>

#include "port/features.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

#define BIT(FEATURE) (1ULL << (FEATURE))

/* What a back-end may offer or not.  Some of it the vhost library never does:
 * hosts with other versions or other back-ends may. */
static const struct feature {
    const char *name;
    unsigned int bit;
} features[] = {
    { "csum", VIRTIO_NET_F_CSUM },
    { "guest_csum", VIRTIO_NET_F_GUEST_CSUM },
    { "gso", VIRTIO_NET_F_GSO },
    { "guest_tso4", VIRTIO_NET_F_GUEST_TSO4 },
    { "guest_tso6", VIRTIO_NET_F_GUEST_TSO6 },
    { "guest_ecn", VIRTIO_NET_F_GUEST_ECN },
    { "guest_ufo", VIRTIO_NET_F_GUEST_UFO },
    { "guest_announce", VIRTIO_NET_F_GUEST_ANNOUNCE },
    { "host_tso4", VIRTIO_NET_F_HOST_TSO4 },
    { "host_tso6", VIRTIO_NET_F_HOST_TSO6 },
    { "host_ecn", VIRTIO_NET_F_HOST_ECN },
    { "host_ufo", VIRTIO_NET_F_HOST_UFO },
    { "host_mtu", VIRTIO_NET_F_MTU },
    { "mrg_rxbuf", VIRTIO_NET_F_MRG_RXBUF },
    { "mq", VIRTIO_NET_F_MQ },
    { "rss", VIRTIO_NET_F_RSS },
    { "hash", VIRTIO_NET_F_HASH_REPORT },
    { "any_layout", VIRTIO_F_ANY_LAYOUT },
    { "indirect_desc", VIRTIO_RING_F_INDIRECT_DESC },
    { "event_idx", VIRTIO_RING_F_EVENT_IDX },
    { "iommu_platform", VIRTIO_F_ACCESS_PLATFORM },
    { "packed", VIRTIO_F_RING_PACKED },
    { "in_order", VIRTIO_F_IN_ORDER },
};

/* What QEMU offers by itself, whatever the back-end does. */
static const char *const of_qemu[] = {
    "ctrl_vq", "ctrl_rx", "ctrl_vlan", "ctrl_rx_extra", "ctrl_mac_addr",
    "ctrl_guest_offloads", "status",
};

/* 'feature' is of no use without all, or 'any', of 'needs'. */
static const struct dependency {
    uint64_t feature;
    uint64_t needs;
    bool any;
} dependencies[] = {
    { BIT(VIRTIO_NET_F_HOST_TSO4), BIT(VIRTIO_NET_F_CSUM), false },
    { BIT(VIRTIO_NET_F_HOST_TSO6), BIT(VIRTIO_NET_F_CSUM), false },
    { BIT(VIRTIO_NET_F_HOST_UFO), BIT(VIRTIO_NET_F_CSUM), false },
    { BIT(VIRTIO_NET_F_HOST_ECN), BIT(VIRTIO_NET_F_HOST_TSO4)
                                  | BIT(VIRTIO_NET_F_HOST_TSO6), true },
    /* To a legacy guest it means both. */
    { BIT(VIRTIO_NET_F_GSO), BIT(VIRTIO_NET_F_HOST_TSO4)
                             | BIT(VIRTIO_NET_F_HOST_TSO6), false },
    { BIT(VIRTIO_NET_F_GUEST_TSO4), BIT(VIRTIO_NET_F_GUEST_CSUM), false },
    { BIT(VIRTIO_NET_F_GUEST_TSO6), BIT(VIRTIO_NET_F_GUEST_CSUM), false },
    { BIT(VIRTIO_NET_F_GUEST_UFO), BIT(VIRTIO_NET_F_GUEST_CSUM), false },
    { BIT(VIRTIO_NET_F_GUEST_ECN), BIT(VIRTIO_NET_F_GUEST_TSO4)
                                   | BIT(VIRTIO_NET_F_GUEST_TSO6), true },
};

/* Returns 'withheld' and all that is of no use without it. */
static uint64_t
add_dependents(uint64_t withheld)
{
    for (size_t i = 0; i < ARRAY_SIZE(dependencies); i++) {
        const struct dependency *d = &dependencies[i];
        uint64_t missing = d->needs & withheld;

        if (d->any ? missing == d->needs : missing != 0) {
            withheld |= d->feature;
        }
    }
    return withheld;
}

void
vdpa_features_format(uint64_t set, struct ds *ds)
{
    const char *separator = "";

    for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
        if (set & BIT(features[i].bit)) {
            ds_put_format(ds, "%s%s", separator, features[i].name);
            separator = ", ";
        }
    }
}

/* Returns an error about a part of the option's value, 'entry', and the names
 * of 'set'. */
static char *
entry_error(const char *entry, const char *what, uint64_t set)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "vdpa-features: \"%s\" %s ", entry, what);
    vdpa_features_format(set, &ds);
    return ds_steal_cstr(&ds);
}

/* Returns true if QEMU, not we, offers the feature called 'name'. */
static bool
is_of_qemu(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(of_qemu); i++) {
        if (!strcmp(of_qemu[i], name)) {
            return true;
        }
    }
    return false;
}

/* Stores in '*bit' which feature is called as 'entry' says after its sign. */
static int
find_feature(const char *entry, uint64_t *bit, char **errp)
{
    const char *name = entry + 1;

    for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
        if (!strcmp(features[i].name, name)) {
            *bit = BIT(features[i].bit);
            return 0;
        }
    }
    if (is_of_qemu(name)) {
        *errp = xasprintf("vdpa-features: \"%s\" is not ours to take away, "
                          "QEMU offers it; set %s=off of its -device "
                          "virtio-net-pci", entry, name);
    } else {
        *errp = entry_error(entry, "names no feature; QEMU's names are",
                            UINT64_MAX);
    }
    return EINVAL;
}

/* Adds 'entry', a part of the option's value, to '*minus' or '*plus'. */
static int
parse_entry(const char *entry, uint64_t *minus, uint64_t *plus, char **errp)
{
    uint64_t bit = 0;
    int error;

    if (entry[0] != '-' && entry[0] != '+') {
        *errp = xasprintf("vdpa-features: \"%s\" has no sign; say \"-%s\" to "
                          "take it away", entry,
                          entry[0] ? entry : "csum");
        return EINVAL;
    }
    error = find_feature(entry, &bit, errp);
    if (error) {
        return error;
    }
    if (entry[0] == '+' && !(bit & VDPA_FEATURES_ON_REQUEST)) {
        *errp = entry_error(entry, "is offered as the device allows; what can "
                            "be asked for is", VDPA_FEATURES_ON_REQUEST);
        return EINVAL;
    }
    *(entry[0] == '-' ? minus : plus) |= bit;
    return 0;
}

int
vdpa_features_parse(const char *s, uint64_t *withheld, char **errp)
{
    uint64_t minus = 0, plus = 0;
    char *copy, *rest, *entry;
    int error = 0;

    copy = rest = nullable_xstrdup(s);
    while (!error && (entry = strsep(&rest, ","))) {
        error = parse_entry(entry, &minus, &plus, errp);
    }
    free(copy);
    if (!error && plus & add_dependents(minus)) {
        *errp = entry_error(s, "both asks for and takes away, maybe with what "
                            "it needs,", plus & add_dependents(minus));
        error = EINVAL;
    }
    *withheld = add_dependents(minus | (VDPA_FEATURES_ON_REQUEST & ~plus));
    return error;
}
