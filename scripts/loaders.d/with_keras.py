"""Keras: image_dataset_from_directory, shuffled, read by TensorFlow's own file system."""
import os

import keras
import tensorflow

VERSION = f"{keras.__version__}, tensorflow {tensorflow.__version__}"


def load(root):
    dataset = keras.utils.image_dataset_from_directory(
        root, color_mode="rgba", image_size=(64, 64), batch_size=64, seed=7, verbose=False
    )
    files = [os.path.relpath(path, root) for path in dataset.file_paths]
    return (dataset.class_names, files), samples(dataset)


def samples(dataset):
    for images, labels in dataset.as_numpy_iterator():
        yield from zip(images, labels)
