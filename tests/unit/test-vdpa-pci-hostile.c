/* SPDX-License-Identifier: Apache-2.0 */

/* tools/vdpa-pci, and clients that mean harm or do not know what they do.  Each
 * of them loses its connection at most. */

#include "test-vdpa-pci-client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/mman.h>

/* Accesses that are not within a region. */
static void
test_bad_accesses(void **state)
{
	static const struct vfu_access bad[] = {
		{ 0x4000, 0, 4, {} }, { 0x3ffd, 0, 4, {} },
		{ UINT64_MAX, 0, 4, {} }, { 0, 3, 4, {} }, { 0, 9, 4, {} },
		{ 0, UINT32_MAX, 4, {} }, { 0, 0, UINT32_MAX, {} },
		{ 0, 0, 4097, {} }, { 253, CONFIG, 4, {} },
		{ 0, CONFIG, 257, {} },
	};
	uint8_t buf[sizeof(bad[0]) + 4];
	unsigned int i;

	(void)state;
	memset(buf, 0, sizeof(buf));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(buf, &bad[i], sizeof(bad[i]));
		assert_int_equal(client_ask(VFU_REGION_READ, buf,
					    sizeof(bad[i]), NULL, 0), EINVAL);
		assert_int_equal(client_ask(VFU_REGION_WRITE, buf,
					    sizeof(buf), NULL, 0), EINVAL);
	}
	/* Less than it says. */
	buf[0] = 0;
	((struct vfu_access *)buf)->count = 4;
	assert_int_equal(client_ask(VFU_REGION_WRITE, buf, sizeof(buf) - 1,
				    NULL, 0), EINVAL);
}

/* Connections that end. */

/* The server ends it, and says so; the next client is served. */
static void
assert_ends(const char *why)
{
	char text[100];

	assert_true(client_is_closed());
	snprintf(text, sizeof(text), "disconnected: %s", why);
	server_prints(text);
	client_begin();
}

static void
test_hostile(void **state)
{
	static const struct {
		struct vfu_header h;
		const char *why;
	} bad[] = {
		{ { 1, VFU_REGION_READ, 0, 0, 0 }, "a message is shorter" },
		{ { 1, VFU_REGION_READ, 15, 0, 0 }, "a message is shorter" },
		{ { 1, VFU_REGION_READ, UINT32_MAX, 0, 0 },
		  "a message is too long" },
		{ { 1, VFU_REGION_READ, 16, VFU_TYPE_REPLY, 0 },
		  "a message is no command" },
		{ { 1, VFU_REGION_READ, 16, 0xf, 0 },
		  "a message is no command" },
		{ { 1, VFU_REGION_READ, 16, 0, 0 },
		  "a message has the wrong size" },
		{ { 1, VFU_DMA_MAP, 16, 0, 0 },
		  "a message has the wrong size" },
		{ { 1, VFU_DEVICE_SET_IRQS, 16, 0, 0 },
		  "a message has the wrong size" },
		{ { 1, VFU_DEVICE_GET_INFO, 16, VFU_NO_REPLY, 0 },
		  "a message has the wrong size" },
		{ { 1, VFU_VERSION, 16, 0, 0 }, "a version comes twice" },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		client_send(&bad[i].h, sizeof(bad[i].h), NULL, 0);
		assert_ends(bad[i].why);
	}
}

static void
test_commands_unknown(void **state)
{
	static const uint16_t unknown[] = { 0, 6, 11, 12, 14, 15, 16, 65535 };
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(client_ask(unknown[i], "\1\2\3", 3, NULL, 0),
				 ENOTSUP);
}

static void
test_no_reply(void **state)
{
	struct vfu_header h = {
		7, VFU_DEVICE_RESET, sizeof(h), VFU_NO_REPLY, 0,
	};

	(void)state;
	client_send(&h, sizeof(h), NULL, 0);
	h.command = 99;
	client_send(&h, sizeof(h), NULL, 0);
	/* The next answer is that to the next. */
	assert_int_equal(common_rd(CFG(NUMQ), 2), N_VQS + 1);
}

static void
test_files_wrong(void **state)
{
	struct vfu_header h = { 1, VFU_DEVICE_RESET, sizeof(h), 0, 0 };
	int fds[32];
	unsigned int i;

	(void)state;
	for (i = 0; i < 32; i++)
		fds[i] = mem_fd;
	client_send(&h, sizeof(h), fds, 1);
	assert_ends("a message has files");
	client_send(&h, sizeof(h), fds, 17);
	assert_ends("a message has too many files");
	client_send(&h, sizeof(h), fds, 32);
	assert_ends("a message has too many files");
	assert_int_equal(client_ask_with(VFU_DMA_MAP, &(struct vfu_dma_map) {
			.flags = DMA_RW, .size = 4096 },
			sizeof(struct vfu_dma_map), fds, 2, NULL, 0), EINVAL);
}

/* Versions. */
static void
test_version(void **state)
{
	struct {
		struct vfu_header h;
		uint16_t major, minor;
	} m = { { 1, VFU_VERSION, sizeof(m), 0, 0 }, 1, 0 };

	(void)state;
	client_close();
	client_connect();
	assert_int_equal(client_ask(VFU_VERSION, &m.major, 4, NULL, 0),
			 EPROTONOSUPPORT);
	assert_ends("there is no such version");
	client_close();
	client_connect();
	client_send(&m, 8, NULL, 0);
	client_close();
	client_connect();
	m.h.command = VFU_DEVICE_RESET;
	m.h.size = sizeof(m.h);
	client_send(&m.h, sizeof(m.h), NULL, 0);
	assert_ends("the first message is no version");
}

/* Byte by byte it is a message, too, and half a message holds nobody up. */
static void
test_pieces(void **state)
{
	struct vfu_header h = { 9, VFU_DEVICE_RESET, sizeof(h), 0, 0 };
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(h) - 1; i++) {
		client_send((uint8_t *)&h + i, 1, NULL, 0);
		assert_int_equal(server_stat("dma_ranges"), 0);
	}
	client_send((uint8_t *)&h + i, 1, NULL, 0);
	assert_true(client_receive(&h, sizeof(h)));
	assert_int_equal(h.id, 9);
	assert_int_equal(h.flags, VFU_TYPE_REPLY);
	/* Its end in the middle of one. */
	client_send(&h, 9, NULL, 0);
}

/* Who reads nothing of what it asks for. */
static void
test_deaf(void **state)
{
	struct {
		struct vfu_header h;
		struct vfu_access a;
	} m = {
		.h = { 1, VFU_REGION_READ, sizeof(m), 0, 0 },
		.a = { .region = VPCI_BAR_NOTIFY, .count = 4096 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		client_send(&m, sizeof(m), NULL, 0);
	server_prints("disconnected: the client does not read");
	while (!client_is_closed())
		continue;
	client_begin();
}

/* A client shortens a file that the device is going to write to. */
static void
test_shortened(void **state)
{
	const uint64_t at = MEM_IOVA + MEM_SIZE;
	struct gq_seg seg = { at, 2048, true };
	int fd = memfd_create("short", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 0x2000), 0);
	start_device(BASE, 2);
	assert_int_equal(dma_map(at, 0x2000, fd, 0, DMA_RW), 0);
	gq_add(&gq[RX], &seg, 1);
	kick(RX);
	assert_int_equal(ftruncate(fd, 0), 0);
	send_frame(60);
	assert_ends("memory went away");
	close(fd);
}

/* A file that cannot be mapped leaves no hole in the window, which others of
 * the process would fill, and the next mapping would take from them. */
static void
test_unmappable(void **state)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	unsigned long n;

	(void)state;
	assert_int_equal(ftruncate(fd, MEM_SIZE), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	assert_int_equal(dma_map(MEM_IOVA, MEM_SIZE, mem_fd, 0, DMA_RW), 0);
	assert_int_equal(dma_unmap(MEM_IOVA, MEM_SIZE, 0), 0);
	n = server_pages();
	assert_int_equal(dma_map(MEM_IOVA, MEM_SIZE, fd, 0, DMA_RW), EPERM);
	assert_int_equal(server_pages(), n);
	assert_int_equal(dma_map(MEM_IOVA, MEM_SIZE, mem_fd, 0, DMA_RW), 0);
	close(fd);
}

/* The next client waits until the first one is gone. */
static void
test_one_at_a_time(void **state)
{
	struct vfu_header h = { 1, VFU_DEVICE_RESET, sizeof(h), 0, 0 };
	int first;

	(void)state;
	assert_int_equal(common_rd(CFG(NUMQ), 2), N_VQS + 1);
	first = client_swap(-1);
	client_connect();
	client_send(&h, sizeof(h), NULL, 0);
	first = client_swap(first);
	assert_int_equal(common_rd(CFG(NUMQ), 2), N_VQS + 1);
	client_close();
	client_swap(first);
	assert_ends("the first message is no version");
}

/* Whatever comes, of a kind that may be or not: it goes on. */
static void
make_noise(void)
{
	struct {
		struct vfu_header h;
		uint32_t words[16];
	} m;
	unsigned int i, n = rand() % 17;

	m.h = (struct vfu_header) {
		rand(), rand() % 18, sizeof(m.h) + 4 * n,
		rand() % 4 == 0 ? VFU_NO_REPLY : 0, 0,
	};
	/* Small numbers are what sizes, indexes and offsets are. */
	for (i = 0; i < 16; i++)
		m.words[i] = rand() % 3 == 0 ? (uint32_t)rand() :
			(uint32_t)(rand() % 6 << rand() % 14);
	/* These have a size of their own. */
	if (m.h.command == VFU_REGION_WRITE)
		m.words[3] = 4 * (n - 4);
	if (m.h.command == VFU_DMA_MAP)
		m.words[1] &= DMA_RW;
	if (rand() % 20 == 0)
		m.h.size = rand();
	client_send(&m, sizeof(m.h) + 4 * n, &mem_fd, rand() % 3 == 0);
}

static void
test_noise(void **state)
{
	unsigned int i, j;

	(void)state;
	for (i = 0; i < 500; i++) {
		for (j = rand() % 40; j > 0; j--)
			make_noise();
		client_close();
		client_begin();
	}
}

/* Arguments. */

static void
test_arguments(void **state)
{
	static const struct {
		const char *argument, *said;
		int status;
	} cases[] = {
		{ "--help", "usage: vdpa-pci --socket=PATH", 0 },
		{ "--version", "vdpa-pci 0", 0 },
		{ "--pairs=0", "--pairs=0: give a number from 1 to 16", 1 },
		{ "--pairs=17", "give a number from 1 to 16", 1 },
		{ "--pairs=2x", "give a number from 1 to 16", 1 },
		{ "--ring-size=4", "give a number from 8 to 32768", 1 },
		{ "--ring-size=48", "give a power of two", 1 },
		{ "--mac=01:00:00:00:00:01", "the address of one card", 1 },
		{ "--mac=no", "the address of one card", 1 },
		{ "--wire=tap:", "give \"none\", \"tap:\"", 1 },
		{ "--wire=fd:1", "give \"none\", \"tap:\"", 1 },
		{ "--wire=fd:77", "file 77 cannot be a wire", 1 },
		{ "--nothing", "try \"vdpa-pci --help\"", 1 },
		{ "word", "\"word\" is no option", 1 },
		{ "--socket=", "--socket=: give a path of 1 to", 1 },
		{ "--socket=/nowhere/x", "cannot listen there", 1 },
	};
	unsigned int i;
	char said[4096];

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *argv[] = {
			(char *)"vdpa-pci", (char *)"--socket=/nowhere/y",
			(char *)(uintptr_t)cases[i].argument, NULL,
		};

		assert_int_equal(server_run(argv, said, sizeof(said)),
				 cases[i].status);
		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: %s", cases[i].argument, said);
	}
	assert_int_equal(server_run((char *[]) { (char *)"vdpa-pci", NULL },
				    said, sizeof(said)), 1);
	assert_non_null(strstr(said, "--socket=PATH is missing"));
}

static int
group_setup(void **state)
{
	(void)state;
	srand(1);
	server_start("--pairs=2", NULL);
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
		TEST(test_bad_accesses), TEST(test_hostile),
		TEST(test_commands_unknown), TEST(test_no_reply),
		TEST(test_files_wrong), TEST(test_version),
		TEST(test_pieces), TEST(test_deaf), TEST(test_shortened),
		TEST(test_unmappable),
		TEST(test_one_at_a_time), TEST(test_noise),
		cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
