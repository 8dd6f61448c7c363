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

#ifndef RELAY_ASSIGN_H
#define RELAY_ASSIGN_H 1

/* Which lanes there are, between which queues, and which poller has which.
 *
 * Called by dpdk_vdpa_relay_configure(), while no poller runs. */

struct dpdk_vdpa_end;
struct dpdk_vdpa_relay;
struct lane;

/* Makes 'queue' of 'source' the source of 'lane', which has its turn at
 * once. */
void dpdk_vdpa_assign_source(struct lane *lane,
                             const struct dpdk_vdpa_end *source,
                             unsigned int queue);

/* Makes 'relay' have at least 'n' lanes in each direction, or 'n' pollers. */
void dpdk_vdpa_assign_grow_lanes(struct dpdk_vdpa_relay *, unsigned int n);
void dpdk_vdpa_assign_grow_pollers(struct dpdk_vdpa_relay *, unsigned int n);

/* Distributes the lanes over the pollers, as the relay's configuration
 * says. */
void dpdk_vdpa_assign(struct dpdk_vdpa_relay *);

#endif /* relay/assign.h */
