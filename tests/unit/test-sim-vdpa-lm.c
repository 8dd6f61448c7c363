/* SPDX-License-Identifier: Apache-2.0 */

/* Live migration of the simulated vDPA device, behind the vhost library. */

#include "test-sim-frontend.h"

static uint8_t *log_mem;

static bool
set_log_base(int fd)
{
	struct msg m = { .log = { .size = LOG_SIZE } };

	return tell(&m, SET_LOG_BASE, 16, fd);
}

static int
new_log(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, LOG_SIZE), 0);
	if (log_mem != NULL)
		munmap(log_mem, LOG_SIZE);
	log_mem = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       0);
	assert_true(log_mem != MAP_FAILED);
	return fd;
}

static void
test_offers_sw(void **state)
{
	(void)state;
	assert_false(ask(GET_FEATURES) & PACKED);
}

static bool
is_dirty(uint64_t iova)
{
	return log_mem[iova / 4096 / 8] & (1u << iova / 4096 % 8);
}

/* Whether only the guest itself writes to this page. */
static bool
is_guests_own(uint64_t off)
{
	uint64_t in_queue = off % GQ_MEM;

	if (off >= BUFS + 0x100000)
		return true;		/* What it sends. */
	if (off >= BUFS)
		return false;
	/* The device writes to the descriptors of a packed ring. */
	return in_queue < GQ_AVAIL ? !(features & PACKED) :
		in_queue < GQ_USED || in_queue >= GQ_INDIRECT;
}

/* A page that differs from 'before' and that the guest itself has not written
 * is in the log. */
static unsigned int
assert_logged(const uint8_t *before)
{
	unsigned int changed = 0;
	uint64_t off;

	for (off = 0; off < MEM_SIZE; off += 4096) {
		if (is_guests_own(off) ||
		    memcmp(mem + off, before + off, 4096) == 0)
			continue;
		if (!is_dirty(MEM_IOVA + off))
			fail_msg("the page at 0x%lx is not logged", off);
		changed++;
	}
	return changed;
}

/* The source's side of a migration. */
static void
check_migration(uint64_t f)
{
	uint8_t *before = malloc(MEM_SIZE);
	int fd = new_log();
	uint32_t base[2];

	set_up(f, 2, NULL);
	guest_sends(0, 20);
	guest_receives(0, 20);
	assert_true(set_log_base(fd));
	close(fd);
	assert_true(tell_u64(SET_FEATURES, f | LOG_ALL, -1));
	memcpy(before, mem, MEM_SIZE);
	guest_sends(20, 150);
	guest_receives(20, 150);
	if (!drv()->sw_lm)
		assert_int_equal(sim_vdpa_dev_log_mismatches(drv()->dev), 0);
	base[RX] = get_base(RX);
	base[TX] = get_base(TX);
	assert_true(assert_logged(before) > 100);
	/* It is cancelled: the guest goes on, without a log. */
	memset(log_mem, 0, LOG_SIZE);
	set_up(f, 2, base);
	assert_true(tell_u64(SET_FEATURES, f, -1));
	guest_sends(170, 20);
	guest_receives(170, 20);
	get_base(RX);
	get_base(TX);
	assert_false(is_dirty(MEM_IOVA + BUFS + 70 * 5000 + 4096));
	free(before);
}

static void
test_migration_split(void **state)
{
	(void)state;
	check_migration(FEATURES);
}

static void
test_migration_packed(void **state)
{
	(void)state;
	check_migration(FEATURES | PACKED);
}

static void
test_migration_sw(void **state)
{
	(void)state;
	check_migration(FEATURES);
}

static void
test_migration_sw_event(void **state)
{
	(void)state;
	check_migration(FEATURES | EVENT);
}

/* A guest that wants no interrupts is served all the same, and one that wants
 * them gets them. */
static void
test_sw_interrupts(void **state)
{
	int fd = new_log();

	(void)state;
	set_up(FEATURES, 2, NULL);
	assert_true(set_log_base(fd));
	close(fd);
	assert_true(tell_u64(SET_FEATURES, FEATURES | LOG_ALL, -1));
	assert_true(drv()->mediating);
	was_called(RX);
	gq_avail(&gq[RX])->flags = VRING_AVAIL_F_NO_INTERRUPT;
	guest_receives(0, 50);
	assert_false(was_called(RX));
	gq_avail(&gq[RX])->flags = 0;
	guest_receives(50, 1);
	WAIT(was_called(RX));
	assert_true(tell_u64(SET_FEATURES, FEATURES, -1));
	assert_false(drv()->mediating);
	guest_receives(51, 50);
}

/* Whether the driver has not noticed yet that the log was mapped anew. */
static bool
log_differs(struct sim_vdpa *v)
{
	uint64_t base, size;
	bool differs;

	pthread_mutex_lock(&v->lock);
	rte_vhost_get_log_base(v->vid, &base, &size);
	differs = base != v->lib_log;
	pthread_mutex_unlock(&v->lock);
	return differs;
}

/* The front-end replaces the log: the new one has all that may be in
 * neither. */
static void
test_log_moves(void **state)
{
	int fd = new_log(), same = dup(fd);

	(void)state;
	set_up(FEATURES, 2, NULL);
	assert_true(set_log_base(fd));
	close(fd);
	assert_true(tell_u64(SET_FEATURES, FEATURES | LOG_ALL, -1));
	guest_receives(0, 3);
	assert_true(is_dirty(MEM_IOVA + BUFS));
	/* The same one again changes nothing. */
	assert_true(set_log_base(same));
	close(same);
	WAIT(!log_differs(drv()));
	assert_false(is_dirty(MEM_IOVA + BUFS + 0x80000));
	memset(log_mem, 0, LOG_SIZE);
	guest_receives(0, 3);
	assert_true(is_dirty(MEM_IOVA + BUFS));
	fd = new_log();
	assert_true(set_log_base(fd));
	close(fd);
	WAIT(is_dirty(MEM_IOVA + BUFS));
	memset(log_mem, 0, LOG_SIZE);
	guest_receives(0, 3);
	assert_true(is_dirty(MEM_IOVA + BUFS));
	/* And once more just before the end. */
	fd = new_log();
	assert_true(set_log_base(fd));
	close(fd);
	get_base(RX);
	assert_true(is_dirty(MEM_IOVA + BUFS));
	assert_true(is_dirty(MEM_IOVA + GQ_USED));
}

/* LOG_ALL before there is a log. */
static void
test_log_comes_late(void **state)
{
	int fd = new_log();

	(void)state;
	set_up(FEATURES | LOG_ALL, 2, NULL);
	guest_receives(0, 3);
	assert_true(set_log_base(fd));
	close(fd);
	WAIT(is_dirty(MEM_IOVA + BUFS));
}

/* How large a log must be that there is room for it once, but not twice. */
static uint64_t
too_large(int fd)
{
	uint64_t size = UINT64_C(128) << 40;
	void *va;

	do {
		size -= UINT64_C(4) << 40;
		assert_int_not_equal(size, 0);
		va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  0);
	} while (va == MAP_FAILED);
	munmap(va, size);
	return size;
}

/* A log that the library can map, but not the driver as well: what the device
 * writes would be in no log, so it stands still. */
static void
test_log_too_large(void **state)
{
	int fd = new_log(), large = dup(fd);
	struct msg m = { .log = { .size = too_large(fd) } };
	uint32_t len;

	(void)state;
	set_up(FEATURES, 2, NULL);
	guest_receives(0, 3);
	assert_true(tell(&m, SET_LOG_BASE, 16, large));
	close(large);
	assert_true(tell_u64(SET_FEATURES, FEATURES | LOG_ALL, -1));
	assert_false(runs(RX) || runs(TX));
	add_tx(TX, 1);
	kick(TX);
	/* Nor does a queue run that is started now. */
	assert_true(tell_state(SET_VRING_ENABLE, RX, 0));
	assert_true(tell_state(SET_VRING_ENABLE, RX, 1));
	assert_false(runs(RX));
	/* The migration is given up. */
	assert_true(tell_u64(SET_FEATURES, FEATURES, -1));
	expect_tx(1);
	WAIT(gq_take(&gq[TX], &len));
	guest_receives(4, 3);
	/* Once more, and then there is a smaller log. */
	assert_true(tell_u64(SET_FEATURES, FEATURES | LOG_ALL, -1));
	assert_false(runs(RX) || runs(TX));
	assert_true(set_log_base(fd));
	close(fd);
	WAIT(is_dirty(MEM_IOVA + BUFS + 0x80000));
	memset(log_mem, 0, LOG_SIZE);
	add_tx(TX, 2);
	kick(TX);
	expect_tx(2);
	guest_receives(7, 1);
	WAIT(is_dirty(MEM_IOVA + BUFS + 7 * 5000));
}

/* Maps so much for the device that there is no room for more; returns how
 * much. */
static unsigned int
fill_iommu(void)
{
	static uint8_t page[4096];
	unsigned int n = 0;

	while (sim_vdpa_dev_map(drv()->dev, (UINT64_C(1) << 50) + n * 4096,
				page, 4096, true) == 0)
		n++;
	assert_true(n > 0);
	return n;
}

/* A queue that cannot be mediated is not lost when the migration ends. */
static void
test_sw_no_memory(void **state)
{
	int fd = new_log();
	unsigned int n;

	(void)state;
	set_up(FEATURES, 2, NULL);
	guest_receives(0, 3);
	assert_true(set_log_base(fd));
	close(fd);
	n = fill_iommu();
	assert_true(tell_u64(SET_FEATURES, FEATURES | LOG_ALL, -1));
	assert_false(runs(RX));
	guest_sends(0, 3);
	while (n-- > 0)
		assert_int_equal(sim_vdpa_dev_unmap(drv()->dev,
				 (UINT64_C(1) << 50) + n * 4096, 4096), 0);
	assert_true(tell_u64(SET_FEATURES, FEATURES, -1));
	assert_true(runs(RX));
	guest_receives(3, 3);
}

/* The driver leaves what the device has used where it is, or goes on. */
static void
let_relay(bool on)
{
	struct sim_vdpa *v = drv();

	pthread_mutex_lock(&v->lock);
	v->mediating = on;
	pthread_mutex_unlock(&v->lock);
}

static void
start_sw_migration(void)
{
	int fd = new_log();

	set_up(FEATURES, 2, NULL);
	assert_true(set_log_base(fd));
	close(fd);
	assert_true(tell_u64(SET_FEATURES, FEATURES | LOG_ALL, -1));
	assert_true(drv()->mediating);
}

/* The guest is told of all that the device has used, and then the front-end of
 * as much, even if the device is gone. */
static void
test_sw_base(void **state)
{
	uint64_t before = vstat(RX, "packets");
	uint32_t k;

	(void)state;
	start_sw_migration();
	guest_receives(0, 5);
	let_relay(false);
	for (k = 5; k < 8; k++)
		give_rx(k);
	WAIT(vstat(RX, "packets") == before + 8);
	assert_int_equal(gq_used_ring(&gq[RX])->idx, 5);
	remove_device();
	assert_int_equal(get_base(RX), 8);
	assert_int_equal(gq_used_ring(&gq[RX])->idx, 8);
	for (k = 0; k < 8; k++)
		assert_true(is_dirty(MEM_IOVA + BUFS + k * 5000));
	assert_true(is_dirty(MEM_IOVA + GQ_USED));
}

/* A guest spoils its descriptors behind the device: it has itself to blame, and
 * the device has nothing to fault at. */
static void
test_sw_spoilt(void **state)
{
	unsigned int round;
	struct rte_mbuf *m;
	uint32_t k;

	(void)state;
	for (round = 0; round < 20; round++) {
		start_sw_migration();
		guest_receives(0, 1);
		let_relay(false);
		assert_int_equal(rte_vdpa_reset_stats(vdev, RX), 0);
		for (k = 1; k < 4; k++)
			give_rx(k);
		WAIT(vstat(RX, "packets") == 3);
		/* The first one stays as it is. */
		gq_desc(&gq[RX])[2].len = 8;
		gq_desc(&gq[RX])[2].flags |= VRING_DESC_F_NEXT;
		gq_desc(&gq[RX])[2].next = SIZE + 1;
		let_relay(true);
		do {
			m = rte_pktmbuf_alloc(pool);
			if (m != NULL &&
			    rte_pktmbuf_append(m, 60) != NULL)
				rte_eth_tx_burst(rep, 0, &m, 1);
		} while (runs(RX));
		assert_int_equal(vstat(RX, "dma_faults"), 0);
		assert_int_equal(get_base(RX), 2);
		assert_int_equal(gq_used_ring(&gq[RX])->idx, 2);
		get_base(TX);
		assert_true(tell_u64(SET_FEATURES, FEATURES, -1));
	}
}

/* Logs come one after the other while the guest receives. */
static void
check_log_storm(void)
{
	int fds[2] = { new_log(), new_log() };
	uint32_t i, k, len;

	set_up(FEATURES, 2, NULL);
	assert_true(set_log_base(fds[0]));
	assert_true(tell_u64(SET_FEATURES, FEATURES | LOG_ALL, -1));
	for (i = 0; i < 1500; i++) {
		for (k = 0; k < 8; k++)
			give_rx(k);
		assert_true(set_log_base(fds[i % 2]));
		for (k = 0; k < 8; k++)
			WAIT(gq_take(&gq[RX], &len));
	}
	memset(log_mem, 0, LOG_SIZE);
	/* The last is the one that we see. */
	WAIT(!log_differs(drv()));
	guest_receives(0, 3);
	assert_true(is_dirty(MEM_IOVA + BUFS));
	close(fds[0]);
	close(fds[1]);
}

static void
test_log_storm(void **state)
{
	(void)state;
	check_log_storm();
}

static void
test_sw_log_storm(void **state)
{
	(void)state;
	check_log_storm();
}

/* The used ring begins before the guest's memory ends, and goes on behind
 * it. */
static void
test_sw_ring_outside(void **state)
{
	uint32_t base;

	(void)state;
	start_sw_migration();
	guest_receives(0, 3);
	base = get_base(RX);
	set_up_queue(RX, base, MEM_USER + MEM_SIZE - 64);
	set_up_queue(TX, get_base(TX), MEM_USER + GQ_MEM + GQ_USED);
	assert_false(runs(RX));
	get_base(RX);
	set_up_queue(RX, base, MEM_USER + GQ_USED);
	guest_receives(3, 3);
}

/* A guest's call file is full, and whoever writes to it waits. */
static void
test_sw_call_full(void **state)
{
	uint64_t end;

	(void)state;
	start_sw_migration();
	fill_call(RX);
	guest_receives(0, 5);
	end = rte_get_tsc_cycles() + rte_get_tsc_hz();
	get_base(RX);
	get_base(TX);
	assert_true(rte_get_tsc_cycles() < end);
	assert_false(drv()->running);
}

/* After a migration the guest is announced, between its own packets. */
static void
check_announcement(uint64_t f)
{
	static const uint8_t mac[8] = { 2, 0, 0, 1, 2, 3 };
	struct rte_ether_hdr *eth;
	unsigned int round, rarps;
	struct rte_mbuf *m;
	uint32_t got, want, len;
	uint64_t value;

	memcpy(&value, mac, sizeof(value));
	set_up(f, 2, NULL);
	for (round = 0; round < 10; round++) {
		for (want = 0; want < 30; want++)
			add_tx(TX, want);
		kick(TX);
		assert_true(tell_u64(SEND_RARP, value, -1));
		for (want = 0, rarps = 0; want < 30 || rarps == 0;) {
			m = received();
			eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
			memcpy(&got, (uint8_t *)eth + 20, sizeof(got));
			if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_RARP)) {
				assert_memory_equal(&eth->src_addr, mac, 6);
				rarps++;
			} else {
				assert_int_equal(got, want++);
			}
			rte_pktmbuf_free(m);
		}
		assert_int_equal(rarps, 1);
		for (want = 0; want < 30; want++)
			WAIT(gq_take(&gq[TX], &len));
	}
	guest_sends(0, 100);
}

static void
test_announcement_split(void **state)
{
	(void)state;
	check_announcement(FEATURES);
}

static void
test_announcement_packed(void **state)
{
	(void)state;
	check_announcement(FEATURES | PACKED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_SW(test_offers_sw), TEST(test_migration_split),
		TEST(test_migration_packed), TEST_SW(test_migration_sw),
		TEST_SW(test_migration_sw_event), TEST_SW(test_sw_interrupts),
		TEST(test_log_moves), TEST(test_log_comes_late),
		TEST(test_log_too_large), TEST_SW(test_log_too_large),
		TEST(test_log_storm), TEST_SW(test_sw_log_storm),
		TEST_SW(test_sw_no_memory), TEST_SW(test_sw_base),
		TEST_SW(test_sw_spoilt), TEST_SW(test_sw_ring_outside),
		TEST_SW(test_sw_call_full),
		TEST(test_announcement_split), TEST(test_announcement_packed),
	};

	return RUN(tests);
}
