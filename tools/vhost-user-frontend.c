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

#include "frontend.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

volatile bool stopping;
static volatile sig_atomic_t n_changes;  /* Of the number of pairs, asked for. */

struct scenario {
    const char *name;
    int (*run)(struct peer *, int argc, char *argv[]);
    const char *help;
};

static const struct scenario scenarios[] = {
    { "messages", scenario_messages,
      "messages [CASE]  send bad messages, each on a connection of its own" },
    { "unfinished", scenario_unfinished,
      "unfinished [CASE]\n"
      "                   begin messages, each on a connection of its own" },
    { "files", scenario_files,
      "files [N]        send N messages with unexpected files; 200" },
    { "cuts", scenario_cuts,
      "cuts [N]         disconnect N times in the middle of things; 1000" },
    { "shorter", scenario_shorter,
      "shorter [N]      reconnect N times with ever the same memory and\n"
      "                   positions, but shorter rings; 20" },
    { "anew", scenario_anew,
      "anew [N]         with -q 2: N drivers take turns in one connection, with\n"
      "                   other features and rings, and other ways to reset;\n"
      "                   20" },
    { "served", scenario_served,
      "served           with -q 2 and more, to a vDPA device: start rings late,\n"
      "                   change memory and features" },
    { "flaps", scenario_flaps,
      "flaps [SEND [N]] end each connection at once, or after a message with\n"
      "                   SEND, until SIGTERM, or N of them" },
    { "halves", scenario_halves,
      "halves           begin a message on each connection, and do not go on,\n"
      "                   until SIGTERM" },
    { "vanish", scenario_vanish,
      "vanish [N [FOLDER...]]\n"
      "                   let the memory go away N times, 12: truncate it and,\n"
      "                   if it is in a FOLDER, punch holes and use up all that\n"
      "                   could fill them" },
    { "kicks", scenario_kicks,
      "kicks            notify the back-end of nothing, until SIGTERM" },
    { "rings", scenario_rings,
      "rings tx|rx      16 queue pairs, 15 of which lie, until SIGTERM" },
};

#define N_SCENARIOS (sizeof scenarios / sizeof scenarios[0])

static struct peer peers[MAX_PEERS];
static unsigned int n_peers;

void
fatal(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("vhost-user-frontend: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static void
usage(void)
{
    puts("usage: vhost-user-frontend [OPTION]... SCENARIO SOCKET [ARGUMENT]\n"
         "Serves a vhost-user SOCKET as QEMU does, but not as well.\n"
         "\n"
         "scenarios:\n"
         "  traffic          send and receive as fast as can be, until\n"
         "                   SIGTERM, on several sockets if several SOCKETs,\n"
         "                   separated by commas, are given; with each SIGUSR1\n"
         "                   disable all queue pairs but one, when they are\n"
         "                   quiet, or enable them all\n"
         "  firsts           wait on one or several sockets until SIGTERM, and\n"
         "                   say when the first packet of a connection was taken,\n"
         "                   in ns since 1970\n"
         "  singles [N [MS]] N times, 1000, be silent until the back-end wants\n"
         "                   notifications, or for MS, 20, and up to MS more,\n"
         "                   then send a packet, and say how long it takes to\n"
         "                   come back, or to a second SOCKET\n"
         "  reuse [MB]       send so much, 20, in packets of changing sizes, and\n"
         "                   write over each buffer that is given back: all must\n"
         "                   come back, or to a second SOCKET, as it was sent\n"
         "  moves [N [CANCELS [PAUSES [LOG]]]]\n"
         "                   move N times, 2, from one SOCKET to the next by live\n"
         "                   migration, under traffic that must come back, and\n"
         "                   look for pages that were not logged; each time begin\n"
         "                   CANCELS times more, 0, and give it up; stop and go\n"
         "                   on PAUSES times, 0, on the way; the size of the log\n"
         "                   is LOG bytes, which need not be full pages.  The\n"
         "                   memory is of hugepages");
    for (size_t i = 0; i < N_SCENARIOS; i++) {
        printf("  %s\n", scenarios[i].help);
    }
    puts("\n"
         "options:\n"
         "  -c    with traffic: what is sent must come back, in order\n"
         "  -d    say when all rings are started, by the device's status\n"
         "  -m    mergeable buffers\n"
         "  -p    packed rings\n"
         "  -q N  queue pairs; 1\n"
         "  -s N  size of rings; 256\n"
         "  -h, --help");
}

static void
handle_signal(int signal)
{
    if (signal == SIGUSR1) {
        n_changes++;
    } else {
        stopping = signal == SIGTERM;
    }
}

/* Connects what has come, gives up what has gone. */
static void
watch_connection(struct peer *peer)
{
    char byte;

    if (peer->fd < 0) {
        if (!stopping && peer_accept(peer, 0) && peer_begin(peer)) {
            peer->n_enabled = peer->n_pairs;
            printf("%s: connected\n", peer->path);
        }
    } else if (!recv(peer->fd, &byte, 1, MSG_DONTWAIT)) {
        peer_close(peer);
        printf("%s: disconnected\n", peer->path);
    }
}

/* Returns true if all that was sent to the pairs from 'first' on was taken and,
 * if it is to come back, has. */
static bool
is_quiet(const struct peer *peer, unsigned int first, bool check)
{
    for (unsigned int i = first; peer->fd >= 0 && i < peer->n_pairs; i++) {
        const struct ring *tx = &peer->rings[2 * i + 1];

        if (tx->done != tx->next
            || (check && peer->n_back[i] != peer->n_sent[i])) {
            return false;
        }
    }
    return true;
}

/* Returns the number of pairs that 'peer' is to use. */
static unsigned int
n_wanted(const struct peer *peer)
{
    return n_changes % 2 ? 1 : peer->n_pairs;
}

static bool
may_send(const struct peer *peer, unsigned int pair)
{
    return pair < peer->n_enabled && pair < n_wanted(peer);
}

/* Enables or disables pairs of 'peer', as a guest does with "ethtool -L". */
static void
change_pairs(struct peer *peer, bool check)
{
    unsigned int n = n_wanted(peer);

    if (peer->fd < 0 || peer->n_enabled == n
        || (n < peer->n_enabled && !is_quiet(peer, n, check))) {
        return;
    }
    for (unsigned int i = 2; i < 2 * peer->n_pairs; i++) {
        peer_send_state(peer, SET_VRING_ENABLE, i, i < 2 * n);
    }
    /* What is sent by a pair that is just being disabled may come back by
     * another one: so wait until all of that has been seen. */
    peer_is_alive(peer);
    peer->n_enabled = n;
    printf("%s: queue pairs: %u\n", peer->path, n);
}

static bool
all_quiet(bool check)
{
    for (unsigned int i = 0; i < n_peers; i++) {
        if (!is_quiet(&peers[i], 0, check)) {
            return false;
        }
    }
    return true;
}

static void
traffic_round(bool send, bool check)
{
    for (unsigned int i = 0; i < n_peers; i++) {
        for (unsigned int pair = 0; pair < peers[i].n_pairs; pair++) {
            if (peers[i].fd >= 0) {
                traffic_poll(&peers[i], pair,
                             send && may_send(&peers[i], pair), check);
            }
        }
    }
}

static uint64_t
sum_done(const struct peer *peer, unsigned int offset)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        sum += peer->rings[2 * i + offset].n_done;
    }
    return sum;
}

static int
traffic(bool check)
{
    long long int end;
    int n_bad = 0;

    for (unsigned int round = 0; !stopping; round++) {
        if (round % 256 == 0) {
            for (unsigned int i = 0; i < n_peers; i++) {
                watch_connection(&peers[i]);
                change_pairs(&peers[i], check);
            }
        }
        traffic_round(true, check);
    }
    end = now_ms() + 10000;
    while (!all_quiet(check) && now_ms() < end) {
        traffic_round(false, check);
    }
    for (unsigned int i = 0; i < n_peers; i++) {
        bool bad = !is_quiet(&peers[i], 0, check) || peers[i].n_errors;

        printf("%s: sent %llu, received %llu, %llu errors%s\n",
               peers[i].path, (unsigned long long) sum_done(&peers[i], 1),
               (unsigned long long) sum_done(&peers[i], 0),
               (unsigned long long) peers[i].n_errors,
               bad ? ", LOST SOME" : "");
        n_bad += bad;
    }
    return n_bad != 0;
}

static void
listen_at(char *paths, const struct peer *like)
{
    char *save = NULL;

    for (char *path = strtok_r(paths, ",", &save); path;
         path = strtok_r(NULL, ",", &save)) {
        if (n_peers >= MAX_PEERS) {
            fatal("too many sockets");
        }
        peers[n_peers] = *like;
        peer_listen(&peers[n_peers++], path);
    }
}

static int
run(const char *name, bool check, int argc, char *argv[])
{
    if (!strcmp(name, "traffic")) {
        return traffic(check);
    } else if (!strcmp(name, "firsts")) {
        return scenario_firsts(peers, n_peers);
    } else if (!strcmp(name, "singles")) {
        return scenario_singles(peers, n_peers, argc, argv);
    } else if (!strcmp(name, "reuse")) {
        return scenario_reuse(peers, n_peers, argc, argv);
    } else if (!strcmp(name, "moves")) {
        return scenario_moves(peers, n_peers, argc, argv);
    }
    for (size_t i = 0; i < N_SCENARIOS; i++) {
        if (!strcmp(name, scenarios[i].name)) {
            return scenarios[i].run(&peers[0], argc, argv);
        }
    }
    fatal("there is no scenario \"%s\"; see --help", name);
}

int
main(int argc, char *argv[])
{
    static const struct option long_options[] = {
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct peer like = { .n_pairs = 1, .ring_size = RING_SIZE };
    bool check = false;
    int status;
    int c;

    while ((c = getopt_long(argc, argv, "+cdhmpq:s:", long_options,
                            NULL)) != -1) {
        switch (c) {
        case 'c': check = true; break;
        case 'd': like.says_done = true; break;
        case 'm': like.mergeable = true; break;
        case 'p': like.packed = true; break;
        case 'q': like.n_pairs = atoi(optarg); break;
        case 's': like.ring_size = atoi(optarg); break;
        case 'h': usage(); return 0;
        default: return 2;
        }
    }
    if (argc - optind < 2 || !like.n_pairs || like.n_pairs > MAX_PAIRS) {
        fatal("give a scenario and a socket, and 1 to %d queue pairs; see "
              "--help", MAX_PAIRS);
    }
    if (like.ring_size < N_BUFS || like.ring_size > RING_SIZE_MAX
        || like.ring_size & (like.ring_size - 1)) {
        fatal("the size of rings is a power of two, %d to %d", N_BUFS,
              RING_SIZE_MAX);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGTERM, handle_signal);
    signal(SIGUSR1, handle_signal);
    listen_at(argv[optind + 1], &like);
    status = run(argv[optind], check, argc - optind - 2, argv + optind + 2);
    printf("result: %s\n", status ? "bad" : "good");
    return status;
}
