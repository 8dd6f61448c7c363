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

/* Unit tests of the files that say how far rings were processed. */

#include <config.h>

#include "lib/vhost/notes.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SOCKET "/run/vm/s"

static char folder[] = "/tmp/test-notes.XXXXXX";

static bool
there_is_a_file(void)
{
    char *path = file_path(SOCKET);
    struct stat s;
    bool ok = !stat(path, &s);

    if (ok) {
        assert_true(S_ISREG(s.st_mode));
        assert_int_equal(s.st_mode & 0777, 0600);
    }
    free(path);
    return ok;
}

/* What a process leaves behind that is killed. */
static void
forget_all(void)
{
    struct keeper *k, *next;

    ovs_mutex_lock(&mutex);
    LIST_FOR_EACH_SAFE (k, next, node, &keepers) {
        keeper_destroy(k);
    }
    keep = false;
    ovs_mutex_unlock(&mutex);
}

static int
teardown(void **state OVS_UNUSED)
{
    char *path = file_path(SOCKET);

    forget_all();
    unlink(path);
    rmdir(path);
    free(path);
    return 0;
}

/* Opens notes and writes something down. */
static struct dpdk_vdpa_notes *
open_and_note(void)
{
    struct dpdk_vdpa_notes *notes = dpdk_vdpa_notes_open(SOCKET);

    assert_true(there_is_a_file());
    assert_int_equal(notes->rings[3].span, 0);
    notes->rings[3].span = 77;
    notes->rings[3].state = DPDK_VDPA_NOTE_EXACT;
    return notes;
}

static void
test_killed(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_notes *other;

    open_and_note();
    forget_all();
    assert_int_equal(dpdk_vdpa_notes_open(SOCKET)->rings[3].span, 77);
    other = dpdk_vdpa_notes_open("/other");
    assert_int_equal(other->rings[3].span, 0);
    dpdk_vdpa_notes_close(other);
}

/* A port goes, and comes back as long as the process lives. */
static void
test_deleted(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_notes *notes = open_and_note();

    assert_ptr_equal(dpdk_vdpa_notes_open(SOCKET), notes);
    dpdk_vdpa_notes_close(notes);
    assert_true(there_is_a_file());
    dpdk_vdpa_notes_close(notes);
    assert_false(there_is_a_file());

    notes = dpdk_vdpa_notes_open(SOCKET);
    assert_true(there_is_a_file());
    assert_int_equal(notes->rings[3].span, 77);
    notes->rings[3].state = DPDK_VDPA_NOTE_NONE;
    dpdk_vdpa_notes_close(notes);
    assert_false(there_is_a_file());
    assert_int_equal(dpdk_vdpa_notes_open(SOCKET)->rings[3].span, 0);
    dpdk_vdpa_notes_close(NULL);
}

static void
test_exit(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_notes *notes = open_and_note();

    dpdk_vdpa_notes_keep();
    dpdk_vdpa_notes_close(notes);
    assert_true(there_is_a_file());
    forget_all();
    assert_int_equal(dpdk_vdpa_notes_open(SOCKET)->rings[3].span, 77);
}

/* What is remembered is bounded. */
static void
test_orphans(void **state OVS_UNUSED)
{
    dpdk_vdpa_notes_close(open_and_note());
    for (int i = 0; i < MAX_ORPHANS; i++) {
        char *socket = xasprintf("/s%d", i);
        struct dpdk_vdpa_notes *notes = dpdk_vdpa_notes_open(socket);

        notes->rings[0].state = DPDK_VDPA_NOTE_EXACT;
        dpdk_vdpa_notes_close(notes);
        free(socket);
    }
    assert_int_equal(ovs_list_size(&keepers), MAX_ORPHANS);
    assert_int_equal(dpdk_vdpa_notes_open(SOCKET)->rings[3].span, 0);
}

/* Files of another version, another socket, another length, or of nobody. */
static void
test_foreign(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_notes *notes = open_and_note();
    char *path;

    notes->magic[sizeof magic - 1] ^= 1;
    forget_all();
    notes = open_and_note();
    notes->socket[1] ^= 1;
    forget_all();
    open_and_note();
    forget_all();
    path = file_path(SOCKET);
    assert_int_equal(truncate(path, 100), 0);
    open_and_note();
    forget_all();
    assert_int_equal(truncate(path, 0), 0);
    open_and_note();
    free(path);
}

/* Where no file of ours can be there is none, and nothing else suffers. */
static void
test_no_file(void **state OVS_UNUSED)
{
    char *other = xasprintf("%s/other", folder);
    char *path = file_path(SOCKET);
    struct stat s;

    assert_int_equal(symlink(other, path), 0);
    dpdk_vdpa_notes_open(SOCKET)->rings[3].span = 77;
    assert_int_equal(stat(other, &s), -1);
    forget_all();
    assert_int_equal(unlink(path), 0);

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(dpdk_vdpa_notes_open(SOCKET)->rings[3].span, 0);
    forget_all();
    assert_int_equal(rmdir(path), 0);

    /* One that others may write. */
    open_and_note();
    forget_all();
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(dpdk_vdpa_notes_open(SOCKET)->rings[3].span, 0);
    free(path);
    free(other);
}

/* What is served, and how often that was asked. */
static struct {
    bool answer;
    unsigned int n;
} served;

static bool
is_served(const char *socket)
{
    assert_string_equal(socket, SOCKET);
    served.n++;
    return served.answer;
}

/* Fails unless a sweep asks 'n' times, and leaves the file if 'stays'. */
static void
sweep(bool answer, unsigned int n, bool stays)
{
    served.answer = answer;
    served.n = 0;
    dpdk_vdpa_notes_sweep(is_served);
    assert_int_equal(served.n, n);
    assert_int_equal(there_is_a_file(), stays);
}

/* A port goes while no process is there to see it. */
static void
test_sweep(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_notes *notes = open_and_note();
    char *path = file_path(SOCKET);
    int fd;

    /* We have it, or another process has. */
    sweep(false, 0, true);
    fd = open(path, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_SH), 0);
    forget_all();
    sweep(false, 0, true);
    close(fd);

    /* A guest is there, with whom the port may come back. */
    sweep(true, 1, true);
    notes = dpdk_vdpa_notes_open(SOCKET);
    assert_int_equal(notes->rings[3].span, 77);
    forget_all();
    sweep(false, 1, false);

    /* Who opens a file meanwhile does not get the one that goes. */
    open_and_note();
    sweep(false, 0, true);
    free(path);
}

/* What we do not know we do not remove. */
static void
test_sweep_foreign(void **state OVS_UNUSED)
{
    char *path = file_path(SOCKET);
    char *other = xasprintf("%s/dpdkvdpa-0.rings", ovs_rundir());
    char *folder_path = xasprintf("%s/dpdkvdpa-1.rings", ovs_rundir());
    struct dpdk_vdpa_notes *notes = open_and_note();
    int fd;

    /* Not by its name. */
    forget_all();
    assert_int_equal(rename(path, other), 0);
    sweep(false, 0, false);
    assert_int_equal(rename(other, path), 0);

    /* Not by what is in it. */
    notes = dpdk_vdpa_notes_open(SOCKET);
    notes->magic[0]++;
    forget_all();
    sweep(false, 0, true);
    fd = open(path, O_RDWR | O_TRUNC);
    assert_true(fd >= 0);
    close(fd);
    sweep(false, 0, true);
    assert_int_equal(unlink(path), 0);

    /* No file at all, or one that has two names. */
    assert_int_equal(mkdir(folder_path, 0700), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    served.n = 0;
    dpdk_vdpa_notes_sweep(is_served);
    assert_int_equal(served.n, 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder_path), 0);
    open_and_note();
    forget_all();
    assert_int_equal(link(path, other), 0);
    sweep(false, 0, true);
    assert_int_equal(unlink(other), 0);
    sweep(false, 1, false);
    free(folder_path);
    free(other);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_killed, teardown),
        cmocka_unit_test_teardown(test_deleted, teardown),
        cmocka_unit_test_teardown(test_exit, teardown),
        cmocka_unit_test_teardown(test_orphans, teardown),
        cmocka_unit_test_teardown(test_foreign, teardown),
        cmocka_unit_test_teardown(test_no_file, teardown),
        cmocka_unit_test_teardown(test_sweep, teardown),
        cmocka_unit_test_teardown(test_sweep_foreign, teardown),
    };
    char *command;
    int n_failed;

    if (!mkdtemp(folder) || setenv("OVS_RUNDIR", folder, 1)) {
        return 1;
    }
    n_failed = cmocka_run_group_tests_name("notes", tests, NULL, NULL);
    command = xasprintf("rm -r %s", folder);
    n_failed += !!system(command);
    free(command);
    return n_failed;
}
