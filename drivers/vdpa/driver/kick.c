/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "base/log.h"
#include "vdpa/driver/kick.h"

#define WAKE UINT64_MAX		/* In an event: not a virtqueue. */

/* Guests that give no kickfd want to be looked at, so often. */
#define POLL_MS 1

static bool
must_poll(const struct sim_vdpa *v)
{
	uint16_t i;

	for (i = 0; i < v->dev->n_vqs; i++) {
		if (v->vring[i].started && v->vring[i].kickfd < 0)
			return true;
	}
	return false;
}

static void
poll_queues(struct sim_vdpa *v)
{
	uint16_t i;

	for (i = 0; i < v->dev->n_vqs; i++) {
		if (v->vring[i].started && v->vring[i].kickfd < 0)
			sim_vdpa_queue_write(v, i, SIM_QUEUE_NOTIFY, i);
	}
}

/* Does what is to do, and returns how long to wait for the next time. */
static int
tick(struct sim_vdpa *v)
{
	int ms = -1;

	pthread_mutex_lock(&v->lock);
	if (v->running) {
		poll_queues(v);
		ms = v->tick(v);
		if (must_poll(v))
			ms = POLL_MS;
	}
	pthread_mutex_unlock(&v->lock);
	return ms;
}

static sim_thread_result
look_after(void *arg)
{
	struct epoll_event events[SIM_VDPA_MAX_VQS + 1];
	struct sim_vdpa *v = arg;
	int i, n, ms = -1;
	uint64_t value;

	while (!__atomic_load_n(&v->stop, __ATOMIC_ACQUIRE)) {
		n = epoll_wait(v->epfd, events, RTE_DIM(events), ms);
		for (i = 0; i < n; i++) {
			/* Kicks are never read, for that might block: an
			 * edge-triggered event tells of each of them. */
			if (events[i].data.u64 != WAKE)
				sim_vdpa_queue_write(v, events[i].data.u64,
						SIM_QUEUE_NOTIFY, 0);
			else if (read(v->wakefd, &value, sizeof(value)) > 0)
				ms = 0;
		}
		if (ms >= 0)
			ms = tick(v);
	}
	return 0;
}

static int
add(struct sim_vdpa *v, int fd, uint64_t what, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = what };

	return epoll_ctl(v->epfd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int
sim_vdpa_kick_add(struct sim_vdpa *v, uint16_t i, int fd)
{
	int ret = add(v, fd, i, EPOLLIN | EPOLLET);

	if (ret != 0)
		SIM_LOG(ERR, "%s: the kick file of virtqueue %u is no "
			"eventfd: %s", sim_vdpa_name(v), i, strerror(-ret));
	return ret;
}

void
sim_vdpa_kick_del(struct sim_vdpa *v, int fd)
{
	epoll_ctl(v->epfd, EPOLL_CTL_DEL, fd, NULL);
}

void
sim_vdpa_kick_wake(struct sim_vdpa *v)
{
	uint64_t one = 1;

	if (write(v->wakefd, &one, sizeof(one)) < 0)
		return;		/* Full: it is awake. */
}

int
sim_vdpa_kick_create(struct sim_vdpa *v, int (*tick_fn)(struct sim_vdpa *v))
{
	char name[16];
	int ret;

	v->tick = tick_fn;
	v->epfd = epoll_create1(EPOLL_CLOEXEC);
	v->wakefd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (v->epfd < 0 || v->wakefd < 0) {
		ret = -errno;
		goto close_fds;
	}
	ret = add(v, v->wakefd, WAKE, EPOLLIN);
	if (ret != 0)
		goto close_fds;
	snprintf(name, sizeof(name), "simkick-%u-%u",
		 v->dev->mac.addr_bytes[3], v->dev->mac.addr_bytes[5]);
	ret = sim_thread_start(&v->thread, name, look_after, v);
	if (ret != 0)
		goto close_fds;
	v->thread_runs = true;
	return 0;

close_fds:
	SIM_LOG(ERR, "%s: cannot start the driver's thread: %s",
		sim_vdpa_name(v), strerror(-ret));
	sim_vdpa_kick_destroy(v);
	return ret;
}

void
sim_vdpa_kick_destroy(struct sim_vdpa *v)
{
	if (v->thread_runs) {
		__atomic_store_n(&v->stop, true, __ATOMIC_RELEASE);
		sim_vdpa_kick_wake(v);
		sim_thread_join(v->thread);
		v->thread_runs = false;
	}
	if (v->epfd >= 0)
		close(v->epfd);
	if (v->wakefd >= 0)
		close(v->wakefd);
}
