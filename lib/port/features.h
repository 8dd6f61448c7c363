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

#ifndef VDPA_FEATURES_H
#define VDPA_FEATURES_H 1

/* The virtio features that the user takes away from what a guest is offered,
 * by the names that they have as properties of QEMU's virtio-net-pci.  Any
 * thread. */

#include <linux/virtio_net.h>
#include <stdint.h>

struct ds;

/* What is offered only if the user asks for it, although it promises nothing
 * of ours: a guest with these gives buffers for long packets, and a VF may put
 * segments together for it.  A guest that attaches XDP later drops such
 * packets; that it does so it tells QEMU, which tells nobody. */
#define VDPA_FEATURES_ON_REQUEST (1ULL << VIRTIO_NET_F_GUEST_TSO4           \
                                  | 1ULL << VIRTIO_NET_F_GUEST_TSO6         \
                                  | 1ULL << VIRTIO_NET_F_GUEST_ECN          \
                                  | 1ULL << VIRTIO_NET_F_GUEST_UFO)

/* Stores in '*withheld' which features are not to be offered if option
 * vdpa-features has value 's', or null if it is not given.  What needs a
 * feature that is taken away is taken away with it.
 *
 * Returns 0, or a positive errno value and a sentence for the user in '*errp',
 * which the caller must free. */
int vdpa_features_parse(const char *s, uint64_t *withheld, char **errp);

/* Appends the names of 'features', separated by commas. */
void vdpa_features_format(uint64_t features, struct ds *);

#endif /* port/features.h */
