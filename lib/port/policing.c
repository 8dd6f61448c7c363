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

#include "port/policing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "port/port.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_policing);

/* Bursts where none is given; see ovs-vswitchd.conf.db(5). */
#define DEFAULT_KBITS_BURST 8000
#define DEFAULT_KPKTS_BURST 16

/* The types of QoS, those of class "dpdk". */
struct vdpa_qos_type {
    const char *name;
    bool has_excess;            /* Knows of 'eir' and 'ebs'. */
    bool has_queues;
};

static const struct vdpa_qos_type qos_types[] = {
    { "egress-policer", false, false },
    { "trtcm-policer", true, true },
};

/* A queue of a QoS.  Which one a packet is for Open vSwitch's pipeline says,
 * and the representor; from the VF packets come without. */
struct qos_queue {
    struct hmap_node node;
    unsigned int id;
    struct dpdk_vdpa_meter meter;
    long long int created;      /* In ms. */
};

/* Parameters. */

/* Stores in '*valuep' the number that 'details' have under 'key', 0 if they
 * have none. */
static int
parse_number(const char *what, const struct smap *details, const char *key,
             uint64_t *valuep, char **errp)
{
    const char *s = smap_get_def(details, key, "0");
    unsigned long long int value;

    if (!*s || s[strspn(s, "0123456789")] || !str_to_ullong(s, 10, &value)) {
        *errp = xasprintf("%s: %s \"%s\" is not a number of bytes", what, key,
                          s);
        return EINVAL;
    }
    *valuep = value;
    return 0;
}

/* Reads 'details' of a QoS of 'type', or of a queue of it, called 'what', into
 * '*meter'. */
static int
parse_meter(const struct vdpa_qos_type *type, const char *what,
            const struct smap *details, struct dpdk_vdpa_meter *meter,
            char **errp)
{
    memset(meter, 0, sizeof *meter);
    if (parse_number(what, details, "cir", &meter->committed.rate, errp)
        || parse_number(what, details, "cbs", &meter->committed.burst, errp)
        || (type->has_excess
            && (parse_number(what, details, "eir", &meter->excess.rate, errp)
                || parse_number(what, details, "ebs", &meter->excess.burst,
                                errp)))) {
        return EINVAL;
    }
    if (!type->has_excess && !meter->committed.rate) {
        *errp = xasprintf("%s: it needs cir, the rate in bytes per second, "
                          "which is more than 0", what);
        return EINVAL;
    }
    if (meter->committed.rate && !meter->committed.burst) {
        *errp = xasprintf("%s: it needs cbs, the burst in bytes, at least as "
                          "long as a packet", what);
        return EINVAL;
    }
    if (meter->excess.rate && !meter->excess.burst) {
        *errp = xasprintf("%s: with eir it needs ebs, the burst in bytes, at "
                          "least as long as a packet", what);
        return EINVAL;
    }
    return 0;
}

/* Adds 'meter', of a QoS of 'type', to 'details'. */
static void
format_meter(const struct vdpa_qos_type *type,
             const struct dpdk_vdpa_meter *meter, struct smap *details)
{
    smap_add_format(details, "cir", "%"PRIu64, meter->committed.rate);
    smap_add_format(details, "cbs", "%"PRIu64, meter->committed.burst);
    if (type->has_excess) {
        smap_add_format(details, "eir", "%"PRIu64, meter->excess.rate);
        smap_add_format(details, "ebs", "%"PRIu64, meter->excess.burst);
    }
}

static const struct vdpa_qos_type *
find_type(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(qos_types); i++) {
        if (!strcmp(qos_types[i].name, name)) {
            return &qos_types[i];
        }
    }
    return NULL;
}

static struct qos_queue *
find_queue(const struct vdpa_policing *p, unsigned int id)
{
    struct qos_queue *queue;

    HMAP_FOR_EACH_WITH_HASH (queue, node, hash_int(id, 0), &p->queues) {
        if (queue->id == id) {
            return queue;
        }
    }
    return NULL;
}

static void
delete_queues(struct vdpa_policing *p)
{
    struct qos_queue *queue;

    HMAP_FOR_EACH_POP (queue, node, &p->queues) {
        free(queue);
    }
}

/* The relay. */

/* Returns a policer of packets from the guest, or null if none is asked
 * for. */
static struct dpdk_vdpa_policer *
create_ingress(const struct vdpa_policing *p)
{
    struct dpdk_vdpa_policer_config config;

    if (!p->kbits_rate && !p->kpkts_rate) {
        return NULL;
    }
    memset(&config, 0, sizeof config);
    if (p->kbits_rate) {
        config.n_meters = 1;
        config.meters[0].committed.rate = p->kbits_rate * 1000ULL / 8;
        config.meters[0].committed.burst = p->kbits_burst * 1000ULL / 8;
    }
    config.packets.rate = p->kpkts_rate * 1000ULL;
    config.packets.burst = p->kpkts_burst * 1000ULL;
    return dpdk_vdpa_policer_create(&config);
}

/* Likewise of packets to the guest.  All are for queue 0. */
static struct dpdk_vdpa_policer *
create_egress(const struct vdpa_policing *p)
{
    const struct qos_queue *queue = find_queue(p, 0);
    struct dpdk_vdpa_policer_config config;

    if (!p->type) {
        return NULL;
    }
    memset(&config, 0, sizeof config);
    if (queue) {
        config.meters[config.n_meters++] = queue->meter;
    }
    config.meters[config.n_meters++] = p->meter;
    return dpdk_vdpa_policer_create(&config);
}

/* Has the relay of 'port' use 'policer', which may be null, for direction
 * 'dir' from now on. */
static void
set_policer(struct vdpa_port *port, enum dpdk_vdpa_direction dir,
            struct dpdk_vdpa_policer *policer)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_policer *old = port->policing.policers[dir];

    if (policer || old) {
        vdpa_port_lock(port);
        port->policing.policers[dir] = policer;
        vdpa_port_update_relay(port);
        vdpa_port_unlock(port);
        dpdk_vdpa_policer_destroy(old);
    }
}

/* The representor. */

static struct netdev *
representor(const struct vdpa_port *port)
{
    return CONST_CAST(struct netdev *, port->netdev);
}

static void
set_representor_ingress(const struct vdpa_port *port, bool on)
    OVS_REQUIRES(vdpa_port_owned)
{
    const struct vdpa_policing *p = &port->policing;

    vdpa_base_class->set_policing(representor(port), on ? p->kbits_rate : 0,
                                  on ? p->kbits_burst : 0,
                                  on ? p->kpkts_rate : 0,
                                  on ? p->kpkts_burst : 0);
}

static void
set_representor_queue(const struct vdpa_port *port,
                      const struct qos_queue *queue)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct smap details = SMAP_INITIALIZER(&details);

    format_meter(port->policing.type, &queue->meter, &details);
    vdpa_base_class->set_queue(representor(port), queue->id, &details);
    smap_destroy(&details);
}

static void
set_representor_egress(const struct vdpa_port *port, bool on)
    OVS_REQUIRES(vdpa_port_owned)
{
    const struct vdpa_policing *p = &port->policing;
    struct smap details = SMAP_INITIALIZER(&details);
    const struct qos_queue *queue;

    if (on && p->type) {
        format_meter(p->type, &p->meter, &details);
        vdpa_base_class->set_qos(representor(port), p->type->name, &details);
        HMAP_FOR_EACH (queue, node, &p->queues) {
            set_representor_queue(port, queue);
        }
    } else {
        vdpa_base_class->set_qos(representor(port), "", &details);
    }
    smap_destroy(&details);
}

/* One or the other. */

/* Says in config_error what of the policing is not as it was asked for. */
static void
update_reason(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    const struct vdpa_policing *p = &port->policing;
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (p->error) {
        ds_put_format(&ds, "%s; ", p->error);
    }
    if (p->at_representor && (p->kbits_rate || p->kpkts_rate || p->type)) {
        ds_put_format(&ds, "%s: a vDPA device polices nothing, so this holds "
                      "only for what passes through Open vSwitch, not for "
                      "what the e-switch carries; set vdpa-sw=true to have "
                      "the relay do it; ",
                      p->type ? p->type->name
                      : p->kbits_rate ? "ingress_policing_rate"
                      : "ingress_policing_kpkts_rate");
    } else if (!p->at_representor
               && hmap_count(&p->queues) > (find_queue(p, 0) != NULL)) {
        ds_put_format(&ds, "%s: packets from the VF do not say which queue "
                      "they are for, so queue 0 counts for all of them; ",
                      p->type->name);
    }
    ds_chomp(&ds, ' ');
    ds_chomp(&ds, ';');
    vdpa_port_set_reason(port, VDPA_REASON_POLICING,
                         ds.length ? ds_steal_cstr(&ds) : NULL);
    ds_destroy(&ds);
}

/* What polices each direction. */
static const struct {
    struct dpdk_vdpa_policer *(*create)(const struct vdpa_policing *);
    void (*set_representor)(const struct vdpa_port *, bool on);
} directions[DPDK_VDPA_N_DIRECTIONS] = {
    [DPDK_VDPA_VM_TO_VF] = { create_ingress, set_representor_ingress },
    [DPDK_VDPA_VF_TO_VM] = { create_egress, set_representor_egress },
};

/* Polices 'dir' as the book says, where it says. */
static void
update_direction(struct vdpa_port *port, enum dpdk_vdpa_direction dir)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct vdpa_policing *p = &port->policing;

    directions[dir].set_representor(port, p->at_representor);
    set_policer(port, dir,
                p->at_representor ? NULL : directions[dir].create(p));
    update_reason(port);
}

void
vdpa_policing_adapt(struct vdpa_port *port)
{
    bool at_representor = port->hw != NULL;

    if (port->policing.at_representor != at_representor) {
        port->policing.at_representor = at_representor;
        update_direction(port, DPDK_VDPA_VM_TO_VF);
        update_direction(port, DPDK_VDPA_VF_TO_VM);
    }
}

/* Open vSwitch's verbs.  Whenever the database changes, Open vSwitch calls
 * set_qos(), then delete_queue() and set_queue() for its queues, then
 * set_policing(). */

/* Takes note of 'text', which it takes over, one of the things that are wrong
 * with what the database asks for. */
static void
add_error(struct vdpa_policing *p, char *text)
{
    if (p->found) {
        char *both = xasprintf("%s; %s", p->found, text);

        free(p->found);
        free(text);
        text = both;
    }
    p->found = text;
}

/* All has been told: what was found wrong is what is wrong. */
static void
commit_errors(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct vdpa_policing *p = &port->policing;

    free(p->error);
    p->error = p->found;
    p->found = NULL;
    update_reason(port);
}

static int
set_policing(struct netdev *netdev, uint32_t kbits_rate, uint32_t kbits_burst,
             uint32_t kpkts_rate, uint32_t kpkts_burst)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    struct vdpa_policing *p;

    kbits_burst = (!kbits_rate ? 0
                   : kbits_burst ? kbits_burst : DEFAULT_KBITS_BURST);
    kpkts_burst = (!kpkts_rate ? 0
                   : kpkts_burst ? kpkts_burst : DEFAULT_KPKTS_BURST);
    vdpa_port_take();
    p = &port->policing;
    if (p->kbits_rate != kbits_rate || p->kbits_burst != kbits_burst
        || p->kpkts_rate != kpkts_rate || p->kpkts_burst != kpkts_burst) {
        p->kbits_rate = kbits_rate;
        p->kbits_burst = kbits_burst;
        p->kpkts_rate = kpkts_rate;
        p->kpkts_burst = kpkts_burst;
        update_direction(port, DPDK_VDPA_VM_TO_VF);
    }
    commit_errors(port);
    vdpa_port_give();
    return 0;
}

static int
get_qos(const struct netdev *netdev, const char **typep, struct smap *details)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    const struct vdpa_policing *p;

    vdpa_port_take();
    p = &port->policing;
    *typep = p->type ? p->type->name : "";
    if (p->type) {
        format_meter(p->type, &p->meter, details);
    }
    vdpa_port_give();
    return 0;
}

/* Makes the QoS of 'port' that of 'type', or none if that is empty. */
static int
change_qos(struct vdpa_port *port, const char *type_name,
           const struct smap *details, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    const struct vdpa_qos_type *type = find_type(type_name);
    struct vdpa_policing *p = &port->policing;
    struct dpdk_vdpa_meter meter;
    int error;

    memset(&meter, 0, sizeof meter);
    if (!type && *type_name) {
        *errp = xasprintf("QoS: there is no type \"%s\" here; use "
                          "egress-policer or trtcm-policer", type_name);
        return EOPNOTSUPP;
    }
    error = type ? parse_meter(type, type_name, details, &meter, errp) : 0;
    if (error) {
        return error;
    }
    if (type != p->type || memcmp(&meter, &p->meter, sizeof meter)) {
        delete_queues(p);
        p->type = type;
        p->meter = meter;
        update_direction(port, DPDK_VDPA_VF_TO_VM);
    }
    return 0;
}

static int
set_qos(struct netdev *netdev, const char *type, const struct smap *details)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    char *text = NULL;
    int error;

    vdpa_port_take();
    error = change_qos(port, type, details, &text);
    free(port->policing.found);
    port->policing.found = text;
    port->policing.rejected = error != 0;
    vdpa_port_give();
    return error;
}

static int
get_queue(const struct netdev *netdev, unsigned int id, struct smap *details)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    const struct qos_queue *queue;

    vdpa_port_take();
    queue = find_queue(&port->policing, id);
    if (queue) {
        format_meter(port->policing.type, &queue->meter, details);
    }
    vdpa_port_give();
    return queue ? 0 : EINVAL;
}

/* Makes queue 'id' what 'details' say.  A default queue of which nothing is
 * said is as the port. */
static int
change_queue(struct vdpa_port *port, unsigned int id,
             const struct smap *details, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct vdpa_policing *p = &port->policing;
    struct qos_queue *queue = find_queue(p, id);
    struct dpdk_vdpa_meter meter = p->meter;

    if (!p->type || !p->type->has_queues || p->rejected) {
        return EOPNOTSUPP;
    }
    if (id || !smap_is_empty(details)) {
        char *what = xasprintf("%s, queue %u", p->type->name, id);
        int error = parse_meter(p->type, what, details, &meter, errp);

        free(what);
        if (error) {
            return error;
        }
    }
    if (queue && !memcmp(&meter, &queue->meter, sizeof meter)) {
        return 0;
    }
    if (!queue) {
        queue = xzalloc(sizeof *queue);
        queue->id = id;
        queue->created = time_msec();
        hmap_insert(&p->queues, &queue->node, hash_int(id, 0));
    }
    queue->meter = meter;
    update_direction(port, DPDK_VDPA_VF_TO_VM);
    return 0;
}

static int
set_queue(struct netdev *netdev, unsigned int id, const struct smap *details)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    char *text = NULL;
    int error;

    vdpa_port_take();
    error = change_queue(port, id, details, &text);
    if (text) {
        add_error(&port->policing, text);
    }
    vdpa_port_give();
    return error;
}

static int
delete_queue(struct netdev *netdev, unsigned int id)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    struct qos_queue *queue;

    vdpa_port_take();
    queue = port->policing.rejected ? NULL : find_queue(&port->policing, id);
    if (queue) {
        hmap_remove(&port->policing.queues, &queue->node);
        free(queue);
        update_direction(port, DPDK_VDPA_VF_TO_VM);
    }
    vdpa_port_give();
    return queue ? 0 : EINVAL;
}

/* Of the relay's packets all are queue 0's. */
static int
get_queue_stats(const struct netdev *netdev, unsigned int id,
                struct netdev_queue_stats *stats)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    struct dpdk_vdpa_policer_stats seen = { 0, 0, 0 };
    const struct qos_queue *queue;
    int error = 0;

    vdpa_port_take();
    queue = find_queue(&port->policing, id);
    if (!queue) {
        error = EINVAL;
    } else if (port->policing.at_representor) {
        error = vdpa_base_class->get_queue_stats(netdev, id, stats);
    } else {
        if (!id) {
            dpdk_vdpa_policer_get_stats(
                port->policing.policers[DPDK_VDPA_VF_TO_VM], &seen);
        }
        stats->tx_bytes = seen.passed_bytes;
        stats->tx_packets = seen.passed_packets;
        stats->tx_errors = seen.dropped_packets;
        stats->created = queue->created;
    }
    vdpa_port_give();
    return error;
}

/* The queues at the start of a dump. */
struct queue_dump {
    unsigned int *ids;
    size_t n;
    size_t next;
};

static int
queue_dump_start(const struct netdev *netdev, void **statep)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    const struct qos_queue *queue;
    struct queue_dump *dump;

    vdpa_port_take();
    dump = xzalloc(sizeof *dump);
    dump->ids = xcalloc(hmap_count(&port->policing.queues) + 1,
                        sizeof *dump->ids);
    HMAP_FOR_EACH (queue, node, &port->policing.queues) {
        dump->ids[dump->n++] = queue->id;
    }
    vdpa_port_give();
    *statep = dump;
    return 0;
}

static int
queue_dump_next(const struct netdev *netdev, void *dump_, unsigned int *idp,
                struct smap *details)
{
    struct queue_dump *dump = dump_;

    while (dump->next < dump->n) {
        *idp = dump->ids[dump->next++];
        if (!get_queue(netdev, *idp, details)) {
            return 0;
        }
    }
    return EOF;
}

static int
queue_dump_done(const struct netdev *netdev OVS_UNUSED, void *dump_)
{
    struct queue_dump *dump = dump_;

    free(dump->ids);
    free(dump);
    return 0;
}

void
vdpa_policing_add_verbs(struct netdev_class *class)
{
    class->set_policing = set_policing;
    class->get_qos = get_qos;
    class->set_qos = set_qos;
    class->get_queue = get_queue;
    class->set_queue = set_queue;
    class->delete_queue = delete_queue;
    class->get_queue_stats = get_queue_stats;
    class->queue_dump_start = queue_dump_start;
    class->queue_dump_next = queue_dump_next;
    class->queue_dump_done = queue_dump_done;
}

/* Life. */

void
vdpa_policing_init(struct vdpa_policing *p)
{
    memset(p, 0, sizeof *p);
    hmap_init(&p->queues);
}

void
vdpa_policing_uninit(struct vdpa_policing *p)
{
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        dpdk_vdpa_policer_destroy(p->policers[dir]);
    }
    delete_queues(p);
    hmap_destroy(&p->queues);
    free(p->error);
    free(p->found);
}

void
vdpa_policing_format(const struct vdpa_port *port, struct ds *ds)
{
    const struct vdpa_policing *p = &port->policing;

    if (p->kbits_rate) {
        ds_put_format(ds, "from the guest %"PRIu32" kbit/s, burst %"PRIu32
                      " kbit; ", p->kbits_rate, p->kbits_burst);
    }
    if (p->kpkts_rate) {
        ds_put_format(ds, "from the guest %"PRIu32"000 packets/s, burst "
                      "%"PRIu32"000; ", p->kpkts_rate, p->kpkts_burst);
    }
    if (p->type) {
        ds_put_format(ds, "to the guest %s, cir %"PRIu64", cbs %"PRIu64,
                      p->type->name, p->meter.committed.rate,
                      p->meter.committed.burst);
        if (p->type->has_excess) {
            ds_put_format(ds, ", eir %"PRIu64", ebs %"PRIu64,
                          p->meter.excess.rate, p->meter.excess.burst);
        }
    }
    ds_chomp(ds, ' ');
    ds_chomp(ds, ';');
}
