"""NVIDIA DALI's file reader, on the CPU: by class directories, or by a list of files and labels."""
import numpy as np
import nvidia.dali
from nvidia.dali import fn, pipeline_def, types

VERSION = nvidia.dali.__version__


@pipeline_def(batch_size=64, num_threads=2, device_id=None)
def pipeline(root, listing):
    encoded, labels = fn.readers.file(name="reader", file_root=root, file_list=listing)
    images = fn.decoders.image(encoded, device="cpu", output_type=types.RGB)
    return images, labels, fn.get_property(encoded, key="source_info")


def load(root, listing=None):
    built = pipeline(root, listing)
    built.build()
    return None, samples(built)


def samples(built):
    left = built.epoch_size("reader")
    while left > 0:
        for sample in list(zip(*built.run()))[:left]:
            image, label, path = map(np.asarray, sample)
            yield image, label, path.tobytes().decode()
            left -= 1
