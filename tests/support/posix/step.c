/* Copies by fork, steps by ptrace. */
#define _GNU_SOURCE
#include "support/step.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *step_obstacle(void) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    return "a sanitizer makes a hundred instructions of one";
#elif !defined(__x86_64__)
    return "the address of an instruction is read on x86-64 only";
#else
    pid_t pid = fork();
    if (pid == 0) {
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    }
    int status = 1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0
               ? NULL
               : "ptrace is not allowed here";
#endif
}

void *step_shared_memory(size_t size) {
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int result_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* waitpid with a limit; the copy is killed when it is over. */
static int await(pid_t pid, int64_t limit_ms) {
    int status;
    for (int64_t waited_us = 0; waited_us < limit_ms * 1000;) {
        pid_t found = waitpid(pid, &status, WNOHANG);
        if (found == pid) {
            return result_of(status);
        }
        int64_t nap_us = waited_us < 2000 ? 50 : 1000;
        nanosleep(&(struct timespec){0, nap_us * 1000}, NULL);
        waited_us += nap_us;
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -2;
}

int step_run_copy(int (*work)(void), int64_t limit_ms) {
    pid_t pid = fork();
    if (pid == 0) {
        _exit(work());
    }
    return pid < 0 ? -1 : await(pid, limit_ms);
}

bool step_begin(struct stepped *stepped, int (*prepare)(void), int (*work)(void)) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (prepare != NULL && prepare() != 0) {
            _exit(126);
        }
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(126);
        }
        raise(SIGSTOP);
        int result = work();
        raise(SIGSTOP);
        _exit(result);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        return false;
    }
    *stepped = (struct stepped){.pid = pid};
    return true;
}

bool step_next(struct stepped *stepped) {
    int status;
    pid_t pid = (pid_t)stepped->pid;
    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid ||
        !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
        return false;
    }
#ifdef __x86_64__
    long address = ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rip), NULL);
    stepped->address = (uintptr_t)address;
#endif
    return true;
}

void step_kill(struct stepped *stepped) {
    int status;
    kill((pid_t)stepped->pid, SIGKILL);
    waitpid((pid_t)stepped->pid, &status, 0);
}

int step_finish(struct stepped *stepped, int64_t limit_ms) {
    /* Detached, it does not stop at the end of its work: SIGCONT takes the stop away. */
    pid_t pid = (pid_t)stepped->pid;
    int status;
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    for (int64_t waited_ms = 0; waited_ms < limit_ms; waited_ms++) {
        pid_t found = waitpid(pid, &status, WNOHANG);
        if (found == pid && WIFSTOPPED(status)) {
            ptrace(PTRACE_DETACH, pid, NULL, NULL);
            return await(pid, limit_ms);
        }
        if (found == pid) {
            return result_of(status);
        }
        nanosleep(&(struct timespec){0, 200000}, NULL);
    }
    step_kill(stepped);
    return -2;
}
