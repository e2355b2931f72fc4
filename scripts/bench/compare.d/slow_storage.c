/*
 * A directory on slow storage: a read-only FUSE file system that shows another directory and
 * answers each request that a network file system would send to its server after a delay.
 *
 *     slow_storage DIR MOUNTPOINT MICROSECONDS COUNTERS
 *
 * Lookup, attributes, open, reading a directory and read (of up to 1 MiB) take one delay each; what
 * the kernel has cached (names, attributes, pages) takes none, until it is unmounted or caches are
 * dropped. Many requests wait at the same time, each in a thread of its own, and nothing is
 * locked meanwhile. COUNTERS is a file of three numbers of 8 bytes, kept up to date: requests that
 * were delayed, how many of these were reads, and the bytes read.
 *
 * How real storage compares, each as its maker says: Amazon EFS (NFS) reads from 0.25 ms, of its
 * cheaper classes single-digit milliseconds; FSx for Lustre under 1 ms on SSD, single-digit on disks;
 * EBS gp3 single-digit milliseconds; S3 100 to 200 ms for a small object. So 3 ms stands for a
 * busy NFS server, Lustre on disks or a cloud disk, 20 ms for another zone or a near object store.
 *
 * Needs root. Serves in the foreground until it is unmounted.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* THREADS is how many requests are in flight at most; REQUEST holds the longest one, as a mount
 * that is read-only has no long ones; PAGES are those of one read. */
enum { THREADS = 256, REQUEST = 16384, PAGES = 256, ANSWER = PAGES * 4096, CHAINS = 1 << 20 };
/* Seconds that names and attributes are cached: for as long as anything is measured. */
enum { VALID = 86400 };

/* A name that was looked up. Its address is its number in the kernel; none is ever forgotten. */
struct node {
    struct node *parent, *next;
    char name[];
};

static int device, top;
static struct timespec delay;
static struct node root;
static struct node *chains[CHAINS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct counters {
    _Atomic uint64_t requests, reads, bytes;
} *counters;

static struct node *node_of(uint64_t number)
{
    return number == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)number;
}

/* The node of a name, made if it is new. */
static struct node *child_of(struct node *parent, const char *name)
{
    uint64_t hash = (uintptr_t)parent;
    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
    struct node **chain = &chains[(hash ^ hash >> 32) % CHAINS], *node;
    pthread_mutex_lock(&lock);
    for (node = *chain; node != NULL; node = node->next)
        if (node->parent == parent && strcmp(node->name, name) == 0)
            break;
    if (node == NULL) {
        node = malloc(sizeof *node + strlen(name) + 1);
        if (node == NULL)
            err(1, "%s", name);
        node->parent = parent;
        strcpy(node->name, name);
        node->next = *chain;
        *chain = node;
    }
    pthread_mutex_unlock(&lock);
    return node;
}

/* The path of a node from the top, written from the end of `path`. */
static const char *path_of(const struct node *node, char path[PATH_MAX])
{
    char *at = path + PATH_MAX - 1;
    *at = '\0';
    for (; node != &root; node = node->parent) {
        size_t len = strlen(node->name);
        if (at - path < (ptrdiff_t)len + 1)
            errx(1, "%s: too deep", node->name);
        at -= len;
        memcpy(at, node->name, len);
        *--at = '/';
    }
    return *at == '/' ? at + 1 : ".";
}

static void reply(uint64_t unique, int error, const void *data, size_t len)
{
    struct fuse_out_header out = {.len = sizeof out + len, .error = -error, .unique = unique};
    struct iovec parts[] = {{&out, sizeof out}, {(void *)data, len}};
    /* A request may have been given up. */
    if (writev(device, parts, len ? 2 : 1) < 0 && errno != ENOENT && errno != ENODEV)
        warn("answer");
}

static struct fuse_attr attributes_of(const struct stat *status)
{
    return (struct fuse_attr){
        .ino = status->st_ino, .size = status->st_size, .blocks = status->st_blocks,
        .atime = status->st_atime, .mtime = status->st_mtime, .ctime = status->st_ctime,
        .atimensec = status->st_atim.tv_nsec, .mtimensec = status->st_mtim.tv_nsec,
        .ctimensec = status->st_ctim.tv_nsec, .mode = status->st_mode, .nlink = status->st_nlink,
        .uid = status->st_uid, .gid = status->st_gid, .blksize = status->st_blksize,
    };
}

static void initialize(uint64_t unique, const struct fuse_init_in *init)
{
    struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION};
    out.max_readahead = init->max_readahead;
    out.flags = init->flags & (FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES);
    out.max_pages = PAGES;
    out.max_write = 4096;
    out.max_background = THREADS;
    out.congestion_threshold = THREADS;
    out.time_gran = 1;
    reply(unique, 0, &out, sizeof out);
}

static void look_up(uint64_t unique, struct node *parent, const char *name)
{
    char path[PATH_MAX];
    struct stat status;
    struct node *node = child_of(parent, name);
    if (fstatat(top, path_of(node, path), &status, AT_SYMLINK_NOFOLLOW) < 0)
        return reply(unique, errno, NULL, 0);
    struct fuse_entry_out out = {.nodeid = (uintptr_t)node, .attr = attributes_of(&status)};
    out.entry_valid = out.attr_valid = VALID;
    reply(unique, 0, &out, sizeof out);
}

static void get_attributes(uint64_t unique, const struct node *node)
{
    char path[PATH_MAX];
    struct stat status;
    if (fstatat(top, path_of(node, path), &status, AT_SYMLINK_NOFOLLOW) < 0)
        return reply(unique, errno, NULL, 0);
    struct fuse_attr_out out = {.attr_valid = VALID, .attr = attributes_of(&status)};
    reply(unique, 0, &out, sizeof out);
}

static void open_file(uint64_t unique, const struct node *node)
{
    char path[PATH_MAX];
    int file = openat(top, path_of(node, path), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return reply(unique, errno, NULL, 0);
    struct fuse_open_out out = {.fh = file, .open_flags = FOPEN_KEEP_CACHE};
    reply(unique, 0, &out, sizeof out);
}

static void open_directory(uint64_t unique, const struct node *node)
{
    char path[PATH_MAX];
    int file = openat(top, path_of(node, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = file < 0 ? NULL : fdopendir(file);
    if (dir == NULL)
        return reply(unique, errno, NULL, 0);
    struct fuse_open_out out = {.fh = (uintptr_t)dir};
    reply(unique, 0, &out, sizeof out);
}

static void read_file(uint64_t unique, const struct fuse_read_in *in, char *space)
{
    ssize_t len = pread(in->fh, space, in->size, in->offset);
    atomic_fetch_add(&counters->reads, 1);
    atomic_fetch_add(&counters->bytes, len < 0 ? 0 : len);
    reply(unique, len < 0 ? errno : 0, space, len < 0 ? 0 : len);
}

/* The kernel reads one handle of a directory from one thread at a time. */
static void read_directory(uint64_t unique, const struct fuse_read_in *in, char *space)
{
    DIR *dir = (DIR *)(uintptr_t)in->fh;
    struct dirent *found;
    size_t len = 0;
    seekdir(dir, in->offset);
    while ((found = readdir(dir)) != NULL) {
        struct fuse_dirent *entry = (struct fuse_dirent *)(space + len);
        size_t name = strlen(found->d_name), size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + name);
        if (len + size > in->size)
            break;
        memset(entry, 0, size);
        *entry = (struct fuse_dirent){.ino = found->d_ino, .off = found->d_off, .namelen = name,
                                      .type = found->d_type};
        memcpy(entry->name, found->d_name, name);
        len += size;
    }
    reply(unique, 0, space, len);
}

static void wait_as_storage_does(void)
{
    atomic_fetch_add(&counters->requests, 1);
    nanosleep(&delay, NULL);
}

static void answer(struct fuse_in_header *in, void *arguments, char *space)
{
    switch (in->opcode) {
    case FUSE_LOOKUP:
    case FUSE_GETATTR:
    case FUSE_OPEN:
    case FUSE_OPENDIR:
    case FUSE_READDIR:
    case FUSE_READ:
        wait_as_storage_does();
    }
    switch (in->opcode) {
    case FUSE_INIT:
        return initialize(in->unique, arguments);
    case FUSE_LOOKUP:
        return look_up(in->unique, node_of(in->nodeid), arguments);
    case FUSE_GETATTR:
        return get_attributes(in->unique, node_of(in->nodeid));
    case FUSE_OPEN:
        return open_file(in->unique, node_of(in->nodeid));
    case FUSE_OPENDIR:
        return open_directory(in->unique, node_of(in->nodeid));
    case FUSE_READ:
        return read_file(in->unique, arguments, space);
    case FUSE_READDIR:
        return read_directory(in->unique, arguments, space);
    case FUSE_RELEASE:
        close(((struct fuse_release_in *)arguments)->fh);
        return reply(in->unique, 0, NULL, 0);
    case FUSE_RELEASEDIR:
        closedir((DIR *)(uintptr_t)((struct fuse_release_in *)arguments)->fh);
        return reply(in->unique, 0, NULL, 0);
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    default:
        return reply(in->unique, ENOSYS, NULL, 0);
    }
}

static void *serve(void *unused)
{
    char *request = malloc(REQUEST), *space = malloc(ANSWER);
    (void)unused;
    if (request == NULL || space == NULL)
        err(1, "memory");
    /* The kernel may otherwise let it sleep for 50 microseconds more. */
    prctl(PR_SET_TIMERSLACK, 1);
    for (;;) {
        ssize_t len = read(device, request, REQUEST);
        if (len < 0 && errno == ENODEV)
            exit(0);
        if (len > 0)
            answer((void *)request, request + sizeof(struct fuse_in_header), space);
    }
}

static void share_counters(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || ftruncate(file, 0) < 0 || ftruncate(file, sizeof *counters) < 0)
        err(1, "%s", path);
    counters = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (counters == MAP_FAILED)
        err(1, "%s", path);
}

int main(int count, char **arguments)
{
    char options[128];
    if (count != 5)
        errx(2, "usage: slow_storage DIR MOUNTPOINT MICROSECONDS COUNTERS");
    long microseconds = atol(arguments[3]);
    delay = (struct timespec){microseconds / 1000000, microseconds % 1000000 * 1000};
    top = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        err(1, "%s", arguments[1]);
    share_counters(arguments[4]);
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0)
        err(1, "/dev/fuse");
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
    if (mount("slow_storage", arguments[2], "fuse.slow_storage", MS_RDONLY | MS_NOSUID | MS_NODEV,
              options) < 0)
        err(1, "%s", arguments[2]);
    for (int i = 1; i < THREADS; i++) {
        pthread_t thread;
        int error = pthread_create(&thread, NULL, serve, NULL);
        if (error != 0)
            errx(1, "thread: %s", strerror(error));
    }
    serve(NULL);
}
