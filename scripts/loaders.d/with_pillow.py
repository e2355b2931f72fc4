"""os.walk and Pillow: every image decoded."""
import os

import PIL
from PIL import Image

VERSION = PIL.__version__


def load(root):
    paths = sorted(
        os.path.relpath(os.path.join(directory, name), root)
        for directory, _, names in os.walk(root)
        for name in names
    )
    return paths, (decode(root, path) for path in paths)


def decode(root, path):
    with Image.open(os.path.join(root, path)) as image:
        return image.convert("RGBA"), image.mode
