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

#ifndef TEST_MESSAGES_H
#define TEST_MESSAGES_H 1

/* What a front-end says to a VM end, and how. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost/message.h"
#include "vhost/send.h"

/* The connection. */
static int front = -1;

/* Sends 'n' bytes to 'to', with 'n_files' files, and 'flags' as of sendmsg().
 * Returns false if they were not taken. */
static inline bool
send_with_files(int to, const void *bytes, size_t n, const int *files,
                size_t n_files, int flags)
{
    return dpdk_vdpa_send(to, bytes, n, files, n_files, flags) == n;
}

/* Likewise, with a file, unless that is negative. */
static inline bool
send_with_file(int to, const void *bytes, size_t n, int file)
{
    return send_with_files(to, bytes, n, &file, file >= 0, 0);
}

/* Sends a message, with file 'fd' unless that is negative.  Returns false if
 * the connection has ended. */
static inline bool
front_send(uint32_t request, uint32_t flags, const void *payload,
           uint32_t size, int fd)
{
    struct dpdk_vdpa_msg msg = {
        .request = request, .flags = 1 | flags, .size = size,
    };

    memcpy(&msg.payload, payload, size);
    return send_with_file(front, &msg, DPDK_VDPA_MSG_HEADER_LEN + size, fd);
}

/* Receives the answer to 'request'.  Returns false if there is none. */
static inline bool
front_recv(uint32_t request, struct dpdk_vdpa_msg *msg)
{
    ssize_t len = DPDK_VDPA_MSG_HEADER_LEN;

    return (recv(front, msg, len, MSG_WAITALL) == len
            && msg->request == request && msg->size <= sizeof msg->payload
            && (!msg->size
                || recv(front, &msg->payload, msg->size, MSG_WAITALL)
                   == msg->size));
}

/* Sends a message that wants an answer, and returns true if it was taken. */
static inline bool
tell(uint32_t request, const void *payload, uint32_t size, int fd)
{
    struct dpdk_vdpa_msg answer;

    return (front_send(request, DPDK_VDPA_MSG_NEED_REPLY, payload, size, fd)
            && front_recv(request, &answer)
            && answer.size == sizeof answer.payload.u64
            && !answer.payload.u64);
}

static inline bool
tell_u64(uint32_t request, uint64_t value, int fd)
{
    return tell(request, &value, sizeof value, fd);
}

static inline bool
tell_state(uint32_t request, uint32_t index, uint32_t num)
{
    uint32_t state[2] = { index, num };

    return tell(request, state, sizeof state, -1);
}

/* Tells of an eventfd by which ring 'ring' is to be kicked, or to call. */
static inline bool
tell_eventfd(uint32_t request, uint32_t ring)
{
    int fd = eventfd(0, EFD_NONBLOCK);
    bool ok = tell_u64(request, ring, fd);

    close(fd);
    return ok;
}

#endif /* test-messages.h */
