/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_SERVER_H
#define VDPA_PCI_SERVER_H

#include <stdbool.h>

#include "vdpa_pci/function.h"
#include "vdpa_pci/message.h"

/*
 * The server's side of one connection of vfio-user: what is done with each
 * message.
 *
 * What cannot be understood (a wrong size, a reply, anything before versions
 * were agreed on) ends the connection.  What is understood and cannot be done
 * gets an error for an answer.
 *
 * Main thread.
 */

struct vfu_server {
	struct vpci_function *fn;
	int sock;			/* -1: there is no client. */
	bool agreed;			/* On a version. */
	struct vfu_message in;
};

/* There is no client yet. */
void vfu_server_init(struct vfu_server *s, struct vpci_function *fn);

/* Takes a connected socket. */
void vfu_server_begin(struct vfu_server *s, int sock);

/* Deals with what has come.  NULL, or why the connection must end. */
const char *vfu_server_run(struct vfu_server *s);

/* Ends the connection: the function is as if there had been none. */
void vfu_server_end(struct vfu_server *s);

#endif /* VDPA_PCI_SERVER_H */
