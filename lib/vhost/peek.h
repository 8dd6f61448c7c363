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

#ifndef DPDK_VDPA_PEEK_H
#define DPDK_VDPA_PEEK_H 1

/* A look at a ring that somebody else processes, or unmaps, meanwhile. */

#include <stdbool.h>
#include <stdint.h>

/* Returns how many descriptors the guest of connection 'vid' offers in 'ring',
 * or 'max' if there are more.  The library has functions for split rings only,
 * and they lock out PMD threads.  Any thread; 'vid' must be of a connection
 * that lasts. */
unsigned int dpdk_vdpa_peek_n_avail(int vid, uint16_t ring, bool packed,
                                    unsigned int max);

/* Returns the NUMA node of the guest's memory, or -1.  For the thread that
 * handles the connection's messages. */
int dpdk_vdpa_peek_numa_node(int vid);

#endif /* vhost/peek.h */
