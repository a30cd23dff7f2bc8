#!/usr/bin/env python3
"""Runs benchmarks and tells what they measured: a table, report.csv, and plots by gnuplot.

Each program prints "work,variant,round,value,unit" lines; the first variant of a work is its
limit. Told are the median, the minimum and the maximum of the rounds, and the median of the
ratios to the limit of the same round.

usage: bench/report.py [--wrapper COMMAND] [--rounds N] --out DIRECTORY PROGRAM...
"""

import argparse
import csv
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys

SECONDS = 600  # for one program


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--wrapper", default="", help="runs each program, as wine does")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", required=True)
    parser.add_argument("programs", nargs="+")
    return parser.parse_args()


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
        limit = next(iter(variants.values()))
        for variant, rounds in variants.items():
            ratios = [value / limit[number] for number, value in rounds.items()
                      if limit.get(number)]
            rows.append((work, variant, statistics.median(rounds.values()),
                         min(rounds.values()), max(rounds.values()), units[work],
                         statistics.median(ratios) if ratios else None))
    return rows


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["work", "variant", "median", "min", "max", "unit", "ratio_to_limit"])
        for row in rows:
            writer.writerow([*row[:2], *(f"{number:.6g}" for number in row[2:5]), row[5],
                             "" if row[6] is None else f"{row[6]:.4g}"])


def print_table(rows):
    last = None
    print(f"{'work':32} {'variant':15} {'median':>12} {'min':>12} {'max':>12}      of limit")
    for work, variant, median, least, most, unit, ratio in rows:
        shown = work if work != last else ""
        last = work
        told = "" if ratio is None else f"{ratio:8.2f} x"
        print(f"{shown:32} {variant:15} {median:12.1f} {least:12.1f} {most:12.1f} {unit:3}"
              f" {told}")


def plot(directory, rows):
    """ratios.svg: a bar for each variant, as a multiple of the limit."""
    gnuplot = shutil.which("gnuplot")
    if gnuplot is None:
        print("bench: no plots: gnuplot is not installed (ci/setup bench installs it)")
        return
    bars = [(f"{work}: {variant}", ratio) for work, variant, *_, ratio in rows
            if ratio is not None and variant != "limit"]
    data = "\n".join(f'"{label}" {ratio:.4g}' for label, ratio in bars)
    script = f"""
set terminal svg size 1000,{60 + 22 * len(bars)} font "sans,11"
set output "{os.path.join(directory, 'ratios.svg')}"
set title "multiples of the limit, {platform.machine()}, {os.cpu_count()} processors"
set logscale x
set yrange [{len(bars)}:-1]
set style fill solid 0.7
set grid xtics
unset key
$bars << END
{data}
END
plot $bars using (0.5*$2):0:(0.5*$2):(0.35):ytic(1) with boxxyerror lc rgb "#4477aa"
"""
    subprocess.run([gnuplot], input=script.encode(), check=False)


def main():
    options = arguments()
    os.makedirs(options.out, exist_ok=True)
    lines, failed = [], False
    for program in options.programs:
        measured = measure(program, options.wrapper, options.rounds)
        failed = failed or measured is None
        lines += measured or []
    rows = summarize(lines)
    write_csv(os.path.join(options.out, "report.csv"), rows)
    print_table(rows)
    plot(options.out, rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
