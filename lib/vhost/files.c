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

#include "vhost/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "seq.h"
#include "util.h"

/* A file that the thread is to close. */
struct old_file {
    struct ovs_list node;       /* In 'old_files'. */
    int fd;
    struct dpdk_vdpa_closing *closing;  /* Or null. */
    struct seq *wake;                   /* Or null. */
};

/* A leaf, held for moments. */
static struct ovs_mutex files_mutex = OVS_MUTEX_INITIALIZER;
static pthread_cond_t files_cond = PTHREAD_COND_INITIALIZER;
static struct ovs_list old_files OVS_GUARDED_BY(files_mutex)
    = OVS_LIST_INITIALIZER(&old_files);

/* Kinds. */

bool
dpdk_vdpa_file_is_eventfd(int fd)
{
    char path[32], target[32];
    ssize_t n;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n = readlink(path, target, sizeof target - 1);
    target[MAX(n, 0)] = '\0';
    return !strcmp(target, "anon_inode:[eventfd]");
}

/* Only files of the kernel's own file systems in memory can be sealed.  One on
 * a block device is none of a file system in user space, or of one that root
 * has mounted. */
bool
dpdk_vdpa_file_is_memory(int fd)
{
    struct statx s;

    return (fcntl(fd, F_GET_SEALS) >= 0
            || (!statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE,
                       &s)
                && S_ISREG(s.stx_mode) && s.stx_dev_major));
}

bool
dpdk_vdpa_file_is_local_socket(int fd)
{
    int domain;
    socklen_t len = sizeof domain;

    return (!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len)
            && domain == AF_UNIX);
}

/* Closing. */

/* Returns true if to close 'fd' cannot take long. */
static bool
closes_at_once(int fd)
{
    return dpdk_vdpa_file_is_eventfd(fd) || dpdk_vdpa_file_is_memory(fd);
}

static struct old_file *
next_old_file(void)
{
    struct old_file *file;

    ovs_mutex_lock(&files_mutex);
    while (ovs_list_is_empty(&old_files)) {
        ovs_mutex_cond_wait(&files_cond, &files_mutex);
    }
    file = CONTAINER_OF(ovs_list_pop_front(&old_files), struct old_file, node);
    ovs_mutex_unlock(&files_mutex);
    return file;
}

static void *
files_main(void *aux OVS_UNUSED)
{
    /* Nothing here is RCU's, and nobody must wait for this thread. */
    ovsrcu_quiesce_start();
    for (;;) {
        struct old_file *file = next_old_file();

        close(file->fd);
        if (file->closing) {
            /* Which may be gone right behind this. */
            atomic_count_dec(&file->closing->n);
        }
        if (file->wake) {
            seq_change(file->wake);
        }
        free(file);
    }
    return NULL;
}

void
dpdk_vdpa_files_start(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        ovs_thread_create("vdpa_close", files_main, NULL);
        ovsthread_once_done(&once);
    }
}

/* Has the thread close 'fd'. */
static void
close_later(int fd, struct dpdk_vdpa_closing *closing)
{
    struct old_file *file = xmalloc(sizeof *file);

    dpdk_vdpa_files_start();
    file->fd = fd;
    file->closing = closing;
    file->wake = closing ? closing->wake : NULL;
    if (closing) {
        atomic_count_inc(&closing->n);
    }
    ovs_mutex_lock(&files_mutex);
    ovs_list_push_back(&old_files, &file->node);
    xpthread_cond_signal(&files_cond);
    ovs_mutex_unlock(&files_mutex);
}

void
dpdk_vdpa_file_close(int fd, struct dpdk_vdpa_closing *closing)
{
    if (closes_at_once(fd)) {
        close(fd);
    } else {
        close_later(fd, closing);
    }
}

void
dpdk_vdpa_file_close_socket(int fd, struct dpdk_vdpa_closing *closing)
{
    int unread;

    shutdown(fd, SHUT_RDWR);
    if (!ioctl(fd, FIONREAD, &unread) && !unread) {
        close(fd);
    } else {
        close_later(fd, closing);
    }
}
