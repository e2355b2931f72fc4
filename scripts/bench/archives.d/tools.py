"""Archives as real programs write them: GNU tar, bsdtar, Python, git, what Docker makes, what macOS makes."""

import io
import os
import subprocess
import tarfile

from blocks import END, GNU, POSIX, entry, header, pax

# As tests of programs write them: every kind of name, size and link.
PLAIN = ("plain", "dir", "empty", "z-plain-hard-link")
LONG = "/".join(["long" * 20, "name" * 40, "x" * 200])


def make_tree(top):
    """The files that the programs are given."""
    files = {
        "a": b"hello",
        "plain": b"a file that the oldest form has room for",
        "empty": b"",
        "dir/large": os.urandom(1_500_000),
        "dir/exactly-512": b"5" * 512,
        "dir/exactly-1024": b"k" * 1024,
        LONG: b"a long name",
        "n" * 100: b"100 bytes of name",
        "n" * 101: b"101 bytes of name",
        "\u00fcml\u00e4ut \u65e5\u672c": b"not ASCII",
        "space and 'quotes'": b"q",
        "-dash": b"d",
    }
    for name, content in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    with open(os.fsencode(top) + b"/latin-\xfc", "wb") as file:
        file.write(b"not UTF-8")
    os.makedirs(f"{top}/no-files/here")
    os.link(f"{top}/a", f"{top}/z-hard-link")
    os.link(f"{top}/{LONG}", f"{top}/z-long-hard-link")
    os.link(f"{top}/plain", f"{top}/z-plain-hard-link")
    os.symlink("a", f"{top}/symbolic")
    os.symlink("t" * 180, f"{top}/symbolic-long")
    os.mkfifo(f"{top}/fifo")
    with open(f"{top}/sparse", "wb") as file:
        file.truncate(900_001)
        for offset in (0, 262_144, 700_000):
            file.seek(offset)
            file.write(os.urandom(5000))
    with open(f"{top}/sparse-many", "wb") as file:
        for offset in range(0, 60 * 16_384, 16_384):
            file.seek(offset)
            file.write(b"piece" * 100)
        file.truncate(61 * 16_384)
    with open(f"{top}/hole", "wb") as file:
        file.truncate(500_000)
    os.utime(f"{top}/a", (-1, -1))


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"archives: {' '.join(command)}: {done.stderr.decode(errors='replace')}")


def gnu_tar(work):
    """name: path of what GNU tar makes in its forms."""
    made = {}
    forms = {
        "gnu": ["--format=gnu"],
        "oldgnu": ["--format=oldgnu"],
        "pax": ["--format=pax", "--xattrs"],
        "gnu-sparse": ["--format=gnu", "-S"],
        "pax-sparse-0.0": ["--format=pax", "-S", "--sparse-version=0.0"],
        "pax-sparse-0.1": ["--format=pax", "-S", "--sparse-version=0.1"],
        "pax-sparse-1.0": ["--format=pax", "-S", "--sparse-version=1.0"],
        "gnu-label": ["--format=gnu", "-V", "label"],
        "pax-label": ["--format=pax", "-V", "label"],
        "gnu-incremental": ["--format=gnu", "-g", f"{work}/snapshot"],
        "blocking-1": ["--format=gnu", "-b", "1"],
    }
    for name, options in forms.items():
        path = f"{work}/gnutar-{name}.tar"
        run("tar", *options, "-cf", path, "-C", f"{work}/tree", ".", cwd=work)
        made[f"gnutar-{name}"] = path
    for name in ("ustar", "v7"):
        path = f"{work}/gnutar-{name}.tar"
        run("tar", f"--format={name}", "-cf", path, "-C", f"{work}/tree", *PLAIN, cwd=work)
        made[f"gnutar-{name}"] = path
    appended = f"{work}/gnutar-appended.tar"
    run("tar", "-cf", appended, "-C", f"{work}/tree", "a", cwd=work)
    run("tar", "-rf", appended, "-C", f"{work}/tree", "dir", cwd=work)
    made["gnutar-appended"] = appended
    one, two, both = (f"{work}/gnutar-{name}.tar" for name in ("one", "two", "concatenated"))
    run("tar", "-V", "one", "-cf", one, "-C", f"{work}/tree", "a", cwd=work)
    run("tar", "-V", "two", "-cf", two, "-C", f"{work}/tree", "dir", cwd=work)
    run("cp", one, both, cwd=work)
    run("tar", "-Af", both, two, cwd=work)
    made["gnutar-concatenated"] = both
    return made


def bsdtar(work):
    made = {}
    for name, form in (("pax", "pax"), ("gnutar", "gnutar"), ("restricted", "posix")):
        path = f"{work}/bsdtar-{name}.tar"
        run("bsdtar", "--format", form, "-cf", path, "-C", f"{work}/tree", ".", cwd=work)
        made[f"bsdtar-{name}"] = path
    path = f"{work}/bsdtar-ustar.tar"
    run("bsdtar", "--format", "ustar", "-cf", path, "-C", f"{work}/tree", *PLAIN, cwd=work)
    made["bsdtar-ustar"] = path
    return made


def python(work):
    made = {}
    for name, form in (("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
        path = f"{work}/python-{name}.tar"
        with tarfile.open(path, "w", format=form) as archive:
            for each in PLAIN if name == "ustar" else (".",):
                archive.add(f"{work}/tree/{each}", arcname=each)
        made[f"python-{name}"] = path
    return made


def git(work):
    """git archive has a global header with the commit."""
    repository = f"{work}/repository"
    os.makedirs(f"{repository}/src/" + "deep/" * 30)
    for name in ("README", "src/main", "src/" + "deep/" * 30 + "file"):
        with open(f"{repository}/{name}", "w", encoding="ascii") as file:
            file.write(name)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    run("git", "init", "-q", cwd=repository)
    run("git", "add", ".", cwd=repository)
    run("git", *who, "commit", "-q", "-m", "x", cwd=repository)
    path = f"{work}/git.tar"
    run("git", "archive", "-o", path, "--prefix", "project/", "HEAD", cwd=repository)
    return {"git-archive": path}


def docker(work):
    """Layers as Go's archive/tar writes them: whiteouts, hard links across, attributes in PAX."""
    layer = b"".join(
        [
            entry(b"etc/", kind=b"5"),
            entry(b"etc/passwd", b"root:x:0:0\n"),
            header(b"etc/.wh.shadow"),
            header(b"var/.wh..wh..opq"),
            pax([(b"SCHILY.xattr.security.capability", b"\1\0\0\2\0\x20" + bytes(14)), (b"mtime", b"1700000000.123456789")]),
            entry(b"bin/ping", b"ELF" * 400),
            # Go writes the size of a hard link's target, and no content.
            header(b"bin/ping6", 1200, kind=b"1", link=b"bin/ping"),
            entry(b"bin/sh", b"#!"),
            header(b"bin/bash", kind=b"2", link=b"sh"),
            END,
        ]
    )
    path = f"{work}/docker-layer.tar"
    with open(path, "wb") as file:
        file.write(layer)
    inner = io.BytesIO(layer)
    image = f"{work}/docker-image.tar"
    with tarfile.open(image, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (("manifest.json", b"[]"), ("0123/layer.tar", inner.getvalue()), ("0123/VERSION", b"1.0")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return {"docker-layer": path, "docker-image": image}


def macos(work):
    """As bsdtar of macOS: an AppleDouble file before each file, attributes as PAX records."""
    double = b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(90)
    attributes = [(b"LIBARCHIVE.xattr.com.apple.quarantine", b"MDA4MTs2"), (b"SCHILY.xattr.com.apple.quarantine", b"0081;6\n\0binary")]
    archive = b"".join(
        [
            entry(b"./._photo.jpg", double, fields=[(265, b"user"), (297, b"staff")]),
            pax([(b"mtime", b"1700000000.5"), *attributes]),
            entry(b"./photo.jpg", b"JPEG" * 100),
            pax([(b"path", "./caf\u00e9.txt".encode()), (b"SCHILY.fflags", b"hidden")]),
            entry(b"./cafe.txt", b"content", magic=POSIX),
            entry(b"./.DS_Store", b"Bud1", magic=GNU),
            END,
        ]
    )
    path = f"{work}/macos.tar"
    with open(path, "wb") as file:
        file.write(archive)
    return {"macos": path}


def made_by_tools(work):
    """name: path of all of them, made in `work`."""
    make_tree(f"{work}/tree")
    made = {}
    for maker in (gnu_tar, bsdtar, python, git, docker, macos):
        made.update(maker(work))
    return made
