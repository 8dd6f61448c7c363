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

#ifndef DPDK_VDPA_INSERT_H
#define DPDK_VDPA_INSERT_H 1

/* Messages that the vhost library handles although the front-end has not sent
 * them, and answers of which the front-end gets others or none.
 *
 * There is no call that has the library do what a message does.  But it reads
 * the header of a message by a function of ours, which may hand it one of its
 * own, and leave the front-end's where it is until the library comes back.
 * Answers it sends by a function of ours, too.  Linking this puts a recvmsg()
 * and a sendmsg() before the C library's.  They act on what the library reads
 * from and sends to our connections, and are the C library's for all else.
 *
 * For the thread that handles a connection's messages, unless it says
 * otherwise. */

#include <stdbool.h>

#include "vhost/message.h"

struct dpdk_vdpa_insert_ops {
    /* Message 'next' has come, of which this knows the beginning only: up to
     * 40 bytes of payload, and no files.  Returns true if the library is to
     * handle another one first, and fills in its 'request', 'size' and
     * 'payload', of at most 8 bytes.  Then this is asked again.
     *
     * If 'next' is null, the library waits for a message, and none has come
     * yet. */
    bool (*before)(void *aux, const struct dpdk_vdpa_msg *next,
                   struct dpdk_vdpa_msg *msg);

    /* The library answers 'request' of the front-end's.  Returns false if
     * there is to be no answer. */
    bool (*answers)(void *aux, uint32_t request);
};

/* One per connection. */
struct dpdk_vdpa_insert {
    const struct dpdk_vdpa_insert_ops *ops;
    void *aux;
    int fd;                     /* -1 for none. */
    uint64_t cookie;            /* Of the socket: see vhost/insert.c. */

    /* The payload's size of the message that the library is handling if it
     * was inserted, or 0.  (The library believes it to be 0, lest it reads
     * one.) */
    uint32_t inserted;
};

/* From now on 'insert' acts on the connection for which the library has socket
 * 'fd' (vhost/door.h), until it is closed, by whatever thread; the library
 * handles no message of the connection then.  Returns false if it cannot. */
bool dpdk_vdpa_insert_open(struct dpdk_vdpa_insert *, int fd);
void dpdk_vdpa_insert_close(struct dpdk_vdpa_insert *);

/* Returns where the library has last received the header of a message in this
 * thread; the message must begin there. */
const void *dpdk_vdpa_insert_last_header(void);

#endif /* vhost/insert.h */
