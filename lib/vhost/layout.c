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

#include "vhost/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_config.h>
#include <rte_vhost.h>

#include "ovs-atomic.h"
#include "util.h"
#include "vhost/door.h"
#include "vhost/insert.h"
#include "vhost/send.h"

/* How far behind the beginning of a message its files may be. */
#define FILES_OFS_MAX 8192

/* A socket that is never connected, and never goes. */
#define ANCHOR "dpdkvdpa-anchor"

/* How long the library may take for an answer, in ms.  It answers at once; but
 * where there is more work than processors its thread may have none for
 * seconds, and there is no other trial before ovs-vswitchd starts again.  Not
 * constant for tests. */
static int answer_timeout = 60000;

/* What stands behind a message: see 'struct dpdk_vdpa_msg'. */
struct files {
    int fds[DPDK_VDPA_MSG_MAX_FDS];
    int n_fds;
};

BUILD_ASSERT_DECL(offsetof(struct dpdk_vdpa_msg, n_fds)
                  == offsetof(struct dpdk_vdpa_msg, fds)
                     + offsetof(struct files, n_fds));

#define BODY_LEN offsetof(struct dpdk_vdpa_msg, fds)

/* Where the library has the files of a message, from the message's beginning;
 * 0 before it is known.  Constant once connections are made. */
static size_t files_ofs;

void
dpdk_vdpa_layout_read(struct dpdk_vdpa_msg *msg, const void *theirs)
{
    memcpy(msg, theirs, BODY_LEN);
    memcpy(msg->fds, (const char *) theirs + files_ofs, sizeof(struct files));
}

void
dpdk_vdpa_layout_write(void *theirs, const struct dpdk_vdpa_msg *msg)
{
    memcpy(theirs, msg, BODY_LEN);
    memcpy((char *) theirs + files_ofs, msg->fds, sizeof(struct files));
}

/* What the messages of the trial carry. */
#define TRIAL_VALUE 0xfedcba9876543201ULL

/* A trial: one connection, whose messages this looks at.  Written by the
 * thread that handles them, read by the one that made the connection once a
 * message was answered. */
static struct trial {
    struct dpdk_vdpa_door door;
    struct stat file;           /* Which comes with each message. */
    bool began;
    bool silent;                /* There was no answer in time. */
    bool found;                 /* The files of the first message. */
    bool passed;                /* What came with the second. */
} trial;

static bool
is_trial_file(int fd)
{
    struct stat s;

    return (fd >= 0 && !fstat(fd, &s) && s.st_dev == trial.file.st_dev
            && s.st_ino == trial.file.st_ino);
}

/* Looks in the 'n' bytes of 'msg' for one file, that of the trial, with room
 * for more.  Returns the offset, or 0 if there is none. */
static size_t
find_files(const uint8_t *msg, size_t n)
{
    for (size_t ofs = BODY_LEN; ofs + sizeof(struct files) <= n; ofs += 4) {
        struct files files;
        bool others = false;

        memcpy(&files, msg + ofs, sizeof files);
        for (int i = 1; i < DPDK_VDPA_MSG_MAX_FDS; i++) {
            others |= files.fds[i] != -1;
        }
        if (files.n_fds == 1 && !others && is_trial_file(files.fds[0])) {
            return ofs;
        }
    }
    return 0;
}

/* Copies up to 'n' bytes from 'from' to 'to', as many as there is memory.
 * Returns how many.  The kernel fetches them and says where there are none, a
 * page at a time, which any pipe holds.  Sanitizers would have a say in what
 * write(3) reads. */
static size_t
read_memory(uint8_t *to, const void *from, size_t n)
{
    size_t page = sysconf(_SC_PAGESIZE);
    size_t done = 0;
    int pipefd[2];

    if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK)) {
        return 0;
    }
    while (done < n) {
        const char *src = (const char *) from + done;
        ssize_t len = MIN(n - done, page - (uintptr_t) src % page);

        if (syscall(SYS_write, pipefd[1], src, len) != len
            || read(pipefd[0], to + done, len) != len) {
            break;
        }
        done += len;
    }
    close(pipefd[0]);
    close(pipefd[1]);
    return done;
}

/* Closes the files of 'theirs', of which the library shall know nothing. */
static void
take_files(void *theirs)
{
    struct dpdk_vdpa_msg msg;

    dpdk_vdpa_layout_read(&msg, theirs);
    dpdk_vdpa_msg_close_fds(&msg);
    dpdk_vdpa_layout_write(theirs, &msg);
}

static enum rte_vhost_msg_result
trial_pre_msg_handle(int vid OVS_UNUSED, void *theirs)
{
    static uint8_t bytes[FILES_OFS_MAX];
    struct dpdk_vdpa_msg msg;

    if (!trial.found) {
        size_t n = read_memory(bytes, theirs, sizeof bytes);
        memcpy(&msg, bytes, BODY_LEN);
        files_ofs = find_files(bytes, n);
        /* vhost/insert.h writes a message where this one was read to. */
        trial.found = (files_ofs && theirs == dpdk_vdpa_insert_last_header()
                       && msg.request == DPDK_VDPA_MSG_SET_LOG_BASE
                       && msg.size == sizeof msg.payload.u64
                       && msg.payload.u64 == TRIAL_VALUE);
    } else {
        dpdk_vdpa_layout_read(&msg, theirs);
        trial.passed = (msg.request == DPDK_VDPA_MSG_GET_FEATURES
                        && msg.size == 0 && msg.n_fds == 0);
    }
    if (files_ofs) {
        take_files(theirs);
    }
    return RTE_VHOST_MSG_RESULT_OK;
}

static int
trial_new_connection(int vid)
{
    static const struct rte_vhost_user_extern_ops extern_ops = {
        .pre_msg_handle = trial_pre_msg_handle,
    };

    trial.began = (dpdk_vdpa_door_open(&trial.door, answer_timeout)
                   && !rte_vhost_extern_callback_register(vid, &extern_ops,
                                                          NULL));
    return trial.began ? 0 : -1;
}

static void
trial_destroy_connection(int vid OVS_UNUSED)
{
    dpdk_vdpa_door_close(&trial.door);
}

/* Receives the 'len' bytes of an answer.  Returns false if none comes, in time
 * or at all. */
static bool
trial_receive(int fd, void *answer, size_t len)
{
    ssize_t n;

    do {
        n = recv(fd, answer, len, MSG_WAITALL);
    } while (n < 0 && errno == EINTR);
    trial.silent = n < 0 && errno == EAGAIN;
    return n == len;
}

/* Sends a message with 'file' and waits for the answer.  Returns false if
 * there is none, or one of failure. */
static bool
trial_send(int fd, int file, uint32_t request, uint32_t size)
{
    struct dpdk_vdpa_msg msg = {
        .request = request, .flags = 1 | DPDK_VDPA_MSG_NEED_REPLY,
        .size = size, .payload.u64 = TRIAL_VALUE,
    };
    size_t len = DPDK_VDPA_MSG_HEADER_LEN + sizeof msg.payload.u64;
    ssize_t n = DPDK_VDPA_MSG_HEADER_LEN + size;

    return (dpdk_vdpa_send(fd, &msg, n, &file, 1, 0) == n
            && trial_receive(fd, &msg, len)
            && msg.request == request && !msg.payload.u64);
}

/* Has the library connect to 'path'.  Returns true if it did. */
static bool
trial_connect(const char *path)
{
    static const struct rte_vhost_device_ops ops = {
        .new_connection = trial_new_connection,
        .destroy_connection = trial_destroy_connection,
    };
    bool ok;

    if (rte_vhost_driver_register(path, RTE_VHOST_USER_CLIENT
                                        | RTE_VHOST_USER_NO_RECONNECT)) {
        return false;
    }
    rte_vhost_driver_callback_register(path, &ops);
    dpdk_vdpa_door_hold();
    ok = !rte_vhost_driver_start(path);
    dpdk_vdpa_door_release();
    if (!ok || !trial.began) {
        rte_vhost_driver_unregister(path);
        return false;
    }
    return true;
}

/* Exchanges the trial's messages at 'path', where 'listener' listens. */
static void
trial_run(const char *path, int listener, int file)
{
    struct timeval tv = { answer_timeout / 1000,
                          answer_timeout % 1000 * 1000 };
    int fd;

    if (!trial_connect(path)) {
        return;
    }
    fd = accept(listener, NULL, NULL);
    if (fd >= 0
        && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv)
        && trial_send(fd, file, DPDK_VDPA_MSG_SET_LOG_BASE,
                      sizeof(uint64_t))) {
        trial_send(fd, file, DPDK_VDPA_MSG_GET_FEATURES, 0);
    }
    rte_vhost_driver_unregister(path);
    close(fd);
}

/* Returns why the trial was not passed, in a string that the caller must
 * free. */
static char *
trial_error(void)
{
    const char *library = "the vhost library that is loaded";

    if (!trial.began) {
        return xasprintf("%s does not connect to a socket", library);
    } else if (trial.silent) {
        return xasprintf("%s has not answered for %d ms", library,
                         answer_timeout);
    }
    return xasprintf("%s hands its messages over in %s", library, trial.found
                     ? "a way that keeps files which nobody asked for"
                     : "an unknown form");
}

/* Makes a listening socket in 'folder'.  Returns its file descriptor, or -1,
 * and stores its path, which the caller must free. */
static int
trial_listen(int folder, char **pathp)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    /* The folder's own name may be too long for a socket. */
    *pathp = xasprintf("/proc/self/fd/%d/dpdkvdpa-trial.%ld", folder,
                       (long int) getpid());
    ovs_strlcpy(un.sun_path, *pathp, sizeof un.sun_path);
    unlink(un.sun_path);
    if (fd >= 0 && (bind(fd, (struct sockaddr *) &un, sizeof un)
                    || listen(fd, 1))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Later releases of 24.11 and 25.11 end the thread that serves all ports when
 * their last socket is unregistered, and who does that waits for it, for up to
 * a second.  So there is always another one. */
static void
keep_thread(void)
{
    static bool kept;

    kept = kept || !rte_vhost_driver_register(ANCHOR,
                                              RTE_VHOST_USER_CLIENT
                                              | RTE_VHOST_USER_NO_RECONNECT);
}

bool
dpdk_vdpa_layout_find(const char *rundir, char **errp)
{
    int folder = open(rundir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int file = memfd_create("dpdkvdpa-trial", MFD_CLOEXEC);
    char *path;
    int listener;

    keep_thread();
    memset(&trial, 0, sizeof trial);
    files_ofs = 0;
    if (folder < 0 || file < 0) {
        *errp = xasprintf("%s: cannot be used (%s)", rundir,
                          ovs_strerror(errno));
        goto exit;
    }
    listener = trial_listen(folder, &path);
    if (listener < 0) {
        *errp = xasprintf("%s: no socket can be made there (%s)", rundir,
                          ovs_strerror(errno));
    } else {
        fstat(file, &trial.file);
        trial_run(path, listener, file);
        close(listener);
        unlink(path);
    }
    free(path);
    if (!trial.passed && !*errp) {
        *errp = trial_error();
    }
exit:
    if (folder >= 0) {
        close(folder);
    }
    if (file >= 0) {
        close(file);
    }
    return trial.passed;
}
