"""Runs one recipe of README, as it stands there, over fresh mounts, and compares everything that it trains with to
what was packed.

    run.py ROXFS RECIPE
    run.py --list

A recipe is a block of Python below "## Recipes", known by its first line. Its `/mnt/ds` is a mount of small images in
three classes, `/mnt/tokens` one of documents of tokens. --list prints each recipe's name, and the virtual environment
of scripts/recipes that has what it imports, or `-` where Python alone does.
"""
import random
import re
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PER_CLASS = 100
CHECKPOINT = 7, 120  # of an epoch: its seed, and how many records were read
SEED = 7  # of what is random in a recipe

sys.path.insert(0, str(ROOT / "scripts/python"))


def block_of(page, begin, first_line=""):
    """The first block of Python of a page behind `begin` whose first line begins with `first_line`."""
    text = (ROOT / page).read_text().split(begin, 1)[1]
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if block.startswith(first_line))


def png(source):
    """A small image of random colours, as bytes of a PNG file."""
    width, height = source.randrange(1, 40), source.randrange(1, 40)
    rows = b"".join(b"\0" + source.randbytes(3 * width) for _ in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Packed:
    """What the recipes are to find: the images, and the tokens."""

    def __init__(self, work):
        source = random.Random(SEED)
        self.images, self.tokens = work / "images", work / "tokens"
        for number in range(3 * PER_CLASS):
            path = self.images / f"class{number % 3}" / f"{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(source))
        self.tokens.mkdir()
        for number in range(40):
            (self.tokens / f"{number:04}").write_bytes(source.randbytes(2 * source.randrange(5000)))
        # In the order of their names, as they are packed.
        self.paths = sorted(self.images.glob("*/*"))
        self.records = [path.read_bytes() for path in self.paths]

    def view(self, spec):
        """The numbers of the records of a view, by the code that specifies views."""
        code = {}
        exec(block_of("src/order/views.md", "## In Python"), code)
        count, record_at, _ = code["view"](spec, len(self.records))
        return [record_at(position) for position in range(count)]

    def bytes_of(self, *specs):
        return [self.records[number] for spec in specs for number in self.view(spec)]

    def label_of(self, number):
        return int(self.paths[number].parent.name[-1])


def mounted(roxfs, source, work, stack):
    """Packs a directory and mounts it, until the stack ends."""
    shards, mountpoint = work / f"{source.name}.rox", work / f"{source.name}.mnt"
    mountpoint.mkdir()
    subprocess.run([roxfs, "pack", "-q", "-o", shards, "--shard-size", "64KiB", source], check=True)
    stack.callback(subprocess.run, [roxfs, "umount", "-l", mountpoint], stderr=subprocess.DEVNULL)
    subprocess.run([roxfs, "mount", shards, mountpoint], check=True, stderr=subprocess.DEVNULL)
    return str(mountpoint)


# What each recipe has to train with: compares the arguments of all calls of `train`, and returns their number.

def same(trained, expected):
    assert len(trained) == len(expected), f"{len(trained)} samples instead of {len(expected)}"
    for number, (found, wanted) in enumerate(zip(trained, expected)):
        assert found == wanted, f"sample {number} is another one"
    return len(trained)


def epochs(trained, packed, names):
    return same([record for record, in trained], packed.bytes_of(*(f"shuffle={seed}" for seed in range(10))))


def resumed(trained, packed, names):
    epoch, done = CHECKPOINT
    return same([record for record, in trained], packed.bytes_of(f"shuffle={epoch}")[done:])


def own_order(trained, packed, names):
    assert sorted(names["order"]) == list(range(len(packed.records)))
    return same([record for record, in trained], [packed.records[number] for number in names["order"]])


def prefetched(trained, packed, names):
    assert len(trained) == -(-len(packed.records) // 32)
    return same([record for batch, in trained for record in batch], packed.bytes_of("shuffle=42"))


def splits(trained, packed, names):
    """Batches of the workers come in turn, each in the order of its part."""
    parts = [packed.bytes_of(f"shuffle=7,split={worker}of4") for worker in range(4)]
    turns = range(0, max(map(len, parts)), 64)
    batches = [part[start:start + 64] for start in turns for part in parts if part[start:start + 64]]
    return same([batch for batch, in trained], batches) and len(packed.records)


def tokens(trained, packed, names):
    import numpy as np
    flat = np.frombuffer(b"".join(path.read_bytes() for path in sorted(packed.tokens.iterdir())), "<u2")
    expected = flat[:len(flat) // 1024 * 1024].reshape(-1, 1024)
    order = np.random.default_rng(7).permutation(len(expected))
    return same([sequence.tolist() for sequence, in trained], expected[order].tolist())


def image_folder(trained, packed, names):
    """With the same seed, `shuffle=True` over the plain directory."""
    import torch
    assert list(names["sampler"].numbers) == list(range(len(packed.records)))
    plain = names["ImageFolder"](str(packed.images), names["dataset"].transform)
    torch.manual_seed(SEED)
    loader = torch.utils.data.DataLoader(plain, batch_size=64, shuffle=True, num_workers=4)
    samples = [(images.tolist(), labels.tolist()) for images, labels in trained]
    same(samples, [(images.tolist(), labels.tolist()) for images, labels in loader])
    return sum(len(labels) for _, labels in samples)


def hugging_face(trained, packed, names):
    from PIL import Image
    order = packed.view("shuffle=7")
    expected = [(Image.open(packed.paths[n]).tobytes(), packed.label_of(n)) for n in order]
    return same([(image.tobytes(), label) for image, label in trained], expected)


def grain(trained, packed, names):
    expected = [(packed.records[n], packed.paths[n].parent.name) for n in packed.view("shuffle=7")]
    return same([(image, label) for images, labels in trained for image, label in zip(images, labels)], expected)


RECIPES = {
    "epochs": ("An epoch per seed", "-", epochs),
    "resumed": ("Resuming in the middle", "-", resumed),
    "splits": ("Workers of a DataLoader", "torchvision", splits),
    "imagefolder": ("ImageFolder", "torchvision", image_folder),
    "order": ("An order of your own", "-", own_order),
    "datasets": ("Hugging Face", "datasets", hugging_face),
    "grain": ("Grain", "grain", grain),
    "tokens": ("A flat stream of tokens", "numpy", tokens),
    "prefetched": ("A loader that reads ahead", "-", prefetched),
}


def main(roxfs, name):
    first_line, _, check = RECIPES[name]
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roxfs-recipe-")))
        packed = Packed(work)
        code = block_of("README.md", "\n## Recipes\n", f"# {first_line}")
        for source in (packed.images, packed.tokens):
            where = {"images": "/mnt/ds", "tokens": "/mnt/tokens"}[source.name]
            code = code.replace(where, mounted(roxfs, source, work, stack))
        assert "/mnt/" not in code.replace(str(work), "")
        trained = []
        names = {"train": lambda *sample: trained.append(sample), "load_checkpoint": lambda: CHECKPOINT}
        # An order that is not handed over is a failure here.
        warnings.filterwarnings("error", message=".*not handed over")
        if "torch" in code:
            import torch
            torch.manual_seed(SEED)
        exec(compile(code, f"README, {first_line}", "exec"), names)
        print(f"{first_line}: {check(trained, packed, names):,} samples are equal")


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        for name, (_, environment, _) in RECIPES.items():
            print(name, environment)
    elif len(sys.argv) == 3 and sys.argv[2] in RECIPES:
        main(*sys.argv[1:])
    else:
        sys.exit(f"{__doc__}\nRecipes: {' '.join(RECIPES)}")
