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

/* Unit tests of who polices a port's packets, with a scripted base class in
 * the representor's place. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/port/policing.c"

#include "tests/unit/test-eal.h"

static struct vdpa_port port;
static struct netdev netdev;
static struct netdev_class verbs;       /* Ours. */
static unsigned int n_updates;          /* Of the relay. */

/* What the representor has. */
static struct {
    unsigned int kbits_rate;
    unsigned int kpkts_rate;
    char type[32];
    uint64_t cir;
    unsigned int n_queues;
} rep;

static int
base_set_policing(struct netdev *n OVS_UNUSED, unsigned int kbits_rate,
                  unsigned int kbits_burst, unsigned int kpkts_rate,
                  unsigned int kpkts_burst)
{
    assert_int_equal(kbits_rate != 0, kbits_burst != 0);
    assert_int_equal(kpkts_rate != 0, kpkts_burst != 0);
    rep.kbits_rate = kbits_rate;
    rep.kpkts_rate = kpkts_rate;
    return 0;
}

static int
base_set_qos(struct netdev *n OVS_UNUSED, const char *type,
             const struct smap *details)
{
    ovs_strlcpy(rep.type, type, sizeof rep.type);
    rep.cir = smap_get_ullong(details, "cir", 0);
    rep.n_queues = 0;
    return 0;
}

static int
base_set_queue(struct netdev *n OVS_UNUSED, unsigned int id OVS_UNUSED,
               const struct smap *details)
{
    assert_true(smap_get_ullong(details, "cir", 0) > 0);
    rep.n_queues++;
    return 0;
}

static int
base_get_queue_stats(const struct netdev *n OVS_UNUSED, unsigned int id,
                     struct netdev_queue_stats *stats)
{
    stats->tx_packets = 1000 + id;
    return 0;
}

static const struct netdev_class base = {
    .set_policing = base_set_policing,
    .set_qos = base_set_qos,
    .set_queue = base_set_queue,
    .get_queue_stats = base_get_queue_stats,
};
const struct netdev_class *vdpa_base_class = &base;

struct vdpa_port *
vdpa_port_lookup(const struct netdev *n)
{
    assert_ptr_equal(n, &netdev);
    return &port;
}

void
vdpa_port_update_relay(struct vdpa_port *p OVS_UNUSED)
{
    n_updates++;
}

void
vdpa_port_set_reason(struct vdpa_port *p, enum vdpa_reason reason, char *text)
{
    assert_int_equal(reason, VDPA_REASON_POLICING);
    free(p->reasons[reason]);
    p->reasons[reason] = text;
}

static int
setup(void **state OVS_UNUSED)
{
    memset(&port, 0, sizeof port);
    memset(&rep, 0, sizeof rep);
    port.netdev = &netdev;
    ovs_mutex_init(&port.mutex);
    vdpa_policing_init(&port.policing);
    vdpa_policing_add_verbs(&verbs);
    n_updates = 0;
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    vdpa_policing_uninit(&port.policing);
    free(port.reasons[VDPA_REASON_POLICING]);
    ovs_mutex_destroy(&port.mutex);
    return 0;
}

/* Fails unless 'text' is part of config_error, or that is empty if null. */
static void
check_error(const char *text)
{
    const char *error = port.reasons[VDPA_REASON_POLICING];

    assert_int_equal(error != NULL, text != NULL);
    if (text && !strstr(error, text)) {
        fail_msg("\"%s\" does not say \"%s\"", error, text);
    }
}

/* Fails unless vdpa_policing_format() says 'text'. */
static void
check_format(const char *text)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    vdpa_policing_format(&port, &ds);
    assert_string_equal(ds_cstr(&ds), text);
    ds_destroy(&ds);
}

static bool
is_policed(enum dpdk_vdpa_direction dir)
{
    return port.policing.policers[dir] != NULL;
}

static void
test_ingress(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_policer *policer;

    assert_int_equal(verbs.set_policing(&netdev, 0, 0, 0, 0), 0);
    assert_int_equal(n_updates, 0);
    assert_int_equal(verbs.set_policing(&netdev, 1000, 0, 0, 0), 0);
    policer = port.policing.policers[DPDK_VDPA_VM_TO_VF];
    assert_non_null(policer);
    assert_false(is_policed(DPDK_VDPA_VF_TO_VM));
    check_format("from the guest 1000 kbit/s, burst 8000 kbit");

    /* Nothing new is nothing to do: its bucket is not filled again. */
    verbs.set_policing(&netdev, 1000, 8000, 0, 77);
    assert_ptr_equal(port.policing.policers[DPDK_VDPA_VM_TO_VF], policer);
    assert_int_equal(n_updates, 1);
    verbs.set_policing(&netdev, 1000, 100, 5, 0);
    check_format("from the guest 1000 kbit/s, burst 100 kbit; "
                 "from the guest 5000 packets/s, burst 16000");
    verbs.set_policing(&netdev, 0, 0, 5, 1);
    assert_true(is_policed(DPDK_VDPA_VM_TO_VF));
    verbs.set_policing(&netdev, 0, 0, 0, 0);
    assert_false(is_policed(DPDK_VDPA_VM_TO_VF));
    assert_int_equal(rep.kbits_rate, 0);
    check_error(NULL);
    check_format("");
}

/* The way Open vSwitch goes whenever the database changes. */
static void
apply_qos(const char *type, const char *const *details)
{
    struct smap smap = SMAP_INITIALIZER(&smap);

    for (; details && *details; details += 2) {
        smap_add(&smap, details[0], details[1]);
    }
    verbs.set_qos(&netdev, type, &smap);
    smap_clear(&smap);
    verbs.set_queue(&netdev, 0, &smap);
    verbs.set_policing(&netdev, 0, 0, 0, 0);
    smap_destroy(&smap);
}

#define DETAILS(...) (const char *const[]) { __VA_ARGS__, NULL }
#define GOOD DETAILS("cir", "1000", "cbs", "2000")

static void
test_qos(void **state OVS_UNUSED)
{
    struct smap details = SMAP_INITIALIZER(&details);
    struct dpdk_vdpa_policer *policer;
    const char *type;

    apply_qos("", NULL);
    verbs.get_qos(&netdev, &type, &details);
    assert_string_equal(type, "");
    apply_qos("egress-policer", GOOD);
    assert_true(is_policed(DPDK_VDPA_VF_TO_VM));
    assert_false(is_policed(DPDK_VDPA_VM_TO_VF));
    assert_string_equal(rep.type, "");
    verbs.get_qos(&netdev, &type, &details);
    assert_string_equal(type, "egress-policer");
    assert_string_equal(smap_get(&details, "cir"), "1000");
    assert_string_equal(smap_get(&details, "cbs"), "2000");
    check_format("to the guest egress-policer, cir 1000, cbs 2000");
    policer = port.policing.policers[DPDK_VDPA_VF_TO_VM];
    apply_qos("egress-policer", GOOD);
    assert_ptr_equal(port.policing.policers[DPDK_VDPA_VF_TO_VM], policer);

    /* What is wrong leaves what there is. */
    apply_qos("linux-htb", GOOD);
    check_error("no type \"linux-htb\" here; use egress-policer or "
                "trtcm-policer");
    apply_qos("egress-policer", DETAILS("cir", "fast", "cbs", "1"));
    check_error("egress-policer: cir \"fast\" is not a number");
    apply_qos("egress-policer", DETAILS("cir", "-1", "cbs", "1"));
    check_error("cir \"-1\"");
    apply_qos("egress-policer", DETAILS("cbs", "1"));
    check_error("egress-policer: it needs cir");
    apply_qos("egress-policer", DETAILS("cir", "1"));
    check_error("egress-policer: it needs cbs");
    apply_qos("trtcm-policer", DETAILS("eir", "1"));
    check_error("trtcm-policer: with eir it needs ebs");
    assert_ptr_equal(port.policing.policers[DPDK_VDPA_VF_TO_VM], policer);
    check_format("to the guest egress-policer, cir 1000, cbs 2000");
    apply_qos("egress-policer", GOOD);
    check_error(NULL);
    apply_qos("", NULL);
    assert_false(is_policed(DPDK_VDPA_VF_TO_VM));
    smap_destroy(&details);
}

static unsigned int
count_queues(void)
{
    struct smap details = SMAP_INITIALIZER(&details);
    unsigned int id, n = 0;
    void *dump;

    assert_int_equal(verbs.queue_dump_start(&netdev, &dump), 0);
    while (!verbs.queue_dump_next(&netdev, dump, &id, &details)) {
        assert_int_equal(smap_count(&details), 4);
        smap_clear(&details);
        n++;
    }
    verbs.queue_dump_done(&netdev, dump);
    smap_destroy(&details);
    return n;
}

static void
test_queues(void **state OVS_UNUSED)
{
    struct smap details = SMAP_INITIALIZER(&details);
    struct netdev_queue_stats stats;

    apply_qos("trtcm-policer", GOOD);
    assert_int_equal(count_queues(), 1);
    assert_int_equal(verbs.get_queue(&netdev, 0, &details), 0);
    assert_string_equal(smap_get(&details, "cir"), "1000");
    assert_string_equal(smap_get(&details, "ebs"), "0");
    check_error(NULL);

    /* The relay cannot tell which packet is for which queue. */
    smap_clear(&details);
    smap_add(&details, "cir", "5");
    assert_int_equal(verbs.set_queue(&netdev, 3, &details), EINVAL);
    verbs.set_policing(&netdev, 0, 0, 0, 0);
    check_error("trtcm-policer, queue 3: it needs cbs");
    smap_add(&details, "cbs", "6");
    assert_int_equal(verbs.set_queue(&netdev, 3, &details), 0);
    verbs.set_policing(&netdev, 0, 0, 0, 0);
    check_error("queue 0 counts for all");
    assert_int_equal(count_queues(), 2);
    assert_int_equal(verbs.get_queue_stats(&netdev, 0, &stats), 0);
    assert_int_equal(stats.tx_packets, 0);
    assert_int_equal(verbs.get_queue_stats(&netdev, 7, &stats), EINVAL);
    assert_int_equal(verbs.delete_queue(&netdev, 7), EINVAL);
    assert_int_equal(verbs.delete_queue(&netdev, 3), 0);
    check_error(NULL);

    /* Queues of what is refused are not the queues of what there is. */
    verbs.set_qos(&netdev, "linux-htb", &details);
    assert_int_equal(verbs.set_queue(&netdev, 4, &details), EOPNOTSUPP);
    assert_int_equal(verbs.delete_queue(&netdev, 0), EINVAL);
    verbs.set_policing(&netdev, 0, 0, 0, 0);
    assert_int_equal(count_queues(), 1);

    apply_qos("egress-policer", GOOD);
    assert_int_equal(count_queues(), 0);
    smap_destroy(&details);
}

/* Only one of relay and representor polices. */
static void
test_modes(void **state OVS_UNUSED)
{
    struct netdev_queue_stats stats;

    apply_qos("trtcm-policer", GOOD);
    verbs.set_policing(&netdev, 1000, 0, 3, 0);
    vdpa_policing_adapt(&port);
    assert_true(is_policed(DPDK_VDPA_VM_TO_VF));

    port.hw = (struct dpdk_vdpa_hw *) &port;
    vdpa_policing_adapt(&port);
    assert_false(is_policed(DPDK_VDPA_VM_TO_VF));
    assert_false(is_policed(DPDK_VDPA_VF_TO_VM));
    assert_int_equal(rep.kbits_rate, 1000);
    assert_int_equal(rep.kpkts_rate, 3);
    assert_string_equal(rep.type, "trtcm-policer");
    assert_int_equal(rep.cir, 1000);
    assert_int_equal(rep.n_queues, 1);
    check_error("trtcm-policer: a vDPA device polices nothing");
    verbs.get_queue_stats(&netdev, 0, &stats);
    assert_int_equal(stats.tx_packets, 1000);

    apply_qos("", NULL);
    verbs.set_policing(&netdev, 500, 0, 0, 0);
    check_error("ingress_policing_rate: a vDPA device polices nothing");
    assert_int_equal(rep.kbits_rate, 500);
    assert_string_equal(rep.type, "");

    port.hw = NULL;
    vdpa_policing_adapt(&port);
    assert_true(is_policed(DPDK_VDPA_VM_TO_VF));
    assert_int_equal(rep.kbits_rate, 0);
    check_error(NULL);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ingress),
        TEST(test_qos),
        TEST(test_queues),
        TEST(test_modes),
    };

    return cmocka_run_group_tests_name("policing", tests, test_eal_setup, NULL);
}
