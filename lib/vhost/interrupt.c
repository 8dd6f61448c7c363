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

#include <config.h>

#include "vhost/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_interrupt);

/* Reads that may be done before the kernel wants to hear about it. */
#define N_EVENTS 128

/* What a thread needs to have the kernel signal. */
struct signaller {
    aio_context_t context;      /* 0 if the kernel gives none. */
    unsigned int n_events;      /* Not yet taken out of 'context'. */
    struct iocb read;
};

static ovsthread_key_t signaller_key;
static __thread struct signaller *signaller;
static int null_fd = -1;

static void
signaller_destroy(void *s_)
{
    struct signaller *s = s_;

    if (s->context) {
        syscall(__NR_io_destroy, s->context);
    }
    signaller = NULL;
    free(s);
}

/* Prepares the calling thread. */
static struct signaller *
signaller_create(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    struct signaller *s = xzalloc(sizeof *s);

    if (ovsthread_once_start(&once)) {
        ovsthread_key_create(&signaller_key, signaller_destroy);
        null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ovsthread_once_done(&once);
    }
    if (null_fd < 0 || syscall(__NR_io_setup, N_EVENTS, &s->context)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_WARN_RL(&rl, "io_setup: %s; a front-end that does not keep to "
                     "the protocol can make a thread wait: raise "
                     "fs.aio-max-nr", ovs_strerror(errno));
        s->context = 0;
    }
    s->read.aio_lio_opcode = IOCB_CMD_PREAD;
    s->read.aio_fildes = null_fd;
    s->read.aio_flags = IOCB_FLAG_RESFD;
    ovsthread_setspecific(signaller_key, s);
    signaller = s;
    return s;
}

/* Takes what is done out of the context, to make room. */
static void
signaller_reap(struct signaller *s)
{
    static const struct timespec no_time;
    struct io_event events[N_EVENTS];

    syscall(__NR_io_getevents, s->context, 0, N_EVENTS, events, &no_time);
    s->n_events = 0;
}

void
dpdk_vdpa_interrupt(int fd)
{
    struct signaller *s = signaller ? signaller : signaller_create();
    struct iocb *read = &s->read;

    if (!s->context) {
        eventfd_write(fd, 1);
        return;
    }
    s->read.aio_resfd = fd;
    for (int i = 0; i < 2; i++) {
        if (s->n_events >= N_EVENTS) {
            signaller_reap(s);
        }
        s->n_events++;
        if (syscall(__NR_io_submit, s->context, 1, &read) == 1) {
            return;
        }
        signaller_reap(s);
    }
    /* The kernel has no memory for it at the moment.  This may wait, but to
     * lose an interrupt may be to lose the guest. */
    eventfd_write(fd, 1);
}
