/* Tasks: C functions that can be started in another process, with typed arguments.

       static int greet(spork_queue *out, const char *name, int64_t times) { ... }
       SPORK_TASK(int, greet, spork_queue *, const char *, int64_t);

   registers greet before main and emits greet_call(queue, "bob", 3), which makes the
   spork_call that processes are started with. Wrong arity, a raw pointer, a swapped handle
   and types that are not the function's own are compile errors.

   Parameters, none to eight: every integer type, bool, float, double, const char * (UTF-8,
   any length, NULL stays NULL), spork_bytes, spork_value, a flat struct by value (it is
   copied as bytes, so it must hold no pointers; the structs of one call may be 512 bytes
   together), and every handle (see SPORK_HANDLES): spork_queue *, spork_pipe * and so on.
   In the child, pointers and handles are borrowed: they end with the task.
   Result: an integer type or bool (it becomes the exit code), float, double or spork_value (which
   make the exit code 0).

   SPORK_TASK emits besides, for pools (see pool.h), with R the result's type and T0, T1 ... the
   parameters':

       int square_apply(spork_pool *pool, R *result, T0 x0, T1 x1 ...)
           runs it and waits. result may be NULL; of a spork_value: to be freed
       int square_apply_async(square_future *future, spork_pool *pool, T0 x0, T1 x1 ...)
           gives it to the pool; future->future is the spork_future, to be freed
       int square_get(square_future future, R *result, int64_t timeout_ms)
           waits for it; a spork_value stays the future's
       int square_map(spork_pool *pool, const T0 *in, size_t count, R *out)
           of a task with one parameter: runs it for each item, and waits for all; out[i] is the
           result of in[i] (NULL: not wanted; of spork_values: to be freed), untouched where that
           failed. The error is that of the lowest item that failed; the others have run
       int square_starmap(spork_pool *pool, const square_arguments *in, size_t count, R *out)
           the same for two parameters and more; a square_arguments is {x0, x1 ...}
       square_map_with, square_starmap_with
           the same, with a spork_map_options * behind
       square_map_async, square_starmap_async
           the same, with a spork_future ** in front: they do not wait. in may go at once, out
           must stay until the future is done, or freed
       int square_imap(spork_imap **imap, spork_pool *pool, const T0 *in, size_t count,
                       const spork_imap_options *options)
           results one by one (of two parameters and more: of square_arguments); in must stay
       int square_next(spork_imap *imap, R *result, int64_t timeout_ms)
           the next of them

   Arrays in and out that lie in the family's memory (spork_shared_alloc, the items of a
   spork_array) are not copied when all of the types are numbers, bool and flat structs. They
   must stay until the future is done; if it was freed, cancelled or terminated before, until
   the pool is freed. */
#ifndef SPORK_TASK_H
#define SPORK_TASK_H

#include "spork/base.h"
#include "spork/error.h"
#include "spork/value.h"

enum { SPORK_ARGUMENTS_MAX = 8, SPORK_CALL_STORAGE = 512 };

struct spork_call;

/* What SPORK_TASK registers: name, file (__FILE__, with its path) and types find it in a
   child. So two files may each have a static task of one name, but a SPORK_TASK in a header
   that two files include makes two that cannot be told apart: starting either is SPORK_EINVAL,
   with the task and the file in the detail. Its members are the library's. */
typedef struct spork_task {
    const char *name;
    const char *file;
    const char *types; /* a letter for the result, then one for each parameter */
    int (*run)(const spork_value *arguments, spork_value *result);
    /* One item of a map: as it lies there, and as the call that it stands for. NULL: none. */
    void (*each)(const void *item, void *result);
    void (*wrap)(struct spork_call *call, const void *item);
    size_t item_size, result_size;
    unsigned repeats; /* see SPORK_REPEATABLE */
    struct spork_task *next;
} spork_task;

/* Behind a SPORK_TASK: a task that a pool may run again, up to that many times, when its worker
   was killed, or crashed, while it ran: it does no harm to begin it twice. */
#define SPORK_REPEATABLE(name, times)                                                      \
    static void SPORK_BEFORE_MAIN name##_repeatable_(void) { name##_task.repeats = (times); } \
    struct spork_semicolon_

/* A task with its arguments: a plain value. It borrows strings, bytes, values and handles,
   so start what it describes while they live; flat structs are copied into it. */
typedef struct spork_call {
    const spork_task *task; /* NULL: a call that does nothing and results in 0 */
    size_t count;
    size_t used; /* bytes of storage */
    spork_value arguments[SPORK_ARGUMENTS_MAX];
    unsigned char storage[SPORK_CALL_STORAGE];
} spork_call;

SPORK_BEGIN

/* The call that does nothing: a process started with it ends at once with exit code 0. */
SPORK_API spork_call spork_no_call(void);

/* What SPORK_TASK expands to; not for direct use. Each wrap reads a C object of the given
   size, each unwrap writes one, or returns an error that says what the value was. */
SPORK_API void spork_task_register_(spork_task *task);
SPORK_API void spork_call_begin_(spork_call *call, const spork_task *task);
SPORK_API void spork_wrap_signed_(spork_call *call, const void *object, size_t size);
SPORK_API void spork_wrap_unsigned_(spork_call *call, const void *object, size_t size);
SPORK_API void spork_wrap_bool_(spork_call *call, const void *object, size_t size);
SPORK_API void spork_wrap_float_(spork_call *call, const void *object, size_t size);
SPORK_API void spork_wrap_string_(spork_call *call, const void *object, size_t size);
SPORK_API void spork_wrap_bytes_(spork_call *call, const void *object, size_t size);
SPORK_API void spork_wrap_value_(spork_call *call, const void *object, size_t size);
SPORK_API void spork_wrap_struct_(spork_call *call, const void *object, size_t size);
SPORK_API int spork_unwrap_signed_(void *object, size_t size, const spork_value *value);
SPORK_API int spork_unwrap_unsigned_(void *object, size_t size, const spork_value *value);
SPORK_API int spork_unwrap_bool_(void *object, size_t size, const spork_value *value);
SPORK_API int spork_unwrap_float_(void *object, size_t size, const spork_value *value);
SPORK_API int spork_unwrap_string_(void *object, size_t size, const spork_value *value);
SPORK_API int spork_unwrap_bytes_(void *object, size_t size, const spork_value *value);
SPORK_API int spork_unwrap_value_(void *object, size_t size, const spork_value *value);
SPORK_API int spork_unwrap_struct_(void *object, size_t size, const spork_value *value);
#define SPORK_HANDLE_WRAPPERS_(noun, NOUN, letter, words)                                    \
    SPORK_API void spork_wrap_##noun##_(spork_call *call, const void *object, size_t size);  \
    SPORK_API int spork_unwrap_##noun##_(void *object, size_t size, const spork_value *value);
SPORK_HANDLES(SPORK_HANDLE_WRAPPERS_)
#undef SPORK_HANDLE_WRAPPERS_
SPORK_API int spork_pool_run_(spork_pool *pool, const spork_call *call, void *result);
SPORK_API int spork_pool_start_(spork_future **future, spork_pool *pool, const spork_call *call);
SPORK_API int spork_pool_take_(spork_future *future, const spork_task *task, void *result,
                               int64_t timeout_ms);
SPORK_API int spork_pool_map_(spork_pool *pool, const spork_task *task, const void *in,
                              size_t count, void *out, const spork_map_options *options);
SPORK_API int spork_pool_map_async_(spork_future **future, spork_pool *pool,
                                    const spork_task *task, const void *in, size_t count,
                                    void *out, const spork_map_options *options);
SPORK_API int spork_pool_imap_(spork_imap **imap, spork_pool *pool, const spork_task *task,
                               const void *in, size_t count, const spork_imap_options *options);
SPORK_API int spork_imap_take_(spork_imap *imap, const spork_task *task, void *result,
                               int64_t timeout_ms);
SPORK_API int spork_result_signed_(spork_value *out, const void *object, size_t size);
SPORK_API int spork_result_unsigned_(spork_value *out, const void *object, size_t size);
SPORK_API int spork_result_bool_(spork_value *out, const void *object, size_t size);
SPORK_API int spork_result_float_(spork_value *out, const void *object, size_t size);
SPORK_API int spork_result_value_(spork_value *out, const void *object, size_t size);

SPORK_END

#ifdef __cplusplus
#include <type_traits>

/* The C++ half: one traits class a kind of parameter, instead of _Generic. */
#define SPORK_TRAITS_BODY_(kind, letter)                                                 \
    static const char code = letter;                                                      \
    static void wrap(spork_call *call, const void *object, size_t size) {                 \
        spork_wrap_##kind##_(call, object, size);                                         \
    }                                                                                     \
    static int unwrap(void *object, size_t size, const spork_value *value) {              \
        return spork_unwrap_##kind##_(object, size, value);                               \
    }
#define SPORK_RESULT_BODY_(kind)                                                         \
    static int result(spork_value *out, const void *object, size_t size) {                \
        return spork_result_##kind##_(out, object, size);                                 \
    }
template <class T, class Enable = void>
struct spork_traits_ {
    static_assert(std::is_class<T>::value || std::is_union<T>::value,
                  "a task's parameter is a pointer or another type that cannot travel");
    static_assert(std::is_trivial<T>::value, "a struct that travels must be flat");
    SPORK_TRAITS_BODY_(struct, 'S')
};
template <class T>
struct spork_traits_<T, typename std::enable_if<std::is_integral<T>::value &&
                                                std::is_signed<T>::value>::type> {
    SPORK_TRAITS_BODY_(signed, 'i')
    SPORK_RESULT_BODY_(signed)
};
template <class T>
struct spork_traits_<T, typename std::enable_if<std::is_integral<T>::value &&
                                                std::is_unsigned<T>::value>::type> {
    SPORK_TRAITS_BODY_(unsigned, 'u')
    SPORK_RESULT_BODY_(unsigned)
};
template <>
struct spork_traits_<bool, void> {
    SPORK_TRAITS_BODY_(bool, 'b')
    SPORK_RESULT_BODY_(bool)
};
template <>
struct spork_traits_<float, void> {
    SPORK_TRAITS_BODY_(float, 'f')
    SPORK_RESULT_BODY_(float)
};
template <>
struct spork_traits_<double, void> {
    SPORK_TRAITS_BODY_(float, 'f')
    SPORK_RESULT_BODY_(float)
};
template <>
struct spork_traits_<const char *, void> {
    SPORK_TRAITS_BODY_(string, 's')
};
template <>
struct spork_traits_<spork_bytes, void> {
    SPORK_TRAITS_BODY_(bytes, 'y')
};
template <>
struct spork_traits_<spork_value, void> {
    SPORK_TRAITS_BODY_(value, 'v')
    SPORK_RESULT_BODY_(value)
};
#define SPORK_HANDLE_TRAITS_(noun, NOUN, letter, words)  \
    template <>                                   \
    struct spork_traits_<spork_##noun *, void> {  \
        SPORK_TRAITS_BODY_(noun, letter)          \
    };
SPORK_HANDLES(SPORK_HANDLE_TRAITS_)
#undef SPORK_HANDLE_TRAITS_
#define SPORK_CODE_(T) spork_traits_<T>::code
#define SPORK_WRAP_(call, T, object) spork_traits_<T>::wrap(call, &(object), sizeof(object))
#define SPORK_UNWRAP_(T, object, value) \
    spork_traits_<T>::unwrap(&(object), sizeof(object), value)
#define SPORK_RESULT_(T, out, object) spork_traits_<T>::result(out, &(object), sizeof(object))
#define SPORK_CHECK_TYPE_(T) static_assert(spork_traits_<T>::code != 0, "a task's parameter")
#define SPORK_CHECK_RESULT_(T) static_assert(spork_traits_<T>::code != 0, "a task's result")
#define SPORK_CHECK_FUNCTION_(name, ...)                          \
    static_assert(std::is_same<decltype(&name), __VA_ARGS__>::value, \
                  "SPORK_TASK's types are not those of the function")
#else

/* A lock where a queue belongs is an error, as it is by default from gcc 14 and clang 16 on. */
#pragma GCC diagnostic error "-Wincompatible-pointer-types"

/* The C half. __builtin_classify_type tells a struct (12) or union (13) from a pointer. */
#define SPORK_IS_SIGNED_CHAR_ ((char)-1 < 0)
#define SPORK_CODE_OF_HANDLE_(noun, NOUN, letter, words) spork_##noun *: letter,
#define SPORK_WRAP_OF_HANDLE_(noun, NOUN, letter, words) spork_##noun *: spork_wrap_##noun##_,
#define SPORK_UNWRAP_OF_HANDLE_(noun, NOUN, letter, words) spork_##noun *: spork_unwrap_##noun##_,
#define SPORK_CODE_(T) _Generic(*(T *)0, \
    char: (SPORK_IS_SIGNED_CHAR_ ? 'i' : 'u'), bool: 'b', signed char: 'i', \
    short: 'i', int: 'i', long: 'i', long long: 'i', unsigned char: 'u', \
    unsigned short: 'u', unsigned int: 'u', unsigned long: 'u', \
    unsigned long long: 'u', float: 'f', double: 'f', const char *: 's', \
    spork_bytes: 'y', spork_value: 'v', SPORK_HANDLES(SPORK_CODE_OF_HANDLE_) default: 'S')
#define SPORK_WRAP_(call, T, object) _Generic((object), \
    char: (SPORK_IS_SIGNED_CHAR_ ? spork_wrap_signed_ : spork_wrap_unsigned_), \
    bool: spork_wrap_bool_, signed char: spork_wrap_signed_, \
    short: spork_wrap_signed_, int: spork_wrap_signed_, long: spork_wrap_signed_, \
    long long: spork_wrap_signed_, unsigned char: spork_wrap_unsigned_, \
    unsigned short: spork_wrap_unsigned_, unsigned int: spork_wrap_unsigned_, \
    unsigned long: spork_wrap_unsigned_, unsigned long long: spork_wrap_unsigned_, \
    float: spork_wrap_float_, double: spork_wrap_float_, \
    const char *: spork_wrap_string_, spork_bytes: spork_wrap_bytes_, \
    spork_value: spork_wrap_value_, SPORK_HANDLES(SPORK_WRAP_OF_HANDLE_) \
    default: spork_wrap_struct_)(call, &(object), sizeof(object))
#define SPORK_UNWRAP_(T, object, value) _Generic((object), \
    char: (SPORK_IS_SIGNED_CHAR_ ? spork_unwrap_signed_ : spork_unwrap_unsigned_), \
    bool: spork_unwrap_bool_, signed char: spork_unwrap_signed_, \
    short: spork_unwrap_signed_, int: spork_unwrap_signed_, \
    long: spork_unwrap_signed_, long long: spork_unwrap_signed_, \
    unsigned char: spork_unwrap_unsigned_, unsigned short: spork_unwrap_unsigned_, \
    unsigned int: spork_unwrap_unsigned_, unsigned long: spork_unwrap_unsigned_, \
    unsigned long long: spork_unwrap_unsigned_, float: spork_unwrap_float_, \
    double: spork_unwrap_float_, const char *: spork_unwrap_string_, \
    spork_bytes: spork_unwrap_bytes_, spork_value: spork_unwrap_value_, \
    SPORK_HANDLES(SPORK_UNWRAP_OF_HANDLE_) \
    default: spork_unwrap_struct_)(&(object), sizeof(object), value)
#define SPORK_RESULT_(T, out, object) _Generic((object), \
    char: (SPORK_IS_SIGNED_CHAR_ ? spork_result_signed_ : spork_result_unsigned_), \
    bool: spork_result_bool_, signed char: spork_result_signed_, \
    short: spork_result_signed_, int: spork_result_signed_, \
    long: spork_result_signed_, long long: spork_result_signed_, \
    unsigned char: spork_result_unsigned_, unsigned short: spork_result_unsigned_, \
    unsigned int: spork_result_unsigned_, unsigned long: spork_result_unsigned_, \
    unsigned long long: spork_result_unsigned_, float: spork_result_float_, \
    double: spork_result_float_, \
    spork_value: spork_result_value_)(out, &(object), sizeof(object))
#define SPORK_IS_STRUCT_(T) \
    (__builtin_classify_type(*(T *)0) == 12 || __builtin_classify_type(*(T *)0) == 13)
#define SPORK_CHECK_TYPE_(T)                                        \
    _Static_assert(SPORK_CODE_(T) != 'S' || SPORK_IS_STRUCT_(T),     \
                   "a task's parameter is a pointer or another type that cannot travel")
#define SPORK_CHECK_RESULT_(T)                                                  \
    _Static_assert(SPORK_CODE_(T) == 'i' || SPORK_CODE_(T) == 'u' ||             \
                       SPORK_CODE_(T) == 'b' || SPORK_CODE_(T) == 'f' ||         \
                       SPORK_CODE_(T) == 'v',                                     \
                   "a task's result is an integer, bool, double or spork_value")
#define SPORK_CHECK_FUNCTION_(name, ...)                    \
    _Static_assert(_Generic(&name, __VA_ARGS__: 1, default: 0), \
                   "SPORK_TASK's types are not those of the function")
#endif

/* What is done once a parameter; n is its number, T its type. */
#define SPORK_PARAMETER_(n, T) T x##n
#define SPORK_NAME_(n, T) x##n
#define SPORK_LETTER_(n, T) SPORK_CODE_(T)
#define SPORK_CHECKED_(n, T) SPORK_CHECK_TYPE_(T);
#define SPORK_WRAPPED_(n, T) SPORK_WRAP_(&call, T, x##n);
#define SPORK_UNWRAPPED_(n, T)                                 \
    T x##n;                                                    \
    if (error_ == 0) {                                         \
        error_ = SPORK_UNWRAP_(T, x##n, &arguments[n]);        \
    }
#define SPORK_FIELD_(n, T) T x##n;
#define SPORK_OF_ITEM_(n, T) item_->x##n
#define SPORK_STRUCT_SIZE_(n, T) +(SPORK_CODE_(T) == 'S' ? sizeof(T) : 0)

#define SPORK_EACH1_(M, t0) M(0, t0)
#define SPORK_LIST1_(M, t0) M(0, t0)
#define SPORK_EACH2_(M, t0, t1) M(0, t0) M(1, t1)
#define SPORK_LIST2_(M, t0, t1) M(0, t0), M(1, t1)
#define SPORK_EACH3_(M, t0, t1, t2) M(0, t0) M(1, t1) M(2, t2)
#define SPORK_LIST3_(M, t0, t1, t2) M(0, t0), M(1, t1), M(2, t2)
#define SPORK_EACH4_(M, t0, t1, t2, t3) M(0, t0) M(1, t1) M(2, t2) M(3, t3)
#define SPORK_LIST4_(M, t0, t1, t2, t3) M(0, t0), M(1, t1), M(2, t2), M(3, t3)
#define SPORK_EACH5_(M, t0, t1, t2, t3, t4) M(0, t0) M(1, t1) M(2, t2) M(3, t3) M(4, t4)
#define SPORK_LIST5_(M, t0, t1, t2, t3, t4) \
    M(0, t0), M(1, t1), M(2, t2), \
        M(3, t3), M(4, t4)
#define SPORK_EACH6_(M, t0, t1, t2, t3, t4, t5) \
    M(0, t0) M(1, t1) M(2, t2) M(3, t3) M(4, t4) M(5, t5)
#define SPORK_LIST6_(M, t0, t1, t2, t3, t4, t5) \
    M(0, t0), M(1, t1), M(2, t2), \
        M(3, t3), M(4, t4), M(5, t5)
#define SPORK_EACH7_(M, t0, t1, t2, t3, t4, t5, t6) \
    M(0, t0) M(1, t1) M(2, t2) M(3, t3) M(4, t4) M(5, t5) M(6, t6)
#define SPORK_LIST7_(M, t0, t1, t2, t3, t4, t5, t6) \
    M(0, t0), M(1, t1), M(2, t2), M(3, t3), \
        M(4, t4), M(5, t5), M(6, t6)
#define SPORK_EACH8_(M, t0, t1, t2, t3, t4, t5, t6, t7) \
    M(0, t0) M(1, t1) M(2, t2) M(3, t3) M(4, t4) M(5, t5) M(6, t6) M(7, t7)
#define SPORK_LIST8_(M, t0, t1, t2, t3, t4, t5, t6, t7) \
    M(0, t0), M(1, t1), M(2, t2), M(3, t3), \
        M(4, t4), M(5, t5), M(6, t6), M(7, t7)

/* The part that does not depend on the number of parameters. */
#define SPORK_TASK_COMMON_(R, name, each, wrap, item_size)                                  \
    static spork_task name##_task = {#name, __FILE__,  name##_types_, name##_run_, each,    \
                                     wrap,  item_size, sizeof(R),     0,           NULL};   \
    static void SPORK_BEFORE_MAIN name##_register_(void) { spork_task_register_(&name##_task); } \
    typedef struct name##_future {                                                          \
        spork_future *future;                                                               \
    } name##_future;                                                                        \
    static inline SPORK_UNUSED int name##_get(name##_future future_, R *result_,            \
                                              int64_t timeout_ms_) {                        \
        return spork_pool_take_(future_.future, &name##_task, result_, timeout_ms_);        \
    }                                                                                       \
    static inline SPORK_UNUSED int name##_next(spork_imap *imap_, R *result_,               \
                                               int64_t timeout_ms_) {                       \
        return spork_imap_take_(imap_, &name##_task, result_, timeout_ms_);                 \
    }

#define SPORK_TASK0_(R, name)                                                               \
    SPORK_CHECK_RESULT_(R);                                                                 \
    SPORK_CHECK_FUNCTION_(name, R (*)(void));                                               \
    static const char name##_types_[] = {SPORK_CODE_(R), 0};                                \
    static int name##_run_(const spork_value *arguments, spork_value *result) {             \
        (void)arguments;                                                                    \
        R result_ = name();                                                                 \
        return SPORK_RESULT_(R, result, result_);                                           \
    }                                                                                       \
    SPORK_TASK_COMMON_(R, name, NULL, NULL, 0)                                              \
    static inline SPORK_UNUSED spork_call name##_call(void) {                               \
        spork_call call;                                                                    \
        spork_call_begin_(&call, &name##_task);                                             \
        return call;                                                                        \
    }                                                                                       \
    static inline SPORK_UNUSED int name##_apply(spork_pool *pool_, R *result_) {            \
        spork_call call_ = name##_call();                                                   \
        return spork_pool_run_(pool_, &call_, result_);                                     \
    }                                                                                       \
    static inline SPORK_UNUSED int name##_apply_async(name##_future *future_,               \
                                                      spork_pool *pool_) {                  \
        spork_call call_ = name##_call();                                                   \
        return spork_pool_start_(future_ == NULL ? NULL : &future_->future, pool_, &call_); \
    }                                                                                       \
    struct spork_semicolon_

#define SPORK_TASK_N_(EACH, LIST, MAP, R, name, ...)                                        \
    SPORK_CHECK_RESULT_(R);                                                                 \
    EACH(SPORK_CHECKED_, __VA_ARGS__)                                                       \
    SPORK_CHECK_FUNCTION_(name, R (*)(__VA_ARGS__));                                        \
    static const char name##_types_[] = {SPORK_CODE_(R), LIST(SPORK_LETTER_, __VA_ARGS__),  \
                                         0};                                                \
    static int name##_run_(const spork_value *arguments, spork_value *result) {             \
        int error_ = 0;                                                                     \
        EACH(SPORK_UNWRAPPED_, __VA_ARGS__)                                                 \
        if (error_ != 0) {                                                                  \
            return error_;                                                                  \
        }                                                                                   \
        R result_ = name(LIST(SPORK_NAME_, __VA_ARGS__));                                   \
        return SPORK_RESULT_(R, result, result_);                                           \
    }                                                                                       \
    typedef struct name##_arguments {                                                       \
        EACH(SPORK_FIELD_, __VA_ARGS__)                                                     \
    } name##_arguments;                                                                     \
    static void name##_each_(const void *item, void *result) {                              \
        const name##_arguments *item_ = (const name##_arguments *)item;                     \
        *(R *)result = name(LIST(SPORK_OF_ITEM_, __VA_ARGS__));                             \
    }                                                                                       \
    static void name##_wrap_(spork_call *call, const void *item);                           \
    SPORK_TASK_COMMON_(R, name, name##_each_, name##_wrap_, sizeof(name##_arguments))       \
    static inline SPORK_UNUSED spork_call name##_call(LIST(SPORK_PARAMETER_, __VA_ARGS__)) { \
        SPORK_CHECK_STORAGE_(0 EACH(SPORK_STRUCT_SIZE_, __VA_ARGS__));                      \
        spork_call call;                                                                    \
        spork_call_begin_(&call, &name##_task);                                             \
        EACH(SPORK_WRAPPED_, __VA_ARGS__)                                                   \
        return call;                                                                        \
    }                                                                                       \
    static void name##_wrap_(spork_call *call, const void *item) {                          \
        const name##_arguments *item_ = (const name##_arguments *)item;                     \
        *call = name##_call(LIST(SPORK_OF_ITEM_, __VA_ARGS__));                             \
    }                                                                                       \
    static inline SPORK_UNUSED int name##_apply(spork_pool *pool_, R *result_,              \
                                                LIST(SPORK_PARAMETER_, __VA_ARGS__)) {      \
        spork_call call_ = name##_call(LIST(SPORK_NAME_, __VA_ARGS__));                     \
        return spork_pool_run_(pool_, &call_, result_);                                     \
    }                                                                                       \
    static inline SPORK_UNUSED int name##_apply_async(                                      \
        name##_future *future_, spork_pool *pool_, LIST(SPORK_PARAMETER_, __VA_ARGS__)) {   \
        spork_call call_ = name##_call(LIST(SPORK_NAME_, __VA_ARGS__));                     \
        return spork_pool_start_(future_ == NULL ? NULL : &future_->future, pool_, &call_); \
    }                                                                                       \
    MAP(R, name, __VA_ARGS__)                                                               \
    struct spork_semicolon_

/* Maps: over an array of the one parameter, or of the struct of all. */
#define SPORK_MAP_OF_ONE_(R, name, T) SPORK_MAPS_(R, name, map, T)
#define SPORK_MAP_OF_ALL_(R, name, ...) SPORK_MAPS_(R, name, starmap, name##_arguments)
#define SPORK_MAPS_(R, name, verb, T)                                                       \
    static inline SPORK_UNUSED int name##_##verb##_with(spork_pool *pool_, T const *in_,    \
                                                        size_t count_, R *out_,             \
                                                        const spork_map_options *options_) { \
        return spork_pool_map_(pool_, &name##_task, in_, count_, out_, options_);           \
    }                                                                                       \
    static inline SPORK_UNUSED int name##_##verb(spork_pool *pool_, T const *in_,           \
                                                 size_t count_, R *out_) {                  \
        return spork_pool_map_(pool_, &name##_task, in_, count_, out_, NULL);               \
    }                                                                                       \
    static inline SPORK_UNUSED int name##_##verb##_async(                                   \
        spork_future **future_, spork_pool *pool_, T const *in_, size_t count_, R *out_,    \
        const spork_map_options *options_) {                                                \
        return spork_pool_map_async_(future_, pool_, &name##_task, in_, count_, out_, options_); \
    }                                                                                       \
    static inline SPORK_UNUSED int name##_imap(spork_imap **imap_, spork_pool *pool_,       \
                                               T const *in_, size_t count_,                 \
                                               const spork_imap_options *options_) {        \
        return spork_pool_imap_(imap_, pool_, &name##_task, in_, count_, options_);         \
    }

#ifdef __cplusplus
#define SPORK_CHECK_STORAGE_(size) \
    static_assert((size) <= SPORK_CALL_STORAGE, "the structs of one call exceed 512 bytes")
#else
#define SPORK_CHECK_STORAGE_(size) \
    _Static_assert((size) <= SPORK_CALL_STORAGE, "the structs of one call exceed 512 bytes")
#endif

#define SPORK_TASK1_(R, name, ...) \
    SPORK_TASK_N_(SPORK_EACH1_, SPORK_LIST1_, SPORK_MAP_OF_ONE_, R, name, __VA_ARGS__)
#define SPORK_TASK2_(R, name, ...) \
    SPORK_TASK_N_(SPORK_EACH2_, SPORK_LIST2_, SPORK_MAP_OF_ALL_, R, name, __VA_ARGS__)
#define SPORK_TASK3_(R, name, ...) \
    SPORK_TASK_N_(SPORK_EACH3_, SPORK_LIST3_, SPORK_MAP_OF_ALL_, R, name, __VA_ARGS__)
#define SPORK_TASK4_(R, name, ...) \
    SPORK_TASK_N_(SPORK_EACH4_, SPORK_LIST4_, SPORK_MAP_OF_ALL_, R, name, __VA_ARGS__)
#define SPORK_TASK5_(R, name, ...) \
    SPORK_TASK_N_(SPORK_EACH5_, SPORK_LIST5_, SPORK_MAP_OF_ALL_, R, name, __VA_ARGS__)
#define SPORK_TASK6_(R, name, ...) \
    SPORK_TASK_N_(SPORK_EACH6_, SPORK_LIST6_, SPORK_MAP_OF_ALL_, R, name, __VA_ARGS__)
#define SPORK_TASK7_(R, name, ...) \
    SPORK_TASK_N_(SPORK_EACH7_, SPORK_LIST7_, SPORK_MAP_OF_ALL_, R, name, __VA_ARGS__)
#define SPORK_TASK8_(R, name, ...) \
    SPORK_TASK_N_(SPORK_EACH8_, SPORK_LIST8_, SPORK_MAP_OF_ALL_, R, name, __VA_ARGS__)
#define SPORK_PICK_(r, n, a, b, c, d, e, f, g, h, macro, ...) macro
#define SPORK_TASK(...)                                                                  \
    SPORK_PICK_(__VA_ARGS__, SPORK_TASK8_, SPORK_TASK7_, SPORK_TASK6_, SPORK_TASK5_,      \
                SPORK_TASK4_, SPORK_TASK3_, SPORK_TASK2_, SPORK_TASK1_, SPORK_TASK0_,     \
                unused, unused)                                                           \
    (__VA_ARGS__)

#endif
