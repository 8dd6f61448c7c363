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

#ifndef VDPA_COMPAT_DPDK_H
#define VDPA_COMPAT_DPDK_H 1

/* What differs between the releases of DPDK that the plugin is built with,
 * 22.11 to 25.11.  Nothing else in lib/ asks for a release. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_config.h>
#include <rte_mbuf.h>
#include <rte_pcapng.h>
#include <rte_telemetry.h>
#include <rte_vdpa.h>
#include <rte_version.h>

#include "util.h"

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0) \
    || RTE_VERSION >= RTE_VERSION_NUM(26, 0, 0, 0)
#error "this release of DPDK has not been tried"
#endif

/* Returns true if the DPDK that is loaded is of the release series that this
 * was compiled for, say 22.11, whatever its point release: structures and
 * behaviour of other series differ where no linker looks.  Otherwise returns
 * false with a sentence in '*errp', which the caller must free. */
static inline bool
vdpa_compat_dpdk_is_ours(char **errp)
{
    if (rte_version_year() == RTE_VER_YEAR
        && rte_version_month() == RTE_VER_MONTH) {
        return true;
    }
    *errp = xasprintf("%s is loaded, but this ovs-vswitchd was built for the "
                      "%d.%02d series; build it anew, or install that series",
                      rte_version(), RTE_VER_YEAR, RTE_VER_MONTH);
    return false;
}

/* librte_pcapng. */

/* Where a block for a packet, "Enhanced Packet Block" in the specification of
 * pcapng, has the packet's time, upper half first, and original length. */
#define VDPA_COMPAT_EPB_TIME_OFS 12
#define VDPA_COMPAT_EPB_ORIGINAL_LEN_OFS 24

/* Has packets of Ethernet device 'port_id' be taken by 'file'.  Returns false
 * if that cannot be written, with the reason in 'errno'.  Before 23.11 a file
 * has all devices from the beginning. */
static inline bool
vdpa_compat_pcapng_add_interface(rte_pcapng_t *file, uint16_t port_id)
{
#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
    (void) file;
    (void) port_id;
    return true;
#elif RTE_VERSION < RTE_VERSION_NUM(25, 11, 0, 0)
    return rte_pcapng_add_interface(file, port_id, NULL, NULL, NULL) > 0;
#else
    /* LINKTYPE_ETHERNET. */
    return rte_pcapng_add_interface(file, port_id, 1, NULL, NULL, NULL) > 0;
#endif
}

/* Returns a copy of 'pkt' from 'mp', turned to a block of a pcapng file: the
 * packet was captured at 'tsc' timer cycles, and had 'original_len' bytes
 * then.  Returns null if there is no mbuf.
 *
 * Since 23.11 a block has the time in cycles until it is written. */
static inline struct rte_mbuf *
vdpa_compat_pcapng_copy(uint16_t port_id, uint32_t queue,
                        const struct rte_mbuf *pkt, struct rte_mempool *mp,
                        uint64_t tsc, uint32_t original_len,
                        enum rte_pcapng_direction direction)
{
    struct rte_mbuf *block;

#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
    block = rte_pcapng_copy(port_id, queue, pkt, mp, UINT32_MAX, tsc,
                            direction);
#else
    block = rte_pcapng_copy(port_id, queue, pkt, mp, UINT32_MAX, direction,
                            NULL);
    if (block) {
        uint32_t time[2] = { tsc >> 32, tsc };

        memcpy(rte_pktmbuf_mtod_offset(block, void *,
                                       VDPA_COMPAT_EPB_TIME_OFS),
               time, sizeof time);
    }
#endif
    if (block) {
        memcpy(rte_pktmbuf_mtod_offset(block, void *,
                                       VDPA_COMPAT_EPB_ORIGINAL_LEN_OFS),
               &original_len, sizeof original_len);
    }
    return block;
}

/* Telemetry: since 23.11 functions about numbers without a sign have other
 * names, and the old ones went later. */

#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
#define VDPA_COMPAT_TEL_NUMBER RTE_TEL_U64_VAL
#else
#define VDPA_COMPAT_TEL_NUMBER RTE_TEL_UINT_VAL
#endif

/* Adds member 'name' with 'value' to object 'd'. */
static inline void
vdpa_compat_tel_add_number(struct rte_tel_data *d, const char *name,
                           uint64_t value)
{
#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
    rte_tel_data_add_dict_u64(d, name, value);
#else
    rte_tel_data_add_dict_uint(d, name, value);
#endif
}

/* Makes 'd' an array of numbers, and appends 'value' to one. */
static inline void
vdpa_compat_tel_start_numbers(struct rte_tel_data *d)
{
    rte_tel_data_start_array(d, VDPA_COMPAT_TEL_NUMBER);
}

static inline void
vdpa_compat_tel_append_number(struct rte_tel_data *d, uint64_t value)
{
#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
    rte_tel_data_add_array_u64(d, value);
#else
    rte_tel_data_add_array_uint(d, value);
#endif
}

/* librte_vhost. */

/* Since 24.03 the library ends the process if it handles certain messages
 * without a virtqueue's lock, which it does not take while a vDPA device is
 * configured: see Documentation/dpdk-vdpa-lock.rst. */
#define VDPA_COMPAT_VHOST_PANICS \
    (RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0))

/* A vDPA device as the library has it: 'struct rte_vdpa_device' in its
 * vdpa_driver.h, and of 'struct rte_vdpa_dev_ops' the part that is looked at.
 * They are the same in all releases; drivers/ has the compiler see to that,
 * and vdpa_compat_vdpa_is_ours() looks. */
struct vdpa_compat_vdpa_ops {
    int (*get_queue_num)(struct rte_vdpa_device *, uint32_t *);
    int (*get_features)(struct rte_vdpa_device *, uint64_t *);
    int (*get_protocol_features)(struct rte_vdpa_device *, uint64_t *);
    int (*dev_conf)(int vid);
    int (*dev_close)(int vid);
    int (*dev_cleanup)(int vid);
    int (*set_vring_state)(int vid, int vring, int state);
    int (*set_features)(int vid);
};

struct vdpa_compat_vdpa_device {
    void *next;
    void **prev;
    struct rte_device *device;
    struct vdpa_compat_vdpa_ops *ops;
};

/* Returns true if 'device' may be taken for a struct vdpa_compat_vdpa_device,
 * as far as can be seen without a change to it. */
static inline bool
vdpa_compat_vdpa_is_ours(struct rte_vdpa_device *device_)
{
    const struct vdpa_compat_vdpa_device *device = (const void *) device_;
    const struct vdpa_compat_vdpa_ops *ops = device->ops;

    return (device->device == rte_vdpa_get_rte_device(device_) && ops
            && ops->get_queue_num && ops->get_features
            && ops->get_protocol_features && ops->dev_conf && ops->dev_close
            && ops->set_features);
}

#endif /* seam/compat-dpdk.h */
