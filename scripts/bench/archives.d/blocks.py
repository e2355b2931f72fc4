"""The parts of a tar archive, made byte by byte: headers with any field wrong, PAX records, padding."""

POSIX = b"ustar\x0000"
GNU = b"ustar  \0"
V7 = b""
END = bytes(1024)


def header(name, size=0, kind=b"0", link=b"", magic=POSIX, *, size_field=None, prefix=b"", signed=False, checksum=None, mtime=b"00000000000\0", fields=()):
    """One header; `fields` are (offset, bytes) written over it before the checksum is made."""
    block = bytearray(512)

    def put(offset, data, most):
        block[offset : offset + len(data[:most])] = data[:most]

    put(0, name, 100)
    put(100, b"0000644\0", 8)
    put(108, b"0000000\0", 8)
    put(116, b"0000000\0", 8)
    put(124, b"%011o\0" % size if size_field is None else size_field, 12)
    put(136, mtime, 12)
    put(156, kind, 1)
    put(157, link, 100)
    put(257, magic, 8)
    put(345, prefix, 155)
    for offset, data in fields:
        put(offset, data, len(data))
    block[148:156] = b" " * 8
    total = sum(byte - 256 if signed and byte > 127 else byte for byte in block)
    block[148:156] = b"%06o\0 " % total if checksum is None else checksum
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % 512)


def entry(name, data=b"", **fields):
    """A header and its content."""
    return header(name, len(data), **fields) + padded(data)


def record(key, value):
    """A PAX record; its length counts itself."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(b"%d" % length) + len(rest):
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def pax(records, kind=b"x", more=b""):
    """An extended header of (key, value) records, then `more` bytes as they are."""
    return entry(b"PaxHeaders/x", b"".join(record(*each) for each in records) + more, kind=kind)


def long_name(name, kind=b"L", end=b"\0"):
    """GNU tar's header for a name too long for its field."""
    return entry(b"././@LongLink", name + end, kind=kind, magic=GNU)


def base256(number, length=12):
    """GNU tar's form of numbers too large for octal digits."""
    return (number + (1 << (8 * length - 1))).to_bytes(length, "big") if number >= 0 else (number + (1 << (8 * length))).to_bytes(length, "big")
