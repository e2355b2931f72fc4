"""Hugging Face datasets: the imagefolder builder, or a list of files and labels as JSON lines."""
import os

import datasets

VERSION = datasets.__version__


def load(root, listing=None):
    if listing is None:
        dataset = datasets.load_dataset("imagefolder", data_dir=root, split="train")
    else:
        dataset = datasets.load_dataset("json", data_files=listing, split="train")
        dataset = dataset.map(lambda row: {"image": os.path.join(root, row["file_name"])})
        dataset = dataset.cast_column("image", datasets.Image()).class_encode_column("label")
    files = dataset.cast_column("image", datasets.Image(decode=False))["image"]
    paths = [os.path.relpath(file["path"], root) for file in files]
    return (dataset.features["label"].names, paths), samples(dataset)


def samples(dataset):
    for row in dataset:
        yield row["image"].convert("RGBA"), row["image"].mode, row["label"]
