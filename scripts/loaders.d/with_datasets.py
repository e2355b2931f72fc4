"""Hugging Face datasets: the imagefolder builder, or a list of files and labels as JSON lines."""
import os

import datasets

VERSION = f"datasets {datasets.__version__}"


def load(root, listing=None):
    if listing is None:
        dataset = datasets.load_dataset("imagefolder", data_dir=root, split="train")
    else:
        dataset = datasets.load_dataset("json", data_files=listing, split="train")
        dataset = dataset.map(lambda row: {"image": os.path.join(root, row["file_name"])})
        dataset = dataset.cast_column("image", datasets.Image()).class_encode_column("label")
    return dataset.features["label"].names, samples(dataset, root)


def samples(dataset, root):
    for row in dataset:
        image = row["image"]
        yield os.path.relpath(image.filename, root), image, image.mode, row["label"]
