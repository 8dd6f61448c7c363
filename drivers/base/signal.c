/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>
#include <sys/syscall.h>

#include "base/signal.h"

/* Operations that may have ended before somebody looks at how. */
#define N_EVENTS 64

int
sim_signal_open(struct sim_signal *s)
{
	int err;

	s->aio = 0;
	s->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->null < 0)
		return -errno;
	if (syscall(SYS_io_setup, N_EVENTS, &s->aio) == 0)
		return 0;
	err = errno;
	close(s->null);
	return -err;
}

void
sim_signal_close(struct sim_signal *s)
{
	syscall(SYS_io_destroy, s->aio);
	close(s->null);
}

static bool
submit(struct sim_signal *s, int fd)
{
	uint8_t nothing;
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = s->null,
		.aio_buf = (uintptr_t)&nothing,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = fd,
	}, *cbs = &cb;

	return syscall(SYS_io_submit, s->aio, 1, &cbs) == 1;
}

bool
sim_signal_send(struct sim_signal *s, int fd)
{
	struct io_event events[N_EVENTS];

	if (submit(s, fd))
		return true;
	if (errno != EAGAIN)
		return false;
	/* How they ended says nothing, but it must be asked. */
	syscall(SYS_io_getevents, s->aio, 0, N_EVENTS, events, NULL);
	return submit(s, fd);
}
