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

/* Starts another kernel, in a guest of the system tests.  The package
 * kexec-tools, once installed, also changes how the machine reboots. */

#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
load(const char *kernel, const char *initrd, const char *line,
     unsigned long flags)
{
    int kernel_fd = open(kernel, O_RDONLY);
    int initrd_fd = open(initrd, O_RDONLY);

    if (kernel_fd < 0 || initrd_fd < 0) {
        perror("open");
        return 1;
    }
    if (syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, strlen(line) + 1,
                line, flags)) {
        perror("kexec_file_load");
        return 1;
    }
    return 0;
}

int
main(int argc, char *argv[])
{
    if (argc == 2 && !strcmp(argv[1], "-e")) {
        syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
                LINUX_REBOOT_CMD_KEXEC, NULL);
        perror("reboot");
        return 1;
    }
    if (argc == 4) {
        return load(argv[1], argv[2], argv[3], 0);
    }
    if (argc == 5 && !strcmp(argv[1], "-p")) {
        return load(argv[2], argv[3], argv[4], KEXEC_FILE_ON_CRASH);
    }
    fprintf(stderr,
            "usage: guest-kexec [-p] KERNEL INITRD COMMAND-LINE\n"
            "       guest-kexec -e\n"
            "Loads a kernel, with -p the one for a panic, or starts it.\n");
    return 2;
}
