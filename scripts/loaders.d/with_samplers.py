"""Samplers of PyTorch in its DataLoader, two epochs each; over a mount within HintedSampler."""
import os
import sys
import warnings
from pathlib import Path

import torch
from torch.utils import data
from torch.utils.data.distributed import DistributedSampler
from torchvision.datasets import ImageFolder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from roxfs import HintedSampler, RoxfsWarning, numbers

VERSION = f"torch {torch.__version__}"
FILES = range(500)  # of which samplers take
SAMPLERS = [
    data.RandomSampler,
    lambda source: data.RandomSampler(source, generator=torch.Generator().manual_seed(7)),
    lambda source: data.RandomSampler(source, replacement=True, num_samples=len(source)),
    lambda source: data.RandomSampler(source, num_samples=2 * len(source)),
    lambda source: data.WeightedRandomSampler(torch.ones(len(source)), len(source)),
    data.SubsetRandomSampler,
    lambda source: DistributedSampler(source, num_replicas=8, rank=3),
    lambda source: data.BatchSampler(data.RandomSampler(source), 50, drop_last=True),
    lambda source: data.BatchSampler(DistributedSampler(source, num_replicas=8, rank=7), 50, drop_last=False),
]


def read(path):
    with open(path, "rb") as file:
        return file.read().hex()


def load(root, mountpoint=None):
    # An order that is not handed over is a failure here.
    warnings.simplefilter("error", RoxfsWarning)
    dataset = ImageFolder(root, loader=read)
    files = [(os.path.relpath(path, root), label) for path, label in dataset.samples]
    return (dataset.class_to_idx, files), samples(dataset, mountpoint)


def samples(dataset, mountpoint):
    hinted = numbers(dataset.samples) if mountpoint else None
    for make in SAMPLERS:
        # Workers that are spawned take seconds to start.
        for context in (None, "fork", "spawn") if make is SAMPLERS[0] else (None, "fork"):
            torch.manual_seed(7)
            sampler = make(FILES)
            is_batches = isinstance(sampler, data.BatchSampler)
            if mountpoint:
                sampler = HintedSampler(sampler, mountpoint, hinted)
            arguments = {"batch_sampler": sampler} if is_batches else {"sampler": sampler, "batch_size": 50}
            if context:
                arguments.update(num_workers=2, multiprocessing_context=context, persistent_workers=True)
            loader = data.DataLoader(dataset, collate_fn=list, **arguments)
            for epoch in range(2):
                if hasattr(sampler, "set_epoch"):
                    sampler.set_epoch(epoch)
                for batch in loader:
                    yield from batch
