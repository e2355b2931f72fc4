"""What is mounted, and the daemons that serve it. Nothing stays behind, however the run ends."""

import ctypes
import os
import signal
import subprocess
import sys
import time

MS_RDONLY = 1
LONGEST_START = 600
STEP = 0.0005

# Those that have not been unmounted yet.
alive = []
libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A measurement that could not be made."""


class Mount:
    """One mounted directory: `seconds` until it answered, `process` of its daemon, if any."""

    def __init__(self, directory, start, log, limited=None):
        self.directory = directory
        self.process = None
        self.log = log
        self.is_limited = limited is not None
        self.join = limited.join if limited else None
        directory.mkdir(exist_ok=True)
        self.device = os.stat(directory).st_dev
        alive.append(self)
        try:
            begin = time.monotonic()
            start(self)
            self.seconds = time.monotonic() - begin
        except BaseException:
            self.unmount()
            raise

    def serve(self, command):
        """Starts a daemon that stays in the foreground, and waits until its mount answers."""
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self.join,
                start_new_session=True)
        end = time.monotonic() + LONGEST_START
        while not self.is_mounted():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"{command[0]}: {self.last_words()}")
            time.sleep(STEP)

    def mount_image(self, kind, image):
        """mount(2) of an image file, without a loop device."""
        arguments = [os.fsencode(image), os.fsencode(self.directory), kind.encode()]
        if libc.mount(*arguments, ctypes.c_ulong(MS_RDONLY), None) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), str(image))

    def mount_loop(self, kind, image):
        """mount(8) through a loop device, which goes with the mount."""
        if not self.is_limited:
            return run("mount", "-t", kind, "-o", "loop,ro", image, self.directory)
        # The pages that a loop device caches of its image do not always count to the limit, so it
        # caches none.
        device = run("losetup", "--find", "--show", "--read-only", "--direct-io=on", image)
        try:
            run("mount", "-t", kind, "-o", "ro", device, self.directory)
        finally:
            # Takes effect when it is unmounted.
            run("losetup", "--detach", device)

    def is_mounted(self):
        try:
            return os.stat(self.directory).st_dev != self.device
        except OSError:
            # A mount whose daemon has gone.
            return True

    def last_words(self):
        with open(self.log, errors="replace") as log:
            lines = log.read().strip().splitlines()
        return "; ".join(lines[-3:]) or "no message"

    def unmount(self):
        """Unmounts, and waits for the daemon."""
        for _ in range(50):
            if not self.is_mounted() or umount(self.directory):
                break
            time.sleep(0.1)
        else:
            umount(self.directory, "-l")
        if self.process is not None:
            end_process(self.process)
        if self in alive:
            alive.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.unmount()


def run(*command):
    """What a command prints."""
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Failed(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def umount(directory, *options):
    command = ["umount", *options, str(directory)]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def end_process(process):
    """A daemon ends with its mount; one that does not is told to, and then made to."""
    for stop in (lambda: None, process.terminate, process.kill):
        stop()
        try:
            process.wait(10)
            return
        except subprocess.TimeoutExpired:
            pass


def unmount_all():
    for mount in reversed(alive[:]):
        mount.unmount()


def exit_on_signals():
    """Signals end the run through its `finally` blocks."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
