"""Takes a handle of a view, and opens it in its own mount and in a later one of the same shards.

handle.py MOUNT LATER-MOUNT VIEW
"""

import errno
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "programs"))
sys.dont_write_bytecode = True
from handles import Handle

mount, later, view = sys.argv[1:]
handle = Handle.of(os.path.join(mount, "views", view))
names = os.listdir(os.path.join(mount, "views", view))

with_handles = os.open(mount, os.O_RDONLY | os.O_DIRECTORY)
opened = handle.open(with_handles)
assert os.listdir(opened) == names

# The later mount has views as well, the first of which has another number.
for other in ["names", view]:
    assert os.listdir(os.path.join(later, "views", other))
try:
    handle.open(os.open(later, os.O_RDONLY | os.O_DIRECTORY))
except OSError as error:
    assert error.errno == errno.ESTALE, error
else:
    sys.exit("a handle of an earlier mount's view was opened")
