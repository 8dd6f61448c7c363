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

#ifndef DPDK_VDPA_LAYOUT_H
#define DPDK_VDPA_LAYOUT_H 1

/* How the vhost library that is loaded hands messages over.
 *
 * Before and after it handles a message the library shows it to us, as a
 * structure of its own: the message as it was received, then the files that
 * came with it.  How long the former is differs: 632 bytes of payload up to
 * DPDK 24.11, 1072 since 25.03.  So this asks the library itself. */

#include <stdbool.h>

#include "vhost/message.h"

/* Sends the library messages with files through a socket of its own in the
 * existing folder 'rundir', to see where it keeps these, and that messages
 * come through the door (see vhost/door.h).  Returns true if so.
 * Otherwise returns false with a sentence in '*errp', which the caller must
 * free: no connection can be served.
 *
 * From then on the library's thread stays, whatever sockets go.
 *
 * Before any other function of vhost/, after EAL has been initialized, once.
 * Takes some ms, and at most a few seconds if the library does not answer. */
bool dpdk_vdpa_layout_find(const char *rundir, char **errp);

/* Copies a message of the library's, 'theirs', to '*msg', and back.  After
 * dpdk_vdpa_layout_find(), in any thread. */
void dpdk_vdpa_layout_read(struct dpdk_vdpa_msg *msg, const void *theirs);
void dpdk_vdpa_layout_write(void *theirs, const struct dpdk_vdpa_msg *msg);

#endif /* vhost/layout.h */
