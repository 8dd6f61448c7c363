/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>
#include <linux/magic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "vdpa_pci/window.h"

/* The guest's memory, and what else drivers of vDPA map far away from it. */
#define MAX_WINDOWS 8

#define PAGE 4096

struct window {
	uint64_t iova;
	uint8_t *va;			/* NULL: not reserved yet. */
};

static struct window windows[MAX_WINDOWS];
static int cut_fd = -1;

/* The thread that has touched the page stands still meanwhile, and had a right
 * to it. */
static void
handle_sigbus(int signum, siginfo_t *info, void *context)
{
	uint8_t *at = info->si_addr;
	const uint64_t one = 1;
	const struct window *w;
	int err = errno;

	(void)context;
	for (w = windows; w < &windows[MAX_WINDOWS]; w++) {
		if (w->va == NULL ||
		    (uintptr_t)at - (uintptr_t)w->va >= VPCI_WINDOW)
			continue;
		if (mmap(at - (uintptr_t)at % PAGE, PAGE, PROT_READ |
			 PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			 -1, 0) == MAP_FAILED ||
		    write(cut_fd, &one, sizeof(one)) < 0)
			break;
		errno = err;
		return;
	}
	signal(signum, SIG_DFL);	/* It happens again, and ends us. */
}

int
vpci_window_init(void)
{
	struct sigaction action = {
		.sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO,
	};

	cut_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (cut_fd < 0)
		return -errno;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) == 0 ? cut_fd : -errno;
}

void
vpci_window_fini(int cut)
{
	vpci_window_unmap_all();
	signal(SIGBUS, SIG_DFL);
	close(cut);
}

/* Takes addresses and no memory, and what is there cannot be touched; 'at' is
 * NULL for any place. */
static uint8_t *
reserve(uint8_t *at, uint64_t size)
{
	void *va = mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			MAP_NORESERVE | (at == NULL ? 0 : MAP_FIXED), -1, 0);

	return va == MAP_FAILED ? NULL : va;
}

/* The place of an address, in a window that is there; else NULL. */
static uint8_t *
find(uint64_t iova)
{
	const struct window *w;

	for (w = windows; w < &windows[MAX_WINDOWS]; w++) {
		if (w->va != NULL && iova - w->iova < VPCI_WINDOW)
			return w->va + (iova - w->iova);
	}
	return NULL;
}

static uint8_t *
find_or_reserve(uint64_t iova, int *error)
{
	uint8_t *place = find(iova);
	struct window *w = windows;

	if (place != NULL)
		return place;
	while (w < &windows[MAX_WINDOWS] && w->va != NULL)
		w++;
	*error = ENOSPC;
	if (w == &windows[MAX_WINDOWS])
		return NULL;
	w->iova = iova - iova % VPCI_WINDOW;
	w->va = reserve(NULL, VPCI_WINDOW);
	*error = errno;
	return find(iova);
}

/* Maps a file at 'place', which is reserved.  Where that is done at once and
 * fails, some kernels (Linux 6.1) leave a hole for others to fill. */
static bool
map_at(uint8_t *place, uint64_t size, int prot, int fd, uint64_t off)
{
	void *va = mmap(NULL, size, prot, MAP_SHARED, fd, off);
	int err;

	if (va == MAP_FAILED)
		return false;
	if (mremap(va, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place) ==
	    place)
		return true;
	err = errno;
	munmap(va, size);
	errno = err;
	return false;
}

uint8_t *
vpci_window_map(uint64_t iova, uint64_t size, int fd, uint64_t off,
		bool writable, int *error)
{
	struct statfs fs;
	uint8_t *place;

	*error = ENOTSUP;
	if (fstatfs(fd, &fs) != 0 || fs.f_type == HUGETLBFS_MAGIC)
		return NULL;
	*error = ENOSPC;
	if (iova % VPCI_WINDOW + size > VPCI_WINDOW)
		return NULL;
	place = find_or_reserve(iova, error);
	if (place == NULL)
		return NULL;
	if (map_at(place, size, PROT_READ | (writable ? PROT_WRITE : 0), fd,
		   off))
		return place;
	*error = errno;
	return NULL;
}

void
vpci_window_unmap(uint64_t iova, uint64_t size)
{
	uint8_t *place = find(iova);

	/* It fails only for want of room for what is less than before. */
	if (place != NULL && reserve(place, size) == NULL)
		mprotect(place, size, PROT_NONE);
}

void
vpci_window_unmap_all(void)
{
	struct window *w;

	for (w = windows; w < &windows[MAX_WINDOWS]; w++) {
		if (w->va != NULL)
			munmap(w->va, VPCI_WINDOW);
		w->va = NULL;
	}
}
