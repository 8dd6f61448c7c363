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

/* Unit tests of memory that goes away. */

#include <config.h>

#include "base/fault.h"
#include "vhost/mapping.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util.h"

#include "tests/unit/test-needs.h"

#define LEN (64 * 1024)

static struct dpdk_vdpa_fault_owner owner, other;

/* A file of 'len' bytes, and where it is mapped. */
struct file {
    int fd;
    size_t len;
    size_t page;
    volatile uint8_t *mem;
};

static struct file
map_file(size_t len, unsigned int flags)
{
    struct file f = { .len = len, .page = 4096 };

    f.fd = memfd_create("test-fault", MFD_CLOEXEC | flags);
    assert_true(f.fd >= 0);
    assert_int_equal(ftruncate(f.fd, len), 0);
    f.mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_NORESERVE, f.fd, 0);
    assert_true(f.mem != MAP_FAILED);
    return f;
}

static void
add_file(struct file *f, struct dpdk_vdpa_fault_owner *whose)
{
    assert_true(dpdk_vdpa_fault_add((void *) f->mem, f->len, f->len, f->page,
                                    whose));
}

static void
cut_file(struct file *f)
{
    assert_int_equal(ftruncate(f->fd, 0), 0);
}

static void
unmap_file(struct file *f)
{
    assert_int_equal(munmap((void *) f->mem, f->len), 0);
    close(f->fd);
}

static void
setup(void)
{
    dpdk_vdpa_fault_init();
    dpdk_vdpa_fault_reset(&owner);
    dpdk_vdpa_fault_reset(&other);
}

/* All of it is empty, and can be written, as often as one likes. */
static void
check_empty(struct file *f)
{
    for (size_t i = 0; i < f->len; i += 4096) {
        assert_int_equal(f->mem[i], 0);
        f->mem[i] = 7;
        assert_int_equal(f->mem[i], 7);
    }
}

static void
test_truncated(void **state OVS_UNUSED)
{
    struct file f = map_file(LEN, 0);
    struct file g = map_file(LEN, 0);

    setup();
    add_file(&f, &owner);
    add_file(&g, &other);
    f.mem[0] = g.mem[0] = 1;
    assert_false(dpdk_vdpa_fault_is_hit(&owner));
    cut_file(&f);
    errno = 77;
    assert_int_equal(f.mem[LEN - 1], 0);
    assert_int_equal(errno, 77);
    assert_true(dpdk_vdpa_fault_is_hit(&owner));
    assert_false(dpdk_vdpa_fault_is_hit(&other));
    check_empty(&f);
    assert_int_equal(g.mem[0], 1);
    dpdk_vdpa_fault_reset(&owner);
    assert_false(dpdk_vdpa_fault_is_hit(&owner));
    unmap_file(&f);
    unmap_file(&g);
    assert_int_equal(dpdk_vdpa_fault_remove((void *) f.mem), 0);
}

/* Only what is near is replaced, for that is quick: what is there stays. */
static void
test_large(void **state OVS_UNUSED)
{
    const size_t len = 64 * 1024 * 1024;
    struct file f = map_file(len, 0);

    setup();
    add_file(&f, &owner);
    for (size_t i = 0; i < len; i += 4096) {
        f.mem[i] = 9;
    }
    assert_int_equal(ftruncate(f.fd, len / 2), 0);
    assert_int_equal(f.mem[len / 2], 0);
    assert_int_equal(f.mem[len / 2 - 1], 0);
    assert_int_equal(f.mem[len / 2 - 4096], 9);
    assert_int_equal(f.mem[0], 9);
    for (size_t i = len / 2; i < len; i += 4096) {
        assert_int_equal(f.mem[i], 0);
    }
    assert_int_equal(f.mem[0], 9);
    unmap_file(&f);
}

/* There may be no more pieces of memory than so many. */
static void
test_pieces(void **state OVS_UNUSED)
{
    const size_t unit = 64 * 1024, n = 40000;
    struct file f = map_file(2 * n * unit, 0);

    setup();
    add_file(&f, &owner);
    cut_file(&f);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(f.mem[2 * i * unit], 0);
    }
    assert_int_equal(f.mem[unit], 0);
    unmap_file(&f);
}

/* Memory in hugepages is replaced by small ones, and unmapped as it was. */
static void
test_hugepages(void **state OVS_UNUSED)
{
    const size_t len = 4 * 1024 * 1024;
    struct file f;

    test_needs("hugetlb");
    f = map_file(len, MFD_HUGETLB);
    f.page = 2 * 1024 * 1024;
    setup();
    add_file(&f, &owner);
    cut_file(&f);
    f.mem[len - 1] = 5;
    assert_true(dpdk_vdpa_fault_is_hit(&owner));
    assert_int_equal(f.mem[len - 1], 5);
    f.mem[len - 1] = 0;
    check_empty(&f);
    unmap_file(&f);
}

/* It costs no memory until it is touched, also if all memory is locked. */
static void
run_locked(void)
{
    const size_t len = 256 * 1024 * 1024;
    struct rusage before, after;
    struct file f = map_file(len, 0);

    add_file(&f, &owner);
    cut_file(&f);
    if (mlockall(MCL_FUTURE)) {
        _exit(77);
    }
    getrusage(RUSAGE_SELF, &before);
    f.mem[len / 2] = 1;
    getrusage(RUSAGE_SELF, &after);
    _exit(after.ru_maxrss - before.ru_maxrss > 16 * 1024);
}

/* Runs 'run' in a process of its own.  Returns its status, or -1 - the signal
 * that ended it. */
static int
in_child(void (*run)(void))
{
    int status;
    pid_t pid = fork();

    if (!pid) {
        setrlimit(RLIMIT_CORE, &(struct rlimit) { 0, 0 });
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return (WIFSIGNALED(status) ? -1 - WTERMSIG(status)
            : WEXITSTATUS(status));
}

static void
test_locked(void **state OVS_UNUSED)
{
    int status;

    setup();
    status = in_child(run_locked);
    if (status == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

/* What is not ours. */

static void
touch_other_memory(void)
{
    struct file f = map_file(LEN, 0);

    cut_file(&f);
    f.mem[0] = 1;
}

static void
touch_removed_memory(void)
{
    struct file f = map_file(LEN, 0);

    add_file(&f, &owner);
    dpdk_vdpa_fault_remove((void *) f.mem);
    cut_file(&f);
    f.mem[0] = 1;
}

static void
touch_behind_memory(void)
{
    struct file f = map_file(LEN, 0);

    dpdk_vdpa_fault_add((void *) f.mem, LEN / 2, LEN, 4096, &owner);
    cut_file(&f);
    f.mem[LEN / 2 - 1] = 1;
    f.mem[LEN / 2] = 1;
}

static void
send_signal(void)
{
    raise(SIGBUS);
}

static void
ignore_signal(void)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    sigaction(SIGBUS, &ignore, NULL);
    raise(SIGBUS);
}

/* As the sanitizers, which have handlers of their own, end a process. */
static void
default_action(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };

    sigaction(SIGBUS, &action, NULL);
}

static void
test_default_action(void **state OVS_UNUSED)
{
    setup();
    default_action();
    assert_int_equal(in_child(touch_other_memory), -1 - SIGBUS);
    assert_int_equal(in_child(touch_removed_memory), -1 - SIGBUS);
    assert_int_equal(in_child(touch_behind_memory), -1 - SIGBUS);
    assert_int_equal(in_child(send_signal), -1 - SIGBUS);
    assert_int_equal(in_child(ignore_signal), 0);
}

/* Handlers that others set, later than we did. */

static sigjmp_buf escape;
static unsigned int n_escaped;
static void *escaped_at;

static void
escape_plain(int signum)
{
    n_escaped += signum == SIGBUS;
    siglongjmp(escape, 1);
}

static void
escape_info(int signum, siginfo_t *info, void *context OVS_UNUSED)
{
    escaped_at = info->si_addr;
    escape_plain(signum);
}

/* As DPDK does: it sets a handler, touches hugepages and, if that fails, comes
 * back by a jump; meanwhile others touch the guest's memory. */
static void
check_other_handler(const struct sigaction *action)
{
    struct file f = map_file(LEN, 0);
    struct file g = map_file(LEN, 0);
    struct sigaction old, now;

    n_escaped = 0;
    escaped_at = NULL;
    add_file(&f, &owner);
    assert_int_equal(sigaction(SIGBUS, action, &old), 0);
    assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
    assert_true(now.sa_handler == action->sa_handler);
    cut_file(&f);
    cut_file(&g);
    check_empty(&f);
    assert_int_equal(n_escaped, 0);
    if (!sigsetjmp(escape, 1)) {
        g.mem[5] = 1;
        fail();
    }
    assert_int_equal(n_escaped, 1);
    if (action->sa_flags & SA_SIGINFO) {
        assert_ptr_equal(escaped_at, (void *) &g.mem[5]);
    }
    assert_int_equal(sigaction(SIGBUS, &old, NULL), 0);
    unmap_file(&f);
    unmap_file(&g);
}

static void
test_other_handlers(void **state OVS_UNUSED)
{
    struct sigaction plain = { .sa_handler = escape_plain };
    struct sigaction info = { .sa_sigaction = escape_info,
                              .sa_flags = SA_SIGINFO };
    struct sigaction now;

    setup();
    for (int i = 0; i < 10; i++) {
        check_other_handler(&plain);
        check_other_handler(&info);
    }
    assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
    assert_true(now.sa_handler != escape_plain);

    /* Other signals have nothing to do with it. */
    assert_int_equal(sigaction(SIGUSR1, &plain, NULL), 0);
    assert_int_equal(sigaction(SIGUSR1, NULL, &now), 0);
    assert_true(now.sa_handler == escape_plain);
}

/* Several threads touch what goes away at the same time, while other memory
 * comes and goes. */
#define N_THREADS 4
#define N_ROUNDS 200

static struct file shared[N_ROUNDS];

static void *
touch_all(void *bad_)
{
    atomic_bool *bad = bad_;

    for (int i = 0; i < N_ROUNDS; i++) {
        for (size_t j = 0; j < LEN; j += 4096) {
            if (shared[i].mem[j]) {
                atomic_store(bad, true);
            }
        }
    }
    return NULL;
}

static void
test_threads(void **state OVS_UNUSED)
{
    pthread_t threads[N_THREADS];
    atomic_bool bad;
    bool is_bad;

    setup();
    atomic_init(&bad, false);
    for (int i = 0; i < N_ROUNDS; i++) {
        shared[i] = map_file(LEN, 0);
        add_file(&shared[i], &owner);
        cut_file(&shared[i]);
    }
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, touch_all, &bad),
                         0);
    }
    for (int i = 0; i < N_ROUNDS; i++) {
        struct file f = map_file(LEN, 0);

        add_file(&f, &other);
        unmap_file(&f);
    }
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    atomic_read(&bad, &is_bad);
    assert_false(is_bad);
    assert_false(dpdk_vdpa_fault_is_hit(&other));
    for (int i = 0; i < N_ROUNDS; i++) {
        unmap_file(&shared[i]);
    }
}

/* What the library maps. */

static bool
is_mapped(const volatile uint8_t *addr)
{
    unsigned char vec;

    return !mincore((void *) ROUND_DOWN((uintptr_t) addr, 4096), 1, &vec);
}

static struct file
map_for(uint32_t request, size_t len, unsigned int flags)
{
    struct dpdk_vdpa_msg msg = { .request = request };
    struct file f;

    dpdk_vdpa_mapping_begin(&owner, &msg);
    f = map_file(len, flags);
    dpdk_vdpa_mapping_end();
    return f;
}

static void
check_mapping(uint32_t request, size_t len)
{
    struct file f = map_for(request, len, 0);
    size_t sum = 0;

    setup();
    for (size_t i = 0; i < DPDK_VDPA_MAPPING_GUARD; i++) {
        sum += f.mem[ROUND_UP(len, 4096) + i];
    }
    assert_int_equal(sum, 0);
    if (len >= 2 * 1024 * 1024) {
        assert_int_equal((uintptr_t) f.mem % (2 * 1024 * 1024), 0);
    }
    f.mem[len - 1] = 1;
    cut_file(&f);
    check_empty(&f);
    assert_true(dpdk_vdpa_fault_is_hit(&owner));
    unmap_file(&f);
    assert_false(is_mapped(f.mem));
    assert_false(is_mapped(f.mem + len + DPDK_VDPA_MAPPING_GUARD - 1));
    assert_int_equal(dpdk_vdpa_fault_remove((void *) f.mem), 0);
}

/* Memory that somebody may touch for ever stays, whoever unmaps it and even if
 * its file is cut; and what is mapped later does not. */
static void
test_keep(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_fault_owner *mortal = xzalloc(sizeof *mortal);
    struct file f, g, kept;

    setup();
    kept = map_file(LEN, 0);
    f = map_file(LEN, 0);
    add_file(&kept, mortal);
    add_file(&f, &other);
    dpdk_vdpa_fault_keep(mortal);
    g = map_file(LEN, 0);
    add_file(&g, mortal);
    kept.mem[0] = 9;
    unmap_file(&kept);
    unmap_file(&f);
    unmap_file(&g);
    assert_true(is_mapped(kept.mem));
    assert_false(is_mapped(f.mem));
    assert_false(is_mapped(g.mem));
    assert_int_equal(kept.mem[0], 9);
    assert_true(dpdk_vdpa_fault_remove((void *) kept.mem) == SIZE_MAX);
    free(mortal);
}

/* Then its owner may be gone already, and is not told of anything. */
static void
test_keep_hit(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_fault_owner *mortal = xzalloc(sizeof *mortal);
    struct file f = map_file(LEN, 0);

    setup();
    add_file(&f, mortal);
    dpdk_vdpa_fault_keep(mortal);
    cut_file(&f);
    unmap_file(&f);
    f.mem[LEN - 1] = 1;
    assert_false(dpdk_vdpa_fault_is_hit(mortal));
    free(mortal);
    check_empty(&f);
    assert_false(dpdk_vdpa_fault_is_hit(&owner));
    assert_false(dpdk_vdpa_fault_is_hit(&other));
}

/* With what is mapped behind it. */
static void
test_keep_mapping(void **state OVS_UNUSED)
{
    struct file f, g;

    setup();
    f = map_for(DPDK_VDPA_MSG_SET_MEM_TABLE, LEN, 0);
    dpdk_vdpa_fault_keep(&owner);
    g = map_for(DPDK_VDPA_MSG_SET_MEM_TABLE, LEN, 0);
    unmap_file(&f);
    unmap_file(&g);
    assert_true(is_mapped(f.mem));
    assert_true(is_mapped(f.mem + LEN + DPDK_VDPA_MAPPING_GUARD - 1));
    assert_false(is_mapped(g.mem));
}

/* Of a file in hugepages whole ones are mapped, however little is asked for:
 * there must be room for them, or they take the place of something else. */
static void
test_part_of_hugepage(void **state OVS_UNUSED)
{
    const size_t len = 100, page = 2 * 1024 * 1024;
    const int fd = memfd_create("test-fault", MFD_CLOEXEC | MFD_HUGETLB);
    struct dpdk_vdpa_msg msg = { .request = DPDK_VDPA_MSG_SET_LOG_BASE };
    volatile uint8_t *mem;

    test_needs("hugetlb");
    setup();
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, page), 0);
    dpdk_vdpa_mapping_begin(&owner, &msg);
    mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
               fd, 0);
    dpdk_vdpa_mapping_end();
    assert_true(mem != MAP_FAILED);
    assert_int_equal(mem[page + DPDK_VDPA_MAPPING_GUARD - 1], 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    mem[len - 1] = 1;
    assert_true(dpdk_vdpa_fault_is_hit(&owner));
    assert_int_equal(munmap((void *) mem, len), 0);
    assert_false(is_mapped(mem));
    assert_false(is_mapped(mem + page - 1));
    assert_false(is_mapped(mem + page + DPDK_VDPA_MAPPING_GUARD - 1));
    close(fd);
}

static void
test_mappings(void **state OVS_UNUSED)
{
    struct file f;

    check_mapping(DPDK_VDPA_MSG_SET_MEM_TABLE, LEN);
    check_mapping(DPDK_VDPA_MSG_SET_MEM_TABLE, 3 * 1024 * 1024 - 4096);
    check_mapping(DPDK_VDPA_MSG_SET_LOG_BASE, LEN);
    check_mapping(DPDK_VDPA_MSG_SET_LOG_BASE, 100);

    /* Not with other messages, and after the last. */
    f = map_for(DPDK_VDPA_MSG_SET_VRING_ADDR, LEN, 0);
    assert_int_equal(dpdk_vdpa_fault_remove((void *) f.mem), 0);
    unmap_file(&f);
    f = map_file(LEN, 0);
    assert_int_equal(dpdk_vdpa_fault_remove((void *) f.mem), 0);
    unmap_file(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_hugepages),
        cmocka_unit_test(test_locked),
        cmocka_unit_test(test_default_action),
        cmocka_unit_test(test_other_handlers),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_keep_hit),
        cmocka_unit_test(test_keep_mapping),
        cmocka_unit_test(test_part_of_hugepage),
    };

    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
