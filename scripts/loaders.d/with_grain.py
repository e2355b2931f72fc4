"""Grain: a source of files by number, shuffled and decoded by threads in two processes."""
import io
from importlib.metadata import version
from pathlib import Path

import grain
import numpy as np
from PIL import Image

VERSION = version("grain")


class ImageFiles(grain.sources.RandomAccessDataSource):
    def __init__(self, root):
        self.root = Path(root)
        self.paths = sorted(str(path.relative_to(root)) for path in self.root.glob("*/*"))
        self.classes = sorted({path.split("/")[0] for path in self.paths})

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, number):
        path = self.paths[number]
        return (self.root / path).read_bytes(), self.classes.index(path.split("/")[0])


def decode(sample):
    encoded, label = sample
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGBA").resize((64, 64))), label


def load(root):
    source = ImageFiles(root)
    dataset = grain.MapDataset.source(source).shuffle(seed=7).map(decode)
    dataset = dataset.to_iter_dataset(grain.ReadOptions(num_threads=4)).batch(64)
    dataset = dataset.mp_prefetch(grain.multiprocessing.MultiprocessingOptions(num_workers=2))
    return (source.classes, source.paths), samples(dataset)


def samples(dataset):
    for images, labels in dataset:
        yield from zip(images, labels)
