"""Draws the main figures, a row for each dataset, a panel for each: plot.py FIGURES.json OUT.svg"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from report import LABELS, Figures, order

# Test and measure of each panel.
PANELS = {
    ("listed-1", "first"): "First pass, in order\nafter a listing",
    ("listed-1", "second"): "Second pass,\nin order",
    ("random-1", "first"): "First pass, random\norder, never listed",
    ("cold", "random"): "Cold disk, random\norder, never listed",
}
PLAIN, ROXFS, OTHER = "#9a9a9a", "#c1272d", "#4a7fb5"
INCHES_PER_BAR = 0.2
INCHES_PER_ROW = 1.0


def colour(peer):
    if peer.startswith("roxfs-"):
        return ROXFS
    return PLAIN if peer == "plain" else OTHER


def short(value):
    return f"{value / 1000:,.0f}k" if value >= 10_000 else f"{value:,.0f}"


def panel(axes, figures, where, peers):
    """Bars of the medians, lines from the lowest to the highest."""
    longest = 0
    for at, peer in enumerate(peers):
        values = figures.values.get((*where, peer))
        if not values:
            continue
        middle = figures.median(*where, peer)
        axes.barh(at, middle, 0.78, color=colour(peer))
        if len(values) > 1:
            axes.plot([min(values), max(values)], [at, at], color="black", linewidth=0.9)
        axes.annotate(f"{middle:,.0f}", (max(values), at), xytext=(3, 0),
                      textcoords="offset points", va="center", fontsize=7)
        longest = max(longest, *values)
    axes.set_xlim(0, (longest or 1) * 1.35)
    axes.set_ylim(len(peers) - 0.4, -0.6)
    axes.set_yticks(range(len(peers)), [LABELS.get(peer, peer) for peer in peers], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7)
    axes.xaxis.set_major_locator(plt.MaxNLocator(3))
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def datasets(content):
    """Title, figures and peers of each dataset that has one of the panels."""
    for dataset in content["datasets"]:
        samples = [each for each in content["samples"] if each["dataset"] == dataset["name"]]
        figures = Figures(samples)
        peers = sorted({peer for where in PANELS for peer in figures.peers(*where)}, key=order)
        if peers:
            mean = dataset["bytes"] // dataset["files"]
            yield f"{dataset['files']:,} files of about {mean:,} bytes", figures, peers


def main():
    with open(sys.argv[1]) as file:
        rows = list(datasets(json.load(file)))
    if not rows:
        sys.exit("plot: none of the main figures was measured")
    heights = [INCHES_PER_ROW + INCHES_PER_BAR * len(peers) for _, _, peers in rows]
    figure = plt.figure(figsize=(10.5, sum(heights) + 0.3), layout="constrained")
    figure.supxlabel("files per second, one reader: open, fstat, read all, close", fontsize=8)
    parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (title, figures, peers) in zip(parts, rows):
        part.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        for axes, (where, name) in zip(part.subplots(1, len(PANELS), sharey=True), PANELS.items()):
            panel(axes, figures, where, peers)
            axes.set_title(name, fontsize=8, loc="left")
    figure.savefig(sys.argv[2], format="svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
