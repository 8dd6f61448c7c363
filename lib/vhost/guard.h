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

#ifndef DPDK_VDPA_GUARD_H
#define DPDK_VDPA_GUARD_H 1

/* Guards the vhost library against vhost-user front-ends that do not keep to
 * the protocol, by looking at messages before the library does.
 *
 * It remembers nothing: what the front-end has done so far is in the book of
 * the connection.  For the thread that handles the connection's messages. */

#include <stdbool.h>
#include <stddef.h>

#include "vhost/book.h"

/* Features of the protocol whose messages the guard knows, by their bits: of
 * what the library would offer, no other may be.  They are MQ, LOG_SHMFD,
 * RARP, REPLY_ACK, NET_MTU, the back-end's channel, PAGEFAULT, CONFIG, files
 * on that channel, HOST_NOTIFIER and STATUS. */
#define DPDK_VDPA_GUARD_PROTOCOL                                             \
    (1ULL << 0 | 1ULL << 1 | 1ULL << 2 | 1ULL << 3 | 1ULL << 4               \
     | 1ULL << 5 | 1ULL << 8 | 1ULL << 9 | 1ULL << 10 | 1ULL << 11           \
     | 1ULL << 16)

/* Looks for what is wrong with 'msg', after what stands in 'book'.  Returns
 * false if the library may have it, otherwise true and what it is in 'why', of
 * 'size' bytes.  Of what the library may have, files are made safer to use as
 * far as that can be done, and 'msg' says what it needs to log all that it
 * writes.  'hw' says that a vDPA device serves the rings just now. */
bool dpdk_vdpa_guard_check(const struct dpdk_vdpa_book *book,
                           struct dpdk_vdpa_msg *msg, bool hw,
                           char *why, size_t size);

#endif /* vhost/guard.h */
