/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

#ifndef DPDK_VDPA_CONNECTOR_H
#define DPDK_VDPA_CONNECTOR_H 1

/* Knows when to try to connect to a vhost-user socket.
 *
 * The vhost library can reconnect by itself, but its thread goes on with a
 * socket that was just unregistered (see Documentation/dpdk-reconnect.rst).
 * And it tries once a second, while we can do it at once: we have the kernel
 * tell when a socket appears.
 *
 * A connector is for the owner of its port (see port/owner.h): the main
 * thread, or in the end whoever destroys the port. */

#include <stdbool.h>

struct dpdk_vdpa_connector;

/* Creates a connector for the socket at 'path', for which an attempt is due
 * at once. */
struct dpdk_vdpa_connector *dpdk_vdpa_connector_create(const char *path);
void dpdk_vdpa_connector_destroy(struct dpdk_vdpa_connector *);

/* Returns true if somebody serves the socket and it is time for an attempt.
 * The caller says how it went by dpdk_vdpa_connector_set_connected(). */
bool dpdk_vdpa_connector_is_due(struct dpdk_vdpa_connector *);

/* There is a connection, or there is none: it could not be made, or it has
 * ended. */
void dpdk_vdpa_connector_set_connected(struct dpdk_vdpa_connector *, bool);

/* Returns why nobody can be connected to, as an errno value: what a look at
 * the socket said; 0 if there is a server. */
int dpdk_vdpa_connector_error(const struct dpdk_vdpa_connector *);

/* Returns true if somebody serves the socket at 'path', or may, for all that
 * can be seen without being noticed.  Any thread. */
bool dpdk_vdpa_connector_is_served(const char *path);

/* Has the calling thread's poll loop wake up when an attempt may be due. */
void dpdk_vdpa_connector_wait(struct dpdk_vdpa_connector *);

#endif /* vhost/connector.h */
