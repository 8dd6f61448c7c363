/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TEST_SIM_DEVICE_H
#define TEST_SIM_DEVICE_H

/* A simulated vDPA device and its guest, without vhost: what its tests
 * share. */

#include "test-sim.h"

#include <unistd.h>
#include <sys/eventfd.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>

#include "base/fault.h"
#include "base/rcu.h"
#include "nic/nic.h"
#include "vdpa/device/device.h"
#include "test-sim-vring.h"

#define BIT(n) (UINT64_C(1) << (n))
#define BASE_FEATURES (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_CSUM) | \
		       BIT(VIRTIO_NET_F_HOST_TSO4) | \
		       BIT(VIRTIO_NET_F_HOST_TSO6) | \
		       BIT(VIRTIO_NET_F_MRG_RXBUF) | \
		       BIT(VIRTIO_RING_F_INDIRECT_DESC))
#define PACKED BIT(VIRTIO_F_RING_PACKED)

#define RX 0
#define TX 1
#define SIZE 64

/* The guest's memory: queues first, then buffers, then the log. */
#define MEM_IOVA UINT64_C(0x100000)
#define MEM_SIZE 0x400000
#define BUFS 0x200000
#define LOG_IOVA UINT64_C(0x40000000)
#define LOG_SIZE 0x1000
#define HLEN sizeof(struct virtio_net_hdr_mrg_rxbuf)

extern struct rte_mempool *pool;
extern struct sim_nic *nic;
extern struct sim_vdpa_dev *dev;
extern uint16_t rep;
extern uint8_t *mem;
extern uint8_t log_mem[LOG_SIZE];
extern struct gq gq[4];
extern int irq[4];

#define COUNTER(i, field) counter(&dev->vq[i].counters.field)

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

void wr(uint32_t reg, uint32_t value);
uint32_t rd(uint32_t reg);
void wr_queue(uint16_t i, uint32_t reg, uint32_t value);
uint32_t rd_queue(uint16_t i, uint32_t reg);
void kick(uint16_t i);
uint64_t counter(const uint64_t *c);
void enable_queue(uint16_t i, uint32_t state);
void negotiate(uint64_t features);
void drive(void);
/* The whole device with 'n' virtqueues. */
void start_device(uint64_t features, uint16_t n);
void stop_device(void);
/* What the representor receives next. */
struct rte_mbuf *received(void);
void transmit(struct rte_mbuf *m);
void assert_frame(const uint8_t *frame, uint32_t len);
struct rte_mbuf *frame_mbuf(uint32_t len);
/* Makes a header and a frame to transmit. */
void make_tx(uint32_t at, uint32_t len);
/* Gives it to the device in a chain of pieces of 'piece' bytes. */
void give_tx(uint16_t i, uint32_t at, uint32_t len, uint32_t piece);
void add_tx(uint16_t i, uint32_t at, uint32_t len, uint32_t piece);
void add_rx(uint16_t i, uint32_t at, uint32_t len);
int setup(void **state);
int teardown(void **state);
/* Receives a frame of 'len' bytes in buffers of 'room' bytes. */
void check_rx_one(uint32_t len, uint32_t room);
void send_and_wait(uint64_t packets);
/* The queue stops with 'error', and the others go on. */
void assert_stops(uint16_t i, enum sim_vring_error error);

/* For main(): runs the tests. */
#define RUN(TESTS) run_group(#TESTS, TESTS, RTE_DIM(TESTS))
int run_group(const char *name, const struct CMUnitTest *tests, size_t n);

#endif /* TEST_SIM_DEVICE_H */
