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

#include "port/commands.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "port/observe.h"
#include "port/port.h"
#include "port/report.h"
#include "unixctl.h"
#include "util.h"

/* Replies with 'error', which it frees. */
static void
reply_error(struct unixctl_conn *conn, char *error)
{
    unixctl_command_reply_error(conn, error);
    free(error);
}

/* Returns the port called 'name', or null after an error reply.  The caller
 * must take and close it. */
static struct vdpa_port *
port_by_name(struct unixctl_conn *conn, const char *name)
{
    struct vdpa_port *port = vdpa_port_open(name);

    if (!port) {
        reply_error(conn, xasprintf("\"%s\" is not a dpdkvdpa port", name));
    }
    return port;
}

static void
show_port(struct vdpa_port *port, void *out)
    OVS_REQUIRES(vdpa_port_owned)
{
    vdpa_report_show(port, out);
}

static void
dpdkvdpa_show(struct unixctl_conn *conn, int argc, const char *argv[],
              void *aux OVS_UNUSED)
{
    struct ds out = DS_EMPTY_INITIALIZER;

    if (argc > 1) {
        struct vdpa_port *port = port_by_name(conn, argv[1]);

        if (!port) {
            return;
        }
        vdpa_port_take();
        show_port(port, &out);
        vdpa_port_close(port);
    } else {
        vdpa_port_for_each(show_port, &out);
    }
    unixctl_command_reply(conn, ds_cstr(&out));
    ds_destroy(&out);
}

/* dpdkvdpa/capture-start and dpdkvdpa/capture-stop. */

static void
dpdkvdpa_capture_start(struct unixctl_conn *conn, int argc,
                       const char *argv[], void *aux OVS_UNUSED)
{
    struct vdpa_port *port = port_by_name(conn, argv[1]);
    char *error;

    if (port) {
        vdpa_port_take();
        if (vdpa_observe_start_capture(port, argc, argv, &error)) {
            reply_error(conn, error);
        } else {
            unixctl_command_reply(conn, NULL);
        }
        vdpa_port_close(port);
    }
}

static void
dpdkvdpa_capture_stop(struct unixctl_conn *conn, int argc OVS_UNUSED,
                      const char *argv[], void *aux OVS_UNUSED)
{
    struct vdpa_port *port = port_by_name(conn, argv[1]);
    struct ds report = DS_EMPTY_INITIALIZER;

    if (!port) {
        return;
    }
    vdpa_port_take();
    if (!port->capture) {
        reply_error(conn, xasprintf("port \"%s\" is not being captured; its "
                                    "events in dpdkvdpa/show tell how a "
                                    "capture ended", argv[1]));
    } else if (vdpa_observe_stop_capture(port, &report)) {
        unixctl_command_reply_error(conn, ds_cstr(&report));
    } else {
        unixctl_command_reply(conn, ds_cstr(&report));
    }
    vdpa_port_close(port);
    ds_destroy(&report);
}

void
vdpa_commands_init(void)
{
    unixctl_command_register("dpdkvdpa/show", "[port]", 0, 1, dpdkvdpa_show,
                             NULL);
    unixctl_command_register("dpdkvdpa/capture-start",
                             "port file|port:name [snaplen] [count]", 2, 4,
                             dpdkvdpa_capture_start, NULL);
    unixctl_command_register("dpdkvdpa/capture-stop", "port", 1, 1,
                             dpdkvdpa_capture_stop, NULL);
}
