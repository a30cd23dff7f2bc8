/* The end of a program that has a pool comes from outside: it is killed, interrupted by Ctrl-C,
   or told to end. Nobody stays, and a program that goes on is told what it has lost. */
#include "support_pool.h"
#include "support_program.h"
#include "support_signals.h"

enum { MOST_PIDS = 8, KILLED_MS = 1000, SIGNALLED_MS = 2000 };

struct probe {
    struct program *program;
    int64_t pids[MOST_PIDS];
    int count;
    int64_t begin; /* of its end */
};

static void read_pids(struct probe *probe) {
    const char *at = program_output(probe->program);
    while ((at = strstr(at, "worker ")) != NULL && probe->count < MOST_PIDS) {
        probe->count += sscanf(at, "worker %" SCNd64, &probe->pids[probe->count]) == 1;
        at++;
    }
    assert_int_equal(probe->count, 2);
}

static struct probe start_probe(const char *how) {
    const char *arguments[] = {how, NULL};
    char variable[64];
    struct probe probe = {0};
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    snprintf(variable, sizeof variable, "SPORK_START_METHOD=%s",
             spork_start_method_name(spork_get_start_method()));
    const char *environment[] = {variable, NULL};
    probe.program = program_start(&(struct program_options){
        .name = "pool_probe", .arguments = arguments, .environment = environment,
        .merged = true});
    assert_non_null(probe.program);
    while (strstr(program_output(probe.program), "ready") == NULL) {
        if (spork_now_ms() > limit || strstr(program_output(probe.program), "fault")) {
            fail_msg("it is not ready, but:\n%s", program_output(probe.program));
        }
        spork_sleep_ms(1);
    }
    read_pids(&probe);
    spork_sleep_ms(50); /* it waits by now; if not, it must end all the same */
    probe.begin = spork_now_ms();
    return probe;
}

static void ends_with_all(struct probe *probe, int64_t within_ms, int expected) {
    int code = -1000;
    if (!program_wait(probe->program, PATIENCE_MS, &code)) {
        fail_msg("it goes on:\n%s", program_output(probe->program));
    }
    for (int i = 0; i < probe->count && !on_threads(); i++) {
        while (native_process_runs(probe->pids[i])) {
            assert_true(spork_now_ms() < probe->begin + within_ms);
            spork_sleep_ms(1);
        }
    }
    assert_in_range(spork_now_ms() - probe->begin, 0, within_ms);
    if (!native_is_windows()) {
        assert_int_equal(code, expected);
    }
    printf("%s", program_output(probe->program));
    program_free(probe->program);
}

/* ---- killed ---- */

static void leaves_nobody_when_killed(const char *how) {
    struct probe probe = start_probe(how);
    program_kill(probe.program);
    ends_with_all(&probe, KILLED_MS, -9);
}

TEST(a_program_that_is_killed_with_busy_workers_leaves_none) {
    leaves_nobody_when_killed("stay");
}
TEST(so_does_one_whose_workers_are_idle) {
    leaves_nobody_when_killed("linger");
}

/* ---- interrupted ---- */

static void needs_signals(void) {
    if (native_is_windows()) {
        SKIP("Windows has no signals");
    }
}

TEST(a_program_that_waits_in_a_map_is_over_at_once_with_all_its_workers_by_ctrl_c) {
    needs_signals();
    struct probe probe = start_probe("wait");
    signals_interrupt_group(program_pid(probe.program));
    ends_with_all(&probe, SIGNALLED_MS, -2);
}

TEST(so_it_is_when_it_alone_is_told_to_end) {
    needs_signals();
    struct probe probe = start_probe("wait");
    signals_terminate(program_pid(probe.program));
    ends_with_all(&probe, SIGNALLED_MS, -15);
}

TEST(a_program_that_handles_ctrl_c_is_told_of_the_tasks_that_it_ended_and_has_a_pool_that_works) {
    needs_signals();
    struct probe probe = start_probe("handle");
    signals_interrupt_group(program_pid(probe.program));
    int code = -1000;
    if (!program_wait(probe.program, PATIENCE_MS, &code)) {
        fail_msg("it goes on:\n%s", program_output(probe.program));
    }
    assert_in_range(spork_now_ms() - probe.begin, 0, SIGNALLED_MS);
    const char *output = program_output(probe.program);
    if (strstr(output, "ended SPORK_EWORKERDIED") == NULL &&
        strstr(output, "ended SPORK_ECANCELLED") == NULL) {
        fail_msg("it was told nothing:\n%s", output);
    }
    assert_int_equal(code, 6);
    program_free(probe.program);
}

TEST_MAIN
