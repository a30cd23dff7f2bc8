/* Processes: pidfds, ends, this program. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "native.h"

extern char **environ;

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int open_pidfd(int64_t pid) {
    if (native_does_without("pidfd")) {
        errno = ENOSYS;
        return -1;
    }
    long fd = syscall(SYS_pidfd_open, (pid_t)pid, 0);
    return fd < 0 ? -1 : native_move_up((int)fd);
}

/* Stamps are of two kinds, told apart by their lowest bit, since two processes of a family may
   be able to see different things (one under a tool that knows no pidfds, say).

   On kernels from 6.9 on, the inode of a pidfd is never the same for two processes. */
static bool inode_stamp(int fd, uint64_t *stamp) {
    enum { PID_FS = 0x50494446 };
    static _Atomic bool has_pid_fs; /* once it has been seen */
    struct statfs system;
    struct stat status;
    if (fd >= 0 && !atomic_load_explicit(&has_pid_fs, memory_order_relaxed)) {
        atomic_store(&has_pid_fs, !native_does_without("pidfs") && fstatfs(fd, &system) == 0 &&
                                      system.f_type == PID_FS);
    }
    if (fd < 0 || !atomic_load(&has_pid_fs) || fstat(fd, &status) != 0) {
        return false;
    }
    *stamp = (uint64_t)status.st_ino << 1 | 1;
    return true;
}

/* Else the start time in clock ticks since boot: field 22 behind the last parenthesis. False
   with errno ENOENT or ESRCH when there is no such process, with another when it is not known,
   as where a descriptor is lacking. */
static bool time_stamp(int64_t pid, uint64_t *stamp, bool *zombie) {
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    errno = ESRCH; /* it has ended since the opening */
    text[size < 0 ? 0 : size] = '\0';
    char *at = strrchr(text, ')');
    if (at == NULL) {
        return false;
    }
    *zombie = at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X');
    for (int field = 2; field < 22 && at != NULL; field++) {
        at = strchr(at + 1, ' ');
    }
    *stamp = at == NULL ? 0 : (strtoull(at, NULL, 10) + 1) << 1;
    return at != NULL;
}

static bool stamp_of(int fd, int64_t pid, uint64_t *stamp) {
    bool zombie;
    return inode_stamp(fd, stamp) || time_stamp(pid, stamp, &zombie);
}

/* Whether the process that has this id now is the one of the identity, and alive as far as
   /proc is asked. fd may be -1. */
static bool is_process(int fd, struct plat_identity identity) {
    uint64_t stamp;
    bool zombie;
    bool by_inode = (identity.stamp & 1) != 0;
    if (by_inode && inode_stamp(fd, &stamp)) {
        return stamp == identity.stamp;
    }
    if (!time_stamp(identity.pid, &stamp, &zombie)) {
        /* Who is not seen for want of a descriptor is not dead for that. */
        return errno != ENOENT && errno != ESRCH &&
               (kill((pid_t)identity.pid, 0) == 0 || errno != ESRCH);
    }
    /* An inode that cannot be seen from here: that somebody has the id has to do. */
    return !zombie && (by_inode || stamp == identity.stamp);
}

int plat_self_identity(struct plat_identity *identity) {
    int64_t pid = getpid();
    int fd = open_pidfd(pid);
    uint64_t stamp;
    bool known = stamp_of(fd, pid, &stamp);
    if (fd >= 0) {
        close(fd);
    }
    if (!known) {
        return error_set(SPORK_ESYSTEM, "neither pidfds nor /proc tell who this process is");
    }
    *identity = (struct plat_identity){pid, stamp};
    return 0;
}

int plat_process_open(struct plat_process *process, struct plat_identity identity) {
    int fd = open_pidfd(identity.pid);
    if (fd < 0 && errno == ESRCH) {
        return error_set(SPORK_EPEERDIED, "process %lld is no more", (long long)identity.pid);
    }
    if (fd < 0 && errno != ENOSYS && errno != EPERM) {
        return native_error(SPORK_ESYSTEM, "pidfd_open", errno);
    }
    if (!is_process(fd, identity)) {
        if (fd >= 0) {
            close(fd);
        }
        return error_set(SPORK_EPEERDIED, "process %lld is no more", (long long)identity.pid);
    }
    *process = (struct plat_process){identity, fd < 0 ? PLAT_NO_NATIVE : fd, false};
    return 0;
}

/* A child that cannot be watched must not run on. Nobody has reaped it, so that its id is
   still its own. */
static void end_unwatched(int64_t pid) {
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        return;
    }
    kill((pid_t)pid, SIGKILL);
    while (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0 && errno == EINTR) {
    }
}

/* Of a child that has ended, and that the system has reaped since the host ignores SIGCHLD:
   that of a process which began with the system, so of nobody's who has the id later. */
enum { GONE_STAMP = 2 };

int plat_process_adopt(struct plat_process *process, int64_t pid) {
    int fd = open_pidfd(pid);
    int number = errno;
    uint64_t stamp;
    if (fd >= 0 || number == ENOSYS || number == EPERM) {
        errno = ESRCH;
        if (stamp_of(fd, pid, &stamp)) {
            *process =
                (struct plat_process){{pid, stamp}, fd < 0 ? PLAT_NO_NATIVE : fd, true};
            return 0;
        }
        number = errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (number == ESRCH) {
        *process = (struct plat_process){{pid, GONE_STAMP}, PLAT_NO_NATIVE, true};
        return 0;
    }
    end_unwatched(pid);
    return native_error(SPORK_ESYSTEM, "the child was ended, as it cannot be watched", number);
}

void plat_process_close(struct plat_process *process) {
    if (process->native != PLAT_NO_NATIVE) {
        close((int)process->native);
        process->native = PLAT_NO_NATIVE;
    }
}

bool plat_process_dead(const struct plat_process *process) {
    if (process->native != PLAT_NO_NATIVE) {
        struct pollfd poll_fd = {(int)process->native, POLLIN, 0};
        return poll(&poll_fd, 1, 0) > 0;
    }
    return !is_process(-1, process->identity);
}

void plat_process_reap(struct plat_process *process, int *exit_code, bool *known) {
    siginfo_t info = {0};
    int result;
    bool by_fd = process->native != PLAT_NO_NATIVE;
    idtype_t type = by_fd ? (idtype_t)P_PIDFD : P_PID;
    id_t id = by_fd ? (id_t)process->native : (id_t)process->identity.pid;
    do {
        result = waitid(type, id, &info, WEXITED);
    } while (result != 0 && errno == EINTR);
    *known = result == 0;
    *exit_code = result != 0 ? 0 : info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

int plat_process_end(struct plat_process *process, enum plat_end how) {
    static const int signals[] = {SIGTERM, SIGKILL, SIGINT};
    bool by_fd = process->native != PLAT_NO_NATIVE;
    long result =
        by_fd ? syscall(SYS_pidfd_send_signal, (int)process->native, signals[how], NULL, 0)
              : kill((pid_t)process->identity.pid, signals[how]);
    if (result == 0 || errno == ESRCH) {
        return 0;
    }
    return native_error(SPORK_ESYSTEM, "sending a signal", errno);
}

const char *plat_signal_name(int number) {
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},
                 {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"},
                 {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGKILL, "SIGKILL"},
                 {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
                 {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
                 {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].number == number) {
            return names[i].name;
        }
    }
    return NULL;
}

_Noreturn void plat_exit_now(int exit_code) {
    _exit(exit_code);
}

/* ---- this program ---- */

int plat_program_stamp(const char *path, uint64_t *file_stamp) {
    struct stat status;
    if (stat(path, &status) != 0) {
        int number = errno;
        error_set(SPORK_EPROGRAM, "%s", strerror(number));
        return error_prefix(SPORK_EPROGRAM,
                            "the file of this program, %s, was moved or removed since it began",
                            path);
    }
    *file_stamp = (uint64_t)status.st_size * 0x9E3779B97F4A7C15u ^
                  ((uint64_t)status.st_mtim.tv_sec * 1000000000u +
                   (uint64_t)status.st_mtim.tv_nsec);
    return 0;
}

static char **copy_arguments(int argc, char **argv) {
    char **copy = calloc((size_t)argc + 1, sizeof *copy);
    for (int i = 0; copy != NULL && i < argc; i++) {
        copy[i] = strdup(argv[i]);
        if (copy[i] == NULL) {
            while (i > 0) {
                free(copy[--i]);
            }
            free(copy);
            return NULL;
        }
    }
    return copy;
}

int plat_program_self(struct plat_program *program, int argc, char **argv) {
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0) {
        return native_error(SPORK_ESYSTEM, "readlink /proc/self/exe", errno);
    }
    path[length] = '\0';
    struct plat_program made = {.argc = argc};
    int error = plat_program_stamp(path, &made.file_stamp);
    if (error != 0) {
        return error;
    }
    made.path = strdup(path);
    made.argv = copy_arguments(argc, argv);
    if (made.path == NULL || made.argv == NULL) {
        free(made.path);
        free(made.argv);
        return error_set(SPORK_ENOMEM, "no memory for the program's arguments");
    }
    *program = made;
    return 0;
}

bool plat_environment_take(const char *name, char *value, size_t size) {
    const char *found = getenv(name);
    if (found == NULL || strlen(found) >= size) {
        return false;
    }
    memcpy(value, found, strlen(found) + 1);
    unsetenv(name);
    return true;
}
