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

#ifndef ACCELERATOR_FIXTURE_H
#define ACCELERATOR_FIXTURE_H 1

/* What tests of what serves the guest of a port have in common: a port between
 * scripted devices and a scripted guest.  This includes
 * lib/port/accelerator.c itself. */

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

static long long int fake_time_msec(void);

#define rte_lcore_count fake_lcore_count
#define time_msec fake_time_msec
#include "lib/port/accelerator.c"
#include "tests/unit/test-fake-port.h"

/* What happens. */
static struct {
    bool hardware;              /* Devices are on a bus of real hardware. */
    bool exists;                /* As far as a cheap look tells. */
    int claim_error;            /* Of vdpa_claim_vf(). */
    int vdpa_error;             /* Of vdpa_claim_vdpa(). */
    int pair_error;             /* Of vdpa_claim_check_pair(). */
    int n_good_starts;          /* dpdk_vdpa_vf_start() works so often. */
    uint16_t bad_mtu;           /* But never with this one. */
    unsigned int max_threads;   /* Nor for more threads, */
    unsigned int max_used;      /* or more queue pairs. */
    unsigned int n_guest_pairs; /* The guest uses. */
    bool one_mempool;           /* The VF wants all packets of one. */
    bool guest_is_away;
    long long int now;          /* In ms. */
    bool removed;               /* What the VF reports. */
    bool needs_reset;
    char *fault;                /* What the vDPA device reports. */
    bool waits;                 /* It waits in vain. */
    uint16_t mtu;               /* Of the netdev. */
    bool lro;                   /* The VF has it. */
    uint64_t guest_features;
} script;

static long long int
fake_time_msec(void)
{
    return script.now;
}

/* What happened. */
static struct {
    unsigned int n_claims;      /* There now. */
    unsigned int n_vfs;
    unsigned int n_hws;
    unsigned int n_starts;
    unsigned int n_repairs;     /* Of the guest. */
    unsigned int n_dead;        /* Claims on dead devices given up. */
    bool policed_by_hw;
    bool keeps_packets;         /* The relay, while the VF was held last. */
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
    bool started;
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
    assert_true(config->n_used >= 1 && config->n_used <= config->n_pairs);
    if (config->n_threads > script.max_threads
        || config->n_used > script.max_used) {
        *errp = xasprintf("no memory for %u threads, %u pairs",
                          config->n_threads, config->n_used);
        return ENOMEM;
    }
    seen.n_starts++;
    vf->started = config->mtu != script.bad_mtu && script.n_good_starts > 0;
    if (!vf->started) {
        *errp = xasprintf("no start with MTU %u", config->mtu);
        return EIO;
    }
    script.n_good_starts--;
    script.needs_reset = false;
    vf->config = *config;
    return 0;
}

bool
dpdk_vdpa_vf_takes_any(const struct dpdk_vdpa_vf *vf OVS_UNUSED)
{
    return !script.one_mempool;
}

bool
dpdk_vdpa_vf_is_started(const struct dpdk_vdpa_vf *vf)
{
    return vf->started;
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
                          void *aux OVS_UNUSED,
                          atomic_uint64_t *n_unsent OVS_UNUSED)
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
    return !script.guest_is_away;
}

unsigned int
dpdk_vdpa_vm_n_started(const struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    return script.guest_is_away ? 0 : script.n_guest_pairs;
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
vdpa_port_hold_vf(struct vdpa_port *p OVS_UNUSED, bool to_restart)
{
    seen.keeps_packets = to_restart;
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
    script.max_threads = script.max_used = UINT_MAX;
    script.now = 1000000;
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

/* Test 'NAME' of such a port. */
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

#endif /* accelerator-fixture.h */
