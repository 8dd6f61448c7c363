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

/* Scenarios of front-ends that come again and again. */

#include "frontend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ends the connection, as a crash does, and accepts the next one, which has the
 * same memory. */
static void
reconnect(struct peer *peer)
{
    close(peer->fd);
    peer->fd = -1;
    if (!peer_accept(peer, 30000)) {
        fatal("the back-end does not connect any more");
    }
    peer_negotiate(peer);
    peer_share_same_memory(peer);
}

/* Sends for a while, so that rings have been processed far. */
static void
send_for_a_while(struct peer *peer, unsigned int pair, unsigned int n)
{
    const struct ring *tx = &peer->rings[2 * pair + 1];
    long long int end = now_ms() + 5000;

    while (tx->n_done < n && now_ms() < end) {
        traffic_poll(peer, pair, true, false);
        peer_kick(peer, 2 * pair + 1);
    }
    if (tx->n_done < n) {
        fatal("the back-end takes nothing from pair %u", pair);
    }
}

/* How far a packed ring of 4096 has been processed means nothing for one of
 * 256 in the same place. */
int
scenario_shorter(struct peer *peer, int argc, char *argv[])
{
    int n = argc ? atoi(argv[0]) : 20;

    for (int i = 0; i < n; i++) {
        peer->ring_size = RING_SIZE_MAX;
        if (i) {
            reconnect(peer);
            peer_start_ring(peer, 0);
            peer_start_ring(peer, 1);
        } else {
            if (!peer_accept(peer, 30000)) {
                fatal("the back-end does not connect");
            }
            peer_start(peer);
        }
        send_for_a_while(peer, 0, 4000);

        peer->ring_size = RING_SIZE;
        peer->keep_rings = true;        /* It looks like one that was used. */
        reconnect(peer);
        peer_start_ring(peer, 0);
        peer_start_ring(peer, 1);
        peer->keep_rings = false;
        if (!peer_is_alive(peer)) {
            fatal("a shorter ring is refused");
        }
        send_for_a_while(peer, 0, 1000);
    }
    printf("%d times shorter rings\n", n);
    peer_close(peer);
    return 0;
}

/* Ways in which a front-end tells that the driver has gone: it resets the
 * device, by its owner or its status; disables all rings; stops all of them as
 * QEMU does.  (The library serves as soon as the first pair is ready, unless
 * the status says otherwise: so the status is reset with the rings.) */
static void
reset(struct peer *peer, unsigned int way)
{
    if (way == 0) {
        peer_send(peer, RESET_OWNER, NULL, 0, NULL, 0);
    } else if (peer->says_done) {
        peer_send_u64(peer, SET_STATUS, 0);
    }
    for (unsigned int i = 0; way && i < 2 * peer->n_pairs; i++) {
        peer_send_state(peer, SET_VRING_ENABLE, i, 0);
    }
    for (unsigned int i = 0; way == 2 && i < 2 * peer->n_pairs; i++) {
        struct msg msg;

        peer_send_state(peer, GET_VRING_BASE, i, 0);
        if (!peer_recv(peer, &msg, 5000) || msg.request != GET_VRING_BASE) {
            fatal("ring %u does not stop", i);
        }
    }
}

/* The driver of each turn: firmware, an operating system, another one.  (A vDPA
 * device waits for rings that it has heard of, unless it is told that all are
 * started.) */
static void
choose_driver(struct peer *peer, unsigned int turn, unsigned int n_pairs)
{
    static const unsigned int sizes[] = { 256, 1024, 512, 4096 };

    peer->packed = turn % 3 == 1;
    peer->mergeable = turn % 3;
    peer->n_pairs = turn % 3 || !peer->says_done ? n_pairs : 1;
    peer->ring_size = sizes[turn % 4];
}

/* Speaks of all rings before the first one is started, as a front-end does that
 * does not say when all are.  Else a vDPA device is started with fewer. */
static void
speak_of_rings(struct peer *peer)
{
    for (unsigned int i = 0; i < 2 * peer->n_pairs; i++) {
        peer_send_eventfd(peer, SET_VRING_CALL, i);
    }
}

int
scenario_anew(struct peer *peer, int argc, char *argv[])
{
    unsigned int n_pairs = peer->n_pairs;
    int n = argc ? atoi(argv[0]) : 20;

    if (!peer_accept(peer, 30000)) {
        fatal("the back-end does not connect");
    }
    for (int i = 0; i < n; i++) {
        if (i) {
            reset(peer, i % 4 % 3);
        }
        choose_driver(peer, i, n_pairs);
        peer_negotiate(peer);
        if (i) {
            peer_share_same_memory(peer);
        } else {
            peer_share_memory(peer);
            speak_of_rings(peer);
        }
        for (unsigned int j = 0; j < 2 * peer->n_pairs; j++) {
            peer_start_ring(peer, j);
        }
        peer_say_done(peer);
        if (!peer_is_alive(peer)) {
            fatal("driver %d is refused", i);
        }
        for (unsigned int j = 0; j < peer->n_pairs; j++) {
            send_for_a_while(peer, j, 2000);
        }
    }
    printf("%d drivers\n", n);
    peer_close(peer);
    return 0;
}

int
scenario_flaps(struct peer *peer, int argc, char *argv[])
{
    bool send = argc && !strcmp(argv[0], "SEND");
    unsigned int max = argc > 1 ? atoi(argv[1]) : UINT32_MAX;
    unsigned int n = 0;

    while (!stopping && n < max) {
        if (peer_accept(peer, 100)) {
            if (send) {
                peer_send_u64(peer, SET_FEATURES, 0);
            }
            peer_close(peer);
            n++;
        }
    }
    printf("%u connections\n", n);
    return 0;
}

/* Begins a message, and lets the back-end wait for the rest. */
int
scenario_halves(struct peer *peer, int argc, char *argv[])
{
    static const uint32_t header[3] = { SET_FEATURES, MSG_VERSION, 8 };
    long long int longest = 0;
    unsigned int n = 0;

    (void) argc;
    (void) argv;
    while (!stopping) {
        long long int start;

        if (!peer_accept(peer, 100)) {
            continue;
        }
        peer_put(peer, header, n % 2 ? sizeof header : 5, NULL, 0);
        printf("half a message sent\n");
        start = now_ms();
        while (!stopping && !peer_is_gone(peer, 100)) {
            longest = now_ms() - start;
        }
        peer_close(peer);
        n++;
    }
    printf("%u halves of messages, kept for %lld ms at most\n", n, longest);
    return longest > 10000;
}
