"""What the gate does with an accepted command: tokens, encryption, privileges, rate, log. Programs are stand-ins."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support import gate
from tests.support.gate import GATE, PATH, RULES
from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.zfs import commands, queries

TOKEN = "1-c7d9fa563-d8-789c6360"
CONTENTS = """resume token contents:
nvlist version: 0
	object = 0x2
	offset = 0x1c0000
	bytes = 0x1e1e48
	toguid = 0xff
	toname = tank/data@one
	compressok = 1
full send of tank/data@one estimated size is 3.14M
total estimated size is 3.14M
"""
LISTED = "17\ttank/data@zero\n255\ttank/data@one\n18\ttank/data#mark\n"
RESUME = ("zfs", "send", "-t", TOKEN)
SEND = ("zfs", "send", "-L", "-c", "tank/data@one")


def inspected(
    monkeypatch: pytest.MonkeyPatch, contents: str, listed: str = LISTED, encryption: str = "off", **rules: object
) -> str | None:
    """Return why a resumed send is refused when zfs prints this; None if it is accepted."""
    answers = {"send": contents, "list": listed, "get": f"{encryption}\n"}
    monkeypatch.setattr(GATE, "output", lambda *command: answers[command[1]])
    try:
        GATE.inspect(RULES._replace(**rules), GATE.judge(RULES, remote_command(RESUME)))
    except GATE.Refused as refused:
        return str(refused)
    return None


def test_our_own_token_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inspected(monkeypatch, CONTENTS) is None


@pytest.mark.parametrize("base", ["0x11", "0x12"])
def test_a_token_with_our_snapshot_or_bookmark_as_base_passes(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    assert inspected(monkeypatch, CONTENTS.replace("\tobject", f"\tfromguid = {base}\n\tobject")) is None


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ("", "unexpected contents"),
        (CONTENTS.replace("tank/data@", "tank/secret@"), "outside of tank/data"),
        (CONTENTS.replace("tank/data@", "tank/data2@"), "outside of tank/data"),
        (CONTENTS.replace("@one", ""), "not a snapshot name"),
        (CONTENTS.replace("0xff", "0xfe"), "a token for a snapshot other than"),  # forged: zfs searches the whole pool
        (CONTENTS.replace("0xff", "0x11"), "a token for a snapshot other than"),
        (CONTENTS.replace("0xff", "255"), "a token for a snapshot other than"),
        (CONTENTS.replace("\ttoguid = 0xff\n", ""), "unexpected contents"),
        (CONTENTS.replace("\tobject", "\tfromguid = 0xdead\n\tobject"), "with a base that is not"),
        (CONTENTS.replace("\tobject", "\ttoname = tank/secret@x\n\tobject"), "unexpected contents"),
        (CONTENTS.replace("\tcompressok", "\ttoname = tank/secret@x\n\tcompressok"), "unexpected contents"),
        (CONTENTS.replace("\tcompressok", "\tsavedok"), "unexpected contents"),
        (CONTENTS.replace("\tcompressok = 1", "\tredact_snaps = 1"), "unexpected contents"),
        (CONTENTS.replace("compressok = 1", "compressok = 2"), "unexpected contents"),
    ],
)
def test_foreign_and_forged_tokens_are_refused(monkeypatch: pytest.MonkeyPatch, contents: str, reason: str) -> None:
    assert reason in str(inspected(monkeypatch, contents))


def test_encrypted_data_is_not_sent_in_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "encrypted, and the stream is not raw: tank/data@one"
    assert inspected(monkeypatch, CONTENTS, encryption="aes-256-gcm") == reason
    assert inspected(monkeypatch, CONTENTS, encryption="") == reason
    assert inspected(monkeypatch, CONTENTS, encryption="aes-256-gcm", may_decrypt=True) is None
    assert inspected(monkeypatch, CONTENTS.replace("compress", "raw"), encryption="aes-256-gcm") is None
    for words, is_refused in ((SEND, True), (("zfs", "send", "-w", SEND[-1]), False)):
        job = GATE.judge(RULES, remote_command(words))
        try:
            GATE.inspect(RULES, job)
        except GATE.Refused:
            assert is_refused
        else:
            assert not is_refused


def test_a_zfs_that_does_not_answer_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GATE.ENVIRONMENT, "PATH", "/nowhere")
    with pytest.raises(GATE.Refused, match="cannot run zfs"):
        GATE.inspect(RULES, GATE.judge(RULES, remote_command(SEND)))


# --- as a program -----------------------------------------------------------------------------------------------------

MAIN = """
import sys
gate = {"__name__": "gate"}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), gate)
gate["ENVIRONMENT"]["PATH"] = sys.argv[2]
sys.argv[1:] = sys.argv[3:]
sys.exit(gate["main"]())
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """zfs, sudo and doas that record their arguments; `zfs send` prints 300000 bytes, `zfs hold` ends with 7."""
    # one write for each line: some run in parallel
    record = f'line=$(printf "%s" "${{0##*/}}"; printf " <%s>" "$@"); echo "$line" >>{tmp_path}/calls'
    get = "get) shift 5; for name; do echo off; done ;;"
    zfs = f"case $1 in {get} send) head -c 300000 /dev/zero ;; hold) exit 7 ;; list) env; cat ;; esac"
    for name, text in {"zfs": zfs, "sudo": 'shift; exec "$@"', "doas": 'shift; exec "$@"'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{record}\n{text}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(
    programs: Path, *options: str, command: commands.Command | str, **more: str
) -> subprocess.CompletedProcess[bytes]:
    text = command if isinstance(command, str) else remote_command(command)
    arguments = [str(PATH), f"{programs}:/usr/bin:/bin", "--dataset", "tank/data", "--tag", "offsite", *options]
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        env={"SSH_ORIGINAL_COMMAND": text, "SSH_CLIENT": "192.0.2.7 5 22", **more},
        input=b"from the client",
        capture_output=True,
        check=False,
        timeout=60,
    )


def calls(programs: Path) -> list[str]:
    return (programs / "calls").read_text().splitlines() if (programs / "calls").exists() else []


def test_a_command_runs_zfs_and_returns_its_status(programs: Path) -> None:
    assert run(programs, command=commands.hold("offsite", ["tank/data/a b@x"])).returncode == 7
    assert calls(programs) == ["zfs <hold> <offsite> <tank/data/a b@x>"]


def test_neither_environment_nor_input_of_the_client_reaches_zfs(programs: Path) -> None:
    done = run(programs, command=queries.list_tree("tank/data"), LD_PRELOAD="", PYTHONPATH="/x", ZFS_COLOR="1")
    assert b"from the client" not in done.stdout
    names = {line.partition(b"=")[0] for line in done.stdout.splitlines()}
    assert names <= {b"LC_ALL", b"PATH", b"PWD", b"_", b"SHLVL", b"OLDPWD"}
    assert b"LC_ALL=C" in done.stdout.splitlines()


@pytest.mark.parametrize("program", ["sudo", "doas"])
def test_only_commands_that_need_privileges_run_elevated(programs: Path, program: str) -> None:
    option = f"--{program}"
    run(programs, option, command=queries.list_holds(["tank/data@x"]))
    run(programs, option, command=commands.release("offsite", ["tank/data@x"]))
    assert calls(programs) == [
        "zfs <holds> <-H> <tank/data@x>",
        f"{program} <-n> <zfs> <release> <offsite> <tank/data@x>",
        "zfs <release> <offsite> <tank/data@x>",
    ]


def test_bookmarks_are_created_before_old_ones_are_destroyed(programs: Path) -> None:
    prefix = "tank/data#zfs_replicate_offsite_"
    done = run(programs, command=commands.bookmark([("tank/data@b", f"{prefix}b")], [f"{prefix}a", f"{prefix}c d"]))
    assert done.returncode == 0
    first, *rest = calls(programs)
    assert first == f"zfs <bookmark> <tank/data@b> <{prefix}b>"
    assert set(rest) == {f"zfs <destroy> <{prefix}a>", f"zfs <destroy> <{prefix}c d>"}


def test_a_stream_passes_whole(programs: Path) -> None:
    assert len(run(programs, command=SEND).stdout) == 300_000
    assert calls(programs)[-1] == "zfs <send> <-L> <-c> <tank/data@one>"


def test_a_stream_passes_whole_at_a_limited_rate(programs: Path) -> None:
    done = run(programs, "--rate", "10M", command=SEND)
    assert (done.returncode, len(done.stdout)) == (0, 300_000)


MARK = "0123456789abcdef" * 2
INCREMENTS = [("zfs", "send", "-L", "-i", "tank/data@zero", f"tank/data@{name}") for name in ("one", "bad", "two")]


@pytest.mark.parametrize("options", [[], ["--rate", "10M"], ["--sudo"]])
def test_a_bundle_prints_the_same_as_the_clients_script(programs: Path, options: list[str]) -> None:
    zfs = programs / "zfs"
    fails = 'case "$*" in *@bad) printf cut; echo "cannot send" >&2; exit 3 ;; esac'
    zfs.write_text(zfs.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{fails}\n"))
    command = commands.bundle(MARK, INCREMENTS)
    done = run(programs, *options, command=command)
    path = f"{programs}:/usr/bin:/bin"
    script = subprocess.run(command, env={"PATH": path}, capture_output=True, check=False, timeout=60)
    assert done.stdout == script.stdout
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"cut{MARK} 3\ncannot send\n{MARK}\n".encode() in done.stdout
    assert len(done.stdout) > 600_000


def test_a_bundle_sends_encrypted_data_only_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    """One zfs get checks all snapshots that would be sent in plain."""
    queries: list[tuple[str, ...]] = []
    encryption = {"tank/data@one": "off", "tank/data@bad": "aes-256-gcm", "tank/data@two": "off"}

    def answer(*command: str) -> str:
        queries.append(command)
        return "".join(f"{encryption[name]}\n" for name in command[6:])

    monkeypatch.setattr(GATE, "output", answer)
    raw = [(*send[:3], "-w", *send[3:]) if send[-1].endswith("bad") else send for send in INCREMENTS]
    GATE.inspect(RULES, GATE.judge(RULES, remote_command(commands.bundle(MARK, raw))))
    with pytest.raises(GATE.Refused, match="the stream is not raw: tank/data@bad"):
        GATE.inspect(RULES, GATE.judge(RULES, remote_command(commands.bundle(MARK, INCREMENTS))))
    assert [command[6:] for command in queries] == [
        ("tank/data@one", "tank/data@two"),
        ("tank/data@one", "tank/data@bad", "tank/data@two"),
    ]


def test_the_rate_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two seconds' worth of data, and a clock that only sleep advances."""
    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(GATE, "time", clock)
    with (tmp_path / "out").open("wb") as out:
        monkeypatch.setattr(GATE.os, "write", lambda _one, data: out.write(data))
        assert GATE.send_at(150_000, ["head", "-c", "300000", "/dev/zero"]) == 0
    assert (tmp_path / "out").stat().st_size == 300_000
    assert sum(slept) == pytest.approx(2.0)


def test_check_prints_what_would_be_done_and_does_nothing(programs: Path) -> None:
    text = remote_command(commands.hold("offsite", ["tank/data/a b@x"]))
    done = run(programs, "--sudo", "--check", text, command="")
    assert (done.returncode, done.stdout) == (0, b"would run: sudo -n zfs hold offsite 'tank/data/a b@x'\n")
    done = run(programs, "--check", remote_command(("zfs", "destroy", "tank/data\x1b[2J")), command="")
    assert (done.returncode, done.stdout) == (126, b"refused: not quoted by zfs_replicate\n")
    assert calls(programs) == []


def test_a_refusal_ends_with_126_and_one_line_in_the_auth_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logged: list[tuple[int, str]] = []
    opened: list[int] = []
    monkeypatch.setattr(GATE.syslog, "openlog", lambda _name, _options, facility: opened.append(facility))
    monkeypatch.setattr(GATE.syslog, "syslog", lambda level, text: logged.append((level, text)))
    monkeypatch.setenv("SSH_ORIGINAL_COMMAND", "id; \x1b[2J\nroot logged in é " + "x" * 900)
    monkeypatch.setenv("SSH_CLIENT", "192.0.2.7 50000 22")
    monkeypatch.setattr(sys, "argv", ["zfs_replicate_gate", "--dataset", "tank/data", "--tag", "offsite"])
    with pytest.raises(SystemExit) as ended:
        GATE.main()
    assert ended.value.code == 126
    assert opened == [GATE.syslog.LOG_AUTH]
    [(level, line)] = logged
    assert level == GATE.syslog.LOG_WARNING
    assert line.startswith(
        r"refused (not quoted by zfs_replicate) from 192.0.2.7: id; \x1b[2J\nroot logged in \xe9 xxx"
    )
    assert len(line) < 600
    assert line.isascii()
    assert line.isprintable()
    assert capsys.readouterr().err == "zfs_replicate_gate: refused: not quoted by zfs_replicate\n"


@pytest.mark.parametrize("options", ["--dataset ../x", "--dataset tank/data --tag -r", "--dataset tank/a@b"])
def test_invalid_options_are_refused(options: str) -> None:
    namespace = GATE.argument_parser().parse_args(shlex.split(f"--tag=offsite {options.replace('--tag ', '--tag=')}"))
    with pytest.raises(GATE.Refused):
        GATE.rules_of(namespace)


def test_a_key_without_a_command_is_refused(programs: Path) -> None:
    """An interactive login brings no command."""
    assert run(programs, command="").returncode == 126
    assert gate.refusal("") is not None
