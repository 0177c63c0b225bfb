"""Properties of received datasets: ours are set, the source's are excluded."""

from __future__ import annotations

import pytest

from tests.support.command_lines import parsed, refused
from tests.support.fakes import FakeHost
from tests.support.streams import STEP, source
from zfs_replicate.model import Kind
from zfs_replicate.run.transfer import Cancellation, Pipe, transfer
from zfs_replicate.steps import Receiving
from zfs_replicate.zfs import commands, properties
from zfs_replicate.zfs.properties import Settings

HARMFUL = ("mountpoint", "canmount", "sharenfs", "sharesmb", "setuid", "devices", "exec", "overlay", "zoned")
"""With these a source could mount its files in the live system, or get them executed there."""


def pairs(settings: Settings, kind: Kind = Kind.FILESYSTEM, *, is_first: bool = True) -> dict[str, str]:
    """Map each property (or PROPERTY=VALUE) to its option, -o or -x."""
    options = properties.receive_options(settings, kind, is_first)
    return dict(zip(options[1::2], options[::2], strict=True))


def test_root_excludes_every_property_that_it_does_not_set() -> None:
    first, later = pairs(Settings(is_root=True)), pairs(Settings(is_root=True), is_first=False)
    assert {first["readonly=on"], first["canmount=noauto"]} == {"-o"}
    assert {later[name] for name in (*HARMFUL, "readonly")} == {"-x"}
    assert {first[name] for name in HARMFUL if name != "canmount"} == {"-x"}
    assert set(later.values()) == {"-x"}


def test_volumes_have_other_properties() -> None:
    options = pairs(Settings(("setuid=off", "compression=lz4"), is_root=True), Kind.VOLUME)
    assert options["compression=lz4"] == options["readonly=on"] == "-o"
    assert options["volmode"] == options["refreservation"] == "-x"
    assert not {"setuid=off", "mountpoint", "canmount", "canmount=noauto"} & set(options)


def test_other_users_exclude_no_properties() -> None:
    assert pairs(Settings()) == {"readonly=on": "-o", "canmount=noauto": "-o"}
    assert pairs(Settings(), is_first=False) == {}


def test_requested_properties_are_set_once_and_override_defaults() -> None:
    settings = Settings(("setuid=off", "readonly=off", "org.example:kept=by us"), is_root=True)
    first = pairs(settings)
    assert {first[text] for text in settings.properties} == {"-o"}
    assert not {"readonly=on", "setuid", "readonly"} & set(first)
    assert set(pairs(settings, is_first=False).values()) == {"-x"}


def test_a_stream_is_received_with_the_settings_of_the_run() -> None:
    target = FakeHost("here")
    transfer(source(), target, STEP, Pipe(settings=Settings(is_root=True)), Cancellation())
    assert "-x setuid" in target.asked[0]
    assert commands.receive(Receiving("off/a", Kind.VOLUME))[-1] == "off/a"


def test_values_of_the_properties_option() -> None:
    assert parsed().properties == ()
    assert parsed("-o", "setuid=off,devices=off").properties == ("setuid=off", "devices=off")
    assert parsed("--properties", "a.b:c=d e").properties == ("a.b:c=d e",)


@pytest.mark.parametrize(
    "value", ["", "setuid", "setuid=", "=off", "setuid=off,", "-x=y", "encryption=off", "mlslabel=x", "a\n:b=c"]
)
def test_invalid_settings_are_refused(value: str) -> None:
    assert refused(["-h", "a", "-r", "a", "-l", "b", "-t", "t", "-o", value]).startswith("-o ")
