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

#include "port/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_pcapng.h>
#include <rte_ring.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "seam/compat-dpdk.h"
#include "util.h"

/* Packets on their way from PMD threads to the file: as many as fit into so
 * many bytes, within limits. */
#define QUEUE_BYTES (16 * 1024 * 1024)
#define MIN_QUEUE_LEN 255
#define MAX_QUEUE_LEN 8191

/* Packets that are written together. */
#define WRITE_BURST 64

/* How long the thread sleeps if there is nothing to write, in ns. */
#define IDLE_SLEEP 2000000

/* What goes with a copy of a packet, in the private area of its mbuf. */
struct copy_info {
    uint64_t tsc;
    uint32_t original_len;
    uint16_t queue;
    bool inbound;
};

struct dpdk_vdpa_capture {
    /* Constant. */
    char *path;
    uint32_t snaplen;
    uint64_t count;                     /* UINT64_MAX for no limit. */
    uint16_t port_id;
    struct rte_mempool *copies;         /* What PMD threads make. */
    struct rte_mempool *blocks;         /* What is written. */
    struct rte_ring *ring;              /* From PMD threads to the writer. */
    pthread_t writer;

    /* Of the writer. */
    rte_pcapng_t *file;

    atomic_uint64_t n_taken;            /* Written by PMD threads. */
    atomic_uint64_t n_missed;           /* Likewise. */
    atomic_uint64_t n_written;          /* Written by the writer. */
    atomic_int error;                   /* Likewise: positive errno value. */
    atomic_bool exit;                   /* The writer is to end. */
};

/* rte_pcapng_copy() of DPDK 22.11 keeps the time in static variables. */
static struct ovs_mutex pcapng_mutex = OVS_MUTEX_INITIALIZER;

static uint64_t
capture_read(const atomic_uint64_t *counter)
{
    uint64_t value;

    atomic_read_relaxed(CONST_CAST(atomic_uint64_t *, counter), &value);
    return value;
}

static int
capture_error(const struct dpdk_vdpa_capture *c)
{
    int error;

    atomic_read(&CONST_CAST(struct dpdk_vdpa_capture *, c)->error, &error);
    return error;
}

/* PMD threads. */

/* Returns how many of 'n' packets are within the limit, and counts them. */
static unsigned int
capture_take(struct dpdk_vdpa_capture *c, unsigned int n)
{
    uint64_t before;

    if (capture_read(&c->n_taken) >= c->count || capture_error(c)) {
        return 0;
    }
    atomic_add(&c->n_taken, n, &before);
    return before >= c->count ? 0 : MIN(n, c->count - before);
}

static bool
capture_copy(struct dpdk_vdpa_capture *c, enum dpdk_vdpa_direction dir,
             uint16_t queue, const struct rte_mbuf *pkt)
{
    struct rte_mbuf *copy = rte_pktmbuf_copy(pkt, c->copies, 0, c->snaplen);
    struct copy_info *info;

    if (!copy) {
        return false;
    }
    info = rte_mbuf_to_priv(copy);
    info->tsc = rte_get_tsc_cycles();
    info->original_len = pkt->pkt_len;
    info->queue = queue;
    info->inbound = dir == DPDK_VDPA_VF_TO_VM;
    if (rte_ring_mp_enqueue(c->ring, copy)) {
        rte_pktmbuf_free(copy);
        return false;
    }
    return true;
}

void
dpdk_vdpa_capture_observe(void *capture, enum dpdk_vdpa_direction dir,
                          uint16_t queue, struct rte_mbuf *const *pkts,
                          unsigned int n)
{
    struct dpdk_vdpa_capture *c = capture;
    unsigned int n_missed = 0;
    uint64_t orig;

    n = capture_take(c, n);
    for (unsigned int i = 0; i < n; i++) {
        n_missed += !capture_copy(c, dir, queue, pkts[i]);
    }
    if (n_missed) {
        atomic_add_relaxed(&c->n_missed, n_missed, &orig);
    }
}

/* The writer. */

/* Turns 'copy', which it frees, into a block of the file. */
static struct rte_mbuf *
make_block(struct dpdk_vdpa_capture *c, struct rte_mbuf *copy)
{
    const struct copy_info *info = rte_mbuf_to_priv(copy);
    struct rte_mbuf *block;

    ovs_mutex_lock(&pcapng_mutex);
    block = vdpa_compat_pcapng_copy(c->port_id, info->queue, copy, c->blocks,
                                    info->tsc, info->original_len,
                                    info->inbound
                                    ? RTE_PCAPNG_DIRECTION_IN
                                    : RTE_PCAPNG_DIRECTION_OUT);
    ovs_mutex_unlock(&pcapng_mutex);
    rte_pktmbuf_free(copy);
    return block;
}

static void
write_blocks(struct dpdk_vdpa_capture *c, struct rte_mbuf **blocks,
             unsigned int n)
{
    ssize_t len = 0;
    ssize_t written;
    uint64_t orig;

    for (unsigned int i = 0; i < n; i++) {
        len += blocks[i]->pkt_len;
    }
    written = rte_pcapng_write_packets(c->file, blocks, n);
    if (written == len) {
        atomic_add_relaxed(&c->n_written, n, &orig);
    } else {
        /* A file that takes only a part is on a file system that is full. */
        atomic_store(&c->error, written < 0 ? rte_errno : ENOSPC);
    }
}

/* Writes a burst.  Returns false if there was none. */
static bool
write_burst(struct dpdk_vdpa_capture *c)
{
    struct rte_mbuf *pkts[WRITE_BURST];
    unsigned int n, n_blocks = 0;
    uint64_t orig;

    n = rte_ring_sc_dequeue_burst(c->ring, (void **) pkts, WRITE_BURST, NULL);
    for (unsigned int i = 0; i < n; i++) {
        struct rte_mbuf *block = make_block(c, pkts[i]);

        if (block) {
            pkts[n_blocks++] = block;
        }
    }
    if (n_blocks < n) {
        atomic_add_relaxed(&c->n_missed, n - n_blocks, &orig);
    }
    if (n_blocks && !capture_error(c)) {
        write_blocks(c, pkts, n_blocks);
    }
    rte_pktmbuf_free_bulk(pkts, n_blocks);
    return n > 0;
}

static void *
writer_main(void *capture)
{
    const struct timespec idle = { .tv_nsec = IDLE_SLEEP };
    struct dpdk_vdpa_capture *c = capture;
    bool stop;

    ovsrcu_quiesce_start();     /* Nobody's grace period waits for us. */
    do {
        atomic_read(&c->exit, &stop);
        while (write_burst(c)) {
            continue;
        }
        if (!stop) {
            nanosleep(&idle, NULL);
        }
    } while (!stop);
    return NULL;
}

/* Starting and stopping. */

static int
open_file(const char *path, int *fdp, char **errp)
{
    struct stat s;
    int error, fd;

    if (path[0] != '/') {
        *errp = xasprintf("\"%s\" is not an absolute path; begin it with "
                          "\"/\"", path);
        return EINVAL;
    }
    /* Opening a FIFO must not wait for its reader. */
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0) {
        error = errno;
        *errp = xasprintf("\"%s\" cannot be written (%s); give a path that "
                          "ovs-vswitchd may create a file at", path,
                          ovs_strerror(error));
        return error;
    }
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
        *errp = xasprintf("\"%s\" is no regular file; give another path",
                          path);
        close(fd);
        return EINVAL;
    }
    if (ftruncate(fd, 0)) {
        error = errno;
        *errp = xasprintf("\"%s\" cannot be emptied (%s)", path,
                          ovs_strerror(error));
        close(fd);
        return error;
    }
    *fdp = fd;
    return 0;
}

static void
capture_free(struct dpdk_vdpa_capture *c)
{
    rte_pcapng_close(c->file);
    rte_ring_free(c->ring);
    rte_mempool_free(c->copies);
    rte_mempool_free(c->blocks);
    free(c->path);
    free(c);
}

static int
capture_alloc_buffers(struct dpdk_vdpa_capture *c, int numa_node, char **errp)
{
    static unsigned int serial;
    char name[RTE_MEMPOOL_NAMESIZE];
    unsigned int n = QUEUE_BYTES / c->snaplen;
    uint16_t room;

    n = MAX(MIN(n, MAX_QUEUE_LEN), MIN_QUEUE_LEN);
    snprintf(name, sizeof name, "dpdkvdpa_copies_%u", serial);
    room = RTE_PKTMBUF_HEADROOM + c->snaplen;
    c->copies = rte_pktmbuf_pool_create(name, n, 0,
                                        ROUND_UP(sizeof(struct copy_info),
                                                 RTE_MBUF_PRIV_ALIGN),
                                        room, numa_node);
    snprintf(name, sizeof name, "dpdkvdpa_blocks_%u", serial);
    room = RTE_PKTMBUF_HEADROOM + rte_pcapng_mbuf_size(c->snaplen);
    c->blocks = rte_pktmbuf_pool_create(name, 2 * WRITE_BURST, 0, 0, room,
                                        numa_node);
    snprintf(name, sizeof name, "dpdkvdpa_%u", serial++);
    c->ring = rte_ring_create(name, rte_align32pow2(n + 1), numa_node,
                              RING_F_SC_DEQ);
    if (!c->copies || !c->blocks || !c->ring) {
        *errp = xasprintf("no memory for a capture; give DPDK more hugepages "
                          "or ask for a smaller snaplen than %"PRIu32,
                          c->snaplen);
        return ENOMEM;
    }
    return 0;
}

int
dpdk_vdpa_capture_start(const struct dpdk_vdpa_capture_config *config,
                        struct dpdk_vdpa_capture **cp, char **errp)
{
    struct dpdk_vdpa_capture *c;
    char *comment;
    int fd = -1;
    int error;

    *cp = NULL;
    error = open_file(config->path, &fd, errp);
    if (error) {
        return error;
    }

    c = xzalloc(sizeof *c);
    c->path = xstrdup(config->path);
    c->snaplen = config->snaplen;
    c->count = config->count ? config->count : UINT64_MAX;
    c->port_id = config->port_id;
    error = capture_alloc_buffers(c, config->numa_node, errp);
    if (error) {
        close(fd);
        goto error;
    }

    comment = xasprintf("port %s, inbound: VF to guest, outbound: guest to VF",
                        config->port_name);
    errno = 0;
    c->file = rte_pcapng_fdopen(fd, NULL, NULL, "ovs-vswitchd dpdkvdpa",
                                comment);
    free(comment);
    if (!c->file
        || !vdpa_compat_pcapng_add_interface(c->file, c->port_id)) {
        error = errno ? errno : EIO;
        if (!c->file) {
            close(fd);
        }
        *errp = xasprintf("\"%s\" cannot be written (%s); give a path with "
                          "room for a file", config->path,
                          ovs_strerror(error));
        goto error;
    }
    c->writer = ovs_thread_create("vdpa_capture", writer_main, c);
    *cp = c;
    return 0;

error:
    capture_free(c);
    return error;
}

bool
dpdk_vdpa_capture_is_done(const struct dpdk_vdpa_capture *c)
{
    return (capture_error(c)
            || capture_read(&c->n_written) + capture_read(&c->n_missed)
               >= c->count);
}

void
dpdk_vdpa_capture_format(const struct dpdk_vdpa_capture *c, struct ds *out)
{
    if (capture_error(c)) {
        ds_put_format(out, "cannot write any more (%s): ",
                      ovs_strerror(capture_error(c)));
    }
    ds_put_format(out, "\"%s\", packets written: %"PRIu64", missed: %"PRIu64,
                  c->path, capture_read(&c->n_written),
                  capture_read(&c->n_missed));
}

int
dpdk_vdpa_capture_stop(struct dpdk_vdpa_capture *c, struct ds *out)
{
    int error;

    atomic_store(&c->exit, true);
    xpthread_join(c->writer, NULL);
    dpdk_vdpa_capture_format(c, out);
    error = capture_error(c);
    capture_free(c);
    return error;
}
