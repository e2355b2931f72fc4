"""Mounts as systemd and automount(8) do, when somebody enters a directory: who enters waits, and only the process
group of the one that mounts may pass (Documentation/filesystems/autofs.rst). Prints what was read there.

automount.py DIR FILE COMMAND...: FILE is read in DIR, on which COMMAND has to mount.
"""

import ctypes
import fcntl
import os
import struct
import subprocess
import sys

AUTOFS_IOC_READY, AUTOFS_IOC_FAIL = 0x9360, 0x9361

directory, file, *command = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
reader, writer = os.pipe()
options = f"fd={writer},pgrp={os.getpgrp()},minproto=5,maxproto=5,direct"
if libc.mount(b"automount.py", directory.encode(), b"autofs", 0, options.encode()) != 0:
    raise OSError(ctypes.get_errno(), "autofs")
try:
    root = os.open(directory, os.O_DIRECTORY)
    user = subprocess.Popen(["cat", f"{directory}/{file}"], process_group=0)
    # struct autofs_v5_packet of include/uapi/linux/auto_fs.h.
    _version, _kind, token = struct.unpack_from("iiI", os.read(reader, 4096))
    code = subprocess.run(command).returncode
    fcntl.ioctl(root, AUTOFS_IOC_FAIL if code else AUTOFS_IOC_READY, token)
    os.close(root)
    user.wait()
    if code == 0:
        subprocess.run(["umount", directory], check=True)
finally:
    libc.umount2(directory.encode(), 0)
sys.exit(code)
