/* Programs that tests start, by posix_spawn. */
#define _GNU_SOURCE
#include "../../support_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool replaces(const char *added, const char *variable) {
    size_t name = strcspn(added, "=") + 1;
    return strncmp(added, variable, name) == 0;
}

/* The words themselves are not copied. */
static char **make_environment(const char *const *added) {
    size_t own = 0;
    size_t more = 0;
    size_t count = 0;
    while (environ[own] != NULL) {
        own++;
    }
    while (added != NULL && added[more] != NULL) {
        more++;
    }
    char **made = calloc(own + more + 1, sizeof *made);
    for (size_t i = 0; made != NULL && i < own; i++) {
        bool replaced = false;
        for (size_t k = 0; k < more; k++) {
            replaced = replaced || replaces(added[k], environ[i]);
        }
        if (!replaced) {
            made[count++] = environ[i];
        }
    }
    for (size_t i = 0; made != NULL && i < more; i++) {
        made[count++] = (char *)(uintptr_t)added[i];
    }
    return made;
}

bool program_native_start(struct program_native *native, const char *path,
                          const char *const *argv, const char *const *environment,
                          const char *output, const char *errors) {
    posix_spawn_file_actions_t actions;
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
    char **words = make_environment(environment);
    pid_t pid = -1;
    if (words == NULL || posix_spawn_file_actions_init(&actions) != 0) {
        free(words);
        return false;
    }
    posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0600);
    if (strcmp(output, errors) == 0) {
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
    } else {
        posix_spawn_file_actions_addopen(&actions, 2, errors, flags, 0600);
    }
    int number =
        posix_spawn(&pid, path, &actions, NULL, (char *const *)(uintptr_t)argv, words);
    posix_spawn_file_actions_destroy(&actions);
    free(words);
    *native = (struct program_native){.pid = pid, .handle = -1};
    return number == 0;
}

bool program_native_ended(struct program_native *native) {
    int status;
    if (!native->ended && waitpid((pid_t)native->pid, &status, WNOHANG) == native->pid) {
        native->ended = true;
        native->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    return native->ended;
}

void program_native_kill(struct program_native *native) {
    if (!program_native_ended(native)) {
        kill((pid_t)native->pid, SIGKILL);
    }
}

void program_native_close(struct program_native *native) {
    (void)native;
}

const char *program_native_suffix(void) {
    return "";
}
