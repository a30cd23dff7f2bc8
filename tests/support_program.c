/* Programs beside the test: their files of output, and waiting for them. */
#include "support_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_native.h"
#include "spork/base.h"

enum { PATH_SIZE = 1024, MOST_ARGUMENTS = 6000 };

struct program {
    struct program_native native;
    char output_path[PATH_SIZE];
    char errors_path[PATH_SIZE];
    char *output;
    char *errors;
};

/* The length of a path up to its last separator, that included. */
static int folder_length(const char *path) {
    int length = 0;
    for (int i = 0; path[i] != '\0'; i++) {
        length = path[i] == '/' || path[i] == '\\' ? i + 1 : length;
    }
    return length;
}

static void find_path(char *path, size_t size, const char *name) {
    const char *own = native_program();
    if (folder_length(name) > 0) {
        snprintf(path, size, "%s", name);
    } else {
        snprintf(path, size, "%.*s%s%s", folder_length(own), own, name,
                 program_native_suffix());
    }
}

static bool start(struct program *program, const struct program_options *options) {
    static const char *argv[MOST_ARGUMENTS + 2];
    char path[PATH_SIZE];
    size_t count = 1;
    find_path(path, sizeof path, options->name);
    argv[0] = path;
    for (size_t i = 0; options->arguments != NULL && options->arguments[i] != NULL; i++) {
        if (count > MOST_ARGUMENTS) {
            return false;
        }
        argv[count++] = options->arguments[i];
    }
    argv[count] = NULL;
    return program_native_start(&program->native, path, argv, options->environment,
                                program->output_path, program->errors_path);
}

struct program *program_start(const struct program_options *options) {
    static int number;
    struct program *program = calloc(1, sizeof *program);
    char name[64];
    if (program == NULL) {
        return NULL;
    }
    number++;
    snprintf(name, sizeof name, "test-output-%d", number);
    support_temporary(name, program->output_path, PATH_SIZE);
    snprintf(name, sizeof name, "test-%s-%d", options->merged ? "output" : "errors", number);
    support_temporary(name, program->errors_path, PATH_SIZE);
    fflush(NULL);
    if (!start(program, options)) {
        free(program);
        return NULL;
    }
    return program;
}

bool program_wait(struct program *program, int64_t timeout_ms, int *exit_code) {
    int64_t deadline = spork_now_ms() + timeout_ms;
    while (!program_native_ended(&program->native)) {
        if (spork_now_ms() >= deadline) {
            return false;
        }
        spork_sleep_ms(2);
    }
    *exit_code = program->native.exit_code;
    return true;
}

void program_kill(struct program *program) {
    program_native_kill(&program->native);
}

int64_t program_pid(const struct program *program) {
    return program->native.pid;
}

/* The file's contents in place of what was read before. */
static const char *read_again(char **text, const char *path) {
    FILE *file = fopen(path, "rb");
    size_t used = 0;
    size_t capacity = 4096;
    free(*text);
    *text = malloc(capacity);
    for (int next = file == NULL ? EOF : fgetc(file); next != EOF && *text != NULL;
         next = fgetc(file)) {
        if (used + 1 == capacity) {
            capacity *= 2;
            *text = realloc(*text, capacity);
        }
        if (next != '\r' && *text != NULL) {
            (*text)[used++] = (char)next;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    if (*text == NULL) {
        return "";
    }
    (*text)[used] = '\0';
    return *text;
}

const char *program_output(struct program *program) {
    return read_again(&program->output, program->output_path);
}

const char *program_errors(struct program *program) {
    return read_again(&program->errors, program->errors_path);
}

const char *program_output_path(const struct program *program) {
    return program->output_path;
}

void program_free(struct program *program) {
    enum { ROUNDS = 1000 };
    int exit_code;
    if (program == NULL) {
        return;
    }
    if (!program_native_ended(&program->native)) {
        program_native_kill(&program->native);
        program_wait(program, 10000, &exit_code);
    }
    program_native_close(&program->native);
    /* Windows: a file stays as long as one of the family that is just ending has it open. */
    for (int i = 0; i < ROUNDS && remove(program->output_path) != 0; i++) {
        spork_sleep_ms(2);
    }
    if (strcmp(program->output_path, program->errors_path) != 0) {
        for (int i = 0; i < ROUNDS && remove(program->errors_path) != 0; i++) {
            spork_sleep_ms(2);
        }
    }
    free(program->output);
    free(program->errors);
    free(program);
}

/* ---- what most tests need ---- */

int support_run(const char *name, const char *arguments, char *output, size_t size) {
    enum { MOST = 16, LONGEST_MS = 60 * 1000 };
    char words[1024];
    const char *list[MOST + 1];
    size_t count = 0;
    int exit_code = -1;
    snprintf(words, sizeof words, "%s", arguments);
    for (char *word = strtok(words, " "); word != NULL && count < MOST;
         word = strtok(NULL, " ")) {
        list[count++] = word;
    }
    list[count] = NULL;
    const struct program_options options = {.name = name, .arguments = list, .merged = true};
    struct program *program = program_start(&options);
    if (program == NULL) {
        return -1;
    }
    if (!program_wait(program, LONGEST_MS, &exit_code)) {
        exit_code = -1;
    }
    snprintf(output, size, "%s", program_output(program));
    program_free(program);
    return exit_code < 0 ? -1 : exit_code;
}

size_t support_count(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

int support_temporary(const char *name, char *path, size_t size) {
    const char *folder = getenv("TMPDIR");
    folder = folder != NULL ? folder : getenv("TEMP");
    return snprintf(path, size, "%s/%s-%lld", folder != NULL ? folder : "/tmp", name,
                    (long long)native_pid());
}
