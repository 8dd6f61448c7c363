/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TEST_VDPA_PCI_CLIENT_H
#define TEST_VDPA_PCI_CLIENT_H

/* A client of vfio-user, and a driver of virtio over PCI on top of it, for
 * tests of tools/vdpa-pci: the program itself, as a process. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/vfio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>

#include "vdpa_pci/layout.h"
#include "vdpa_pci/protocol.h"
#include "test-sim-vring.h"

#define BIT(n) (UINT64_C(1) << (n))
#define BASE (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) | \
	      BIT(VIRTIO_NET_F_MRG_RXBUF))
#define PACKED (BASE | BIT(VIRTIO_F_RING_PACKED))
#define HLEN sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX

/* The program. */

/* What it has behind it: a socket, a frame each. */
extern int wire;

/* Starts it with these arguments, of which the second may be NULL, and waits
 * until it is ready. */
void server_start(const char *pairs, const char *more);
/* It ends by itself when it is told, and well. */
void server_stop(void);
/* Gives it a command; what it prints, but for "end". */
const char *server_say(const char *command);
/* A number of "stats". */
uint64_t server_stat(const char *name);
/* How many pages of addresses it has taken. */
unsigned long server_pages(void);
/* Waits until it prints a line that begins so. */
void server_prints(const char *begin);
/* Runs it with these arguments, up to NULL; its exit status, and in 'said' what
 * it printed on standard error. */
int server_run(char *const argv[], char *said, size_t size);

/* Messages. */

#define CLOSED (-1)

void client_connect(void);
void client_close(void);
/* Goes on with another connection, and returns the one that it had. */
int client_swap(int sock);
/* Sends bytes as they are, with files. */
void client_send(const void *data, size_t len, const int *fds, size_t n_fds);
/* Reads as many bytes; false at the end of the connection. */
bool client_receive(void *buf, size_t len);
/* Connects, and agrees on a version. */
void client_begin(void);
/* A command, and the answer to it, of which 'size' bytes of payload are wanted:
 * 0, an errno, or CLOSED. */
int client_ask(uint16_t command, const void *payload, size_t len,
	       void *answer, size_t size);
int client_ask_with(uint16_t command, const void *payload, size_t len,
		    const int *fds, size_t n_fds, void *answer, size_t size);
/* True when the server has closed the connection. */
bool client_is_closed(void);

int dma_map(uint64_t iova, uint64_t size, int fd, uint64_t offset,
	    uint32_t flags);
int dma_unmap(uint64_t iova, uint64_t size, uint32_t flags);
#define DMA_RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

/* Registers of a region; 'size' bytes, 1 to 4. */
uint32_t rd(uint32_t region, uint64_t off, uint32_t size);
void wr(uint32_t region, uint64_t off, uint32_t size, uint32_t value);

/* The driver. */

#define RX 0
#define TX 1
#define SIZE 64
#define N_VQS 4

/* Its memory: queues first, then buffers, then the log. */
#define MEM_IOVA UINT64_C(0x40000000)
#define MEM_SIZE 0x400000
#define BUFS 0x200000
#define LOG_IOVA UINT64_C(0x80000000)
#define LOG_SIZE 0x20000

#define CFG(field) VIRTIO_PCI_COMMON_##field

extern int mem_fd;
extern uint8_t *mem;
extern struct gq gq[N_VQS];
extern int irq[N_VQS + 1];	/* The last is for the configuration. */

uint32_t common_rd(uint32_t off, uint32_t size);
void common_wr(uint32_t off, uint32_t size, uint32_t value);
/* All up to FEATURES_OK; false if that does not stay. */
bool negotiate(uint64_t features);
/* Vector I + 1 for virtqueue I, vector 0 for the configuration. */
void give_interrupts(void);
void enable_queue(uint16_t i);
/* Maps the memory and starts 'n' queues. */
void start_device(uint64_t features, uint16_t n);
void kick(uint16_t i);
/* Waits for interrupt I. */
void wait_irq(uint16_t i);

/* Frames of a length that say it, by the wire. */
void make_frame(uint8_t *frame, uint32_t len);
void send_frame(uint32_t len);
void receive_frame(uint32_t len);
/* The driver gives virtqueue 'i' one to send, or room to receive, 'at' so many
 * bytes behind BUFS; and takes back what was used. */
void add_tx(uint16_t i, uint32_t at, uint32_t len);
void add_rx(uint16_t i, uint32_t at, uint32_t len);
void take_tx(uint16_t i);
void take_rx(uint16_t i, uint32_t at, uint32_t len);

/* Each test is a connection of its own, with memory that is not mapped yet. */
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
int setup(void **state);
int teardown(void **state);

#define WAIT(CONDITION) \
	do { \
		int tries_ = 0; \
		while (!(CONDITION)) { \
			if (tries_++ == 10000) \
				fail_msg("never: %s", #CONDITION); \
			wait_a_bit(); \
		} \
	} while (0)
void wait_a_bit(void);

#endif /* TEST_VDPA_PCI_CLIENT_H */
