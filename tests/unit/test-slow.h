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

#ifndef TEST_SLOW_H
#define TEST_SLOW_H 1

/* A file that is slow to close, as one of a file system in user space can be:
 * here a socket that waits for its peer to take what was sent. */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct slow_file {
    int fd;                     /* What is slow to close. */
    int peer;                   /* When this is closed, it is no more. */
};

static inline void
slow_file_open(struct slow_file *slow)
{
    struct sockaddr_in sin = { .sin_family = AF_INET };
    const struct linger linger = { 1, 60 };
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof sin;
    char bytes[4096];

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *) &sin, sizeof sin), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *) &sin, &len), 0);
    assert_int_equal(listen(listener, 1), 0);
    slow->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(slow->fd, (struct sockaddr *) &sin, sizeof sin),
                     0);
    slow->peer = accept(listener, NULL, NULL);
    assert_true(slow->peer >= 0);
    close(listener);
    assert_int_equal(setsockopt(slow->fd, SOL_SOCKET, SO_LINGER, &linger,
                                sizeof linger), 0);
    memset(bytes, 0, sizeof bytes);
    while (send(slow->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
        continue;
    }
}

#endif /* test-slow.h */
