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

#include "vhost/notes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dirs.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_notes);

/* The first bytes of a file whose layout is that of notes.h. */
static const char magic[16] = "dpdkvdpa notes1";

/* Sockets without a port of which something is remembered. */
#define MAX_ORPHANS 64

/* The notes of one socket. */
struct keeper {
    struct ovs_list node;
    char *socket;
    char *path;                 /* Of the file, or null if there is none. */
    int fd;                     /* Likewise, or -1; locked, see file_open(). */
    unsigned int n_users;
    struct dpdk_vdpa_notes *notes;
};

/* A leaf: nothing of ours is called with it held. */
static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list keepers OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&keepers);
static bool keep OVS_GUARDED_BY(mutex);

/* Files. */

/* Returns the name of the file for 'socket': by a number (FNV-1a), which is
 * the same in each build, as a path may be longer than the name of a file. */
static char *
file_path(const char *socket)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (const char *p = socket; *p; p++) {
        hash = (hash ^ (uint8_t) *p) * 0x100000001b3;
    }
    return xasprintf("%s/dpdkvdpa-%016"PRIx64".rings", ovs_rundir(), hash);
}

/* Opens the file at 'path', or makes one, and locks it, as all do that use it:
 * the lock goes with the process.  Who removes it (see file_sweep()) locks out
 * the others.  Returns a file descriptor, with the file's state in '*s', or a
 * negative errno value. */
static int
file_lock(const char *path, struct stat *s)
{
    memset(s, 0, sizeof *s);
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0) {
            return -errno;
        }
        if ((!flock(fd, LOCK_SH) || errno != EINTR)
            && (fstat(fd, s) || s->st_nlink)) {
            return fd;
        }
        close(fd);              /* Removed meanwhile, or interrupted. */
    }
}

/* Returns true if a file like this was made by us, or somebody like us. */
static bool
is_ours(const struct stat *s)
{
    return (S_ISREG(s->st_mode) && s->st_uid == geteuid()
            && s->st_nlink == 1);
}

/* Opens the file at 'path', which nobody else can have put there or can see
 * into, and locks it.  Returns a file descriptor, or a negative errno
 * value. */
static int
file_open(const char *path)
{
    struct stat s;
    int fd = file_lock(path, &s);
    int error;

    if (fd < 0) {
        return fd;
    }
    if (!is_ours(&s) || s.st_mode & 077) {
        error = EPERM;
    } else {
        /* A page that is not there when it is written is a SIGBUS. */
        error = posix_fallocate(fd, 0, sizeof(struct dpdk_vdpa_notes));
    }
    if (error) {
        close(fd);
        return -error;
    }
    return fd;
}

/* Returns the socket that the notes in 'fd' are about, or null if they are not
 * ours to remove: the caller must free it. */
static char *
file_socket(int fd)
{
    struct {
        char magic[sizeof magic];
        char socket[MEMBER_SIZEOF(struct dpdk_vdpa_notes, socket)];
    } head;
    struct stat s;

    if (fstat(fd, &s) || !is_ours(&s)
        || pread(fd, &head, sizeof head, 0) != sizeof head
        || memcmp(head.magic, magic, sizeof magic)
        || !memchr(head.socket, '\0', sizeof head.socket)) {
        return NULL;
    }
    return xstrdup(head.socket);
}

/* Removes the file at 'path' if nobody uses it and nobody will: what it says
 * is about rings in the memory of a front-end, and there is none any more. */
static void
file_sweep(const char *path, bool (*is_served)(const char *socket))
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char *socket = fd >= 0 ? file_socket(fd) : NULL;

    if (socket) {
        char *its_path = file_path(socket);

        if (!strcmp(path, its_path) && !flock(fd, LOCK_EX | LOCK_NB)
            && !is_served(socket) && !unlink(path)) {
            VLOG_INFO("%s: removed, as nobody has or serves \"%s\" any more",
                      path, socket);
        }
        free(its_path);
        free(socket);
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* Maps the file of 'k', or memory if there is to be none.  Returns 0 or a
 * positive errno value. */
static int
keeper_map(struct keeper *k)
{
    int fd = k->path ? file_open(k->path) : -1;
    void *p;

    if (k->path && fd < 0) {
        return -fd;
    }
    p = mmap(NULL, sizeof *k->notes, PROT_READ | PROT_WRITE,
             fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        int error = errno;

        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    k->notes = p;
    k->fd = fd;
    return 0;
}

/* Gives up the file of 'k', if it has one; what is mapped stays. */
static void
keeper_close_file(struct keeper *k)
{
    if (k->fd >= 0) {
        close(k->fd);
        k->fd = -1;
    }
    free(k->path);
    k->path = NULL;
}

/* Whose notes are not to be made out begins anew. */
static void
keeper_check(struct keeper *k)
{
    struct dpdk_vdpa_notes *notes = k->notes;

    if (memcmp(notes->magic, magic, sizeof magic)
        || strncmp(notes->socket, k->socket, sizeof notes->socket)) {
        memset(notes, 0, sizeof *notes);
        memcpy(notes->magic, magic, sizeof magic);
        ovs_strlcpy(notes->socket, k->socket, sizeof notes->socket);
    }
}

/* Makes a file for 'k', or does without. */
static void
keeper_make_file(struct keeper *k)
{
    int error;

    k->path = file_path(k->socket);
    error = keeper_map(k);
    if (error) {
        VLOG_WARN_ONCE("%s: cannot be used (%s); guests with packed rings "
                       "will be without network when ovs-vswitchd is started "
                       "again", k->path, ovs_strerror(error));
        free(k->path);
        k->path = NULL;
        error = keeper_map(k);
        if (error) {
            ovs_abort(error, "no memory");
        }
    }
    keeper_check(k);
}

/* Keepers. */

static void
keeper_destroy(struct keeper *k)
    OVS_REQUIRES(mutex)
{
    ovs_list_remove(&k->node);
    munmap(k->notes, sizeof *k->notes);
    keeper_close_file(k);
    free(k->socket);
    free(k);
}

/* Returns true if there is anything in the notes of 'k'. */
static bool
keeper_is_needed(const struct keeper *k)
{
    for (int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        if (k->notes->rings[i].state != DPDK_VDPA_NOTE_NONE) {
            return true;
        }
    }
    return false;
}

/* 'k' has lost its last user. */
static void
keeper_orphan(struct keeper *k)
    OVS_REQUIRES(mutex)
{
    struct keeper *oldest = NULL, *other;
    unsigned int n = 0;

    if (k->path) {
        unlink(k->path);
        keeper_close_file(k);
    }
    if (!keeper_is_needed(k)) {
        keeper_destroy(k);
        return;
    }
    ovs_list_remove(&k->node);
    ovs_list_push_back(&keepers, &k->node);
    LIST_FOR_EACH (other, node, &keepers) {
        if (!other->n_users) {
            oldest = oldest ? oldest : other;
            n++;
        }
    }
    if (n > MAX_ORPHANS) {
        keeper_destroy(oldest);
    }
}

/* The socket of 'k' has a user again. */
static void
keeper_adopt(struct keeper *k)
{
    struct dpdk_vdpa_notes *old = k->notes;

    keeper_make_file(k);
    memcpy(k->notes, old, sizeof *old);
    munmap(old, sizeof *old);
}

struct dpdk_vdpa_notes *
dpdk_vdpa_notes_open(const char *socket)
{
    struct keeper *k, *found = NULL;
    struct dpdk_vdpa_notes *notes;

    ovs_mutex_lock(&mutex);
    LIST_FOR_EACH (k, node, &keepers) {
        if (!strcmp(k->socket, socket)) {
            found = k;
        }
    }
    if (!found) {
        found = xzalloc(sizeof *found);
        found->socket = xstrdup(socket);
        found->fd = -1;
        keeper_make_file(found);
        ovs_list_push_back(&keepers, &found->node);
    } else if (!found->n_users) {
        keeper_adopt(found);
    }
    found->n_users++;
    notes = found->notes;
    ovs_mutex_unlock(&mutex);
    return notes;
}

void
dpdk_vdpa_notes_close(struct dpdk_vdpa_notes *notes)
{
    struct keeper *k, *found = NULL;

    if (!notes) {
        return;
    }
    ovs_mutex_lock(&mutex);
    LIST_FOR_EACH (k, node, &keepers) {
        if (k->notes == notes) {
            found = k;
        }
    }
    ovs_assert(found && found->n_users);
    if (!--found->n_users) {
        if (keep) {
            keeper_destroy(found);
        } else {
            keeper_orphan(found);
        }
    }
    ovs_mutex_unlock(&mutex);
}

void
dpdk_vdpa_notes_keep(void)
{
    ovs_mutex_lock(&mutex);
    keep = true;
    ovs_mutex_unlock(&mutex);
}

void
dpdk_vdpa_notes_sweep(bool (*is_served)(const char *socket))
{
    DIR *dir = opendir(ovs_rundir());
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (!strncmp(entry->d_name, "dpdkvdpa-", 9)
            && string_ends_with(entry->d_name, ".rings")) {
            char *path = xasprintf("%s/%s", ovs_rundir(), entry->d_name);

            file_sweep(path, is_served);
            free(path);
        }
    }
    if (dir) {
        closedir(dir);
    }
}
