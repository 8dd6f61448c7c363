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

#ifndef DPDK_VDPA_FILES_H
#define DPDK_VDPA_FILES_H 1

/* Files that front-ends send with their messages.
 *
 * It may be any file, also one of a file system in user space (FUSE), whose
 * server need not answer.  The kernel asks it when a file is closed, and for
 * nearly all else that one may want to know.  So what is asked here is what
 * the kernel knows by itself. */

#include <stdbool.h>

#include "ovs-atomic.h"

struct seq;

/* Returns true if 'fd' is an eventfd.  Any thread; never waits. */
bool dpdk_vdpa_file_is_eventfd(int fd);

/* Returns true if 'fd' is a file to share memory by: of a tmpfs (as those of
 * memfd_create(2)) or a hugetlbfs, or on a block device.  Its other properties
 * may be asked for then, and it can be closed.  Any thread; never waits. */
bool dpdk_vdpa_file_is_memory(int fd);

/* Returns true if 'fd' is a socket to this machine (AF_UNIX).  Any thread;
 * never waits. */
bool dpdk_vdpa_file_is_local_socket(int fd);

/* Starts the thread that closes files, unless it is there: else that begins
 * with the first one for it.  Any thread. */
void dpdk_vdpa_files_start(void);

/* Files that wait to be closed, of whoever owns this, and what to change when
 * one has been, or null. */
struct dpdk_vdpa_closing {
    atomic_count n;
    struct seq *wake;
};

/* Closes 'fd', which is the caller's no more: at once if that cannot wait,
 * else in a thread of its own, and counts it in '*closing' until it is done,
 * unless that is null.  Any thread; never waits. */
void dpdk_vdpa_file_close(int fd, struct dpdk_vdpa_closing *closing);

/* Likewise 'fd', a local socket, whose other end sees that at once.  What has
 * not been read from it may contain files. */
void dpdk_vdpa_file_close_socket(int fd, struct dpdk_vdpa_closing *closing);

#endif /* vhost/files.h */
