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

#ifndef DPDK_VDPA_RETRY_H
#define DPDK_VDPA_RETRY_H 1

/* A clock for what did not work and may work later: it is tried again after a
 * second, and then less and less often.  All zero is at rest.  Times are in
 * ms; the caller serializes. */

#include <stdbool.h>

#define DPDK_VDPA_RETRY_MIN 1000
#define DPDK_VDPA_RETRY_MAX 30000

struct dpdk_vdpa_retry {
    long long int next;         /* Not before. */
    int interval;               /* Between the last try and 'next', 0 at
                                 * first. */
};

/* Returns true if it is time to try. */
static inline bool
dpdk_vdpa_retry_is_due(const struct dpdk_vdpa_retry *retry, long long int now)
{
    return now >= retry->next;
}

/* Takes note of a try in vain. */
static inline void
dpdk_vdpa_retry_failed(struct dpdk_vdpa_retry *retry, long long int now)
{
    retry->interval *= 2;
    if (retry->interval < DPDK_VDPA_RETRY_MIN) {
        retry->interval = DPDK_VDPA_RETRY_MIN;
    } else if (retry->interval > DPDK_VDPA_RETRY_MAX) {
        retry->interval = DPDK_VDPA_RETRY_MAX;
    }
    retry->next = now + retry->interval;
}

/* Has the next try come after the shortest time, because there is news. */
static inline void
dpdk_vdpa_retry_soon(struct dpdk_vdpa_retry *retry, long long int now)
{
    retry->interval = 0;
    dpdk_vdpa_retry_failed(retry, now);
}

#endif /* base/retry.h */
