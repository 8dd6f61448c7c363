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

/* Guests that wait, and say when the first packet of each connection was
 * taken from them. */

#include "frontend.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

/* How often to look whether a packet was taken, and whether this is the end,
 * in ms. */
#define LOOK_INTERVAL 1
#define IDLE_INTERVAL 100

static long long int
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static bool
is_waiting(const struct peer *peer)
{
    return peer->fd >= 0 && peer->rings[1].done != peer->rings[1].next;
}

/* Takes up what has come from the back-end of 'peer': a connection, or its
 * end. */
static void
attend(struct peer *peer)
{
    if (peer->fd >= 0) {
        if (peer_is_gone(peer, 0)) {
            peer_close(peer);
        }
    } else if (peer_accept(peer, 0)) {
        peer_start(peer);
        traffic_send_one(peer, 0);
    }
}

/* Waits until there is something to do for any of the peers. */
static void
firsts_wait(const struct peer *peers, unsigned int n)
{
    struct pollfd pfds[MAX_PEERS];
    int timeout = IDLE_INTERVAL;

    for (unsigned int i = 0; i < n; i++) {
        pfds[i].fd = peers[i].fd >= 0 ? peers[i].fd : peers[i].listener;
        pfds[i].events = POLLIN;
        if (is_waiting(&peers[i])) {
            timeout = LOOK_INTERVAL;
        }
    }
    poll(pfds, n, timeout);
}

int
scenario_firsts(struct peer *peers, unsigned int n)
{
    while (!stopping) {
        firsts_wait(peers, n);
        for (unsigned int i = 0; i < n; i++) {
            unsigned int slot;
            uint32_t len;

            attend(&peers[i]);
            if (is_waiting(&peers[i])
                && ring_reap(&peers[i].rings[1], &slot, &len)) {
                printf("%s: first packet at %lld\n", peers[i].path, now_ns());
            }
        }
    }
    return 0;
}
