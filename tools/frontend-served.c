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

/* Messages to a back-end whose rings a vDPA device serves, which must not end
 * more than the connection. */

#include "frontend.h"

#include <stdio.h>
#include <unistd.h>

/* How long the back-end may take to serve. */
#define TIMEOUT 10000

static void
begin(struct peer *peer)
{
    if (!peer_accept(peer, 30000)) {
        fatal("the back-end does not connect any more");
    }
    peer_negotiate(peer);
    peer_share_memory(peer);
}

static void
start_rings(struct peer *peer, unsigned int first, unsigned int n)
{
    for (unsigned int i = first; i < first + n; i++) {
        peer_start_ring(peer, i);
    }
}

/* Waits until the guest's pair 'pair' is served: what it sends is taken. */
static void
wait_until_served(struct peer *peer, unsigned int pair)
{
    struct ring *tx = &peer->rings[2 * pair + 1];
    long long int end = now_ms() + TIMEOUT;
    uint64_t n = tx->n_done;

    while (tx->n_done < n + 10) {
        traffic_poll(peer, pair, true, false);
        peer_kick(peer, 2 * pair + 1);
        if (now_ms() > end) {
            fatal("pair %u is not served", pair);
        }
    }
}

static void
begin_served(struct peer *peer)
{
    begin(peer);
    start_rings(peer, 0, 2 * peer->n_pairs);
    peer_say_done(peer);
    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        wait_until_served(peer, i);
    }
}

/* A ring that starts again, or that starts only now. */
static void
send_kick(struct peer *peer, unsigned int variant)
{
    if (variant == 0) {
        begin_served(peer);
        peer_send_eventfd(peer, SET_VRING_KICK, 0);
    } else {
        begin(peer);
        start_rings(peer, 0, 2);
        peer_say_done(peer);
        wait_until_served(peer, 0);
        start_rings(peer, 2, 2);
    }
}

static void
send_other_memory(struct peer *peer, unsigned int variant)
{
    union payload p = { .memory = {
        .n_regions = 1,
        .regions = { { GUEST_BASE, MEM_SIZE, USER_BASE, 0 } },
    } };

    begin_served(peer);
    if (variant == 0) {
        p.memory.regions[0].size -= 0x1000;
    } else {
        p.memory.regions[0].guest_addr += 0x1000;
    }
    peer_send(peer, SET_MEM_TABLE, &p, 8 + 32, &peer->mem_fd, 1);
}

/* Without multiqueue, after rings that would be freed. */
static void
send_features(struct peer *peer, unsigned int variant)
{
    uint64_t features = F_VERSION_1 | F_PROTOCOL;

    features |= peer->packed ? F_PACKED : 0;
    features &= peer->offered;
    if (!peer_accept(peer, 30000)) {
        fatal("the back-end does not connect any more");
    }
    peer_negotiate(peer);
    peer_send_u64(peer, SET_FEATURES, features);
    peer_share_memory(peer);
    start_rings(peer, 0, 2);
    peer_say_done(peer);
    wait_until_served(peer, 0);
    peer_send_state(peer, SET_VRING_ENABLE, 3, 0);
    peer_send_u64(peer, SET_FEATURES, features | (variant ? F_LOG_ALL : 0));
}

/* Whether these end the connection is up to the library. */
static const struct {
    const char *name;
    void (*send)(struct peer *, unsigned int variant);
} cases[] = {
    { "ring starts while served", send_kick },
    { "other memory while served", send_other_memory },
    { "features while served", send_features },
};

static void
run_cases(struct peer *peer)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned int variant = 0; variant < 2; variant++) {
            bool lives;

            cases[i].send(peer, variant);
            lives = peer_is_alive(peer);
            printf("%s %u: %s\n", cases[i].name, variant,
                   lives ? "lives" : "ended");
            peer_close(peer);
        }
    }
    begin_served(peer);
    peer_share_same_memory(peer);
    wait_until_served(peer, 0);
    peer_close(peer);
}

/* A front-end that does not say when it is done starts its rings one by one,
 * with pauses; then it lets the last one be. */
static void
run_slow(struct peer *peer)
{
    begin(peer);
    peer_send_state(peer, SET_VRING_ENABLE, 2 * peer->n_pairs - 1, 0);
    for (unsigned int i = 0; i < 2 * peer->n_pairs; i++) {
        usleep(300000);
        start_rings(peer, i, 1);
    }
    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        wait_until_served(peer, i);
    }
    if (!peer_is_alive(peer)) {
        fatal("a slow front-end is refused");
    }
    peer_close(peer);

    for (int round = 0; round < 2; round++) {
        begin(peer);
        peer_send_state(peer, SET_VRING_ENABLE, 2 * peer->n_pairs - 1, 0);
        start_rings(peer, 0, 2);
        if (!round && !peer_is_gone(peer, TIMEOUT)) {
            fatal("the back-end waits for ever");
        } else if (round) {
            wait_until_served(peer, 0);
        }
        peer_close(peer);
    }
}

int
scenario_served(struct peer *peer, int argc, char *argv[])
{
    (void) argc;
    (void) argv;
    if (peer->n_pairs < 2) {
        fatal("give at least 2 queue pairs");
    }
    if (peer->says_done) {
        run_cases(peer);
    } else {
        run_slow(peer);
    }
    return 0;
}
