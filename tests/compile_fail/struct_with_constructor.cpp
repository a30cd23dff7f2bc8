/* A struct that is more than its bytes cannot be copied as bytes.
   Says: a struct that travels must be flat */
#include <spork.h>

struct owner {
    owner() : memory(NULL) {}
    owner(const owner &other) : memory(other.memory) {}
    void *memory;
};
static int work(owner given) {
    return given.memory == NULL;
}
#ifdef WRONG
SPORK_TASK(int, work, owner);
#else
SPORK_UNUSED static int (*const function)(owner) = work;
#endif
