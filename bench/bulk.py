"""Measure bulk streams on the machine itself, with a real sshd, the real tools, and a zfs that only moves bytes.

The root of the lab's guest is used here as a plain directory, without a guest: its sshd, ssh, mbuffer and Python run on
this machine's kernel, in a network namespace with only loopback, and write only to memory. The process namespace ends
everything with its first process. Needs root.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench.lab import TOP, fetch_peers

IN_NAMESPACE = """
set -eu
root=$1 python=$2 peers=$3 top=$4 work=$5
mount -t tmpfs -o size=80% work "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
cd "$work/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777,size=50% tmp tmp
mkdir -p run/sshd usr/local/lib/python3.13/dist-packages tmp/checkout tmp/peers
mount --bind "$python" usr/local/lib/python3.13/dist-packages
cp -r "$top/bench" "$top/bin" "$top/zfs_replicate" tmp/checkout/
cp -r "$peers/." tmp/peers/
ip link set lo up
exec chroot . /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c 'cd /tmp/checkout && python3 -m compileall -q . /tmp/peers && exec python3 -m bench.bulk_runs'
"""


def measure() -> dict[str, Any]:
    """Return `how`, and runs by way (`single`) and by number of streams (`several`): rate (MiB/s), seconds, CPU."""
    peers = fetch_peers()
    lab = Path(os.environ.get("ZFS_LAB", Path.home() / ".cache" / "zfs_replicate" / "lab"))
    lab /= os.environ.get("ZFS_LAB_VARIANT", "2.4")
    paths = (next(lab.glob("root-*")), next(lab.glob("python-*")), peers, TOP)
    with tempfile.TemporaryDirectory(prefix="bench.") as work:
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "bash", "-c", IN_NAMESPACE]
        process = subprocess.run(
            [*command, "-", *map(str, paths), work], check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return result
