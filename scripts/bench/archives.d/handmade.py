"""Archives made byte by byte; each stands for a kind that packers have met."""

from blocks import END, GNU, V7, base256, entry, header, long_name, padded, pax

LONG = b"l/" + b"z" * 150
DEEP = b"/".join([b"d" * 60] * 3)
AFTER = entry(b"after", b"last")
A = entry(b"a", b"hello")
A_GNU = entry(b"a", b"hello", magic=GNU)
LABEL = header(b"label", kind=b"V", magic=GNU, size_field=bytes(12))


def old_sparse(name, size, pieces, data, extended=()):
    """GNU tar's old form: four pieces in the header, 21 in each block after it."""
    number = lambda value: b"%011o\0" % value
    table = b"".join(number(offset) + number(length) for offset, length in pieces)
    fields = [(386, table), (482, b"\1" if extended else b"\0"), (483, number(size))]
    blocks = b""
    for place, more in enumerate(extended):
        table = b"".join(number(offset) + number(length) for offset, length in more)
        blocks += table.ljust(504, b"\0") + (b"\1" if place + 1 < len(extended) else b"\0") + bytes(7)
    return header(name, len(data), kind=b"S", magic=GNU, fields=fields) + blocks + padded(data)


def sparse_1_0(name, size, numbers, data, more=()):
    """GNU tar's form 1.0: the map stands before the content."""
    table = padded(b"".join(b"%d\n" % number for number in numbers))
    records = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", name), (b"GNU.sparse.realsize", b"%d" % size)]
    return pax(records + list(more)) + entry(b"GNUSparseFile.1/x", table + data)


def sparse_0_0(name, size, pieces, data):
    records = [(b"GNU.sparse.size", b"%d" % size), (b"GNU.sparse.numblocks", b"%d" % len(pieces))]
    for offset, length in pieces:
        records += [(b"GNU.sparse.offset", b"%d" % offset), (b"GNU.sparse.numbytes", b"%d" % length)]
    return pax(records) + entry(name, data)


def sparse_0_1(name, size, pieces, data):
    table = b",".join(b"%d,%d" % piece for piece in pieces)
    records = [(b"GNU.sparse.size", b"%d" % size), (b"GNU.sparse.numblocks", b"%d" % len(pieces)), (b"GNU.sparse.map", table), (b"GNU.sparse.name", name)]
    return pax(records) + entry(b"GNUSparseFile.1/x", data)


def star(name, data):
    """The header of star: a shorter prefix, then times."""
    fields = [(345, b"in/here"), (476, b"00000000000 "), (488, b"00000000000 "), (508, b"tar\0")]
    return header(name, len(data), fields=fields) + padded(data)


BLOCK = bytes(range(256)) * 2
ZEROS_INSIDE = b"x" * 512 + bytes(2048) + b"y" * 100

# name: the archive's parts
WHOLE = {
    # Sizes of entries without content.
    "hard-link-with-size-v7": [entry(b"a", b"A" * 1000, magic=V7), header(b"b", 1000, kind=b"1", link=b"a", magic=V7), AFTER, END],
    "hard-link-with-size-gnu": [entry(b"a", b"A" * 1000, magic=GNU), header(b"b", 1000, kind=b"1", link=b"a", magic=GNU), AFTER, END],
    "hard-link-with-size-ustar": [entry(b"a", b"A" * 1000), header(b"b", 1000, kind=b"1", link=b"a"), AFTER, END],
    "hard-link-with-size-at-the-end": [entry(b"a", b"A" * 1000), header(b"b", 1000, kind=b"1", link=b"a"), END],
    "hard-link-with-size-pax-seen": [pax([(b"path", b"a")]), entry(b"x", b"A" * 1000), header(b"b", 1000, kind=b"1", link=b"a"), AFTER, END],
    "hard-link-with-content-pax": [pax([(b"path", b"a")]), entry(b"x", b"A" * 1000), pax([(b"size", b"1000")]), entry(b"b", b"A" * 1000, kind=b"1", link=b"a"), AFTER, END],
    "symbolic-link-with-size": [A, header(b"s", 1000, kind=b"2", link=b"a"), AFTER, END],
    "directory-with-size": [header(b"dir/", 4096, kind=b"5"), *[entry(b"dir/%d" % i, b"%d" % i) for i in range(8)], END],
    "fifo-with-size": [A, header(b"p", 512, kind=b"6"), AFTER, END],
    "device-with-size": [A, header(b"p", 512, kind=b"3", fields=[(329, b"0000001\0"), (337, b"0000003\0")]), AFTER, END],
    # PAX records.
    "pax-value-with-newline": [A, pax([(b"SCHILY.xattr.user.note", b"two\nlines")]), entry(b"f", b"content"), AFTER, END],
    "pax-link-in-a-value": [entry(b"good", b"good"), entry(b"evil", b"evil"), pax([(b"comment", b"x\n17 linkpath=evil\n")]), header(b"l", kind=b"1", link=b"good"), END],
    "pax-path-with-newline": [pax([(b"path", b"two\nlines")]), entry(b"x", b"content"), AFTER, END],
    "pax-path-with-equals-sign": [pax([(b"path", b"a=b=c")]), entry(b"x", b"content"), AFTER, END],
    "pax-path-not-utf-8": [pax([(b"hdrcharset", b"BINARY"), (b"path", b"\xff\xfe")]), entry(b"x", b"content"), AFTER, END],
    "pax-key-twice": [pax([(b"path", b"first"), (b"path", b"second")]), entry(b"x", b"abc"), AFTER, END],
    "pax-key-in-two-headers": [pax([(b"path", b"first")]), pax([(b"path", b"second")]), entry(b"x", b"abc"), AFTER, END],
    "pax-padded-with-nuls": [pax([(b"path", b"name")], more=bytes(20)), entry(b"x", b"abc"), AFTER, END],
    "pax-size-over-the-header's": [pax([(b"size", b"700")]), header(b"f", 0) + padded(b"s" * 700), AFTER, END],
    "pax-size-before-a-long-name": [pax([(b"size", b"700")]), long_name(LONG), header(b"f", 0) + padded(b"s" * 700), AFTER, END],
    "pax-binary-attribute": [pax([(b"SCHILY.xattr.security.capability", bytes(range(20)))]), entry(b"f", b"content"), AFTER, END],
    "pax-long-link": [entry(b"a" * 90, b"content"), pax([(b"linkpath", b"a" * 90)]), header(b"b", kind=b"1", link=b"x"), AFTER, END],
    "pax-of-no-records": [pax([]), entry(b"f", b"content"), AFTER, END],
    "pax-broken-length": [A, pax([], more=b"99 path=short\n"), entry(b"f", b"content"), AFTER, END],
    "pax-without-newline": [A, pax([], more=b"11 path=abcX"), entry(b"f", b"content"), AFTER, END],
    "pax-large-attribute": [pax([(b"comment", b"c" * 900_000)]), entry(b"f", b"content"), AFTER, END],
    "pax-negative-time": [pax([(b"mtime", b"-12345.678"), (b"atime", b"0.5")]), entry(b"f", b"content"), AFTER, END],
    "solaris-header": [pax([(b"path", b"solaris/" + b"q" * 120)], kind=b"X"), entry(b"solaris/" + b"q" * 80, b"hello"), AFTER, END],
    "solaris-acl": [entry(b"f", b"1000007:user::rwx", kind=b"A"), entry(b"f", b"content"), AFTER, END],
    "global-comment": [pax([(b"comment", b"1" * 40)], kind=b"g"), A, AFTER, END],
    "global-path": [pax([(b"path", b"everywhere")], kind=b"g"), entry(b"a", b"1"), END],
    "global-twice": [pax([(b"comment", b"1")], kind=b"g"), pax([(b"comment", b"2")], kind=b"g"), A, AFTER, END],
    "global-last": [A, pax([(b"comment", b"1")], kind=b"g"), END],
    # Long names.
    "long-name-two-nuls": [long_name(LONG, end=b"\0\0"), entry(LONG, b"hello", magic=GNU), AFTER, END],
    "long-name-no-nul": [long_name(LONG, end=b""), entry(LONG, b"hello", magic=GNU), AFTER, END],
    "long-name-padded": [long_name(LONG, end=bytes(600)), entry(LONG, b"hello", magic=GNU), AFTER, END],
    "long-name-twice": [long_name(b"first"), long_name(LONG), entry(LONG, b"hello", magic=GNU), AFTER, END],
    "long-link": [entry(b"l" * 90, b"hello", magic=GNU), long_name(b"l" * 90, kind=b"K"), header(b"b", kind=b"1", link=b"x", magic=GNU), AFTER, END],
    "long-link-and-name": [long_name(LONG), entry(LONG, b"hello", magic=GNU), long_name(LONG, kind=b"K"), long_name(LONG + b"2"), header(LONG, kind=b"1", link=LONG, magic=GNU), AFTER, END],
    "prefix": [entry(b"name", b"hello", prefix=DEEP[:150]), AFTER, END],
    "prefix-full": [entry(b"n" * 100, b"hello", prefix=b"/".join([b"p" * 77, b"q" * 77])), AFTER, END],
    "prefix-gnu-times": [entry(b"name", b"hello", magic=GNU, fields=[(345, b"14700000000\0"), (357, b"14700000000\0")]), AFTER, END],
    "name-of-100-bytes": [entry(b"n" * 100, b"hello"), AFTER, END],
    "star": [star(b"name", b"hello"), AFTER, END],
    # Numbers and checksums.
    "size-of-nuls": [header(b"a", size_field=bytes(12)), AFTER, END],
    "size-of-blanks": [header(b"a", size_field=b" " * 12), AFTER, END],
    "size-after-blanks": [header(b"a", size_field=b"          5 ") + padded(b"hello"), AFTER, END],
    "size-of-12-digits": [header(b"a", size_field=b"000000000005") + padded(b"hello"), AFTER, END],
    "size-base-256": [header(b"a", size_field=base256(5), magic=GNU) + padded(b"hello"), AFTER, END],
    "size-base-256-negative": [A, header(b"n", size_field=base256(-5), magic=GNU), AFTER, END],
    "size-of-letters": [A, header(b"n", size_field=b"letters here"), AFTER, END],
    "numbers-base-256": [entry(b"a", b"hello", magic=GNU, fields=[(108, base256(1 << 40, 8)), (136, base256(-99))]), AFTER, END],
    "checksum-signed": [entry("na\xefve.txt".encode("latin1"), b"one", signed=True, magic=V7), AFTER, END],
    "checksum-six-digits-blank": [header(b"a", 0, checksum=None), AFTER, END],
    "checksum-wrong": [A, header(b"bad", checksum=b"000001\0 "), AFTER, END],
    "content-after-wrong-checksum": [A, header(b"bad", 1500, checksum=b"000001\0 ") + padded(ZEROS_INSIDE[:1500]), AFTER, END],
    # Kinds.
    "unknown-type": [entry(b"u", b"hello", kind=b"9"), AFTER, END],
    "sparse-type-without-a-map": [header(b"u", kind=b"S"), AFTER, END],
    "unknown-type-upper": [entry(b"u", b"hello", kind=b"Z"), AFTER, END],
    "contiguous": [entry(b"u", b"hello", kind=b"7"), AFTER, END],
    "type-nul": [entry(b"u", b"hello", kind=b"\0"), AFTER, END],
    "v7": [header(b"dir/", kind=b"\0", magic=V7), entry(b"dir/f", b"hello", kind=b"\0", magic=V7), entry(b"g", b"x", kind=b"\0", magic=V7), END],
    "v7-directory-with-size": [header(b"dir/", 512, kind=b"\0", magic=V7), entry(b"dir/f", b"hello", kind=b"\0", magic=V7), END],
    "file-type-with-slash": [header(b"dir/", kind=b"0"), entry(b"dir/f", b"hello"), END],
    "volume-label": [LABEL, A_GNU, END],
    "volume-label-inside": [A_GNU, LABEL, entry(b"b", b"bee", magic=GNU), END],
    "dump-directory": [entry(b"d/", b"Yf\0\0", kind=b"D", magic=GNU), entry(b"d/f", b"hello", magic=GNU), AFTER, END],
    "rest-of-a-volume": [entry(b"f", b"the rest", kind=b"M", magic=GNU, fields=[(369, b"%011o\0" % 4000)]), AFTER, END],
    # Names.
    "name-double-slash": [entry(b"d//a", b"hello"), entry(b"d/./b", b"bb"), entry(b"./d/c", b"third"), entry(b".//./d/e", b"e"), END],
    "name-absolute": [entry(b"/abs/a", b"hello"), AFTER, END],
    "name-not-utf-8": [entry(b"\xff\xfe\x80", b"hello", magic=GNU), AFTER, END],
    "name-latin-1": [entry("\xfc".encode("latin1"), b"hello", magic=V7), AFTER, END],
    "name-with-newline": [entry(b"a\nb", b"hello"), AFTER, END],
    "link-double-slash": [entry(b"d/a", b"hello"), header(b"e", kind=b"1", link=b"d//./a"), AFTER, END],
    # Hard links.
    "hard-link": [A, header(b"b", kind=b"1", link=b"a"), header(b"c", kind=b"1", link=b"./b"), AFTER, END],
    "hard-link-to-symbolic-link": [A, header(b"s", kind=b"2", link=b"a"), header(b"s2", kind=b"1", link=b"s"), AFTER, END],
    "hard-link-to-fifo": [A, header(b"p", kind=b"6"), header(b"p2", kind=b"1", link=b"p"), AFTER, END],
    "hard-link-to-itself": [A, header(b"a", kind=b"1", link=b"a"), AFTER, END],
    "hard-link-to-nothing": [A, header(b"b", kind=b"1", link=b"missing"), AFTER, END],
    # Sparse files.
    "sparse-old": [old_sparse(b"s", 3000, [(512, 512), (2048, 100)], BLOCK + b"d" * 100), AFTER, END],
    "sparse-old-extended": [old_sparse(b"s", 30_000, [(i * 1024, 512) for i in range(4)], BLOCK * 10, [[(i * 1024, 512) for i in range(4, 10)]]), AFTER, END],
    "sparse-old-empty": [old_sparse(b"s", 3000, [(3000, 0)], b""), AFTER, END],
    "sparse-0.0": [sparse_0_0(b"s", 3000, [(512, 512), (2048, 100)], BLOCK + b"d" * 100), AFTER, END],
    "sparse-0.1": [sparse_0_1(b"s", 3000, [(512, 512), (2048, 100)], BLOCK + b"d" * 100), AFTER, END],
    "sparse-1.0": [sparse_1_0(b"s", 3000, [2, 512, 512, 2048, 100], BLOCK + b"d" * 100), AFTER, END],
    "sparse-1.0-empty": [sparse_1_0(b"s", 3000, [1, 3000, 0], b""), AFTER, END],
    "sparse-1.0-all-data": [sparse_1_0(b"s", 1024, [1, 0, 1024], BLOCK * 2), AFTER, END],
    "sparse-1.0-bad-map": [A, sparse_1_0(b"s", 3000, [2, 2048, 512, 512, 100], BLOCK + b"d" * 100), AFTER, END],
    "sparse-1.0-beyond-the-end": [A, sparse_1_0(b"s", 100, [1, 512, 512], BLOCK), AFTER, END],
    "sparse-old-more-content": [old_sparse(b"s", 3000, [(512, 512), (2048, 100), (3000, 0)], BLOCK + b"d" * 100 + b"more" * 200), AFTER, END],
    "sparse-0.1-more-content": [sparse_0_1(b"s", 3000, [(512, 512), (2048, 100), (3000, 0)], BLOCK + b"d" * 100 + b"more" * 200), AFTER, END],
    "sparse-1.0-more-content": [sparse_1_0(b"s", 3000, [3, 512, 512, 2048, 100, 3000, 0], BLOCK + b"d" * 100 + b"more" * 200), AFTER, END],
    "sparse-1.0-no-map": [pax([(b"GNU.sparse.realsize", b"3000")]) + entry(b"s", BLOCK), AFTER, END],
    "sparse-1.0-last-piece-empty": [sparse_1_0(b"s", 3000, [3, 512, 512, 2048, 100, 3000, 0], BLOCK + b"d" * 100), AFTER, END],
    "sparse-old-last-piece-empty": [old_sparse(b"s", 3000, [(512, 512), (2048, 100), (3000, 0)], BLOCK + b"d" * 100), AFTER, END],
    "sparse-0.0-last-piece-empty": [sparse_0_0(b"s", 3000, [(512, 512), (2048, 100), (3000, 0)], BLOCK + b"d" * 100), AFTER, END],
    "sparse-1.0-pieces-of-odd-lengths": [sparse_1_0(b"s", 3000, [3, 0, 100, 1000, 77, 3000, 0], b"o" * 177), AFTER, END],
    # The end.
    "end-missing": [A, AFTER],
    "end-of-one-block": [A, AFTER, bytes(512)],
    "end-of-twenty-blocks": [A, AFTER, bytes(512 * 20)],
    "bytes-after-the-end": [A, END, b"garbage" * 100],
    "content-with-zeros": [entry(b"z", ZEROS_INSIDE), AFTER, END],
    "empty-files": [header(b"a"), header(b"b"), header(b"c"), END],
    "cut-in-content": [A, entry(b"b", b"B" * 2000)[:1500]],
    "cut-in-header": [A, entry(b"b", b"B" * 2000)[:300]],
    "cut-after-long-name": [A, long_name(LONG)],
}

# Read by peers with their option to continue after an end mark, as roxfs always does.
JOINED = {
    "joined": [A, END, AFTER, END],
    "joined-three": [A, END, entry(b"b", b"bee"), END, AFTER, END],
    "joined-with-labels": [LABEL, A_GNU, END, LABEL, entry(b"b", b"bee", magic=GNU), END],
    "joined-with-padding": [A, bytes(10_240 - 1024), AFTER, END],
    "lone-zero-block": [A, bytes(512), AFTER, END],
}
