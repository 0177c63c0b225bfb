"""Test make demo on a machine with a working zfs, the guest."""

from __future__ import annotations

from tests.support import TOP
from tests.support.lab.world import destroy_pools, run


def test_demo_mirrors_expires_and_cleans_up() -> None:
    destroy_pools()
    done = run(str(TOP / "demo" / "run"))
    line = next(line for line in (TOP / "crontab.example").read_text().splitlines() if "backuppool" in line)
    assert line.split(maxsplit=5)[5] in done.stdout
    for expected in (
        "4 datasets, 4 received",
        "it's being held",
        "offsite/virt/machines/web: expired @monday, @tuesday",
    ):
        assert expected in done.stdout + done.stderr
    assert run("zpool", "list", "-H").stdout == ""
