"""Plots of what benchmarks measured, by gnuplot: ratios.svg, latency.svg, and a curve for each
family of points.

A work is named "FAMILY/POINT". A point that is a number lies on the curve of its family, whose
name ends with " by " and what is along the axis; a point "p50", "p99" ... is a percentile.
"""

import os
import re
import shutil
import subprocess

COLOURS = ["#777777", "#cc3311", "#0077bb", "#009988", "#ee7733", "#aa3377"]
UNITS = {"ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds"}
RATIO_BARS = ("limit", "first", "last")  # variants that are not drawn as bars


def point_of(work):
    """(family, number or percentile), or None."""
    family, slash, point = work.rpartition("/")
    return (family, point) if slash and re.fullmatch(r"p?\d+(\.\d+)?", point) else None


def is_point(work):
    return point_of(work) is not None


def families(rows, percentiles):
    """family: {variant: [(point, median, min, max)]}, and family: unit."""
    found, units = {}, {}
    for work, variant, median, least, most, unit, _ in rows:
        point = point_of(work)
        if point and point[1].startswith("p") == percentiles:
            name = point[1] if percentiles else float(point[1])
            found.setdefault(point[0], {}).setdefault(variant, []).append(
                (name, median, least, most))
            units[point[0]] = unit
    return found, units


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def file_name(family):
    return re.sub(r"[^a-z0-9]+", "-", family.lower()).strip("-") + ".svg"


def draw(gnuplot, path, size, lines):
    script = [f'set terminal svg size {size[0]},{size[1]} font "sans,12" background "white"',
              f"set output {quoted(path)}", "set encoding utf8", *lines]
    subprocess.run([gnuplot], input="\n".join(script).encode(), check=False)


def caption(machine):
    """The machine, below the plot."""
    return (f'set label 1 {quoted(machine)} at screen 0.5,screen 0.02 center '
            'font "sans,9" textcolor rgb "#555555" noenhanced')


# ---- ratios ----

def plot_ratios(gnuplot, directory, rows, goals, machine):
    """A bar for each variant, from the limit to its multiple; a mark where the goal is."""
    bars = [(work, variant, ratio) for work, variant, *_, ratio in rows
            if ratio and variant not in RATIO_BARS and not is_point(work)]
    if not bars:
        return
    height = 130 + 22 * len(bars)
    blocks = {"spork": [], "others": [], "goals": []}
    for place, (work, variant, ratio) in enumerate(bars):
        kind = "spork" if variant.startswith("spork") else "others"
        blocks[kind].append(f"{ratio:.4g} {place} {min(1, ratio):.4g} {max(1, ratio):.4g} "
                            f"{place - 0.35} {place + 0.35}")
        if variant == "spork" and work in goals:
            blocks["goals"].append(f"{goals[work]} {place}")
    looks = {"spork": f"with boxxyerror lc rgb '{COLOURS[1]}' title 'spork'",
             "others": f"with boxxyerror lc rgb '{COLOURS[2]}' title 'others'",
             "goals": "using 1:2 with points pt 2 ps 0.8 lw 2 lc rgb '#000000' "
                      "title 'goal of spork'"}
    names = ", ".join(f"{quoted(f'{work}: {variant}')} {place}"
                      for place, (work, variant, _) in enumerate(bars))
    data = [line for kind, lines in blocks.items() if lines
            for line in (f"${kind} << END", *lines, "END")]
    draw(gnuplot, os.path.join(directory, "ratios.svg"), (1000, height), [
        'set title "Multiples of the limit of the same round"',
        'set xlabel "times the limit (logarithmic)"',
        f"set bmargin at screen {70 / height}", caption(machine),
        "set logscale x", f"set yrange [{len(bars)}:-1]", f"set ytics ({names}) noenhanced",
        "set style fill solid 0.8", "set grid xtics", "set key outside top center horizontal",
        "set offsets graph 0.02, graph 0.02, 0, 0", *data,
        "plot " + ", ".join(f"${kind} {look}" for kind, look in looks.items() if blocks[kind])])


# ---- curves ----

def plot_curve(gnuplot, directory, family, variants, unit, machine):
    what, _, along = family.rpartition(" by ")
    places = [point[0] for points in variants.values() for point in points]
    blocks, curves = [], []
    for number, (variant, points) in enumerate(variants.items()):
        blocks += [f"$v{number} << END",
                   *(" ".join(f"{value:.6g}" for value in point) for point in points), "END"]
        colour = COLOURS[number % len(COLOURS)]
        curves.append(f"$v{number} using 1:2:3:4 with yerrorbars pt 7 ps 0.5 lw 1 "
                      f"lc rgb '{colour}' notitle")
        curves.append(f"$v{number} using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb '{colour}' "
                      f"title {quoted(variant)}")
    draw(gnuplot, os.path.join(directory, file_name(family)), (900, 520), [
        f"set title {quoted(what + ', by ' + along)} noenhanced",
        f"set xlabel {quoted(along + ' (logarithmic)')} noenhanced",
        f"set ylabel {quoted(f'{UNITS.get(unit, unit)}, median of rounds; bars: min to max')}",
        "set bmargin at screen 0.17", caption(machine), "set logscale xy", "set grid",
        'set format xy "%.0s%c"', f"set xrange [{min(places) * 0.8:g}:{max(places) * 1.25:g}]",
        "set key outside right top noenhanced", *blocks, "plot " + ", \\\n".join(curves)])


# ---- latency ----

def plot_latency(gnuplot, directory, found, machine):
    """A panel for each family: the percentiles of its variants."""
    if not found:
        return
    columns = 3
    lines = (len(found) + columns - 1) // columns
    height = 60 + 290 * lines
    script = ["set multiplot layout %d,%d margins 0.07,0.98,%g,%g spacing 0.07,%g title %s" % (
        lines, columns, 80 / height, 1 - 70 / height, 75 / height,
        quoted("Latency: median, slowest in a hundred, slowest in a thousand"))]
    for panel, (family, variants) in enumerate(found.items()):
        blocks, curves = [], []
        for number, (variant, points) in enumerate(variants.items()):
            blocks += [f"$p{panel}_{number} << END",
                       *(f"{place} {median:.6g} {least:.6g} {most:.6g} {name}" for
                         place, (name, median, least, most) in enumerate(points)), "END"]
            colour = COLOURS[number % len(COLOURS)]
            curves.append(f"$p{panel}_{number} using 1:2:3:4 with yerrorbars pt 7 ps 0.5 lw 1 "
                          f"lc rgb '{colour}' notitle")
            curves.append(f"$p{panel}_{number} using 1:2:xtic(5) with linespoints pt 7 ps 0.5 "
                          f"lw 2 lc rgb '{colour}' title {quoted(variant)}")
        name = family[len("latency "):] if family.startswith("latency ") else family
        script += ["set label 1 ''" if panel else caption(machine),
                   f"set title {quoted(name)} noenhanced offset 0,-0.5",
                   "set logscale y", 'set format y "%.0s%c"', "set grid",
                   "set key left top", "set xrange [-0.3:2.3]",
                   'set ylabel "ns"' if panel % columns == 0 else "unset ylabel",
                   *blocks, "plot " + ", \\\n".join(curves)]
    draw(gnuplot, os.path.join(directory, "latency.svg"), (1100, height),
         [*script, "unset multiplot"])


# ---- all of them ----

def plot_all(directory, rows, goals, machine):
    gnuplot = shutil.which("gnuplot")
    for name in os.listdir(directory):
        if name.endswith(".svg"):
            os.remove(os.path.join(directory, name))
    if gnuplot is None:
        print("bench: no plots, tables only: gnuplot is not installed")
        return
    plot_ratios(gnuplot, directory, rows, goals, machine)
    curves, units = families(rows, False)
    for family, variants in curves.items():
        plot_curve(gnuplot, directory, family, variants, units[family], machine)
    plot_latency(gnuplot, directory, families(rows, True)[0], machine)
