/* Types that C++ tells apart from C's have C's letters; a struct with a destructor is no item.
   Says: an item must be flat */
#include <spork.h>

enum colour { red, green };
enum class mood : unsigned char { good, bad };
struct point {
    int x, y;
};
struct owner {
    ~owner() { delete number; }
    int *number;
};

static_assert(SPORK_TYPE(wchar_t) == SPORK_TYPE(__WCHAR_TYPE__), "");
static_assert(SPORK_TYPE(char16_t) == 'H' && SPORK_TYPE(char32_t) == 'I', "");
static_assert(SPORK_TYPE(colour) == 'I' && SPORK_TYPE(mood) == 'B', "");
static_assert(SPORK_TYPE(const int) == 'i' && SPORK_TYPE(bool) == '?', "");
static_assert(SPORK_TYPE(point) == 'S' && SPORK_TYPE(long double) == 'S', "");

SPORK_UNUSED static int make(spork_array **array, const point &first, point *copy) {
    int error = SPORK_ARRAY_NEW(array, point, 2, nullptr);
    error += SPORK_SET(*array, point, 0, &first) + SPORK_GET(*array, point, 0, copy);
#ifdef WRONG
    error += SPORK_VALUE_NEW(array, owner, nullptr);
#endif
    return error;
}
