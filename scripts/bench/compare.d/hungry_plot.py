"""Draws the rates of readers while a program takes memory: hungry_plot.py FIGURES.json OUT.svg"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from plot import PLAIN, ROXFS
from report import LABELS

# Points of a rate, in seconds.
STEP = 0.5
INCHES = 2.6
# Of the others.
COLOURS = {"shard": "#000000", "before-records": "#e8a09a", "erofs": "#4a7fb5", "squashfs": "#5a9e6f",
           "squashfuse": "#8a6fb0"}


def rates(timeline):
    """Time and files a second, over steps."""
    points, last = [], (0, 0)
    for at, files in timeline:
        if at - last[0] >= STEP:
            points.append(((at + last[0]) / 2, (files - last[1]) / (at - last[0])))
            last = at, files
    return zip(*points)


def colour(peer):
    return ROXFS if peer.startswith("roxfs-") else COLOURS.get(peer, PLAIN)


def main():
    with open(sys.argv[1]) as file:
        samples = [sample for sample in json.load(file)["samples"]
                   if sample.get("timeline") and sample["round"] == 0]
    panels = list(dict.fromkeys((sample["dataset"], sample["test"]) for sample in samples))
    if not panels:
        sys.exit("hungry_plot: it was not measured")
    figure, parts = plt.subplots(len(panels), 1, figsize=(8, INCHES * len(panels)), squeeze=False,
                                 layout="constrained")
    for axes, panel in zip(parts[:, 0], panels):
        for sample in samples:
            if (sample["dataset"], sample["test"]) != panel:
                continue
            peer = sample["peer"]
            axes.plot(*rates(sample["timeline"]), label=LABELS.get(peer, peer), color=colour(peer),
                      linewidth=1.2)
            if peer == "plain":
                axes.axvspan(sample["asked"], sample["released"], color="#eeeeee", linewidth=0)
        axes.set_title(f"{panel[0]}, {panel[1].split('-')[1]} reader(s)", fontsize=9, loc="left")
        axes.set_ylabel("files per second", fontsize=8)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7)
        axes.legend(fontsize=7, frameon=False)
    parts[-1, 0].set_xlabel("seconds; grey: another program has 60 % of the memory", fontsize=8)
    figure.savefig(sys.argv[2], format="svg", metadata={"Date": None})


main()
