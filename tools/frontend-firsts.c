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
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

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
    } else if (peer_accept(peer, 0) && peer_begin(peer)) {
        traffic_send_one(peer, 0);
    }
}

static void
serve(struct peer *peer)
{
    while (!stopping) {
        struct pollfd pfd = { .events = POLLIN };
        unsigned int slot;
        uint32_t len;

        pfd.fd = peer->fd >= 0 ? peer->fd : peer->listener;
        poll(&pfd, 1, is_waiting(peer) ? LOOK_INTERVAL : IDLE_INTERVAL);
        attend(peer);
        if (is_waiting(peer) && ring_reap(&peer->rings[1], &slot, &len)) {
            printf("%s: first packet at %lld\n", peer->path, now_ns());
        }
    }
}

/* Each peer has a process of its own, so that none waits for what another has
 * to say to the back-end.  Those of all but the first end with that one's. */
int
scenario_firsts(struct peer *peers, unsigned int n)
{
    pid_t parent = getpid();

    for (unsigned int i = 1; i < n; i++) {
        pid_t pid = fork();

        if (pid < 0) {
            fatal("cannot fork");
        } else if (!pid) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() == parent) {
                serve(&peers[i]);
            }
            _exit(0);
        }
    }
    serve(&peers[0]);
    return 0;
}
