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

#ifndef DPDK_VDPA_MAPPING_H
#define DPDK_VDPA_MAPPING_H 1

/* What the vhost library maps of a front-end's files: guest memory, and the
 * log of dirty pages.
 *
 * The library touches memory that it has just mapped before it tells us, and
 * unmaps memory after it has told us for the last time.  So linking this puts
 * an mmap() and a munmap() before the C library's.  What a thread maps of a
 * file while it handles a message that brings memory (see below)
 *
 * - is known to base/fault.h from the first to the last moment;
 * - is followed by DPDK_VDPA_MAPPING_GUARD bytes that can be read: the library
 *   reads the length of an indirect table twice, and may go on so far behind
 *   one at the end of the memory.
 *
 * All else is as the C library has it. */

#include "vhost/message.h"

struct dpdk_vdpa_fault_owner;

/* As long as the longest table of descriptors: 4096 of 16 bytes each. */
#define DPDK_VDPA_MAPPING_GUARD (64 * 1024)

/* Memory of an owner of which dpdk_vdpa_fault_keep() was told stays mapped
 * whatever the library does.
 *
 * The calling thread has the library handle 'msg' next, which comes from
 * 'owner', and will tell about the next message, too, or by
 * dpdk_vdpa_mapping_end() that there is none.  'owner' must stay until all of
 * its memory is unmapped. */
void dpdk_vdpa_mapping_begin(struct dpdk_vdpa_fault_owner *owner,
                             const struct dpdk_vdpa_msg *msg);
void dpdk_vdpa_mapping_end(void);

#endif /* vhost/mapping.h */
