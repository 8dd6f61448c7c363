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

#include "vhost/offer.h"

#include <linux/virtio_net.h>

#include <rte_config.h>
#include <rte_vhost.h>

#include "vhost/guard.h"

/* Features that need help beyond the virtqueues. */
#define OFFLOAD_FEATURES                                                     \
    (1ULL << VIRTIO_NET_F_CSUM                                               \
     | 1ULL << VIRTIO_NET_F_GUEST_CSUM                                       \
     | 1ULL << VIRTIO_NET_F_GSO                                              \
     | 1ULL << VIRTIO_NET_F_HOST_TSO4                                        \
     | 1ULL << VIRTIO_NET_F_HOST_TSO6                                        \
     | 1ULL << VIRTIO_NET_F_HOST_ECN                                         \
     | 1ULL << VIRTIO_NET_F_HOST_UFO                                         \
     | 1ULL << VIRTIO_NET_F_GUEST_TSO4                                       \
     | 1ULL << VIRTIO_NET_F_GUEST_TSO6                                       \
     | 1ULL << VIRTIO_NET_F_GUEST_ECN                                        \
     | 1ULL << VIRTIO_NET_F_GUEST_UFO)

uint64_t
dpdk_vdpa_offer_next(const struct dpdk_vdpa_offer *offer)
{
    uint64_t features = offer->available;

    if (!offer->hw) {
        features &= ~OFFLOAD_FEATURES | offer->offloads;
    }
    return features & ~offer->withheld;
}

bool
dpdk_vdpa_offer_make(struct dpdk_vdpa_offer *offer, const char *path)
{
    if (rte_vhost_driver_get_features(path, &offer->available)) {
        return false;
    }
    offer->now = dpdk_vdpa_offer_next(offer);
    offer->withheld_then = offer->withheld;
    return !rte_vhost_driver_disable_features(path, ~offer->now);
}

/* Who sets features has the library take connections that come for those of
 * something else than a network device, which it serves no more; but this one
 * has come. */
bool
dpdk_vdpa_offer_add(struct dpdk_vdpa_offer *offer, const char *path,
                    uint64_t features)
{
    offer->available |= features;
    offer->now |= features & ~offer->withheld_then;
    return !rte_vhost_driver_set_features(path, offer->now);
}

void
dpdk_vdpa_offer_protocol(const char *path)
{
    uint64_t features;

    if (!rte_vhost_driver_get_protocol_features(path, &features)) {
        rte_vhost_driver_set_protocol_features(
            path, features & DPDK_VDPA_GUARD_PROTOCOL);
    }
}
