"""Build text as zfs prints it: lines of a listing, a probe, a resume token."""

from __future__ import annotations

from tests.support.fakes import Answer, FakeHost
from zfs_replicate.zfs.parse import PROBE_GREETING


def line(kind: str, name: str, **columns: str) -> str:
    """Return a line of `zfs list`, with harmless defaults."""
    values = {
        "guid": "7",
        "createtxg": "10",
        "creation": "1700000000",
        "userrefs": "0" if kind == "snapshot" else "-",
        "clones": "" if kind == "snapshot" else "-",
        "written": "-" if kind == "bookmark" else "0",
        "encryption": "off",
        "receive_resume_token": "-",
        "encryptionroot": "-",
        "keystatus": "-",
        "ivsetguid": "-",
    }
    return "\t".join([kind, name, *(values | columns).values()])


TOKEN_TEXT = """resume token contents:
nvlist version: 0
\tfromguid = 0xb1c2
\tobject = 0x2
\toffset = 0x4c0000
\tbytes = 0x4d1b38
\ttoguid = 0xff
\ttoname = tank/my files@d
\tcompressok = 1
"""


PROBE = [
    "program\tzfs",
    "program\tmbuffer",
    "size\t1000",
    "free\t400",
    "guid\t42",
    "comment\t-",
    "feature@large_blocks\tenabled",
    "feature@zstd_compress\tactive",
    "feature@encryption\tdisabled",
]


def text(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def side(name: str, root: str, pool_guid: int, *lines: str) -> FakeHost:
    """Return a host that answers a probe, and lists a root and these lines."""
    probe = f"{PROBE_GREETING}\nprogram\tzfs\nguid\t{pool_guid}\nfeature@large_blocks\tenabled\n"
    listing = Answer(text(line("filesystem", root), *lines))
    return FakeHost(
        name, {"sh -c": Answer(probe.encode()), "zfs list": listing, "zfs list -Hp -o name,origin": Answer()}
    )
