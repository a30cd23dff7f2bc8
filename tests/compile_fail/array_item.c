/* An item is one thing that can be assigned.
   Says: a pointer means nothing in another process */
#include <spork.h>

typedef char word[16];
struct entry {
    word text;
};

SPORK_UNUSED static struct entry *items(spork_array *array) {
#ifdef WRONG
    return (struct entry *)SPORK_ITEMS(array, word);
#else
    return SPORK_ITEMS(array, struct entry);
#endif
}
