"""Makes JPEG images of about 110 KB in classes: images.py DIRECTORY COUNT."""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES, WIDTH, HEIGHT, NOISE, QUALITY = 10, 500, 375, 44, 90


def make(path, seed):
    """Colours that change slowly, and noise that decides how many bytes it takes."""
    random = np.random.default_rng(seed)
    colours = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(colours.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), dtype=np.int16)
    noise = random.integers(-NOISE, NOISE + 1, smooth.shape, dtype=np.int16)
    image = Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=QUALITY)


if __name__ == "__main__":
    top, count = Path(sys.argv[1]), int(sys.argv[2])
    paths = [top / f"class{number % CLASSES}" / f"{number:06}.jpg" for number in range(count)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(make, paths, range(count), chunksize=16))
