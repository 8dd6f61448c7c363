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

#ifndef VDPA_COMPAT_OVS_H
#define VDPA_COMPAT_OVS_H 1

/* What differs between the releases of Open vSwitch that the plugin is built
 * with, 3.1 to 4.0.  Nothing else asks for a release.
 *
 * VDPA_OVS_RELEASE is that of the build, as 100 * major + minor; configure
 * finds it.  Most of what differs needs nothing of us, because our class is a
 * copy of the class "dpdk" with some members replaced. */

#include <stdbool.h>

#include "ovs-rcu.h"
#include "util.h"

#if VDPA_OVS_RELEASE < 301 || VDPA_OVS_RELEASE > 400
#error "this release of Open vSwitch has not been tried"
#endif

/* Returns true if --mlockall is in force: then post-copy migration, which
 * wants pages to be missing, is impossible.  As netdev-dpdk.c asks. */
static inline bool
vdpa_compat_memory_locked(void)
{
#if VDPA_OVS_RELEASE < 304
    return memory_locked();
#else
    return memory_all_locked();
#endif
}

/* Says that it is, as vswitchd/ovs-vswitchd.c does. */
static inline void
vdpa_compat_set_memory_locked(void)
{
#if VDPA_OVS_RELEASE < 304
    set_memory_locked();
#else
    set_all_memory_locked();
#endif
}

/* Waits until netdevs that were closed before have gone, unless somebody else
 * has them.  Returns false if there is no need to: they are gone.  Main
 * thread, at a quiescent point, with no lock held.
 *
 * Since 3.7 the hardware offload providers close a netdev only after a grace
 * period, in the RCU thread: a port that was just deleted still has its
 * devices and its socket when the next one is made. */
static inline bool
vdpa_compat_let_netdevs_go(void)
{
#if VDPA_OVS_RELEASE < 307
    return false;
#else
    ovsrcu_barrier();
    return true;
#endif
}

#endif /* seam/compat-ovs.h */
