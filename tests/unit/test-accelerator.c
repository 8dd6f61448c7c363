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

/* Unit tests of what serves the guest of a port, and of how it gets back to
 * something that works, between scripted devices, sockets and ports. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_lcore.h>

static unsigned int
fake_lcore_count(void)
{
    return 1;
}

#define rte_lcore_count fake_lcore_count
#include "lib/port/accelerator.c"

/* What happens. */
static struct {
    bool hardware;              /* Devices are on a bus of real hardware. */
    bool exists;                /* As far as a cheap look tells. */
    int claim_error;            /* Of vdpa_claim_vf(). */
    int vdpa_error;             /* Of vdpa_claim_vdpa(). */
    int pair_error;             /* Of vdpa_claim_check_pair(). */
    int n_good_starts;          /* dpdk_vdpa_vf_start() works so often. */
    uint16_t bad_mtu;           /* But never with this one. */
    unsigned int max_threads;   /* Nor for more threads. */
    bool removed;               /* What the VF reports. */
    bool needs_reset;
    char *fault;                /* What the vDPA device reports. */
    bool waits;                 /* It waits in vain. */
    uint16_t mtu;               /* Of the netdev. */
    bool lro;                   /* The VF has it. */
    uint64_t guest_features;
} script;

/* What happened. */
static struct {
    unsigned int n_claims;      /* There now. */
    unsigned int n_vfs;
    unsigned int n_hws;
    unsigned int n_starts;
    unsigned int n_repairs;     /* Of the guest. */
    unsigned int n_dead;        /* Claims on dead devices given up. */
    bool policed_by_hw;
} seen;

static struct vdpa_port port;

/* Claims. */

struct vdpa_claim {
    char *devargs;
};

static struct vdpa_claim *
new_claim(const char *devargs)
{
    struct vdpa_claim *claim = xmalloc(sizeof *claim);

    /* Probing may take long: a guest that comes meanwhile must not meet a
     * device that is gone. */
    assert_true(!port.vf || seen.n_vfs);
    claim->devargs = xstrdup(devargs);
    seen.n_claims++;
    return claim;
}

int
vdpa_claim_vf(const char *devargs, const char *owner OVS_UNUSED,
              struct vdpa_claim **claimp, char **errp)
{
    if (script.claim_error) {
        *errp = xasprintf("no VF %s", devargs);
    } else {
        *claimp = new_claim(devargs);
    }
    return script.claim_error;
}

int
vdpa_claim_vdpa(const char *devargs, const char *owner OVS_UNUSED,
                struct vdpa_claim **claimp, char **errp)
{
    if (script.vdpa_error) {
        *errp = xasprintf("no vDPA device %s", devargs);
    } else {
        *claimp = new_claim(devargs);
    }
    return script.vdpa_error;
}

void
vdpa_claim_release(struct vdpa_claim *claim, bool dead)
{
    if (claim) {
        seen.n_claims--;
        seen.n_dead += dead;
        free(claim->devargs);
        free(claim);
    }
}

uint16_t
vdpa_claim_port_id(const struct vdpa_claim *claim OVS_UNUSED)
{
    return 0;
}

struct rte_vdpa_device *
vdpa_claim_device(const struct vdpa_claim *claim OVS_UNUSED)
{
    return NULL;
}

const char *
vdpa_claim_name(const struct vdpa_claim *claim)
{
    return claim->devargs;
}

/* The device is the first letter. */
bool
vdpa_claim_is_device(const struct vdpa_claim *claim, const char *devargs)
{
    return claim->devargs[0] == devargs[0];
}

bool
vdpa_claim_is_hardware(const char *devargs OVS_UNUSED)
{
    return script.hardware;
}

bool
vdpa_claim_may_exist(const char *devargs OVS_UNUSED)
{
    return script.exists;
}

int
vdpa_claim_check_pair(const struct vdpa_claim *claim OVS_UNUSED,
                      const struct vdpa_place *rep OVS_UNUSED, bool *unknown,
                      char **errp)
{
    *unknown = false;
    if (script.pair_error) {
        *errp = xstrdup("another representor");
    }
    return script.pair_error;
}

/* VFs. */

struct dpdk_vdpa_vf {
    char *devargs;
    struct dpdk_vdpa_vf_config config;
};

struct dpdk_vdpa_vf *
dpdk_vdpa_vf_open(const char *devargs, const char *device_name OVS_UNUSED,
                  uint16_t port_id OVS_UNUSED)
{
    struct dpdk_vdpa_vf *vf = xzalloc(sizeof *vf);

    vf->devargs = xstrdup(devargs);
    seen.n_vfs++;
    return vf;
}

void
dpdk_vdpa_vf_close(struct dpdk_vdpa_vf *vf)
{
    if (vf) {
        assert_ptr_not_equal(vf, port.vf);
        seen.n_vfs--;
        free(vf->devargs);
        free(vf);
    }
}

int
dpdk_vdpa_vf_start(struct dpdk_vdpa_vf *vf,
                   const struct dpdk_vdpa_vf_config *config, char **errp)
{
    seen.n_starts++;
    if (config->mtu == script.bad_mtu || script.n_good_starts <= 0) {
        *errp = xasprintf("no start with MTU %u", config->mtu);
        return EIO;
    } else if (config->n_threads > script.max_threads) {
        *errp = xasprintf("no start for %u threads", config->n_threads);
        return ENOMEM;
    }
    script.n_good_starts--;
    script.needs_reset = false;
    vf->config = *config;
    return 0;
}

bool
dpdk_vdpa_vf_is_enough_for(const struct dpdk_vdpa_vf *vf,
                           unsigned int n)
{
    return vf->config.n_threads >= n;
}

void
dpdk_vdpa_vf_set_callback(struct dpdk_vdpa_vf *vf OVS_UNUSED,
                          void (*changed)(void *aux) OVS_UNUSED,
                          void *aux OVS_UNUSED)
{
}

const struct dpdk_vdpa_vf_config *
dpdk_vdpa_vf_get_config(const struct dpdk_vdpa_vf *vf)
{
    return &vf->config;
}

unsigned int
dpdk_vdpa_vf_max_pairs(const struct dpdk_vdpa_vf *vf OVS_UNUSED)
{
    return 4;
}

const char *
dpdk_vdpa_vf_devargs(const struct dpdk_vdpa_vf *vf)
{
    return vf->devargs;
}

bool
dpdk_vdpa_vf_has_lro(const struct dpdk_vdpa_vf *vf OVS_UNUSED)
{
    return script.lro;
}

bool
dpdk_vdpa_vf_is_removed(const struct dpdk_vdpa_vf *vf OVS_UNUSED)
{
    return script.removed;
}

bool
dpdk_vdpa_vf_needs_reset(const struct dpdk_vdpa_vf *vf OVS_UNUSED)
{
    return script.needs_reset;
}

/* vDPA devices. */

struct dpdk_vdpa_hw {
    char *devargs;
};

int
dpdk_vdpa_hw_open(const char *devargs, const char *name OVS_UNUSED,
                  struct rte_vdpa_device *device OVS_UNUSED,
                  struct dpdk_vdpa_hw **hwp, char **errp OVS_UNUSED)
{
    *hwp = xmalloc(sizeof **hwp);
    (*hwp)->devargs = xstrdup(devargs);
    seen.n_hws++;
    return 0;
}

void
dpdk_vdpa_hw_close(struct dpdk_vdpa_hw *hw)
{
    if (hw) {
        assert_null(port.vm);   /* Its socket would still have the device. */
        seen.n_hws--;
        free(hw->devargs);
        free(hw);
    }
}

void
dpdk_vdpa_hw_set_callback(struct dpdk_vdpa_hw *hw OVS_UNUSED,
                          void (*changed)(void *aux) OVS_UNUSED,
                          void *aux OVS_UNUSED)
{
}

const char *
dpdk_vdpa_hw_devargs(const struct dpdk_vdpa_hw *hw)
{
    return hw->devargs;
}

unsigned int
dpdk_vdpa_hw_max_pairs(const struct dpdk_vdpa_hw *hw OVS_UNUSED)
{
    return 2;
}

bool
dpdk_vdpa_hw_is_removed(const struct dpdk_vdpa_hw *hw OVS_UNUSED)
{
    return script.removed;
}

bool
dpdk_vdpa_hw_waits_in_vain(struct dpdk_vdpa_hw *hw OVS_UNUSED)
{
    bool in_vain = script.waits;

    script.waits = false;
    return in_vain;
}

void
dpdk_vdpa_hw_check_faults(struct dpdk_vdpa_hw *hw OVS_UNUSED,
                          unsigned int n_pairs OVS_UNUSED)
{
}

char *
dpdk_vdpa_hw_get_error(const struct dpdk_vdpa_hw *hw OVS_UNUSED)
{
    return nullable_xstrdup(script.fault);
}

/* The guest.  Its VM end is some address. */

#define A_VM ((struct dpdk_vdpa_vm *) &script)

bool
dpdk_vdpa_vm_is_up(const struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    return true;
}

bool
dpdk_vdpa_vm_get_info(const struct dpdk_vdpa_vm *vm OVS_UNUSED,
                      struct dpdk_vdpa_vm_info *info)
{
    memset(info, 0, sizeof *info);
    info->features = script.guest_features;
    return true;
}

void
vdpa_guest_drop(struct vdpa_port *p)
{
    assert_non_null(p->vm);
    p->vm = NULL;
}

bool
vdpa_guest_repair(struct vdpa_port *p)
{
    seen.n_repairs++;
    p->vm = A_VM;
    return true;
}

/* The port. */

void
vdpa_policing_adapt(struct vdpa_port *p)
{
    seen.policed_by_hw = p->hw != NULL;
}

void
vdpa_port_hold_vf(struct vdpa_port *p OVS_UNUSED)
{
}

void
vdpa_port_set_ends(struct vdpa_port *p, struct dpdk_vdpa_vf *vf,
                   struct dpdk_vdpa_vm *vm)
{
    p->vf = vf;
    p->vm = vm;
}

void
vdpa_port_set_reason(struct vdpa_port *p, enum vdpa_reason reason, char *text)
{
    free(p->reasons[reason]);
    p->reasons[reason] = text;
}

void
vdpa_port_event(struct vdpa_port *p OVS_UNUSED, const char *format OVS_UNUSED,
                ...)
{
}

void
vdpa_port_wake_main(struct vdpa_port *p OVS_UNUSED)
{
}

const char *
vdpa_port_mode(const struct vdpa_port *p)
{
    return p->hw ? "hw" : "sw";
}

const char *
vdpa_port_devargs(const struct vdpa_port *p OVS_UNUSED)
{
    return "devargs";
}

uint16_t
vdpa_port_mtu(const struct vdpa_port *p OVS_UNUSED)
{
    return script.mtu;
}

bool
vdpa_port_device_is_up(const struct vdpa_port *p OVS_UNUSED)
{
    return true;
}

/* Options for device 'devargs', whose strings nobody frees. */
static struct dpdk_vdpa_options
options_for(const char *devargs, enum dpdk_vdpa_mode mode)
{
    struct dpdk_vdpa_options options = {
        .socket_path = CONST_CAST(char *, "/s"),
        .devargs = CONST_CAST(char *, devargs),
        .vf_devargs = CONST_CAST(char *, devargs),
        .mode = mode,
    };

    return options;
}

/* Applies 'options'.  Returns the error and makes the options those in force
 * if there is none. */
static int
apply(struct dpdk_vdpa_options options)
{
    char *text = NULL;
    int error = vdpa_accelerator_apply(&port, &options, &text);

    assert_int_equal(error != 0, text != NULL);
    free(text);
    if (!error) {
        port.options = options;
        port.configured = true;
        if (!port.vm) {
            port.vm = A_VM;
        }
    }
    return error;
}

/* Fails unless the port is in 'state', with or without a reason of each kind,
 * and holds no more than that takes. */
static void
check(enum vdpa_accel state, bool device_reason, bool mtu_reason)
{
    bool vf = state == VDPA_ACCEL_RELAY || state == VDPA_ACCEL_STOPPED;

    assert_int_equal(port.accel, state);
    assert_int_equal(port.vf != NULL, vf);
    assert_int_equal(port.hw != NULL, state == VDPA_ACCEL_VDPA);
    assert_int_equal(seen.n_vfs, vf);
    assert_int_equal(seen.n_hws, state == VDPA_ACCEL_VDPA);
    assert_true(state == VDPA_ACCEL_NONE
                || seen.policed_by_hw == (state == VDPA_ACCEL_VDPA));
    assert_int_equal(seen.n_claims, state != VDPA_ACCEL_NONE);
    assert_int_equal(port.claim != NULL, state != VDPA_ACCEL_NONE);
    assert_int_equal(port.reasons[VDPA_REASON_DEVICE] != NULL, device_reason);
    assert_int_equal(port.reasons[VDPA_REASON_MTU] != NULL, mtu_reason);
    assert_int_equal(vdpa_accelerator_is_whole(&port),
                     state == VDPA_ACCEL_RELAY || state == VDPA_ACCEL_VDPA);
}

static int
setup(void **state OVS_UNUSED)
{
    memset(&port, 0, sizeof port);
    memset(&script, 0, sizeof script);
    memset(&seen, 0, sizeof seen);
    ovs_mutex_init(&port.mutex);
    port.name = CONST_CAST(char *, "p");
    script.exists = true;
    script.n_good_starts = INT_MAX;
    script.mtu = 1500;
    script.max_threads = UINT_MAX;
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    if (port.vm) {
        vdpa_guest_drop(&port);
    }
    vdpa_accelerator_close(&port);
    check(VDPA_ACCEL_NONE, port.reasons[VDPA_REASON_DEVICE],
          port.reasons[VDPA_REASON_MTU]);
    for (int i = 0; i < VDPA_N_REASONS; i++) {
        free(port.reasons[i]);
    }
    ovs_mutex_destroy(&port.mutex);
    return 0;
}

static void
test_modes(void **state OVS_UNUSED)
{
    script.vdpa_error = ENODEV;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), ENODEV);
    check(VDPA_ACCEL_NONE, false, false);
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_AUTO)), 0);
    check(VDPA_ACCEL_RELAY, false, false);

    /* One mode that is not to be had leaves the other. */
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), ENODEV);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(seen.n_repairs, 1);
    script.vdpa_error = 0;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), 0);
    check(VDPA_ACCEL_VDPA, false, false);
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    check(VDPA_ACCEL_RELAY, false, false);
}

static void
test_pair(void **state OVS_UNUSED)
{
    script.pair_error = EINVAL;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), EINVAL);
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), EINVAL);
    check(VDPA_ACCEL_NONE, false, false);
    script.pair_error = 0;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);

    /* Another representor, another VF. */
    script.pair_error = EINVAL;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), EINVAL);
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), EINVAL);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "a");
}

static void
test_other_vf(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), 0);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "b");
    script.n_good_starts = 0;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), EIO);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "b");
}

/* The same device with other arguments cannot be there twice. */
static void
test_same_device(void **state OVS_UNUSED)
{
    char *text = NULL;

    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    assert_int_equal(apply(options_for("a,x=1", DPDK_VDPA_MODE_SW)), 0);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "a,x=1");

    /* Neither the new nor the old ones do: the clock brings it back. */
    script.n_good_starts = 0;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), EIO);
    check(VDPA_ACCEL_NONE, true, false);
    assert_false(dpdk_vdpa_retry_is_due(&port.retry, time_msec()));
    assert_false(vdpa_accelerator_repair(&port));
    assert_int_equal(vdpa_accelerator_apply(&port, &port.options, &text), 0);
    check(VDPA_ACCEL_NONE, true, false);
    script.n_good_starts = INT_MAX;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_RELAY, false, false);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "a,x=1");
}

/* A VF that does not start again is stopped, not forgotten, whatever the
 * database says meanwhile. */
static void
test_stopped(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_options more;

    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.n_good_starts = 0;
    more = port.options;
    more.max_pairs = 2;
    assert_int_equal(apply(more), EIO);
    check(VDPA_ACCEL_STOPPED, true, false);
    assert_false(dpdk_vdpa_retry_is_due(&port.retry, time_msec()));

    assert_int_equal(apply(port.options), 0);
    check(VDPA_ACCEL_STOPPED, true, false);
    assert_false(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_STOPPED, true, false);
    script.n_good_starts = INT_MAX;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_pairs, 4);
}

/* Descriptors are the VF's as well; it starts again only if they change, and
 * as it was if it does not start with them. */
static void
test_descriptors(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_options more = options_for("a", DPDK_VDPA_MODE_SW);
    int n_starts;

    more.n_rx_desc = 256;
    assert_int_equal(apply(more), 0);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_rx_desc, 256);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_tx_desc, 0);

    n_starts = seen.n_starts;
    more = port.options;
    assert_int_equal(apply(more), 0);
    assert_int_equal(seen.n_starts, n_starts);
    more.n_tx_desc = 512;
    assert_int_equal(apply(more), 0);
    assert_int_equal(seen.n_starts, n_starts + 1);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_rx_desc, 256);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_tx_desc, 512);
    check(VDPA_ACCEL_RELAY, false, false);
}

/* Nor does an MTU that the VF refuses keep it stopped, or go unsaid. */
static void
test_stopped_with_mtu(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.n_good_starts = 0;
    script.needs_reset = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_STOPPED, true, false);
    script.mtu = script.bad_mtu = 9000;
    vdpa_accelerator_apply_mtu(&port);
    check(VDPA_ACCEL_STOPPED, true, false);
    script.n_good_starts = INT_MAX;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_RELAY, false, true);
    assert_int_equal(port.good.mtu, 1500);
    script.bad_mtu = 0;
    vdpa_accelerator_apply_mtu(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(port.good.mtu, 9000);
}

static void
test_stopped_is_replaced(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.n_good_starts = 0;
    script.needs_reset = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_STOPPED, true, false);
    /* It still wants a reset; that is the clock's matter now. */
    seen.n_starts = 0;
    vdpa_accelerator_check(&port);
    assert_int_equal(seen.n_starts, 0);

    script.n_good_starts = INT_MAX;
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), 0);
    check(VDPA_ACCEL_RELAY, false, false);
}

static void
test_reset(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.needs_reset = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_false(script.needs_reset);
}

static void
test_mtu(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.mtu = script.bad_mtu = 9000;
    vdpa_accelerator_apply_mtu(&port);
    check(VDPA_ACCEL_RELAY, false, true);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->mtu, 1500);

    /* It is lost and comes back, with the MTU that it had. */
    script.removed = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_NONE, true, true);
    assert_int_equal(seen.n_dead, 1);
    script.removed = false;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_RELAY, false, true);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->mtu, 1500);

    /* A new VF that refuses it is refused. */
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), EIO);
    check(VDPA_ACCEL_RELAY, false, true);
    script.mtu = 1400;
    vdpa_accelerator_apply_mtu(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->mtu, 1400);
}

/* With 'n_threads', fails unless the VF runs for 'n' after 'n_starts' starts. */
static void
check_threads(int n_threads, int n, int n_starts, bool reason)
{
    port.n_threads = n_threads;
    vdpa_accelerator_apply_threads(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_threads, n);
    assert_int_equal(seen.n_starts, n_starts);
    assert_int_equal(port.reasons[VDPA_REASON_THREADS] != NULL, reason);
}

static void
test_threads(void **state OVS_UNUSED)
{
    /* Nobody has said yet how many there are going to be. */
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    check_threads(0, 1, 1, false);
    check_threads(3, 3, 2, false);

    /* With fewer, or as many, it goes on. */
    check_threads(2, 3, 2, false);
    check_threads(3, 3, 2, false);

    /* Without memory it goes on as it was, and tries each number once. */
    script.max_threads = 3;
    check_threads(5, 3, 4, true);
    assert_non_null(strstr(port.reasons[VDPA_REASON_THREADS],
                           "no start for 5"));
    check_threads(5, 3, 4, true);
    check_threads(4, 3, 6, true);
    check_threads(3, 3, 6, false);
    script.max_threads = 5;
    check_threads(5, 5, 7, false);

    /* A VF that comes later begins so. */
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), 0);
    check_threads(5, 5, 8, false);
}

static void
test_removed_in_hw_mode(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), 0);
    script.removed = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_NONE, true, false);
    assert_null(port.vm);
    script.removed = false;
    script.exists = false;
    assert_true(vdpa_accelerator_is_absent(&port));
    script.exists = true;
    assert_false(vdpa_accelerator_is_absent(&port));
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_VDPA, false, false);
}

static void
test_fall_back(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_options options = options_for("a", DPDK_VDPA_MODE_AUTO);

    options.vdpa_hint = true;
    assert_int_equal(apply(options), 0);
    check(VDPA_ACCEL_VDPA, false, false);
    script.fault = CONST_CAST(char *, "fault");
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_null(port.reasons[VDPA_REASON_FAULT]);
    assert_non_null(port.vm);

    /* Nor does that one start: the clock has it. */
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    assert_int_equal(apply(options), 0);
    check(VDPA_ACCEL_VDPA, false, false);
    script.n_good_starts = 0;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_NONE, true, false);
    script.fault = NULL;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_VDPA, false, false);
}

/* A vDPA device that waits for rings that do not come gets the guest anew,
 * once, and stays. */
static void
test_waits_in_vain(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_options options = options_for("a", DPDK_VDPA_MODE_AUTO);

    options.vdpa_hint = true;
    assert_int_equal(apply(options), 0);
    port.vm = A_VM;
    seen.n_repairs = 0;
    vdpa_accelerator_check(&port);
    assert_int_equal(seen.n_repairs, 0);
    script.waits = true;
    vdpa_accelerator_check(&port);
    vdpa_accelerator_check(&port);
    assert_int_equal(seen.n_repairs, 1);
    assert_non_null(port.vm);
    check(VDPA_ACCEL_VDPA, false, false);
}

/* The VF puts segments together only if the user asked for that, whatever the
 * guest takes. */
static void
test_lro(void **state OVS_UNUSED)
{
    port.withheld = 1ULL << VIRTIO_NET_F_GUEST_TSO6;
    script.lro = true;
    script.guest_features = DPDK_VDPA_VM_LRO_FEATURES;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    vdpa_accelerator_adapt_lro(&port);
    assert_false(dpdk_vdpa_vf_get_config(port.vf)->lro);
    port.withheld = 0;
    vdpa_accelerator_adapt_lro(&port);
    assert_true(dpdk_vdpa_vf_get_config(port.vf)->lro);
    script.guest_features &= ~(1ULL << VIRTIO_NET_F_GUEST_TSO4);
    vdpa_accelerator_adapt_lro(&port);
    assert_false(dpdk_vdpa_vf_get_config(port.vf)->lro);
    script.guest_features = DPDK_VDPA_VM_LRO_FEATURES;
    vdpa_accelerator_adapt_lro(&port);
    assert_true(dpdk_vdpa_vf_get_config(port.vf)->lro);
    port.withheld = 1ULL << VIRTIO_NET_F_GUEST_TSO4;
    vdpa_accelerator_adapt_lro(&port);
    assert_false(dpdk_vdpa_vf_get_config(port.vf)->lro);
}

static void
test_retry(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_retry retry = { 0, 0 };
    long long int now = 100000;
    int last = 0;

    assert_true(dpdk_vdpa_retry_is_due(&retry, now));
    for (int i = 0; i < 10; i++) {
        dpdk_vdpa_retry_failed(&retry, now);
        assert_true(retry.interval >= last);
        assert_int_equal(retry.next, now + retry.interval);
        assert_false(dpdk_vdpa_retry_is_due(&retry, retry.next - 1));
        assert_true(dpdk_vdpa_retry_is_due(&retry, retry.next));
        last = retry.interval;
        now = retry.next;
    }
    assert_int_equal(last, DPDK_VDPA_RETRY_MAX);
    dpdk_vdpa_retry_soon(&retry, now);
    assert_int_equal(retry.next, now + DPDK_VDPA_RETRY_MIN);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_modes),
        TEST(test_pair),
        TEST(test_other_vf),
        TEST(test_same_device),
        TEST(test_descriptors),
        TEST(test_stopped),
        TEST(test_stopped_with_mtu),
        TEST(test_stopped_is_replaced),
        TEST(test_reset),
        TEST(test_mtu),
        TEST(test_threads),
        TEST(test_removed_in_hw_mode),
        TEST(test_fall_back),
        TEST(test_waits_in_vain),
        TEST(test_lro),
        TEST(test_retry),
    };

    return cmocka_run_group_tests_name("accelerator", tests, NULL, NULL);
}
