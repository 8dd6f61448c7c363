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

#ifndef DPDK_VDPA_RESET_H
#define DPDK_VDPA_RESET_H 1

/* What a device does by itself when its driver, or the next one, begins anew,
 * and the vhost library only when it is told so: stop rings.
 *
 * The library lets rings go, and with them the features that they have, when
 * the front-end asks for their positions (VHOST_USER_GET_VRING_BASE), as QEMU
 * does.  Others reset the device, by RESET_OWNER or by its status, or disable
 * its rings, and go on with other features, sizes and addresses. */

#include <stdbool.h>

#include "vhost/book.h"

/* The library is about to handle 'next', of which the beginning is there.  If
 * by 'book' it has to do something else first, returns true and fills in that
 * message, 'msg'; then this is to be asked again.  After at most three
 * messages per ring and one more it returns false.
 *
 * With a ring the library lets go how to interrupt for it, of which the
 * front-end may have told it for what follows: it has not stopped the ring.
 * So the library is told again, by SET_VRING_CALL without a file, which
 * whoever has that must add. */
bool dpdk_vdpa_reset_step(const struct dpdk_vdpa_book *book,
                          const struct dpdk_vdpa_msg *next,
                          struct dpdk_vdpa_msg *msg);

#endif /* vhost/reset.h */
