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

#include "vhost/reset.h"

#include <linux/vhost_types.h>

#include "util.h"

/* Returns true if the library keeps anything for 'ring' that a stop frees. */
static bool
is_set_up(const struct dpdk_vdpa_book_ring *ring)
{
    return ring->size || ring->has_addr || ring->is_started;
}

static bool
any_is_enabled(const struct dpdk_vdpa_book *book)
{
    for (unsigned int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        if (dpdk_vdpa_book_is_enabled(book, i)) {
            return true;
        }
    }
    return false;
}

/* Returns true if 'next' resets the device. */
static bool
resets(const struct dpdk_vdpa_msg *next)
{
    return (next->request == DPDK_VDPA_MSG_RESET_OWNER
            || (next->request == DPDK_VDPA_MSG_SET_STATUS
                && next->size >= sizeof next->payload.u64
                && !next->payload.u64));
}

/* Returns true if 'next' brings other features, which are not for rings that
 * are set up: see check_features() in vhost/guard.c. */
static bool
brings_features(const struct dpdk_vdpa_book *book,
                const struct dpdk_vdpa_msg *next)
{
    return (next->request == DPDK_VDPA_MSG_SET_FEATURES
            && next->size >= sizeof next->payload.u64
            && (next->payload.u64 ^ book->features)
               & ~(1ULL << VHOST_F_LOG_ALL));
}

/* Returns true if 'next' begins with the size to set up ring 'i', which is set
 * up already and is not processed. */
static bool
begins_anew(const struct dpdk_vdpa_book *book,
            const struct dpdk_vdpa_msg *next, unsigned int i)
{
    const struct dpdk_vdpa_book_ring *ring = &book->rings[i];

    return (next->request == DPDK_VDPA_MSG_SET_VRING_NUM
            && next->size >= sizeof next->payload.state
            && next->payload.state.index == i
            && (ring->has_addr || ring->is_started)
            && !dpdk_vdpa_book_is_enabled(book, i));
}

/* Fills in 'msg' about ring 'i'. */
static bool
tell(struct dpdk_vdpa_msg *msg, uint32_t request, unsigned int i)
{
    msg->request = request;
    msg->payload.state.index = i;
    msg->payload.state.num = 0;
    msg->size = sizeof msg->payload.state;
    return true;
}

bool
dpdk_vdpa_reset_step(const struct dpdk_vdpa_book *book,
                     const struct dpdk_vdpa_msg *next,
                     struct dpdk_vdpa_msg *msg)
{
    bool reset_owner = next->request == DPDK_VDPA_MSG_RESET_OWNER;
    bool all = (resets(next)
                || (brings_features(book, next) && !any_is_enabled(book)));

    for (unsigned int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        const struct dpdk_vdpa_book_ring *ring = &book->rings[i];

        if (reset_owner && ring->is_on) {
            return tell(msg, DPDK_VDPA_MSG_SET_VRING_ENABLE, i);
        } else if ((all && is_set_up(ring)) || begins_anew(book, next, i)) {
            return tell(msg, DPDK_VDPA_MSG_GET_VRING_BASE, i);
        } else if (ring->wants_call && !ring->has_call) {
            msg->request = DPDK_VDPA_MSG_SET_VRING_CALL;
            msg->payload.u64 = i | DPDK_VDPA_MSG_NO_FD;
            msg->size = sizeof msg->payload.u64;
            return true;
        }
    }
    if (reset_owner && book->status) {
        msg->request = DPDK_VDPA_MSG_SET_STATUS;
        msg->payload.u64 = 0;
        msg->size = sizeof msg->payload.u64;
        return true;
    }
    return false;
}
