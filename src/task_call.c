/* Calls on their way to a child: [name, file, types, [arguments]] as MessagePack. */
#include <stdlib.h>
#include <string.h>

#include "task.h"
#include "task_registry.h"

/* Parent and child are one build, so __FILE__ is compared as it is, with its path. */
static bool is_named(const spork_task *task, const char *name, const char *file,
                     const char *types) {
    return strcmp(task->name, name) == 0 && strcmp(task->file, file) == 0 &&
           strcmp(task->types, types) == 0;
}

static int refuse_twins(const char *name, const char *file) {
    return error_set(SPORK_EINVAL,
                     "there are two tasks %s of %s, and nothing tells them apart: a file with a "
                     "SPORK_TASK in it may be included once only",
                     name, file);
}

static int explain_missing(const char *name, const char *file, const char *types) {
    for (const spork_task *at = task_first(); at != NULL; at = at->next) {
        if (strcmp(at->name, name) == 0) {
            return error_set(SPORK_ENOTASK,
                             "the child's task %s is another one: %s of %s there, %s of %s here",
                             name, at->types, at->file, types, file);
        }
    }
    return error_set(SPORK_ENOTASK,
                     "the child has no task %s (of %s): SPORK_TASK has to be in the program "
                     "itself",
                     name, file);
}

int task_find(const char *name, const char *file, const char *types,
              const spork_task **task) {
    const spork_task *found = NULL;
    for (const spork_task *at = task_first(); at != NULL; at = at->next) {
        if (!is_named(at, name, file, types)) {
            continue;
        }
        if (found != NULL) {
            return refuse_twins(name, file);
        }
        found = at;
    }
    if (found == NULL) {
        return explain_missing(name, file, types);
    }
    *task = found;
    return 0;
}

/* The child would refuse it too, but the parent need not start one for that. */
int task_check_alone(const spork_task *task) {
    for (const spork_task *at = task_first(); at != NULL; at = at->next) {
        if (at != task && is_named(at, task->name, task->file, task->types)) {
            return refuse_twins(task->name, task->file);
        }
    }
    return 0;
}

static spork_value argument(const spork_call *call, size_t index) {
    spork_value value = call->arguments[index];
    if (value.reserved_[0] == 1) {
        value.as.data = call->storage + value.as.integer;
        value.reserved_[0] = 0;
    }
    return value;
}

/* Their values, with those that lie in the call's storage in place. */
static int find_arguments(const spork_call *call,
                          spork_value arguments[SPORK_ARGUMENTS_MAX]) {
    if (call->count > SPORK_ARGUMENTS_MAX) {
        return error_set(SPORK_EINVAL, "a call of %s with %zu arguments", call->task->name,
                         call->count);
    }
    for (size_t i = 0; i < call->count; i++) {
        arguments[i] = argument(call, i);
    }
    return 0;
}

int task_encode_arguments(const spork_call *call, const struct codec_handles *handles,
                          void **data, size_t *size) {
    spork_value arguments[SPORK_ARGUMENTS_MAX];
    int error = find_arguments(call, arguments);
    if (error != 0) {
        return error;
    }
    const spork_value list = spork_list(arguments, call->count);
    error = codec_encode(&list, handles, data, size);
    return error == 0 ? 0 : error_prefix(error, "the arguments of %s", call->task->name);
}

int task_encode_with(const spork_call *call, const struct codec_handles *handles, void **data,
                     size_t *size) {
    spork_value arguments[SPORK_ARGUMENTS_MAX];
    if (call->task == NULL) {
        const spork_value nothing = spork_list(NULL, 0);
        return codec_encode(&nothing, handles, data, size);
    }
    int error = task_check_alone(call->task);
    if (error == 0) {
        error = find_arguments(call, arguments);
    }
    if (error != 0) {
        return error;
    }
    const spork_value parts[] = {
        spork_str(call->task->name), spork_str(call->task->file),
        spork_str(call->task->types), spork_list(arguments, call->count)};
    const spork_value all = spork_list(parts, sizeof parts / sizeof parts[0]);
    error = codec_encode(&all, handles, data, size);
    return error == 0 ? 0 : error_prefix(error, "the arguments of %s", call->task->name);
}

int task_encode(struct self *self, const spork_call *call, slot_reference target, void **data,
                size_t *size) {
    struct parcel parcel;
    parcel_open(&parcel, self, target);
    return task_encode_with(call, &parcel.codec, data, size);
}

static int find_called(const spork_value *call, const spork_task **task) {
    const char *words[3];
    for (size_t i = 0; i < 3; i++) {
        const spork_value *part = spork_value_at(call, i);
        if (part == NULL || spork_value_get_str(part, &words[i]) != 0) {
            return error_set(SPORK_EMALFORMED, "the launch message names no task");
        }
    }
    int error = task_find(words[0], words[1], words[2], task);
    if (error != 0) {
        return error;
    }
    if (spork_value_count(spork_value_at(call, 3)) + 1 != strlen((*task)->types)) {
        return error_set(SPORK_EMALFORMED, "%s was called with %zu arguments", words[0],
                         spork_value_count(spork_value_at(call, 3)));
    }
    return 0;
}

int task_decode(const void *data, size_t size, const spork_task **task, spork_value *call) {
    int error = codec_decode(call, data, size, &handle_receiver);
    if (error != 0) {
        return error;
    }
    *task = NULL;
    error = spork_value_count(call) == 0 ? 0 : find_called(call, task);
    if (error != 0) {
        spork_value_free(call);
    }
    return error;
}

int task_run(const spork_task *task, const spork_value *call, spork_value *result) {
    if (task == NULL) {
        *result = spork_int(0);
        return 0;
    }
    const spork_value *arguments = spork_value_at(call, 3);
    int error = task->run(arguments->as.items, result);
    return error == 0 ? 0 : error_prefix(error, "an argument of %s", task->name);
}

int task_write_result(const spork_task *task, void *object, const spork_value *result) {
    switch (task->types[0]) {
    case 'v':
        memcpy(object, result, sizeof *result);
        return 0;
    case 'u':
        return spork_unwrap_unsigned_(object, task->result_size, result);
    case 'b':
        return spork_unwrap_bool_(object, task->result_size, result);
    case 'f':
        return spork_unwrap_float_(object, task->result_size, result);
    default:
        return spork_unwrap_signed_(object, task->result_size, result);
    }
}
