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
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/frames.h"
#include "openvswitch/dynamic-string.h"
#include "port/capture-file.h"
#include "port/capture-port.h"
#include "port/copies.h"
#include "util.h"

/* What the name of a port begins with, in the place of a file's. */
#define PORT_PREFIX "port:"

/* Bytes in each mbuf of the queue to a port. */
#define PORT_ROOM 2048

struct dpdk_vdpa_capture {
    char *target;                       /* The path or the port's name. */
    struct vdpa_copies *copies;
    struct vdpa_capture_file *file;     /* One of these two. */
    struct vdpa_feed *feed;
};

void
dpdk_vdpa_capture_observe(void *capture, enum dpdk_vdpa_direction dir,
                          uint16_t queue, struct rte_mbuf *const *pkts,
                          unsigned int n)
{
    struct dpdk_vdpa_capture *c = capture;

    vdpa_copies_add(c->copies, dir, queue, pkts, n);
}

static void
capture_free(struct dpdk_vdpa_capture *c)
{
    vdpa_copies_destroy(c->copies);
    free(c->target);
    free(c);
}

static int
start_file(struct dpdk_vdpa_capture *c,
           const struct dpdk_vdpa_capture_config *config, uint32_t snaplen,
           char **errp)
{
    char *comment = xasprintf("port %s, inbound: VF to guest, outbound: "
                              "guest to VF", config->port_name);
    int error = vdpa_capture_file_open(c->target, comment, config->port_id,
                                       snaplen, config->numa_node, c->copies,
                                       &c->file, errp);

    free(comment);
    return error;
}

int
dpdk_vdpa_capture_start(const struct dpdk_vdpa_capture_config *config,
                        struct dpdk_vdpa_capture **cp, char **errp)
{
    bool is_port = !strncmp(config->target, PORT_PREFIX, strlen(PORT_PREFIX));
    uint32_t snaplen = (is_port ? DPDK_VDPA_MAX_PACKET
                        : config->snaplen ? config->snaplen
                        : config->max_frame_len);
    struct vdpa_copies_config copies = {
        .snaplen = snaplen,
        .room = is_port ? PORT_ROOM : snaplen,
        .count = config->count,
        .numa_node = config->numa_node,
    };
    struct dpdk_vdpa_capture *c = xzalloc(sizeof *c);
    int error;

    c->target = xstrdup(config->target
                        + (is_port ? strlen(PORT_PREFIX) : 0));
    error = vdpa_copies_create(&copies, &c->copies, errp);
    if (!error) {
        error = (is_port
                 ? vdpa_feed_start(c->target, config->port_name,
                                   config->snaplen, c->copies, config->gone,
                                   config->aux, &c->feed, errp)
                 : start_file(c, config, snaplen, errp));
    }
    if (error) {
        capture_free(c);
        return error;
    }
    *cp = c;
    return 0;
}

bool
dpdk_vdpa_capture_is_done(const struct dpdk_vdpa_capture *c)
{
    return vdpa_copies_is_done(c->copies);
}

/* Returns what keeps the capture from going on, 0 if nothing does. */
static int
capture_error(const struct dpdk_vdpa_capture *c)
{
    return (c->file ? vdpa_capture_file_error(c->file)
            : vdpa_feed_is_gone(c->feed) ? ENODEV : 0);
}

/* Appends the line for a capture that is open, or that has ended with
 * 'error'. */
static void
format_capture(const struct dpdk_vdpa_capture *c, bool is_port, int error,
               struct ds *out)
{
    if (error && is_port) {
        ds_put_cstr(out, "the port is gone: ");
    } else if (error) {
        ds_put_format(out, "cannot write any more (%s): ",
                      ovs_strerror(error));
    }
    ds_put_format(out, "%s\"%s\", packets written: %"PRIu64", missed: "
                  "%"PRIu64, is_port ? "port " : "", c->target,
                  vdpa_copies_n_written(c->copies),
                  vdpa_copies_n_missed(c->copies));
}

void
dpdk_vdpa_capture_format(const struct dpdk_vdpa_capture *c, struct ds *out)
{
    format_capture(c, c->feed != NULL, capture_error(c), out);
}

int
dpdk_vdpa_capture_stop(struct dpdk_vdpa_capture *c, struct ds *out)
{
    bool is_port = c->feed != NULL;
    int error;

    if (is_port) {
        error = capture_error(c);
        vdpa_feed_stop(c->feed);
    } else {
        error = vdpa_capture_file_close(c->file);
    }
    format_capture(c, is_port, error, out);
    capture_free(c);
    return error;
}
