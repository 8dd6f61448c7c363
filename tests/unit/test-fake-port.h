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

#ifndef TEST_FAKE_PORT_H
#define TEST_FAKE_PORT_H 1

/* Of lib/port/port.h what rooms of a port call, for tests without it: the port
 * gets what it is given, nobody is told. */

#include "port/port.h"

void
vdpa_port_set_ends(struct vdpa_port *p, struct dpdk_vdpa_vf *vf,
                   struct dpdk_vdpa_vm *vm)
{
    p->vf = vf;
    p->vm = vm;
}

void
vdpa_port_set_reason(struct vdpa_port *p, enum vdpa_reason reason, char *text)
{
    free(p->reasons[reason]);
    p->reasons[reason] = text;
}

void
vdpa_port_event(struct vdpa_port *p OVS_UNUSED, const char *format OVS_UNUSED,
                ...)
{
}

void
vdpa_port_event_of(struct vdpa_port *p OVS_UNUSED,
                   enum dpdk_vdpa_event_kind kind OVS_UNUSED,
                   const char *format OVS_UNUSED, ...)
{
}

void
vdpa_port_wake_main(struct vdpa_port *p OVS_UNUSED)
{
}

#endif /* test-fake-port.h */
