"""Medians of the figures as Markdown tables, with their ratios."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from options import PEERS

NOT_OTHER_MOUNTS = ("plain", "shard", "roxxel")
LABELS = {
    "plain": "plain files", "shard": "reading the shard itself", "roxfs-records": "roxfs, records/", "roxfs-files": "roxfs, files/",
    "roxfs-view": "roxfs, a view", "roxfs-hint": "roxfs, records/, order handed over",
    "before-records": "roxfs before, records/", "before-files": "roxfs before, files/",
    "before-view": "roxfs before, a view", "before-hint": "roxfs before, records/, order handed over",
    "erofs": "kernel erofs", "squashfs": "kernel squashfs", "squashfuse": "squashfuse_ll",
    "roxxel": "roxxel 0.1.0 (Python, no mount)",
}
RAW_LABELS = {
    "dd": "dd, 1 MiB, in order", "fio-sequential": "fio, 128 KiB, in order",
    "fio-random-4k": "fio, 4 KiB, random", "fio-random-128k": "fio, 128 KiB, random",
    "memmap": "np.memmap, sum of all",
}

# Columns of epochs; those that were not measured are left out.
MOST_EPOCHS = 10

LEGEND = """\
Medians over the rounds, in brackets the lowest and the highest. "/ plain" is the ratio to the plain
files; "/ best" the ratio to the fastest mount that is not roxfs (of speeds: above 1 is faster than
it; of times: below 1 is). Plain files are in the page cache, with their names and attributes,
unless a table says otherwise: they have no first pass. A peer with a number of files behind its
name read only these, and the rate is theirs. Before a first pass free memory is used once, so
that a virtual machine has it. What the disk reads is counted for the reader and the daemon; where the
kernel mounts an image, for the whole machine: other programs should rest."""


@dataclass(frozen=True)
class Column:
    """A measure, and the ratios to print beside it."""

    measure: str
    heading: str
    ratios: tuple = ("plain", "best")


@dataclass(frozen=True)
class Table:
    test: str
    title: str
    columns: tuple


PASSES = (Column("first", "first pass"), Column("second", "second pass"))


def readers(test):
    processes = int(test.rsplit("-", 1)[1])
    return "1 reader" if processes == 1 else f"{processes} readers"


def tables_of(tests):
    """The tables for the tests that have figures."""
    tables = []
    for test in tests:
        if test == "mount":
            tables.append(Table(
                test, "Time to mount (erofs: the system call alone, others: with the program's start)",
                (Column("time", "until it answers", ("best",)),)))
        elif test.startswith("listed-"):
            tables.append(Table(test, f"In order after a listing, {readers(test)}", PASSES))
        elif test.startswith("random-"):
            tables.append(Table(test, f"Random order, never listed, {readers(test)}", PASSES))
        elif test == "listing":
            tables += [
                Table(test, "Listing with attributes (ls -lU)",
                      (Column("list-first", "first time"), Column("list-second", "second time"))),
                Table(test, "stat of each file, in order, never listed",
                      (Column("stat-first", "first time"), Column("stat-second", "second time"))),
            ]
        elif test == "cold":
            tables += [cold_table("in-order", "in order, never listed"),
                       cold_table("listed", "in order after a listing"),
                       cold_table("random", "random order, never listed")]
        elif test.startswith("hungry-"):
            tables.append(hungry_table(test))
        elif test == "partial":
            tables.append(Table(test, "Readers of a part of the records in random order, nothing in memory", tuple(
                column for percent in (5, 20, 50) for column in (
                    Column(f"{percent}", f"{percent} %", ("plain",)),
                    Column(f"{percent}-disk", DISK, ()))) + (PRIVATE,)))
        elif test == "memmap":
            tables.append(Table(test, "np.memmap, 960 random samples of 2 KiB, nothing in memory", (
                Column("time", "time", ("shard",)), Column("disk", "read from the disk", ("shard",)),
                PRIVATE)))
        elif test.startswith("known-"):
            tables.append(known_table(test))
        elif test.startswith("slow-"):
            tables.append(slow_table(test))
        elif test.startswith("memory-"):
            tables.append(memory_table(test))
        elif test == "growth":
            columns = [Column("mounted", "mounted", ())]
            columns += [Column(f"pass-{n}", f"after pass {n}", ()) for n in (1, 2, 3)]
            tables.append(Table(test, "Private memory of the daemon (RssAnon), one mount, all listed "
                                "and read in each pass", tuple(columns)))
    return tables


PRIVATE = Column("private", "daemon's private memory", ())
DISK = "read from the disk / asked for"
SHARED = {"alone": "1 reader", "split": "{} readers, each its split", "batches": "{} readers, batches of 64"}
ORDERS = {"random": "random", "in-order": "in order"}


SLOW_STORAGE = (Column("requests", "requests a file", ()), Column("bytes", "bytes read / asked for", ()))


def epoch_columns(ratios):
    return (*(Column(f"epoch-{number}", f"epoch {number}", ("plain",))
              for number in range(1, MOST_EPOCHS + 1)),
            Column("later", "from epoch 3 on", ratios), Column("disk", DISK, ()), PRIVATE)


def slow_table(test):
    _, delay, order, count = test.replace("in-order", "in_order").split("-")
    return Table(test, f"Storage of {delay} ms a request, nothing in memory, "
                 f"{ORDERS[order.replace('_', '-')]}, {readers(test)}", (
                     Column("rate", "rate", ("plain", "shard", "best")), *SLOW_STORAGE, PRIVATE))


def memory_table(test):
    _, fraction, order, count, where, delay = test.replace("in-order", "in_order").split("-")
    title = f"Memory of {fraction} times the dataset, {ORDERS[order.replace('_', '-')]}, "
    title += readers(f"-{count}")
    title += ", the reader alone is limited" if where == "reader" else ""
    title += f", storage of {delay} ms a request" if delay != "0" else ""
    return Table(test, title, epoch_columns(("plain", "best")))


def known_table(test):
    _, kind, *value, count, way = test.split("-")
    readers = SHARED[way].format(count)
    rate = Column("rate", "rate", ("plain",))
    title, columns = {
        "cold": lambda: ("nothing in memory", (rate, Column("rate-disk", DISK, ()), PRIVATE)),
        "slow": lambda: (f"storage of {value[0]} ms a request, nothing in memory", (
            rate, *SLOW_STORAGE, PRIVATE)),
        "memory": lambda: (f"memory of {value[0]} times the dataset", epoch_columns(("plain",))),
        "listed": lambda: ("after a listing, all in memory", (
            Column("in-order", "in order, first pass", ()), Column("first", "first epoch", ("plain",)),
            Column("first-in-order", "first epoch / in order", ()),
            Column("second", "second epoch", ("plain",)), Column("disk", DISK, ()), PRIVATE)),
    }[kind]()
    return Table(test, f"Known random order, {title}, {readers}", columns)


def hungry_table(test):
    headings = {"before": "before", "lowest": "lowest of a second", "while": "while it has it",
                "after": "after", "took": "it took", "swapped": "swapped"}
    return Table(test, "Another program takes 60 % of a memory of the dataset's size for 10 s, random, "
                 + readers(test), (*(Column(*each, ()) for each in headings.items()), PRIVATE))


def cold_table(measure, title):
    columns = (Column(measure, "from the disk"),
               Column(f"{measure}-disk", DISK, ()))
    return Table("cold", f"Cold disk, {title} (plain files too)", columns)


class Figures:
    """Samples by test, measure and peer."""

    def __init__(self, samples):
        self.values = defaultdict(list)
        self.units = {}
        self.files = {}
        for sample in samples:
            key = sample["test"], sample["measure"], sample["peer"]
            self.values[key].append(sample["value"])
            self.units[key[:2]] = sample["unit"]
            if "files" in sample:
                self.files[key] = sample["files"]

    def tests(self):
        return list(dict.fromkeys(test for test, _, _ in self.values))

    def peers(self, test, measure):
        return [peer for t, m, peer in self.values if (t, m) == (test, measure)]

    def median(self, test, measure, peer):
        values = self.values.get((test, measure, peer))
        return median(values) if values else None

    def best(self, test, measure):
        """The median of the fastest mount that is not roxfs."""
        medians = [self.median(test, measure, peer) for peer in self.peers(test, measure)
                   if peer not in NOT_OTHER_MOUNTS and not peer.startswith(("roxfs-", "before-"))]
        if not medians:
            return None
        return max(medians) if self.units[test, measure].endswith("/s") else min(medians)

    def cell(self, test, measure, peer):
        values = self.values.get((test, measure, peer))
        if not values:
            return "-"
        text = number(median(values))
        return text if len(values) == 1 else f"{text} ({number(min(values))} - {number(max(values))})"

    def ratio(self, test, measure, peer, to):
        base = self.best(test, measure) if to == "best" else self.median(test, measure, to)
        own = self.median(test, measure, peer)
        return f"{own / base:.2f}" if base and own is not None else "-"

    def label(self, test, measures, peer):
        """With the number of files, where that is fewer than others read."""
        name = LABELS.get(peer, peer)
        measured = {key: files for key, files in self.files.items()
                    if key[0] == test and key[1] in measures}
        own = max((files for key, files in measured.items() if key[2] == peer), default=0)
        most = max(measured.values(), default=0)
        return f"{name} ({own:,} files)" if 0 < own < most else name


def number(value):
    """Three digits that matter, and all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def markdown(heading, rows):
    lines = [row(heading), "|---|" + "---:|" * (len(heading) - 1)]
    return "\n".join(lines + [row(cells) for cells in rows])


def render(table, figures):
    """One table, a row for each peer."""
    heading = [""]
    columns = [column for column in table.columns if figures.peers(table.test, column.measure)]
    for column in columns:
        unit = figures.units.get((table.test, column.measure), "")
        heading.append(f"{column.heading}, {unit}" if unit not in ("", "x") else column.heading)
        heading += [f"/ {ratio}" for ratio in column.ratios]
    measures = [column.measure for column in columns]
    peers = sorted({peer for measure in measures for peer in figures.peers(table.test, measure)},
                   key=order)
    rows = []
    for peer in peers:
        cells = [figures.label(table.test, measures, peer)]
        for column in columns:
            cells.append(figures.cell(table.test, column.measure, peer))
            cells += [figures.ratio(table.test, column.measure, peer, ratio)
                      for ratio in column.ratios]
        rows.append(cells)
    return f"### {table.title}\n\n{markdown(heading, rows)}"


def order(peer):
    return PEERS.index(peer)


def render_raw(figures):
    heading = ["", "the shard itself, MB/s", "raw/data, MB/s", "raw/data / shard"]
    has_before = "raw/data before" in figures.peers("raw", "dd-first")
    heading += ["raw/data before, MB/s"] if has_before else []
    rows = []
    for name, label in RAW_LABELS.items():
        for which in ("first", "second"):
            measure = f"{name}-{which}"
            rows.append([f"{label}; {which} pass", figures.cell("raw", measure, "shard"),
                         figures.cell("raw", measure, "raw/data"),
                         figures.ratio("raw", measure, "raw/data", "shard")]
                        + [figures.cell("raw", measure, "raw/data before")] * has_before)
    return f"### raw/data against the shard, images in the page cache\n\n{markdown(heading, rows)}"


def render_made(made):
    heading = ["made by", "s", "MB"]
    rows = [[f"`{each.command}`", number(each.seconds), number(each.bytes / 1e6)] for each in made]
    return markdown(heading, rows)


def render_dataset(run):
    """All tables of one dataset."""
    dataset, figures = run.dataset, Figures(run.samples)
    parts = [f"## {dataset.files:,} files, {dataset.bytes / 1e6:,.0f} MB "
             f"({dataset.bytes // dataset.files:,} bytes each on average)"]
    if dataset.most < dataset.files:
        parts.append(f"A pass reads {dataset.most:,} files: in order the first ones, in random order "
                     "such as are spread over all.")
    parts.append(render_made(dataset.made))
    parts += [render(table, figures) for table in tables_of(figures.tests())]
    if figures.values.get(("disk", "direct", "dd iflag=direct")):
        speed = figures.cell("disk", "direct", "dd iflag=direct")
        parts.append(f"The disk itself, in order (dd iflag=direct of a shard): {speed} MB/s.")
    if "raw" in figures.tests():
        parts.append(render_raw(figures))
    parts += [f"Note: {note}" for note in run.notes]
    return "\n\n".join(parts)


def render_machine(machine, versions):
    lines = [f"- {what}: {value}" for what, value in machine.items()]
    # What is measured of a roxfs is one program.
    programs = {"roxfs": "", "before": "before: "}
    lines += [f"- {programs.get(peer.split('-')[0], f'{LABELS.get(peer, peer)}: ')}{version}"
              for peer, version in versions.items()]
    return "\n".join(dict.fromkeys(lines))
