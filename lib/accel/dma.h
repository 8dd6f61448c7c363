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

#ifndef DPDK_VDPA_DMA_H
#define DPDK_VDPA_DMA_H 1

/* DMA engines that copy packets to and from guests (vhost/dmas.h): dmadevs of
 * DPDK, each of which one queue of one port has at a time.
 *
 * Errors are positive errno values, with a sentence for the user in '*errp',
 * which the caller must free.  Any thread, unless it says otherwise. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_dma;

/* Claims the engine that DPDK calls 'name' for port 'owner', sets it up and
 * starts it.  A port that has it already may have it once more, to use it in
 * another queue when it is not used in this one any more.  Main thread. */
int dpdk_vdpa_dma_claim(const char *name, const char *owner,
                        struct dpdk_vdpa_dma **, char **errp);

/* Gives up the claim, if it is not null.  With the last one the engine, which
 * has nothing in flight, is stopped. */
void dpdk_vdpa_dma_release(struct dpdk_vdpa_dma *);

/* Returns its number in DPDK. */
int16_t dpdk_vdpa_dma_id(const struct dpdk_vdpa_dma *);

/* Notes that the engine does not do its work: nobody gets it any more. */
void dpdk_vdpa_dma_set_failed(struct dpdk_vdpa_dma *);
bool dpdk_vdpa_dma_has_failed(const struct dpdk_vdpa_dma *);

#endif /* accel/dma.h */
