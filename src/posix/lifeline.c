/* The lifeline: a pipe whose writing end its owner alone holds. Each child has a reading end of
   its own (its own open file description), for which the kernel is asked to send SIGKILL when
   the pipe's other side goes away: with the owner's last thread, not with the thread that
   started the child, as PR_SET_PDEATHSIG would. No thread of ours watches it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native.h"

static plat_mutex lifeline_mutex;
static int own_read = -1;  /* what children get; never read */
static int own_write = -1; /* closed by our death alone */
static struct stat own_file;
static int held = -1;      /* our parent's, on which we hang */
static bool hook_is_set;

/* A program that closes all descriptors has closed these too, and with them ended the
   children that hung on the pipe. Others may have the numbers now. */
static void notice_loss(void) {
    struct stat now;
    int ends[2] = {own_read, own_write};
    for (int i = 0; i < 2 && own_write >= 0; i++) {
        if (fstat(ends[i], &now) != 0 || now.st_dev != own_file.st_dev ||
            now.st_ino != own_file.st_ino) {
            own_read = own_write = -1;
        }
    }
}

/* A child that anybody forks must not keep our writing end open. */
void lifeline_forked(void) {
    notice_loss();
    if (own_write >= 0) {
        close(own_write);
        close(own_read);
    }
    own_read = own_write = -1;
}

/* No fork while the ends are being made: its child would have one that nobody knows of. */
static void before_fork(void) {
    plat_mutex_lock(&lifeline_mutex);
}

static void after_fork(void) {
    plat_mutex_unlock(&lifeline_mutex);
}

static void in_forked_child(void) {
    lifeline_forked();
    plat_mutex_unlock(&lifeline_mutex);
}

int lifeline_open(int *read_fd) {
    int ends[2];
    int error = 0;
    plat_mutex_lock(&lifeline_mutex);
    if (!hook_is_set) {
        hook_is_set = pthread_atfork(before_fork, after_fork, in_forked_child) == 0;
    }
    notice_loss();
    if (own_write < 0) {
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
            error = native_error(SPORK_ESYSTEM, "pipe2", errno);
        } else {
            own_read = native_move_up(ends[0]);
            own_write = native_move_up(ends[1]);
            fstat(own_write, &own_file);
        }
    }
    *read_fd = own_read;
    plat_mutex_unlock(&lifeline_mutex);
    return error;
}

int lifeline_held_fd(void) {
    return held;
}

/* Opens the pipe anew, so that owner and signal are of this process alone. */
static int hang_on(int read_fd) {
    /* Not by snprintf: each page of the C library that a new child is the first to touch is a
       fault. */
    char path[] = "/proc/self/fd/\0\0\0\0\0\0\0\0\0\0";
    char *end = strchr(path, '\0');
    for (int rest = read_fd; rest > 0; rest /= 10) {
        end++;
    }
    for (int rest = read_fd; rest > 0; rest /= 10) {
        *--end = (char)('0' + rest % 10);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return native_error(SPORK_ESYSTEM, "opening the lifeline anew", errno);
    }
    close(read_fd);
    held = native_move_up(fd);
    if (fcntl(held, F_SETOWN, getpid()) != 0 || fcntl(held, F_SETSIG, SIGKILL) != 0 ||
        fcntl(held, F_SETFL, O_ASYNC | O_NONBLOCK) != 0) {
        return native_error(SPORK_ESYSTEM, "arming the lifeline", errno);
    }
    /* The parent may have died before the kernel was asked. */
    char byte;
    if (read(held, &byte, 1) == 0) {
        raise(SIGKILL);
    }
    return 0;
}

bool lifeline_change(int lifeline) {
    int old = held;
    held = -1;
    if (lifeline >= 0 && hang_on(lifeline) != 0) {
        return false;
    }
    if (old >= 0 && old != lifeline) {
        close(old);
    }
    return true;
}

int plat_lifeline_hold(bool detached) {
    if (detached) {
        close(launch_lifeline_fd());
        return 0;
    }
    return hang_on(launch_lifeline_fd());
}
