"""roxxel's stream of JAX arrays, which reads shards: those that it has written itself, or roxfs."""
from importlib.metadata import version

import jax
import numpy as np
from roxxel import Roxxel

VERSION = f"{version('roxxel')}, jax {jax.__version__}"


def load(shards):
    reader = Roxxel(shards)
    stream = reader.stream(seq_len=1024, batch_size=16, seed=7)
    return (len(reader), reader.dtype, len(stream)), samples(stream)


def samples(stream):
    for batch in stream:
        assert isinstance(batch, jax.Array)
        yield from ((row,) for row in np.asarray(batch))
