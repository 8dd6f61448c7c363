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

#ifndef DPDK_VDPA_DOOR_H
#define DPDK_VDPA_DOOR_H 1

/* The door of the vhost library: the sockets of our connections, before a
 * message is read from them.
 *
 * Linking this puts a recvmsg() and a connect() before the C library's.  They
 * act on sockets of our connections, and are the C library's for all
 * others. */

#include <stdbool.h>

/* The door of a connection. */
struct dpdk_vdpa_door {
    int fd;                     /* The library's, or -1 if it is closed. */
    unsigned int id;            /* File descriptors are used again. */
};

/* Between these two calls the library reads no message of any connection of
 * ours, and it is known which socket this thread connects.  To be called
 * around rte_vhost_driver_start(), which has another thread read from a
 * connection before it has made all known of it. */
void dpdk_vdpa_door_hold(void);
void dpdk_vdpa_door_release(void);

/* Opens '*door' for the socket that this thread has connected since
 * dpdk_vdpa_door_hold(), and limits the time that the library waits in the
 * middle of a message, and to send an answer, to 'timeout' ms.  Returns false
 * if there is no such socket, or it cannot be had. */
bool dpdk_vdpa_door_open(struct dpdk_vdpa_door *door, int timeout);

/* The connection ends. */
void dpdk_vdpa_door_close(struct dpdk_vdpa_door *);

/* Returns true if the front-end does not read our answers: the library would
 * wait for room for each more, and nothing of other ports would move. */
bool dpdk_vdpa_door_is_clogged(const struct dpdk_vdpa_door *);

#endif /* vhost/door.h */
