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

#include "accel/vf-wakes.h"

#include <fcntl.h>
#include <stdlib.h>

#include <rte_ethdev.h>

#include "base/wake.h"
#include "util.h"

/* Returns a file of ours that is readable when 'queue' interrupts, or -1.
 * Asking for its number would leave an error in the log of a driver that has
 * no interrupts, so see whether it has by what changes nothing. */
static int
queue_fd(uint16_t port_id, uint16_t queue)
{
    int fd;

    if (rte_eth_dev_rx_intr_disable(port_id, queue)) {
        return -1;
    }
    fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port_id, queue);
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 1);
}

void
dpdk_vdpa_vf_wakes_open(struct dpdk_vdpa_vf_wakes *wakes, uint16_t port_id,
                        unsigned int n)
{
    wakes->port_id = port_id;
    wakes->n = n;
    wakes->queues = xcalloc(n, sizeof *wakes->queues);
    for (unsigned int i = 0; i < n; i++) {
        dpdk_vdpa_wake_init(&wakes->queues[i]);
        dpdk_vdpa_wake_set(&wakes->queues[i], queue_fd(port_id, i));
    }
}

static uint64_t
count_queues(const struct dpdk_vdpa_vf_wakes *wakes)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < wakes->n; i++) {
        sum += dpdk_vdpa_wake_n(&wakes->queues[i]);
    }
    return sum;
}

void
dpdk_vdpa_vf_wakes_close(struct dpdk_vdpa_vf_wakes *wakes)
{
    wakes->n_before += count_queues(wakes);
    for (unsigned int i = 0; i < wakes->n; i++) {
        dpdk_vdpa_wake_set(&wakes->queues[i], -1);
    }
    free(wakes->queues);
    wakes->queues = NULL;
    wakes->n = 0;
}

bool
dpdk_vdpa_vf_wakes_arm(struct dpdk_vdpa_vf_wakes *wakes, uint16_t queue,
                       struct dpdk_vdpa_waiter *waiter)
{
    return (queue < wakes->n
            && dpdk_vdpa_wake_join(&wakes->queues[queue], waiter)
            && !rte_eth_dev_rx_intr_enable(wakes->port_id, queue));
}

void
dpdk_vdpa_vf_wakes_disarm(struct dpdk_vdpa_vf_wakes *wakes, uint16_t queue)
{
    rte_eth_dev_rx_intr_disable(wakes->port_id, queue);
}

uint64_t
dpdk_vdpa_vf_wakes_count(const struct dpdk_vdpa_vf_wakes *wakes)
{
    return wakes->n_before + count_queues(wakes);
}
