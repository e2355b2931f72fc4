/*
 * Reads, stats or lists the files that a list names, and prints how long it took, as JSON.
 *
 *     reader read|stat|parts [-s SEED | -o ORDER] [-p PROCESSES] [-t TURN] [-n FIRST] LIST DIR
 *     reader read [-s SEED] [-p PROCESSES] -d SECONDS -c COUNTERS LIST DIR
 *     reader list LIST DIR
 *
 * LIST has paths relative to DIR, one a line. `read` opens each, asks for its size, reads all of
 * it and closes it; `stat` asks for its size. `list` walks each directory named as `ls -lU` does:
 * it takes the attributes of every entry. `parts` reads parts of larger files, which stay open:
 * a line is a path, and where in the file the part begins and its length, separated by spaces.
 *
 * With a seed the order is shuffled; ORDER is a file of another one, the numbers of lines in LIST, from
 * 0, one a line, each at most once. FIRST ends it after this many. Several processes take turns of TURN
 * files, or of 64, as loaders with batches do. With -d epochs follow each other, each with a seed one
 * higher, until the first that ends after this many seconds; COUNTERS is then a file of a number of
 * 8 bytes for each process, the files that it has read so far, each at the start of 64 bytes.
 *
 * The clock starts when the list is loaded and the processes wait. The sum depends on size, first
 * and last 8 bytes of each file and on its place in LIST, but not on the order of reading (`list`:
 * on the sizes alone). A file that cannot be read in full ends the program with 1.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TURN = 64, MOST_PROCESSES = 256, MOST_WHOLE = 256 };

struct list {
    char **paths;
    uint32_t *order;
    size_t count;
};

/* Of one process; in a line of the processors' caches of its own. */
struct totals {
    _Alignas(64) uint64_t files;
    uint64_t bytes, sum;
};

struct buffer {
    char *bytes;
    size_t size;
};

typedef void visit(int dir, const char *path, uint64_t place, struct buffer *, struct totals *);

/* What the command line asks for. */
struct request {
    visit *visit;
    const char *seed, *order, *counters;
    size_t processes, turn, first;
    double least_seconds;
};

/* The finalizer of splitmix64: a permutation of 64-bit numbers. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static void count_file(struct totals *totals, uint64_t bytes, uint64_t sum)
{
    totals->files += 1;
    totals->bytes += bytes;
    totals->sum += sum;
}

/* The sum of a file's place, size, and its first and last 8 bytes (all of it where it is shorter). */
static uint64_t sum_of(uint64_t place, const char *bytes, size_t size)
{
    uint64_t first = 0, last = 0;
    size_t part = size < 8 ? size : 8;
    memcpy(&first, bytes, part);
    memcpy(&last, bytes + size - part, part);
    return mix(mix(mix(mix(place) ^ size) ^ first) ^ last);
}

static void make_room(struct buffer *buffer, size_t size)
{
    if (size <= buffer->size)
        return;
    buffer->size = 2 * size;
    buffer->bytes = realloc(buffer->bytes, buffer->size);
    if (buffer->bytes == NULL)
        err(1, "%zu bytes", buffer->size);
}

static void visit_read(int dir, const char *path, uint64_t place, struct buffer *buffer,
                       struct totals *totals)
{
    int file = openat(dir, path, O_RDONLY | O_CLOEXEC);
    struct stat attributes;
    if (file < 0 || fstat(file, &attributes) < 0)
        err(1, "%s", path);
    size_t size = (size_t)attributes.st_size, at = 0;
    make_room(buffer, size + 1);
    while (at < size) {
        /* One more than the size, as most programs ask for: the end needs no second call. */
        ssize_t got = read(file, buffer->bytes + at, size + 1 - at);
        if (got < 0)
            err(1, "%s", path);
        if (got == 0)
            errx(1, "%s: ends at %zu of %zu bytes", path, at, size);
        at += (size_t)got;
    }
    if (at != size)
        errx(1, "%s: has more than %zu bytes", path, size);
    close(file);
    count_file(totals, size, sum_of(place, buffer->bytes, size));
}

static void visit_stat(int dir, const char *path, uint64_t place, struct buffer *buffer,
                       struct totals *totals)
{
    (void)buffer;
    struct stat attributes;
    if (fstatat(dir, path, &attributes, 0) < 0)
        err(1, "%s", path);
    uint64_t size = (uint64_t)attributes.st_size;
    count_file(totals, size, mix(mix(place) ^ size));
}

static void visit_list(int parent, const char *path, uint64_t place, struct buffer *buffer,
                       struct totals *totals)
{
    int file = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = file < 0 ? NULL : fdopendir(file);
    if (dir == NULL)
        err(1, "%s", path);
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        struct stat attributes;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (fstatat(file, name, &attributes, AT_SYMLINK_NOFOLLOW) < 0)
            err(1, "%s", name);
        if (S_ISDIR(attributes.st_mode))
            visit_list(file, name, place, buffer, totals);
        else
            count_file(totals, (uint64_t)attributes.st_size, mix((uint64_t)attributes.st_size));
    }
    closedir(dir);
}

/* A file of parts, opened once by each process. */
static int open_whole(int dir, const char *path)
{
    static struct { char *path; int file; } known[MOST_WHOLE];
    size_t at = 0;
    while (at < MOST_WHOLE && known[at].path != NULL && strcmp(known[at].path, path) != 0)
        at++;
    if (at == MOST_WHOLE)
        errx(1, "%s: more than %d files", path, MOST_WHOLE);
    if (known[at].path == NULL) {
        known[at].path = strdup(path);
        known[at].file = openat(dir, path, O_RDONLY | O_CLOEXEC);
        if (known[at].path == NULL || known[at].file < 0)
            err(1, "%s", path);
    }
    return known[at].file;
}

static void visit_part(int dir, const char *line, uint64_t place, struct buffer *buffer,
                       struct totals *totals)
{
    char path[256];
    unsigned long long start, size;
    if (sscanf(line, "%255s %llu %llu", path, &start, &size) != 3)
        errx(1, "%s: no part of a file", line);
    make_room(buffer, size + 1);
    int file = open_whole(dir, path);
    for (size_t at = 0; at < size;) {
        ssize_t got = pread(file, buffer->bytes + at, size - at, (off_t)(start + at));
        if (got <= 0)
            err(1, "%s", line);
        at += (size_t)got;
    }
    count_file(totals, size, sum_of(place, buffer->bytes, size));
}

static char *load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat attributes;
    if (file == NULL || fstat(fileno(file), &attributes) < 0)
        err(1, "%s", path);
    *size = (size_t)attributes.st_size;
    char *text = malloc(*size + 1);
    if (text == NULL || fread(text, 1, *size, file) != *size)
        err(1, "%s", path);
    text[*size] = '\0';
    fclose(file);
    return text;
}

static struct list split(char *text, size_t size)
{
    struct list list = {NULL, NULL, 0};
    size_t lines = 0;
    for (size_t at = 0; at < size; at++)
        lines += text[at] == '\n';
    list.paths = calloc(lines + 1, sizeof *list.paths);
    list.order = calloc(lines + 1, sizeof *list.order);
    if (list.paths == NULL || list.order == NULL)
        err(1, "%zu lines", lines);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        list.order[list.count] = (uint32_t)list.count;
        list.paths[list.count++] = line;
    }
    return list;
}

/* The order that a file has, in place of that of the list. */
static void take_order(struct list *list, const char *path)
{
    size_t size, count = 0;
    char *text = load(path, &size);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long long place = strtoull(line, NULL, 10);
        if (place >= list->count || count == list->count)
            errx(1, "%s: %s is no line of %zu", path, line, list->count);
        list->order[count++] = (uint32_t)place;
    }
    list->count = count;
    free(text);
}

/* Fisher and Yates. */
static void shuffle(struct list *list, uint64_t seed)
{
    for (size_t at = list->count; at > 1; at--) {
        size_t other = mix(seed * list->count + at) % at;
        uint32_t swapped = list->order[at - 1];
        list->order[at - 1] = list->order[other];
        list->order[other] = swapped;
    }
}

/* What process `number` of all does: each turn of theirs. */
static void work(const struct list *list, const struct request *request, int dir, size_t number,
                 struct totals *totals)
{
    struct buffer buffer = {NULL, 0};
    size_t step = request->processes * request->turn;
    visit *visit = request->visit;
    for (size_t turn = number * request->turn; turn < list->count; turn += step)
        for (size_t at = turn; at < turn + request->turn && at < list->count; at++)
            visit(dir, list->paths[list->order[at]], list->order[at], &buffer, totals);
    free(buffer.bytes);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The processes wait at a pipe that is closed when the clock starts. Returns the seconds. */
static double work_together(const struct list *list, const struct request *request, int dir,
                            struct totals *totals)
{
    size_t processes = request->processes;
    int gate[2];
    char byte;
    if (pipe(gate) < 0)
        err(1, "pipe");
    for (size_t number = 0; number < processes; number++) {
        pid_t child = fork();
        if (child < 0)
            err(1, "fork");
        if (child == 0) {
            /* None is to continue when another one has failed. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(gate[1]);
            if (read(gate[0], &byte, 1) < 0)
                err(1, "pipe");
            work(list, request, dir, number, &totals[number]);
            _exit(0);
        }
    }
    double start = now();
    close(gate[0]);
    close(gate[1]);
    for (size_t number = 0; number < processes; number++) {
        int status;
        if (wait(&status) < 0 || status != 0)
            errx(1, "a reading process failed");
    }
    return now() - start;
}

static struct totals sum_up(const struct totals *totals, size_t processes)
{
    struct totals all = {.files = 0};
    for (size_t number = 0; number < processes; number++) {
        all.files += totals[number].files;
        all.bytes += totals[number].bytes;
        all.sum += totals[number].sum;
    }
    return all;
}

static void usage(void)
{
    fputs("usage: reader read|stat|parts|list [-s SEED | -o ORDER] [-p PROCESSES] [-t TURN] "
          "[-n FIRST] [-d SECONDS -c COUNTERS] LIST DIR\n", stderr);
    exit(2);
}

static visit *mode_of(const char *mode)
{
    if (strcmp(mode, "read") == 0)
        return visit_read;
    if (strcmp(mode, "stat") == 0)
        return visit_stat;
    if (strcmp(mode, "list") == 0)
        return visit_list;
    if (strcmp(mode, "parts") == 0)
        return visit_part;
    usage();
    return NULL;
}

/* Where the processes count, so that the parent, and whoever maps the file, can see it. */
static struct totals *share_totals(const char *path)
{
    size_t size = MOST_PROCESSES * sizeof(struct totals);
    int file = -1, flags = MAP_SHARED | MAP_ANONYMOUS;
    if (path != NULL) {
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (file < 0 || ftruncate(file, 0) < 0 || ftruncate(file, (off_t)size) < 0)
            err(1, "%s", path);
        flags = MAP_SHARED;
    }
    struct totals *totals = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, file, 0);
    if (totals == MAP_FAILED)
        err(1, "mmap");
    return totals;
}

static double one_epoch(const struct list *list, const struct request *request, int dir,
                        struct totals *totals)
{
    if (request->processes > 1)
        return work_together(list, request, dir, totals);
    double start = now();
    work(list, request, dir, 0, totals);
    return now() - start;
}

static struct request parse(int count, char **arguments)
{
    struct request request = {.processes = 1, .turn = TURN, .first = SIZE_MAX};
    int option;
    if (count < 2)
        usage();
    request.visit = mode_of(arguments[1]);
    for (optind = 2; (option = getopt(count, arguments, "s:o:p:t:n:d:c:")) != -1;) {
        switch (option) {
        case 's': request.seed = optarg; break;
        case 'o': request.order = optarg; break;
        case 't': request.turn = strtoul(optarg, NULL, 10); break;
        case 'p': request.processes = strtoul(optarg, NULL, 10); break;
        case 'n': request.first = strtoul(optarg, NULL, 10); break;
        case 'd': request.least_seconds = strtod(optarg, NULL); break;
        case 'c': request.counters = optarg; break;
        default: usage();
        }
    }
    if (count - optind != 2 || request.processes < 1 || request.processes > MOST_PROCESSES ||
        request.turn < 1)
        usage();
    return request;
}

int main(int count, char **arguments)
{
    struct request request = parse(count, arguments);
    size_t size;
    char *text = load(arguments[optind], &size);
    struct list list = split(text, size);
    if (request.order != NULL)
        take_order(&list, request.order);
    size_t files = list.count;
    int dir = open(arguments[optind + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        err(1, "%s", arguments[optind + 1]);
    struct totals *totals = share_totals(request.counters);

    double seconds = 0;
    unsigned epochs = 0;
    do {
        list.count = files;
        if (request.seed != NULL)
            shuffle(&list, strtoull(request.seed, NULL, 10) + epochs);
        list.count = request.first < files ? request.first : files;
        seconds += one_epoch(&list, &request, dir, totals);
        epochs++;
    } while (seconds < request.least_seconds);
    struct totals all = sum_up(totals, request.processes);
    printf("{\"files\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"epochs\": %u, "
           "\"sum\": \"%016llx\"}\n",
           (unsigned long long)all.files, (unsigned long long)all.bytes, seconds, epochs,
           (unsigned long long)all.sum);
    free(list.paths);
    free(list.order);
    free(text);
    return 0;
}
