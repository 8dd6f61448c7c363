/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "vdpa_pci/message.h"

/* Room for the files of a message. */
union control {
	char buf[CMSG_SPACE(VFU_MAX_FDS * sizeof(int))];
	struct cmsghdr align;
};

void
vfu_clear(struct vfu_message *m)
{
	uint32_t i;

	for (i = 0; i < m->n_fds; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	}
	m->n_fds = 0;
	m->have = 0;
}

int
vfu_take_fd(struct vfu_message *m, uint32_t i)
{
	int fd = m->fds[i];

	m->fds[i] = -1;
	return fd;
}

/* Keeps the files that came with some bytes, and closes what is too much; false
 * if there was such. */
static bool
take_files(struct vfu_message *m, struct msghdr *msg)
{
	bool ok = !(msg->msg_flags & MSG_CTRUNC);
	struct cmsghdr *c;
	uint32_t i, n;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd),
			       sizeof(fd));
			if (m->n_fds < VFU_MAX_FDS) {
				m->fds[m->n_fds++] = fd;
			} else {
				close(fd);
				ok = false;
			}
		}
	}
	return ok;
}

/* Reads 'n' bytes at most; as recvmsg(). */
static ssize_t
read_some(int sock, struct vfu_message *m, uint32_t n, bool *ok)
{
	struct iovec iov = { .iov_base = &m->bytes[m->have], .iov_len = n };
	union control control;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t len;

	do {
		len = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	*ok = len < 0 || take_files(m, &msg);
	if (len > 0)
		m->have += len;
	return len;
}

/* Why a message with such a header cannot be; NULL if it can. */
static const char *
find_fault(const struct vfu_header *h)
{
	if (h->size < sizeof(*h))
		return "a message is shorter than its header";
	if (h->size > VFU_MAX_MESSAGE)
		return "a message is too long";
	if ((h->flags & VFU_TYPE) != VFU_TYPE_COMMAND)
		return "a message is no command";
	return NULL;
}

enum vfu_received
vfu_receive(int sock, struct vfu_message *m, const char **why)
{
	uint32_t want = sizeof(m->header);
	ssize_t len;
	bool ok;

	for (;;) {
		if (m->have >= sizeof(m->header)) {
			*why = find_fault(&m->header);
			if (*why != NULL)
				return VFU_OVER;
			want = m->header.size;
		}
		if (m->have >= sizeof(m->header) && m->have == want)
			return VFU_WHOLE;
		/* No byte of the next message, nor its files. */
		len = read_some(sock, m, want - m->have, &ok);
		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return VFU_PARTIAL;
		if (len <= 0) {
			*why = len < 0 ? strerror(errno) : m->have == 0 ?
				"the client has closed it" :
				"it was closed in the middle of a message";
			return VFU_OVER;
		}
		if (!ok) {
			*why = "a message has too many files";
			return VFU_OVER;
		}
	}
}

bool
vfu_reply(int sock, const struct vfu_header *command, int error,
	  const void *payload, uint32_t size)
{
	struct vfu_header h = {
		.id = command->id,
		.command = command->command,
		.size = sizeof(h) + (error == 0 ? size : 0),
		.flags = VFU_TYPE_REPLY | (error == 0 ? 0 : VFU_ERROR),
		.error = error,
	};
	struct iovec iov[] = {
		{ .iov_base = &h, .iov_len = sizeof(h) },
		{ .iov_base = (void *)(uintptr_t)payload,
		  .iov_len = h.size - sizeof(h) },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t len;

	do {
		len = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (len < 0 && errno == EINTR);
	return len == (ssize_t)h.size;
}
