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

#ifndef FRONTEND_H
#define FRONTEND_H 1

/* A vhost-user front-end that plays QEMU's part, and badly if it is told to.
 *
 * A "struct peer" is one socket that it serves and, once the back-end has
 * connected, the connection with the guest's memory and rings behind it.  The
 * memory is one file, which the back-end gets as one region. */

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_PEERS 16
#define MAX_FDS 8
#define MAX_PAIRS 16
#define MAX_RINGS (2 * MAX_PAIRS)
#define RING_SIZE 256           /* Unless told otherwise. */
#define RING_SIZE_MAX 4096
#define N_BUFS 256              /* Of a ring, each for some of its slots. */
#define BUF_SIZE 2048
#define HEADER_LEN 12           /* struct virtio_net_hdr_mrg_rxbuf. */

/* Where the memory is for the guest, and in the front-end's address space (so
 * it says): where hugepages may begin, for an IOMMU to map them as such. */
#define GUEST_BASE 0x200000ULL
#define USER_BASE 0x7f0000000000ULL

/* A ring: descriptors, available part and used part, and its buffers. */
#define RING_AREA 0x20000
#define RING_DESC 0
#define RING_AVAIL 0x10000
#define RING_USED 0x13000
#define BUF_AREA (N_BUFS * BUF_SIZE)
#define MEM_SIZE (MAX_RINGS * (RING_AREA + BUF_AREA))

/* Requests of the vhost-user protocol. */
enum {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    RESET_OWNER = 4,
    SET_MEM_TABLE = 5,
    SET_LOG_BASE = 6,
    SET_LOG_FD = 7,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    GET_VRING_BASE = 11,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    SET_VRING_ERR = 14,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    GET_QUEUE_NUM = 17,
    SET_VRING_ENABLE = 18,
    SEND_RARP = 19,
    NET_SET_MTU = 20,
    SET_SLAVE_REQ_FD = 21,
    IOTLB_MSG = 22,
    GET_CONFIG = 24,
    SET_CONFIG = 25,
    CREATE_CRYPTO_SESSION = 26,
    POSTCOPY_ADVISE = 28,
    POSTCOPY_LISTEN = 29,
    POSTCOPY_END = 30,
    GET_INFLIGHT_FD = 31,
    SET_INFLIGHT_FD = 32,
    ADD_MEM_REG = 37,
    REM_MEM_REG = 38,
    SET_STATUS = 39,
    GET_STATUS = 40,
};

#define MSG_VERSION 1
#define MSG_REPLY 4
#define MSG_NEED_REPLY 8

#define F_CSUM (1ULL << 0)
#define F_MRG_RXBUF (1ULL << 15)
#define F_MQ (1ULL << 22)
#define F_LOG_ALL (1ULL << 26)
#define F_PROTOCOL (1ULL << 30)
#define F_VERSION_1 (1ULL << 32)
#define F_PACKED (1ULL << 34)

struct mem_region {
    uint64_t guest_addr;
    uint64_t size;
    uint64_t user_addr;
    uint64_t offset;
};

union payload {
    uint64_t u64;
    struct {
        uint32_t index;
        uint32_t num;
    } state;
    struct {
        uint32_t index;
        uint32_t flags;
        uint64_t desc;
        uint64_t used;
        uint64_t avail;
        uint64_t log;
    } addr;
    struct {
        uint32_t n_regions;
        uint32_t padding;
        struct mem_region regions[MAX_FDS + 1];
    } memory;
    struct {
        uint64_t size;
        uint64_t offset;
        uint16_t n_queues;
        uint16_t queue_size;
    } area;
    struct {
        uint64_t iova;
        uint64_t size;
        uint64_t uaddr;
        uint8_t perm;
        uint8_t type;
    } iotlb;
    uint8_t bytes[1024];
};

struct msg {
    uint32_t request;
    uint32_t flags;
    uint32_t size;
    union payload payload;
} __attribute__((packed));

#define MSG_HEADER_LEN offsetof(struct msg, payload)

struct peer;

struct ring {
    struct peer *peer;
    unsigned int index;         /* Even: the guest receives. */
    uint8_t *area;
    uint8_t *bufs;
    uint16_t next;              /* Next to make available, free-running. */
    uint16_t done;              /* Next to be used, free-running. */
    uint64_t n_done;            /* Packets. */
};

struct peer {
    const char *path;
    int listener;
    int fd;                     /* Of the connection, or -1. */
    bool packed;
    bool mergeable;
    uint64_t features;          /* More that the guest takes if offered. */
    bool keep_rings;            /* Start rings with what they hold, */
    const uint32_t *bases;      /* from here on; null: from the beginning. */
    bool says_done;             /* Says when all rings are started. */
    unsigned int n_pairs;
    unsigned int ring_size;     /* A power of two, at least N_BUFS. */
    uint64_t offered;           /* Virtio features. */
    uint64_t offered_protocol;  /* Protocol features. */
    uint64_t negotiated;        /* Virtio features. */
    int (*make_memory)(void);   /* The file of MEM_SIZE; null for a memfd. */
    int mem_fd;
    uint8_t *mem;
    struct ring rings[MAX_RINGS];
    int kicks[MAX_RINGS];       /* To notify the back-end by, or 0. */

    /* If 'cut_at' is not negative, peer_put() sends only 'cut_len' bytes of
     * the message of this number, and jumps to 'cut'. */
    int n_put;
    int cut_at;
    size_t cut_len;
    jmp_buf cut;

    unsigned int n_cut_short;   /* Connections in a row that ended before all
                                 * was said. */

    /* For traffic. */
    unsigned int n_enabled;     /* The pairs up to this one are. */
    uint32_t n_sent[MAX_PAIRS]; /* By each pair, */
    uint32_t n_back[MAX_PAIRS]; /* of these so many have come back, */
    uint32_t next[MAX_PAIRS][MAX_PAIRS]; /* by pair I of pair J's none before
                                          * this number any more. */
    uint64_t n_errors;
};

/* Ends the program. */
void fatal(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* Serves a socket at 'path'. */
void peer_listen(struct peer *, const char *path);

/* Waits for the back-end to connect, at most so long, in ms. */
bool peer_accept(struct peer *, int timeout);

/* Ends the connection and forgets the memory. */
void peer_close(struct peer *);

/* Messages.  peer_put() sends 'n' bytes with file descriptors, whatever they
 * are.  All return false if the connection has ended. */
bool peer_put(struct peer *, const void *, size_t n, const int *fds,
              int n_fds);
bool peer_send(struct peer *, uint32_t request, const void *payload,
               uint32_t size, const int *fds, int n_fds);
bool peer_send_u64(struct peer *, uint32_t request, uint64_t);
bool peer_send_state(struct peer *, uint32_t request, uint32_t index,
                     uint32_t num);
bool peer_send_file(struct peer *, uint32_t request, uint32_t index, int fd);
void peer_send_eventfd(struct peer *, uint32_t request, uint32_t index);
bool peer_recv(struct peer *, struct msg *, int timeout);
bool peer_get_u64(struct peer *, uint32_t request, uint64_t *);

/* Returns true if the back-end ends the connection in time; what it sends
 * before that is ignored. */
bool peer_is_gone(struct peer *, int timeout);

/* Returns true if the back-end still answers. */
bool peer_is_alive(struct peer *);

/* The steps of a good front-end, each of which ends the program if it fails:
 * features; memory, new or the same again; rings; that this is all, if it says
 * so; all of it.  peer_start_ring() is for one ring, and peer_kick() notifies
 * the back-end of what it offers, which only a vDPA device needs.
 *
 * peer_begin() is all of it for who waits for the next connection anyway: a
 * back-end may end one before all is said, as it may later, and come again.  Then
 * it closes this one and returns false; but a back-end that does so each time
 * refuses us. */
void peer_negotiate(struct peer *);
void peer_share_memory(struct peer *);
void peer_share_same_memory(struct peer *);
void peer_start_ring(struct peer *, unsigned int index);
void peer_set_ring_addr(struct peer *, unsigned int index);
union payload peer_ring_addr(unsigned int index);
void peer_kick(struct peer *, unsigned int index);
void peer_say_done(struct peer *);
void peer_start(struct peer *);
bool peer_begin(struct peer *);
int make_memfd(uint64_t size, unsigned int flags);

/* Rings.  A slot has a descriptor and a buffer, but no more than N_BUFS are in
 * use at a time. */
unsigned int ring_slot(const struct ring *);    /* The next. */
uint64_t ring_buf_addr(const struct ring *, unsigned int slot);
uint8_t *ring_buf(const struct ring *, unsigned int slot);

/* Makes a buffer of 'len' bytes at 'addr' available in the next slot, with the
 * virtio flags VRING_DESC_F_*, and 'next' for split rings. */
void ring_offer(struct ring *, uint64_t addr, uint32_t len, uint16_t flags,
                uint16_t next);

/* If the next slot was used, returns true with what it holds. */
bool ring_reap(struct ring *, unsigned int *slot, uint32_t *len);

/* How many more can be made available. */
unsigned int ring_room(const struct ring *);

/* Traffic.  traffic_poll() gives the guest's pair 'pair' something to send,
 * if 'send', and takes what it receives.  With 'check', what it receives must
 * be what it sent, in order.  traffic_reap() only takes what was used, and
 * writes nothing; traffic_send_one() has the guest send a packet. */
void traffic_poll(struct peer *, unsigned int pair, bool send, bool check);
void traffic_reap(struct peer *, unsigned int pair, bool check);
void traffic_send_one(struct peer *, unsigned int pair);

/* Scenarios; see the programs's help. */
int scenario_messages(struct peer *, int argc, char *argv[]);
int scenario_unfinished(struct peer *, int argc, char *argv[]);
int scenario_files(struct peer *, int argc, char *argv[]);
int scenario_cuts(struct peer *, int argc, char *argv[]);
int scenario_rings(struct peer *, int argc, char *argv[]);
int scenario_shorter(struct peer *, int argc, char *argv[]);
int scenario_anew(struct peer *, int argc, char *argv[]);
int scenario_served(struct peer *, int argc, char *argv[]);
int scenario_flaps(struct peer *, int argc, char *argv[]);
int scenario_halves(struct peer *, int argc, char *argv[]);
int scenario_vanish(struct peer *, int argc, char *argv[]);
int scenario_kicks(struct peer *, int argc, char *argv[]);

/* Likewise for 'n' of them. */
int scenario_firsts(struct peer *, unsigned int n);
int scenario_singles(struct peer *, unsigned int n, int argc, char *argv[]);
int scenario_reuse(struct peer *, unsigned int n, int argc, char *argv[]);
int scenario_moves(struct peer *, unsigned int n, int argc, char *argv[]);

/* Ends the traffic of scenario_rings() and the like: set by SIGTERM. */
extern volatile bool stopping;

long long int now_ms(void);

#endif /* frontend.h */
