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

#ifndef TEST_CLOSED_H
#define TEST_CLOSED_H 1

/* Whether a file is closed.  Its number may be that of another file by then,
 * which a thread has opened that was made meanwhile. */

#include <stdbool.h>
#include <sys/stat.h>

/* Returns true if 'fd' is open and the file 'was', which fstat() told of. */
static inline bool
is_still_open(int fd, const struct stat *was)
{
    struct stat is;

    return (!fstat(fd, &is) && is.st_dev == was->st_dev
            && is.st_ino == was->st_ino);
}

#endif /* test-closed.h */
