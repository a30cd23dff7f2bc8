#!/usr/bin/env python3
"""Runs the examples: each has to print what examples/expected says, under each start method
that the file allows; the one that copies folders has to copy some, and the one that gets
pages of the web has to get some.

An expected file holds the lines of the standard output. <name> stands for a number, the same
one wherever the name is the same. Lines that begin with "# " say more:

    # methods: spawn fork    the start methods that make sense (all, without such a line)
    # in any order           of the lines from here on
    # side by side           sequences that may be mixed, each in its own order ...
    # with                   ... and here the next of them begins
    # then                   in this order again
    # maybe: TEXT            a line that may be missing
    # like: REGEX            a line that is like this

NAME.windows.txt stands for NAME.txt where it exists, for a program of Windows. The options and
the output are those of tests/run.py. Needs nothing but the standard library.
"""

import contextlib
import glob
import http.server
import os
import re
import shutil
import signal
import socket
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading
import time

import run

LIMIT = 30
PLACEHOLDER = re.compile(r"<([a-z_]+)>")
COPIER = "copy_folder"
SCRAPER = "scrape"


# ---- What is expected ----

class Line:
    def __init__(self, pattern, optional=False):
        self.pattern = pattern
        self.optional = optional

    def match(self, text, numbers):
        """The numbers known after this line, or None when it is another line."""
        parts, names, last = [], [], 0
        for found in PLACEHOLDER.finditer(self.pattern):
            parts.append(self.pattern[last:found.start()])
            name, last = found.group(1), found.end()
            parts.append(re.escape(numbers[name]) if name in numbers
                         else f"(?P={name})" if name in names else f"(?P<{name}>[0-9]+)")
            names.append(name)
        parts.append(self.pattern[last:])
        found = re.fullmatch("".join(parts), text)
        return None if found is None else {**numbers, **found.groupdict()}


def literal(text):
    """A pattern for this text, in which placeholders stay what they are."""
    return "".join(part if PLACEHOLDER.fullmatch(part) else re.escape(part)
                   for part in re.split(r"(<[a-z_]+>)", text))


class Expected:
    """methods, or None for all; groups: lists of sequences of lines."""

    def __init__(self, path):
        self.methods = None
        self.groups = [[[]]]
        any_order = False
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        for text in lines:
            key, _, value = text[2:].partition(": ")
            if not text.startswith("# "):
                self.add(Line(literal(text)), any_order)
            elif key == "methods":
                self.methods = value.split()
            elif key == "maybe":
                self.add(Line(literal(value), optional=True), any_order)
            elif key == "like":
                self.add(Line(value), any_order)
            elif key in ("in any order", "side by side", "then"):
                any_order = key == "in any order"
                self.groups.append([[]])
            elif key == "with":
                self.groups[-1].append([])
            else:
                raise ValueError(f"{path}: unknown: {text}")

    def add(self, line, any_order):
        if any_order and self.groups[-1][-1]:
            self.groups[-1].append([])
        self.groups[-1][-1].append(line)

    def matches(self, lines):
        return self._match(lines, 0, self.groups[0], {}, 1)

    def _match(self, lines, at, sequences, numbers, following):
        sequences = [sequence for sequence in sequences if sequence]
        while not sequences and following < len(self.groups):
            sequences = [sequence for sequence in self.groups[following] if sequence]
            following += 1
        if not sequences:
            return at == len(lines)
        for index, sequence in enumerate(sequences):
            rest = sequences[:index] + [sequence[1:]] + sequences[index + 1:]
            known = sequence[0].match(lines[at], numbers) if at < len(lines) else None
            if known is not None and self._match(lines, at + 1, rest, known, following):
                return True
            if sequence[0].optional and self._match(lines, at, rest, numbers, following):
                return True
        return False


# ---- Running one ----

class Run:
    """How a program ended: code (None: the time ran out), its lines, what it said beside."""

    def __init__(self, case, starter, arguments=(), command=()):
        command = [*(command or [case.program]), *arguments]
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process, mark = starter.start(command, case.method, output, errors)
            self.code = run.wait(process, case.limit)
            self.left = run.outliving(process.pid, mark) if self.code is not None else []
            run.kill_family(process, mark)
            process.wait()
            starter.ended(process)
            self.output = run.read_text(output)
            self.errors = run.read_text(errors)

    def all_output(self):
        return self.output + (f"--- standard error ---\n{self.errors}" if self.errors else "")


class Wrong(Exception):
    """What is wrong with a run, in a line; the rest is its output."""


class Skipped(Exception):
    """Why a case cannot be run here."""


def require(good, text):
    if not good:
        raise Wrong(text)


def require_end(ended, case, code):
    require(ended.code is not None, f"timed out after {case.limit:g} s")
    require(ended.code == code, f"{run.describe_end(ended.code)} where {code} was expected")
    report = run.REPORT.search(ended.all_output())
    require(not report, "a sanitizer reported: " + (report.group(0) if report else ""))
    require(not ended.left, "outlived it: " + "; ".join(ended.left))


def print_what_is_expected(case, starter):
    ended = Run(case, starter)
    yield ended
    require_end(ended, case, 0)
    require(not ended.errors, "it wrote to the standard error")
    require(case.expected.matches(ended.output.splitlines()),
            f"it printed something else than {case.expected_path} says")


# ---- Copying folders ----

def put(root, path, content=b"", mode=None):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    if mode is not None:
        os.chmod(path, mode)


def fill(root, native):
    """A folder with what there is in folders."""
    put(root, "empty file")
    put(root, "large", os.urandom(1 << 20) * 3 + b"end")
    put(root, "sub/program", b"#!/bin/sh\r\n\x1a\x00", 0o750)
    put(root, "sub/Grüße, 世界", "Grüße".encode())
    for number in range(200):
        put(root, f"many/{number % 7}/{number}", b"x" * number)
    os.makedirs(os.path.join(root, "empty directory/in it"))
    if native and not run.WINDOWS:
        os.symlink("sub/program", os.path.join(root, "link"))
        os.symlink("nowhere", os.path.join(root, "broken link"))
        put(root, "locked directory/file", b"y")
        os.chmod(os.path.join(root, "locked directory"), 0o555)


def contents(root, native):
    """path -> what it is, of everything below root."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            mode = stat.S_IMODE(status.st_mode) if native and not run.WINDOWS else 0
            if stat.S_ISLNK(status.st_mode):
                what = ("link", os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                what = ("directory", mode)
            else:
                with open(path, "rb") as file:
                    what = ("file", mode, file.read())
            found[os.path.relpath(path, root)] = what
    return found


def native(starter):
    return not starter.wrapper


def as_argument(path, starter):
    return path if native(starter) else "Z:" + path.replace("/", "\\")


def copy(case, starter, source, target, command=()):
    return Run(case, starter, [as_argument(source, starter), as_argument(target, starter)],
               command)


def require_progress(output):
    shown = [float(part) for part in re.findall(r"([0-9.]+)%", output)]
    require(shown and shown[0] == 0 and shown[-1] == 100, "no progress from 0 to 100 percent")
    require(shown == sorted(shown), "the progress goes back")
    require("\r[########################################] 100.00%\n" in output,
            "the last progress is not a line with a full bar")
    require(all("\n" not in part for part in output.split("\r[")[1:-1]),
            "the progress takes more than one line")


class Place:
    """A temporary directory that others may reach, and that is emptied whatever is in it."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="copy-")
        os.chmod(self.path, 0o777)
        return self.path

    def __exit__(self, *_):
        for folder, _, _ in os.walk(self.path):
            os.chmod(folder, 0o777)
        shutil.rmtree(self.path)


def copy_everything(case, starter):
    with Place() as place:
        source, target = os.path.join(place, "source"), os.path.join(place, "target")
        fill(source, native(starter))
        ended = copy(case, starter, source, target)
        yield ended
        require_end(ended, case, 0)
        require(not ended.errors, "it wrote to the standard error")
        require(ended.output.startswith("the folder "), "it does not name the new folder")
        require_progress(ended.output)
        require(contents(source, native(starter)) == contents(target, native(starter)),
                "the copy is not like its source")


def fill_up_a_target_that_exists(case, starter):
    with Place() as place:
        source, target = os.path.join(place, "source"), os.path.join(place, "target")
        put(source, "same", b"new")
        put(source, "sub/more", b"more")
        put(target, "same", b"old, and longer")
        put(target, "sub/other", b"stays")
        ended = copy(case, starter, source, target)
        yield ended
        require_end(ended, case, 0)
        require("exists already" in ended.output, "it does not say that the target exists")
        want = {"same": b"new", os.path.join("sub", "more"): b"more",
                os.path.join("sub", "other"): b"stays"}
        got = {path: what[2] for path, what in contents(target, False).items()
               if what[0] == "file"}
        require(got == want, f"the target is {got}")


@contextlib.contextmanager
def held(path, case, starter):
    """A file of Windows that nobody else can open meanwhile."""
    helper = os.path.join(os.path.dirname(case.program), "..", "tests", "file_holder.exe")
    if not os.path.exists(helper):
        raise Skipped("there is no " + os.path.normpath(helper))
    with subprocess.Popen([*starter.wrapper, helper, as_argument(path, starter)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            require(holder.stdout.readline().strip() == b"held", f"{path} could not be held")
            yield
        finally:
            holder.stdin.close()
            holder.wait(case.limit)


def name_what_another_program_holds(case, starter):
    with Place() as place:
        source, target = os.path.join(place, "source"), os.path.join(place, "target")
        put(source, "secret", b"secret")
        put(source, "sub/open", b"open")
        with held(os.path.join(source, "secret"), case, starter):
            ended = copy(case, starter, source, target)
        yield ended
        require_end(ended, case, 1)
        require("secret: " in ended.errors, "secret is not named")
        require(ended.errors.count("\n") == 1, "there are other complaints")
        require_progress(ended.output)
        require(not os.path.exists(os.path.join(target, "secret")), "there is a copy of secret")
        with open(os.path.join(target, "sub", "open"), "rb") as file:
            require(file.read() == b"open", "the rest was not copied")


def name_what_cannot_be_read(case, starter):
    if not native(starter) or run.WINDOWS:
        yield from name_what_another_program_holds(case, starter)
        return
    prefix = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            raise Skipped("root reads everything, and there is no setpriv")
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with Place() as place:
        # From a place that nobody can reach.
        program = shutil.copy(case.program, place)
        os.chmod(program, 0o755)
        source, target = os.path.join(place, "source"), os.path.join(place, "target")
        put(source, "secret", b"secret", 0)
        put(source, "sub/open", b"open", 0o644)
        os.makedirs(os.path.join(source, "closed"))
        os.chmod(os.path.join(source, "closed"), 0)
        os.mkfifo(os.path.join(source, "fifo"))
        ended = copy(case, starter, source, target, prefix + [program])
        yield ended
        require_end(ended, case, 1)
        for name in ("secret", "closed", "fifo"):
            require(f"{name}: " in ended.errors, f"{name} is not named")
        require(ended.errors.count("\n") == 3, "there are other complaints")
        require_progress(ended.output)
        require(not os.path.exists(os.path.join(target, "secret")), "there is a copy of secret")
        with open(os.path.join(target, "sub/open"), "rb") as file:
            require(file.read() == b"open", "the rest was not copied")


def refuse_what_would_destroy(case, starter):
    with Place() as place:
        source = os.path.join(place, "source")
        put(source, "file", b"content")
        ended = copy(case, starter, source, os.path.join(source, "..", "source"))
        yield ended
        require_end(ended, case, 1)
        require("the source itself" in ended.errors, "it does not say why")
        require(contents(source, False)["file"][2] == b"content", "the source was changed")


def name_a_source_that_is_not_there(case, starter):
    with Place() as place:
        ended = copy(case, starter, os.path.join(place, "none"), os.path.join(place, "target"))
        yield ended
        require_end(ended, case, 1)
        require("none: " in ended.errors, "it does not name the source")
        require(not os.path.exists(os.path.join(place, "target")), "it made the target")


def who_has_open(path):
    """The ids of the processes, other than this one, that have the file open."""
    for folder in glob.glob("/proc/[0-9]*/fd"):
        pid = int(folder.split("/")[2])
        try:
            names = [os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)]
        except OSError:
            continue  # it has ended, or is another user's
        if path in names and pid != os.getpid():
            yield pid


@contextlib.contextmanager
def killing(path):
    """Kills the process that opens the file, meanwhile: a list with its id, when it has been."""
    killed, over = [], threading.Event()

    def look():
        while not killed and not over.wait(0.02):
            for pid in who_has_open(path):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield killed
    finally:
        over.set()
        looker.join()


def lose_only_the_file_of_a_worker_that_is_killed(case, starter):
    with Place() as place:
        source, target = os.path.join(place, "source"), os.path.join(place, "target")
        put(source, "held", b"held")
        for number in range(100):
            put(source, f"sub/{number}", b"x" * number)
        # Who copies it waits here for a reader that never comes.
        os.makedirs(target)
        os.mkfifo(os.path.join(target, "held"))
        with killing(os.path.join(source, "held")) as killed:
            ended = copy(case, starter, source, target)
        yield ended
        require_end(ended, case, 1)
        require(len(killed) == 1, f"{len(killed)} processes had the file open")
        require("held: worker PoolWorker-" in ended.errors and "SIGKILL" in ended.errors,
                "it does not say which file was lost, and how")
        require(ended.errors.count("\n") == 1, "there are other complaints")
        require_progress(ended.output)
        require(not os.path.lexists(os.path.join(target, "held")), "half a file is left")
        want = contents(source, True)
        del want["held"]
        require(contents(target, True) == want, "the rest was not copied")


# ---- Pages of the web ----

class Server(socketserver.ThreadingTCPServer):
    """On a port of the loopback, with three pages; asked is the paths that were asked for."""

    daemon_threads = True
    pages = {"/short": b"seventeen letters", "/long": b"x" * 100000, "/empty": b""}

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    def __enter__(self):
        # Asked often whether to end, as each case has a server of its own.
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path)
        if page is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


def refuses(address):
    try:
        socket.create_connection(address, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@contextlib.contextmanager
def refusing():
    """A URL where connections are refused: the port stays taken, and nobody listens at it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = taken.getsockname()
        require(refuses(address), "a port at which nobody listens does not refuse")
        yield f"http://127.0.0.1:{address[1]}/"


def require_scraped(ended, case, server, want):
    """want: for each URL in turn the path of a page, or the reason why there is none."""
    require_end(ended, case, 0)
    require(not ended.errors, "it wrote to the standard error")
    lines = [f"URL {url} scraped: {len(server.pages[path])} bytes" if path in server.pages
             else f"URL {url} not scraped: {path}" for url, path in want]
    got = ended.output.splitlines()
    require(len(got) == len(lines), f"{len(got)} lines where {len(lines)} were expected")
    for line, text in zip(lines, got):
        require(text == line, f"'{text}' where '{line}' was expected")


def scrape_all_but_what_is_refused(case, starter):
    with Server() as server, refusing() as refused:
        want = [(server.url(path), path) for path in server.pages]
        want.append((refused, "connection refused"))
        ended = Run(case, starter, [url for url, _ in want])
        yield ended
        require_scraped(ended, case, server, want)
        require(sorted(server.asked) == sorted(server.pages),
                f"the server was asked for {server.asked}")


def go_on_after_errors(case, starter):
    with Server() as server, refusing() as refused:
        want = [(refused, "connection refused"), (server.url("/long"), "/long"),
                (server.url("/none"), "the server would not give the page"),
                ("ftp://127.0.0.1/", "this is no address of the http kind")]
        want += [(server.url(path), path) for path in server.pages] * 5
        ended = Run(case, starter, [url for url, _ in want])
        yield ended
        require_scraped(ended, case, server, want)


# ---- The run ----

def run_case(case, starter):
    begin = time.monotonic()
    ended, state, why = None, "passed", ""
    steps = case.act(case, starter)
    try:
        for ended in steps:
            pass
    except Wrong as wrong:
        state, why = "failed", str(wrong)
    except Skipped as skipped:
        state, why = "skipped", str(skipped)
    except (OSError, RuntimeError) as error:
        state, why = "failed", f"{type(error).__name__}: {error}"
    output = ended.all_output() if ended else ""
    return run.Result(case, state, why, output, time.monotonic() - begin)


def make_case(program, act, method, options):
    case = run.Case(program, act.__name__, method, LIMIT * options.slowness)
    case.act = act
    return case


def cases_of(program, options, folder):
    """The cases of an example, by what it is and what is expected of it."""
    name = re.sub(r"\.exe$", "", os.path.basename(program))
    if COPIER in name:
        yield from (make_case(program, copy_everything, method, options)
                    for method in options.methods)
        for act in (fill_up_a_target_that_exists, name_what_cannot_be_read,
                    refuse_what_would_destroy, name_a_source_that_is_not_there):
            yield make_case(program, act, None, options)
        if options.native and not run.WINDOWS:
            yield from (make_case(program, lose_only_the_file_of_a_worker_that_is_killed, method,
                                  options)
                        for method in options.methods if method != "thread")
        return
    if SCRAPER in name:
        yield from (make_case(program, scrape_all_but_what_is_refused, method, options)
                    for method in options.methods)
        yield make_case(program, go_on_after_errors, None, options)
        return
    path = os.path.join(folder, name + ".txt")
    special = os.path.join(folder, name + ".windows.txt")
    if program.endswith(".exe") and os.path.exists(special):
        path = special
    expected = Expected(path)
    for method in options.methods:
        if expected.methods is None or method in expected.methods:
            case = make_case(program, print_what_is_expected, method, options)
            case.expected, case.expected_path = expected, os.path.basename(path)
            yield case


def collect(options, _starter):
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples",
                          "expected")
    cases, failures = [], []
    for program in map(os.path.abspath, options.programs):
        try:
            cases += cases_of(program, options, folder)
        except (OSError, ValueError) as error:
            failures.append(run.Result(run.Case(program, "expected", None, 0), "failed",
                                       str(error)))
    cases = [case for case in cases
             if re.search(options.filter, f"{case.suite}/{case.name}/{case.method or 'once'}")]
    return cases * options.repeat, failures


if __name__ == "__main__":
    sys.exit(run.main(sys.argv[1:], collect, run_case))
