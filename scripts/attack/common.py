"""What the attacks share: where the program is, other users, trees of files, processes."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
DEBUG_PROGRAM = os.path.join(ROOT, "target/debug/roxfs")


class Found(Exception):
    """Something that must not be."""


def start_as(user, action):
    """Starts a process of another user, (its number, [its groups, the main one first]), that ends with the
    exit code that the action returns, and with 2 if that fails. Returns the process's number."""
    uid, groups = user
    child = os.fork()
    if child == 0:
        code = 2
        try:
            os.setgroups(groups)
            os.setresgid(groups[0], groups[0], groups[0])
            os.setresuid(uid, uid, uid)
            code = action()
        finally:
            os._exit(code)
    return child


def as_user(user, is_so):
    """Whether something is so for another user."""
    child = start_as(user, lambda: 0 if is_so() else 1)
    return os.waitpid(child, 0)[1] == 0


def tree(path, is_left_out=lambda path: False):
    """All files below a directory, without symbolic links: their paths in it, and their bytes."""
    found = {}
    for directory, _, names in os.walk(path):
        for name in names:
            full = os.path.join(directory, name)
            if not os.path.islink(full) and not is_left_out(full):
                with open(full, "rb") as file:
                    found[os.path.relpath(full, path)] = file.read()
    return found


def all_processes():
    """The numbers of all processes."""
    return map(int, filter(str.isdigit, os.listdir("/proc")))


def arguments_of(process):
    """The arguments of a process; none of one that has ended."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def program_of(process):
    """The path of the program that a process runs; None of one that has ended or may not be looked at."""
    try:
        return os.path.realpath(f"/proc/{process}/exe")
    except OSError:
        return None


def stat_fields(process):
    """What /proc says of a process, or of a thread ("PROCESS/task/THREAD"), from its state on (see proc(5)).
    None of one that has ended."""
    try:
        with open(f"/proc/{process}/stat", errors="replace") as file:
            # Its name may have spaces and parentheses.
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def state_of(process):
    """Its state: "Z" for a process that nobody has waited for, "X" for one that has ended."""
    fields = stat_fields(process)
    return fields[0] if fields else "X"


def parent_of(process):
    fields = stat_fields(process)
    return int(fields[1]) if fields else 0


def started_at(process):
    """When a process was started, in ticks since the machine was."""
    fields = stat_fields(process)
    return fields[19] if fields else None
