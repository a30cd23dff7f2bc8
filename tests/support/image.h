/* White box: images of the family's arena, and whether what is in it is whole.

   A process that is killed leaves nothing behind but what it wrote into the arena. So an image
   of the arena, taken while a stopped process stands between two instructions, is what its
   death there would leave; put back later, others can be tried on it any number of times. */
#ifndef TESTS_SUPPORT_IMAGE_H
#define TESTS_SUPPORT_IMAGE_H

#include "family.h"

struct image {
    unsigned char *bytes;
    uintptr_t address; /* of the instruction that would have been next */
};

/* Fixes what belongs to images: call it after the objects of a test have been made. */
void image_set_up(void);
/* False without memory. */
bool image_take(struct image *image);
void image_put_back(const struct image *image);
void image_free(struct image *image);
/* Whether the arena is not what the image shows. */
bool image_differs(const struct image *image);

/* Under no lock, while nobody works in the family: NULL, or what is not whole. Looks at the
   heap block by block, the free lists, the private lists, the handles and their holders. */
const char *arena_flaw(void);

#endif
