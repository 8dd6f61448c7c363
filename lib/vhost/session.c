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

#include <config.h>

#include "vhost/session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <stdlib.h>

#include <rte_config.h>
#include <rte_malloc.h>

#include "openvswitch/vlog.h"
#include "util.h"
#include "vhost/dmas.h"
#include "vhost/guard.h"
#include "vhost/mapping.h"
#include "vhost/positions.h"
#include "vhost/reset.h"
#include "vhost/walk.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_session);

/* How long a front-end may take for a message that it has begun, in ms. */
#define MESSAGE_TIMEOUT 3000

/* Returns true if 'msg' changes nothing that the book, the walk or the
 * library's virtqueues are about. */
static bool
changes_nothing(const struct dpdk_vdpa_msg *msg)
{
    switch (msg->request) {
    case DPDK_VDPA_MSG_GET_FEATURES:
    case DPDK_VDPA_MSG_GET_PROTOCOL_FEATURES:
    case DPDK_VDPA_MSG_GET_QUEUE_NUM:
    case DPDK_VDPA_MSG_NET_SET_MTU:
    case DPDK_VDPA_MSG_GET_CONFIG:
    case DPDK_VDPA_MSG_SET_CONFIG:
    case DPDK_VDPA_MSG_SET_STATUS:
    case DPDK_VDPA_MSG_GET_STATUS:
        return true;
    default:
        return false;
    }
}

/* Closes as much of the walk as 'msg' may change. */
static void
session_close_walk(struct dpdk_vdpa_session *s,
                   const struct dpdk_vdpa_msg *msg)
{
    unsigned int ring;

    if (dpdk_vdpa_msg_ring(msg, &ring)) {
        dpdk_vdpa_walk_close_ring(s->walk, ring);
    } else {
        dpdk_vdpa_walk_close(s->walk);
    }
}

/* Has DMA engines let go of what 'msg' may change.  Returns false, with what
 * is wrong in 'why', if one does not. */
static bool
session_close_dmas(struct dpdk_vdpa_session *s,
                   const struct dpdk_vdpa_msg *msg, char *why, size_t size)
{
    unsigned int first = 0, end = DPDK_VDPA_BOOK_N_RINGS;

    if (!s->dmas || !dpdk_vdpa_dmas_concern(msg)) {
        return true;
    }
    if (dpdk_vdpa_msg_ring(msg, &first)) {
        end = first + 1;
    }
    if (!dpdk_vdpa_dmas_close(s->dmas, s->vid, first, end, true)) {
        ovs_strlcpy(why, "anything while a DMA engine does not finish", size);
        return false;
    }
    return true;
}

/* Returns true if the library has memory of its own to take note of other
 * memory of the guest's: if it has none, it leaves rings behind that point
 * nowhere. */
static bool
library_has_memory(void)
{
    void *p = rte_malloc(NULL, 4096, 0);

    rte_free(p);
    return p != NULL;
}

/* Looks for what is wrong with 'msg'.  Returns as dpdk_vdpa_guard_check(). */
static bool
session_check_msg(struct dpdk_vdpa_session *s, struct dpdk_vdpa_msg *msg,
                  bool is_up, char *why, size_t size)
{
    if (s->handling && !changes_nothing(msg)) {
        /* The book says what was so before. */
        ovs_strlcpy(why, "going on after a message that failed", size);
        return true;
    } else if (msg->request == DPDK_VDPA_MSG_SET_MEM_TABLE
               && is_up && !library_has_memory()) {
        ovs_strlcpy(why, "other memory while DPDK's own is exhausted", size);
        return true;
    }
    return dpdk_vdpa_guard_check(&s->book, msg,
                                 s->hw && s->is_served(s->aux), why, size);
}

/* There is no eventfd to interrupt for ring 'ring' by: without a word to the
 * front-end its guest would wait in vain. */
static enum rte_vhost_msg_result
session_lacks_call(unsigned int ring)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

    VLOG_ERR_RL(&rl, "no eventfd for ring %u: %s", ring, ovs_strerror(errno));
    return RTE_VHOST_MSG_RESULT_ERR;
}

/* Says by 'msg', SET_VRING_CALL, that ring 'ring' is to be interrupted for by
 * 'fd': none if it is 0; an error if it is negative. */
static enum rte_vhost_msg_result
session_tell_call(struct dpdk_vdpa_msg *msg, unsigned int ring, int fd)
{
    if (fd < 0) {
        return session_lacks_call(ring);
    }
    msg->payload.u64 = ring | (fd ? 0 : DPDK_VDPA_MSG_NO_FD);
    msg->fds[0] = fd ? fd : -1;
    msg->n_fds = fd > 0;
    return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

/* SET_VRING_CALL that is not the front-end's, of whose the library has lost
 * the eventfd: see vhost/reset.h. */
static enum rte_vhost_msg_result
session_renew_call(struct dpdk_vdpa_session *s, struct dpdk_vdpa_msg *msg)
{
    unsigned int ring = msg->payload.u64 & DPDK_VDPA_MSG_RING_MASK;

    return session_tell_call(msg, ring,
                             s->hw ? dpdk_vdpa_walk_get_call(s->walk, ring)
                             : dpdk_vdpa_walk_renew_call(s->walk, ring));
}

/* SET_VRING_CALL with a vDPA device, which gets the guest's eventfd; we keep
 * another one. */
static enum rte_vhost_msg_result
session_keep_call(struct dpdk_vdpa_session *s, struct dpdk_vdpa_msg *msg)
{
    unsigned int ring = msg->payload.u64 & DPDK_VDPA_MSG_RING_MASK;
    int fd = -1;

    if (msg->n_fds == 1) {
        fd = fcntl(msg->fds[0], F_DUPFD_CLOEXEC, 1);
        if (fd < 0) {
            enum rte_vhost_msg_result result = session_lacks_call(ring);

            dpdk_vdpa_msg_close_fds(msg);
            return result;
        }
    }
    dpdk_vdpa_walk_keep_call(s->walk, ring, fd);
    return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

/* SET_VRING_CALL, unless there is a vDPA device: the guest's eventfd is ours,
 * the library gets another one, if it is to know of it at all. */
static enum rte_vhost_msg_result
session_set_call(struct dpdk_vdpa_session *s, struct dpdk_vdpa_msg *msg)
{
    bool none = msg->payload.u64 & DPDK_VDPA_MSG_NO_FD;
    unsigned int ring = msg->payload.u64 & DPDK_VDPA_MSG_RING_MASK;
    bool for_library = !s->book.rings[ring].has_call;
    int fd;

    if (msg->n_fds != !none) {
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;        /* An error. */
    }
    fd = dpdk_vdpa_walk_set_call(s->walk, ring, none ? -1 : msg->fds[0],
                                 for_library);
    msg->n_fds = 0;
    msg->fds[0] = -1;
    return (fd >= 0 && !for_library ? RTE_VHOST_MSG_RESULT_OK
            : session_tell_call(msg, ring, fd));
}

/* SET_VRING_KICK, unless there is a vDPA device: the library keeps the guest's
 * eventfd, and never looks at it; we have another one of the same file, for a
 * thread to wait for. */
static void
session_keep_kick(struct dpdk_vdpa_session *s, const struct dpdk_vdpa_msg *msg)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    unsigned int ring = msg->payload.u64 & DPDK_VDPA_MSG_RING_MASK;
    int fd = -1;

    if (msg->n_fds == 1) {
        fd = fcntl(msg->fds[0], F_DUPFD_CLOEXEC, 1);
        if (fd < 0) {
            VLOG_WARN_RL(&rl, "no eventfd for ring %u (%s): notifications by "
                         "its guest do not wake a PMD thread", ring,
                         ovs_strerror(errno));
        }
    }
    dpdk_vdpa_walk_set_kick(s->walk, ring, fd);
}

/* SET_SLAVE_REQ_FD: the library writes there with its locks held, PMD threads
 * among others, and the front-end can make its socket such that who writes
 * waits. */
static enum rte_vhost_msg_result
session_set_channel(struct dpdk_vdpa_msg *msg)
{
    int fd = (msg->n_fds == 1
              ? dpdk_vdpa_door_channel(msg->fds[0], MESSAGE_TIMEOUT) : -1);

    if (fd < 0) {
        dpdk_vdpa_msg_close_fds(msg);
        return RTE_VHOST_MSG_RESULT_ERR;
    }
    msg->fds[0] = fd;
    return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

/* What the library is to handle before a message: see vhost/insert.h.
 *
 * In the middle of one it may wait for another.  Else it waits for nothing: it
 * was told that there is something to read from a connection that is gone, and
 * this one has its file descriptor.  All ports would wait with it, so it gets
 * a message that changes nothing. */
static bool
session_before(void *s_, const struct dpdk_vdpa_msg *next,
               struct dpdk_vdpa_msg *msg)
{
    struct dpdk_vdpa_session *s = s_;

    if (s->handling) {
        return false;
    } else if (!next) {
        msg->request = DPDK_VDPA_MSG_GET_QUEUE_NUM;
        msg->size = sizeof msg->payload.u64;
        return true;
    }
    return dpdk_vdpa_reset_step(&s->book, next, msg);
}

/* Of the log's place the front-end wants to know whether it was taken only if
 * it says so, or has agreed on shared memory for it; the library answers in
 * any case.
 *
 * After a message that fails there may be an answer, and no word to us. */
static bool
session_answers(void *s_, uint32_t request)
{
    struct dpdk_vdpa_session *s = s_;

    dpdk_vdpa_mapping_end();
    return (request != DPDK_VDPA_MSG_SET_LOG_BASE || s->wants_answer
            || s->book.protocol & (1ULL << VHOST_USER_PROTOCOL_F_LOG_SHMFD));
}

static const struct dpdk_vdpa_insert_ops session_insert_ops = {
    .before = session_before,
    .answers = session_answers,
};

/* Handles in the library's place what it does not handle well.
 *
 * The library of DPDK 22.11 always answers VHOST_USER_GET_QUEUE_NUM with 128;
 * we know better.  At VHOST_USER_RESET_OWNER it loses memory, and there is
 * nothing left to do: see vhost/reset.h.  A log that comes again it maps
 * again, and unmaps the one that may be in use.  Each queue pair of QEMU's
 * announces post-copy migration, and the library would open a userfaultfd for
 * each and close one. */
static enum rte_vhost_msg_result
session_handle_msg(struct dpdk_vdpa_session *s, struct dpdk_vdpa_msg *msg)
{
    unsigned int max_pairs;

    switch (msg->request) {
    case DPDK_VDPA_MSG_GET_QUEUE_NUM:
        atomic_read_relaxed(&s->max_pairs, &max_pairs);
        dpdk_vdpa_msg_close_fds(msg);
        msg->payload.u64 = max_pairs;
        msg->size = sizeof msg->payload.u64;
        return RTE_VHOST_MSG_RESULT_REPLY;
    case DPDK_VDPA_MSG_RESET_OWNER:
        dpdk_vdpa_msg_close_fds(msg);
        return RTE_VHOST_MSG_RESULT_OK;
    case DPDK_VDPA_MSG_SET_FEATURES:
        if (s->book.features & ~msg->payload.u64 & 1ULL << VHOST_F_LOG_ALL
            && s->hw && s->is_served(s->aux)) {
            s->end_logging(s->aux, s->vid);
        }
        break;
    case DPDK_VDPA_MSG_SET_LOG_BASE:
        if (dpdk_vdpa_book_has_log(&s->book, msg)) {
            dpdk_vdpa_msg_close_fds(msg);
            msg->size = 0;      /* As of the library's answer. */
            return RTE_VHOST_MSG_RESULT_REPLY;
        }
        break;
    case DPDK_VDPA_MSG_SET_SLAVE_REQ_FD:
        return session_set_channel(msg);
    case DPDK_VDPA_MSG_POSTCOPY_ADVISE:
        if (s->ufd >= 0) {
            dpdk_vdpa_msg_close_fds(msg);
            msg->size = 0;
            msg->fds[0] = s->ufd;
            msg->n_fds = 1;
            return RTE_VHOST_MSG_RESULT_REPLY;
        }
        break;
    case DPDK_VDPA_MSG_SET_VRING_KICK:
        if (!s->hw) {
            session_keep_kick(s, msg);
        }
        break;
    case DPDK_VDPA_MSG_SET_VRING_CALL:
        return (s->insert.inserted ? session_renew_call(s, msg)
                : s->hw ? session_keep_call(s, msg)
                : session_set_call(s, msg));
    }
    return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

enum rte_vhost_msg_result
dpdk_vdpa_session_pre_msg(struct dpdk_vdpa_session *s,
                          struct dpdk_vdpa_msg *msg, bool is_up, char *why,
                          size_t size)
{
    enum rte_vhost_msg_result result;

    why[0] = '\0';
    if (s->insert.inserted) {
        msg->size = s->insert.inserted;
    }
    s->wants_answer = msg->flags & DPDK_VDPA_MSG_NEED_REPLY;
    if (session_check_msg(s, msg, is_up, why, size)) {
        dpdk_vdpa_walk_close(s->walk);
        dpdk_vdpa_msg_close_fds(msg);
        /* With an answer, the connection would go on. */
        msg->flags &= ~DPDK_VDPA_MSG_NEED_REPLY;
        return RTE_VHOST_MSG_RESULT_ERR;
    }
    if (changes_nothing(msg)) {
        return session_handle_msg(s, msg);
    }
    s->handling = true;
    result = session_handle_msg(s, msg);
    if (result == RTE_VHOST_MSG_RESULT_NOT_HANDLED) {
        session_close_walk(s, msg);
        if (!session_close_dmas(s, msg, why, size)) {
            dpdk_vdpa_msg_close_fds(msg);
            msg->flags &= ~DPDK_VDPA_MSG_NEED_REPLY;
            return RTE_VHOST_MSG_RESULT_ERR;
        }
        s->moves_memory = msg->request == DPDK_VDPA_MSG_SET_MEM_TABLE;
        dpdk_vdpa_book_begin(&s->book, msg);
        dpdk_vdpa_mapping_begin(&s->memory, msg);
    }
    return result;
}

/* Reads where the library has mapped the guest's memory. */
static void
session_read_memory(struct dpdk_vdpa_session *s, int vid)
{
    uint64_t host[DPDK_VDPA_BOOK_N_REGIONS];
    struct rte_vhost_memory *mem;

    if (rte_vhost_get_mem_table(vid, &mem)) {
        return;
    }
    if (mem->nregions == s->book.memory.n) {
        for (unsigned int i = 0; i < mem->nregions; i++) {
            host[i] = mem->regions[i].host_user_addr;
        }
        dpdk_vdpa_book_map(&s->book, host);
    }
    free(mem);
}

/* Without VIRTIO_NET_F_MQ the library has just forgotten all rings but the
 * first two, and the book, too. */
static void
session_drop_rings(struct dpdk_vdpa_session *s)
{
    if (!(s->book.features & (1ULL << VIRTIO_NET_F_MQ))) {
        for (unsigned int i = 2; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
            dpdk_vdpa_walk_drop_call(s->walk, i);
            dpdk_vdpa_walk_drop_kick(s->walk, i);
        }
    }
}

/* The library has let 'ring' go, as it was told by the front-end, or by us:
 * then the front-end, if it has said how to interrupt, goes on believing that
 * we know. */
static void
session_drop_call(struct dpdk_vdpa_session *s, unsigned int ring,
                  bool wants_call)
{
    s->book.rings[ring].wants_call = wants_call;
    dpdk_vdpa_walk_drop_kick(s->walk, ring);
    if (wants_call) {
        dpdk_vdpa_walk_drop_library_call(s->walk, ring);
    } else {
        dpdk_vdpa_walk_drop_call(s->walk, ring);
    }
}

/* Has rings that have been started, and that the library now knows the place
 * of, go on where they were.  It has not told PMD threads of them yet. */
static void
session_place_rings(struct dpdk_vdpa_session *s, int vid)
{
    for (unsigned int i = 0; i < s->book.n_rings; i++) {
        struct dpdk_vdpa_book_ring *ring = &s->book.rings[i];

        if (ring->is_started && !ring->is_placed) {
            ring->is_placed = dpdk_vdpa_positions_begin(s->notes, &s->book,
                                                        vid, i, s->hw);
        }
    }
}

void
dpdk_vdpa_session_post_msg(struct dpdk_vdpa_session *s,
                           const struct dpdk_vdpa_msg *msg, int vid,
                           bool is_up)
{
    unsigned int ring = 0;
    bool wants_call;

    if (changes_nothing(msg)) {
        dpdk_vdpa_book_end(&s->book, msg);      /* Nothing of a ring. */
        return;
    }
    dpdk_vdpa_mapping_end();
    if (!dpdk_vdpa_msg_ring(msg, &ring)) {
        ring = 0;
    }
    wants_call = s->insert.inserted && s->book.rings[ring].wants_call;
    dpdk_vdpa_book_end(&s->book, msg);
    dpdk_vdpa_walk_pass_on(s->walk);
    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_FEATURES:
        session_drop_rings(s);
        break;
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        session_read_memory(s, vid);
        break;
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_IOTLB_MSG:
        session_place_rings(s, vid);
        break;
    case DPDK_VDPA_MSG_GET_VRING_BASE:
        session_drop_call(s, ring, wants_call);
        dpdk_vdpa_positions_forget(s->notes, ring);
        break;
    case DPDK_VDPA_MSG_POSTCOPY_ADVISE:
        s->ufd = msg->n_fds == 1 ? msg->fds[0] : -1;
        break;
    case DPDK_VDPA_MSG_POSTCOPY_END:
        s->ufd = -1;
        break;
    case DPDK_VDPA_MSG_SEND_RARP:
        dpdk_vdpa_walk_ask_library(s->walk);
        break;
    }
    s->handling = s->moves_memory = false;
    if (s->dmas && dpdk_vdpa_dmas_concern(msg)) {
        dpdk_vdpa_dmas_open(s->dmas, &s->book, vid);
    }
    if (is_up) {
        dpdk_vdpa_session_open_walk(s, vid);
    }
}

void
dpdk_vdpa_session_open_walk(struct dpdk_vdpa_session *s, int vid)
{
    if (!s->hw) {
        dpdk_vdpa_walk_open(s->walk, vid);
    }
}

void
dpdk_vdpa_session_save(struct dpdk_vdpa_session *s, int vid)
{
    dpdk_vdpa_positions_save(s->notes, &s->book, vid);
}

bool
dpdk_vdpa_session_begin(struct dpdk_vdpa_session *s, int vid)
{
    dpdk_vdpa_book_init(&s->book, s->postcopy);
    s->vid = vid;
    if (s->dmas) {
        dpdk_vdpa_dmas_begin(s->dmas);
    }
    s->handling = s->moves_memory = false;
    s->ufd = -1;
    if (!dpdk_vdpa_door_open(&s->door, MESSAGE_TIMEOUT)) {
        return false;
    }
    s->insert.ops = &session_insert_ops;
    s->insert.aux = s;
    return dpdk_vdpa_insert_open(&s->insert, s->door.fd);
}

void
dpdk_vdpa_session_end(struct dpdk_vdpa_session *s)
{
    dpdk_vdpa_mapping_end();
    dpdk_vdpa_insert_close(&s->insert);
    dpdk_vdpa_door_close(&s->door);
    dpdk_vdpa_walk_drop_calls(s->walk);
    dpdk_vdpa_walk_drop_kicks(s->walk);
}
