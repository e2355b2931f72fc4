/* A file on a slow disk: a FUSE file system with one file, "d.rox", which is another file's bytes,
 * each request for them answered after a delay. Opening it drops what the kernel has cached of it.
 *
 *     slow_file FILE MOUNTPOINT MILLISECONDS [direct]
 *
 * With "direct" it is read past the kernel's cache, so it has no shared mappings, and its size and times
 * are asked for each time.
 *
 * Needs root. Serves until it is unmounted (umount -l) or killed. Prints "ready" when mounted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 64, FILE_INO = 2, BUFFER = 1 << 20 };
static const char *NAME = "d.rox";
static int device, file, is_direct;
static struct stat status;
static struct timespec delay;

static void reply(uint64_t unique, int error, const void *data, size_t len)
{
    struct fuse_out_header out = {.len = sizeof out + len, .error = error, .unique = unique};
    struct iovec parts[] = {{&out, sizeof out}, {(void *)data, len}};
    /* A request may have been given up. */
    if (writev(device, parts, len ? 2 : 1) < 0 && errno != ENOENT && errno != ENODEV)
        perror("reply");
}

static struct fuse_attr attr(uint64_t ino)
{
    struct fuse_attr attr = {.ino = ino, .nlink = 1, .blksize = 4096};
    attr.mode = ino == FILE_INO ? S_IFREG | 0644 : S_IFDIR | 0755;
    attr.size = ino == FILE_INO ? (uint64_t)status.st_size : 0;
    attr.blocks = attr.size / 512;
    attr.mtime = attr.ctime = attr.atime = status.st_mtime;
    return attr;
}

static void answer(struct fuse_in_header *in, void *arguments, char *space)
{
    switch (in->opcode) {
    case FUSE_INIT: {
        struct fuse_init_in *init = arguments;
        struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION};
        out.max_readahead = init->max_readahead;
        out.flags = init->flags & (FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS);
        out.max_write = 4096;
        out.max_background = 64;
        out.congestion_threshold = 64;
        return reply(in->unique, 0, &out, sizeof out);
    }
    case FUSE_LOOKUP: {
        struct fuse_entry_out out = {.nodeid = FILE_INO, .attr = attr(FILE_INO)};
        out.entry_valid = 3600;
        out.attr_valid = is_direct ? 0 : 3600;
        if (strcmp(arguments, NAME) != 0)
            return reply(in->unique, -ENOENT, NULL, 0);
        return reply(in->unique, 0, &out, sizeof out);
    }
    case FUSE_GETATTR: {
        if (is_direct && fstat(file, &status) < 0)
            return reply(in->unique, -errno, NULL, 0);
        struct fuse_attr_out out = {.attr_valid = is_direct ? 0 : 3600, .attr = attr(in->nodeid)};
        return reply(in->unique, 0, &out, sizeof out);
    }
    case FUSE_OPEN: {
        struct fuse_open_out out = {.open_flags = is_direct ? FOPEN_DIRECT_IO : 0};
        return reply(in->unique, 0, &out, sizeof out);
    }
    case FUSE_READ: {
        struct fuse_read_in *read = arguments;
        nanosleep(&delay, NULL);
        ssize_t len = pread(file, space, read->size, read->offset);
        return reply(in->unique, len < 0 ? -errno : 0, space, len < 0 ? 0 : len);
    }
    case FUSE_RELEASE:
    case FUSE_FLUSH:
        return reply(in->unique, 0, NULL, 0);
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    default:
        return reply(in->unique, -ENOSYS, NULL, 0);
    }
}

static void *serve(void *unused)
{
    char *request = malloc(BUFFER), *space = malloc(BUFFER);
    (void)unused;
    for (;;) {
        ssize_t len = read(device, request, BUFFER);
        if (len < 0 && errno == ENODEV)
            exit(0);
        if (len > 0)
            answer((void *)request, request + sizeof(struct fuse_in_header), space);
    }
}

int main(int count, char **arguments)
{
    char options[128];
    is_direct = count == 5 && strcmp(arguments[4], "direct") == 0;
    if (count != 4 + is_direct) {
        fprintf(stderr, "usage: slow_file FILE MOUNTPOINT MILLISECONDS [direct]\n");
        return 2;
    }
    long milliseconds = atol(arguments[3]);
    delay.tv_sec = milliseconds / 1000;
    delay.tv_nsec = milliseconds % 1000 * 1000000;
    file = open(arguments[1], O_RDONLY | O_CLOEXEC);
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0 || device < 0)
        return perror("slow_file"), 1;
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
    if (mount("slow_file", arguments[2], "fuse.slow_file", MS_RDONLY | MS_NOSUID | MS_NODEV, options) < 0)
        return perror("slow_file: mount"), 1;
    puts("ready");
    fflush(stdout);
    for (int i = 1; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, NULL) != 0)
            return perror("slow_file: thread"), 1;
    }
    serve(NULL);
}
