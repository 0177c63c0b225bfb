"""Stand in for zfs and zpool: only move bytes, and answer the commands of replication tools.

STAND_IN names a directory with `world.json` (datasets, snapshots of each), `stream` (the output of every send),
`received` (a file for each mirrored dataset: its number of snapshots), `times` (when streams began and ended) and
`answers` (if it exists, the calling shell script stores every answer and replays it, for long listings).
The source is tank/data and everything below it; everything in pool offsite is a mirror of it. Standard library only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(os.environ["STAND_IN"])
WORLD = json.loads((HERE / "world.json").read_text())
SOURCE = "tank/data"
CREATED = 1_700_000_000
TYPES = {"filesystem", "volume", "snapshot", "bookmark"}
WITH_VALUE = {
    "list": "dotsS",
    "get": "dots",
    "send": "iIotR",
    "receive": "oxd",
    "hold": "",
    "release": "",
    "holds": "",
    "create": "ob",
    "destroy": "",
}


def split(command: str, words: list[str]) -> tuple[set[str], dict[str, str], list[str]]:
    """Given the words after a subcommand, return its flags, its options with values, and the rest."""
    flags, values, rest = set(), {}, []
    takes = WITH_VALUE.get(command, "")
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("-") or word == "-":
            rest.append(word)
            continue
        for place, letter in enumerate(word[1:], start=2):
            if letter in takes and not (command == "send" and letter == "R"):
                values[letter] = word[place:] or queue.pop(0)
                break
            flags.add(letter)
    return flags, values, rest


def received(name: str) -> int | None:
    """Return the number of snapshots of a mirror; None if it is absent."""
    path = HERE / "received" / name.replace("/", "+")
    return int(path.read_text()) if path.exists() else None


def mark(name: str, count: int) -> None:
    (HERE / "received" / name.replace("/", "+")).write_text(str(count))


def datasets(root: str) -> list[tuple[str, int]]:
    """Return the name and number of snapshots of a root and everything below it, parents first."""
    if root.split("/")[0] == "tank":
        below = ["", *(f"/d{number:04}" for number in range(1, WORLD["datasets"]))]
        names = [("tank", 0), *((SOURCE + path, WORLD["snapshots"]) for path in below)]
    else:
        entries = (HERE / "received").iterdir()
        names = [("offsite", 0), *sorted((path.name.replace("+", "/"), int(path.read_text())) for path in entries)]
    return [(name, count) for name, count in names if name == root or name.startswith(root + "/")]


def snapshot_guid(dataset: str, number: int) -> int:
    """Return a guid that depends only on the part after `data`: a dataset and its mirror have the same."""
    return 10_000_000_000 + 1_000_003 * int(dataset.rpartition("/d")[2] or 0 if "/d0" in dataset else 0) + number


def snapshot_name(number: int) -> str:
    """Name a snapshot like zfs-autobackup does."""
    return time.strftime("bench-%Y%m%d%H%M%S", time.gmtime(CREATED + 60 * number))


def entries(root: str, types: set[str], depth: int) -> Iterator[dict[str, str]]:
    for name, count in datasets(root):
        if name[len(root) :].count("/") > depth:
            continue
        if "filesystem" in types:
            yield {
                "type": "filesystem",
                "name": name,
                "guid": str(1 + sum(name.encode())),
                "createtxg": "5",
                "written": "0",
                "encryption": "off",
                "snapshots_changed": str(CREATED + count),
                "creation": str(CREATED - 100),
            }
        if "snapshot" in types and name[len(root) :].count("/") <= depth - (depth < 99):
            for number in range(count):
                yield {
                    "type": "snapshot",
                    "name": f"{name}@{snapshot_name(number)}",
                    "guid": str(snapshot_guid(name, number)),
                    "createtxg": str(10 + number),
                    "creation": str(CREATED + 60 * number),
                    "written": str(max(65536, (HERE / "stream").stat().st_size)),
                    "userrefs": str(int(number == WORLD["snapshots"] - 2)),
                    "encryption": "-",
                }


DEFAULTS = {
    "used": "1073741824",
    "referenced": "1073741824",
    "available": "99999999999",
    "userrefs": "0",
    "recordsize": "131072",
    "canmount": "on",
    "mounted": "no",
    "mountpoint": "none",
}


def value_of(entry: dict[str, str], column: str) -> str:
    return entry.get(column, DEFAULTS.get(column, "-"))


def selected(command: str, words: list[str]) -> tuple[list[dict[str, str]], dict[str, str], list[str], int]:
    """Return the entries of a list or get, its options, its properties (get), and the exit status."""
    flags, values, rest = split(command, words)
    properties = rest.pop(0).split(",") if command == "get" else []
    types = set(
        values.get("t", "filesystem,volume").replace("all", ",".join(TYPES)).replace("snap,", "snapshot,").split(",")
    )
    matches, status = [], 0
    for root in rest or ["tank", "offsite"]:
        name, at, _short = root.partition("@")
        if not datasets(name) or not any(dataset == name for dataset, _ in datasets(name)):
            print(f"cannot open '{root}': dataset does not exist", file=sys.stderr)
            status = 1
        elif at:
            matches += [entry for entry in entries(name, {"snapshot"}, 1) if entry["name"] == root]
        else:
            only = types in ({"snapshot"}, {"bookmark"})
            depth = int(values["d"]) if "d" in values else 99 if "r" in flags or not rest else 1 if only else 0
            if depth == 0 and not only:
                matches.append(next(iter(entries(name, {"filesystem"}, 0))))
            else:
                matches += entries(name, types, depth)
    return matches, values, properties, status


def list_(words: list[str]) -> int:
    matches, values, _properties, status = selected("list", words)
    columns = values.get("o", "name,used,available,referenced,mountpoint").split(",")
    sys.stdout.writelines("\t".join([value_of(entry, column) for column in columns]) + "\n" for entry in matches)
    return status


def get(words: list[str]) -> int:
    matches, values, properties, status = selected("get", words)
    if values.get("s", "local") != "local" or properties[0].startswith("zfs_replicate"):
        return status
    columns = values.get("o", "name,property,value,source").split(",")
    for entry in matches:
        for requested in properties if properties != ["all"] else [*entry, *DEFAULTS]:
            is_selected = requested == "autobackup:bench" and entry["name"].startswith(SOURCE)
            value = "true" if is_selected else value_of(entry, requested)
            source = ("local" if entry["name"] == SOURCE else f"inherited from {SOURCE}") if is_selected else "-"
            fields = {"name": entry["name"], "property": requested, "value": value, "source": source}
            print("\t".join(fields[column] for column in columns))
    return status


def answer(command: str, words: list[str]) -> int:
    if command in ("list", "get"):
        return (list_ if command == "list" else get)(words)
    if command in ("send", "receive", "recv"):
        return stream(command, words)
    rest = split(command, words)[2]
    if command == "holds":
        for name in rest:
            print(f"{name}\tbench{':target' * name.startswith('offsite')}\tTue Nov 14 22:13 2023")
    elif command in ("version", "--version"):
        print("zfs-2.4.4-1\nzfs-kmod-2.4.4-1")
    elif command == "create":
        mark(rest[-1], 0)
    return 0


def stream(command: str, words: list[str]) -> int:
    flags, _values, rest = split("send" if command == "send" else "receive", words)
    if "/" not in rest[-1]:  # zfs-autobackup probes which options exist
        return 1
    size = (HERE / "stream").stat().st_size
    if command == "send" and "n" in flags:
        print(f"full\t{rest[-1]}\t{size}\nsize\t{size}")
        return 0
    note("began" if command == "send" else "ready")
    if command == "send":
        sys.stdout.flush()
        os.execvp("cat", ("cat", str(HERE / "stream")))
    count = subprocess.run(["wc", "-c"], stdout=subprocess.PIPE, check=True).stdout
    note(f"ended {int(count)}")
    mark(rest[-1].partition("@")[0], WORLD["snapshots"])
    return 0


def note(what: str) -> None:
    with (HERE / "times").open("a") as file:
        file.write(f"{time.monotonic()} {what}\n")


def pool(words: list[str]) -> int:
    features = (
        "large_blocks",
        "embedded_data",
        "lz4_compress",
        "zstd_compress",
        "bookmarks",
        "bookmark_v2",
        "bookmark_written",
    )
    properties = {f"feature@{name}": "enabled" for name in (*features, "extensible_dataset", "encryption")}
    command, *rest = words
    _flags, values, names = split("get" if command == "get" else "list", rest)
    name = names[-1] if names and names[-1] in ("tank", "offsite") else "tank"
    properties |= {
        "name": name,
        "guid": str(sum(name.encode())),
        "free": "99999999999",
        "delegation": "on",
        "health": "ONLINE",
    }
    if command == "list":
        print("\t".join(properties.get(column, "-") for column in values.get("o", "name").split(",")))
        return 0
    requested = list(properties) if names[0] == "all" else names[0].split(",")
    for requested_name in requested:
        fields = {"name": name, "property": requested_name, "value": properties.get(requested_name, "-"), "source": "-"}
        print("\t".join(fields[column] for column in values.get("o", "name,property,value,source").split(",")))
    return 0


def main(argv: list[str]) -> int:
    program, *words = argv
    if os.environ.get("STAND_IN_LOG"):
        with Path(os.environ["STAND_IN_LOG"]).open("a") as file:
            file.write(f"{program} {' '.join(words)}\n")
    return pool(words) if Path(program).name == "zpool" else answer(words[0], words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
