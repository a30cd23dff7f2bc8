#!/usr/bin/env python3
"""Runs benchmarks and tells what they measured: a table, report.csv, machine.txt, and plots by
gnuplot (plots.py).

Each program prints "work,variant,round,value,unit" lines; the variant "limit" of a work is what
the others are compared with. Told are the median, the minimum and the maximum of the rounds, and
the median of the ratios to the limit of the same round. goals.csv says which ratios are wanted.
A work "FAMILY/POINT" is one point of a curve, or one percentile: see plots.py.

usage: bench/report.py [--wrapper COMMAND] [--rounds N] --out DIRECTORY PROGRAM...
       bench/report.py --publish docs/performance [--results build/bench]
"""

import argparse
import csv
import datetime
import os
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys

import plots

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 1200  # for one program
BASES = ("limit", "first")  # variants that the others of a work are compared with
HELD = ("spork", "last")    # variants that have to reach a goal
SYSTEMS = {"linux": "Linux", "win64": "Windows (win64)"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--wrapper", default="", help="runs each program, as wine does")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", help="where to; its last part names the system")
    parser.add_argument("--publish", metavar="DIRECTORY",
                        help="measures nothing: makes a page of what has been measured")
    parser.add_argument("--results", default="build/bench", help="where that is")
    parser.add_argument("programs", nargs="*")
    options = parser.parse_args()
    if not options.publish and not (options.out and options.programs):
        parser.error("--out and programs, or --publish, are needed")
    return options


# ---- measuring ----

def measure(program, wrapper, rounds):
    """Lines of one program, as (work, variant, round, value, unit); None when it failed."""
    command = [*shlex.split(wrapper), program, "--rounds", str(rounds)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"bench: {program}: not over after {SECONDS} s", file=sys.stderr)
        return None
    if done.returncode != 0:
        print(f"bench: {program} ended with {done.returncode}", file=sys.stderr)
        return None
    rows = csv.reader(done.stdout.decode().splitlines())
    return [(work, variant, int(number), float(value), unit)
            for work, variant, number, value, unit in rows]


def summarize(lines):
    """Rows (work, variant, median, min, max, unit, ratio to the limit or None), in order."""
    values, units = {}, {}
    for work, variant, number, value, unit in lines:
        values.setdefault(work, {}).setdefault(variant, {})[number] = value
        units[work] = unit
    rows = []
    for work, variants in values.items():
        limit = next((variants[base] for base in BASES if base in variants), {})
        for variant, rounds in variants.items():
            ratios = [value / limit[number] for number, value in rounds.items()
                      if limit.get(number)]
            rows.append((work, variant, statistics.median(rounds.values()),
                         min(rounds.values()), max(rounds.values()), units[work],
                         statistics.median(ratios) if ratios else None))
    return rows


# ---- the machine ----

def first_line(command):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.decode(errors="replace").splitlines() or [""])[0].strip()


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"^model name\s*: (.+)$", file.read(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def compiler_of(program):
    """What the compiler has written into the program."""
    with open(program, "rb") as file:
        data = file.read()
    found = re.search(rb"clang version [\w.+~-]+", data) or \
        re.search(rb"GCC: \([^)\0]*\) [\w.-]+", data)
    return found.group(0).decode().replace("GCC: ", "gcc ") if found else "compiler unknown"


def describe_machine(program, wrapper, rounds):
    system = f"{platform.system()} {platform.release()}"
    if wrapper:
        system += f", {first_line([*shlex.split(wrapper), '--version'])}"
    return (f"{processor()}, {os.cpu_count()} processors, {system}, {compiler_of(program)}, "
            f"{rounds} rounds, {datetime.date.today().isoformat()}")


# ---- goals ----

def read_goals(system):
    """work: ratio."""
    with open(os.path.join(HERE, "goals.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    goals = {row["work"]: float(row["goal_ratio"]) for row in rows if not row["system"]}
    goals.update({row["work"]: float(row["goal_ratio"]) for row in rows
                  if row["system"] == system})
    return goals


def goal_of(row, goals):
    """The goal that a row is held to, or None."""
    return goals.get(row[0]) if row[1] in HELD and row[6] is not None else None


def is_missed(row, goals):
    goal = goal_of(row, goals)
    return goal is not None and round(row[6], 2) > goal


# ---- tables ----

def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["work", "variant", "median", "min", "max", "unit", "ratio_to_limit"])
        for row in rows:
            writer.writerow([*row[:2], *(f"{number:.6g}" for number in row[2:5]), row[5],
                             "" if row[6] is None else f"{row[6]:.4g}"])


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [(work, variant, float(median), float(least), float(most), unit,
             float(ratio) if ratio else None)
            for work, variant, median, least, most, unit, ratio in rows]


def told_ratio(row, goals):
    """"1.90x (goal 1.25x) MISSED", or less of it."""
    if row[6] is None or row[1] in BASES:
        return ""
    goal = goal_of(row, goals)
    told = f"{row[6]:.2f}x" if row[6] < 100 else f"{row[6]:.0f}x"
    if goal is not None:
        told += f" (goal {goal:g}x)" + (" MISSED" if is_missed(row, goals) else "")
    return told


def shown(number):
    return f"{number:,.1f}" if number < 1000 else f"{number:,.0f}"


def print_table(rows, goals):
    last = None
    wide = max([len(row[0]) for row in rows] + [4])
    print(f"{'work':{wide}} {'variant':16} {'median':>14} {'min':>14} {'max':>14}     "
          "of the limit")
    for row in rows:
        work, variant, median, least, most, unit, _ = row
        print(f"{work if work != last else '':{wide}} {variant:16} {shown(median):>14} "
              f"{shown(least):>14} {shown(most):>14} {unit:3} {told_ratio(row, goals)}".rstrip())
        last = work
    held = [row for row in rows if goal_of(row, goals) is not None]
    missed = [row for row in held if is_missed(row, goals)]
    print(f"goals: {len(held) - len(missed)} of {len(held)} reached")
    for row in missed:
        print(f"  missed: {row[0]}: {told_ratio(row, goals)}")


def markdown_table(rows, goals):
    lines = ["| work | variant | median | min | max | unit | of the limit |",
             "| --- | --- | ---: | ---: | ---: | --- | --- |"]
    last = None
    for row in rows:
        work, variant, median, least, most, unit, _ = row
        lines.append(f"| {work if work != last else ''} | {variant} | {shown(median)} | "
                     f"{shown(least)} | {shown(most)} | {unit} | {told_ratio(row, goals)} |")
        last = work
    return lines


# ---- publishing ----

RESULTS_HEAD = """# Results

Written by `bench/report.py --publish` out of what a run of the benchmarks left in `build/bench`;
not to be edited. [Performance](../performance.md) tells how it was measured, and how to read it.
"""


def publish_system(place, results, system):
    """The lines of one system; its plots are copied beside the page."""
    source = os.path.join(results, system)
    rows = read_csv(os.path.join(source, "report.csv"))
    goals = read_goals(system)
    with open(os.path.join(source, "machine.txt"), encoding="utf-8") as file:
        lines = ["", f"## {SYSTEMS[system]}", "", file.read().strip(), ""]
    lines += markdown_table([row for row in rows if not plots.is_point(row[0])], goals)
    pictures = sorted(name for name in os.listdir(source) if name.endswith(".svg"))
    for name in pictures:
        shutil.copyfile(os.path.join(source, name), os.path.join(place, f"{system}-{name}"))
        title = os.path.splitext(name)[0].replace("-", " ")
        lines += ["", f"![{title}]({system}-{name})"]
    lines += ["", f"### Points of the curves, {SYSTEMS[system]}", ""]
    lines += markdown_table([row for row in rows if plots.is_point(row[0])], goals)
    return lines


def publish(place, results):
    os.makedirs(place, exist_ok=True)
    for name in os.listdir(place):
        if name.endswith(".svg"):
            os.remove(os.path.join(place, name))
    lines = []
    for system in SYSTEMS:
        if os.path.exists(os.path.join(results, system, "report.csv")):
            lines += publish_system(place, results, system)
    with open(os.path.join(place, "results.md"), "w", encoding="utf-8") as file:
        file.write(RESULTS_HEAD + "\n".join(lines or ["", "None has been published yet."]) + "\n")
    print(f"bench: {place}/results.md is written")


# ---- all of it ----

def run(options):
    os.makedirs(options.out, exist_ok=True)
    system = os.path.basename(os.path.normpath(options.out))
    lines, failed = [], False
    for program in options.programs:
        measured = measure(program, options.wrapper, options.rounds)
        failed = failed or measured is None
        lines += measured or []
    rows = summarize(lines)
    machine = describe_machine(options.programs[0], options.wrapper, options.rounds)
    goals = read_goals(system)
    with open(os.path.join(options.out, "machine.txt"), "w", encoding="utf-8") as file:
        file.write(machine + "\n")
    write_csv(os.path.join(options.out, "report.csv"), rows)
    print(machine)
    print_table(rows, goals)
    plots.plot_all(options.out, rows, goals, machine)
    return 1 if failed else 0


def main():
    options = arguments()
    if options.publish:
        publish(options.publish, options.results)
        return 0
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
