/* SPDX-License-Identifier: Apache-2.0 */

#include "test-vdpa-pci-client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define PROGRAM "tools/vdpa-pci"
/* In milliseconds. */
#define PATIENCE 20000

int wire = -1;
int mem_fd;
uint8_t *mem;
struct gq gq[N_VQS];
int irq[N_VQS + 1];

static pid_t server;
static unsigned int n_files;	/* That it has while it has no client. */
static int commands;
static int output;
static char folder[64];
static char path[80];
static int sock = -1;
static uint16_t last_id;

void
wait_a_bit(void)
{
	nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
}

/* The program. */

static void
run_server(int in, int out, int frames, const char *pairs, const char *more)
{
	char socket_option[100];
	char *argv[] = {
		(char *)PROGRAM, socket_option, (char *)"--wire=fd:3",
		(char *)(uintptr_t)pairs, (char *)(uintptr_t)more, NULL,
	};

	snprintf(socket_option, sizeof(socket_option), "--socket=%s", path);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	if (frames == 3)
		fcntl(frames, F_SETFD, 0);
	else
		dup2(frames, 3);
	execv(PROGRAM, argv);
	_exit(127);
}

/* How many files it has open. */
static unsigned int
count_files(void)
{
	char name[40];
	unsigned int n = 0;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/fd", (int)server);
	dir = opendir(name);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

void
server_start(const char *pairs, const char *more)
{
	int in[2], out[2], frames[2];

	/* If it ends early a test fails, and so it shall say. */
	signal(SIGPIPE, SIG_IGN);
	strcpy(folder, "/tmp/test-vdpa-pci-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0,
				    frames), 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0)
		run_server(in[0], out[1], frames[1], pairs, more);
	close(in[0]);
	close(out[1]);
	close(frames[1]);
	commands = in[1];
	output = out[0];
	wire = frames[0];
	server_prints("ready");
	n_files = count_files();
}

void
server_stop(void)
{
	int status;

	assert_int_equal(write(commands, "quit\n", 5), 5);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(status, 0);
	close(commands);
	close(output);
	close(wire);
	assert_int_equal(rmdir(folder), 0);
}

/* The next line that it prints, without its end. */
static void
read_line(char *line, size_t size)
{
	struct pollfd pfd = { .fd = output, .events = POLLIN };
	size_t n = 0;

	for (;;) {
		assert_int_equal(poll(&pfd, 1, PATIENCE), 1);
		assert_int_equal(read(output, &line[n], 1), 1);
		if (line[n] == '\n')
			break;
		assert_true(++n < size);
	}
	line[n] = '\0';
}

void
server_prints(const char *begin)
{
	char line[200];

	do {
		read_line(line, sizeof(line));
	} while (strncmp(line, begin, strlen(begin)) != 0);
}

const char *
server_say(const char *command)
{
	static char said[8192];
	size_t n = 0;

	assert_int_equal(write(commands, command, strlen(command)),
			 strlen(command));
	assert_int_equal(write(commands, "\n", 1), 1);
	for (;;) {
		read_line(&said[n], sizeof(said) - n);
		if (strcmp(&said[n], "end") == 0)
			break;
		n += strlen(&said[n]);
		said[n++] = '\n';
	}
	said[n] = '\0';
	return said;
}

uint64_t
server_stat(const char *name)
{
	const char *at = server_say("stats");
	size_t len = strlen(name);

	for (; at[0] != '\0'; at = strchr(at, '\n') + 1) {
		if (strncmp(at, name, len) == 0 && at[len] == ' ')
			return strtoull(at + len, NULL, 10);
	}
	fail_msg("there is no %s", name);
	return 0;
}

unsigned long
server_pages(void)
{
	unsigned long n = 0;
	char name[40];
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/statm", (int)server);
	file = fopen(name, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &n), 1);
	fclose(file);
	return n;
}

int
server_run(char *const argv[], char *said, size_t size)
{
	int err[2], status;
	size_t n = 0;
	ssize_t len;
	pid_t pid;

	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(err[1], STDERR_FILENO);
		dup2(err[1], STDOUT_FILENO);
		execv(PROGRAM, argv);
		_exit(127);
	}
	close(err[1]);
	while ((len = read(err[0], said + n, size - 1 - n)) > 0)
		n += len;
	said[n] = '\0';
	close(err[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Messages. */

void
client_connect(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strcpy(sun.sun_path, path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(sock >= 0);
	assert_int_equal(connect(sock, (struct sockaddr *)&sun, sizeof(sun)),
			 0);
}

int
client_swap(int other)
{
	int old = sock;

	sock = other;
	return old;
}

void
client_close(void)
{
	close(sock);
	sock = -1;
	server_prints("disconnected");
}

void
client_send(const void *data, size_t len, const int *fds, size_t n_fds)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };
	union {
		char buf[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds,
		       n_fds * sizeof(int));
	}
	/* One that has been closed already says so when it is read. */
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
		assert_true(errno == EPIPE || errno == ECONNRESET);
}

bool
client_receive(void *buf, size_t len)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	size_t have = 0;
	ssize_t n;

	for (; have < len; have += n) {
		assert_int_equal(poll(&pfd, 1, PATIENCE), 1);
		n = recv(sock, (uint8_t *)buf + have, len - have, 0);
		if (n <= 0)
			return false;
	}
	return true;
}

bool
client_is_closed(void)
{
	uint8_t byte;

	return !client_receive(&byte, 1);
}

int
client_ask_with(uint16_t command, const void *payload, size_t len,
		const int *fds, size_t n_fds, void *answer, size_t size)
{
	struct {
		struct vfu_header h;
		uint8_t payload[8192];
	} m = {
		.h = { ++last_id, command, sizeof(m.h) + len,
		       VFU_TYPE_COMMAND, 0 },
	};

	if (len > 0)
		memcpy(m.payload, payload, len);
	client_send(&m, m.h.size, fds, n_fds);
	if (!client_receive(&m.h, sizeof(m.h)))
		return CLOSED;
	assert_int_equal(m.h.id, last_id);
	assert_int_equal(m.h.command, command);
	if (m.h.flags == (VFU_TYPE_REPLY | VFU_ERROR)) {
		assert_int_equal(m.h.size, sizeof(m.h));
		assert_int_not_equal(m.h.error, 0);
		return m.h.error;
	}
	assert_int_equal(m.h.flags, VFU_TYPE_REPLY);
	assert_int_equal(m.h.size, sizeof(m.h) + size);
	assert_true(client_receive(answer, size));
	return 0;
}

int
client_ask(uint16_t command, const void *payload, size_t len, void *answer,
	   size_t size)
{
	return client_ask_with(command, payload, len, NULL, 0, answer, size);
}

void
client_begin(void)
{
	static const char text[] = "\0\0\0\0{\"capabilities\":"
		"{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,"
		"\"max_dma_maps\":65535,\"pgsizes\":4096,"
		"\"write_multiple\":true}}";
	struct vfu_header h = {
		++last_id, VFU_VERSION, sizeof(h) + sizeof(text), 0, 0,
	};
	char answer[256];

	client_connect();
	client_send(&h, sizeof(h), NULL, 0);
	client_send(text, sizeof(text), NULL, 0);
	assert_true(client_receive(&h, sizeof(h)));
	assert_int_equal(h.command, VFU_VERSION);
	assert_int_equal(h.flags, VFU_TYPE_REPLY);
	assert_true(h.size > sizeof(h) + 4 && h.size <= sizeof(answer));
	assert_true(client_receive(answer, h.size - sizeof(h)));
	assert_memory_equal(answer, text, 4);
	assert_int_equal(answer[h.size - sizeof(h) - 1], '\0');
	assert_non_null(strstr(answer + 4, "\"max_msg_fds\":16"));
}

int
dma_map(uint64_t iova, uint64_t size, int fd, uint64_t offset, uint32_t flags)
{
	struct vfu_dma_map m = { sizeof(m), flags, offset, iova, size };

	return client_ask_with(VFU_DMA_MAP, &m, sizeof(m), &fd, fd >= 0,
			       NULL, 0);
}

int
dma_unmap(uint64_t iova, uint64_t size, uint32_t flags)
{
	struct vfu_dma_unmap m = { sizeof(m), flags, iova, size }, answer;
	int ret = client_ask(VFU_DMA_UNMAP, &m, sizeof(m), &answer,
			     sizeof(answer));

	if (ret == 0)
		assert_memory_equal(&answer, &m, sizeof(m));
	return ret;
}

uint32_t
rd(uint32_t region, uint64_t off, uint32_t size)
{
	struct vfu_access m = { .offset = off, .region = region,
				.count = size };
	uint8_t answer[sizeof(m) + 4];
	uint32_t value = 0;

	assert_int_equal(client_ask(VFU_REGION_READ, &m, sizeof(m), answer,
				    sizeof(m) + size), 0);
	assert_memory_equal(answer, &m, sizeof(m));
	memcpy(&value, answer + sizeof(m), size);
	return value;
}

void
wr(uint32_t region, uint64_t off, uint32_t size, uint32_t value)
{
	struct vfu_access m = { .offset = off, .region = region,
				.count = size };
	uint8_t buf[sizeof(m) + 4], answer[sizeof(m)];

	memcpy(buf, &m, sizeof(m));
	memcpy(buf + sizeof(m), &value, size);
	assert_int_equal(client_ask(VFU_REGION_WRITE, buf, sizeof(m) + size,
				    answer, sizeof(answer)), 0);
	assert_memory_equal(answer, &m, sizeof(m));
}

/* The driver. */

uint32_t
common_rd(uint32_t off, uint32_t size)
{
	return rd(VPCI_BAR_VIRTIO, VPCI_COMMON_OFFSET + off, size);
}

void
common_wr(uint32_t off, uint32_t size, uint32_t value)
{
	wr(VPCI_BAR_VIRTIO, VPCI_COMMON_OFFSET + off, size, value);
}

bool
negotiate(uint64_t features)
{
	uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE |
		VIRTIO_CONFIG_S_DRIVER;

	common_wr(CFG(STATUS), 1, 0);
	assert_int_equal(common_rd(CFG(STATUS), 1), 0);
	common_wr(CFG(STATUS), 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	common_wr(CFG(STATUS), 1, status);
	common_wr(CFG(GFSELECT), 4, 0);
	common_wr(CFG(GF), 4, features);
	common_wr(CFG(GFSELECT), 4, 1);
	common_wr(CFG(GF), 4, features >> 32);
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	common_wr(CFG(STATUS), 1, status);
	return common_rd(CFG(STATUS), 1) == status;
}

void
give_interrupts(void)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set), .index = VFIO_PCI_MSIX_IRQ_INDEX,
		.flags = VFIO_IRQ_SET_DATA_EVENTFD |
			VFIO_IRQ_SET_ACTION_TRIGGER,
		.count = N_VQS + 1,
	};
	int fds[N_VQS + 1], i;

	for (i = 0; i < N_VQS + 1; i++) {
		irq[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		assert_true(irq[i] >= 0);
		fds[i == N_VQS ? 0 : i + 1] = irq[i];
	}
	assert_int_equal(client_ask_with(VFU_DEVICE_SET_IRQS, &set,
					 sizeof(set), fds, N_VQS + 1, NULL,
					 0), 0);
	common_wr(CFG(MSIX), 2, 0);
	assert_int_equal(common_rd(CFG(MSIX), 2), 0);
}

static void
write_address(uint32_t off, uint64_t address)
{
	common_wr(off, 4, address);
	common_wr(off + 4, 4, address >> 32);
}

void
enable_queue(uint16_t i)
{
	common_wr(CFG(Q_SELECT), 2, i);
	assert_int_equal(common_rd(CFG(Q_SIZE), 2), 1024);
	common_wr(CFG(Q_SIZE), 2, SIZE);
	common_wr(CFG(Q_MSIX), 2, i + 1);
	assert_int_equal(common_rd(CFG(Q_MSIX), 2), i + 1);
	write_address(CFG(Q_DESCLO), gq[i].iova);
	write_address(CFG(Q_AVAILLO), gq[i].iova + GQ_AVAIL);
	write_address(CFG(Q_USEDLO), gq[i].iova + GQ_USED);
	common_wr(CFG(Q_ENABLE), 2, 1);
	assert_int_equal(common_rd(CFG(Q_ENABLE), 2), 1);
}

void
start_device(uint64_t features, uint16_t n)
{
	bool packed = (features & BIT(VIRTIO_F_RING_PACKED)) != 0;
	uint16_t i;

	assert_int_equal(dma_map(MEM_IOVA, MEM_SIZE, mem_fd, 0, DMA_RW), 0);
	assert_true(negotiate(features));
	give_interrupts();
	for (i = 0; i < n; i++) {
		gq_init(&gq[i], packed, SIZE, mem + i * GQ_MEM,
			MEM_IOVA + i * GQ_MEM);
		enable_queue(i);
	}
	common_wr(CFG(STATUS), 1, common_rd(CFG(STATUS), 1) |
		  VIRTIO_CONFIG_S_DRIVER_OK);
	assert_true(common_rd(CFG(STATUS), 1) & VIRTIO_CONFIG_S_DRIVER_OK);
}

void
kick(uint16_t i)
{
	wr(VPCI_BAR_NOTIFY, i * VPCI_NOTIFY_STRIDE, 2, i);
}

void
wait_irq(uint16_t i)
{
	struct pollfd pfd = { .fd = irq[i], .events = POLLIN };
	uint64_t n;

	assert_int_equal(poll(&pfd, 1, PATIENCE), 1);
	assert_int_equal(read(irq[i], &n, sizeof(n)), sizeof(n));
}

/* Each test is a connection of its own. */

int
setup(void **state)
{
	unsigned int i;

	(void)state;
	mem_fd = memfd_create("test", MFD_CLOEXEC);
	assert_true(mem_fd >= 0);
	assert_int_equal(ftruncate(mem_fd, MEM_SIZE), 0);
	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd,
		   0);
	assert_true(mem != MAP_FAILED);
	for (i = 0; i < N_VQS + 1; i++)
		irq[i] = -1;
	client_begin();
	return 0;
}

static int
clean_up(void)
{
	unsigned int i;

	for (i = 0; i < N_VQS + 1; i++) {
		if (irq[i] >= 0)
			close(irq[i]);
	}
	munmap(mem, MEM_SIZE);
	close(mem_fd);
	return 0;
}

int
teardown(void **state)
{
	(void)state;
	client_close();
	/* It has nothing any more, and is as new. */
	assert_int_equal(count_files(), n_files);
	assert_int_equal(server_stat("dma_ranges"), 0);
	assert_int_equal(server_stat("status"), 0);
	return clean_up();
}

/* Frames. */

void
make_frame(uint8_t *frame, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		frame[i] = i * 7 + len;
	frame[0] = 0x02;
	frame[12] = 0x88;
	frame[13] = 0xb5;
}

void
send_frame(uint32_t len)
{
	uint8_t frame[2048];

	make_frame(frame, len);
	assert_int_equal(send(wire, frame, len, 0), len);
}

void
receive_frame(uint32_t len)
{
	struct pollfd pfd = { .fd = wire, .events = POLLIN };
	uint8_t frame[2048], want[2048];

	assert_int_equal(poll(&pfd, 1, 20000), 1);
	assert_int_equal(recv(wire, frame, sizeof(frame), 0), len);
	make_frame(want, len);
	assert_memory_equal(frame, want, len);
}

/* The driver gives virtqueue 'i' something to send, or room to receive. */
void
add_tx(uint16_t i, uint32_t at, uint32_t len)
{
	struct gq_seg seg = { MEM_IOVA + BUFS + at, HLEN + len, false };

	memset(mem + BUFS + at, 0, HLEN);
	make_frame(mem + BUFS + at + HLEN, len);
	gq_add(&gq[i], &seg, 1);
	kick(i);
}

void
add_rx(uint16_t i, uint32_t at, uint32_t len)
{
	struct gq_seg seg = { MEM_IOVA + BUFS + at, len, true };

	gq_add(&gq[i], &seg, 1);
	kick(i);
}

void
take_rx(uint16_t i, uint32_t at, uint32_t len)
{
	uint8_t want[2048];
	uint32_t got;

	WAIT(gq_take(&gq[i], &got));
	assert_int_equal(got, HLEN + len);
	make_frame(want, len);
	assert_memory_equal(mem + BUFS + at + HLEN, want, len);
}

void
take_tx(uint16_t i)
{
	uint32_t got;

	WAIT(gq_take(&gq[i], &got));
}
