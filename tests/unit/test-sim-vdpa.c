/* SPDX-License-Identifier: Apache-2.0 */

/* The simulated vDPA device behind the vhost library. */

#include "test-sim-frontend.h"

static int removals;

static void
test_offers(void **state)
{
	uint64_t f = ask(GET_FEATURES), pf = ask(GET_PROTOCOL_FEATURES);

	(void)state;
	assert_int_equal(f & (FEATURES | PACKED | EVENT | LOG_ALL),
			 FEATURES | PACKED | EVENT | LOG_ALL);
	assert_false(f & BIT(VIRTIO_F_IOMMU_PLATFORM));
	assert_true(f & BIT(VIRTIO_NET_F_GUEST_TSO4));
	assert_false(f & BIT(VIRTIO_NET_F_GUEST_UFO));
	assert_int_equal(pf, BIT(VHOST_USER_PROTOCOL_F_MQ) |
			 BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |
			 BIT(VHOST_USER_PROTOCOL_F_RARP) |
			 BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK));
	assert_int_equal(ask(GET_QUEUE_NUM), 2);
}

static void
check_traffic(uint64_t f)
{
	set_up(f, 2, NULL);
	WAIT(runs(RX) && runs(TX));
	assert_false(runs(2));
	guest_sends(0, 200);
	guest_receives(0, 200);
	assert_true(was_called(RX));
	assert_true(was_called(TX));
	assert_int_equal(vstat(TX, "packets"), 200);
	assert_int_equal(vstat(RX, "packets"), 200);
	assert_int_equal(vstat(RX, "bytes"), 200000);
	assert_true(vstat(TX, "doorbells") > 0);
	assert_int_equal(rte_vdpa_reset_stats(vdev, TX), 0);
	assert_int_equal(vstat(TX, "packets"), 0);
	assert_int_equal(rte_vdpa_reset_stats(vdev, 4), -EINVAL);
}

static void
test_traffic_split(void **state)
{
	(void)state;
	check_traffic(FEATURES);
}

static void
test_traffic_packed(void **state)
{
	(void)state;
	check_traffic(FEATURES | PACKED | BIT(VIRTIO_F_IN_ORDER));
}

/* Queues that the device does not have.  False: the library, a newer one, does
 * not let them pass and hangs up. */
static bool
set_up_surplus(void)
{
	uint16_t i;

	if (!tell_u64(SET_VRING_CALL, 4, calls[0]))
		return false;
	for (i = 4; i < 8; i++) {
		assert_true(tell_u64(SET_VRING_CALL, i, calls[0]));
		assert_true(tell_state(SET_VRING_NUM, i, SIZE));
		assert_true(tell_state(SET_VRING_ENABLE, i, 1));
	}
	return true;
}

/* More queues than the device has stay harmless; the second pair comes while
 * the first one runs. */
static void
test_more_queues(void **state)
{
	(void)state;
	set_up(FEATURES, 4, NULL);
	WAIT(runs(2) && runs(3));
	if (!set_up_surplus()) {
		reconnect_backend();
		set_up(FEATURES, 4, NULL);
	}
	guest_sends(0, 10);
	add_tx(3, 77);
	kick(3);
	expect_tx(77);
	assert_true(tell_state(SET_VRING_ENABLE, 3, 0));
	assert_false(runs(3));
	assert_true(runs(TX));
	assert_true(tell_state(SET_VRING_ENABLE, 3, 1));
	add_tx(3, 78);
	kick(3);
	expect_tx(78);
}

/* New memory at another place of the process while the device runs. */
static void
test_memory_change(void **state)
{
	(void)state;
	if (SIM_VHOST_PANICS)
		skip();
	set_up(FEATURES, 2, NULL);
	guest_sends(0, 20);
	/* A shorter region ends behind what is in use. */
	assert_true(set_mem_table(mem_fd, MEM_SIZE - 0x10000));
	guest_sends(20, 20);
	guest_receives(0, 20);
	assert_int_equal(drv()->mem->regions[0].size, MEM_SIZE - 0x10000);
}

/* A memory table that the library cannot map leaves it without memory. */
static void
test_no_memory(void **state)
{
	int fd = eventfd(0, 0);

	(void)state;
	set_up(FEATURES, 2, NULL);
	guest_sends(0, 5);
	assert_false(set_mem_table(fd, MEM_SIZE - 4096));
	close(fd);
	assert_false(drv()->running);
	tell_u64(SET_OWNER, 0, -1);
	assert_false(drv()->running);
}

/* Another call file while the device runs. */
static void
test_call_change(void **state)
{
	(void)state;
	set_up(FEATURES, 2, NULL);
	guest_sends(0, 5);
	assert_true(was_called(TX));
	assert_true(tell_u64(SET_VRING_CALL, TX, calls[3]));
	guest_sends(5, 5);
	assert_false(was_called(TX));
	assert_true(was_called(3));
	/* None at all. */
	assert_true(tell_u64(SET_VRING_CALL, TX | 0x100, -1));
	guest_sends(10, 5);
}

/* Another kick file. */
static void
test_kick_change(void **state)
{
	(void)state;
	if (SIM_VHOST_PANICS)
		skip();
	set_up(FEATURES, 2, NULL);
	/* None to kick with: the device is rung for us. */
	assert_true(tell_u64(SET_VRING_KICK, TX | 0x100, -1));
	add_tx(TX, 99);
	expect_tx(99);
	/* A file that nobody can wait for. */
	tell_u64(SET_VRING_KICK, TX, mem_fd);
	assert_false(runs(TX));
	assert_true(runs(RX));
	guest_receives(0, 5);
}

/* A guest's call file is full, and whoever writes to it waits: the guest has
 * fewer interrupts, and nobody has to wait. */
static void
test_call_full(void **state)
{
	uint64_t end;

	(void)state;
	set_up(FEATURES, 2, NULL);
	guest_sends(0, 5);
	fill_call(TX);
	guest_sends(5, 5);
	guest_receives(0, 5);
	end = rte_get_tsc_cycles() + rte_get_tsc_hz();
	get_base(TX);
	assert_false(drv()->running);
	get_base(RX);
	assert_true(rte_get_tsc_cycles() < end);
}

/* A guest goes in the midst of its traffic; the next one sees none of it. */
static void
test_reconnect(void **state)
{
	struct rte_mbuf *m;
	unsigned int round;
	uint32_t k;

	(void)state;
	for (round = 0; round < 2; round++) {
		set_up(FEATURES | (round ? PACKED : 0), 2, NULL);
		guest_sends(0, 5);
		for (k = 0; k < 30; k++) {
			m = rte_pktmbuf_alloc(pool);
			memset(rte_pktmbuf_append(m, 100), 0xaa, 100);
			rte_eth_tx_burst(rep, 0, &m, 1);
			add_tx(TX, k);
		}
		kick(TX);
		reconnect_backend();
		memset(mem, 0xff, MEM_SIZE);
		while (rte_eth_rx_burst(rep, 0, &m, 1) == 1)
			rte_pktmbuf_free(m);
		set_up(FEATURES, 2, NULL);
		guest_receives(0, 5);	/* And no 0xaa. */
		reconnect_backend();
	}
}

/* Queues stop and go on where they were. */
static void
check_resume(uint64_t f)
{
	uint32_t base[2], round, n = 0;

	set_up(f, 2, NULL);
	for (round = 0; round < 10; round++) {
		guest_sends(n, 37);
		guest_receives(n, 37);
		n += 37;
		base[RX] = get_base(RX);
		assert_false(drv()->running);
		base[TX] = get_base(TX);
		if (f & PACKED)
			assert_int_equal(base[TX], n % SIZE |
					 (n / SIZE % 2 ? 0 : 0x8000));
		else
			assert_int_equal(base[TX], n);
		set_up(f, 2, base);
	}
}

static void
test_resume_split(void **state)
{
	(void)state;
	check_resume(FEATURES);
}

static void
test_resume_packed(void **state)
{
	(void)state;
	check_resume(FEATURES | PACKED);
}

/* Faults. */

static void
fault(uint32_t set, uint32_t clear)
{
	struct sim_plug *plug = &drv()->plug;

	sim_nic_lock();
	plug->ops->set_faults(plug, set, clear, SIM_ALL_QUEUES);
	sim_nic_unlock();
}

static void
test_conf_fails(void **state)
{
	(void)state;
	fault(SIM_FAULT_DEV_CONF, 0);
	set_up(FEATURES, 2, NULL);
	assert_false(drv()->running);
	fault(0, SIM_FAULT_DEV_CONF);
	/* The library tries again. */
	assert_true(tell_u64(SET_OWNER, 0, -1));
	guest_sends(0, 5);
}

static void
on_event(const char *name, enum rte_dev_event_type event, void *arg)
{
	(void)arg;
	if (strcmp(name, "net_simvf0") == 0 && event == RTE_DEV_EVENT_REMOVE)
		__atomic_fetch_add(&removals, 1, __ATOMIC_RELAXED);
}

static void
test_removed(void **state)
{
	uint32_t base;

	(void)state;
	removals = 0;
	assert_int_equal(rte_dev_event_callback_register("net_simvf0",
			 on_event, NULL), 0);
	set_up(FEATURES, 2, NULL);
	guest_sends(0, 20);
	remove_device();
	WAIT(__atomic_load_n(&removals, __ATOMIC_RELAXED) == 1);
	add_tx(TX, 99);
	kick(TX);
	/* What is known of the ring is in the ring. */
	base = get_base(TX);
	assert_int_equal(base, 20);
	WAIT(rte_dev_event_callback_unregister("net_simvf0", on_event, NULL)
	     > 0);
	assert_true(removals == 1);
}

/* A device that a guest uses is not taken away under it. */
static void
test_busy(void **state)
{
	(void)state;
	set_up(FEATURES, 2, NULL);
	assert_int_not_equal(rte_eal_hotplug_remove("vdev", "net_simvf0"), 0);
	guest_sends(0, 5);
	/* Nor is the VF given away twice. */
	assert_int_not_equal(rte_dev_probe("net_simvf1,pf=net_simpf0,vf=0"),
			     0);
	assert_int_not_equal(rte_dev_probe(
		"net_simvf1,pf=net_simpf0,vf=0,vdpa=1"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_offers), TEST(test_traffic_split),
		TEST(test_traffic_packed), TEST(test_more_queues),
		TEST(test_memory_change), TEST(test_no_memory),
		TEST(test_call_change), TEST(test_kick_change),
		TEST(test_call_full),
		TEST(test_reconnect),
		TEST(test_resume_split), TEST(test_resume_packed),
		TEST(test_conf_fails), TEST(test_removed), TEST(test_busy),
	};

	return RUN(tests);
}
