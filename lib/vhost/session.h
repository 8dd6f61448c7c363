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

#ifndef DPDK_VDPA_SESSION_H
#define DPDK_VDPA_SESSION_H 1

/* A session: what there is of a connection while it lasts, and what is done
 * with each of its messages before and after the vhost library handles it.
 *
 * For the thread that handles the connection's messages, unless it says
 * otherwise. */

#include <stdbool.h>
#include <stddef.h>

#include <rte_vhost.h>

#include "base/fault.h"
#include "ovs-atomic.h"
#include "vhost/book.h"
#include "vhost/door.h"
#include "vhost/insert.h"
#include "vhost/message.h"

struct dpdk_vdpa_dmas;
struct dpdk_vdpa_notes;
struct dpdk_vdpa_walk;

struct dpdk_vdpa_session {
    /* Constant while there is a connection. */
    struct dpdk_vdpa_walk *walk;
    struct dpdk_vdpa_notes *notes;
    struct dpdk_vdpa_dmas *dmas;        /* Null if no ring has an engine. */
    int vid;
    bool hw;                    /* A vDPA device is to serve the rings. */
    bool (*is_served)(const void *hw);  /* It does just now. */
    void (*end_logging)(const void *hw, int vid);       /* It is to. */
    const void *aux;            /* Passed to both. */
    bool postcopy;              /* Post-copy migration is offered. */

    /* What book.h says about threads holds.  In addition, PMD threads read the
     * sizes of rings that are enabled. */
    struct dpdk_vdpa_book book;
    struct dpdk_vdpa_door door;
    struct dpdk_vdpa_insert insert;
    struct dpdk_vdpa_fault_owner memory;        /* Which may go away. */
    int ufd;                    /* The library's userfaultfd, or -1. */
    bool wants_answer;          /* To the message that is being handled. */
    bool handling;              /* A message that may change virtqueues. */
    bool moves_memory;          /* The library handles SET_MEM_TABLE. */

    /* Queue pairs to offer.  Written by the main thread. */
    atomic_uint max_pairs;
};

/* Begins a session for connection 'vid', which this thread is just making,
 * with the door held.  Returns false if it cannot be had. */
bool dpdk_vdpa_session_begin(struct dpdk_vdpa_session *, int vid);

/* Ends it, in whatever thread: nobody uses it any more. */
void dpdk_vdpa_session_end(struct dpdk_vdpa_session *);

/* Handles 'msg' before the library does.  If that is an error which ends the
 * connection, says in 'why', of 'size' bytes, what is wrong with the message;
 * otherwise 'why' is empty.  'is_up' says that the guest is being served. */
enum rte_vhost_msg_result dpdk_vdpa_session_pre_msg(
    struct dpdk_vdpa_session *, struct dpdk_vdpa_msg *msg, bool is_up,
    char *why, size_t size);

/* Handles 'msg' of connection 'vid' after the library did, or we in its place,
 * with success. */
void dpdk_vdpa_session_post_msg(struct dpdk_vdpa_session *,
                                const struct dpdk_vdpa_msg *msg, int vid,
                                bool is_up);

/* The guest is being served: has those of its rings walked that can be and are
 * not. */
void dpdk_vdpa_session_open_walk(struct dpdk_vdpa_session *, int vid);

/* The guest is no longer served. */
void dpdk_vdpa_session_save(struct dpdk_vdpa_session *, int vid);

#endif /* vhost/session.h */
