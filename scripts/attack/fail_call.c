/* Runs a command and lets one of its system calls fail.

   usage: fail_call REPORT CALL ERRNO POSITION COMMAND...
          fail_call --calls          lists the calls it knows

   The call CALL (a name) fails with the number ERRNO when it is made for the POSITION-th time, by any
   thread or child of the command; with position 0 none fails, and with "POSITION+" all from there on.
   CALL may be several names, separated by commas, which are counted as one. Beside the names of calls
   there are "tmpfile" (openat of a file without a name) and "fsyncdir" (fsync of a directory). Counting begins when the program's own
   code does: at the poll of three descriptors that the runtime of Rust begins with. REPORT gets the line
   "exit CODE" or "signal NUMBER" when the command has ended, and "calls COUNT" when all its
   descendants have. By a seccomp filter whose notifications are answered here: only the chosen call is
   slowed down. Needs root. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

struct call {
    const char *name;
    int number;
};

#define CALL(name) {#name, SYS_##name}

/* Not here: calls about memory, which end a program of Rust when they fail, and calls that cannot fail,
   like waiting for a signal. */
static const struct call calls[] = {
#ifdef SYS_open
    CALL(open), CALL(access), CALL(readlink), CALL(unlink), CALL(mkdir), CALL(poll), CALL(pipe), CALL(fork),
    CALL(vfork), CALL(epoll_wait), CALL(stat), CALL(lstat), CALL(rename), CALL(chmod), CALL(link), CALL(dup2),
#endif
    CALL(accept4), CALL(bind), CALL(chdir), CALL(clone), CALL(clone3), CALL(close), CALL(connect),
    CALL(copy_file_range), CALL(dup), CALL(dup3), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait),
    CALL(eventfd2), CALL(execve), CALL(faccessat), CALL(faccessat2), CALL(fadvise64), CALL(fallocate),
    CALL(fchdir), CALL(fchmod), CALL(fchmodat), CALL(fchown), CALL(fchownat), CALL(fcntl), CALL(fdatasync),
    CALL(fgetxattr), CALL(flistxattr), CALL(flock), CALL(fremovexattr), CALL(fsetxattr), CALL(fstat),
    CALL(fstatfs), CALL(fsync), CALL(ftruncate), CALL(getcwd), CALL(getdents64), CALL(getgroups),
    CALL(getsockopt), CALL(ioctl), CALL(kill), CALL(linkat), CALL(listen), CALL(lseek), CALL(madvise),
    CALL(mkdirat), CALL(mount), CALL(move_mount), CALL(newfstatat), CALL(open_tree), CALL(openat),
    CALL(openat2), CALL(pidfd_open), CALL(pidfd_send_signal), CALL(pipe2), CALL(ppoll), CALL(prctl),
    CALL(pread64), CALL(preadv), CALL(preadv2), CALL(prlimit64), CALL(pwrite64), CALL(pwritev), CALL(read),
    CALL(readlinkat), CALL(readv), CALL(recvfrom), CALL(recvmsg), CALL(renameat), CALL(renameat2),
    CALL(sched_getaffinity), CALL(sendfile), CALL(sendmsg), CALL(sendto), CALL(setpgid),
    CALL(setsid), CALL(setsockopt), CALL(shutdown), CALL(signalfd4), CALL(socket), CALL(socketpair),
    CALL(splice), CALL(statfs), CALL(statx), CALL(symlinkat), CALL(umount2), CALL(unlinkat), CALL(unshare),
    CALL(utimensat), CALL(wait4), CALL(waitid), CALL(write), CALL(writev),
};
#define CALLS (sizeof calls / sizeof *calls)

static void fail(const char *what) {
    fprintf(stderr, "fail_call: %s: %s\n", what, strerror(errno));
    exit(125);
}

/* Calls of which only some fail: by what their arguments are. */
static const struct call parts[] = {{"tmpfile", SYS_openat}, {"fsyncdir", SYS_fsync}};
#define PARTS (sizeof parts / sizeof *parts)

/* At most as many calls fail at once. */
#define MOST 8

/* The calls that fail: their numbers, and for each which part of them, or -1. */
static struct {
    int count;
    int number[MOST];
    int part[MOST];
} chosen;

static int number_of(const char *name) {
    for (size_t at = 0; at < CALLS; at++)
        if (!strcmp(calls[at].name, name))
            return calls[at].number;
    errno = EINVAL;
    fail(name);
    return -1;
}

/* The listener's descriptor, in memory that parent and child share. */
static volatile int *listener;
static volatile int *ready;

/* Puts in place what `names` says. */
static void choose(char *names) {
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
        if (chosen.count == MOST) {
            errno = E2BIG;
            fail(name);
        }
        int part = -1;
        for (size_t at = 0; at < PARTS; at++)
            if (!strcmp(parts[at].name, name))
                part = at;
        chosen.part[chosen.count] = part;
        chosen.number[chosen.count++] = part < 0 ? number_of(name) : parts[part].number;
    }
}

/* Whether a call is one of those that fail. */
static int is_chosen(const struct seccomp_notif *asked) {
    for (int at = 0; at < chosen.count; at++) {
        if (asked->data.nr != chosen.number[at])
            continue;
        if (chosen.part[at] < 0)
            return 1;
        if (asked->data.nr == SYS_openat) {
            if ((asked->data.args[2] & O_TMPFILE) == O_TMPFILE)
                return 1;
            continue;
        }
        char path[64];
        struct stat found;
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)asked->pid, (int)asked->data.args[0]);
        if (!stat(path, &found) && S_ISDIR(found.st_mode))
            return 1;
    }
    return 0;
}

static void run(char **command) {
    struct sock_filter filter[MOST + 4];
    int length = 0;
    filter[length++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
#ifdef SYS_poll
    int first = SYS_poll;
#else
    int first = SYS_ppoll;
#endif
    for (int at = 0; at <= chosen.count; at++) {
        int number = at == chosen.count ? first : chosen.number[at];
        /* To the last line: over the others, and the one that allows. */
        filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number,
                                                        chosen.count - at + 1, 0);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog program = {length, filter};
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    int made = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                       flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    if (made < 0)
        made = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    *listener = made < 0 ? -errno : made;
    /* Without a call: it might be the one that waits for an answer. */
    while (!*ready)
        ;
    execvp(command[0], command);
    _exit(127);
}

static unsigned long serve(int error, unsigned long position, int lasting, pid_t child, FILE *report) {
    unsigned long count = 0;
    int begun = 0, ended = 0;
    for (;;) {
        struct pollfd wait = {*listener, POLLIN, 0};
        int found = poll(&wait, 1, ended ? -1 : 20);
        if (!ended) {
            int status;
            if (waitpid(child, &status, WNOHANG) == child) {
                ended = 1;
                if (WIFEXITED(status))
                    fprintf(report, "exit %d\n", WEXITSTATUS(status));
                else
                    fprintf(report, "signal %d\n", WTERMSIG(status));
                fflush(report);
            }
        }
        if (found <= 0)
            continue;
        if (!(wait.revents & POLLIN)) {
            if (ended && wait.revents & POLLHUP)
                return count;
            continue;
        }
        struct seccomp_notif asked = {0};
        if (ioctl(*listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
            continue;
        struct seccomp_notif_resp answer = {.id = asked.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
#ifdef SYS_poll
        if (asked.data.nr == SYS_poll && asked.data.args[1] == 3)
            begun = 1;
#else
        if (asked.data.nr == SYS_ppoll && asked.data.args[1] == 3)
            begun = 1;
#endif
        else if (begun && is_chosen(&asked)) {
            count++;
            if (count == position || (lasting && count > position)) {
                answer.flags = 0;
                answer.error = -error;
            }
        }
        ioctl(*listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

int main(int count, char **arguments) {
    if (count == 2 && !strcmp(arguments[1], "--calls")) {
        for (size_t at = 0; at < CALLS; at++)
            puts(calls[at].name);
        return 0;
    }
    if (count < 6) {
        fprintf(stderr, "usage: fail_call REPORT CALL ERRNO POSITION COMMAND...\n");
        return 2;
    }
    FILE *report = fopen(arguments[1], "we");
    if (!report)
        fail(arguments[1]);
    choose(arguments[2]);
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        fail("mmap");
    listener = shared;
    ready = listener + 1;
    *listener = -1000;
    /* One table of descriptors, so that the listener is this process's, too. */
    pid_t child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (child < 0)
        fail("clone");
    if (child == 0)
        run(arguments + 5);
    while (*listener == -1000)
        usleep(100);
    if (*listener < 0) {
        errno = -*listener;
        *ready = 1;
        fail("seccomp");
    }
    *ready = 1;
    char *after;
    unsigned long position = strtoul(arguments[4], &after, 10);
    unsigned long made = serve(atoi(arguments[3]), position, *after == '+', child, report);
    fprintf(report, "calls %lu\n", made);
    return fclose(report) ? 1 : 0;
}
