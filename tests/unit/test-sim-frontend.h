/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TEST_SIM_FRONTEND_H
#define TEST_SIM_FRONTEND_H

/* A simulated vDPA device behind the vhost library, and a vhost-user front-end
 * that speaks for itself: what its tests share. */

#include "test-sim.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <rte_arp.h>
#include <rte_dev.h>
#include <rte_vdpa.h>
#include <rte_vhost.h>

#include "base/fault.h"
#include "nic/nic.h"
#include "vdpa/driver/state.h"
#include "test-sim-vring.h"

#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MRG_RXBUF) | \
		  BIT(VIRTIO_NET_F_MQ) | BIT(VHOST_USER_F_PROTOCOL_FEATURES))
#define PACKED BIT(VIRTIO_F_RING_PACKED)
#define EVENT BIT(VIRTIO_RING_F_EVENT_IDX)
#define LOG_ALL BIT(VHOST_F_LOG_ALL)

#define RX 0
#define TX 1
#define SIZE 64
#define HLEN sizeof(struct virtio_net_hdr_mrg_rxbuf)

/* Guest memory: its physical and its front-end's addresses differ. */
#define MEM_IOVA UINT64_C(0x100000)
#define MEM_USER UINT64_C(0x7f1200000000)
#define MEM_SIZE 0x400000
#define BUFS 0x200000
#define LOG_SIZE 4096

enum {
	GET_FEATURES = 1, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE,
	SET_LOG_BASE, SET_LOG_FD, SET_VRING_NUM, SET_VRING_ADDR,
	SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL,
	SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES,
	GET_QUEUE_NUM, SET_VRING_ENABLE, SEND_RARP,
};

struct msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t u64;
		struct { uint32_t index, num; } state;
		struct vhost_vring_addr addr;
		struct { uint64_t size, offset; } log;
		struct {
			uint32_t n, padding;
			struct { uint64_t gpa, size, user, offset; } region[2];
		} mem;
		uint8_t bytes[256];
	};
} __attribute__((packed));

extern struct rte_mempool *pool;
extern uint16_t rep;
extern struct rte_vdpa_device *vdev;
extern int listener, front;
extern uint8_t *mem;
extern int mem_fd;
extern uint64_t features;	/* Negotiated. */
extern struct gq gq[4];
extern int kicks[4], calls[4];

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
#define TEST_SW(NAME) cmocka_unit_test_setup_teardown(NAME, setup_sw, teardown)

uint64_t ask(uint32_t request);
/* Sends a message that has no answer of its own and waits until it was
 * handled; what came of it. */
bool tell(struct msg *m, uint32_t request, uint32_t size, int fd);
bool tell_u64(uint32_t request, uint64_t value, int fd);
bool tell_state(uint32_t request, uint32_t index, uint32_t num);
bool set_mem_table(int fd, uint64_t size);
/* Sets up a virtqueue whose used ring is at 'used', an address of the
 * front-end's. */
void set_up_queue(uint16_t i, uint32_t base, uint64_t used);
/* Sets up 'n' virtqueues that go on from 'base', or from the beginning if it
 * is NULL. */
void set_up(uint64_t f, uint16_t n, const uint32_t *base);
uint32_t get_base(uint16_t i);
/* The front-end hangs up, and there is another one. */
void reconnect_backend(void);
struct sim_vdpa *drv(void);
uint64_t vstat(uint16_t i, const char *name);
bool runs(uint16_t i);
int setup(void **state);
int setup_sw(void **state);
int teardown(void **state);
void kick(uint16_t i);
struct rte_mbuf *received(void);
/* The guest sends a frame that carries 'number'. */
void add_tx(uint16_t i, uint32_t number);
void expect_tx(uint32_t number);
void guest_sends(uint32_t first, uint32_t n);
/* Frame number K for the guest, which gives a buffer for it: 1000 bytes, one
 * page and a bit from the one before. */
void give_rx(uint32_t k);
/* The guest receives such frames. */
void guest_receives(uint32_t first, uint32_t n);
bool was_called(uint16_t i);
/* The device is pulled out. */
void remove_device(void);
/* Fills a call file, and whoever writes to it waits from now on. */
void fill_call(uint16_t i);

/* For main(): runs the tests. */
#define RUN(TESTS) run_group(#TESTS, TESTS, RTE_DIM(TESTS))
int run_group(const char *name, const struct CMUnitTest *tests, size_t n);

#endif /* TEST_SIM_FRONTEND_H */
