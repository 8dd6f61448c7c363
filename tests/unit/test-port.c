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

/* Unit tests of finding ports and of waking the main thread, with netdevs of a
 * class of our own.  No port has ends. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/port/port.c"

#include "openvswitch/poll-loop.h"
#include "ovs-thread.h"
#include "timeval.h"

/* The ends, which nobody uses. */

static const struct dpdk_vdpa_vf_config no_config;

uint16_t
dpdk_vdpa_vf_recv(void *vf OVS_UNUSED, uint16_t queue OVS_UNUSED,
                  struct rte_mbuf **pkts OVS_UNUSED, uint16_t n OVS_UNUSED)
{
    return 0;
}

uint16_t
dpdk_vdpa_vf_send(void *vf OVS_UNUSED, uint16_t queue OVS_UNUSED,
                  struct rte_mbuf **pkts OVS_UNUSED, uint16_t n OVS_UNUSED)
{
    return 0;
}

int
dpdk_vdpa_vf_never_fits(void *vf OVS_UNUSED, uint16_t queue OVS_UNUSED,
                        struct rte_mbuf *pkt OVS_UNUSED)
{
    return -1;
}

uint16_t
dpdk_vdpa_vm_recv(void *vm OVS_UNUSED, uint16_t queue OVS_UNUSED,
                  struct rte_mbuf **pkts OVS_UNUSED, uint16_t n OVS_UNUSED)
{
    return 0;
}

uint16_t
dpdk_vdpa_vm_send(void *vm OVS_UNUSED, uint16_t queue OVS_UNUSED,
                  struct rte_mbuf **pkts OVS_UNUSED, uint16_t n OVS_UNUSED)
{
    return 0;
}

int
dpdk_vdpa_vm_never_fits(void *vm OVS_UNUSED, uint16_t queue OVS_UNUSED,
                        struct rte_mbuf *pkt OVS_UNUSED)
{
    return -1;
}

void
dpdk_vdpa_vm_settle(void *vm OVS_UNUSED, uint16_t queue OVS_UNUSED,
                    struct rte_mbuf **pkts OVS_UNUSED, uint16_t n OVS_UNUSED)
{
}

bool
dpdk_vdpa_vm_has_lent(void *vm OVS_UNUSED, uint16_t queue OVS_UNUSED)
{
    return false;
}

void
dpdk_vdpa_vf_let_go(void *vf OVS_UNUSED, uint16_t queue OVS_UNUSED)
{
}

uint16_t
dpdk_vdpa_vf_send_lent(void *vf OVS_UNUSED, uint16_t queue OVS_UNUSED,
                       struct rte_mbuf **pkts OVS_UNUSED,
                       uint16_t n OVS_UNUSED)
{
    return 0;
}

uint16_t
dpdk_vdpa_vf_max_lent_segs(const struct dpdk_vdpa_vf *vf OVS_UNUSED,
                           const char **whyp)
{
    *whyp = "it is a stub";
    return 0;
}

void
vdpa_lending_init(struct vdpa_lending *lending OVS_UNUSED)
{
}

void
vdpa_lending_uninit(struct vdpa_lending *lending OVS_UNUSED)
{
}

void
vdpa_lending_hold(struct vdpa_lending *lending OVS_UNUSED)
{
}

void
vdpa_lending_set_vf(struct vdpa_lending *lending OVS_UNUSED,
                    struct dpdk_vdpa_vf *vf OVS_UNUSED)
{
}

void
vdpa_lending_update(struct vdpa_port *port OVS_UNUSED)
{
}

bool
dpdk_vdpa_vf_arm(void *vf OVS_UNUSED, uint16_t queue OVS_UNUSED,
                 struct dpdk_vdpa_waiter *waiter OVS_UNUSED)
{
    return false;
}

void
dpdk_vdpa_vf_disarm(void *vf OVS_UNUSED, uint16_t queue OVS_UNUSED)
{
}

bool
dpdk_vdpa_vm_arm(void *vm OVS_UNUSED, uint16_t queue OVS_UNUSED,
                 struct dpdk_vdpa_waiter *waiter OVS_UNUSED)
{
    return false;
}

void
dpdk_vdpa_vm_disarm(void *vm OVS_UNUSED, uint16_t queue OVS_UNUSED)
{
}

bool
dpdk_vdpa_vm_prepare_lro(void *vm OVS_UNUSED, struct rte_mbuf *pkt OVS_UNUSED)
{
    return false;
}

const struct dpdk_vdpa_vf_config *
dpdk_vdpa_vf_get_config(const struct dpdk_vdpa_vf *vf OVS_UNUSED)
{
    return &no_config;
}

#define STUB(TYPE, NAME, ARG, VALUE)                                        \
    TYPE                                                                    \
    NAME(const ARG *arg OVS_UNUSED)                                         \
    {                                                                       \
        return VALUE;                                                       \
    }
STUB(uint32_t, dpdk_vdpa_vf_max_frame_len, struct dpdk_vdpa_vf, 0)
STUB(uint64_t, dpdk_vdpa_vf_tx_offloads, struct dpdk_vdpa_vf, 0)
STUB(uint16_t, dpdk_vdpa_vf_rxq_size, struct dpdk_vdpa_vf, 0)
STUB(bool, dpdk_vdpa_vf_is_started, struct dpdk_vdpa_vf, false)
STUB(bool, dpdk_vdpa_vf_link_is_up, struct dpdk_vdpa_vf, false)
STUB(struct rte_mempool *, dpdk_vdpa_vf_mempool, struct dpdk_vdpa_vf, NULL)
STUB(const char *, dpdk_vdpa_vf_devargs, struct dpdk_vdpa_vf, "")
STUB(int, dpdk_vdpa_vf_numa_node, struct dpdk_vdpa_vf, 0)
STUB(const char *, dpdk_vdpa_hw_devargs, struct dpdk_vdpa_hw, "")
STUB(int, dpdk_vdpa_hw_numa_node, struct dpdk_vdpa_hw, 0)
STUB(bool, dpdk_vdpa_hw_is_running, struct dpdk_vdpa_hw, false)
STUB(bool, dpdk_vdpa_vm_is_up, struct dpdk_vdpa_vm, false)

void
dpdk_vdpa_vm_get_enabled(const struct dpdk_vdpa_vm *vm OVS_UNUSED,
                         bool *enabled OVS_UNUSED, unsigned int n OVS_UNUSED)
{
}

void
dpdk_vdpa_vm_set_mempool(struct dpdk_vdpa_vm *vm OVS_UNUSED,
                         struct rte_mempool *mempool OVS_UNUSED)
{
}

void
dpdk_vdpa_notes_close(struct dpdk_vdpa_notes *notes OVS_UNUSED)
{
}

/* The class. */

static atomic_count n_netdevs = ATOMIC_COUNT_INIT(0);

static struct netdev *
fake_alloc(void)
{
    return xzalloc(sizeof(struct netdev));
}

static int
fake_construct(struct netdev *netdev)
{
    vdpa_port_create(netdev, dpdk_vdpa_relay_create());
    atomic_count_inc(&n_netdevs);
    return 0;
}

static void
fake_destruct(struct netdev *netdev OVS_UNUSED)
{
}

static void
fake_dealloc(struct netdev *netdev)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);

    vdpa_port_remove(port);
    vdpa_port_free(port);
    atomic_count_dec(&n_netdevs);
    free(netdev);
}

static const struct netdev_class fake_class = {
    .type = "fake",
    .alloc = fake_alloc,
    .construct = fake_construct,
    .destruct = fake_destruct,
    .dealloc = fake_dealloc,
};

static struct netdev *
open_fake(const char *name)
{
    struct netdev *netdev;

    assert_int_equal(netdev_open(name, "fake", &netdev), 0);
    return netdev;
}

/* What another thread reports wakes the main thread at once, whether it sleeps
 * already or is about to. */
static void *
wake_port(void *port)
{
    vdpa_port_wake_main(port);
    return NULL;
}

static void
check_wakes(bool first)
{
    struct netdev *netdev = open_fake("p0");
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    long long int start = time_msec();
    pthread_t thread;
    bool changed;

    vdpa_port_wake_run();
    thread = ovs_thread_create("wake", wake_port, port);
    if (first) {
        xpthread_join(thread, NULL);
    }
    vdpa_port_wake_wait();
    poll_timer_wait(20000);
    poll_block();
    assert_true(time_msec() - start < 10000);
    atomic_read(&port->changed, &changed);
    assert_true(changed);
    if (!first) {
        xpthread_join(thread, NULL);
    }
    netdev_close(netdev);
}

static void
test_wake(void **state OVS_UNUSED)
{
    check_wakes(true);
    check_wakes(false);
}

/* Open vSwitch asks for the status in other threads, too, which never own a
 * port. */
static void *
try_to_take(void *taken)
{
    *(bool *) taken = vdpa_port_try_take();
    return NULL;
}

static void
test_owner(void **state OVS_UNUSED)
{
    bool taken = true;

    xpthread_join(ovs_thread_create("other", try_to_take, &taken), NULL);
    assert_false(taken);
    try_to_take(&taken);
    assert_true(taken);
}

static void
count_port(struct vdpa_port *port, void *n)
{
    assert_non_null(port);
    assert_true(vdpa_port_lookup(port->netdev) == port);
    ++*(unsigned int *) n;
}

/* What is told is told again, once. */
static void
test_tell(void **state OVS_UNUSED)
{
    struct netdev *netdev = open_fake("p0");
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    long long int now = time_msec();
    uint64_t seq = netdev_get_change_seq(netdev);

    vdpa_port_tell_again(port, now + 5000);
    assert_int_equal(netdev_get_change_seq(netdev), seq);

    vdpa_port_tell_change(port);
    assert_int_equal(netdev_get_change_seq(netdev), ++seq);
    vdpa_port_tell_again(port, now + 500);
    assert_int_equal(netdev_get_change_seq(netdev), seq);
    vdpa_port_tell_again(port, now + 5000);
    assert_int_equal(netdev_get_change_seq(netdev), ++seq);
    vdpa_port_tell_again(port, now + 10000);
    assert_int_equal(netdev_get_change_seq(netdev), seq);
    netdev_close(netdev);
}

/* A port with many events leaves the others theirs in the log. */
static void
test_log_share(void **state OVS_UNUSED)
{
    struct netdev *a = open_fake("a");
    struct netdev *b = open_fake("b");

    for (int i = 0; i < 1000; i++) {
        vdpa_port_event(vdpa_port_lookup(a), "this is number %d", i);
    }
    vdpa_port_event(vdpa_port_lookup(b), "this is the only one");
    assert_true(vdpa_port_lookup(a)->events_limit.n_dropped > 900);
    assert_int_equal(vdpa_port_lookup(b)->events_limit.n_dropped, 0);
    netdev_close(a);
    netdev_close(b);
}

/* Makes the other reference to a port's netdev go while it is looked at. */
static void
close_other(struct vdpa_port *port, void *netdev)
{
    assert_true(port->netdev == netdev);
    netdev_close(netdev);
}

static void
test_for_each(void **state OVS_UNUSED)
{
    struct netdev *a = open_fake("a");
    struct netdev *b = open_fake("b");
    unsigned int n = 0;

    vdpa_port_for_each(count_port, &n);
    assert_int_equal(n, 2);
    netdev_close(b);
    vdpa_port_for_each(close_other, a);
    vdpa_port_for_each(count_port, &n);
    assert_int_equal(n, 2);
    assert_int_equal(atomic_count_get(&n_netdevs), 0);
}

/* Netdevs come and go in other threads while the main thread looks at them:
 * neither waits for the other in vain, nor looks at what is gone. */
static atomic_bool churn = true;

static void *
churn_netdevs(void *name)
{
    bool again;

    do {
        netdev_close(open_fake(name));
        atomic_read(&churn, &again);
    } while (again);
    return NULL;
}

static void
test_churn(void **state OVS_UNUSED)
{
    pthread_t threads[2];
    unsigned int n = 0;

    threads[0] = ovs_thread_create("churn", churn_netdevs,
                                   CONST_CAST(char *, "c"));
    threads[1] = ovs_thread_create("churn", churn_netdevs,
                                   CONST_CAST(char *, "d"));
    for (int i = 0; i < 20000 || !n; i++) {
        vdpa_port_for_each(count_port, &n);
    }
    atomic_store(&churn, false);
    xpthread_join(threads[0], NULL);
    xpthread_join(threads[1], NULL);
    assert_int_equal(atomic_count_get(&n_netdevs), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_tell),
        cmocka_unit_test(test_log_share),
        cmocka_unit_test(test_for_each),
        cmocka_unit_test(test_churn),
    };

    vdpa_port_init(&fake_class, &fake_class);
    if (netdev_register_provider(&fake_class)) {
        return 1;
    }
    return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
