"""Run commands on this machine, as real processes: whole streams, true statuses, no process left behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from zfs_replicate.errors import CommandFailed
from zfs_replicate.hosts import local
from zfs_replicate.hosts.base import NonzeroExit, read_lines, run
from zfs_replicate.hosts.local import LocalHost

HOST = LocalHost()
BIG = os.urandom(1 << 20) * 3


def shell(text: str) -> tuple[str, ...]:
    return ("sh", "-c", text)


def sunk(data: bytes, *pipeline: Sequence[str]) -> list[int]:
    """Write data into a pipeline; return the exit statuses of its stages, in order."""
    with HOST.open_sink(pipeline) as sink:
        sink.write(data)
        sink.close_input()
        return [stage.exit_status for stage in sink.finish()]


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


# --- one command ---


def test_a_command_gives_its_output_and_status() -> None:
    text, ended = run(HOST, shell("echo out; echo err >&2; exit 3"))
    assert (text, ended.exit_status, ended.stderr) == ("out\n", 3, "err\n")


def test_stdout_and_stderr_are_never_merged() -> None:
    text, ended = run(HOST, shell("for n in 1 2 3; do echo $n; echo warning $n >&2; done"))
    assert (text, ended.stderr) == ("1\n2\n3\n", "warning 1\nwarning 2\nwarning 3\n")


def test_much_on_stderr_does_not_block() -> None:
    text, ended = run(HOST, shell("head -c 1000000 /dev/zero >&2; echo done"))
    assert (text, len(ended.stderr)) == ("done\n", 1_000_000)


def test_stderr_can_be_read_while_the_command_runs() -> None:
    with LocalHost().start(shell("echo first >&2; echo out; echo more >&2")) as process:
        assert process.read(1) == b"o"
        assert process.stderr_since(0).startswith(b"first\n")
        assert process.stderr_since(2).startswith(b"rst\n")
        assert process.finish().stderr == "first\nmore\n"  # reading did not move the file offset


def test_much_on_stdout_arrives_whole() -> None:
    with HOST.start(shell("head -c 5000000 /dev/zero")) as process:
        assert sum(map(len, iter(lambda: process.read(1 << 20), b""))) == 5_000_000
        assert process.finish().exit_status == 0


def test_a_command_has_nothing_on_its_stdin() -> None:
    assert run(HOST, ("cat",))[0] == ""


def test_arguments_go_through_no_shell() -> None:
    hostile = "a b'c\"d$(reboot)`x`\\;*\n"
    assert run(HOST, ("printf", "%s", hostile))[0] == hostile


def test_messages_are_in_english_and_sbin_is_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    text, _ended = run(HOST, shell('echo "$LC_ALL $PATH"'))
    assert text == "C /usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin\n"


def test_a_program_in_sbin_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "zfs").write_text("#!/bin/sh\necho found\n")
    (tmp_path / "zfs").chmod(0o755)
    monkeypatch.setattr(local, "SBIN_PATH", str(tmp_path))
    assert run(HOST, ("zfs",))[0] == "found\n"


def test_a_missing_program_is_an_error_that_names_it() -> None:
    with pytest.raises(CommandFailed, match="cannot run no-such-program on this machine"):
        HOST.start(("no-such-program",))


def test_a_signal_is_a_negative_status() -> None:
    assert run(HOST, shell("kill -9 $$"))[1].exit_status == -signal.SIGKILL


@pytest.mark.parametrize(
    ("text", "is_killed"),
    [
        ("kill -9 $$", True),
        ("sh -c 'kill -9 $$'; exit $?", True),
        ("exit 129", True),
        ("exit 254", True),
        ("exit 128", False),
        ("exit 255", False),
        ("exit 1", False),
    ],
)
def test_a_death_that_a_shell_reports_is_one_too(text: str, is_killed: bool) -> None:
    assert run(HOST, shell(text))[1].is_killed is is_killed


def test_killing_ends_a_waiting_read() -> None:
    with HOST.start(("cat", "/dev/zero")) as process:
        process.read(1)
        process.kill()
        assert sum(1 for _chunk in iter(lambda: process.read(1 << 16), b"")) < 1_000_000
        assert process.finish().exit_status == -signal.SIGTERM


def test_killing_what_has_ended_does_nothing() -> None:
    with HOST.start(("true",)) as process:
        assert process.finish().exit_status == 0
        process.kill()


def test_leaving_ends_a_command_that_still_runs() -> None:
    with HOST.start(shell("echo $$; exec cat /dev/zero")) as process:
        number = int(process.read(100).split(b"\n")[0])
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_command_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.05)
    with HOST.start(shell("trap '' TERM; echo $$; while :; do :; done")) as process:
        number = int(process.read(100))
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_command_has_its_own_session() -> None:
    """Ctrl-C then reaches only us, and we end the stream in order."""
    text, _ended = run(HOST, shell("echo $$; ps -o sid= -p $$ 2>/dev/null || cut -d' ' -f6 /proc/$$/stat"))
    number, session = map(int, text.split())
    assert number == session


def test_lines_come_whole_without_line_ends() -> None:
    assert list(read_lines(HOST, ("printf", "a b\\n\\nc\\td\\nrest"))) == ["a b", "", "c\td", "rest"]


def test_reading_lines_of_a_failed_command_ends_with_an_error() -> None:
    lines = read_lines(HOST, shell("echo one; echo bad >&2; exit 2"))
    assert next(lines) == "one"
    with pytest.raises(NonzeroExit) as caught:
        next(lines)
    assert (caught.value.ended.exit_status, caught.value.ended.stderr) == (2, "bad\n")


def test_closing_the_lines_early_ends_the_command() -> None:
    lines = read_lines(HOST, ("yes",))
    assert next(lines) == "y"
    lines.close()  # type: ignore[attr-defined]  # read_lines is a generator


# --- pipelines ---


def test_a_pipeline_carries_every_byte(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert sunk(BIG, ("cat",), ("cat",), shell(f"cat > {copy}")) == [0, 0, 0]
    assert copy.read_bytes() == BIG


def test_one_stage_is_a_pipeline_too(tmp_path: Path) -> None:
    assert sunk(b"data", shell(f"cat > {tmp_path}/copy")) == [0]
    assert (tmp_path / "copy").read_bytes() == b"data"


def test_each_stage_has_its_status_and_its_stderr() -> None:
    with HOST.open_sink(
        [shell("cat; echo first >&2; exit 4"), shell("cat >/dev/null; echo second >&2; exit 5")]
    ) as sink:
        sink.write(b"data")
        sink.close_input()
        first, second = sink.finish()
    assert (first.exit_status, first.stderr) == (4, "first\n")
    assert (second.exit_status, second.stderr) == (5, "second\n")


def test_output_of_the_last_stage_does_not_block_it() -> None:
    assert sunk(b"data", shell("cat >/dev/null; head -c 1000000 /dev/zero")) == [0]


def test_a_stage_that_dies_breaks_the_pipe() -> None:
    with HOST.open_sink([("cat",), ("false",)]) as sink:
        with pytest.raises(BrokenPipeError):
            sink.write(BIG)
        sink.close_input()
        first, second = sink.finish()
    assert (first.exit_status, second.exit_status) == (-signal.SIGPIPE, 1)


def test_writing_after_the_end_of_the_input_is_a_broken_pipe() -> None:
    with HOST.open_sink([("cat",)]) as sink:
        sink.close_input()
        with pytest.raises(BrokenPipeError):
            sink.write(b"late")
        sink.finish()


def test_the_input_may_be_closed_twice() -> None:
    with HOST.open_sink([("cat",)]) as sink:
        sink.close_input()
        sink.close_input()
        assert [stage.exit_status for stage in sink.finish()] == [0]


def test_killing_lets_the_receiver_end_by_itself(tmp_path: Path) -> None:
    """The stage before it dies at once; the receiver sees the stream end and saves its state."""
    receiver = shell(f"cat >/dev/null; echo saved > {tmp_path}/state")
    with HOST.open_sink([("cat",), receiver]) as sink:
        sink.write(b"data")
        sink.kill()
        sink.close_input()
        first, second = sink.finish()
    assert (first.exit_status, second.exit_status) == (-signal.SIGKILL, 0)
    assert (tmp_path / "state").read_text() == "saved\n"


def test_killing_from_another_thread_ends_a_waiting_write(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with HOST.open_sink([("cat",), shell(f"cat {fifo} >/dev/null")]) as sink:
        killer = threading.Thread(target=sink.kill)
        killer.start()
        with pytest.raises(BrokenPipeError):
            sink.write(BIG)
        killer.join()
        fifo.write_text("now the receiver may end")


def test_leaving_early_ends_all_stages(tmp_path: Path) -> None:
    receiver = shell(f"cat >/dev/null; echo ended > {tmp_path}/state")
    with HOST.open_sink([("cat",), receiver]) as sink:
        sink.write(b"data")
    assert (tmp_path / "state").read_text() == "ended\n"


def test_a_missing_first_program_is_an_error_that_names_it() -> None:
    with pytest.raises(CommandFailed, match="cannot run no-such-program"):
        HOST.open_sink([("no-such-program",), ("cat",)])


def test_a_missing_second_program_leaves_no_process() -> None:
    with pytest.raises(CommandFailed):
        LocalHost().open_sink([("cat",), ("no-such-program",)])
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_process_we_may_not_signal_ends_with_its_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as zfs under sudo: the kernel refuses our signals."""

    def refuse(_process: object, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr("subprocess.Popen.send_signal", refuse)
    with HOST.start(("yes",)) as process:
        assert process.read(2) == b"y\n"
