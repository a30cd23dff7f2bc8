/* Shared memory: anonymous blocks that travel, and named ones between programs that are no
   family. */
#include "arena.h"
#include "support_named.h"

static int64_t objects(void) {
    return arena == NULL ? 0 : (int64_t)atomic_load(&arena->handles_live);
}

static int64_t bytes(void) {
    return arena == NULL ? 0 : (int64_t)atomic_load(&arena->live_bytes);
}

static spork_shared_memory *new_memory(size_t size, const char *name) {
    spork_shared_memory *memory = NULL;
    OK(spork_shared_memory_new(&memory, size, &(spork_shared_memory_options){.name = name}));
    return memory;
}

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static bool is_all(const unsigned char *data, size_t size, unsigned char byte) {
    for (size_t i = 0; i < size; i++) {
        if (data[i] != byte) {
            return false;
        }
    }
    return true;
}

/* ---- anonymous ---- */

TEST_ONCE(an_anonymous_block_is_zeroed_and_aligned_also_where_another_has_been) {
    for (int round = 0; round < 3; round++) {
        spork_shared_memory *memory = NULL;
        OK(spork_shared_memory_new(&memory, 100000, NULL));
        unsigned char *data = spork_shared_memory_data(memory);
        assert_int_equal(spork_shared_memory_size(memory), 100000);
        assert_true((uintptr_t)data % 64 == 0);
        assert_true(is_all(data, 100000, 0));
        assert_string_equal(spork_shared_memory_name(memory), "");
        assert_false(spork_shared_memory_read_only(memory));
        FAILS(SPORK_ESTATE, spork_shared_memory_unlink(memory));
        memset(data, 7, 100000);
        spork_shared_memory_free(memory);
    }
    assert_int_equal(objects(), 0);
}

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_shared_memory *memory = NULL;
    FAILS(SPORK_EINVAL, spork_shared_memory_new(NULL, 1, NULL));
    FAILS(SPORK_EINVAL, spork_shared_memory_new(&memory, 0, NULL));
    FAILS(SPORK_EINVAL, spork_shared_memory_new(
                            &memory, 1, &(spork_shared_memory_options){.persist = true}));
    FAILS(SPORK_EINVAL, spork_shared_memory_attach(&memory, NULL, false));
    FAILS(SPORK_EINVAL, spork_shared_memory_attach(NULL, "name", false));
    FAILS(SPORK_EINVAL, spork_shared_memory_unlink(NULL));
    FAILS(SPORK_EINVAL, spork_shared_memory_unlink_persistent("a/b"));
    assert_null(spork_shared_memory_data(NULL));
    assert_int_equal(spork_shared_memory_size(NULL), 0);
    assert_string_equal(spork_shared_memory_name(NULL), "");
    assert_false(spork_shared_memory_read_only(NULL));
    spork_shared_memory_free(NULL);
    assert_null(memory);
}

static int raise_all(spork_shared_memory *memory) {
    unsigned char *data = spork_shared_memory_data(memory);
    for (size_t i = 0; i < spork_shared_memory_size(memory); i++) {
        data[i]++;
    }
    return 0;
}
SPORK_TASK(int, raise_all, spork_shared_memory *);

TEST(what_a_child_writes_into_a_block_its_parent_sees) {
    spork_shared_memory *memory = new_memory(5000, NULL);
    memset(spork_shared_memory_data(memory), 40, 5000);
    finish(start(raise_all_call(memory)));
    finish(start(raise_all_call(memory)));
    assert_true(is_all(spork_shared_memory_data(memory), 5000, 42));
    spork_shared_memory_free(memory);
    assert_int_equal(objects(), 0);
}

static int make_and_send(spork_queue *queue) {
    spork_shared_memory *memory = NULL;
    EXPECT(spork_shared_memory_new(&memory, 3000, NULL) == 0);
    memset(spork_shared_memory_data(memory), 3, 3000);
    EXPECT(spork_queue_put(queue, spork_shared_memory_value(memory), 0) == 0);
    spork_shared_memory_free(memory);
    return 0;
}
SPORK_TASK(int, make_and_send, spork_queue *);

TEST(a_block_outlives_the_child_that_made_it_while_it_is_under_way) {
    spork_queue *queue = new_queue();
    spork_shared_memory *memory = NULL;
    spork_value value;
    finish(start(make_and_send_call(queue)));
    OK(spork_queue_get(queue, &value, PATIENCE_MS));
    OK(spork_value_get_shared_memory(&value, &memory));
    assert_int_equal(spork_shared_memory_size(memory), 3000);
    assert_true(is_all(spork_shared_memory_data(memory), 3000, 3));
    spork_value_free(&value);
    spork_queue_free(queue);
    assert_int_equal(objects(), 0);
}

TEST_ONCE(five_thousand_blocks_of_any_size_come_and_go_and_none_is_lost) {
    enum { ALIVE = 50, ALL = 5000 };
    spork_shared_memory *alive[ALIVE] = {NULL};
    uint32_t random = 12345;
    spork_queue *queue = new_queue();
    int64_t before = bytes();
    for (int i = 0; i < ALL; i++) {
        random = random * 1664525 + 1013904223;
        int at = (int)(random >> 8) % ALIVE;
        if (alive[at] != NULL) {
            size_t size = spork_shared_memory_size(alive[at]);
            assert_true(is_all(spork_shared_memory_data(alive[at]), size, (unsigned char)at));
            spork_shared_memory_free(alive[at]);
        }
        size_t size = 1 + (random >> 4) % (i % 100 == 0 ? 300000 : 3000);
        alive[at] = new_memory(size, NULL);
        memset(spork_shared_memory_data(alive[at]), at, size);
    }
    for (int i = 0; i < ALIVE; i++) {
        spork_shared_memory_free(alive[i]);
    }
    assert_int_equal(bytes(), before);
    spork_queue_free(queue);
}

static int make_many_and_wait(spork_queue *ready, spork_queue *never) {
    spork_value value;
    for (int i = 0; i < 20; i++) {
        spork_shared_memory *memory = NULL;
        EXPECT(spork_shared_memory_new(&memory, 100000, NULL) == 0);
        EXPECT(i % 2 == 0 ||
               spork_queue_put(never, spork_shared_memory_value(memory), 0) == 0);
    }
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    EXPECT(spork_queue_get(ready, &value, SPORK_FOREVER) == 0); /* its own */
    return spork_queue_get(ready, &value, SPORK_FOREVER);
}
SPORK_TASK(int, make_many_and_wait, spork_queue *, spork_queue *);

TEST(blocks_that_a_killed_process_alone_held_are_gone_with_it) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    for (int round = 0; round < 3; round++) {
        spork_queue *never = new_queue();
        spork_process *child = start(make_many_and_wait_call(ready, never));
        int64_t limit = spork_now_ms() + PATIENCE_MS;
        while (objects() < 22 || spork_queue_size(never) < 10) {
            assert_true(spork_now_ms() < limit);
            spork_sleep_ms(1);
        }
        kill_and_free(child);
        spork_queue_free(never);
        assert_int_equal(objects(), 1);
        spork_queue_free(ready);
        ready = new_queue();
    }
    spork_queue_free(ready);
    assert_int_equal(objects(), 0);
}

/* ---- out of space ---- */

TEST_ONCE(what_there_is_no_room_for_is_refused_at_once_and_nothing_is_lost) {
    const char *name = new_name();
    spork_shared_memory *memory = new_memory(10, NULL);
    int64_t before = bytes();
    const size_t sizes[] = {(size_t)1 << 50, SIZE_MAX, SIZE_MAX / 2, (size_t)1 << 62};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        spork_shared_memory *none = NULL;
        spork_shared_memory_options options = {.name = name};
        FAILS(SPORK_ENOSPACE, spork_shared_memory_new(&none, sizes[i], NULL));
        FAILS(SPORK_ENOSPACE, spork_shared_memory_new(&none, sizes[i], &options));
        options.persist = true;
        FAILS(native_is_windows() ? SPORK_ENOTSUP : SPORK_ENOSPACE,
              spork_shared_memory_new(&none, sizes[i], &options));
        FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&none, name, false));
        assert_null(none);
    }
    assert_int_equal(bytes(), before);
    assert_true(count_names(name) <= 0);
    spork_shared_memory *named = new_memory(4096, name);
    spork_shared_memory_free(named);
    spork_shared_memory_free(memory);
}

/* ---- names ---- */

TEST_ONCE(a_program_of_another_family_attaches_it_by_name_in_its_own_size) {
    const char *name = new_name();
    spork_shared_memory *memory = new_memory(12345, name);
    unsigned char *data = spork_shared_memory_data(memory);
    assert_true(is_all(data, 12345, 0));
    assert_string_equal(spork_shared_memory_name(memory), name);
    assert_int_equal(spork_shared_memory_size(memory), 12345);
    data[0] = 55;
    finish_probe(probe("attach", name, 66), "12345 55");
    assert_int_equal(data[0], 66);
    spork_shared_memory_free(memory);
}

TEST_ONCE(a_name_that_is_taken_is_refused_and_one_that_is_not_there_is_not_found) {
    const char *name = new_name();
    spork_shared_memory *memory = NULL;
    spork_shared_memory *other = NULL;
    const spork_shared_memory_options options = {.name = name};
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&other, name, false));
    memory = new_memory(1, name);
    FAILS(SPORK_EEXISTS, spork_shared_memory_new(&other, 1, &options));
    FAILS(SPORK_EEXISTS, spork_shared_memory_new(&other, (size_t)1 << 50, &options));
    struct program *program = probe("make-and-wait", name, 4096);
    wait_for_words(program, "SPORK_EEXISTS", 1);
    program_free(program);
    spork_shared_memory_free(memory);
    program = ready_probe("make-and-wait", name, 4096);
    FAILS(SPORK_EEXISTS, spork_shared_memory_new(&other, 1, &options));
    kill_probe(program);
    memory = new_memory(1, name);
    spork_shared_memory_free(memory);
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&other, name, false));
}

TEST_ONCE(names_with_other_characters_and_too_long_ones_are_refused) {
    static const char *const bad[] = {"",      "a/b",    "/a",      "a b", "\xc3\xa4", ".",
                                      "..",    "a\\b",   "a\nb",    "a:",  "~a",       "a@"};
    spork_shared_memory *memory = NULL;
    char name[202];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const spork_shared_memory_options options = {.name = bad[i]};
        FAILS(SPORK_EINVAL, spork_shared_memory_new(&memory, 1, &options));
        FAILS(SPORK_EINVAL, spork_shared_memory_attach(&memory, bad[i], false));
    }
    memset(name, 'a', 201);
    name[201] = '\0';
    FAILS(SPORK_EINVAL, spork_shared_memory_attach(&memory, name, false));
    FAILS(SPORK_EINVAL,
          spork_shared_memory_new(&memory, 1, &(spork_shared_memory_options){.name = name}));
}

TEST_ONCE(names_of_up_to_200_bytes_are_told_apart_to_the_last_one) {
    char names[4][201];
    spork_shared_memory *made[4];
    const size_t lengths[] = {200, 200, 199, 33};
    for (int i = 0; i < 4; i++) {
        memset(names[i], 'n', 200);
        int length = snprintf(names[i], 200, "%s", new_name());
        names[i][length] = 'n';
        memcpy(names[i], names[0], (size_t)length);
        names[i][lengths[i]] = '\0';
        names[i][lengths[i] - 1] = i == 1 ? 'm' : 'n';
        made[i] = new_memory((size_t)i + 1, names[i]);
        *(char *)spork_shared_memory_data(made[i]) = (char)(i + 1);
    }
    for (int i = 0; i < 4; i++) {
        char words[32];
        snprintf(words, sizeof words, "%d %d", i + 1, i + 1);
        finish_probe(probe("attach", names[i], 0), words);
        spork_shared_memory_free(made[i]);
    }
}

TEST_ONCE(only_the_process_that_made_it_may_take_the_name_away_and_does_so_once) {
    const char *name = new_name();
    spork_shared_memory *attached = NULL;
    spork_shared_memory *none = NULL;
    spork_shared_memory *memory = new_memory(100, name);
    OK(spork_shared_memory_attach(&attached, name, false));
    FAILS(SPORK_ESTATE, spork_shared_memory_unlink(attached));
    OK(spork_shared_memory_unlink(memory));
    FAILS(SPORK_ESTATE, spork_shared_memory_unlink(memory));
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&none, name, false));
    spork_shared_memory *second = new_memory(200, name);
    strcpy(spork_shared_memory_data(memory), "still here");
    assert_string_equal(spork_shared_memory_data(attached), "still here");
    spork_shared_memory_free(memory);
    assert_string_equal(spork_shared_memory_data(attached), "still here");
    /* The first one's end has not touched the second one's name. */
    finish_probe(probe("attach", name, 1), "200 0");
    spork_shared_memory_free(attached);
    spork_shared_memory_free(second);
}

TEST_ONCE(a_stranger_that_attached_it_and_ended_or_was_killed_takes_nothing_away) {
    const char *name = new_name();
    spork_shared_memory *memory = new_memory(100, name);
    finish_probe(probe("attach", name, 1), "100 0");
    kill_probe(ready_probe("attach-and-wait", name, 0));
    finish_probe(probe("attach", name, 2), "100 1");
    assert_int_equal(*(unsigned char *)spork_shared_memory_data(memory), 2);
    spork_shared_memory_free(memory);
}

TEST_ONCE(a_killed_makers_name_is_free_at_once_and_who_had_it_attached_keeps_the_memory) {
    const char *name = new_name();
    spork_shared_memory *memory = NULL;
    spork_shared_memory *none = NULL;
    struct program *program = ready_probe("make-and-wait", name, 5000);
    OK(spork_shared_memory_attach(&memory, name, false));
    kill_probe(program);
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&none, name, false));
    assert_true(count_names(name) <= 0);
    assert_int_equal(spork_shared_memory_size(memory), 5000);
    assert_true(is_all(spork_shared_memory_data(memory), 5000, 'x'));
    spork_shared_memory *second = new_memory(10, name);
    assert_true(is_all(spork_shared_memory_data(second), 10, 0));
    spork_shared_memory_free(second);
    spork_shared_memory_free(memory);
}

TEST_ONCE(nothing_of_a_family_that_is_killed_is_left) {
    const char *name = new_name();
    spork_shared_memory *memory = NULL;
    if (count_names(name) < 0) {
        SKIP("this system does not list its names");
    }
    struct program *program = probe("make-family", name, 0);
    wait_for_words(program, "ready", 2);
    assert_true(count_names(name) >= 4);
    kill_probe(program);
    /* Its child is ended by the system, in its own time. */
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (count_names(name) > 0) {
        assert_true(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&memory, name_of(name, "child"), false));
}

TEST_ONCE(a_write_to_what_was_attached_for_reading_ends_the_writer) {
    const char *name = new_name();
    spork_shared_memory *memory = new_memory(100, name);
    unsigned char *data = spork_shared_memory_data(memory);
    int exit_code = 0;
    data[0] = 77;
    struct program *program = probe("write-read-only", name, 0);
    assert_true(program_wait(program, PATIENCE_MS, &exit_code));
    assert_true(exit_code != 0);
    assert_non_null(strstr(program_output(program), "read 77\nread-only\n"));
    assert_null(strstr(program_output(program), "survived"));
    program_free(program);
    assert_int_equal(data[0], 77);
    spork_shared_memory_free(memory);
}

TEST_ONCE(a_child_that_the_host_forked_does_not_keep_the_name) {
    const char *name = new_name();
    int64_t pid;
    spork_shared_memory *memory = new_memory(100, name);
    if (!native_fork_host(&pid, 20000, 0)) {
        spork_shared_memory_free(memory);
        SKIP("this system has no fork");
    }
    finish_probe(probe("attach", name, 0), "100 0");
    spork_shared_memory_free(memory);
    memory = new_memory(50, name);
    finish_probe(probe("attach", name, 0), "50 0");
    native_process_kill(pid);
    native_reap_host(pid);
    finish_probe(probe("attach", name, 0), "50 0");
    spork_shared_memory_free(memory);
}

TEST_ONCE(without_descriptors_there_is_an_error_and_the_name_stays_free) {
    const char *name = new_name();
    const spork_shared_memory_options options = {.name = name};
    spork_shared_memory *memory = new_memory(10, NULL); /* the family is there */
    spork_shared_memory_free(memory);
    for (int more = 0; more < 3; more++) {
        if (!native_limit_descriptors(more)) {
            SKIP("this system has no such limit");
        }
        int count = native_descriptor_count();
        FAILS(SPORK_ESYSTEM, spork_shared_memory_new(&memory, 10, &options));
        assert_int_equal(native_descriptor_count(), count);
        native_limit_descriptors(-1);
        FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&memory, name, false));
        assert_int_equal(count_names(name), 0);
    }
    memory = new_memory(10, name);
    native_limit_descriptors(0);
    spork_shared_memory *same = NULL;
    FAILS(SPORK_ESYSTEM, spork_shared_memory_attach(&same, name, false));
    native_limit_descriptors(-1);
    spork_shared_memory_free(memory);
}

TEST_ONCE(who_closes_all_descriptors_loses_the_name_but_no_file_that_took_their_numbers) {
    enum { FILES = 60 };
    const char *name = new_name();
    intptr_t files[FILES];
    spork_shared_memory *none = NULL;
    spork_shared_memory *memory = new_memory(100, name);
    if (!native_close_all_but_streams()) {
        spork_shared_memory_free(memory);
        SKIP("this system has no descriptors to close so");
    }
    for (int i = 0; i < FILES; i++) {
        files[i] = native_open_alone(native_program());
    }
    assert_int_equal(count_names(name), 0);
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&none, name, false));
    memset(spork_shared_memory_data(memory), 1, 100);
    spork_shared_memory_free(memory);
    for (int i = 0; i < FILES; i++) {
        assert_true(native_is_file(files[i], native_program()));
        native_close(files[i]);
    }
}

TEST_ONCE(what_was_made_and_attached_a_thousand_times_leaves_no_descriptor) {
    const char *name = new_name();
    int times = native_is_windows() ? 50 : 1000;
    spork_shared_memory_free(new_memory(10, name));
    int count = native_descriptor_count();
    for (int i = 0; i < times; i++) {
        spork_shared_memory *memory = new_memory(10, name);
        spork_shared_memory *same = NULL;
        OK(spork_shared_memory_attach(&same, name, i % 2 == 0));
        spork_shared_memory_free(i % 3 == 0 ? memory : same);
        spork_shared_memory_free(i % 3 == 0 ? same : memory);
    }
    assert_int_equal(native_descriptor_count(), count);
    assert_int_equal(objects(), 0);
}

/* ---- names and families ---- */

static int try_to_take_the_name_away(spork_shared_memory *memory, const char *name) {
    spork_shared_memory *other = NULL;
    EXPECT(strcmp(spork_shared_memory_name(memory), name) == 0);
    if (spork_get_start_method() != SPORK_METHOD_THREAD) {
        EXPECT(spork_shared_memory_unlink(memory) == SPORK_ESTATE);
    }
    EXPECT(spork_shared_memory_attach(&other, name, true) == 0);
    EXPECT(*(unsigned char *)spork_shared_memory_data(other) == 8);
    spork_shared_memory_free(other);
    return raise_all(memory);
}
SPORK_TASK(int, try_to_take_the_name_away, spork_shared_memory *, const char *);

TEST(a_named_block_travels_as_a_handle_and_the_name_stays_its_makers) {
    const char *name = new_name();
    spork_shared_memory *memory = new_memory(100, name);
    memset(spork_shared_memory_data(memory), 8, 100);
    finish(start(try_to_take_the_name_away_call(memory, name)));
    assert_true(is_all(spork_shared_memory_data(memory), 100, 9));
    finish_probe(probe("attach", name, 0), "100 9");
    spork_shared_memory_free(memory);
    assert_int_equal(objects(), 0);
}

static int receive_what_is_gone(spork_queue *queue) {
    spork_value value;
    EXPECT(spork_queue_get(queue, &value, PATIENCE_MS) == SPORK_ESTALE);
    return 0;
}
SPORK_TASK(int, receive_what_is_gone, spork_queue *);

TEST(a_handle_whose_name_has_gone_before_it_arrived_is_stale) {
    needs_a_process_to_kill();
    const char *name = new_name();
    spork_queue *queue = new_queue();
    spork_shared_memory *memory = new_memory(100, name);
    OK(spork_queue_put(queue, spork_shared_memory_value(memory), 0));
    OK(spork_queue_put(queue, spork_shared_memory_value(memory), 0));
    OK(spork_shared_memory_unlink(memory));
    finish(start(receive_what_is_gone_call(queue)));
    spork_shared_memory_free(memory);
    /* The same name, another object. */
    memory = new_memory(100, name);
    finish(start(receive_what_is_gone_call(queue)));
    spork_shared_memory_free(memory);
    spork_queue_free(queue);
    assert_int_equal(objects(), 0);
}

/* ---- names that persist ---- */

TEST_ONCE(a_persistent_name_stays_until_it_is_unlinked) {
    const char *name = new_name();
    spork_shared_memory *memory = NULL;
    spork_shared_memory *none = NULL;
    const spork_shared_memory_options options = {.name = name, .persist = true};
    if (native_is_windows()) {
        FAILS(SPORK_ENOTSUP, spork_shared_memory_new(&memory, 10, &options));
        FAILS(SPORK_ENOTSUP, spork_shared_memory_unlink_persistent(name));
        return;
    }
    finish_probe(probe("make-persistent", name, 777), "ready");
    char path[128];
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    assert_true(native_exists(path));
    OK(spork_shared_memory_attach(&memory, name, false));
    assert_int_equal(spork_shared_memory_size(memory), 777);
    assert_true(is_all(spork_shared_memory_data(memory), 777, 'x'));
    FAILS(SPORK_ESTATE, spork_shared_memory_unlink(memory));
    FAILS(SPORK_EEXISTS, spork_shared_memory_new(&none, 10, &options));
    FAILS(SPORK_EEXISTS,
          spork_shared_memory_new(&none, 10, &(spork_shared_memory_options){.name = name}));
    OK(spork_shared_memory_unlink_persistent(name));
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_unlink_persistent(name));
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&none, name, false));
    assert_true(is_all(spork_shared_memory_data(memory), 777, 'x'));
    spork_shared_memory_free(memory);
    assert_false(native_exists(path));
}

TEST_ONCE(the_maker_of_a_persistent_name_may_unlink_it_but_not_what_took_its_place) {
    const char *name = new_name();
    spork_shared_memory *memory = NULL;
    spork_shared_memory *second = NULL;
    const spork_shared_memory_options options = {.name = name, .persist = true};
    if (native_is_windows()) {
        SKIP("there are no persistent names here");
    }
    OK(spork_shared_memory_new(&memory, 10, &options));
    spork_shared_memory_free(memory);
    OK(spork_shared_memory_unlink_persistent(name));
    OK(spork_shared_memory_new(&memory, 10, &options));
    OK(spork_shared_memory_unlink(memory));
    OK(spork_shared_memory_new(&second, 20, &options));
    FAILS(SPORK_ESTATE, spork_shared_memory_unlink(memory));
    spork_shared_memory_free(memory);
    OK(spork_shared_memory_unlink_persistent(name));
    OK(spork_shared_memory_new(&memory, 30, &options));
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_unlink(second));
    OK(spork_shared_memory_unlink(memory));
    spork_shared_memory_free(memory);
    spork_shared_memory_free(second);
    assert_int_equal(count_names(name), 0);
}

TEST_MAIN
