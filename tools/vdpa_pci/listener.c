/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "vdpa_pci/listener.h"

/* A socket whose server has ended stays, and is of no use. */
static bool
is_left_over(const struct sockaddr_un *sun)
{
	struct stat st;
	bool left;
	int sock;

	if (lstat(sun->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	left = sock >= 0 && connect(sock, (const struct sockaddr *)sun,
				    sizeof(*sun)) != 0 &&
		errno == ECONNREFUSED;
	if (sock >= 0)
		close(sock);
	return left;
}

int
vpci_listen(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int sock;

	if (path[0] == '\0' || strlen(path) >= sizeof(sun.sun_path)) {
		fprintf(stderr, "vdpa-pci: --socket=%s: give a path of 1 to "
			"%zu characters\n", path, sizeof(sun.sun_path) - 1);
		return -1;
	}
	strcpy(sun.sun_path, path);
	if (is_left_over(&sun))
		unlink(path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock >= 0 &&
	    bind(sock, (const struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    listen(sock, 1) == 0)
		return sock;
	fprintf(stderr, "vdpa-pci: --socket=%s: cannot listen there: %s\n",
		path, strerror(errno));
	if (sock >= 0)
		close(sock);
	return -1;
}

void
vpci_unlisten(int sock, const char *path)
{
	unlink(path);
	close(sock);
}

int
vpci_accept(int sock)
{
	return accept4(sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}
