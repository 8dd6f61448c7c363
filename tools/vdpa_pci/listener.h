/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_LISTENER_H
#define VDPA_PCI_LISTENER_H

/*
 * The socket that clients connect to.
 */

/* A socket at 'path', in whose place there may be one that nobody serves any
 * more.  Negative after a sentence on standard error. */
int vpci_listen(const char *path);
void vpci_unlisten(int sock, const char *path);

/* A client that waits; negative if there is none. */
int vpci_accept(int sock);

#endif /* VDPA_PCI_LISTENER_H */
