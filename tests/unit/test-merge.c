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

/* Unit tests of merging regions of memory. */

#include <config.h>

#include "vhost/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "util.h"
#include "vhost/book.h"
#include "vhost/message.h"

#define MAX_PARTS 8
#define GUEST 0x100000000ULL
#define USER 0x7f0000000000ULL

/* A region: so many bytes of file 'file' from 'ofs' on, which the guest and
 * the front-end have at 'guest' and 'user' behind GUEST and USER. */
struct part {
    uint64_t size;
    uint64_t ofs;
    uint64_t guest;
    uint64_t user;
    int file;
};

static const struct {
    const char *what;
    struct part parts[MAX_PARTS];
    struct part merged[MAX_PARTS];
} cases[] = {
    { "one", { { 1, 0, 0, 0, 0 } }, { { 1, 0, 0, 0, 0 } } },
    { "neighbours",
      { { 1, 0, 0, 0, 0 }, { 2, 1, 1, 1, 0 }, { 3, 3, 3, 3, 0 } },
      { { 6, 0, 0, 0, 0 } } },
    { "backwards",
      { { 3, 3, 3, 3, 0 }, { 2, 1, 1, 1, 0 }, { 1, 0, 0, 0, 0 } },
      { { 6, 0, 0, 0, 0 } } },
    { "not in turn",
      { { 1, 1, 1, 1, 0 }, { 1, 3, 3, 3, 0 }, { 1, 2, 2, 2, 0 },
        { 1, 0, 0, 0, 0 } },
      { { 4, 0, 0, 0, 0 } } },
    { "two files",
      { { 1, 0, 0, 0, 0 }, { 1, 1, 1, 1, 1 }, { 1, 2, 2, 2, 1 },
        { 1, 3, 3, 3, 0 } },
      { { 1, 0, 0, 0, 0 }, { 2, 1, 1, 1, 1 }, { 1, 3, 3, 3, 0 } } },
    { "a hole for the guest",
      { { 1, 0, 0, 0, 0 }, { 1, 1, 2, 1, 0 } },
      { { 1, 0, 0, 0, 0 }, { 1, 1, 2, 1, 0 } } },
    { "a hole for the front-end",
      { { 1, 0, 0, 0, 0 }, { 1, 1, 1, 2, 0 } },
      { { 1, 0, 0, 0, 0 }, { 1, 1, 1, 2, 0 } } },
    { "a hole in the file",
      { { 1, 0, 0, 0, 0 }, { 1, 2, 1, 1, 0 } },
      { { 1, 0, 0, 0, 0 }, { 1, 2, 1, 1, 0 } } },
    { "the same twice",
      { { 1, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0 } },
      { { 1, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0 } } },
    { "over the middle",
      { { 2, 0, 0, 0, 0 }, { 2, 1, 1, 1, 0 } },
      { { 2, 0, 0, 0, 0 }, { 2, 1, 1, 1, 0 } } },
    /* What is refused stays as it is. */
    { "empty ones",
      { { 1, 0, 0, 0, 0 }, { 0, 1, 1, 1, 0 }, { 1, 1, 1, 1, 0 } },
      { { 2, 0, 0, 0, 0 }, { 0, 1, 1, 1, 0 } } },
    { "one that wraps",
      { { 1, 0, 0, 0, 0 }, { UINT64_MAX - 1, 1, 1, 1, 0 } },
      { { 1, 0, 0, 0, 0 }, { UINT64_MAX - 1, 1, 1, 1, 0 } } },
};

static unsigned int
count(const struct part *parts, unsigned int n)
{
    while (n && !memcmp(&parts[n - 1], &(struct part) { 0 }, sizeof *parts)) {
        n--;
    }
    return n;
}

static struct dpdk_vdpa_msg_region
make_region(const struct part *part)
{
    return (struct dpdk_vdpa_msg_region) {
        .guest_phys_addr = GUEST + part->guest,
        .memory_size = part->size,
        .userspace_addr = USER + part->user,
        .mmap_offset = part->ofs,
    };
}

static void
test_merge(void **state OVS_UNUSED)
{
    int files[2] = { memfd_create("test", 0), memfd_create("test", 0) };

    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned int n = count(cases[i].parts, MAX_PARTS);
        unsigned int n_merged = count(cases[i].merged, MAX_PARTS);
        struct dpdk_vdpa_msg_region regions[MAX_PARTS];
        unsigned int seen = 0;
        int fds[MAX_PARTS], was[MAX_PARTS];

        for (unsigned int j = 0; j < n; j++) {
            regions[j] = make_region(&cases[i].parts[j]);
            fds[j] = was[j] = dup(files[cases[i].parts[j].file]);
        }
        assert_int_equal(dpdk_vdpa_merge_regions(regions, fds, n), n_merged);
        for (unsigned int j = 0; j < n_merged; j++) {
            struct dpdk_vdpa_msg_region region
                = make_region(&cases[i].merged[j]);
            struct dpdk_vdpa_book_file a, b;

            assert_memory_equal(&regions[j], &region, sizeof region);
            a = dpdk_vdpa_book_file(fds[j]);
            b = dpdk_vdpa_book_file(files[cases[i].merged[j].file]);
            assert_true(dpdk_vdpa_book_file_equals(&a, &b));
        }
        /* Each file is still there, once. */
        for (unsigned int j = 0; j < n; j++) {
            for (unsigned int k = 0; k < n; k++) {
                seen += fds[j] == was[k];
            }
            close(fds[j]);
        }
        assert_int_equal(seen, n);
    }
    close(files[0]);
    close(files[1]);
}

/* As many as a message may have, in whatever order. */
static void
test_many(void **state OVS_UNUSED)
{
    enum { N = 127 };
    int file = memfd_create("test", 0);

    for (unsigned int step = 1; step < N; step++) {
        struct dpdk_vdpa_msg_region regions[N];
        int fds[N];

        for (unsigned int i = 0; i < N; i++) {
            unsigned int j = i * step % N;

            regions[i] = make_region(&(struct part) {
                0x1000, j * 0x1000, j * 0x1000, j * 0x1000, 0 });
            fds[i] = file;
        }
        assert_int_equal(dpdk_vdpa_merge_regions(regions, fds, N), 1);
        assert_int_equal(regions[0].memory_size, N * 0x1000);
        assert_int_equal(regions[0].guest_phys_addr, GUEST);
    }
    close(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
