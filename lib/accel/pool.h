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

#ifndef DPDK_VDPA_POOL_H
#define DPDK_VDPA_POOL_H 1

/* Mempools for VFs.
 *
 * A VF has a share in a mempool: so many mbufs it may have in use at a time.
 * A mempool has room for all shares in it, and for what threads keep in their
 * caches, so that no VF can take what is another one's.  VFs on one NUMA node
 * with mbufs of one size share mempools, and when there is no room in these
 * there is one more: DPDK cannot make a mempool larger, and some drivers tell
 * their device where it is.  With per-port-memory each VF has its own.
 *
 * All functions may be called by any thread, but for dpdk_vdpa_pool_init(). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packets.h"

struct dpdk_vdpa_share;
struct rte_mempool;
struct smap;

/* What a frame may have beyond the MTU: the header and two VLAN tags. */
#define DPDK_VDPA_FRAME_OVERHEAD (ETH_HEADER_LEN + 2 * VLAN_HEADER_LEN)

/* What the user may want to know of a share and its mempool. */
struct dpdk_vdpa_pool_info {
    unsigned int n_share;       /* Mbufs of the share, */
    unsigned int n_mbufs;       /* of the mempool, */
    unsigned int n_in_use;      /* and of those not in it or in a cache. */
    unsigned int n_shares;      /* In the mempool. */
    uint32_t data_len;          /* Room for data in each mbuf, in bytes. */
    size_t size;                /* Of the mempool, in bytes. */
    const char *name;           /* Of the mempool, as long as the share. */
};

/* Takes note of the settings in 'ovs_other_config', the other_config column of
 * table Open_vSwitch, which Open vSwitch obeys for its own mempools.  Main
 * thread, once, before anything else here. */
void dpdk_vdpa_pool_init(const struct smap *ovs_other_config);

/* Returns the room for data that mbufs on 'numa_node' have which are to hold
 * frames with an MTU of 'mtu': as much as they need or more. */
uint32_t dpdk_vdpa_pool_data_len(uint16_t mtu, int numa_node);

/* Returns what 'n_mbufs' mbufs with room for 'data_len' bytes take, in
 * bytes. */
size_t dpdk_vdpa_pool_size(unsigned int n_mbufs, uint32_t data_len);

/* Returns a share of 'n_mbufs' mbufs on 'numa_node', with room for 'data_len'
 * bytes each, in a mempool that 'n_threads' threads may use; or null if there
 * is no memory for it. */
struct dpdk_vdpa_share *dpdk_vdpa_pool_take(int numa_node, uint32_t data_len,
                                            unsigned int n_mbufs,
                                            unsigned int n_threads);

/* Gives 'share', which may be null, back.  The mempool goes when nobody has a
 * share in it and all its mbufs are back from wherever they travelled. */
void dpdk_vdpa_pool_give(struct dpdk_vdpa_share *share);

/* Returns true if 'share', which may be null, is what dpdk_vdpa_pool_take()
 * would be asked for with the other arguments. */
bool dpdk_vdpa_pool_is(const struct dpdk_vdpa_share *share, int numa_node,
                       uint32_t data_len, unsigned int n_mbufs,
                       unsigned int n_threads);

/* Returns true if 'n_threads' threads may use the mempool of 'share'. */
bool dpdk_vdpa_pool_is_enough_for(const struct dpdk_vdpa_share *share,
                                  unsigned int n_threads);

/* Returns the mempool of 'share', which stays the same. */
struct rte_mempool *dpdk_vdpa_pool_mempool(const struct dpdk_vdpa_share *);

void dpdk_vdpa_pool_get_info(const struct dpdk_vdpa_share *,
                             struct dpdk_vdpa_pool_info *);

/* Frees mempools in which nobody has a share and of which all mbufs are back.
 * Returns how many wait for that. */
unsigned int dpdk_vdpa_pool_sweep(void);

#endif /* accel/pool.h */
