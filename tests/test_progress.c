/* How far a long job has come, in words: the line of a terminal, and the plain ones of a file. */
#include "support_children.h"
#include "support_native.h"
#include "support_program.h"
#include "support_terminal.h"

enum { TEXT_SIZE = 4096 };

static const spork_progress halfway = {
    .done = 420, .total = 1000, .seconds = 12, .rate = 35.2, .seconds_left = 16.4};

/* ---- the line ---- */

/* Kept until the next call. */
static const char *format(const char *title, spork_progress progress, int columns) {
    static char text[TEXT_SIZE];
    size_t length = spork_progress_format(title, &progress, columns, text, sizeof text);
    assert_int_equal(length, strlen(text));
    return text;
}

/* The characters of a text, which has to be UTF-8 and without control characters. */
static int characters(const char *text) {
    int count = 0;
    int more = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != 0; at++) {
        if (more > 0) {
            assert_int_equal(*at & 0xC0, 0x80);
            more--;
            continue;
        }
        assert_true(*at >= 0x20 && *at != 0x7F && (*at & 0xC0) != 0x80);
        more = *at < 0x80 ? 0 : *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : 3;
        count++;
    }
    assert_int_equal(more, 0);
    return count;
}

TEST_ONCE(a_line_has_what_there_is_room_for) {
    assert_string_equal(format("copying", halfway, 80),
                        "copying  42% [==============>                     ]  420/1000  "
                        "35.2/s 0:17 left");
    assert_string_equal(format("copying", halfway, 40),
                        "copying  42% [====>         ] 0:17 left");
    assert_string_equal(format("copying", halfway, 20), "cop...  42% [=>   ]");
    assert_string_equal(format(NULL, halfway, 40),
                        " 42% [====>       ]  420/1000 0:17 left");
    assert_string_equal(format("", halfway, 40), format(NULL, halfway, 40));
}

TEST_ONCE(a_bar_ends_somewhere_on_a_very_wide_terminal) {
    char expected[TEXT_SIZE];
    snprintf(expected, sizeof expected, "%s", format("copying", halfway, 200));
    assert_string_equal(format("copying", halfway, 500), expected);
    assert_true(characters(expected) < 120);
}

TEST_ONCE(fewer_columns_than_20_are_taken_as_20) {
    char expected[TEXT_SIZE];
    snprintf(expected, sizeof expected, "%s", format("copying", halfway, 20));
    assert_string_equal(format("copying", halfway, 19), expected);
    assert_string_equal(format("copying", halfway, 0), expected);
    assert_string_equal(format("copying", halfway, INT32_MIN), expected);
    assert_true(characters(format("copying", halfway, INT32_MAX)) > 40);
}

/* The last column stays free. */
TEST_ONCE(no_line_is_longer_than_the_terminal_is_wide) {
    static const char *const titles[] = {
        NULL, "a", "copying", "a title that goes on and on, longer than most terminals are wide",
        "Gr\xC3\xB6\xC3\x9F" "enwahn \xC3\xBC" "berall und noch l\xC3\xA4nger, \xE2\x82\xAC"};
    static const spork_progress states[] = {
        {0, 0, 0, 0, -1},
        {0, 10, 0, 0, -1},
        {5, 10, 3.2, 1.5, 3.3},
        {10, 10, 7, 1.4, 0},
        {UINT64_MAX / 3, UINT64_MAX, 1e30, 1e30, 1e30},
        {UINT64_MAX - 1, UINT64_MAX, 5e6, 1e-9, 1e300},
        {UINT64_MAX, 3, 5, 999.4999, 86399}};
    for (size_t title = 0; title < sizeof titles / sizeof titles[0]; title++) {
        for (size_t state = 0; state < sizeof states / sizeof states[0]; state++) {
            for (int columns = 20; columns <= 300; columns++) {
                const char *text = format(titles[title], states[state], columns);
                assert_true(characters(text) < columns);
                assert_non_null(strchr(text, '%'));
                assert_non_null(strchr(text, ']'));
            }
        }
    }
}

TEST_ONCE(nothing_at_all_is_done_at_once) {
    const spork_progress none = {0, 0, 0, 0, -1};
    assert_string_equal(format("nothing", none, 40),
                        "nothing 100% [==========] 0/0   in 0:00");
}

TEST_ONCE(more_than_all_is_all) {
    const spork_progress all = {10, 10, 5, 2, 0};
    const spork_progress more = {11, 10, 5, 2, 0};
    char expected[TEXT_SIZE];
    snprintf(expected, sizeof expected, "%s", format("x", all, 80));
    assert_string_equal(format("x", more, 80), expected);
    assert_non_null(strstr(expected, "100% ["));
    assert_non_null(strstr(expected, " 10/10 "));
}

TEST_ONCE(only_all_of_it_is_100_percent) {
    const spork_progress almost = {UINT64_MAX - 1, UINT64_MAX, 5, 2, 0};
    const spork_progress most = {999999, 1000000, 5, 2, 0};
    assert_non_null(strstr(format("", almost, 80), " 99% ["));
    assert_non_null(strstr(format("", most, 80), " 99% ["));
    assert_non_null(strstr(format("", most, 80), "> ]"));
    for (uint64_t done = 0; done <= 100; done++) {
        char expected[16];
        spork_progress progress = {done, 100, 1, 1, 1};
        snprintf(expected, sizeof expected, "%3d%% [", (int)done);
        assert_int_equal(strncmp(format(NULL, progress, 80), expected, 6), 0);
    }
}

/* ---- numbers ---- */

static void is_rate(double rate, const char *expected) {
    spork_progress progress = {1, 2, 1, rate, 1};
    const char *text = format(NULL, progress, 80);
    if (strstr(text, expected) == NULL) {
        fail_msg("a rate of %g is not shown as \"%s\": %s", rate, expected, text);
    }
}

TEST_ONCE(rates_have_three_digits_and_a_unit_that_fits) {
    is_rate(35.2, " 35.2/s ");
    is_rate(1, " 1.00/s ");
    is_rate(9.994, " 9.99/s ");
    is_rate(9.996, " 10.0/s ");
    is_rate(99.96, " 100/s ");
    is_rate(999.4, " 999/s ");
    is_rate(999.6, " 1.00k/s ");
    is_rate(1234567, " 1.23M/s ");
    is_rate(5e18, " 5.00E/s ");
    is_rate(1e200, " 999E/s ");
    is_rate(0.5, " 30.0/min ");
    is_rate(0.01, " 36.0/h ");
    is_rate(1e-9, " 0.00/h ");
}

TEST_ONCE(a_rate_that_is_not_known_is_a_dash) {
    double none = 0;
    is_rate(0, " -/s ");
    is_rate(-3, " -/s ");
    is_rate(none / none, " -/s ");
    is_rate(1 / none, " -/s ");
}

static void is_time(double seconds_left, const char *expected) {
    spork_progress progress = {1, 2, 1, 1, seconds_left};
    const char *text = format(NULL, progress, 80);
    size_t length = strlen(text);
    size_t wanted = strlen(expected);
    if (length < wanted || strcmp(text + length - wanted, expected) != 0) {
        fail_msg("%g seconds are not shown as \"%s\": %s", seconds_left, expected, text);
    }
}

TEST_ONCE(the_time_left_is_rounded_up_and_has_hours_only_if_it_must) {
    double none = 0;
    is_time(0, " 0:00 left");
    is_time(0.2, " 0:01 left");
    is_time(59, " 0:59 left");
    is_time(59.5, " 1:00 left");
    is_time(3599, " 59:59 left");
    is_time(3600, " 1:00:00 left");
    is_time(90061, " 25:01:01 left");
    is_time(1e15, " 9999:00:00 left");
    is_time(-1, " -:-- left");
    is_time(none / none, " -:-- left");
    is_time(1 / none, " -:-- left");
}

TEST_ONCE(at_the_end_stands_the_time_that_it_took) {
    const spork_progress end = {10, 10, 83.4, 0.12, 0};
    const char *text = format("copying", end, 80);
    assert_non_null(strstr(text, " in 1:23"));
    assert_null(strstr(text, "left"));
}

/* ---- titles ---- */

TEST_ONCE(a_title_is_cut_between_characters) {
    /* Each has two bytes. */
    static const char title[] = "\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F\xC3\xA4\xC3\xB6\xC3\xBC";
    assert_string_equal(format(title, halfway, 20),
                        "\xC3\xA4\xC3\xB6\xC3\xBC...  42% [=>   ]");
}

TEST_ONCE(a_title_may_have_characters_of_two_columns_and_of_none) {
    /* Four of two columns: one and the ellipsis are five. */
    assert_string_equal(format("\xE5\xAD\x97\xE5\xAD\x97\xE5\xAD\x97\xE5\xAD\x97", halfway, 20),
                        "\xE5\xAD\x97...  42% [=>   ]");
    /* Two letters, each with an accent of its own. */
    assert_string_equal(format("a\xCC\x81" "b\xCC\x81", halfway, 20),
                        "a\xCC\x81" "b\xCC\x81  42% [==>      ]");
}

TEST_ONCE(a_title_cannot_leave_its_line) {
    assert_string_equal(format("a\nb\033c\x7F", halfway, 20), "a b c   42% [=>   ]");
    assert_string_equal(format("a\xFF\xC3" "b\xE2\x82", halfway, 21), "a??b??  42% [=>    ]");
    assert_string_equal(format("\xC2\x9B" "1m", halfway, 20), " 1m  42% [==>     ]");
}

TEST_ONCE(a_title_without_end_does_no_harm) {
    static char title[100000];
    for (size_t i = 0; i + 2 < sizeof title; i += 2) {
        memcpy(title + i, "\xCC\x81", 2);
    }
    assert_true(strlen(format(title, halfway, 80)) < 2048);
    memset(title, 'x', sizeof title - 1);
    assert_true(characters(format(title, halfway, 100)) < 100);
    assert_true(strlen(format(title, halfway, INT32_MAX)) < 2048);
}

TEST_ONCE(format_is_as_snprintf_with_a_small_buffer) {
    char text[8] = "unused";
    size_t length = strlen(format("copying", halfway, 80));
    assert_int_equal(spork_progress_format("copying", &halfway, 80, text, 0), length);
    assert_string_equal(text, "unused");
    assert_int_equal(spork_progress_format("copying", &halfway, 80, NULL, 0), length);
    assert_int_equal(spork_progress_format("copying", &halfway, 80, text, 5), length);
    assert_string_equal(text, "copy");
    assert_int_equal(spork_progress_format("copying", NULL, 80, text, sizeof text), 0);
    assert_string_equal(text, "");
    spork_progress_bar("copying", NULL);
}

/* ---- a file ---- */

/* What the probe writes to a file that is its standard error. */
static const char *shown(const char *const *arguments) {
    static char errors[1 << 17];
    const struct program_options options = {.name = "progress_probe", .arguments = arguments};
    int exit_code = -1;
    struct program *program = program_start(&options);
    assert_non_null(program);
    assert_true(program_wait(program, PATIENCE_MS, &exit_code));
    assert_int_equal(exit_code, 0);
    assert_string_equal(program_output(program), "");
    snprintf(errors, sizeof errors, "%s", program_errors(program));
    program_free(program);
    return errors;
}
#define SHOWN(...) shown((const char *const[]){__VA_ARGS__, NULL})

TEST_ONCE(a_file_gets_a_line_at_the_begin_every_ten_seconds_and_at_the_end) {
    assert_string_equal(SHOWN("copying", "0/90@0", "1/90@1", "9/90@9", "10/90@10", "11/90@11",
                              "19/90@19", "20/90@20", "34/90@34", "43/90@43", "44/90@44",
                              "45/90@45", "90/90@46"),
                        "copying: 0%, 0/90\n"
                        "copying: 11%, 10/90, 1.00/s, 1:20 left\n"
                        "copying: 22%, 20/90, 1.00/s, 1:10 left\n"
                        "copying: 37%, 34/90, 1.00/s, 0:56 left\n"
                        "copying: 48%, 44/90, 1.00/s, 0:46 left\n"
                        "copying: 100%, 90/90, 1.96/s, in 0:46\n");
}

TEST_ONCE(a_file_gets_no_title_if_there_is_none) {
    assert_string_equal(SHOWN("-", "0/9@0", "9/9@1"), "0%, 0/9\n100%, 9/9, 9.00/s, in 0:01\n");
}

TEST_ONCE(a_file_gets_titles_in_utf_8_and_not_cut) {
    static const char title[] =
        "Gr\xC3\xB6\xC3\x9F" "e, und alles, was sonst noch zu sagen w\xC3\xA4re, ohne Ende";
    const char *text = SHOWN(title, "0/9@0");
    assert_int_equal(strncmp(text, title, strlen(title)), 0);
    assert_string_equal(text + strlen(title), ": 0%, 0/9\n");
}

TEST_ONCE(an_end_that_is_told_twice_is_shown_once) {
    assert_string_equal(SHOWN("x", "0/0@0", "0/0@0"), "x: 100%, 0/0, in 0:00\n");
    assert_string_equal(SHOWN("x", "0/9@0", "9/9@3", "9/9@3"),
                        "x: 0%, 0/9\nx: 100%, 9/9, 3.00/s, in 0:03\n");
}

TEST_ONCE(a_title_can_be_used_again) {
    assert_string_equal(SHOWN("x", "0/9@0", "9/9@1", "0/9@0", "9/9@1"),
                        "x: 0%, 0/9\nx: 100%, 9/9, 9.00/s, in 0:01\n"
                        "x: 0%, 0/9\nx: 100%, 9/9, 9.00/s, in 0:01\n");
    /* One that never came to its end, and two without anything to do. */
    assert_string_equal(SHOWN("x", "0/9@0", "3/9@1", "0/9@0"), "x: 0%, 0/9\nx: 0%, 0/9\n");
    assert_int_equal(support_count(SHOWN("x", "0/0@0", "=700", "0/0@0"), "x: 100%"), 2);
}

TEST_ONCE(threads_may_show_bars_at_once) {
    enum { ROUNDS = 200, TITLES = 4 };
    static const char *const titles[TITLES] = {"first", "second", "third", "fourth"};
    const char *text = SHOWN("threads");
    for (int i = 0; i < TITLES; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s: 0%%, 0/7\n", titles[i]);
        assert_int_equal(support_count(text, line), ROUNDS);
        snprintf(line, sizeof line, "%s: 100%%, 7/7, 3.50/s, in 0:02\n", titles[i]);
        assert_int_equal(support_count(text, line), ROUNDS);
    }
    assert_int_equal(support_count(text, "\n"), 2 * TITLES * ROUNDS);
}

/* ---- a terminal ---- */

/* Runs the probe at a terminal and returns all that it writes there. */
static const char *drawn(int columns, const char *const *environment,
                         const char *const *steps) {
    static char text[1 << 16];
    char path[1024];
    char output[1024];
    struct native_terminal terminal;
    struct program_native program;
    size_t used = 0;
    size_t got = 1;
    if (!native_terminal_open(&terminal, columns)) {
        SKIP("there are no pseudo-terminals here");
    }
    snprintf(path, sizeof path, "%s", native_program());
    snprintf(strrchr(path, '/') + 1, 64, "progress_probe%s", program_native_suffix());
    support_temporary("test-progress", output, sizeof output);
    const char *argv[16] = {path};
    for (int i = 0; steps[i] != NULL; i++) {
        argv[i + 1] = steps[i];
    }
    assert_true(
        program_native_start(&program, path, argv, environment, output, terminal.path));
    for (bool ended = false; !ended || got > 0;) {
        ended = program_native_ended(&program);
        got = native_terminal_read(&terminal, text + used, sizeof text - 1 - used);
        used += got;
        spork_sleep_ms(1);
    }
    text[used] = '\0';
    assert_int_equal(program.exit_code, 0);
    program_native_close(&program);
    native_terminal_close(&terminal);
    remove(output);
    return text;
}
#define STEPS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *const no_colour[] = {"NO_COLOR=1", "TERM=xterm", NULL};
static const char *const coloured[] = {"NO_COLOR=", "TERM=xterm", NULL};
static const char *const dumb[] = {"NO_COLOR=", "TERM=dumb", NULL};

/* What a person sees in the end: lines of ASCII, with their newlines. Returns the row in which
   the cursor stands. */
static int look(char screen[TEXT_SIZE], const char *text, int columns) {
    static char rows[16][TEXT_SIZE];
    int row = 0;
    int column = 0;
    memset(rows, 0, sizeof rows);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\r') {
            column = 0;
        } else if (*at == '\n') {
            row++;
        } else if (*at != '\033') {
            rows[row][column++] = *at;
            assert_true(column < columns);
        } else if (strncmp(at, "\033[K", 3) == 0) {
            rows[row][column] = '\0';
            at += 2;
        } else {
            assert_true(strncmp(at, "\033[32m", 5) == 0 || strncmp(at, "\033[39m", 5) == 0);
            at += 4;
        }
    }
    screen[0] = '\0';
    for (int i = 0; i <= row; i++) {
        strcat(strcat(screen, rows[i]), i < row ? "\n" : "");
    }
    return row;
}

TEST_ONCE(a_bar_is_redrawn_in_its_line_of_a_terminal) {
    char screen[TEXT_SIZE];
    const char *text = drawn(80, no_colour, STEPS("copying", "0/90@0", "9/90@9", "10/90@10"));
    assert_int_equal(look(screen, text, 80), 0);
    assert_string_equal(screen, format("copying", (spork_progress){10, 90, 10, 1, 80}, 80));
    assert_int_equal(support_count(text, "copying"), 3);
    text = drawn(80, no_colour, STEPS("copying", "0/90@0", "9/90@9", "90/90@90", "90/90@90"));
    assert_int_equal(look(screen, text, 80), 1);
    screen[strlen(screen) - 1] = '\0';
    assert_string_equal(screen, format("copying", (spork_progress){90, 90, 90, 1, 0}, 80));
}

TEST_ONCE(a_shorter_line_leaves_nothing_of_a_longer_one_on_a_terminal) {
    char screen[TEXT_SIZE];
    const char *text = drawn(200, no_colour, STEPS("x", "1/90@7200", "90/90@7205"));
    look(screen, text, 200);
    screen[strlen(screen) - 1] = '\0';
    assert_string_equal(
        screen, format("x", (spork_progress){90, 90, 7205, 90.0 / 7205, 0}, 200));
}

TEST_ONCE(a_bar_is_as_wide_as_its_terminal) {
    static const int widths[] = {20, 33, 40, 80, 200};
    const spork_progress progress = {9, 90, 9, 1, 81};
    char screen[TEXT_SIZE];
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        look(screen, drawn(widths[i], coloured, STEPS("copying", "9/90@9")), widths[i]);
        assert_string_equal(screen, format("copying", progress, widths[i]));
    }
    /* One that does not say. */
    look(screen, drawn(0, coloured, STEPS("copying", "9/90@9")), 80);
    assert_string_equal(screen, format("copying", progress, 80));
}

TEST_ONCE(what_is_done_is_coloured_unless_no_color_is_set) {
    const char *text = drawn(40, coloured, STEPS("copying", "45/90@9"));
    assert_non_null(strstr(text, "[\033[32m======>\033[39m       ]"));
    assert_null(strstr(drawn(40, no_colour, STEPS("copying", "45/90@9")), "\033[3"));
}

TEST_ONCE(a_dumb_terminal_gets_the_lines_of_a_file) {
    const char *text = drawn(80, dumb, STEPS("copying", "0/90@0", "9/90@9", "90/90@90"));
    assert_string_equal(text, "copying: 0%, 0/90\r\ncopying: 100%, 90/90, 1.00/s, in 1:30\r\n");
}

TEST_MAIN
