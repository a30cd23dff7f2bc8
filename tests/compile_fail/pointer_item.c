/* An array's items are in shared memory: a pointer among them means nothing elsewhere.
   Says: a pointer means nothing in another process */
#include <spork.h>

typedef char word[16];

SPORK_UNUSED static int make(spork_array **array) {
#ifdef WRONG
    return SPORK_ARRAY_NEW(array, const char *, 3, NULL);
#else
    return SPORK_ARRAY_NEW(array, char, 3 * sizeof(word), NULL);
#endif
}
