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

/* The door of the vhost library, between it and the front-ends.
 *
 * The library reads a message's header when there is something to read, and
 * then waits for the payload, in the one thread that serves all ports; there
 * it also waits to send answers.  So it does not get the front-end's socket,
 * but one of ours.  A thread of ours, which waits for nobody, hands on each
 * message once it is whole, and each answer as far as the front-end reads
 * them.
 *
 * Linking this puts a connect() before the C library's, to learn which socket
 * the library connects.
 *
 * Files pass if they are of the kind that their message takes.  Others are
 * closed, without waiting for it (vhost/files.h). */

#include <stdbool.h>

struct door_conn;

/* The door of a connection, null if it is closed. */
struct dpdk_vdpa_door {
    struct door_conn *conn;
    int fd;                     /* The library's, while there is 'conn'. */
};

/* Between these two calls it is known which socket this thread connects, and
 * the library gets no message through a door that this thread opens.  To be
 * called around rte_vhost_driver_start(), which has another thread read from a
 * connection before it has made all known of it. */
void dpdk_vdpa_door_hold(void);
void dpdk_vdpa_door_release(void);

/* Opens '*door' for the socket that this thread has connected since
 * dpdk_vdpa_door_hold(), before anybody waits for it.  The front-end may take
 * 'timeout' ms for the rest of a message that it has begun, and to make room
 * for an answer.  Returns false if there is no such socket, or it cannot be
 * had, or many files of connections that 'door' was opened for before are
 * still to be closed: whoever brings such gets no chance to bring more and
 * more. */
bool dpdk_vdpa_door_open(struct dpdk_vdpa_door *door, int timeout);

/* The same for a socket 'fd' of the front-end's for messages of the library's:
 * returns another one for the library, or -1 if it cannot be had.  If not,
 * 'fd' belongs to the door, until the library closes the other one.  The
 * front-end must always have room for a message.  Any thread. */
int dpdk_vdpa_door_channel(int fd, int timeout);

/* The connection ends, as soon as the library closes its socket.  Any
 * thread. */
void dpdk_vdpa_door_close(struct dpdk_vdpa_door *);

/* Returns what the front-end did for which the connection ended at the door, a
 * constant string, or null.  Any thread, until it is closed. */
const char *dpdk_vdpa_door_reason(const struct dpdk_vdpa_door *);

#endif /* vhost/door.h */
