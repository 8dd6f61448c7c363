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

#ifndef VDPA_CAPTURE_FILE_H
#define VDPA_CAPTURE_FILE_H 1

/* A file, in the format pcapng, that a thread of its own writes copies of
 * packets to. */

#include <stdint.h>

struct vdpa_capture_file;
struct vdpa_copies;

/* Creates the file 'path', which must be absolute; one that is there is
 * overwritten.  'comment' goes into it, as does the ethdev 'port_id'.  Starts
 * the thread, which takes from 'copies'.  Returns 0, or a positive errno value
 * and a sentence for the user in '*errp', which the caller must free.  A
 * port's owner. */
int vdpa_capture_file_open(const char *path, const char *comment,
                           uint16_t port_id, uint32_t snaplen, int numa_node,
                           struct vdpa_copies *, struct vdpa_capture_file **,
                           char **errp);

/* Writes what is left in the queue of copies, to which nothing is added any
 * more, and closes the file.  Returns as vdpa_capture_file_error().  A port's
 * owner. */
int vdpa_capture_file_close(struct vdpa_capture_file *);

/* Returns 0, or a positive errno value if nothing can be written any more;
 * then the queue is closed.  Any thread. */
int vdpa_capture_file_error(const struct vdpa_capture_file *);

#endif /* port/capture-file.h */
