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

#ifndef DPDK_VDPA_SEND_H
#define DPDK_VDPA_SEND_H 1

/* How files get over a local socket.  Programs for tests include this, too, so
 * it needs nothing but the C library. */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* The most files that go with one piece: SCM_MAX_FD of the kernel. */
#define DPDK_VDPA_SEND_MAX_FILES 253

/* Sends 'n' bytes to 'to', a local socket, and 'n_files' files with the first
 * of them; all of these stay the caller's.  'flags' are those of sendmsg(2);
 * there is no signal in any case.  Returns how many bytes were taken, which
 * may be fewer, or -1 with errno set.  Any thread. */
static inline ssize_t
dpdk_vdpa_send(int to, const void *bytes, size_t n, const int *files,
               size_t n_files, int flags)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(DPDK_VDPA_SEND_MAX_FILES * sizeof(int))];
    } control;
    struct iovec iov = { (void *) (uintptr_t) bytes, n };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    size_t size = n_files * sizeof *files;

    if (n_files > DPDK_VDPA_SEND_MAX_FILES) {
        errno = EINVAL;
        return -1;
    } else if (n_files) {
        struct cmsghdr *cmsg;

        memset(&control, 0, CMSG_SPACE(size));
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(size);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(cmsg), files, size);
    }
    return sendmsg(to, &msg, flags | MSG_NOSIGNAL);
}

#endif /* vhost/send.h */
