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

/* Unit tests of commands of telemetry: who answers them, and what fits into an
 * answer, with telemetry as it is. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define TELEMETRY_PATIENCE 1
#include "lib/port/telemetry.c"

#include <rte_eal.h>

#include "accel/pool.h"
#include "accel/vdpa.h"
#include "accel/vf.h"
#include "netdev-provider.h"
#include "openvswitch/poll-loop.h"
#include "port/report.h"
#include "smap.h"

#define N_QUEUES 128

static struct vdpa_port port;
static const struct netdev netdev;
static pthread_t main_thread;
static bool there;              /* Port "vdpa0", which is also called */
static const char *unusual = "z\xc3\xa4";       /* so. */
static int sock, other;         /* To telemetry, */
static struct sockaddr_un addr = { .sun_family = AF_UNIX };     /* there. */
static unsigned int n_asked;
static void (*when_asked)(void);        /* Called once, when somebody has. */

/* What telemetry has no memory for, or does not take. */

struct failing {
    unsigned int n;             /* So often it was asked. */
    unsigned int at;            /* It fails the time of this number. */
};
static struct failing allocs, containers;

static bool
fails(struct failing *f)
{
    return ++f->n == f->at;
}

struct rte_tel_data *
rte_tel_data_alloc(void)
{
    struct rte_tel_data *(*alloc)(void) = dlsym(RTLD_NEXT, __func__);

    assert_non_null(alloc);
    return fails(&allocs) ? NULL : alloc();
}

int
rte_tel_data_add_dict_container(struct rte_tel_data *d, const char *name,
                                struct rte_tel_data *val, int keep)
{
    int (*add)(struct rte_tel_data *, const char *, struct rte_tel_data *,
               int) = dlsym(RTLD_NEXT, __func__);

    assert_non_null(add);
    return fails(&containers) ? -ENOSPC : add(d, name, val, keep);
}

/* What the main thread finds. */

const struct vdpa_direction vdpa_directions[DPDK_VDPA_N_DIRECTIONS];

struct vdpa_port *
vdpa_port_open(const char *name)
{
    assert_true(pthread_equal(pthread_self(), main_thread));
    n_asked++;
    if (when_asked) {
        void (*cb)(void) = when_asked;

        when_asked = NULL;
        cb();
    }
    return (there && (!strcmp(name, "vdpa0") || !strcmp(name, unusual))
            ? &port : NULL);
}

void
vdpa_port_close(struct vdpa_port *p)
{
    assert_ptr_equal(p, &port);
}

void
vdpa_port_for_each(void (*cb)(struct vdpa_port *, void *aux), void *aux)
{
    static struct vdpa_port others[600];

    assert_true(pthread_equal(pthread_self(), main_thread));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        others[i].name = xasprintf("p\"%0100"PRIuSIZE, i);
        cb(&others[i], aux);
        free(others[i].name);
    }
    others[0].name = CONST_CAST(char *, unusual);
    cb(&others[0], aux);
}

int
vdpa_rxqs_get_status(struct vdpa_port *p OVS_UNUSED,
                     struct smap *args OVS_UNUSED)
{
    return 0;
}

void
vdpa_report_status(const struct vdpa_port *p OVS_UNUSED,
                   int rep_error OVS_UNUSED, struct smap *args)
{
    char text[300];

    for (int i = 0; i < 20; i++) {
        char key[20];

        memset(text, i ? 'a' + i : '"', sizeof text);
        text[sizeof text - 1] = '\0';
        snprintf(key, sizeof key, "status_key_%02d", i);
        smap_add(args, key, i == 1 ? "\xc3\xa4\x01\\" : text);
    }
}

void
vdpa_report_sum_counters(struct vdpa_port *p OVS_UNUSED,
                         struct dpdk_vdpa_counters *sums)
{
    memset(sums, 0xff, DPDK_VDPA_N_DIRECTIONS * sizeof *sums);
}

void
vdpa_report_get_library(const struct vdpa_port *p OVS_UNUSED, uint64_t *rx,
                        uint64_t *tx)
{
    *rx = *tx = UINT64_MAX;
}

uint64_t
vdpa_report_n_lent(const struct vdpa_port *p OVS_UNUSED)
{
    return UINT64_MAX;
}

void
vdpa_report_get_dma(const struct vdpa_port *p OVS_UNUSED,
                    struct vdpa_dma_counts *counts)
{
    memset(counts, 0xff, sizeof *counts);
    counts->rx = 4567;
}

const char *
vdpa_dmas_why_not(const struct vdpa_port *p, const struct vdpa_dma_use *use)
{
    assert_ptr_equal(p, &port);
    return use->ring ? "the engine \"has\" failed" : NULL;
}

uint64_t
vdpa_total_drops(const struct dpdk_vdpa_counters *c OVS_UNUSED)
{
    return UINT64_MAX;
}

const char *
dpdk_vdpa_drop_reason_name(enum dpdk_vdpa_drop_reason reason)
{
    return reason % 2 ? "some_drop_reason" : "other";
}

unsigned int
dpdk_vdpa_relay_n_lanes(const struct dpdk_vdpa_relay *relay OVS_UNUSED)
{
    return N_QUEUES;
}

unsigned int
dpdk_vdpa_relay_poller_of(const struct dpdk_vdpa_relay *relay OVS_UNUSED,
                          unsigned int pair OVS_UNUSED)
{
    return 0;
}

void
dpdk_vdpa_relay_add_counters(const struct dpdk_vdpa_relay *relay OVS_UNUSED,
                             enum dpdk_vdpa_direction dir OVS_UNUSED,
                             unsigned int lane OVS_UNUSED,
                             struct dpdk_vdpa_counters *sum)
{
    memset(sum, 0xff, sizeof *sum);
}

unsigned int
dpdk_vdpa_vf_get_losses(
    const struct dpdk_vdpa_vf *vf OVS_UNUSED,
    struct dpdk_vdpa_vf_loss losses[DPDK_VDPA_VF_N_LOSSES])
{
    for (int i = 0; i < DPDK_VDPA_VF_N_LOSSES; i++) {
        losses[i].name = "rx_missed";
        losses[i].n_packets = UINT64_MAX;
    }
    return DPDK_VDPA_VF_N_LOSSES;
}

void
dpdk_vdpa_vf_get_pool_info(const struct dpdk_vdpa_vf *vf OVS_UNUSED,
                           struct dpdk_vdpa_pool_info *info)
{
    memset(info, 0xff, sizeof *info);
    info->name = "pool";
}

static unsigned int n_pairs = N_QUEUES;     /* Of the device. */

unsigned int
vdpa_port_n_pairs(const struct vdpa_port *p OVS_UNUSED)
{
    return n_pairs;
}

/* Two counters of each ring. */
struct dpdk_vdpa_hw_stat *
dpdk_vdpa_hw_get_stats(const struct dpdk_vdpa_hw *hw OVS_UNUSED,
                       unsigned int pairs, unsigned int *n)
{
    struct dpdk_vdpa_hw_stat *stats = xcalloc(4 * pairs, sizeof *stats);

    *n = 4 * pairs;
    for (unsigned int i = 0; i < *n; i++) {
        stats[i].ring = i / 2;
        memset(stats[i].name, i % 2 ? 'x' : 'y', sizeof stats[i].name - 1);
        stats[i].value = UINT64_MAX;
    }
    return stats;
}

/* Asking. */

/* Returns a connection to telemetry, or -1. */
static int
connect_there(void)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    if (connect(fd, (struct sockaddr *) &addr, sizeof addr)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Receives an answer, which the caller frees. */
static char *
receive(void)
{
    char *answer = xzalloc(65536);

    assert_true(recv(sock, answer, 65535, 0) > 0);
    return answer;
}

/* Asks for 'command', plays the main thread until there is an answer, and
 * returns that. */
static char *
ask(const char *command)
{
    struct timespec moment = { .tv_nsec = 1000 * 1000 };
    char *answer = xzalloc(65536);

    assert_true(send(sock, command, strlen(command), 0) > 0);
    while (recv(sock, answer, 65535, MSG_DONTWAIT) < 0) {
        vdpa_telemetry_run();
        nanosleep(&moment, NULL);
    }
    return answer;
}

/* Returns once somebody waits for the main thread. */
static void
wait_for_request(void)
{
    struct timespec moment = { .tv_nsec = 1000 * 1000 };
    bool waits;

    for (;;) {
        ovs_mutex_lock(&requests_mutex);
        waits = !ovs_list_is_empty(&requests);
        ovs_mutex_unlock(&requests_mutex);
        if (waits) {
            return;
        }
        nanosleep(&moment, NULL);
    }
}

/* Fails unless 'answer' is complete: within the limit, and with its braces and
 * brackets closed in turn. */
static void
assert_complete(const char *answer)
{
    bool quoted = false;
    size_t depth = 0;
    char open[16];

    assert_true(strlen(answer) < 16 * 1024);
    for (const char *s = answer; *s; s++) {
        if (quoted && *s == '\\') {
            s++;
        } else if (*s == '"') {
            quoted = !quoted;
        } else if (!quoted && (*s == '{' || *s == '[')) {
            assert_true(depth < sizeof open);
            open[depth++] = *s;
        } else if (!quoted && (*s == '}' || *s == ']')) {
            assert_true(depth > 0);
            assert_int_equal(open[--depth], *s == '}' ? '{' : '[');
        }
    }
    assert_false(quoted);
    assert_int_equal(depth, 0);
}

static unsigned int
count(const char *answer, const char *word)
{
    unsigned int n = 0;

    for (; (answer = strstr(answer, word)); answer++) {
        n++;
    }
    return n;
}

static void
test_errors(void **state OVS_UNUSED)
{
    static const struct {
        const char *command;
        const char *error;
    } tests[] = {
        { "/dpdkvdpa/port", "takes the name of a port" },
        { "/dpdkvdpa/port,nobody", "\\\"nobody\\\" is not a dpdkvdpa port" },
        { "/dpdkvdpa/port,nobody,1", "\\\"nobody\\\" is not a" },
        { "/dpdkvdpa/port,vdpa0,x", "\\\"vdpa0,x\\\" is not a" },
        { "/dpdkvdpa/port,vdpa0,-1", "\\\"vdpa0,-1\\\" is not a" },
        { "/dpdkvdpa/port,vdpa0,", "\\\"vdpa0,\\\" is not a" },
        { "/dpdkvdpa/list,x", "\\\"x\\\" is no number" },
        { "/dpdkvdpa/list,1x", "\\\"1x\\\" is no number" },
    };

    there = true;
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        char *answer = ask(tests[i].command);

        assert_complete(answer);
        assert_non_null(strstr(answer, "{\"error\":\""));
        assert_non_null(strstr(answer, tests[i].error));
        free(answer);
    }
}

/* More names than there is room for come in several answers. */
static void
test_list(void **state OVS_UNUSED)
{
    unsigned int n, first = 0;

    do {
        char *command = xasprintf("/dpdkvdpa/list,%u", first);
        char *answer = ask(command);
        char *last = xasprintf("p\\\"%0100u\"", first);

        assert_complete(answer);
        n = count(answer, "\"p\\\"");
        assert_true(n > 100 || first + n == 600);
        assert_true(!n || strstr(answer, last));
        first += n;
        free(last);
        free(answer);
        free(command);
    } while (n);
    assert_int_equal(first, 600);
}

/* A port is found by the name that it is listed by. */
static void
test_listed_name(void **state OVS_UNUSED)
{
    char *answer = ask("/dpdkvdpa/list,600");

    assert_non_null(strstr(answer, "[\"z??\"]"));
    free(answer);
    there = true;
    answer = ask("/dpdkvdpa/port,z??,1");
    assert_complete(answer);
    assert_non_null(strstr(answer, "\"n_queues\":128"));
    free(answer);
    answer = ask("/dpdkvdpa/port,z?");
    assert_non_null(strstr(answer, "\\\"z?\\\" is not a dpdkvdpa port"));
    free(answer);
}

static void
fill_events(void)
{
    for (int i = 0; i < DPDK_VDPA_MAX_EVENTS; i++) {
        memset(port.events.ring[i].text, '"', DPDK_VDPA_EVENT_LEN - 1);
        port.events.ring[i].when = LLONG_MAX;
    }
    port.events.n = UINT_MAX;
    memset(port.events.counts, 0xff, sizeof port.events.counts);
}

/* With all numbers and texts as long as can be, 16 queue pairs fit, and all of
 * them can be had. */
static void
test_port(void **state OVS_UNUSED)
{
    unsigned int queue, n;

    there = true;
    fill_events();
    for (queue = 0; queue < N_QUEUES; queue += n) {
        char *command = xasprintf("/dpdkvdpa/port,vdpa0,%u", queue);
        char *first = xasprintf("\"%u\":{\"rxq\":0", queue);
        char *answer = ask(command);

        assert_complete(answer);
        n = count(answer, "\"rxq\":0");
        assert_true(n >= 16 || queue + n == N_QUEUES);
        assert_non_null(strstr(answer, "\"queues\":{"));
        assert_non_null(strstr(answer, first));
        assert_int_equal(count(answer, "\"stalled\":0"), 2 * n);
        assert_non_null(strstr(answer, "\"n_queues\":128"));
        assert_non_null(strstr(answer, "\"event_what\":["));
        assert_non_null(strstr(answer, "\"status_key_01\":\"???\\\\\""));
        assert_non_null(strstr(answer, "...\""));
        free(answer);
        free(first);
        free(command);
    }
}

/* Engines are told of, as far as that leaves room for queue pairs. */
static void
test_dmas(void **state OVS_UNUSED)
{
    static struct vdpa_dma_use uses[2 * N_QUEUES];
    char *answer, name[100];

    there = true;
    fill_events();
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < ARRAY_SIZE(uses); i++) {
        uses[i].ring = i;
        uses[i].name = name;
    }
    port.dmas.uses = uses;
    port.dmas.n = ARRAY_SIZE(uses);
    answer = ask("/dpdkvdpa/port,vdpa0");
    assert_complete(answer);
    assert_true(count(answer, "\"rxq\":0") >= 16);
    assert_non_null(strstr(answer, "\"event_what\":["));
    assert_non_null(strstr(answer, "\"dmas\":{\"rx_packets\":4567"));
    assert_non_null(strstr(answer, "\"copies\":1}"));
    assert_non_null(strstr(answer, "\"rxq0\":{\"engine\":\"nnn"));
    assert_non_null(strstr(answer, "\"copies\":0,\"why_not\":"
                                   "\"the engine \\\"has\\\" failed\"}"));
    free(answer);
    port.dmas.n = 0;
    answer = ask("/dpdkvdpa/port,vdpa0");
    assert_null(strstr(answer, "\"dmas\""));
    free(answer);
}

static void
test_hw(void **state OVS_UNUSED)
{
    char *answer;

    there = true;
    fill_events();
    port.hw = (struct dpdk_vdpa_hw *) &port;
    answer = ask("/dpdkvdpa/port,vdpa0,1000");
    assert_complete(answer);
    assert_non_null(strstr(answer, "\"queues\":{}"));
    assert_true(count(answer, "yyyy_q") > 0);
    free(answer);
    port.hw = NULL;
}

/* Whatever there is no memory for is missing, and nothing else. */
static void
check_failing(struct failing *f)
{
    const char *command = "/dpdkvdpa/port,vdpa0,126";
    char *whole, *answer;
    unsigned int n;

    memset(f, 0, sizeof *f);
    whole = ask(command);
    n = f->n;
    assert_true(n > 10);
    for (unsigned int at = 1; at <= n; at++) {
        f->n = 0;
        f->at = at;
        answer = ask(command);
        assert_true(f->n >= at);
        assert_complete(answer);
        assert_non_null(strstr(answer, "\"n_queues\":128"));
        assert_true(strlen(answer) < strlen(whole));
        free(answer);
    }
    memset(f, 0, sizeof *f);
    answer = ask(command);
    assert_int_equal(strlen(answer), strlen(whole));
    free(answer);
    free(whole);
}

static void
test_no_memory(void **state OVS_UNUSED)
{
    there = true;
    memset(&port.events, 0, sizeof port.events);
    dpdk_vdpa_events_add(&port.events, DPDK_VDPA_EVENT_STALLED, "stalled");
    port.hw = (struct dpdk_vdpa_hw *) &port;
    port.dmas.uses = &(struct vdpa_dma_use) { 1, CONST_CAST(char *, "d"),
                                              NULL };
    port.dmas.n = 1;
    n_pairs = 1;                /* There is room for all. */
    check_failing(&allocs);
    check_failing(&containers);
    n_pairs = N_QUEUES;
    port.dmas.n = 0;
    port.hw = NULL;
}

/* A main thread that does not come: an answer in time, and nothing that it
 * might stumble over when it does. */
static void
test_busy(void **state OVS_UNUSED)
{
    unsigned int before = n_asked;
    const char *command = "/dpdkvdpa/port,vdpa0";
    char *answer;

    assert_true(send(sock, command, strlen(command), 0) > 0);
    answer = receive();
    assert_non_null(strstr(answer, "ovs-vswitchd has been busy for 1 s"));
    free(answer);
    vdpa_telemetry_run();
    assert_int_equal(n_asked, before);
}

/* A request wakes the main thread. */
static void
test_wakes(void **state OVS_UNUSED)
{
    unsigned int before = n_asked;
    const char *command = "/dpdkvdpa/port,vdpa0";

    vdpa_telemetry_run();
    assert_true(send(sock, command, strlen(command), 0) > 0);
    vdpa_telemetry_wait();
    poll_timer_wait(5000);      /* Which nobody would wait for. */
    poll_block();
    vdpa_telemetry_run();
    assert_int_equal(n_asked, before + 1);
    free(receive());
}

/* Somebody asks again and again, as fast as he is answered: the main thread
 * has other things to do. */
static void
ask_again(void)
{
    const char *command = "/dpdkvdpa/port,vdpa0";

    assert_true(send(other, command, strlen(command), 0) > 0);
    wait_for_request();
}

static void
test_no_end(void **state OVS_UNUSED)
{
    unsigned int before = n_asked;
    const char *command = "/dpdkvdpa/port,vdpa0";
    char greeting[1024];

    other = connect_there();
    assert_true(other >= 0);
    assert_true(recv(other, greeting, sizeof greeting, 0) > 0);
    assert_true(send(sock, command, strlen(command), 0) > 0);
    wait_for_request();
    when_asked = ask_again;
    vdpa_telemetry_run();
    assert_int_equal(n_asked, before + 1);
    free(receive());
    vdpa_telemetry_run();
    assert_int_equal(n_asked, before + 2);
    assert_true(recv(other, greeting, sizeof greeting, MSG_TRUNC) > 0);
    close(other);
}

/* Parameters may stand in the buffer of another client, which goes on: DPDK
 * finds them by strtok(). */
static char filled_with[64];

static void
note_params(const char *params, struct rte_tel_data *d OVS_UNUSED)
{
    ovs_strlcpy(filled_with, params, sizeof filled_with);
}

static void *
ask_for_note(void *params)
{
    assert_true(ask_main(note_params, params, NULL));
    return NULL;
}

static void
test_params(void **state OVS_UNUSED)
{
    char params[] = "vdpa0";
    pthread_t thread;

    assert_false(pthread_create(&thread, NULL, ask_for_note, params));
    wait_for_request();
    memset(params, 'x', sizeof params - 1);
    vdpa_telemetry_run();
    assert_false(pthread_join(thread, NULL));
    assert_string_equal(filled_with, "vdpa0");
}

/* DPDK with telemetry, in a folder of its own, and a connection to it. */
static int
setup(void **state OVS_UNUSED)
{
    static char prefix[32];
    char *argv[] = {
        "test", "--no-huge", "--no-shconf", "--no-pci", "-m", "64", "-l", "0",
        "--log-level=error", "--file-prefix", prefix,
    };

    snprintf(prefix, sizeof prefix, "test-%d", getpid());
    main_thread = pthread_self();
    port.netdev = &netdev;
    port.name = "vdpa0";
    port.configured = true;
    port.vf = (struct dpdk_vdpa_vf *) &port;
    port.poller_cpus = xcalloc(1, sizeof *port.poller_cpus);
    atomic_init(&port.poller_cpus[0], 1023);
    ovs_mutex_init(&port.mutex);
    ovs_mutex_init(&port.events_mutex);
    vdpa_telemetry_init();
    if (rte_eal_init(ARRAY_SIZE(argv), argv) < 0) {
        return -1;
    }
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/dpdk_telemetry.v2",
             rte_eal_get_runtime_dir());
    sock = connect_there();
    if (sock < 0) {
        return -1;
    }
    free(receive());            /* Who it is. */
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    char *dir = xstrdup(rte_eal_get_runtime_dir());
    int error;

    close(sock);
    error = rte_eal_cleanup();
    unlink(addr.sun_path);
    rmdir(dir);
    free(dir);
    return error;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_listed_name),
        cmocka_unit_test(test_port),
        cmocka_unit_test(test_dmas),
        cmocka_unit_test(test_hw),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_wakes),
        cmocka_unit_test(test_no_end),
        cmocka_unit_test(test_params),
    };

    return cmocka_run_group_tests_name("telemetry", tests, setup, teardown);
}
