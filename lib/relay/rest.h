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

#ifndef RELAY_REST_H
#define RELAY_REST_H 1

/* Lanes at rest: their sources are asked to wake a thread that waits. */

struct dpdk_vdpa_relay;

/* Has no source of a lane of 'relay' wake anybody.  Called by
 * dpdk_vdpa_relay_configure(), while no poller runs and the ends are those
 * that were asked. */
void dpdk_vdpa_rest_end(struct dpdk_vdpa_relay *);

/* Ends the waits of all threads that have armed pollers of 'relay', as their
 * lanes may have other sources now.  Called by dpdk_vdpa_relay_configure(),
 * once pollers may run again. */
void dpdk_vdpa_rest_nudge(struct dpdk_vdpa_relay *);

#endif /* relay/rest.h */
