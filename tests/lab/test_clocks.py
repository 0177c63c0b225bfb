"""A wrong clock expires nothing: that of the whole machine, or only the source's; and status reports it."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.lab.servers import KNOWN_HOSTS, sshd, trust
from tests.support.lab.world import SECONDS_PER_DAY, World, clock_set_back, look, paste, zfs

PORT = 2207


def test_a_clock_that_is_months_ahead_expires_nothing(world: World) -> None:
    """Both sides have this clock, so only the snapshots speak against it."""
    for days in (20, 10, 0):
        world.snapshot(f"tank/data@d{days}", days_ago=days)
    world.replicate("-k", "30")
    with clock_set_back(-90 * SECONDS_PER_DAY):
        plan = world.replicate("-k", "30", "-n").stdout
        done = world.replicate("-k", "30", "--retries", "1")
        status = world.program("status", "-l", "offsite/data", "-h", "127.0.0.1", "-r", "tank/data").stdout
    assert "warning: it is" in plan
    assert "keep @d20: a clock may be wrong" in plan
    assert "nothing expires meanwhile: check the clock: date -u" in done.stderr
    assert str(time.gmtime().tm_year) in look(done.stderr, "date -u")
    paste(done.stderr, "zfs snapshot -r ", NAME="now")
    assert world.snapshots("tank/data")[-1] == "now"
    zfs("destroy", "tank/data@now")
    assert "warning: it is" in status
    assert world.snapshots("offsite/data") == ["d20", "d10", "d0"]
    world.replicate("-k", "15")
    assert world.snapshots("offsite/data") == ["d10", "d0"]


def test_a_source_with_another_clock_expires_nothing(world: World, tmp_path: Path) -> None:
    (tmp_path / "date").write_text("#!/bin/sh\necho $(($(/bin/date +%s) - 90 * 86400))\n")
    (tmp_path / "date").chmod(0o755)
    world.snapshot("tank/data@old", days_ago=40)
    world.snapshot("tank/data@new")
    world.replicate()
    with sshd(tmp_path, PORT, wrapper=f'PATH={tmp_path}:$PATH exec sh -c "$SSH_ORIGINAL_COMMAND"'):
        trust(PORT, KNOWN_HOSTS)
        done = world.replicate("-p", str(PORT), "-k", "30")
        where = ("-h", "127.0.0.1", "-p", str(PORT), "-r", "tank/data")
        status = world.program("status", "-l", "offsite/data", *where, expect=1).stdout
    assert "the clocks disagree: it is" in done.stderr
    assert "on 127.0.0.1, and" in done.stderr
    assert str(time.gmtime().tm_year) in look(done.stderr, "date -u")
    assert world.snapshots("offsite/data") == ["old", "new"]
    assert "ZFS_REPLICATE WARNING" in status
    assert "the clocks disagree" in status.splitlines()[0]
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["new"]
