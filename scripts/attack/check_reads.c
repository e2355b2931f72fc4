// Reads records of a mount as fast as it can, and compares every byte: for scripts/attack/stress.
//
//     check_reads MOUNT CONTENTS ENDS SECONDS SEED
//
// CONTENTS has what is to be in all records, one after the other, and ENDS where each one ends, in 8
// bytes. A quarter of the reads are of 64 records in order, the others of a random one. Prints the number
// of records and of bytes that were compared; exit code 1, and a line, where one differs or fails.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { IN_ORDER = 64, LOOK_AT_THE_CLOCK = 256 };

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

static const void *map(const char *path, size_t *length) {
    int file = open(path, O_RDONLY);
    struct stat stat;
    if (file < 0 || fstat(file, &stat) < 0) return NULL;
    *length = stat.st_size;
    void *mapping = mmap(NULL, *length, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    return mapping == MAP_FAILED ? NULL : mapping;
}

static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "check_reads MOUNT CONTENTS ENDS SECONDS SEED\n");
        return 2;
    }
    size_t contents_length, ends_length;
    const char *contents = map(argv[2], &contents_length);
    const uint64_t *ends = map(argv[3], &ends_length);
    if (!contents || !ends) return fail("what is expected");
    uint64_t count = ends_length / 8, state = strtoull(argv[5], NULL, 10) * 2 + 1;
    int mount = open(argv[1], O_RDONLY | O_DIRECTORY);
    int records = mount < 0 ? -1 : openat(mount, "records", O_RDONLY | O_DIRECTORY);
    if (records < 0) return fail(argv[1]);
    // One byte more than the longest shows what is too long.
    size_t room = 1;
    for (uint64_t i = 0; i < count; i++) {
        size_t length = ends[i] - (i ? ends[i - 1] : 0);
        if (length >= room) room = length + 1;
    }
    char *found = malloc(room);
    if (!found) return fail("memory");
    uint64_t reads = 0, bytes = 0, record = 0, left = 0;
    time_t end = time(NULL) + atoi(argv[4]);
    while (reads % LOOK_AT_THE_CLOCK || time(NULL) < end) {
        if (left) {
            record = (record + 1) % count;
            left--;
        } else {
            record = next(&state) % count;
            if (next(&state) % (4 * IN_ORDER) < 2) left = IN_ORDER;
        }
        char name[32];
        snprintf(name, sizeof name, "%" PRIu64 ".bin", record);
        int file = openat(records, name, O_RDONLY);
        if (file < 0) return fail(name);
        size_t start = record ? ends[record - 1] : 0, length = ends[record] - start, done = 0;
        ssize_t got;
        while ((got = read(file, found + done, room - done)) > 0) done += got;
        if (got < 0) return fail(name);
        close(file);
        if (done != length || memcmp(found, contents + start, length)) {
            fprintf(stderr, "%s: %zu bytes, expected %zu, or other ones\n", name, done, length);
            return 1;
        }
        reads++;
        bytes += length;
    }
    printf("%" PRIu64 " %" PRIu64 "\n", reads, bytes);
    return 0;
}
