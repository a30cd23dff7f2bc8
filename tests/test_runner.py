#!/usr/bin/env python3
"""The test of the tests: tests/run.py says the right thing about a test that fails, hangs,
crashes, skips, or leaves something behind.

usage: tests/test_runner.py [--wrapper COMMAND] [--tally FILE] SAMPLES

SAMPLES is the program that is built from tests/selftest/samples.c.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml

import run as run_py

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")
MARK = r"samples(\.exe)?\"? --(sleep|run it_leaves)"
OPTIONS = argparse.Namespace(wrapper="", samples="")


def run(filter_text, *more):
    """(exit code, output) of the runner, over the samples that match."""
    command = [sys.executable, RUNNER, "--filter", filter_text, *more]
    if OPTIONS.wrapper:
        command += ["--wrapper", OPTIONS.wrapper]
    # A file, as a process that a sample leaves behind would hold a pipe.
    with tempfile.TemporaryFile() as file:
        code = subprocess.run(command + [OPTIONS.samples], stdout=file,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              check=False).returncode
        file.seek(0)
        return code, file.read().decode()


def running(words):
    """Processes that a sample left: a forked child has its command line, another its own."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                dead = file.read().rpartition(")")[2].split()[0] in "ZX"
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if re.search(words, line) and "run.py" not in line and not dead:
            found.append(pid)
    return found


class RunnerTest(unittest.TestCase):
    def check(self, name, *words, code=1, filter_text=None, more=()):
        got, output = run(filter_text or f"/{name}/", *more)
        self.assertEqual(got, code, output)
        for word in words:
            self.assertRegex(output, word)
        return output

    def native_only(self):
        if OPTIONS.wrapper or os.name == "nt":
            self.skipTest("not for programs under a wrapper")


class Verdicts(RunnerTest):
    def test_a_passing_test_runs_once_under_each_method(self):
        methods = "spawn,thread" if OPTIONS.wrapper else "spawn,fork,forkserver,thread"
        output = self.check("it_passes", code=0)
        for method in methods.split(","):
            self.assertRegex(output, rf"(?m)^ok \d+ - samples: it_passes \[{method}\]")
        count = len(methods.split(",")) + 1  # and the look at what is left
        self.assertEqual(output.splitlines()[-1], f"{count} passed, 0 failed, 0 skipped")

    def test_the_methods_can_be_chosen(self):
        output = self.check("it_passes", code=0, more=["--methods", "thread"])
        self.assertEqual(len(re.findall(r"(?m)^ok .*it_passes", output)), 1)

    def test_a_test_for_no_method_runs_once(self):
        output = self.check("it_passes_once", code=0)
        self.assertEqual(len(re.findall(r"(?m)^ok .*it_passes_once", output)), 1)

    def test_a_failing_test_is_told_with_file_and_line(self):
        self.check("it_fails", r"(?m)^not ok 1 - samples: it_fails", r"exit code 1",
                   r"# .*tests/selftest/samples\.c:\d+",
                   r"(?m)^\d+ passed, 1 failed, 0 skipped\n\Z")

    def test_a_hanging_test_is_ended_and_its_last_words_are_told(self):
        begin = time.monotonic()
        self.check("it_hangs", r"timed out after 1 s", r"last words, without an end of line")
        self.assertLess(time.monotonic() - begin, 10)

    def test_a_crash_is_told(self):
        self.check("it_crashes", r"not ok 1",
                   r"exit code" if OPTIONS.wrapper else r"killed by SIGSEGV")

    def test_an_abort_is_told(self):
        self.check("it_aborts", r"not ok 1",
                   r"exit code" if OPTIONS.wrapper else r"killed by SIGABRT")

    def test_a_skip_is_told_with_its_reason(self):
        self.check("it_skips", r"(?m)^ok 1 .* # SKIP there are only 2 moons$",
                   r"(?m)^\d passed, 0 failed, 1 skipped\n\Z", code=0)

    def test_an_exit_in_the_middle_is_a_failure(self):
        self.check("it_exits_in_its_middle", r"not ok 1", r"exit was called before the test's end")

    def test_what_wine_cannot_start_is_started_thrice_and_that_is_told(self):
        self.check("it_is_not_started_by_wine",
                   r"(?m)^# samples: it_is_not_started_by_wine: Wine could not"
                   r" start a process \(start 1 of 3\)", r"\(start 3 of 3\)", r"(?m)^not ok 1 ")

    def test_a_report_of_a_sanitizer_is_a_failure(self):
        self.check("it_prints_a_report", r"not ok 1", r"a sanitizer reported: .*ThreadSanitizer",
                   filter_text="it_prints_a_report")


class Leftovers(RunnerTest):
    def test_a_child_that_outlives_the_test_is_told_and_killed(self):
        self.check("it_leaves_a_child", r"not ok 1", r"1 process\(es\) outlived it: \d+ .*samples")
        self.assertEqual(running(MARK), [])

    def test_a_child_on_its_own_is_told_and_killed(self):
        self.check("it_leaves_a_child_on_its_own", r"1 process\(es\) outlived it")
        self.assertEqual(running(MARK), [])

    def test_a_child_that_ends_within_the_grace_is_fine(self):
        self.check("it_leaves_a_child_that_ends_soon", code=0)

    def test_a_file_is_told(self):
        try:
            self.check("it_leaves_a_file", r"(?m)^ok 1 - ", r"(?m)^not ok 2 - leftovers",
                       r"left behind: .*spork-left")
        finally:
            for directory in run_py.wine_temporaries(os.environ) if OPTIONS.wrapper else []:
                left = os.path.join(directory, "spork-left")
                if os.path.exists(left):
                    os.unlink(left)

    def test_a_failing_forked_child_does_not_go_on_as_the_test(self):
        self.native_only()
        self.check("a_forked_child_fails", r"(?m)^ok 1 - ", code=0)


class Reports(RunnerTest):
    def test_junit_and_tally_hold_the_results(self):
        with tempfile.TemporaryDirectory() as place:
            junit, tally = os.path.join(place, "new", "t.xml"), os.path.join(place, "tally")
            self.check("", filter_text="it_(fails|skips|passes_once)/", more=[
                "--junit", junit, "--tally", tally, "--label", "label"])
            suite = xml.parse(junit).getroot().find("testsuite[@name='label.samples']")
            self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("skipped")),
                             ("3", "1", "1"))
            self.assertIn("samples.c", suite.find("testcase/failure").text)
            with open(tally, encoding="utf-8") as file:
                self.assertRegex(file.read(), r"\A[12] 1 1 label\n\Z")

    def test_repeat_runs_it_that_often(self):
        output = self.check("it_passes_once", code=0, more=["--repeat", "5"])
        self.assertEqual(len(re.findall(r"(?m)^ok .*it_passes_once", output)), 5)

    def test_a_program_that_is_no_test_is_a_failure(self):
        self.native_only()
        samples = OPTIONS.samples
        try:
            for OPTIONS.samples in ("/bin/false", "/bin/true", "/no/such/program"):
                self.check("", r"not ok 1 - \w+: --list", filter_text=".")
        finally:
            OPTIONS.samples = samples

    def test_no_test_at_all_is_a_failure(self):
        self.check("", r"no test matches", filter_text="no_such_test")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wrapper", default="")
    parser.add_argument("--tally", metavar="FILE")
    parser.add_argument("samples")
    parser.parse_args(namespace=OPTIONS)
    done = unittest.TextTestRunner(verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]))
    failed = len(done.failures) + len(done.errors)
    skipped = len(done.skipped)
    passed = done.testsRun - failed - skipped
    if OPTIONS.tally:
        with open(OPTIONS.tally, "a", encoding="utf-8") as file:
            file.write(f"{passed} {failed} {skipped} test_runner\n")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
