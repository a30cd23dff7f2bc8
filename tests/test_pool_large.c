/* Results of more than 2 GiB. */
#include "support_pool.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_DEAR = 1 };
#else
enum { IS_DEAR = 0 };
#endif

/* Bytes that are told apart every MiB. */
static unsigned char mark_of(size_t place) {
    return (unsigned char)(place >> 20 ^ place >> 28);
}

static spork_value give_bytes(uint64_t size) {
    static unsigned char *bytes; /* goes with the worker */
    bytes = calloc(1, (size_t)size);
    if (bytes == NULL) {
        return spork_nil();
    }
    for (size_t i = 0; i < size; i += 1 << 20) {
        bytes[i] = mark_of(i);
    }
    return spork_bytes_value(bytes, (size_t)size);
}
SPORK_TASK(spork_value, give_bytes, uint64_t);

/* What it takes is three times the size: the task's, the family's, and the caller's. */
TEST_ONCE_SLOW(a_result_of_more_than_two_gibibytes_comes_whole, 300) {
    const uint64_t size = ((uint64_t)2 << 30) + (128 << 20) + 5;
    spork_pool *pool = NULL;
    spork_value result;
    spork_bytes bytes;
    if (IS_DEAR != 0 || !spork_has_start_method(SPORK_METHOD_FORK)) {
        SKIP("it takes 7 GiB of memory, and more here");
    }
    OK(spork_pool_new(&pool, &(spork_pool_options){.workers = 1}));
    int error = give_bytes_apply(pool, &result, size);
    if (error == SPORK_ENOMEM || error == SPORK_ENOSPACE) {
        OK(spork_pool_free(pool));
        SKIP("this machine has not 7 GiB of memory left");
    }
    OK(error);
    OK(spork_value_get_bytes(&result, &bytes));
    assert_int_equal(bytes.size, size);
    for (size_t i = 0; i < size; i += 1 << 20) {
        assert_int_equal(((const unsigned char *)bytes.data)[i], mark_of(i));
    }
    spork_value_free(&result);
    OK(spork_pool_free(pool));
}

TEST_MAIN
