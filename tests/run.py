#!/usr/bin/env python3
"""Runs test programs made with tests/harness.h: each test in a process and a session of its
own, under each start method, with a time limit; prints TAP, writes JUnit.

What a test leaves behind is its failure: a process that outlives it by two seconds, an entry
named spork* in /dev/shm or in the temporary directory, a sanitizer's report from a child whose
exit code nobody looked at. Needs nothing but the standard library.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml

WINDOWS = os.name == "nt"
PROC = os.path.isdir("/proc/self")
SKIPPED = 77
GRACE_SECONDS = 2.0
LISTING_LIMIT = 60
MOST_OUTPUT_LINES = 300
MARK = "SPORK_TEST_MARK"

# A crash that a test asked for (SEGV, ABRT ...) is its own business; these never are.
REPORT = re.compile(r"ERROR: AddressSanitizer: (?!SEGV|BUS|FPE|ILL|ABRT)|ERROR: LeakSanitizer"
                    r"|WARNING: ThreadSanitizer|: runtime error: ")

WINE = re.compile(r"wineserver|\\(services|explorer|winedevice|plugplay|svchost|rpcss|conhost"
                  r"|wineboot|winemenubuilder|rundll32)\.exe\b", re.IGNORECASE)
# What Wine says when it cannot start a process: where the system has put its heap is an address
# that Wine needs (Linux 6.9 and newer, 1 in 1,000), or its server has dropped the connection.
# Nothing of the program has run then.
STILLBORN = re.compile(r"wine: failed to map the shared user data"
                       r"|^wine client error:[0-9a-f]*: recvmsg: Connection reset by peer",
                       re.MULTILINE)
STARTS = 3

SANITIZER_DEFAULTS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "die_after_fork=0:second_deadlock_stack=1",
}


class Case:
    """One test under one start method."""

    def __init__(self, program, name, method, limit):
        self.program = program
        self.suite = re.sub(r"\.exe$", "", os.path.basename(program))
        self.name = name
        self.method = method
        self.limit = limit

    def title(self):
        method = f" [{self.method}]" if self.method else ""
        return f"{self.suite}: {self.name}{method}"


class Result:
    """How a case ended: state is "passed", "failed" or "skipped"; why is one line."""

    def __init__(self, case, state, why="", output="", seconds=0.0):
        self.case = case
        self.state = state
        self.why = why
        self.output = output
        self.seconds = seconds


# ---- Processes ----

def stat_of(pid):
    """(state, session) of a process, or None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
        return fields[0], int(fields[3])
    except (OSError, IndexError):
        return None


def carries(pid, mark):
    """Whether the process was started with this mark: it may have left the session."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        return False


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "?"


def family(session, mark):
    """The living processes of a test; zombies are dead. What Wine runs for itself may carry
    the mark of the test that needed it first, and serves the others."""
    if not PROC:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        stat = stat_of(entry)
        if stat is None or stat[0] in (b"Z", b"X"):
            continue
        if (stat[1] == session or carries(entry, mark)) and not WINE.search(command_line(entry)):
            found.append(int(entry))
    return found


def kill_family(process, mark):
    """Ends the test and all that it started, until none is left."""
    if WINDOWS:
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return
    for _ in range(100):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        alive = family(process.pid, mark)
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        if not alive:
            return
        time.sleep(0.01)


def never_born(pid):
    """Whether it is a process of Wine's that has not got as far as to have its program's name.
    If its creator is killed just then, it waits for ever for an answer to its first question,
    a pipe of which it holds both ends; no program will ever run in it."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return re.match(r"wine(64)?(-preloader)?$", file.read().strip()) is not None
    except OSError:
        return True


def outliving(session, mark):
    """What is still there GRACE_SECONDS after the test's end, as text lines."""
    deadline = time.monotonic() + GRACE_SECONDS
    pause = 0.005
    while True:
        alive = family(session, mark)
        if not alive:
            return []
        if time.monotonic() > deadline:
            return [f"{pid} {command_line(pid)}" for pid in alive if not never_born(pid)]
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


class Starter:
    """Starts processes for tests, and knows which run, so that an end of the runner ends
    them too."""

    def __init__(self, wrapper, environment):
        self.wrapper = wrapper
        self.environment = environment
        self.count = 0
        self.running = {}
        self.guard = threading.Lock()
        self.stopped = False

    def start(self, arguments, method, output, errors=subprocess.STDOUT):
        with self.guard:
            if self.stopped:
                raise RuntimeError("the run was stopped")
            self.count += 1
            mark = f"{os.getpid()}-{self.count}"
            environment = dict(self.environment)
            environment[MARK] = mark
            environment.pop("SPORK_START_METHOD", None)
            if method:
                environment["SPORK_START_METHOD"] = method
            own_group = ({"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if WINDOWS
                         else {"start_new_session": True})
            process = subprocess.Popen(self.wrapper + arguments, stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=errors,
                                       env=environment, **own_group)
            mark = f"{MARK}={mark}".encode()
            self.running[process.pid] = (process, mark)
            return process, mark

    def ended(self, process):
        with self.guard:
            self.running.pop(process.pid, None)

    def stop(self):
        with self.guard:
            self.stopped = True
            running = list(self.running.values())
        for process, mark in running:
            kill_family(process, mark)


# ---- One test ----

def wait(process, seconds):
    """The exit code, or None when the time ran out."""
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


def read_text(file):
    file.seek(0)
    return file.read().decode(errors="replace").replace("\r\n", "\n")


def describe_end(code):
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"


def judge(code, limit, left, output):
    """The state and why of a test that ended like this."""
    if code is None:
        return "failed", f"timed out after {limit:g} s"
    if code not in (0, SKIPPED):
        return "failed", describe_end(code)
    report = REPORT.search(output)
    if report:
        return "failed", "a sanitizer reported: " + report.group(0).strip(": ")
    if left:
        return "failed", f"{len(left)} process(es) outlived it: " + "; ".join(left)
    if code == SKIPPED:
        reason = re.search(r"^SKIP: (.*)$", output, re.MULTILINE)
        return "skipped", reason.group(1) if reason else "no reason given"
    return "passed", ""


def run_case(case, starter):
    """Once; but where Wine said that it could not start a process, once more, and that is told."""
    for start in range(STARTS):
        result = run_once(case, starter)
        if result.state != "failed" or not STILLBORN.search(result.output):
            break
        print(f"# {case.suite}: {case.name}: Wine could not start a process (start {start + 1}"
              f" of {STARTS})", flush=True)
    return result


def run_once(case, starter):
    begin = time.monotonic()
    # A file, not a pipe: a process that a test leaves behind would keep a pipe open.
    with tempfile.TemporaryFile() as file:
        try:
            process, mark = starter.start([case.program, "--run", case.name], case.method, file)
        except (OSError, RuntimeError) as error:
            return Result(case, "failed", f"it could not be started: {error}")
        code = wait(process, case.limit)
        left = []
        if code in (0, SKIPPED):
            left = outliving(process.pid, mark)
        kill_family(process, mark)
        process.wait()
        starter.ended(process)
        output = read_text(file)
    state, why = judge(code, case.limit, left, output)
    return Result(case, state, why, output, time.monotonic() - begin)


# ---- What there is to run ----

def list_program(program, starter):
    """(tests, failure): tests are (name, each, seconds)."""
    for _ in range(STARTS):
        with tempfile.TemporaryFile() as file:
            try:
                process, mark = starter.start([program, "--list"], None, file)
            except OSError as error:
                return [], f"it could not be started: {error}"
            code = wait(process, LISTING_LIMIT)
            kill_family(process, mark)
            process.wait()
            starter.ended(process)
            output = read_text(file)
        if code == 0 or not STILLBORN.search(output):
            break
    if code != 0:
        how = "timed out" if code is None else describe_end(code)
        return [], f"--list: {how}\n{output}"
    tests = []
    for line in output.splitlines():
        fields = line.split("\t")
        if len(fields) != 3 or fields[1] not in ("each", "once") or not fields[2].isdigit():
            return [], f"--list printed a line that is none: {line!r}"
        tests.append((fields[0], fields[1] == "each", int(fields[2])))
    if not tests:
        return [], "--list printed no test"
    return tests, None


def collect(options, starter):
    """All cases that match the filter, and a failed result for each unusable program."""
    cases, failures = [], []
    for program in options.programs:
        program = os.path.abspath(program)
        tests, failure = list_program(program, starter)
        if failure:
            reason, _, output = failure.partition("\n")
            failures.append(Result(Case(program, "--list", None, 0), "failed", reason, output))
        for name, each, seconds in tests:
            for method in options.methods if each else [None]:
                case = Case(program, name, method, seconds * options.slowness)
                if re.search(options.filter, f"{case.suite}/{name}/{method or 'once'}"):
                    cases.append(case)
    return cases * options.repeat, failures


# ---- What is left behind ----

def spork_entries(directory):
    try:
        return {os.path.join(directory, name) for name in os.listdir(directory)
                if name.lower().startswith("spork")}
    except OSError:
        return set()


def wine_temporaries(environment):
    """Wine takes TEMP from its registry, whatever the environment says: the directories of the
    prefix, which scripts of one project share and others do not."""
    prefix = environment.get("WINEPREFIX", os.path.expanduser("~/.wine"))
    return glob.glob(os.path.join(glob.escape(prefix), "drive_c", "users", "*", "Temp"))


def leftover_result(directories, before):
    """Looks for two seconds, as another run on the same machine may be in its middle."""
    deadline = time.monotonic() + GRACE_SECONDS
    while True:
        new = set().union(*map(spork_entries, directories)) - before
        if not new or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    case = Case("leftovers", "nothing_is_left_in_shared_memory_and_temporary_files", None, 0)
    if new:
        return Result(case, "failed", "left behind: " + ", ".join(sorted(new)))
    return Result(case, "passed")


# ---- Reports ----

class Tap:
    """Prints each result as it comes, and counts."""

    def __init__(self):
        self.results = []
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}

    def add(self, result):
        self.results.append(result)
        self.counts[result.state] += 1
        line = "not ok" if result.state == "failed" else "ok"
        line += f" {len(self.results)} - {result.case.title()}"
        if result.state == "skipped":
            line += f" # SKIP {result.why}"
        else:
            line += f" # {result.seconds:.2f} s"
        print(line)
        if result.state == "failed":
            print(f"#   {result.why}")
            lines = result.output.splitlines()
            if len(lines) > MOST_OUTPUT_LINES:
                print(f"# ... {len(lines) - MOST_OUTPUT_LINES} lines before")
            for text in lines[-MOST_OUTPUT_LINES:]:
                print(f"# {text}")
        sys.stdout.flush()

    def finish(self):
        print(f"1..{len(self.results)}")
        print("{passed} passed, {failed} failed, {skipped} skipped".format(**self.counts))
        sys.stdout.flush()


def clean(text):
    """Without the characters that XML cannot hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd]", "?", text)


def write_junit(path, label, results):
    suites = xml.Element("testsuites", name=label)
    by_suite = {}
    for result in results:
        by_suite.setdefault(result.case.suite, []).append(result)
    for name, members in by_suite.items():
        states = [result.state for result in members]
        suite = xml.SubElement(suites, "testsuite", name=f"{label}.{name}",
                               tests=str(len(members)), failures=str(states.count("failed")),
                               skipped=str(states.count("skipped")),
                               time=f"{sum(r.seconds for r in members):.3f}")
        for result in members:
            method = f" [{result.case.method}]" if result.case.method else ""
            case = xml.SubElement(suite, "testcase", classname=f"{label}.{name}",
                                  name=result.case.name + method, time=f"{result.seconds:.3f}")
            if result.state == "failed":
                failure = xml.SubElement(case, "failure", message=clean(result.why))
                failure.text = clean(result.output)
            elif result.state == "skipped":
                xml.SubElement(case, "skipped", message=clean(result.why))
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    xml.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


# ---- The run ----

def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    parser.add_argument("--methods", metavar="LIST",
                        help="start methods, separated by commas; default: all of the platform")
    parser.add_argument("--wrapper", default="", metavar="COMMAND",
                        help="what starts a program that this system cannot: wine")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--junit", metavar="FILE")
    parser.add_argument("--tally", metavar="FILE",
                        help="append a line: passed failed skipped label")
    parser.add_argument("--filter", default="", metavar="REGEX",
                        help="run what matches, in program/test/method")
    parser.add_argument("--label", default="tests", help="the name of this run in reports")
    parser.add_argument("--allow-none", action="store_true",
                        help="it is fine when the filter matches nothing")
    parser.add_argument("--repeat", type=int, default=1, metavar="N")
    parser.add_argument("--slowness", type=float, default=1.0, metavar="FACTOR",
                        help="multiply the time limits (sanitizers, emulators)")
    options = parser.parse_args(arguments)
    options.wrapper = shlex.split(options.wrapper)
    options.native = not options.wrapper
    if options.methods:
        options.methods = options.methods.split(",")
    elif WINDOWS or options.wrapper:
        options.methods = ["spawn", "thread"]
    else:
        options.methods = ["spawn", "fork", "forkserver", "thread"]
    return options


def run_all(options, starter, tap, collect_cases, run_one):
    cases, failures = collect_cases(options, starter)
    for failure in failures:
        tap.add(failure)
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        pending = [pool.submit(run_one, case, starter) for case in cases]
        try:
            for done in concurrent.futures.as_completed(pending):
                tap.add(done.result())
        except BaseException:
            for future in pending:
                future.cancel()
            starter.stop()
            raise


def end_by_signal(number, _frame):
    sys.exit(128 + number)


def main(arguments, collect_cases=collect, run_one=run_case):
    """tests/run_examples.py runs cases of its own making here."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, end_by_signal)
    # A shell has what it runs in the background ignore this, and tests would inherit that; a
    # handler is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = dict(os.environ)
    for name, value in SANITIZER_DEFAULTS.items():
        environment.setdefault(name, value)
    # A temporary directory of this run's own: what is left in it is ours for certain.
    temporary = tempfile.mkdtemp(prefix="run-")
    if options.native:
        environment.update(TMPDIR=temporary, TMP=temporary, TEMP=temporary)
    shared = ["/dev/shm", temporary] + ([] if options.native else wine_temporaries(environment))
    before = set().union(*map(spork_entries, shared))
    tap = Tap()
    try:
        run_all(options, Starter(options.wrapper, environment), tap, collect_cases, run_one)
        if not tap.results:
            print(f"# no test matches {options.filter!r}")
        else:
            tap.add(leftover_result(shared, before))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if options.junit:
        write_junit(options.junit, options.label, tap.results)
    if options.tally:
        with open(options.tally, "a", encoding="utf-8") as file:
            file.write("{passed} {failed} {skipped} ".format(**tap.counts)
                       + options.label + "\n")
    tap.finish()
    return 0 if (tap.results or options.allow_none) and tap.counts["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
