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

/* A guest that is silent, sends a packet, and waits for what becomes of it; and
 * one that is silent and gives notifications all the same. */

#include "frontend.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <linux/virtio_ring.h>
#include <sys/prctl.h>

/* For a packet to come, and for the back-end to take a ring up, in ms. */
#define TIMEOUT 5000

/* Packets that go first and do not count. */
#define N_FIRST 20

/* When things happened to a packet, in ns. */
struct times {
    long long int sent;
    long long int taken;        /* Its descriptor came back. */
    long long int came;         /* Negative if it has not. */
};

struct singles {
    struct peer *from, *to;
    long int silence;           /* Most of it, in us. */
    unsigned int n_kicks;
    unsigned int n_lost;
};

static long long int
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void
pause_us(long int us)
{
    struct timespec t = { us / 1000000, us % 1000000 * 1000 };

    nanosleep(&t, NULL);
}

/* Returns true if the back-end wants to be notified of what is offered in
 * 'ring'. */
static bool
is_asked(const struct ring *ring)
{
    const uint8_t *used = ring->area + RING_USED;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (ring->peer->packed) {
        const struct vring_packed_desc_event *event = (const void *) used;

        return (__atomic_load_n(&event->flags, __ATOMIC_RELAXED)
                != VRING_PACKED_EVENT_FLAG_DISABLE);
    } else {
        const struct vring_used *u = (const void *) used;

        return !(__atomic_load_n(&u->flags, __ATOMIC_RELAXED)
                 & VRING_USED_F_NO_NOTIFY);
    }
}

/* Is silent until the back-end waits for the guest, which it never may, and for
 * a while after that. */
static void
be_silent(const struct singles *s)
{
    const struct ring *tx = &s->from->rings[1];
    long long int end = now_ns() + s->silence * 1000LL;

    while (!stopping && !is_asked(tx) && now_ns() < end) {
        pause_us(50);
    }
    if (!stopping) {
        pause_us(random() % (s->silence + 1));
    }
}

/* Sends a packet and fills in '*t'.  It looks all the time, as to sleep takes
 * longer than what is to be measured, but for those that need this core. */
static void
send_one(struct singles *s, struct times *t)
{
    uint64_t n_taken, n_came;
    long long int now;

    traffic_poll(s->to, 0, false, false);
    traffic_poll(s->from, 0, false, false);
    n_taken = s->from->rings[1].n_done;
    n_came = s->to->rings[0].n_done;
    t->taken = t->came = -1;
    t->sent = now = now_ns();
    traffic_send_one(s->from, 0);
    if (is_asked(&s->from->rings[1])) {
        peer_kick(s->from, 1);
        s->n_kicks++;
    }
    while (s->to->rings[0].n_done == n_came) {
        if (now - t->sent > TIMEOUT * 1000000LL) {
            s->n_lost++;
            return;
        }
        sched_yield();
        traffic_poll(s->from, 0, false, false);
        traffic_poll(s->to, 0, false, false);
        now = now_ns();
        if (t->taken < 0 && s->from->rings[1].n_done != n_taken) {
            t->taken = now;
        }
    }
    t->came = now;
    if (t->taken < 0) {
        t->taken = now;
    }
}

static int
compare(const void *a_, const void *b_)
{
    const long long int *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Prints what the 'n' times at 'ns' are like. */
static void
report_times(const char *title, long long int *ns, unsigned int n)
{
    if (n) {
        qsort(ns, n, sizeof *ns, compare);
        printf("us%s: median %.1f, 90%% %.1f, 99%% %.1f, longest %.1f\n",
               title, ns[n / 2] / 1e3, ns[n * 9 / 10] / 1e3,
               ns[n * 99 / 100] / 1e3, ns[n - 1] / 1e3);
    }
}

static void
report(const struct singles *s, const struct times *times, unsigned int n)
{
    long long int *ns = calloc(3 * n + 1, sizeof *ns);
    unsigned int n_came = 0;

    for (unsigned int i = 0; i < n; i++) {
        const struct times *t = &times[i];

        if (t->came >= 0) {
            ns[n_came] = t->came - t->sent;
            ns[n + n_came] = t->taken - t->sent;
            ns[2 * n + n_came++] = t->came - t->taken;
        }
    }
    printf("singles: %u packets, %u lost, %u notifications\n", n, s->n_lost,
           s->n_kicks);
    report_times("", ns, n_came);
    report_times(" until it was taken", &ns[n], n_came);
    report_times(" from then on", &ns[2 * n], n_came);
    free(ns);
}

/* Packets come back to the one guest, or go to the second. */
int
scenario_singles(struct peer *peers, unsigned int n_peers, int argc,
                 char *argv[])
{
    unsigned int n = argc > 0 ? atoi(argv[0]) : 1000;
    struct singles s = {
        .from = &peers[0],
        .to = &peers[n_peers - 1],
        .silence = (argc > 1 ? atoi(argv[1]) : 20) * 1000L,
    };
    struct times *times, first;
    unsigned int i;

    if (!n || s.silence <= 0) {
        fatal("give a number of packets, and a silence in ms");
    }
    times = calloc(n, sizeof *times);
    prctl(PR_SET_TIMERSLACK, 1);
    for (i = 0; i < n_peers; i++) {
        if (!peer_accept(&peers[i], TIMEOUT)) {
            fatal("%s: nobody connects", peers[i].path);
        }
        peer_start(&peers[i]);
        traffic_poll(&peers[i], 0, false, false);
    }
    for (i = 0; i < N_FIRST; i++) {
        send_one(&s, &first);
    }
    s.n_kicks = s.n_lost = 0;
    for (i = 0; i < n && !stopping; i++) {
        be_silent(&s);
        send_one(&s, &times[i]);
    }
    report(&s, times, i);
    free(times);
    return s.n_lost != 0;
}

int
scenario_kicks(struct peer *peer, int argc __attribute__((unused)),
               char *argv[] __attribute__((unused)))
{
    unsigned long long int n = 0;

    if (!peer_accept(peer, TIMEOUT)) {
        fatal("%s: nobody connects", peer->path);
    }
    peer_start(peer);
    traffic_poll(peer, 0, false, false);
    while (!stopping) {
        peer_kick(peer, 1);
        n++;
    }
    printf("kicks: %llu\n", n);
    return 0;
}
