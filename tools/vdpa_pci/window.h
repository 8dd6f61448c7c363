/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_WINDOW_H
#define VDPA_PCI_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The client's memory in ours.  What is next to each other for the device is so
 * for us, however the client gives it: an IOMMU of a guest's gives a ring in as
 * many pieces as it has pages, from all over the guest's memory.  So addresses
 * of the device have a place that is reserved, VPCI_WINDOW of them at a time.
 *
 * A client may shorten a file that it has given.  Touching what was there is a
 * SIGBUS, and would end us; so that page becomes an empty one, and the eventfd
 * of vpci_window_init() can be read.
 *
 * Main thread, but for the signal's handler.
 */

#define VPCI_WINDOW (UINT64_C(1) << 40)

/* Handles SIGBUS from now on.  The eventfd, or a negative errno. */
int vpci_window_init(void);
void vpci_window_fini(int cut);

/* Maps 'size' bytes at 'off' of a file, which it has, for 'iova'; all are
 * multiples of the page's size.  The address, or NULL with '*error' an errno:
 * ENOTSUP if the file is of hugepages, which cannot be put anywhere, ENOSPC for
 * addresses that lie in two windows or if there are too many of those. */
uint8_t *vpci_window_map(uint64_t iova, uint64_t size, int fd, uint64_t off,
			 bool writable, int *error);
/* What was mapped so, or all of it; nobody touches it any more. */
void vpci_window_unmap(uint64_t iova, uint64_t size);
void vpci_window_unmap_all(void);

#endif /* VDPA_PCI_WINDOW_H */
