/* SPDX-License-Identifier: Apache-2.0 */

/* tools/vdpa-pci, by a client of vfio-user: no QEMU, no guest. */

#include "test-vdpa-pci-client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <sys/mman.h>

#define OWN_LM (0x8000 - VPCI_OWN_LM_SIZE)	/* For two queue pairs. */

/* What it says about itself. */

static bool
has_irq(uint32_t i)
{
	return i < VFIO_PCI_NUM_IRQS && i != VFIO_PCI_ERR_IRQ_INDEX;
}

static void
test_info(void **state)
{
	static const uint32_t sizes[VFIO_PCI_NUM_REGIONS] = {
		[VPCI_BAR_VIRTIO] = 0x4000, [VPCI_BAR_MSIX] = 0x1000,
		[VPCI_BAR_NOTIFY] = 0x8000, [VPCI_BAR_LM] = 0x1000,
		[CONFIG] = 256,
	};
	struct vfu_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info region;
	struct vfio_irq_info info;
	uint32_t i;

	(void)state;
	assert_int_equal(client_ask(VFU_DEVICE_GET_INFO, &device,
				    sizeof(device), &device, sizeof(device)),
			 0);
	assert_int_equal(device.flags, VFIO_DEVICE_FLAGS_PCI |
			 VFIO_DEVICE_FLAGS_RESET);
	assert_int_equal(device.num_regions, VFIO_PCI_NUM_REGIONS);
	assert_int_equal(device.num_irqs, VFIO_PCI_NUM_IRQS);
	for (i = 0; i <= VFIO_PCI_NUM_REGIONS; i++) {
		region = (struct vfio_region_info) {
			.argsz = sizeof(region), .index = i,
		};
		assert_int_equal(client_ask(VFU_DEVICE_GET_REGION_INFO,
					    &region, sizeof(region), &region,
					    sizeof(region)),
				 i < VFIO_PCI_NUM_REGIONS ? 0 : EINVAL);
		if (i < VFIO_PCI_NUM_REGIONS)
			assert_int_equal(region.size, sizes[i]);
	}
	for (i = 0; i <= VFIO_PCI_NUM_IRQS; i++) {
		info = (struct vfio_irq_info) {
			.argsz = sizeof(info), .index = i,
		};
		assert_int_equal(client_ask(VFU_DEVICE_GET_IRQ_INFO, &info,
					    sizeof(info), &info,
					    sizeof(info)),
				 has_irq(i) ? 0 : EINVAL);
		if (has_irq(i))
			assert_int_equal(info.count,
					 i == VFIO_PCI_MSIX_IRQ_INDEX ?
					 N_VQS + 1 : 0);
	}
}

/* Walks the list for the capability 'id', of virtio 'type' if that is not 0;
 * its place. */
static uint32_t
find_cap(uint8_t id, uint8_t type)
{
	uint32_t at = rd(CONFIG, PCI_CAPABILITY_LIST, 1);
	unsigned int n;

	for (n = 0; at != 0; at = rd(CONFIG, at + PCI_CAP_LIST_NEXT, 1)) {
		assert_true(at % 4 == 0 && at >= 0x40 && n++ < 10);
		if (rd(CONFIG, at, 1) == id &&
		    (type == 0 || rd(CONFIG, at + VIRTIO_PCI_CAP_CFG_TYPE,
				     1) == type))
			return at;
	}
	fail_msg("there is no capability %u of type %u", id, type);
	return 0;
}

static void
assert_virtio_cap(uint8_t type, uint8_t len, uint8_t bar, uint32_t off,
		  uint32_t size)
{
	uint32_t at = find_cap(PCI_CAP_ID_VNDR, type);

	assert_int_equal(rd(CONFIG, at + VIRTIO_PCI_CAP_LEN, 1), len);
	assert_int_equal(rd(CONFIG, at + VIRTIO_PCI_CAP_BAR, 1), bar);
	assert_int_equal(rd(CONFIG, at + VIRTIO_PCI_CAP_OFFSET, 4), off);
	assert_int_equal(rd(CONFIG, at + VIRTIO_PCI_CAP_LENGTH, 4), size);
}

static void
test_config(void **state)
{
	uint32_t at;

	(void)state;
	assert_int_equal(rd(CONFIG, PCI_VENDOR_ID, 4), 0x10411af4);
	assert_int_equal(rd(CONFIG, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x001a8086);
	assert_int_equal(rd(CONFIG, PCI_CLASS_REVISION, 4), 0x02000001);
	assert_true(rd(CONFIG, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	assert_virtio_cap(VIRTIO_PCI_CAP_COMMON_CFG, 16, 0, 0, 0x38);
	assert_virtio_cap(VIRTIO_PCI_CAP_NOTIFY_CFG, 20, 2, 0, 0x4000);
	assert_virtio_cap(VIRTIO_PCI_CAP_ISR_CFG, 16, 0, 0x1000, 1);
	assert_virtio_cap(VIRTIO_PCI_CAP_DEVICE_CFG, 16, 0, 0x2000, 12);
	at = find_cap(PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_NOTIFY_CFG);
	assert_int_equal(rd(CONFIG, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4),
			 0x1000);
	at = find_cap(PCI_CAP_ID_MSIX, 0);
	assert_int_equal(rd(CONFIG, at + PCI_MSIX_FLAGS, 2), N_VQS);
	assert_int_equal(rd(CONFIG, at + PCI_MSIX_TABLE, 4), 1);
	assert_int_equal(rd(CONFIG, at + PCI_MSIX_PBA, 4), 0x801);
	wr(CONFIG, at + PCI_MSIX_FLAGS, 2, 0xffff);
	assert_int_equal(rd(CONFIG, at + PCI_MSIX_FLAGS, 2), 0xc000 | N_VQS);
	/* BARs tell how large they are. */
	wr(CONFIG, PCI_BASE_ADDRESS_2, 4, 0xffffffff);
	assert_int_equal(rd(CONFIG, PCI_BASE_ADDRESS_2, 4), 0xffff8000);
	wr(CONFIG, PCI_BASE_ADDRESS_3, 4, 0xffffffff);
	assert_int_equal(rd(CONFIG, PCI_BASE_ADDRESS_3, 4), 0);
	/* What is read-only stays. */
	wr(CONFIG, PCI_VENDOR_ID, 4, 0);
	assert_int_equal(rd(CONFIG, PCI_VENDOR_ID, 4), 0x10411af4);
	wr(CONFIG, PCI_COMMAND, 2, 0xffff);
	assert_int_equal(rd(CONFIG, PCI_COMMAND, 2), PCI_COMMAND_MEMORY |
			 PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
}

/* Registers of virtio. */

static uint64_t
device_features(void)
{
	uint64_t f;

	common_wr(CFG(DFSELECT), 4, 0);
	f = common_rd(CFG(DF), 4);
	common_wr(CFG(DFSELECT), 4, 1);
	return f | (uint64_t)common_rd(CFG(DF), 4) << 32;
}

static void
test_common(void **state)
{
	uint64_t bad = server_stat("bad_writes");

	(void)state;
	assert_int_equal(device_features() & PACKED, PACKED);
	common_wr(CFG(DFSELECT), 4, 2);
	assert_int_equal(common_rd(CFG(DF), 4), 0);
	assert_int_equal(common_rd(CFG(NUMQ), 2), N_VQS + 1);
	assert_int_equal(common_rd(CFG(MSIX), 2), 0xffff);
	/* A queue that is not there; vectors that are not. */
	common_wr(CFG(Q_SELECT), 2, N_VQS);
	assert_int_equal(common_rd(CFG(Q_SIZE), 2), 0);
	common_wr(CFG(Q_ENABLE), 2, 1);
	common_wr(CFG(Q_SELECT), 2, 1);
	assert_int_equal(common_rd(CFG(Q_SELECT), 2), 1);
	assert_int_equal(common_rd(CFG(Q_NOFF), 2), 1);
	common_wr(CFG(Q_MSIX), 2, N_VQS + 1);
	assert_int_equal(common_rd(CFG(Q_MSIX), 2), 0xffff);
	common_wr(CFG(Q_MSIX), 2, N_VQS);
	assert_int_equal(common_rd(CFG(Q_MSIX), 2), N_VQS);
	common_wr(CFG(MSIX), 2, N_VQS + 1);
	assert_int_equal(common_rd(CFG(MSIX), 2), 0xffff);
	/* A ring that is too large; a register that has another size. */
	common_wr(CFG(Q_SIZE), 2, 2048);
	assert_int_equal(common_rd(CFG(Q_SIZE), 2), 1024);
	common_wr(CFG(Q_DESCLO), 2, 0x1000);
	assert_int_equal(common_rd(CFG(Q_DESCLO), 4), 0);
	assert_int_equal(server_stat("bad_writes"), bad + 3);
	/* It is not enabled without features. */
	common_wr(CFG(Q_ENABLE), 2, 1);
	assert_int_equal(common_rd(CFG(Q_ENABLE), 2), 0);
}

static void
test_features(void **state)
{
	(void)state;
	assert_true(negotiate(BASE));
	common_wr(CFG(GFSELECT), 4, 1);
	assert_int_equal(common_rd(CFG(GF), 4), BASE >> 32);
	/* Too late. */
	common_wr(CFG(GF), 4, 0);
	assert_int_equal(common_rd(CFG(GF), 4), BASE >> 32);
	assert_false(negotiate(BASE | BIT(VIRTIO_NET_F_CTRL_VQ)));
	assert_false(negotiate(BASE | BIT(63)));
	assert_true(negotiate(BASE));
}

static void
test_device_config(void **state)
{
	(void)state;
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_DEVICE_OFFSET, 4), 2);
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_DEVICE_OFFSET + 4, 4),
			 0x10100);
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_DEVICE_OFFSET + 8, 2), 2);
	/* Nothing beyond, and nothing between. */
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_DEVICE_OFFSET + 12, 4), 0);
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_COMMON_LEN, 4), 0);
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_VIRTIO_SIZE - 4, 4), 0);
}

static void
test_link(void **state)
{
	(void)state;
	give_interrupts();
	server_say("link down");
	wait_irq(N_VQS);
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_DEVICE_OFFSET + 6, 2), 0);
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_ISR_OFFSET, 1), 2);
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_ISR_OFFSET, 1), 0);
	server_say("link up");
	wait_irq(N_VQS);
	assert_int_equal(rd(VPCI_BAR_VIRTIO, VPCI_DEVICE_OFFSET + 6, 2), 1);
}

/* Registers of live migration, where each driver looks for them. */
static void
test_migration_registers(void **state)
{
	const uint32_t own = OWN_LM + SIM_LM_RING_STATE_OFFSET;

	(void)state;
	wr(VPCI_BAR_NOTIFY, own + 4 * 3, 4, 0x30002);
	assert_int_equal(rd(VPCI_BAR_LM, 0x20 + 0x40 + 4, 4), 0x30002);
	/* A compiler reads no more than it needs. */
	assert_int_equal(rd(VPCI_BAR_LM, 0x20 + 0x40 + 4 + 2, 2), 3);
	assert_int_equal(rd(VPCI_BAR_LM, 0x20 + 0x40 + 4, 1), 2);
	assert_int_equal(rd(VPCI_BAR_NOTIFY, own + 4 * 3 + 2, 2), 3);
	wr(VPCI_BAR_LM, 0x20 + 0x40, 4, 0x50004);
	assert_int_equal(rd(VPCI_BAR_NOTIFY, own + 4 * 2, 4), 0x50004);
	assert_int_equal(rd(VPCI_BAR_NOTIFY, own + 4 * 1023, 4), 0);
	/* How many pairs are in use: nobody else's. */
	wr(VPCI_BAR_LM, 0x28, 4, 2);
	assert_int_equal(rd(VPCI_BAR_LM, 0x28, 4), 2);
	assert_int_equal(rd(VPCI_BAR_NOTIFY, own + 4 * 1, 4), 0);
	/* Where the log is. */
	wr(VPCI_BAR_LM, SIM_LM_BASE_ADDR_HIGH, 4, 7);
	assert_int_equal(rd(VPCI_BAR_NOTIFY, OWN_LM + SIM_LM_BASE_ADDR_HIGH,
			    4), 7);
	/* Without an end it is none. */
	wr(VPCI_BAR_NOTIFY, OWN_LM + SIM_LM_LOGGING_CTRL, 4, 1);
	assert_int_equal(rd(VPCI_BAR_LM, SIM_LM_LOGGING_CTRL, 4), 0);
}

/* DMA. */

static void
test_dma_map(void **state)
{
	const uint64_t at = MEM_IOVA;
	char self[40];
	uint64_t i;
	int fd;

	(void)state;
	assert_int_equal(dma_map(at, 0x2000, mem_fd, 0x1000, DMA_RW), 0);
	assert_int_equal(dma_map(at, 0x2000, mem_fd, 0, DMA_RW), EEXIST);
	assert_int_equal(dma_map(at + 0x1000, 0x1000, mem_fd, 0, DMA_RW),
			 EEXIST);
	assert_int_equal(dma_map(at - 0x1000, 0x4000, mem_fd, 0, DMA_RW),
			 EEXIST);
	assert_int_equal(dma_map(at - 0x1000, 0x1000, mem_fd, 0, DMA_RW), 0);
	assert_int_equal(dma_map(at + 0x2000, 0x1000, mem_fd, 0,
				 VFIO_DMA_MAP_FLAG_READ), 0);
	/* What is no memory of the client's that can be mapped is known. */
	assert_int_equal(dma_map(at + 0x8000, 0x1000, -1, 0, DMA_RW), 0);
	assert_int_equal(dma_map(at + 0x8000, 0x1000, -1, 0, DMA_RW), EEXIST);
	assert_int_equal(dma_map(at + 0x9000, 0x1000, wire, 0, DMA_RW), 0);
	/* What cannot be. */
	assert_int_equal(dma_map(0, 0, mem_fd, 0, DMA_RW), EINVAL);
	assert_int_equal(dma_map(0, 0x1001, mem_fd, 0, DMA_RW), EINVAL);
	assert_int_equal(dma_map(1, 0x1000, mem_fd, 0, DMA_RW), EINVAL);
	assert_int_equal(dma_map(0, 0x1000, mem_fd, 1, DMA_RW), EINVAL);
	assert_int_equal(dma_map(0, 0x1000, mem_fd, 0, 4), EINVAL);
	assert_int_equal(dma_map(0, 0x1000, mem_fd, MEM_SIZE, DMA_RW),
			 EINVAL);
	assert_int_equal(dma_map(UINT64_MAX - 0xfff, 0x1000, mem_fd, 0,
				 DMA_RW), EINVAL);
	assert_int_equal(dma_map(0, 0x1000, mem_fd, UINT64_MAX - 0xfff,
				 DMA_RW), EINVAL);
	assert_int_equal(server_stat("dma_ranges"), 5);
	/* A file that must not be written, and an address in two windows. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", mem_fd);
	fd = open(self, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(dma_map(0, 0x1000, fd, 0, DMA_RW), EACCES);
	assert_int_equal(dma_map(0, 0x1000, fd, 0, VFIO_DMA_MAP_FLAG_READ),
			 0);
	close(fd);
	assert_int_equal(dma_map((UINT64_C(1) << 40) - 0x1000, 0x2000, mem_fd,
				 0, DMA_RW), ENOSPC);
	/* Nor are there many windows. */
	for (i = 1; dma_map(i << 40, 0x1000, mem_fd, 0, DMA_RW) == 0; i++)
		continue;
	assert_int_equal(i, 8);
	assert_int_equal(dma_unmap(0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 0);
	assert_int_equal(dma_map(i << 40, 0x1000, mem_fd, 0, DMA_RW), 0);
}

static void
test_dma_unmap(void **state)
{
	const uint64_t at = MEM_IOVA;
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(dma_map(at + i * 0x2000, 0x2000, mem_fd, 0,
					 DMA_RW), 0);
	assert_int_equal(dma_unmap(at, 0x1000, 0), EINVAL);
	assert_int_equal(dma_unmap(at + 0x1000, 0x2000, 0), EINVAL);
	assert_int_equal(dma_unmap(at, 0, 0), EINVAL);
	assert_int_equal(dma_unmap(at, 0x2000, 4), EINVAL);
	assert_int_equal(dma_unmap(UINT64_MAX - 0xfff, 0x2000, 0), EINVAL);
	assert_int_equal(server_stat("dma_ranges"), 4);
	assert_int_equal(dma_unmap(at, 0x2000, 0), 0);
	assert_int_equal(server_stat("dma_ranges"), 3);
	/* As an IOMMU takes back what it has given in pieces. */
	assert_int_equal(dma_unmap(at, 0x6000, 0), 0);
	assert_int_equal(server_stat("dma_ranges"), 1);
	assert_int_equal(dma_map(at, 0x2000, mem_fd, 0, DMA_RW), 0);
	assert_int_equal(dma_unmap(0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 0);
	assert_int_equal(server_stat("dma_ranges"), 0);
	assert_int_equal(dma_map(at, 0x2000, mem_fd, 0, DMA_RW), 0);
	assert_int_equal(dma_unmap(0, UINT64_C(1) << 63, 0), 0);
	assert_int_equal(dma_unmap(UINT64_C(1) << 63, UINT64_C(1) << 63, 0),
			 0);
	assert_int_equal(server_stat("dma_ranges"), 0);
}

/* As many as there may be, and no more. */
static void
test_dma_many(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 4096; i++)
		assert_int_equal(dma_map(MEM_IOVA + i * 0x2000, 0x1000,
					 mem_fd, 0, DMA_RW), 0);
	assert_int_equal(dma_map(0, 0x1000, mem_fd, 0, DMA_RW), ENOSPC);
}

/* Packets. */

/* More than a ring has room for, both ways. */
static void
move_packets(uint64_t features)
{
	uint32_t i;

	start_device(features, N_VQS);
	for (i = 0; i < 3 * SIZE; i++) {
		add_tx(i % 2 == 0 ? TX : 3, 0, 60 + i);
		receive_frame(60 + i);
		wait_irq(i % 2 == 0 ? TX : 3);
		take_tx(i % 2 == 0 ? TX : 3);
		add_rx(RX, 0x10000, 2048);
		send_frame(60 + i);
		wait_irq(RX);
		take_rx(RX, 0x10000, 60 + i);
	}
	for (i = 0; i < N_VQS; i++) {
		common_wr(CFG(Q_SELECT), 2, i);
		assert_int_equal(common_rd(CFG(Q_ENABLE), 2), 1);
	}
}

static void
test_packets_split(void **state)
{
	(void)state;
	move_packets(BASE);
}

static void
test_packets_packed(void **state)
{
	(void)state;
	move_packets(PACKED);
}

/* A queue that is stopped goes on where it was, if it is told, also after a
 * reset: so do drivers of vDPA. */
static void
stop_and_go(uint64_t features)
{
	uint32_t ring, i;
	struct gq old;

	start_device(features, 2);
	for (i = 0; i < 5; i++) {
		add_tx(TX, 0, 60);
		receive_frame(60);
		take_tx(TX);
	}
	common_wr(CFG(Q_SELECT), 2, TX);
	common_wr(CFG(Q_ENABLE), 2, 0);
	assert_int_equal(common_rd(CFG(Q_ENABLE), 2), 0);
	ring = rd(VPCI_BAR_LM, 0x24, 4);
	assert_int_equal(ring & 0x7fff, 5);
	assert_int_equal(ring >> 16 & 0x7fff, 5);
	old = gq[TX];
	assert_true(negotiate(features));
	gq[TX] = old;
	wr(VPCI_BAR_LM, 0x24, 4, ring);
	enable_queue(TX);
	common_wr(CFG(STATUS), 1, 0xf);
	add_tx(TX, 0, 80);
	receive_frame(80);
	take_tx(TX);
}

static void
test_stop_split(void **state)
{
	(void)state;
	stop_and_go(BASE);
}

static void
test_stop_packed(void **state)
{
	(void)state;
	stop_and_go(PACKED);
}

/* What comes while no driver runs the device is counted. */
static void
test_absent(void **state)
{
	uint64_t n = server_stat("drop_absent");

	(void)state;
	start_device(BASE, 2);
	add_rx(RX, 0x10000, 2048);
	send_frame(60);
	take_rx(RX, 0x10000, 60);
	assert_int_equal(server_stat("drop_absent"), n);
	common_wr(CFG(STATUS), 1, 0);
	send_frame(60);
	WAIT(server_stat("drop_absent") == n + 1);
}

/* What nobody has mapped nobody touches, and it is counted; the others go
 * on. */
static void
test_dma_fault(void **state)
{
	struct gq_seg seg = { MEM_IOVA + MEM_SIZE, 100, false };
	uint64_t faults = server_stat("q1_dma_faults");

	(void)state;
	start_device(BASE, N_VQS);
	gq_add(&gq[TX], &seg, 1);
	kick(TX);
	WAIT(server_stat("q1_dma_faults") == faults + 1);
	add_tx(3, 0, 60);
	receive_frame(60);
	take_tx(3);
	/* Not any more. */
	faults = server_stat("q3_dma_faults");
	assert_int_equal(dma_unmap(MEM_IOVA, MEM_SIZE, 0), 0);
	kick(3);
	WAIT(server_stat("q3_dma_faults") == faults + 1);
}

static void
test_dma_read_only(void **state)
{
	const uint64_t at = MEM_IOVA + MEM_SIZE;
	struct gq_seg seg = { at, HLEN + 60, false };
	uint64_t faults = server_stat("q0_dma_faults");

	(void)state;
	start_device(BASE, 2);
	assert_int_equal(dma_map(at, 0x1000, mem_fd, BUFS,
				 VFIO_DMA_MAP_FLAG_READ), 0);
	memset(mem + BUFS, 0, HLEN);
	make_frame(mem + BUFS + HLEN, 60);
	gq_add(&gq[TX], &seg, 1);
	kick(TX);
	receive_frame(60);
	seg.write = true;
	gq_add(&gq[RX], &seg, 1);
	kick(RX);
	send_frame(60);
	WAIT(server_stat("q0_dma_faults") == faults + 1);
	assert_int_equal(mem[BUFS], 0);
}

/* While it logs, each page that it writes a packet to has a bit. */
static void
test_log(void **state)
{
	const uint32_t at = 5 * 4096 - 30;
	const uint64_t page = (MEM_IOVA + BUFS + at) / 4096;
	uint64_t bad = server_stat("bad_writes");
	uint8_t *log;
	int fd;

	(void)state;
	fd = memfd_create("log", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, LOG_SIZE), 0);
	log = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(log != MAP_FAILED);
	start_device(BASE, 2);
	assert_int_equal(dma_map(LOG_IOVA, LOG_SIZE, fd, 0, DMA_RW), 0);
	/* In the order in which compilers have it do so. */
	wr(VPCI_BAR_LM, SIM_LM_LOGGING_CTRL, 4, 1);
	wr(VPCI_BAR_LM, SIM_LM_BASE_ADDR_LOW, 4, LOG_IOVA);
	wr(VPCI_BAR_LM, SIM_LM_END_ADDR_LOW, 4, LOG_IOVA + LOG_SIZE);
	assert_int_equal(rd(VPCI_BAR_LM, SIM_LM_LOGGING_CTRL, 4), 1);
	assert_int_equal(server_stat("bad_writes"), bad);
	add_rx(RX, at, 2048);
	send_frame(60);
	take_rx(RX, at, 60);
	assert_int_equal(log[page / 8] >> page % 8 & 3, 3);
	assert_int_equal(server_stat("logged_pages"), 2);
	assert_int_equal(server_stat("log_lost_pages"), 0);
	wr(VPCI_BAR_LM, SIM_LM_LOGGING_CTRL, 4, 0);
	log[page / 8] = 0;
	add_rx(RX, at, 2048);
	send_frame(60);
	take_rx(RX, at, 60);
	assert_int_equal(log[page / 8], 0);
	munmap(log, LOG_SIZE);
	close(fd);
}

/* Resets. */

static void
assert_reset(void)
{
	assert_int_equal(common_rd(CFG(STATUS), 1), 0);
	assert_int_equal(common_rd(CFG(Q_ENABLE), 2), 0);
	assert_int_equal(common_rd(CFG(Q_SIZE), 2), 1024);
	assert_int_equal(common_rd(CFG(Q_MSIX), 2), 0xffff);
	assert_int_equal(common_rd(CFG(MSIX), 2), 0xffff);
	assert_int_equal(rd(CONFIG, PCI_COMMAND, 2), 0);
	/* What the client has given stays. */
	assert_int_equal(server_stat("dma_ranges"), 1);
	assert_int_equal(dma_unmap(MEM_IOVA, MEM_SIZE, 0), 0);
}

static void
test_reset(void **state)
{
	(void)state;
	start_device(BASE, 2);
	wr(CONFIG, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(client_ask(VFU_DEVICE_RESET, NULL, 0, NULL, 0), 0);
	assert_reset();
	move_packets(PACKED);
}

static void
test_reset_by_driver(void **state)
{
	uint32_t at = find_cap(PCI_CAP_ID_AF, 0);

	(void)state;
	assert_int_equal(rd(CONFIG, at + PCI_AF_CAP, 1), 3);
	start_device(BASE, 2);
	wr(CONFIG, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	wr(CONFIG, at + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
	assert_reset();
}

/* Interrupts. */

static int
set_irqs(uint32_t flags, uint32_t start, uint32_t count, size_t data,
	 uint32_t n_fds)
{
	union {
		struct vfio_irq_set set;
		uint8_t bytes[sizeof(struct vfio_irq_set) + 64];
	} m = {
		.set = {
			.argsz = sizeof(m.set) + data, .flags = flags,
			.index = VFIO_PCI_MSIX_IRQ_INDEX, .start = start,
			.count = count,
		},
	};
	int fds[32];
	uint32_t i;

	for (i = 0; i < n_fds; i++)
		fds[i] = wire;
	m.bytes[sizeof(m.set)] = 0;
	m.bytes[sizeof(m.set) + 1] = 1;
	return client_ask_with(VFU_DEVICE_SET_IRQS, &m, sizeof(m.set) + data,
			       fds, n_fds, NULL, 0);
}

static void
test_irqs(void **state)
{
	const uint32_t trigger = VFIO_IRQ_SET_ACTION_TRIGGER;
	uint64_t n;

	(void)state;
	give_interrupts();
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_NONE | trigger, 3, 1, 0,
				  0), 0);
	wait_irq(2);
	/* The second of the two that are named. */
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_BOOL | trigger, 0, 2, 2,
				  0), 0);
	wait_irq(0);
	assert_int_equal(read(irq[N_VQS], &n, sizeof(n)), -1);
	/* What is no eventfd is none. */
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_EVENTFD | trigger, 3, 1,
				  0, 1), 0);
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_NONE | trigger, 3, 1, 0,
				  0), 0);
	/* It is taken back, and so are all. */
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_EVENTFD | trigger, 1, 1,
				  0, 0), 0);
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_NONE | trigger, 0, 0, 0,
				  0), 0);
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_NONE | trigger, 0,
				  N_VQS + 1, 0, 0), 0);
	assert_int_equal(read(irq[0], &n, sizeof(n)), -1);
	/* What cannot be: fewer files than vectors, vectors that are not. */
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_EVENTFD | trigger, 0, 3,
				  0, 2), EINVAL);
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_NONE | trigger, 0,
				  N_VQS + 2, 0, 0), EINVAL);
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_NONE | trigger,
				  UINT32_MAX, 1, 0, 0), EINVAL);
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_NONE | trigger, 1,
				  UINT32_MAX, 0, 0), EINVAL);
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_BOOL | trigger, 0, 2, 1,
				  0), EINVAL);
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_NONE |
				  VFIO_IRQ_SET_ACTION_MASK, 0, 1, 0, 0),
			 EINVAL);
	assert_int_equal(set_irqs(trigger, 0, 1, 0, 0), EINVAL);
}

/* A device as Linux takes it: with one queue pair, it does not say that there
 * may be more. */
static void
test_one_pair(void **state)
{
	(void)state;
	assert_int_equal(common_rd(CFG(NUMQ), 2), 3);
	assert_false(device_features() & (BIT(VIRTIO_NET_F_MQ) |
					  BIT(VIRTIO_F_RING_PACKED)));
	assert_false(negotiate(BASE | BIT(VIRTIO_NET_F_MQ)));
	assert_true(negotiate(BASE));
}

static int
group_setup(void **state)
{
	(void)state;
	server_start("--pairs=2", NULL);
	return 0;
}

static int
one_pair_setup(void **state)
{
	(void)state;
	server_start("--pairs=1", "--split");
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	server_stop();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_info), TEST(test_config), TEST(test_common),
		TEST(test_features), TEST(test_device_config),
		TEST(test_link), TEST(test_migration_registers),
		TEST(test_dma_map), TEST(test_dma_unmap),
		TEST(test_dma_many), TEST(test_packets_split),
		TEST(test_packets_packed), TEST(test_stop_split),
		TEST(test_stop_packed), TEST(test_absent),
		TEST(test_dma_fault),
		TEST(test_dma_read_only), TEST(test_log), TEST(test_reset),
		TEST(test_reset_by_driver), TEST(test_irqs),
	};
	const struct CMUnitTest one_pair[] = { TEST(test_one_pair) };

	return cmocka_run_group_tests(tests, group_setup, group_teardown) +
		cmocka_run_group_tests(one_pair, one_pair_setup,
				       group_teardown);
}
