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

#ifndef VDPA_NUMA_H
#define VDPA_NUMA_H 1

/* Where the parts of a port are: its guest's memory, its device, and the PMD
 * threads that relay. */

#include <stddef.h>

/* Returns a sentence that says what is on another NUMA node than the rest,
 * which the caller must free, or null if nothing is.  A node is negative if it
 * is unknown.  'pmds' are the nodes of 'n_pmds' PMD threads. */
char *vdpa_numa_mismatch(int guest, int device, const int *pmds,
                         size_t n_pmds);

#endif /* port/numa.h */
