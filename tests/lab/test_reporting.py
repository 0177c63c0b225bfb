"""Test what a run reports: plan, report, metrics, logs and hooks, from the command line."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import jsonschema
from prometheus_client.parser import text_string_to_metric_families

from tests.support import TOP
from tests.support.lab.world import World, run, zfs

SCHEMA = json.loads((TOP / "docs" / "report.schema.json").read_text())
CLOSED_PORT = "9"


def report(text: str) -> Any:
    """Return the report, checked against its schema."""
    data = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    return data


def metrics(path: Path) -> dict[str, float]:
    """Read metrics with a strict parser; return samples by name and the label that does not identify the mirror."""
    samples = [sample for family in text_string_to_metric_families(path.read_text()) for sample in family.samples]
    values: dict[str, float] = {}
    for sample in samples:
        own = [value for key, value in sample.labels.items() if key not in ("host", "source", "target", "tag")]
        values[" ".join([sample.name.removeprefix("zfs_replicate_"), *own])] = sample.value
    assert len(values) == len(samples)
    return values


def a_busy_day(world: World) -> None:
    """Make a dataset of each kind: to send, new, without a snapshot, up to date, in conflict, gone from the source."""
    zfs("create", "tank/data/old")
    for name in ("gone", "same", "bad"):
        zfs("create", f"tank/data/{name}")
    world.snapshot("tank/data@first", days_ago=50, recursive=True)
    world.snapshot("tank/data@held", days_ago=45, recursive=True)
    world.snapshot("tank/data@base", days_ago=40, recursive=True)
    world.replicate(host="localhost")
    zfs("hold", "offsite2", "offsite/data/old@held")
    for name, tags in world.holds("tank/data/gone").items():
        zfs("release", *tags, f"tank/data/gone@{name}")
    zfs("destroy", "-r", "tank/data/gone")
    world.write("offsite/data/bad", "mine", 200_000)
    world.write("tank/data/old", "file", 300_000)
    zfs("create", "-p", "tank/data/empty/new")
    world.write("tank/data/empty/new", "file", 100_000)
    for name in ("data/old", "data", "data/bad", "data/empty/new"):
        world.snapshot(f"tank/{name}@now")


def steps(data: Any) -> dict[str, list[Any]]:
    """Return the steps of each dataset, without the fields that only a real run can fill."""
    later = ("state", "bytes", "seconds", "attempt")
    return {
        entry["target"]: [{key: value for key, value in step.items() if key not in later} for step in entry["steps"]]
        for entry in data["datasets"]
    }


def snapshots(root: str) -> dict[str, list[str]]:
    """Return the snapshots of each dataset that has any, oldest first, with one command."""
    names: dict[str, list[str]] = {}
    for line in zfs("list", "-Hp", "-r", "-t", "snapshot", "-o", "name", "-s", "createtxg", root).splitlines():
        dataset, _, name = line.partition("@")
        names.setdefault(dataset, []).append(name)
    return names


def foretold(data: Any) -> dict[str, list[str]]:
    """Return the snapshots that each target dataset will have according to the plan."""
    source, target = snapshots("tank/data"), snapshots("offsite/data")
    for entry in data["datasets"]:
        here = target.pop(entry["target"], [])
        for step in entry["steps"]:
            if step["action"] == "send":
                there = source[entry["source"]]
                last = there.index(step["snapshot"].partition("@")[2])
                here += there[last + 1 - step["snapshot_count"] : last + 1]
            elif step["action"] == "expire":
                here = [name for name in here if name not in [gone["name"] for gone in step["snapshots"]]]
        target |= {entry["target"]: here} if here else {}
    return target


def test_the_plan_printed_is_the_plan_carried_out(world: World, tmp_path: Path) -> None:
    a_busy_day(world)
    before = world.everything()
    text = world.replicate("-n", "-k", "30", host="localhost", expect=1).stdout
    planned = report(world.replicate("-n", "-k", "30", "--json", host="localhost", expect=1).stdout)
    assert world.everything() == before
    expected = foretold(planned)
    world.replicate("-k", "30", "--report", str(tmp_path / "report.json"), host="localhost", expect=1)
    done = report((tmp_path / "report.json").read_text())

    assert steps(done) == steps(planned)
    assert {entry["source"]: entry["outcome"] for entry in planned["datasets"]} == {
        "tank/data": "planned",
        "tank/data/bad": "conflict",
        "tank/data/empty": "planned",
        "tank/data/empty/new": "planned",
        "tank/data/old": "planned",
        "tank/data/same": "planned",
    }
    assert {step["state"] for entry in done["datasets"] for step in entry["steps"]} == {"done"}
    assert (planned["orphans"], done["orphans"]) == (["offsite/data/gone"], ["offsite/data/gone"])
    assert snapshots("offsite/data") == expected
    held = [hold["snapshot"] for entry in done["datasets"] for hold in entry["holds"]]
    everything = [f"{dataset}@{name}" for dataset, names in snapshots("tank/data").items() for name in names]
    tagged = [line.split("\t") for line in zfs("holds", "-H", *everything).splitlines()]
    assert sorted(held) == sorted(snapshot for snapshot, tag, _since in tagged if tag == "mirror")

    lines = [line.strip() for line in text.splitlines()]
    assert "expire @first: older than 30 days" in lines
    assert "keep @held: held by offsite2" in lines
    sent = next(entry for entry in done["datasets"] if entry["source"] == "tank/data/old")
    amount = f"about {sent['estimated_bytes'] / 1024:.1f} KiB"
    assert any(
        line.startswith(f"send tank/data/old@now from tank/data/old@base (1 snapshot, {amount})") for line in lines
    )
    assert "place the hold mirror on tank/data/old@now: the next run continues from it" in lines
    assert any(line.startswith("conflict: it has changed since the newest common snapshot @base") for line in lines)
    assert lines[-1].startswith("6 datasets, 3 to receive 3 snapshots (about ")
    assert lines[-1].endswith("1 CONFLICT")
    assert 0.8 < sent["bytes"] / sent["estimated_bytes"] < 1.3


def test_good_and_bad_runs_leave_report_metrics_and_hooks(world: World, tmp_path: Path) -> None:
    world.snapshot("tank/data@one")
    words = [
        *("--report", f"{tmp_path}/report.json", "--metrics", f"{tmp_path}/mirror.prom"),
        *("--on-success", f"cat > {tmp_path}/success", "--on-failure", f"cat > {tmp_path}/failure"),
    ]
    done = world.replicate(*words, "--json", host="localhost")
    assert done.stderr == ""
    assert done.stdout == (tmp_path / "report.json").read_text() == (tmp_path / "success").read_text()
    good = report(done.stdout)
    assert (good["run"]["result"], good["totals"]["snapshots_received"]) == ("success", 1)
    first = metrics(tmp_path / "mirror.prom")
    assert first["last_success_timestamp_seconds"] == first["last_run_timestamp_seconds"] > 0
    assert (first["exit_code"], first["datasets received"], first["dataset_lag_seconds offsite/data"]) == (0, 1, 0)
    assert first["received_bytes"] == good["totals"]["bytes"] > 0

    lost = world.replicate(*words, "-p", CLOSED_PORT, expect=3)
    assert len(lost.stderr.splitlines()) == 1
    assert report((tmp_path / "failure").read_text())["run"]["error"]["kind"] == "ConnectionFailed"
    second = metrics(tmp_path / "mirror.prom")
    assert (second["exit_code"], second["last_success_timestamp_seconds"]) == (3, 0)  # another host, another mirror

    world.write("tank/data", "file")
    world.snapshot("tank/data@two")
    world.write("offsite/data", "mine", 200_000)
    world.replicate(*words, host="localhost", expect=1)
    bad = report((tmp_path / "report.json").read_text())
    assert (bad["run"]["exit_status"], bad["datasets"][0]["outcome"]) == (1, "conflict")
    assert bad["datasets"][0]["lag_seconds"] >= 0


def test_a_failed_run_keeps_the_last_success(world: World, tmp_path: Path) -> None:
    path = tmp_path / "mirror.prom"
    world.snapshot("tank/data@one", days_ago=2)
    world.replicate("--metrics", str(path))
    first = metrics(path)
    zfs("create", "tank/data/new")
    world.snapshot("tank/data/new@one")
    zfs("create", "offsite/data/new")
    world.replicate("--metrics", str(path), expect=1)
    second = metrics(path)
    assert second["last_success_timestamp_seconds"] == first["last_success_timestamp_seconds"]
    assert second["last_failure_timestamp_seconds"] == second["last_run_timestamp_seconds"]
    assert (second["last_run_success"], second["exit_code"], second["datasets conflict"]) == (0, 1, 1)
    assert (second["runs_total success"], second["runs_total failure"]) == (1, 1)
    assert 2 * 86400 - 5 < second["dataset_hold_age_seconds offsite/data"] < 2 * 86400 + 600


def test_logs_carry_the_run_and_every_command_can_be_pasted(world: World, tmp_path: Path) -> None:
    world.snapshot("tank/data@one")
    done = world.replicate(
        "--log-level", "debug", "--log-format", "json", "--report", f"{tmp_path}/report.json", "--on-success", "true"
    )
    records = [json.loads(line) for line in done.stderr.splitlines()]
    identity = report((tmp_path / "report.json").read_text())["run"]["id"]
    assert {record["run"] for record in records} == {identity}
    assert {record["dataset"] for record in records} == {"tank/data"}
    assert {record["host"] for record in records} == {"127.0.0.1", "localhost"}
    commands = [record["message"] for record in records if record["level"] == "debug"]
    listings = [command for command in commands if "zfs list" in command or "'zfs' 'list'" in command]
    assert any(command.startswith("ssh ") for command in listings)
    assert any(command.startswith("zfs list ") for command in listings)
    for command in listings:
        assert run("sh", "-c", command, check=False).stdout  # it may name what does not exist
    sent = next(command for command in commands if " send " in command)
    assert run("sh", "-c", f"{sent} | wc -c").stdout.strip() != "0"


def test_a_silent_run_is_in_syslog(world: World) -> None:
    world.snapshot("tank/data@one")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        Path("/dev/log").unlink(missing_ok=True)
        server.bind("/dev/log")
        server.settimeout(10)
        done = world.replicate("--syslog", host="localhost")
        records = []
        server.setblocking(False)
        try:
            while True:
                records.append(server.recv(65536).decode())
        except BlockingIOError:
            Path("/dev/log").unlink()
    assert (done.stdout, done.stderr) == ("", "")
    assert all("host=localhost dataset=tank/data message=" in line for line in records)
    assert any("1 dataset, 1 received" in line for line in records)


def test_a_hostile_tag_cannot_write_to_the_terminal(world: World) -> None:
    """A hold tag may contain any byte; anyone with rights on the source can place one."""
    world.snapshot("tank/data@one")
    zfs("hold", "evil\x1b[2J", "tank/data@one")
    world.replicate(host="localhost")
    zfs("hold", "evil\x1b[2J", "offsite/data@one")
    world.snapshot("tank/data@two")
    done = world.replicate("-n", "-k", "0", host="localhost")
    assert "\x1b" not in done.stdout
    assert "held by evil\\x1b[2J" in done.stdout
