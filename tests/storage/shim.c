/* Stands between a process and the system's file calls, for those on paths below one folder.

   One call, chosen by its number, fails with a chosen errno, or does only half of its work; or all
   calls that change something are written to a log, from which tests/storage/power.py works out
   what a loss of power leaves. `sweep.py` builds it and sets it up by `shim_plan`; a process that
   has no plan is not touched. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 1024, PATH_SIZE = 512, HALF_DONE = -1 };

static char folder[PATH_SIZE];
static char paths[DESCRIPTORS_MAX][PATH_SIZE]; /* Empty where a descriptor is none of the folder's. */
static long calls, failing_call;
static int failure;
static int log_descriptor = -1;

/* The next calls on paths below `below` count from 1; the `nth` fails with `error`. None does if it
   is 0. A descriptor `log` other than -1 takes the log. */
void shim_plan(const char *below, long nth, int error, int log) {
    snprintf(folder, sizeof folder, "%s", below);
    calls = 0;
    failing_call = nth;
    failure = error;
    log_descriptor = log;
}

long shim_calls(void) { return calls; }

__attribute__((constructor)) static void plan_of_environment(void) {
    const char *below = getenv("SHIM_FOLDER"), *nth = getenv("SHIM_CALL"), *error = getenv("SHIM_ERROR");
    if (below && nth && error) shim_plan(below, atol(nth), atoi(error), -1);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)

static void put(const void *data, size_t size) {
    static __typeof__(&write) real;
    if (!real) real = dlsym(RTLD_NEXT, "write");
    while (size) {
        ssize_t done = real(log_descriptor, data, size);
        if (done < 0) abort();
        data = (const char *)data + done;
        size -= done;
    }
}

/* A line of the log, `data` after it. */
void shim_log(const char *call, const char *path, long offset, const void *data, size_t size) {
    if (log_descriptor < 0) return;
    char line[2 * PATH_SIZE];
    int length = snprintf(line, sizeof line, "%s\t%ld\t%zu\t%s\n", call, offset, size, path);
    put(line, length);
    put(data, size);
}

static int is_below(const char *path) {
    size_t length = strlen(folder);
    return length && path && !strncmp(path, folder, length) && (!path[length] || path[length] == '/');
}

static const char *path_of(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS_MAX ? paths[descriptor] : "";
}

static void remember(int descriptor, const char *path) {
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX)
        snprintf(paths[descriptor], PATH_SIZE, "%s", is_below(path) ? path : "");
}

/* Whether this call fails; half of one is done by those that can, and the others do not fail then. */
static int fails(const char *path, int has_halves) {
    if (!is_below(path) || ++calls != failing_call) return 0;
    if (failure == HALF_DONE) return has_halves ? HALF_DONE : 0;
    errno = failure;
    return 1;
}

static int opened(int descriptor, const char *path, int flags) {
    if (descriptor >= 0) {
        remember(descriptor, path);
        if (is_below(path) && flags & O_CREAT) shim_log("create", path, 0, "", 0);
        if (is_below(path) && flags & O_TRUNC) shim_log("truncate", path, 0, "", 0);
    }
    return descriptor;
}

#define MODE(flags) \
    va_list arguments; va_start(arguments, flags); \
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0; va_end(arguments)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); MODE(flags); \
        return fails(path, 0) ? -1 : opened(real(path, flags, mode), path, flags); }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        REAL(name); MODE(flags); \
        return fails(path, 0) ? -1 : opened(real(at, path, flags, mode), path, flags); }
OPENAT(openat)
OPENAT(openat64)

int close(int descriptor) {
    REAL(close);
    int failing = fails(path_of(descriptor), 0), error = errno;
    remember(descriptor, "");
    int result = real(descriptor);
    if (!failing) return result;
    errno = error;
    return -1;
}

ssize_t read(int descriptor, void *data, size_t size) {
    REAL(read);
    int failing = fails(path_of(descriptor), size > 1);
    if (failing == 1) return -1;
    return real(descriptor, data, failing ? size / 2 : size);
}

#define PREAD(name, offset_type) \
    ssize_t name(int descriptor, void *data, size_t size, offset_type offset) { \
        REAL(name); \
        int failing = fails(path_of(descriptor), size > 1); \
        if (failing == 1) return -1; \
        return real(descriptor, data, failing ? size / 2 : size, offset); }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

#define PWRITE(name, offset_type) \
    ssize_t name(int descriptor, const void *data, size_t size, offset_type offset) { \
        REAL(name); \
        int failing = fails(path_of(descriptor), size > 1); \
        if (failing == 1) return -1; \
        ssize_t done = real(descriptor, data, failing ? size / 2 : size, offset); \
        if (done > 0 && *path_of(descriptor)) shim_log("write", path_of(descriptor), offset, data, done); \
        return done; }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* What this process writes below the folder without an offset is not in the log: it does so nowhere. */
ssize_t write(int descriptor, const void *data, size_t size) {
    REAL(write);
    int failing = fails(path_of(descriptor), size > 1);
    if (failing == 1) return -1;
    if (*path_of(descriptor)) shim_log("unplaced", path_of(descriptor), 0, data, failing ? size / 2 : size);
    return real(descriptor, data, failing ? size / 2 : size);
}

#define ON_DESCRIPTOR(name, parameters, call, logged, offset) \
    int name parameters { \
        REAL(name); \
        if (fails(path_of(descriptor), 0)) return -1; \
        int result = real call; \
        if (result == 0 && logged && *path_of(descriptor)) shim_log(logged, path_of(descriptor), offset, "", 0); \
        return result; }
ON_DESCRIPTOR(fsync, (int descriptor), (descriptor), "flush", 0)
ON_DESCRIPTOR(fdatasync, (int descriptor), (descriptor), "flush", 0)
ON_DESCRIPTOR(ftruncate, (int descriptor, off_t size), (descriptor, size), "truncate", size)
ON_DESCRIPTOR(ftruncate64, (int descriptor, off64_t size), (descriptor, size), "truncate", size)
ON_DESCRIPTOR(flock, (int descriptor, int operation), (descriptor, operation), (char *)0, 0)
ON_DESCRIPTOR(fstat, (int descriptor, struct stat *status), (descriptor, status), (char *)0, 0)
ON_DESCRIPTOR(fstat64, (int descriptor, struct stat64 *status), (descriptor, status), (char *)0, 0)

#define ON_PATH(name, parameters, call, logged) \
    int name parameters { \
        REAL(name); \
        if (fails(path, 0)) return -1; \
        int result = real call; \
        if (result == 0 && logged && is_below(path)) shim_log(logged, path, 0, "", 0); \
        return result; }
ON_PATH(unlink, (const char *path), (path), "unlink")
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode), "mkdir")
ON_PATH(stat, (const char *path, struct stat *status), (path, status), (char *)0)
ON_PATH(lstat, (const char *path, struct stat *status), (path, status), (char *)0)
ON_PATH(stat64, (const char *path, struct stat64 *status), (path, status), (char *)0)
ON_PATH(lstat64, (const char *path, struct stat64 *status), (path, status), (char *)0)

int fstatat(int at, const char *path, struct stat *status, int flags) {
    REAL(fstatat);
    return fails(path, 0) ? -1 : real(at, path, status, flags);
}

int fstatat64(int at, const char *path, struct stat64 *status, int flags) {
    REAL(fstatat64);
    return fails(path, 0) ? -1 : real(at, path, status, flags);
}

int rename(const char *path, const char *to) {
    REAL(rename);
    if (fails(to, 0)) return -1;
    int result = real(path, to);
    if (result == 0 && is_below(to)) {
        shim_log("rename", path, 0, to, strlen(to));
        for (int each = 0; each < DESCRIPTORS_MAX; each++)
            if (!strcmp(paths[each], path)) remember(each, to);
    }
    return result;
}

#define FCNTL(name) \
    int name(int descriptor, int command, ...) { \
        REAL(name); \
        va_list arguments; va_start(arguments, command); \
        void *argument = va_arg(arguments, void *); va_end(arguments); \
        int is_lock = command == F_SETLK || command == F_SETLKW || command == F_GETLK; \
        return is_lock && fails(path_of(descriptor), 0) ? -1 : real(descriptor, command, argument); }
FCNTL(fcntl)
FCNTL(fcntl64)

#define MMAP(name, offset_type) \
    void *name(void *at, size_t size, int access, int flags, int descriptor, offset_type offset) { \
        REAL(name); \
        return fails(path_of(descriptor), 0) ? MAP_FAILED : real(at, size, access, flags, descriptor, offset); }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

DIR *opendir(const char *path) {
    REAL(opendir);
    return fails(path, 0) ? NULL : real(path);
}
