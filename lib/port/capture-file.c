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

#include "port/capture-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_pcapng.h>

#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "port/copies.h"
#include "seam/compat-dpdk.h"
#include "util.h"

/* Packets that are written together. */
#define WRITE_BURST 64

/* How long the thread sleeps if there is nothing to write, in ns. */
#define IDLE_SLEEP 2000000

struct vdpa_capture_file {
    /* Constant. */
    uint16_t port_id;
    struct vdpa_copies *copies;
    struct rte_mempool *blocks;         /* What is written. */
    pthread_t writer;

    /* Of the writer. */
    rte_pcapng_t *file;

    atomic_int error;                   /* Written by it: positive errno
                                         * value. */
    atomic_bool exit;                   /* The writer is to end. */
};

/* rte_pcapng_copy() of DPDK 22.11 keeps the time in static variables. */
static struct ovs_mutex pcapng_mutex = OVS_MUTEX_INITIALIZER;

int
vdpa_capture_file_error(const struct vdpa_capture_file *f)
{
    int error;

    atomic_read(&CONST_CAST(struct vdpa_capture_file *, f)->error, &error);
    return error;
}

/* The writer. */

/* Turns 'copy', which it frees, into a block of the file. */
static struct rte_mbuf *
make_block(struct vdpa_capture_file *f, struct rte_mbuf *copy)
{
    const struct vdpa_copy_info *info = rte_mbuf_to_priv(copy);
    struct rte_mbuf *block;

    ovs_mutex_lock(&pcapng_mutex);
    block = vdpa_compat_pcapng_copy(f->port_id, info->queue, copy, f->blocks,
                                    info->tsc, info->original_len,
                                    info->inbound
                                    ? RTE_PCAPNG_DIRECTION_IN
                                    : RTE_PCAPNG_DIRECTION_OUT);
    ovs_mutex_unlock(&pcapng_mutex);
    rte_pktmbuf_free(copy);
    return block;
}

static void
write_blocks(struct vdpa_capture_file *f, struct rte_mbuf **blocks,
             unsigned int n)
{
    ssize_t len = 0;
    ssize_t written;

    for (unsigned int i = 0; i < n; i++) {
        len += blocks[i]->pkt_len;
    }
    written = rte_pcapng_write_packets(f->file, blocks, n);
    if (written == len) {
        vdpa_copies_count_written(f->copies, n);
    } else {
        /* A file that takes only a part is on a file system that is full. */
        atomic_store(&f->error, written < 0 ? rte_errno : ENOSPC);
        vdpa_copies_close(f->copies);
        vdpa_copies_count_missed(f->copies, n);
    }
}

/* Writes a burst.  Returns false if there was none. */
static bool
write_burst(struct vdpa_capture_file *f)
{
    struct rte_mbuf *pkts[WRITE_BURST];
    unsigned int n, n_blocks = 0;

    n = vdpa_copies_take(f->copies, pkts, WRITE_BURST);
    for (unsigned int i = 0; i < n; i++) {
        struct rte_mbuf *block = make_block(f, pkts[i]);

        if (block) {
            pkts[n_blocks++] = block;
        }
    }
    vdpa_copies_count_missed(f->copies, n - n_blocks);
    if (vdpa_capture_file_error(f)) {
        vdpa_copies_count_missed(f->copies, n_blocks);
    } else if (n_blocks) {
        write_blocks(f, pkts, n_blocks);
    }
    rte_pktmbuf_free_bulk(pkts, n_blocks);
    return n > 0;
}

static void *
writer_main(void *file)
{
    const struct timespec idle = { .tv_nsec = IDLE_SLEEP };
    struct vdpa_capture_file *f = file;
    bool stop;

    ovsrcu_quiesce_start();     /* Nobody's grace period waits for us. */
    do {
        atomic_read(&f->exit, &stop);
        while (write_burst(f)) {
            continue;
        }
        if (!stop) {
            nanosleep(&idle, NULL);
        }
    } while (!stop);
    return NULL;
}

/* Life. */

/* Opens the file 'path', empty. */
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
file_free(struct vdpa_capture_file *f)
{
    rte_pcapng_close(f->file);
    rte_mempool_free(f->blocks);
    free(f);
}

/* Makes the pool of blocks. */
static int
alloc_blocks(struct vdpa_capture_file *f, uint32_t snaplen, int numa_node,
             char **errp)
{
    static unsigned int serial;
    char name[RTE_MEMPOOL_NAMESIZE];
    uint16_t room = RTE_PKTMBUF_HEADROOM + rte_pcapng_mbuf_size(snaplen);

    snprintf(name, sizeof name, "dpdkvdpa_blocks_%u", serial++);
    f->blocks = rte_pktmbuf_pool_create(name, 2 * WRITE_BURST, 0, 0, room,
                                        numa_node);
    if (!f->blocks) {
        *errp = xasprintf("no memory for a capture; give DPDK more hugepages "
                          "or ask for a smaller snaplen than %u", snaplen);
        return ENOMEM;
    }
    return 0;
}

/* Makes the file behind 'fd', which it takes over, one in the format
 * pcapng. */
static int
begin_file(struct vdpa_capture_file *f, int fd, const char *path,
           const char *comment, char **errp)
{
    int error;

    errno = 0;
    f->file = rte_pcapng_fdopen(fd, NULL, NULL, "ovs-vswitchd dpdkvdpa",
                                comment);
    if (f->file && vdpa_compat_pcapng_add_interface(f->file, f->port_id)) {
        return 0;
    }
    error = errno ? errno : EIO;
    if (!f->file) {
        close(fd);
    }
    *errp = xasprintf("\"%s\" cannot be written (%s); give a path with room "
                      "for a file", path, ovs_strerror(error));
    return error;
}

int
vdpa_capture_file_open(const char *path, const char *comment,
                       uint16_t port_id, uint32_t snaplen, int numa_node,
                       struct vdpa_copies *copies,
                       struct vdpa_capture_file **fp, char **errp)
{
    struct vdpa_capture_file *f;
    int fd = -1;
    int error;

    error = open_file(path, &fd, errp);
    if (error) {
        return error;
    }
    f = xzalloc(sizeof *f);
    f->port_id = port_id;
    f->copies = copies;
    error = alloc_blocks(f, snaplen, numa_node, errp);
    if (error) {
        close(fd);
    } else {
        error = begin_file(f, fd, path, comment, errp);
    }
    if (error) {
        file_free(f);
        return error;
    }
    f->writer = ovs_thread_create("vdpa_capture", writer_main, f);
    *fp = f;
    return 0;
}

int
vdpa_capture_file_close(struct vdpa_capture_file *f)
{
    int error;

    atomic_store(&f->exit, true);
    xpthread_join(f->writer, NULL);
    error = vdpa_capture_file_error(f);
    file_free(f);
    return error;
}
