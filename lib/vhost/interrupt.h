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

#ifndef DPDK_VDPA_INTERRUPT_H
#define DPDK_VDPA_INTERRUPT_H 1

/* Interrupts to guests: an eventfd of the front-end's is signalled.
 *
 * write(2) does that, too, but the front-end shares the open file: it can take
 * O_NONBLOCK from it again and fill it, and who writes then waits for as long
 * as it likes.  An eventfd cannot be opened a second time.  But the kernel
 * itself signals one without ever waiting, for instance when an asynchronous
 * read is done (io_submit(2), IOCB_FLAG_RESFD), and a read of /dev/null is
 * done at once. */

/* Signals eventfd 'fd'.  Any thread; never waits for the front-end. */
void dpdk_vdpa_interrupt(int fd);

#endif /* vhost/interrupt.h */
