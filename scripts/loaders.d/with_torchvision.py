"""torchvision's ImageFolder behind torch's DataLoader: shuffled, in batches, by four workers."""
import os

import torch
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

VERSION = f"{torchvision.__version__}, torch {torch.__version__}"


def load(root, context):
    transform = transforms.Compose([transforms.Resize((64, 64)), transforms.ToTensor()])
    dataset = ImageFolder(root, transform)
    loader = DataLoader(
        dataset,
        batch_size=64,
        shuffle=True,
        generator=torch.Generator().manual_seed(7),
        num_workers=4,
        multiprocessing_context=context,
    )
    files = [(os.path.relpath(path, root), label) for path, label in dataset.samples]
    return (dataset.class_to_idx, files), samples(loader)


def samples(loader):
    for images, labels in loader:
        yield from zip(images, labels)
