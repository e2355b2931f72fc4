"""A DataLoader over a directory: epochs.py DIRECTORY MOUNTPOINT WORKERS EPOCHS CGROUP.

With MOUNTPOINT (`-`: none), the order is handed over to it. The workers, which read the images, move to the control
group CGROUP (`-`: none). After each epoch it prints seconds, images, and the sum of all pixels, and waits for a line:
its workers, which persist, are there then as they were.
"""

import os
import sys
import time
import warnings
from pathlib import Path

import torch
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms as T
from torchvision.datasets import ImageFolder

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
from roxfs import HintedSampler, RoxfsWarning, numbers

BATCH = 64


def main(directory, mountpoint, workers, epochs, cgroup):
    def join(_):
        if cgroup != "-":
            Path(cgroup, "cgroup.procs").write_text(str(os.getpid()))

    warnings.simplefilter("error", RoxfsWarning)
    torch.manual_seed(7)
    torch.set_num_threads(1)
    dataset = ImageFolder(directory, T.Compose([T.RandomResizedCrop(64), T.PILToTensor()]))
    sampler = RandomSampler(dataset)
    if mountpoint != "-":
        sampler = HintedSampler(sampler, mountpoint, numbers(dataset.samples))
    loader = DataLoader(dataset, BATCH, sampler=sampler, num_workers=workers, persistent_workers=True,
                        worker_init_fn=join)
    for _ in range(epochs):
        begin, count, pixels = time.monotonic(), 0, 0
        for images, _ in loader:
            count += len(images)
            pixels += int(images.sum())
        print(time.monotonic() - begin, count, pixels, flush=True)
        sys.stdin.readline()


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
