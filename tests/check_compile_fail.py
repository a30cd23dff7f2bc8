#!/usr/bin/env python3
"""What must not compile does not: each file of tests/compile_fail compiles as it is, without a
warning, and no more with WRONG defined, by every compiler that is installed, as C11 and as
C++11. Where its first comment has "Says: TEXT", the compiler says that.

usage: tests/check_compile_fail.py [--tally FILE]
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
CASES = os.path.join(ROOT, "tests", "compile_fail")
MOST_LINES = 60
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow"]
COMPILERS = {
    "gcc": ["-std=c11"], "clang": ["-std=c11"],
    "g++": ["-std=c++11"], "clang++": ["-std=c++11"],
    "x86_64-w64-mingw32-gcc": ["-std=c11"], "x86_64-w64-mingw32-g++": ["-std=c++11"],
}


def expected_words(path):
    """The text behind "Says:" in the first comment, or None."""
    with open(path, encoding="utf-8") as file:
        comment = re.match(r"/\*(.*?)\*/", file.read(), re.DOTALL)
    found = re.search(r"Says:\s*(.*)", comment.group(1)) if comment else None
    return found.group(1).strip() if found else None


def compile_case(compiler, path, options):
    language = "c++" if compiler.endswith("++") else "c"
    done = subprocess.run([compiler, *COMPILERS[compiler], *WARNINGS, *options, "-fsyntax-only",
                           "-I", os.path.join(ROOT, "include"), "-x", language, path],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def problem_of(compiler, path):
    """What is not as it must be, or None."""
    code, output = compile_case(compiler, path, ["-Werror"])
    if code != 0:
        return "it does not compile without WRONG\n" + output
    # Warnings would do for somebody who sees them; errors are what is promised.
    code, output = compile_case(compiler, path, ["-DWRONG"])
    if code == 0:
        return "it compiles with WRONG defined\n" + output
    words = expected_words(path)
    # What a compiler quotes of the source is not what it says; gcc writes \' for '.
    said = "\n".join(line for line in output.splitlines() if "error:" in line)
    if words and words not in said.replace("\\", ""):
        return f"it fails, but \"{words}\" is not in what the compiler says\n" + output
    return None


def cases():
    for name in sorted(os.listdir(CASES)):
        for compiler in COMPILERS:
            if name.endswith(".cpp") and not compiler.endswith("++"):
                continue
            if name.endswith((".c", ".cpp")) and shutil.which(compiler):
                yield compiler, os.path.join(CASES, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\nusage", maxsplit=1)[0])
    parser.add_argument("--tally", metavar="FILE")
    options = parser.parse_args()
    todo = list(cases())
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        problems = list(pool.map(lambda case: problem_of(*case), todo))
    failed = 0
    for (compiler, path), problem in zip(todo, problems):
        if problem:
            failed += 1
            print(f"{compiler}: {os.path.relpath(path, ROOT)}: "
                  + "\n".join(problem.splitlines()[:MOST_LINES]))
    absent = [compiler for compiler in COMPILERS if not shutil.which(compiler)]
    if absent:
        print("check_compile_fail: not installed, left out: " + " ".join(absent))
    print(f"check_compile_fail: {len(todo) - failed} of {len(todo)} are as they must be")
    if options.tally:
        with open(options.tally, "a", encoding="utf-8") as file:
            file.write(f"{len(todo) - failed} {failed} {len(absent)} check_compile_fail\n")
    return 1 if failed or not todo else 0


if __name__ == "__main__":
    sys.exit(main())
