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

#ifndef DPDK_VDPA_OFFER_H
#define DPDK_VDPA_OFFER_H 1

/* The virtio features that the front-ends of a VM end are offered.  The
 * owner's: the main thread, or the one that destroys the VM end. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_offer {
    /* From the next connection on. */
    bool hw;                    /* A vDPA device says what there is. */
    uint64_t offloads;          /* If not: which of the features that need
                                 * somebody's help beyond the virtqueues. */
    uint64_t withheld;          /* Not to be offered in any case. */

    /* Of the present connection. */
    uint64_t available;         /* To it at most. */
    uint64_t now;               /* By it. */
    uint64_t withheld_then;     /* When it was made. */
};

/* Returns what the next connection is to be offered, if as much is available
 * to it as to the present one. */
uint64_t dpdk_vdpa_offer_next(const struct dpdk_vdpa_offer *);

/* Has the library, which knows 'path' and has not started it, offer what the
 * next connection is to be offered, which then is the present one.  Returns
 * false if it fails to. */
bool dpdk_vdpa_offer_make(struct dpdk_vdpa_offer *, const char *path);

/* Has the library, which has connected to 'path' and not read from there yet,
 * offer 'features' in addition, unless they are withheld.  Returns false if it
 * fails to. */
bool dpdk_vdpa_offer_add(struct dpdk_vdpa_offer *, const char *path,
                         uint64_t features);

/* Takes away what the library, which has not started 'path', offers of the
 * protocol and the guard (vhost/guard.h) refuses. */
void dpdk_vdpa_offer_protocol(const char *path);

#endif /* vhost/offer.h */
