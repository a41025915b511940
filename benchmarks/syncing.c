/* To be preloaded (ld.so(8)): a program that is run with it syncs what it has written, and its name, before it closes it.

   DCMTK's storescp then promises with its Success what this node promises. The name is synced after the bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int really_close(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    return real(fd);
}

static void sync_with_name(int fd) {
    char link[64], path[PATH_MAX];
    struct stat found;
    if (fd < 3 || fstat(fd, &found) || !S_ISREG(found.st_mode) || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    fdatasync(fd);
    int directory = open(dirname(path), O_RDONLY | O_DIRECTORY);
    if (directory < 0) return;
    fsync(directory);
    really_close(directory);
}

int close(int fd) {
    sync_with_name(fd);
    return really_close(fd);
}

int fclose(FILE *file) {
    static int (*real)(FILE *);
    if (!real) real = (int (*)(FILE *))dlsym(RTLD_NEXT, "fclose");
    fflush(file);
    sync_with_name(fileno(file));
    return real(file);
}
