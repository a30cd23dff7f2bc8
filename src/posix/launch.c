/* Starting programs, and forking. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "native.h"
#include "spork/export.h"

extern char **environ;

/* ---- the numbers of the family's descriptors in a child that is run anew ---- */

/* "memory:lifeline", in a variable that is taken away before main. No fixed numbers: a child
   is to get what its options list under the numbers that they have here. */
#define NUMBERS_NAME "SPORK_CHILD_NUMBERS_"

static int given_memory = -1;
static int given_lifeline = -1;

static void SPORK_BEFORE_MAIN take_numbers(void) {
    char text[32];
    if (plat_environment_take(NUMBERS_NAME, text, sizeof text) &&
        sscanf(text, "%d:%d", &given_memory, &given_lifeline) != 2) {
        given_memory = given_lifeline = -1;
    }
}

int launch_memory_fd(void) {
    return given_memory;
}

int launch_lifeline_fd(void) {
    return given_lifeline;
}

/* ---- running a program ---- */

static size_t count_words(const char *const *words) {
    size_t count = 0;
    while (words != NULL && words[count] != NULL) {
        count++;
    }
    return count;
}

static bool is_replaced(const char *variable, const char *const *added) {
    for (size_t i = 0; added != NULL && added[i] != NULL; i++) {
        size_t name = strcspn(added[i], "=") + 1;
        if (strncmp(variable, added[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* This process's variables with the added ones and, if it is not empty, another; the words
   themselves are not copied. */
static const char **make_environment(const char *const *added, const char *another) {
    size_t own = count_words((const char *const *)environ);
    const char **made = calloc(own + count_words(added) + 2, sizeof *made);
    size_t count = 0;
    if (made == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < own; i++) {
        if (!is_replaced(environ[i], added)) {
            made[count++] = environ[i];
        }
    }
    for (size_t i = 0; added != NULL && added[i] != NULL; i++) {
        made[count++] = added[i];
    }
    if (another[0] != '\0') {
        made[count++] = another;
    }
    return made;
}

struct plan {
    posix_spawn_file_actions_t actions;
    int number;
    int memory; /* numbers in the child; -1: it gets none */
    int lifeline;
    char told[64]; /* "NAME=value", what tells the child of them */
};

static void add_dup(struct plan *plan, int from, int to) {
    if (plan->number == 0) {
        plan->number = posix_spawn_file_actions_adddup2(&plan->actions, from, to);
    }
}

static void plan_streams(struct plan *plan, const struct plat_launch *launch) {
    for (int i = 0; i < 3; i++) {
        intptr_t stream = launch->streams[i];
        bool missing = stream == PLAT_STREAM_INHERIT && fcntl(i, F_GETFD) < 0;
        if (stream == PLAT_STREAM_NULL || missing) {
            if (plan->number == 0) {
                plan->number = posix_spawn_file_actions_addopen(&plan->actions, i, "/dev/null",
                                                                O_RDWR, 0);
            }
        } else if (stream != PLAT_STREAM_INHERIT) {
            add_dup(plan, (int)stream, i);
        }
    }
}

static bool is_listed(const struct plat_launch *launch, int fd) {
    for (size_t i = 0; i < launch->inherit_count; i++) {
        if (launch->inherit[i] == fd) {
            return true;
        }
    }
    return false;
}

/* The lowest number that nothing in the child is to have, and no source of a copy has. */
static int free_number(const struct plat_launch *launch, int from, int lifeline) {
    while (is_listed(launch, from) || from == launch->memory->native || from == lifeline) {
        from++;
    }
    return from;
}

static void plan_family(struct plan *plan, const struct plat_launch *launch, int lifeline) {
    plan->memory = free_number(launch, 3, lifeline);
    plan->lifeline = free_number(launch, plan->memory + 1, lifeline);
    snprintf(plan->told, sizeof plan->told, "%s=%d:%d", NUMBERS_NAME, plan->memory,
             plan->lifeline);
    add_dup(plan, (int)launch->memory->native, plan->memory);
    add_dup(plan, lifeline, plan->lifeline);
}

/* Everything but the streams is closed that is not listed, nor the family's. */
static void plan_closing(struct plan *plan, const struct plat_launch *launch) {
    int highest = plan->lifeline < 0 ? 2 : plan->lifeline;
    for (size_t i = 0; i < launch->inherit_count; i++) {
        int fd = (int)launch->inherit[i];
        add_dup(plan, fd, fd); /* takes close-on-exec off */
        highest = fd > highest ? fd : highest;
    }
    for (int fd = 3; fd <= highest && plan->number == 0; fd++) {
        if (fd != plan->memory && fd != plan->lifeline && !is_listed(launch, fd)) {
            plan->number = posix_spawn_file_actions_addclose(&plan->actions, fd);
        }
    }
    if (plan->number == 0) {
        plan->number = posix_spawn_file_actions_addclosefrom_np(&plan->actions, highest + 1);
    }
}

static int check_inherited(const intptr_t *inherit, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (inherit[i] < 0 || inherit[i] > INT_MAX || fcntl((int)inherit[i], F_GETFD) < 0) {
            return error_set(SPORK_EINVAL,
                             "descriptor %lld is not open, so it cannot be inherited",
                             (long long)inherit[i]);
        }
        if (inherit[i] < 3) {
            return error_set(SPORK_EINVAL,
                             "descriptor %d cannot be inherited: it is a standard stream",
                             (int)inherit[i]);
        }
    }
    return 0;
}

static int plan_descriptors(struct plan *plan, const struct plat_launch *launch) {
    int lifeline = -1;
    int error = check_inherited(launch->inherit, launch->inherit_count);
    if (error == 0 && launch->memory != NULL) {
        error = memory_fd_is_open()
                    ? lifeline_open(&lifeline)
                    : error_set(SPORK_ESYSTEM,
                                "descriptor %d, the family's memory, was closed by another "
                                "part of this program, so no child can have it",
                                memory_fd());
    }
    if (error != 0) {
        return error;
    }
    plan_streams(plan, launch);
    if (launch->memory != NULL) {
        plan_family(plan, launch, lifeline);
    }
    plan_closing(plan, launch);
    if (plan->number == 0) {
        return 0;
    }
    /* EBADF: the limit of descriptors is below a number that the child is to have. */
    return native_error(plan->number == ENOMEM ? SPORK_ENOMEM : SPORK_ESYSTEM,
                        "posix_spawn_file_actions", plan->number);
}

static int set_signals(posix_spawnattr_t *attributes) {
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    return posix_spawnattr_setflags(attributes,
                                    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int run(const struct plat_launch *launch, const struct plan *plan, const char **words,
               pid_t *pid) {
    posix_spawnattr_t attributes;
    int number = posix_spawnattr_init(&attributes);
    if (number == 0) {
        number = set_signals(&attributes);
        if (number == 0) {
            number = posix_spawn(pid, launch->path, &plan->actions, &attributes,
                                 (char *const *)(uintptr_t)launch->argv,
                                 (char *const *)(uintptr_t)words);
        }
        posix_spawnattr_destroy(&attributes);
    }
    if (number == 0) {
        return 0;
    }
    native_error(SPORK_EPROGRAM, "posix_spawn", number);
    bool resources = number == ENOMEM || number == EAGAIN;
    return error_prefix(resources ? SPORK_ESYSTEM : SPORK_EPROGRAM, "%s cannot be run",
                        launch->path);
}

int plat_launch(struct plat_process *process, const struct plat_launch *launch) {
    struct plan plan = {.memory = -1, .lifeline = -1};
    pid_t pid = 0;
    int number = posix_spawn_file_actions_init(&plan.actions);
    if (number != 0) {
        return native_error(SPORK_ENOMEM, "posix_spawn_file_actions_init", number);
    }
    int error = plan_descriptors(&plan, launch);
    const char **words =
        error != 0 ? NULL : make_environment(launch->add_environment, plan.told);
    if (error == 0 && words == NULL) {
        error = error_set(SPORK_ENOMEM, "no memory for an environment");
    }
    if (error == 0) {
        error = run(launch, &plan, words, &pid);
    }
    posix_spawn_file_actions_destroy(&plan.actions);
    free(words);
    return error != 0 ? error : plat_process_adopt(process, pid);
}

/* ---- forking ---- */

/* What kernels before 5.9 have no call for: one by one those that are open. The directory tells
   them in rising order by where it has come to, so that to close one on the way skips none. */
static void close_one_by_one(int from, int to) {
    DIR *open_ones = opendir("/proc/self/fd");
    if (open_ones == NULL) {
        long most = sysconf(_SC_OPEN_MAX);
        for (int fd = from; fd <= to && fd < most; fd++) {
            close(fd);
        }
        return;
    }
    for (struct dirent *entry; (entry = readdir(open_ones)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd >= from && fd <= to && fd != dirfd(open_ones)) {
            close(fd);
        }
    }
    closedir(open_ones);
}

static void close_from_to(unsigned from, unsigned to) {
    if (native_does_without("close_range") || syscall(SYS_close_range, from, to, 0) != 0) {
        close_one_by_one((int)from, to > INT_MAX ? INT_MAX : (int)to);
    }
}

static void close_others(const intptr_t *inherit, size_t count) {
    /* Between each two descriptors that are kept, in rising order, a range is closed. */
    unsigned from = 3;
    for (;;) {
        unsigned next = ~0u;
        int own[2] = {memory_fd_is_open() ? memory_fd() : -1, lifeline_held_fd()};
        for (int i = 0; i < 2; i++) {
            next = own[i] >= 0 && (unsigned)own[i] >= from && (unsigned)own[i] < next
                       ? (unsigned)own[i]
                       : next;
        }
        for (size_t i = 0; i < count; i++) {
            next = inherit[i] >= (intptr_t)from && (unsigned)inherit[i] < next
                       ? (unsigned)inherit[i]
                       : next;
        }
        if (next > from) {
            close_from_to(from, next == ~0u ? ~0u : next - 1);
        }
        if (next == ~0u) {
            return;
        }
        from = next + 1;
    }
}

/* Handlers are the parent's, and point into code that does not expect to run here. */
static void reset_signals(void) {
    sigset_t none;
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            number != SIGKILL && number != SIGSTOP) {
            action = (struct sigaction){.sa_handler = SIG_DFL};
            sigaction(number, &action, NULL);
        }
    }
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* Streams that the parent had closed: what is opened first must not be taken for one. */
static void open_missing_streams(void) {
    for (int i = 0; i < 3; i++) {
        if (fcntl(i, F_GETFD) < 0) {
            open("/dev/null", O_RDWR); /* takes the lowest number that is free */
        }
    }
}

/* In the child. lifeline: the reading end of who asked for it; -1: none. */
static void settle_child(const intptr_t *inherit, size_t count, int lifeline) {
    open_missing_streams();
    if (!lifeline_change(lifeline)) {
        _exit(127);
    }
    close_others(inherit, count);
    reset_signals();
}

/* clone3 where there is one: kernels before 5.3, and some sandboxes, have but its elder. */
static pid_t clone_any(struct clone_args *arguments) {
    if (!native_does_without("clone3")) {
        pid_t pid = (pid_t)syscall(SYS_clone3, arguments, sizeof *arguments);
        if (pid >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return pid;
        }
    }
#ifdef __x86_64__
    return (pid_t)syscall(SYS_clone, arguments->flags, 0, arguments->parent_tid,
                          arguments->child_tid, 0);
#else
    return (pid_t)syscall(SYS_clone, arguments->flags, 0, arguments->parent_tid, 0,
                          arguments->child_tid);
#endif
}

/* fork() with the present process's parent as the child's: what glibc's fork does for a
   process of one thread, with CLONE_PARENT. The thread's id in the C library and its robust
   list are kept right by the same two addresses that fork gives the kernel. The kernel also
   tells the child's id, since no signal comes between the making of a child and that. */
static pid_t fork_sibling(_Atomic uint64_t *told) {
    pid_t *tid_address = NULL;
    void *robust_list = NULL;
    size_t robust_size = 0;
    prctl(PR_GET_TID_ADDRESS, &tid_address);
    syscall(SYS_get_robust_list, 0, &robust_list, &robust_size);
    unsigned char *low = (unsigned char *)told;
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) {
        low += sizeof *told - sizeof(pid_t);
    }
    struct clone_args arguments = {.flags = CLONE_PARENT | CLONE_PARENT_SETTID,
                                   .parent_tid = (uint64_t)(uintptr_t)low};
    if (tid_address != NULL) {
        arguments.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
        arguments.child_tid = (uint64_t)(uintptr_t)tid_address;
    }
    pid_t pid = clone_any(&arguments);
    if (pid == 0) {
        if (robust_list != NULL) {
            syscall(SYS_set_robust_list, robust_list, robust_size);
        }
        lifeline_forked();
        native_after_raw_fork();
    }
    return pid;
}

int plat_fork(struct plat_process *process, const intptr_t *inherit, size_t inherit_count,
              _Atomic uint64_t *told, bool detached, bool *in_child) {
    int lifeline = -1;
    int error = check_inherited(inherit, inherit_count);
    if (error == 0 && told == NULL) {
        error = lifeline_open(&lifeline);
    }
    if (error != 0) {
        return error;
    }
    lifeline = told != NULL ? lifeline_held_fd()
                            : fcntl(lifeline, F_DUPFD_CLOEXEC, LOWEST_OWN_FD);
    if (lifeline < 0 && told == NULL) {
        return native_error(SPORK_ESYSTEM, "the lifeline", errno);
    }
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = told != NULL ? fork_sibling(told) : fork();
    int number = errno;
    if (pid == 0) {
        settle_child(inherit, inherit_count, detached ? -1 : lifeline);
        *in_child = true;
        return 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (told == NULL) {
        close(lifeline);
    }
    if (pid < 0) {
        return native_error(SPORK_ESYSTEM, "fork", number);
    }
    *in_child = false;
    if (told != NULL) {
        return 0;
    }
    return plat_process_adopt(process, pid);
}

int plat_fork_plain(int64_t *pid) {
    pid_t child = fork();
    if (child < 0) {
        return native_error(SPORK_ESYSTEM, "fork", errno);
    }
    *pid = child;
    return 0;
}
