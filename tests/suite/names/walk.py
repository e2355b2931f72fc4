"""Two directories as Python's ways of walking them see them: prints what differs."""

import glob
import hashlib
import os
import pathlib
import sys


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def by_walk(top):
    found = {}
    for directory, directories, files in os.walk(top):
        directories.sort()
        found[os.path.relpath(directory, top)] = sorted(directories)
        for name in files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, top)] = (os.stat(path).st_size, digest(path))
    return found


def by_scandir(top):
    found, left = {}, [top]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                is_directory = entry.is_dir(follow_symlinks=False)
                size = 0 if is_directory else entry.stat().st_size
                kinds = (is_directory, entry.is_file(follow_symlinks=False), entry.is_symlink())
                found[os.path.relpath(entry.path, top)] = (kinds, size)
                if is_directory:
                    left.append(entry.path)
    return found


def by_glob(top):
    return sorted(glob.glob("**/*", root_dir=top, recursive=True, include_hidden=True))


def by_pathlib(top):
    top = pathlib.Path(top)
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def main(plain, mounted):
    for way in by_walk, by_scandir, by_glob, by_pathlib:
        expected, found = way(plain), way(mounted)
        assert len(expected) > 1000, "too few to compare"
        assert found == expected, f"{way.__name__} finds a difference"
        print(way.__name__, len(found))


main(*sys.argv[1:])
