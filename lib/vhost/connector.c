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

#include "vhost/connector.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_connector);

/* How often to look for a socket that is not there, in ms, should nobody tell
 * when it appears: its folder may not exist yet, or be on another machine. */
#define LOOK_INTERVAL 1000

/* After an attempt in vain, the next one is due in so many ms, at first and at
 * last: a server may be about to listen. */
#define RETRY_MIN 2
#define RETRY_MAX 1000

/* After a connection that did not last for so long, the next one is made so
 * much later, in ms: a server that ends each at once must not keep the main
 * thread busy. */
#define SHORT_LIFE 1000
#define SHORT_LIFE_DELAY 20

struct dpdk_vdpa_connector {
    struct ovs_list list_node;  /* In 'connectors'. */
    char *path;
    char *folder;
    const char *name;           /* In 'folder'; part of 'path'. */
    int watch;                  /* On 'folder', or -1. */
    bool connected;
    long long int since;        /* When that began, in ms. */
    long long int due;          /* When to try or to look next, in ms. */
    unsigned int delay;         /* After the next attempt in vain, in ms. */
    bool may_hurry;             /* A new socket makes it due at once. */
    int error;                  /* Of the last look at the socket. */
    struct vlog_rate_limit limit;       /* Of telling so. */
};

/* Protects the following.  A leaf: nothing is called with it held. */
static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list connectors OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&connectors);

/* Tells when something appears in a folder.  Made with the first connector,
 * and never closed; -1 if the kernel gives none. */
static int inotify_fd OVS_GUARDED_BY(mutex) = -1;

/* Watches the folder of 'c', unless it does, or there is none. */
static void
connector_watch(struct dpdk_vdpa_connector *c)
    OVS_REQUIRES(mutex)
{
    if (inotify_fd < 0) {
        inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    }
    if (inotify_fd >= 0 && c->watch < 0) {
        c->watch = inotify_add_watch(inotify_fd, c->folder,
                                     IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    }
}

/* Stops to watch the folder of 'c', unless another connector needs it. */
static void
connector_unwatch(struct dpdk_vdpa_connector *c)
    OVS_REQUIRES(mutex)
{
    struct dpdk_vdpa_connector *other;

    LIST_FOR_EACH (other, list_node, &connectors) {
        if (other != c && other->watch == c->watch) {
            return;
        }
    }
    if (c->watch >= 0) {
        inotify_rm_watch(inotify_fd, c->watch);
    }
}

struct dpdk_vdpa_connector *
dpdk_vdpa_connector_create(const char *path)
{
    const struct vlog_rate_limit limit = VLOG_RATE_LIMIT_INIT(60, 60);
    struct dpdk_vdpa_connector *c = xzalloc(sizeof *c);

    c->limit = limit;
    c->path = xstrdup(path);
    c->folder = dir_name(path);
    c->name = strrchr(c->path, '/') ? strrchr(c->path, '/') + 1 : c->path;
    c->watch = -1;
    c->delay = RETRY_MIN;
    ovs_mutex_lock(&mutex);
    ovs_list_push_back(&connectors, &c->list_node);
    connector_watch(c);
    ovs_mutex_unlock(&mutex);
    return c;
}

void
dpdk_vdpa_connector_destroy(struct dpdk_vdpa_connector *c)
{
    if (!c) {
        return;
    }
    ovs_mutex_lock(&mutex);
    connector_unwatch(c);
    ovs_list_remove(&c->list_node);
    ovs_mutex_unlock(&mutex);
    free(c->folder);
    free(c->path);
    free(c);
}

/* Something called 'name' has appeared in the folder that 'watch' is on, or
 * the folder itself has gone. */
static void
handle_event(const struct inotify_event *event)
    OVS_REQUIRES(mutex)
{
    struct dpdk_vdpa_connector *c;

    LIST_FOR_EACH (c, list_node, &connectors) {
        if (c->watch != event->wd) {
            continue;
        }
        if (event->mask & IN_IGNORED) {
            c->watch = -1;
        } else if (event->len && !strcmp(event->name, c->name)
                   && c->may_hurry) {
            c->due = 0;
            c->delay = RETRY_MIN;
        }
    }
}

static void
read_events(void)
    OVS_REQUIRES(mutex)
{
    union {
        struct inotify_event align;
        char bytes[sizeof(struct inotify_event) + NAME_MAX + 1];
    } buf;
    ssize_t n;

    while (inotify_fd >= 0
           && (n = read(inotify_fd, &buf, sizeof buf)) > 0) {
        for (ssize_t ofs = 0; ofs < n;) {
            const struct inotify_event *event
                = ALIGNED_CAST(const void *, buf.bytes + ofs);

            handle_event(event);
            ofs += sizeof *event + event->len;
        }
    }
}

/* Looks whether a process has the socket at 'path' open, as far as can be told
 * without connecting to it, which the process would notice: a socket of
 * another type cannot connect to it, for this reason (EPROTOTYPE) or for
 * another.  Returns 0 if so, else the other reason. */
static int
look_at_socket(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0) {
        return 0;               /* The attempt will tell. */
    }
    ovs_strlcpy(un.sun_path, path, sizeof un.sun_path);
    if (!connect(fd, (struct sockaddr *) &un, sizeof un)) {
        error = EPROTOTYPE;     /* It is of our type: no server. */
    } else if (errno != EPROTOTYPE) {
        error = errno;
    }
    close(fd);
    return error;
}

bool
dpdk_vdpa_connector_is_served(const char *path)
{
    int error = look_at_socket(path);

    return error != ENOENT && error != ECONNREFUSED;
}

/* Takes note of what a look at the socket of 'c' said. */
static void
connector_set_error(struct dpdk_vdpa_connector *c, int error)
    OVS_REQUIRES(mutex)
{
    if (error && error != c->error) {
        VLOG_INFO_RL(&c->limit, "%s: waiting for somebody to serve it (%s)",
                     c->path, ovs_strerror(error));
    }
    c->error = error;
}

bool
dpdk_vdpa_connector_is_due(struct dpdk_vdpa_connector *c)
{
    long long int now = time_msec();
    bool due;

    ovs_mutex_lock(&mutex);
    read_events();
    due = !c->connected && now >= c->due;
    if (due) {
        connector_set_error(c, look_at_socket(c->path));
    }
    if (due && c->error) {
        connector_watch(c);
        c->due = now + LOOK_INTERVAL;
        c->may_hurry = true;
        due = false;
    }
    ovs_mutex_unlock(&mutex);
    return due;
}

void
dpdk_vdpa_connector_set_connected(struct dpdk_vdpa_connector *c,
                                  bool connected)
{
    long long int now = time_msec();

    ovs_mutex_lock(&mutex);
    if (connected) {
        c->delay = RETRY_MIN;
    } else if (!c->connected) {
        c->due = now + c->delay;
        c->delay = MIN(2 * c->delay, RETRY_MAX);
        c->may_hurry = true;
    } else {
        bool was_short = now - c->since < SHORT_LIFE;

        c->due = now + (was_short ? SHORT_LIFE_DELAY : 0);
        c->may_hurry = !was_short;
    }
    c->connected = connected;
    c->since = now;
    ovs_mutex_unlock(&mutex);
}

int
dpdk_vdpa_connector_error(const struct dpdk_vdpa_connector *c)
{
    return c->error;
}

void
dpdk_vdpa_connector_wait(struct dpdk_vdpa_connector *c)
{
    ovs_mutex_lock(&mutex);
    if (!c->connected) {
        poll_timer_wait_until(c->due);
        if (inotify_fd >= 0) {
            poll_fd_wait(inotify_fd, POLLIN);
        }
    }
    ovs_mutex_unlock(&mutex);
}
