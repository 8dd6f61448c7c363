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

/* Unit tests of how the vhost library that is loaded hands messages over.
 *
 * This includes lib/vhost/layout.c itself, and has the library. */

#include "lib/vhost/layout.c"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "test-eal.h"

static char rundir[] = "/tmp/test-layout.XXXXXX";

/* Returns the library's thread, or 0 if it has none. */
static pid_t
find_thread(void)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *de;
    pid_t found = 0;

    assert_non_null(dir);
    while ((de = readdir(dir)) != NULL) {
        char path[300], name[32] = "";
        FILE *f;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", de->d_name);
        f = fopen(path, "r");
        if (f) {
            if (fgets(name, sizeof name, f) && strstr(name, "vhost")) {
                found = atoi(de->d_name);
            }
            fclose(f);
        }
    }
    closedir(dir);
    return found;
}

/* The library of this machine.  Nothing is left behind but its thread, which
 * who unregisters the last socket would have to wait for. */
static void
test_library(void **state OVS_UNUSED)
{
    char *error = NULL;

    for (int i = 0; i < 3; i++) {
        assert_true(dpdk_vdpa_layout_find(rundir, &error));
        assert_null(error);
        assert_true(files_ofs >= BODY_LEN);
        assert_true(find_thread() > 0);
    }
}

/* How long the library's thread gets no processor. */
static int pause_ms;
static pthread_t main_thread;

static void
paused(int signo OVS_UNUSED)
{
    struct timespec half = { pause_ms / 2000, pause_ms / 2 % 1000 * 1000000 };

    nanosleep(&half, NULL);
    pthread_kill(main_thread, SIGUSR2);
    nanosleep(&half, NULL);
}

static void
interrupted(int signo OVS_UNUSED)
{
}

/* Has the library's thread, which test_library() started, get no processor
 * for 'ms', as on a machine with more work than processors; and a signal come
 * meanwhile to who waits for it. */
static void
pause_library(int ms)
{
    struct sigaction pause = { .sa_handler = paused };
    struct sigaction interrupt = { .sa_handler = interrupted };

    pause_ms = ms;
    main_thread = pthread_self();
    assert_int_equal(sigaction(SIGUSR1, &pause, NULL), 0);
    assert_int_equal(sigaction(SIGUSR2, &interrupt, NULL), 0);
    assert_int_equal(syscall(SYS_tgkill, getpid(), find_thread(), SIGUSR1),
                     0);
}

/* A library that is slow is not another one. */
static void
test_slow_library(void **state OVS_UNUSED)
{
    char *error = NULL;

    pause_library(4000);
    if (!dpdk_vdpa_layout_find(rundir, &error)) {
        fail_msg("%s", error);
    }
}

/* One that does not answer is waited for, but not for ever, and it is said
 * that it has not answered. */
static void
test_no_answer(void **state OVS_UNUSED)
{
    char *error = NULL;

    answer_timeout = 500;
    pause_library(2000);
    assert_false(dpdk_vdpa_layout_find(rundir, &error));
    assert_non_null(strstr(error, "has not answered"));
    free(error);
}

static int
remove_rundir(void **state OVS_UNUSED)
{
    return rmdir(rundir);
}

/* A message in a form of our own: its files stand 'gap' bytes behind what we
 * look at. */
static void
make_message(uint8_t *bytes, size_t gap, int fd)
{
    struct files files = { { fd, -1, -1, -1, -1, -1, -1, -1 }, 1 };
    struct dpdk_vdpa_msg msg = {
        .request = DPDK_VDPA_MSG_SET_LOG_BASE,
        .size = sizeof msg.payload.u64,
        .payload.u64 = TRIAL_VALUE,
    };

    memset(bytes, 0xff, gap);
    memcpy(bytes, &msg, BODY_LEN);
    memcpy(bytes + BODY_LEN + gap, &files, sizeof files);
}

static void
test_forms(void **state OVS_UNUSED)
{
    uint8_t *bytes = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int pipefd[2];

    assert_int_equal(pipe(pipefd), 0);
    assert_int_equal(fstat(pipefd[0], &trial.file), 0);
    for (size_t gap = 0; gap < 2000; gap += 4) {
        struct dpdk_vdpa_msg msg;

        memset(bytes, 0, 8192);
        make_message(bytes, gap, pipefd[1]);
        files_ofs = find_files(bytes, 8192);
        assert_int_equal(files_ofs, BODY_LEN + gap);
        /* One byte less of it, and it is not there. */
        assert_int_equal(find_files(bytes, files_ofs + sizeof(struct files)
                                           - 1), 0);

        dpdk_vdpa_layout_read(&msg, bytes);
        assert_int_equal(msg.request, DPDK_VDPA_MSG_SET_LOG_BASE);
        assert_int_equal(msg.n_fds, 1);
        assert_int_equal(msg.fds[0], pipefd[1]);
        msg.n_fds = 0;
        msg.fds[0] = -1;
        msg.payload.u64 = 5;
        dpdk_vdpa_layout_write(bytes, &msg);
        assert_int_equal(find_files(bytes, 8192), 0);
        dpdk_vdpa_layout_read(&msg, bytes);
        assert_int_equal(msg.payload.u64, 5);
        assert_int_equal(msg.n_fds, 0);
    }

    /* Another file, or two of them, are not what was sent. */
    make_message(bytes, 8, STDIN_FILENO);
    assert_int_equal(find_files(bytes, 8192), 0);
    make_message(bytes, 8, pipefd[1]);
    memcpy(bytes + BODY_LEN + 8 + sizeof(int), &pipefd[0], sizeof(int));
    assert_int_equal(find_files(bytes, 8192), 0);

    close(pipefd[0]);
    close(pipefd[1]);
    munmap(bytes, 8192);
}

/* What lies behind the end of memory is not read. */
static void
test_read_memory(void **state OVS_UNUSED)
{
    size_t page = sysconf(_SC_PAGESIZE);
    uint8_t *bytes = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *to = xmalloc(3 * page);

    munmap(bytes + 2 * page, page);
    memset(bytes, 0x5a, 2 * page);
    assert_int_equal(read_memory(to, bytes + 100, 3 * page - 100),
                     2 * page - 100);
    assert_int_equal(to[2 * page - 101], 0x5a);
    assert_int_equal(read_memory(to, bytes + 100, 10), 10);
    assert_int_equal(read_memory(to, bytes + 2 * page, 10), 0);
    munmap(bytes, 2 * page);
    free(to);
}

/* There is no folder for a socket. */
static void
test_no_folder(void **state OVS_UNUSED)
{
    char *error = NULL;

    assert_false(dpdk_vdpa_layout_find("/proc/nowhere", &error));
    assert_non_null(strstr(error, "/proc/nowhere"));
    free(error);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_read_memory),
        cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_library),
        cmocka_unit_test(test_slow_library),
        cmocka_unit_test(test_no_answer),
    };

    if (!test_eal_init() || !mkdtemp(rundir)) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, remove_rundir);
}
