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

/* Unit tests of the guest's socket of a port, with scripted VM ends. */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/port/guest.c"
#include "tests/unit/test-fake-port.h"

/* What happens. */
static int create_error;
static int start_error;

/* What happened. */
static struct dpdk_vdpa_vm_config created;
static int n_equipped;
static bool is_disconnected;    /* The VM end that goes. */
static unsigned int n_vms;              /* There now. */
static unsigned int n_created;
static int n_notes;             /* Opened and not closed. */
static uint64_t library_rx, library_tx, n_lent;     /* What a VM end
                                                     * counted. */

static struct vdpa_port port;

/* VM ends. */

struct dpdk_vdpa_vm {
    uint64_t offloads;          /* To be offered next. */
    uint64_t withheld;
    struct dpdk_vdpa_vm_offer offer;
    bool started;
};

/* What the library has beside. */
#define A_FEATURE (1ULL << 40)
#define ANOTHER (1ULL << 41)

int
dpdk_vdpa_vm_create(const struct dpdk_vdpa_vm_config *config,
                    struct dpdk_vdpa_vm **vmp, char **errp)
{
    created = *config;
    if (create_error) {
        *errp = xstrdup("no socket");
        return create_error;
    }
    *vmp = xzalloc(sizeof **vmp);
    n_vms++;
    n_created++;
    return 0;
}

int
dpdk_vdpa_vm_start(struct dpdk_vdpa_vm *vm, char **errp)
{
    if (start_error) {
        *errp = xstrdup("no start");
    } else {
        vm->started = true;
        vm->offer.now = (vm->offloads | A_FEATURE | ANOTHER) & ~vm->withheld;
        vm->offer.withheld = vm->withheld;
    }
    return start_error;
}

void
dpdk_vdpa_vm_destroy(struct dpdk_vdpa_vm *vm)
{
    if (vm) {
        assert_ptr_not_equal(vm, port.vm);
        n_vms--;
        free(vm);
    }
}

void
dpdk_vdpa_vm_run(struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
}

void
dpdk_vdpa_vm_wait(struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
}

void
dpdk_vdpa_vm_set_max_pairs(struct dpdk_vdpa_vm *vm OVS_UNUSED,
                           unsigned int n OVS_UNUSED)
{
}

void
dpdk_vdpa_vm_set_features(struct dpdk_vdpa_vm *vm, uint64_t offloads,
                          uint64_t withheld)
{
    vm->offloads = offloads;
    vm->withheld = withheld;
}

bool
dpdk_vdpa_vm_get_offer(const struct dpdk_vdpa_vm *vm,
                       struct dpdk_vdpa_vm_offer *offer)
{
    *offer = vm->offer;
    offer->next = (vm->offloads | A_FEATURE | ANOTHER) & ~vm->withheld;
    return vm->started;
}

void
dpdk_vdpa_vm_set_vdpa(struct dpdk_vdpa_vm *vm OVS_UNUSED,
                      struct rte_vdpa_device *device OVS_UNUSED,
                      bool (*is_served)(const void *hw) OVS_UNUSED,
                      void (*end_logging)(const void *, int) OVS_UNUSED,
                      const void *hw OVS_UNUSED)
{
}

bool
dpdk_vdpa_hw_is_running(const struct dpdk_vdpa_hw *hw OVS_UNUSED)
{
    return true;
}

const char *
dpdk_vdpa_vm_path(const struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    return "/s";
}

void
vdpa_dmas_equip(const struct vdpa_port *p OVS_UNUSED,
                struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    n_equipped++;
}

void
vdpa_dmas_run(struct vdpa_port *p OVS_UNUSED)
{
}

void
vdpa_dmas_count(const struct dpdk_vdpa_vm *vm OVS_UNUSED,
                struct vdpa_dma_counts *sum)
{
    assert_true(is_disconnected);
    sum->rx += 6;
    sum->tx += 9;
    sum->tx_lost += 1;
}

void
dpdk_vdpa_vm_disconnect(struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    is_disconnected = true;
}

bool
dpdk_vdpa_vm_get_info(const struct dpdk_vdpa_vm *vm OVS_UNUSED,
                      struct dpdk_vdpa_vm_info *info)
{
    memset(info, 0, sizeof *info);
    info->walk.library_rx = library_rx;
    info->walk.library_tx = library_tx;
    info->walk.n_lent = n_lent;
    return false;
}

void
vdpa_lending_call_in(struct vdpa_lending *lending OVS_UNUSED,
                     bool by_force OVS_UNUSED)
{
}

bool
vdpa_lending_set_memory(struct vdpa_lending *lending OVS_UNUSED,
                        const struct dpdk_vdpa_vf_region *regions OVS_UNUSED,
                        unsigned int n OVS_UNUSED)
{
    return true;
}

void
vdpa_lending_lose_memory(struct vdpa_lending *lending OVS_UNUSED)
{
}

struct dpdk_vdpa_notes *
dpdk_vdpa_notes_open(const char *socket)
{
    static struct dpdk_vdpa_notes notes;

    assert_string_equal(socket, "/s");
    n_notes++;
    return &notes;
}

void
dpdk_vdpa_notes_close(struct dpdk_vdpa_notes *notes)
{
    n_notes -= notes != NULL;
}

/* Devices, which are some addresses. */

static uint64_t vf_tx_offloads;

uint64_t
dpdk_vdpa_vf_tx_offloads(const struct dpdk_vdpa_vf *vf OVS_UNUSED)
{
    return vf_tx_offloads;
}

struct rte_vdpa_device *
dpdk_vdpa_hw_device(const struct dpdk_vdpa_hw *hw OVS_UNUSED)
{
    return NULL;
}

/* The port. */

unsigned int
vdpa_port_n_pairs(const struct vdpa_port *p OVS_UNUSED)
{
    return 1;
}

void
vdpa_port_update_relay(struct vdpa_port *p OVS_UNUSED)
{
}

void
vdpa_port_hold_vm(struct vdpa_port *p OVS_UNUSED)
{
}

static int
setup(void **state OVS_UNUSED)
{
    memset(&port, 0, sizeof port);
    create_error = start_error = 0;
    vf_tx_offloads = 0;
    port.configured = true;
    port.admin_up = true;
    port.accel = VDPA_ACCEL_RELAY;
    port.vf = (struct dpdk_vdpa_vf *) &port;
    port.options.socket_path = CONST_CAST(char *, "/s");
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    /* With a VM end or without, the port goes on having the notes. */
    assert_int_equal(n_notes, port.notes != NULL);
    if (port.vm) {
        vdpa_guest_drop(&port);
        assert_int_equal(n_notes, 1);
    }
    dpdk_vdpa_notes_close(port.notes);
    assert_int_equal(n_vms, 0);
    free(port.reasons[VDPA_REASON_GUEST]);
    free(port.reasons[VDPA_REASON_FEATURES]);
    free(port.vm_dmas);
    return 0;
}

/* Post-copy and locked memory exclude each other. */
static void
test_postcopy(void **state OVS_UNUSED)
{
    struct smap config = SMAP_INITIALIZER(&config);

    vdpa_guest_init(&config);
    assert_true(vdpa_guest_repair(&port));
    assert_false(created.postcopy);
    assert_false(created.iommu);
    vdpa_guest_drop(&port);

    smap_add(&config, "vhost-postcopy-support", "true");
    smap_add(&config, "vhost-iommu-support", "true");
    vdpa_guest_init(&config);
    assert_true(vdpa_guest_repair(&port));
    assert_true(created.postcopy);
    assert_true(created.iommu);
    vdpa_guest_drop(&port);

    vdpa_compat_set_memory_locked();
    vdpa_guest_init(&config);
    assert_true(vdpa_guest_repair(&port));
    assert_false(created.postcopy);
    assert_true(created.iommu);
    smap_destroy(&config);
}

/* A socket that cannot be had now may be later. */
static void
test_repair(void **state OVS_UNUSED)
{
    int *const errors[] = { &create_error, &start_error };

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        *errors[i] = EADDRINUSE;
        assert_false(vdpa_guest_repair(&port));
        assert_false(vdpa_guest_is_whole(&port));
        assert_non_null(port.reasons[VDPA_REASON_GUEST]);
        assert_true(port.retry.next > 0);
        assert_int_equal(n_vms, 0);
        *errors[i] = 0;
        assert_true(vdpa_guest_repair(&port));
        assert_true(vdpa_guest_is_whole(&port));
        assert_null(port.reasons[VDPA_REASON_GUEST]);
        assert_int_equal(n_vms, 1);
        vdpa_guest_drop(&port);
    }
}

/* A new socket that does not start leaves the old one. */
static void
test_replace(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_vm *vm, *old;
    char *error = NULL;

    assert_true(vdpa_guest_repair(&port));
    old = port.vm;
    assert_int_equal(vdpa_guest_create(&port, "/t", &vm, &error), 0);
    start_error = EIO;
    assert_int_equal(vdpa_guest_replace(&port, vm, &error), EIO);
    assert_ptr_equal(port.vm, old);
    assert_string_equal(error, "no start");
    free(error);
}

/* A VM end has the engines that it was started with: others take another
 * one. */
static void
test_dmas(void **state OVS_UNUSED)
{
    char text[] = "[txq0@a]", other[] = "[txq0@b]";
    char *error = NULL;
    int n;

    assert_true(vdpa_guest_repair(&port));
    n = n_equipped;
    port.dmas.text = text;
    assert_int_equal(vdpa_guest_adapt(&port, &error), 0);
    assert_int_equal(n_equipped, n + 1);
    assert_int_equal(vdpa_guest_adapt(&port, &error), 0);
    assert_int_equal(n_equipped, n + 1);
    port.dmas.text = other;
    assert_int_equal(vdpa_guest_adapt(&port, &error), 0);
    assert_int_equal(n_equipped, n + 2);
    port.dmas.text = NULL;
    assert_int_equal(vdpa_guest_adapt(&port, &error), 0);
    assert_int_equal(n_equipped, n + 3);
    assert_int_equal(port.dma_counts.rx, 18);
    assert_int_equal(port.dma_counts.tx, 27);
    assert_int_equal(port.dma_counts.tx_lost, 3);
    assert_int_equal(n_vms, 1);
}

/* What a VM end counted stays when it goes or is replaced. */
static void
test_library(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_vm *vm;
    char *error = NULL;

    assert_true(vdpa_guest_repair(&port));
    library_rx = 5;
    library_tx = 70;
    n_lent = 800;
    assert_int_equal(vdpa_guest_create(&port, "/s", &vm, &error), 0);
    assert_int_equal(vdpa_guest_replace(&port, vm, &error), 0);
    assert_int_equal(port.library_rx, 5);
    assert_int_equal(port.library_tx, 70);
    assert_int_equal(port.lent, 800);
    library_rx = 1;
    library_tx = 2;
    n_lent = 3;
    vdpa_guest_drop(&port);
    assert_int_equal(port.library_rx, 6);
    assert_int_equal(port.library_tx, 72);
    assert_int_equal(port.lent, 803);
    library_rx = library_tx = n_lent = 0;
}

/* What guests may be offered by any VF. */
#define ALWAYS (1ULL << VIRTIO_NET_F_GUEST_CSUM | VDPA_FEATURES_ON_REQUEST)

/* A guest that was offered more than a new VF does connects anew. */
static void
test_adapt(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_vm *old;
    char *error = NULL;

    vf_tx_offloads = RTE_MBUF_F_TX_TCP_CKSUM;
    assert_true(vdpa_guest_repair(&port));
    old = port.vm;
    assert_int_equal(old->offloads, ALWAYS | 1ULL << VIRTIO_NET_F_CSUM);
    vf_tx_offloads |= RTE_MBUF_F_TX_TCP_SEG;
    assert_int_equal(vdpa_guest_adapt(&port, &error), 0);
    assert_ptr_equal(port.vm, old);

    vf_tx_offloads = 0;
    start_error = EIO;
    assert_int_equal(vdpa_guest_adapt(&port, &error), EIO);
    assert_false(vdpa_guest_is_whole(&port));
    free(error);
    start_error = 0;
    assert_true(vdpa_guest_repair(&port));
    assert_int_equal(port.vm->offloads, ALWAYS);
}

/* Adapts to 'withheld' and returns whether the guest connected anew. */
static bool
withhold(uint64_t withheld)
{
    unsigned int n = n_created;
    char *error = NULL;

    port.withheld = withheld;
    assert_int_equal(vdpa_guest_adapt(&port, &error), 0);
    return n_created != n;
}

/* A guest learns of what it is offered by connecting anew, unless QEMU would
 * refuse that because the guest has it already. */
static void
test_withhold(void **state OVS_UNUSED)
{
    assert_true(vdpa_guest_repair(&port));
    assert_false(withhold(0));
    assert_true(withhold(A_FEATURE));
    assert_int_equal(port.vm->offer.now & (A_FEATURE | ANOTHER), ANOTHER);
    assert_false(withhold(A_FEATURE));
    /* Nobody offers that anyway. */
    assert_false(withhold(A_FEATURE | 1ULL << 50));
    assert_true(withhold(1ULL << 50));

    port.vm->offer.taken = A_FEATURE | 1ULL << VIRTIO_NET_F_GUEST_CSUM;
    assert_true(withhold(ANOTHER));
    port.vm->offer.taken = A_FEATURE | 1ULL << VIRTIO_NET_F_GUEST_CSUM;
    assert_false(withhold(A_FEATURE | 1ULL << VIRTIO_NET_F_GUEST_CSUM));
    assert_non_null(strstr(port.reasons[VDPA_REASON_FEATURES], "guest_csum"));
    assert_false(withhold(ANOTHER));
    assert_null(port.reasons[VDPA_REASON_FEATURES]);

    /* The reason goes with the front-end. */
    assert_false(withhold(A_FEATURE | ANOTHER));
    vdpa_guest_run(&port);
    assert_non_null(port.reasons[VDPA_REASON_FEATURES]);
    port.vm->offer.taken = 0;
    vdpa_guest_run(&port);
    assert_null(port.reasons[VDPA_REASON_FEATURES]);
}

/* In hardware mode a port that is set down has no guest, whatever happens. */
static void
test_admin(void **state OVS_UNUSED)
{
    char *error = NULL;

    port.accel = VDPA_ACCEL_VDPA;
    port.vf = NULL;
    port.hw = (struct dpdk_vdpa_hw *) &port;
    assert_true(vdpa_guest_repair(&port));
    port.admin_up = false;
    vdpa_guest_admin_changed(&port);
    assert_null(port.vm);
    assert_true(vdpa_guest_is_whole(&port));
    assert_true(vdpa_guest_repair(&port));
    assert_int_equal(vdpa_guest_make(&port, "/s", &error), 0);
    assert_null(port.vm);
    port.admin_up = true;
    vdpa_guest_admin_changed(&port);
    assert_non_null(port.vm);

    /* The relay has other means. */
    port.accel = VDPA_ACCEL_RELAY;
    port.hw = NULL;
    port.vf = (struct dpdk_vdpa_vf *) &port;
    port.admin_up = false;
    vdpa_guest_admin_changed(&port);
    assert_non_null(port.vm);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_repair),
        TEST(test_replace),
        TEST(test_dmas),
        TEST(test_library),
        TEST(test_adapt),
        TEST(test_withhold),
        TEST(test_admin),
        TEST(test_postcopy),
    };

    return cmocka_run_group_tests_name("port-guest", tests, NULL, NULL);
}
