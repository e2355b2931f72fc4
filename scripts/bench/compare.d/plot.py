"""Draws the main figures as SVG: plot.py FIGURES.json OUT.svg"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from report import LABELS, Figures, order

# Test and measure of each group of bars.
GROUPS = {
    ("listed-1", "first"): "first pass,\nin order after\na listing",
    ("listed-1", "second"): "second pass,\nin order",
    ("random-1", "first"): "first pass,\nrandom order,\nnever listed",
    ("cold", "random"): "cold disk,\nrandom order",
}
COLOURS = {
    "plain": "#888888", "roxfs-records": "#c1272d", "roxfs-files": "#e8746a", "erofs": "#1f5a94",
    "squashfs": "#4a90c9", "squashfuse": "#8fc1e3", "fuse-zip": "#c9a227", "ratarmount": "#7a9e4e",
    "roxxel": "#7d5ba6",
}
BAR = 0.24
GAP = 0.3


def bars(figures):
    """Group, peer, position from the top, median, lowest and highest of each bar."""
    at = 0.0
    for group in GROUPS:
        for peer in sorted(figures.peers(*group), key=order):
            values = figures.values[(*group, peer)]
            yield group, peer, at, figures.median(*group, peer), min(values), max(values)
            at += BAR
        at += GAP


def draw(axes, figures, title):
    ticks = {}
    for group, peer, at, middle, lowest, highest in bars(figures):
        axes.barh(at, middle, BAR * 0.86, color=COLOURS[peer], label=LABELS.get(peer, peer))
        axes.plot([lowest, highest], [at, at], color="black", linewidth=0.8)
        axes.text(highest * 1.06, at, f"{middle:,.0f}", va="center", fontsize=7)
        ticks.setdefault(group, []).append(at)
    axes.set_yticks([sum(places) / len(places) for places in ticks.values()],
                    [GROUPS[group] for group in ticks], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 2)
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)


def legend(figure, all_axes):
    known = {}
    for axes in all_axes:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            known.setdefault(label, handle)
    figure.legend(known.values(), known.keys(), loc="upper center", ncols=3, fontsize=8,
                  frameon=False)


def main():
    with open(sys.argv[1]) as file:
        content = json.load(file)
    drawn = []
    for dataset in content["datasets"]:
        samples = [each for each in content["samples"] if each["dataset"] == dataset["name"]]
        figures = Figures(samples)
        count = len(list(bars(figures)))
        if count:
            mean = dataset["bytes"] // dataset["files"]
            drawn.append((figures, f"{dataset['files']:,} files of about {mean:,} bytes", count))
    if not drawn:
        sys.exit("plot: none of the main figures was measured")
    height = sum(count * 0.18 + 1.1 for _, _, count in drawn) + 1
    figure, axes = plt.subplots(
        len(drawn), 1, figsize=(9, height), squeeze=False, layout="constrained",
        height_ratios=[count + 5 for _, _, count in drawn])
    for each, (figures, title, _) in zip(axes[:, 0], drawn):
        draw(each, figures, title)
    axes[-1, 0].set_xlabel("files per second (open, fstat, read all, close; one reader; log scale)",
                           fontsize=8)
    legend(figure, axes[:, 0])
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.75 / height))
    figure.savefig(sys.argv[2], format=sys.argv[2].rsplit(".", 1)[-1])


main()
