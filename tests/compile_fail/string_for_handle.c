/* A string where a semaphore belongs. */
#include <spork.h>

static int work(spork_semaphore *semaphore) {
    return semaphore == NULL;
}
SPORK_TASK(int, work, spork_semaphore *);

spork_call made(spork_semaphore *semaphore, char *text);
#ifdef WRONG
spork_call made(spork_semaphore *semaphore, char *text) {
    return work_call(semaphore != NULL ? text : text);
}
#else
spork_call made(spork_semaphore *semaphore, char *text) {
    return work_call(text != NULL ? semaphore : NULL);
}
#endif
