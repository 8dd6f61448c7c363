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

#ifndef VDPA_OWNER_H
#define VDPA_OWNER_H 1

/* Who may touch what of a port, for clang's thread-safety analysis.
 *
 * What nothing else guards in 'struct vdpa_port' belongs to the port's owner:
 *
 *   - whoever creates the port, before anybody can find it;
 *
 *   - the main thread, with a reference to the port's netdev;
 *
 *   - dealloc(), in the thread that had the last reference.  Since Open
 *     vSwitch 3.7 that may be RCU's, which gives back what the providers of
 *     hardware offload had.
 *
 * There is one owner at a time without a lock, because the last is there only
 * when nobody has a reference. */

#include <stdbool.h>

#include "openvswitch/compiler.h"

/* A lock without code, for what clang is to check but not to see.  Never
 * defined.  One stands for those of all ports, because in C a member of a
 * struct cannot name another one as its guard; so no function may look at two
 * ports at a time.  Clang does not mind who takes a member's address. */
struct OVS_LOCKABLE vdpa_port_capability;

extern struct vdpa_port_capability vdpa_port_owned;
extern struct vdpa_port_capability vdpa_port_locked;    /* Its 'mutex'. */

/* For members of 'struct vdpa_port'. */
#define VDPA_OWNED OVS_GUARDED_BY(vdpa_port_owned)
#define VDPA_LOCKED OVS_GUARDED_BY(vdpa_port_locked)

/* Say that the caller becomes the port's owner, and that it no longer is.
 * Only for functions that Open vSwitch calls, and for vdpa_port_for_each().
 * What DPDK calls is in another thread and never the owner. */
static inline void
vdpa_port_take(void)
    OVS_ACQUIRES(vdpa_port_owned)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* There is nothing to see. */
{
}

static inline void
vdpa_port_give(void)
    OVS_RELEASES(vdpa_port_owned)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* Likewise. */
{
}

/* Likewise for a function that Open vSwitch also calls in other threads, with
 * a reference.  Returns true if the caller is the main thread and so becomes
 * the owner. */
bool vdpa_port_try_take(void) OVS_TRY_LOCK(true, vdpa_port_owned);

#endif /* port/owner.h */
