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

#ifndef DPDK_VDPA_MERGE_H
#define DPDK_VDPA_MERGE_H 1

/* Regions of a guest's memory that are one.
 *
 * The vhost library takes 8 regions.  Front-ends may say of one file in many
 * regions what they could in one. */

#include <stdint.h>

struct dpdk_vdpa_msg_region;

/* Of the 'n' regions at 'regions', which come with one file each of 'fds',
 * merges those of one file that are neighbours in it, for the guest and for
 * the front-end.  All files must be memory (vhost/files.h).  Returns how many
 * regions are left, in the order of the first ones; the files that are not
 * needed follow behind theirs in 'fds'. */
unsigned int dpdk_vdpa_merge_regions(struct dpdk_vdpa_msg_region *regions,
                                     int *fds, unsigned int n);

#endif /* vhost/merge.h */
