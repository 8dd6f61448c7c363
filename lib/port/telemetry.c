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

#include "port/telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_telemetry.h>

#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "port/figures.h"
#include "port/port.h"
#include "seq.h"
#include "svec.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_telemetry);

/* How long to wait until the main thread begins with an answer, in s. */
#ifndef TELEMETRY_PATIENCE
#define TELEMETRY_PATIENCE 5
#endif

enum request_state {
    REQUEST_WAITING,            /* In 'requests'. */
    REQUEST_RUNNING,            /* The main thread's. */
    REQUEST_DONE,
};

/* On the stack of the thread that waits for it. */
struct request {
    struct ovs_list node;
    enum request_state state;
    void (*fill)(const char *params, struct rte_tel_data *);
    const char *params;
    struct rte_tel_data *d;
};

/* Protects the requests.  A leaf: nothing is called with it held. */
static struct ovs_mutex requests_mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list requests OVS_GUARDED_BY(requests_mutex)
    = OVS_LIST_INITIALIZER(&requests);
static pthread_cond_t requests_cond;    /* The state of one has changed. */

/* Changes when there is a request. */
static struct seq *requests_seq;
static uint64_t last_requests_seq;

/* Requests. */

/* Waits until the state of 'r' is not 'state', or it is 'until'.  Returns
 * false in the latter case. */
static bool
wait_while(struct request *r, enum request_state state,
           const struct timespec *until)
    OVS_REQUIRES(requests_mutex)
{
    int error = 0;

    while (r->state == state && !error) {
        error = (until
                 ? pthread_cond_timedwait(&requests_cond,
                                          &requests_mutex.lock, until)
                 : pthread_cond_wait(&requests_cond, &requests_mutex.lock));
    }
    return r->state != state;
}

/* Has the main thread call 'fill'.  Returns false if it does not come to
 * that.
 *
 * 'params' is copied at once: telemetry cuts requests up by strtok(), in
 * several threads, so what it points to may be another client's, which goes
 * on. */
static bool
ask_main(void (*fill)(const char *params, struct rte_tel_data *),
         const char *params, struct rte_tel_data *d)
    OVS_EXCLUDED(requests_mutex)
{
    char *copy = nullable_xstrdup(params);
    struct request r = {
        .state = REQUEST_WAITING, .fill = fill, .params = copy, .d = d,
    };
    struct timespec until;
    bool answered;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TELEMETRY_PATIENCE;

    ovs_mutex_lock(&requests_mutex);
    ovs_list_push_back(&requests, &r.node);
    ovs_mutex_unlock(&requests_mutex);
    seq_change(requests_seq);

    ovs_mutex_lock(&requests_mutex);
    answered = wait_while(&r, REQUEST_WAITING, &until);
    if (answered) {
        wait_while(&r, REQUEST_RUNNING, NULL);
    } else {
        ovs_list_remove(&r.node);
    }
    ovs_mutex_unlock(&requests_mutex);
    free(copy);
    return answered;
}

/* Returns the first request, which is the caller's now, or null. */
static struct request *
pop_request(void)
    OVS_EXCLUDED(requests_mutex)
{
    struct request *r = NULL;

    ovs_mutex_lock(&requests_mutex);
    if (!ovs_list_is_empty(&requests)) {
        r = CONTAINER_OF(ovs_list_pop_front(&requests), struct request, node);
        r->state = REQUEST_RUNNING;
    }
    ovs_mutex_unlock(&requests_mutex);
    return r;
}

static size_t
n_requests(void)
    OVS_EXCLUDED(requests_mutex)
{
    size_t n;

    ovs_mutex_lock(&requests_mutex);
    n = ovs_list_size(&requests);
    ovs_mutex_unlock(&requests_mutex);
    return n;
}

/* Those that are there now: who asks again as soon as he has been answered
 * waits until the main loop comes here again. */
void
vdpa_telemetry_run(void)
    OVS_EXCLUDED(requests_mutex)
{
    struct request *r;
    size_t n;

    last_requests_seq = seq_read(requests_seq);
    for (n = n_requests(); n > 0 && (r = pop_request()); n--) {
        r->fill(r->params, r->d);
        ovs_mutex_lock(&requests_mutex);
        r->state = REQUEST_DONE;
        xpthread_cond_broadcast(&requests_cond);
        ovs_mutex_unlock(&requests_mutex);
    }
}

void
vdpa_telemetry_wait(void)
{
    seq_wait(requests_seq, last_requests_seq);
}

/* Answers, in the main thread. */

/* If 's' is a number, stores it in '*n' and returns true. */
static bool
parse_number(const char *s, unsigned int *n)
{
    return (*s && strspn(s, "0123456789") == strlen(s)
            && str_to_uint(s, 10, n));
}

static void
add_name(struct vdpa_port *port, void *names)
    OVS_REQUIRES(vdpa_port_owned)
{
    svec_add(names, port->name);
}

static void
fill_list(const char *params, struct rte_tel_data *d)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    unsigned int first = 0;

    if (params && !parse_number(params, &first)) {
        vdpa_figures_error(d, "\"%.60s\" is no number: /dpdkvdpa/list takes "
                           "the index of the first port", params);
        return;
    }
    vdpa_port_for_each(add_name, &names);
    svec_sort(&names);
    vdpa_figures_names(d, &names, first);
    svec_destroy(&names);
}

struct listed {
    const char *listed;         /* By which name it is listed, */
    char *name;                 /* and what it is called, or null. */
};

static void
find_listed(struct vdpa_port *port, void *aux)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct listed *l = aux;

    if (vdpa_figures_is_listed(port->name, l->listed)
        && (!l->name || strcmp(port->name, l->name) < 0)) {
        free(l->name);
        l->name = xstrdup(port->name);
    }
}

/* Returns the port that is called 'name', or listed by it, or null.  To be
 * closed as of vdpa_port_open(). */
static struct vdpa_port *
open_port(const char *name)
{
    struct vdpa_port *port = vdpa_port_open(name);
    struct listed l = { .listed = name };

    if (!port && *name) {
        vdpa_port_for_each(find_listed, &l);
        port = l.name ? vdpa_port_open(l.name) : NULL;
        free(l.name);
    }
    return port;
}

/* Cuts the number of a queue pair off 'name', if there is one behind a comma,
 * and returns it, else 0. */
static unsigned int
cut_queue(char *name)
{
    char *comma = strrchr(name, ',');
    unsigned int queue;

    if (!comma || !parse_number(comma + 1, &queue)) {
        return 0;
    }
    *comma = '\0';
    return queue;
}

static void
fill_port(const char *params, struct rte_tel_data *d)
{
    char *name = xstrdup(params ? params : "");
    unsigned int queue = cut_queue(name);
    struct vdpa_port *port = open_port(name);

    if (port) {
        vdpa_port_take();
        vdpa_figures_port(d, port, queue);
        vdpa_port_close(port);
    } else if (!*name) {
        vdpa_figures_error(d, "/dpdkvdpa/port takes the name of a port, and "
                           "the first queue pair to show: NAME[,QUEUE]");
    } else {
        vdpa_figures_error(d, "\"%.40s\" is not a dpdkvdpa port; "
                           "/dpdkvdpa/list has those that there are", name);
    }
    free(name);
}

/* Commands, in threads of telemetry. */

static int
answer(void (*fill)(const char *params, struct rte_tel_data *),
       const char *params, struct rte_tel_data *d)
{
    if (!ask_main(fill, params, d)) {
        vdpa_figures_error(d, "ovs-vswitchd has been busy for %d s: ask again",
                           TELEMETRY_PATIENCE);
    }
    return 0;
}

static int
handle_list(const char *cmd OVS_UNUSED, const char *params,
            struct rte_tel_data *d)
{
    return answer(fill_list, params, d);
}

static int
handle_port(const char *cmd OVS_UNUSED, const char *params,
            struct rte_tel_data *d)
{
    return answer(fill_port, params, d);
}

void
vdpa_telemetry_init(void)
{
    pthread_condattr_t attr;

    requests_seq = seq_create();
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&requests_cond, &attr);
    pthread_condattr_destroy(&attr);
    if (rte_telemetry_register_cmd("/dpdkvdpa/list", handle_list,
                                   "Lists dpdkvdpa ports.  Parameter: the "
                                   "index of the first, 0 if not given")
        || rte_telemetry_register_cmd("/dpdkvdpa/port", handle_port,
                                      "Shows a dpdkvdpa port.  Parameters: "
                                      "its name[,first queue pair]")) {
        VLOG_WARN("DPDK's telemetry does not take the commands of dpdkvdpa "
                  "ports");
    }
}
