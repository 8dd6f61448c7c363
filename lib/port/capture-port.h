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

#ifndef VDPA_CAPTURE_PORT_H
#define VDPA_CAPTURE_PORT_H 1

/* Ports of type "dpdkvdpacapture": they receive what captures hand to them, so
 * that flows and mirrors of Open vSwitch see what an e-switch carries.
 *
 * Such a port is one like any other: PMD threads poll it, and packets go where
 * flows say.  It sends nothing: what is output to it is dropped and counted.
 * Any number of captures may feed a port, each by a queue of copies.  A packet
 * comes as the wire would have it, with checksums computed and cut into
 * segments.
 *
 * A port goes whenever Open vSwitch says so, in whatever thread.  What feeds
 * it is closed then. */

#include <stdbool.h>
#include <stdint.h>

struct netdev_class;
struct vdpa_copies;
struct vdpa_feed;

/* The class. */
extern const struct netdev_class vdpa_capture_port_class;

/* Has the port 'name' receive what is in 'copies', of the port 'of', from now
 * on: 'snaplen' bytes of each frame, 0 for all of it.  If the port goes,
 * closes 'copies' and calls 'gone(aux)', in any thread, with Open vSwitch's
 * 'netdev_mutex' held.  Returns 0, or a positive errno value
 * and a sentence for the user in '*errp', which the caller must free.  Main
 * thread. */
int vdpa_feed_start(const char *name, const char *of, uint32_t snaplen,
                    struct vdpa_copies *, void (*gone)(void *aux), void *aux,
                    struct vdpa_feed **, char **errp);

/* Ends that.  On return nobody uses the copies any more; what the port did not
 * receive of them is counted as missed.  A port's owner. */
void vdpa_feed_stop(struct vdpa_feed *);

/* Returns true if the port went.  Any thread. */
bool vdpa_feed_is_gone(const struct vdpa_feed *);

#endif /* port/capture-port.h */
