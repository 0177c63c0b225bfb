"""Test trees in which some datasets are encrypted and others are not."""

from __future__ import annotations

import pytest

from tests.support.lab.world import World, paste, run, zfs

SOURCE, TARGET = "tank/safe", "offsite/safe"


@pytest.fixture
def safe(world: World) -> World:
    """An encrypted dataset, the root of most trees here."""
    world.create_encrypted(SOURCE)
    return world


def replicate(world: World, *options: str, expect: int = 0) -> str:
    """Mirror the encrypted tree; return what was printed."""
    done = world.replicate_from(SOURCE, TARGET, *options, expect=expect)
    return done.stdout + done.stderr


def assert_mirrored(world: World, *children: str) -> None:
    for child in ("", *children):
        assert world.guids(f"{TARGET}{child}") == world.guids(f"{SOURCE}{child}"), child


def test_plain_datasets_below_an_encrypted_one_arrive_plain(safe: World) -> None:
    for name in ("/plain", "/plain/below", "/no snapshot/deep", "/no snapshot/deep/secret"):
        options = () if "no snapshot" in name else ("-o", "encryption=off")
        zfs("create", "-p", *options, f"{SOURCE}{name}")
    zfs("create", "-s", "-V", "8M", "-o", "encryption=off", f"{SOURCE}/volume")
    copied = ("/plain", "/plain/below", "/volume", "/no snapshot/deep/secret")
    for number in ("one", "two"):
        safe.write(f"{SOURCE}/plain", number)
        safe.snapshot(*(f"{SOURCE}{name}@{number}" for name in ("", *copied)))
        assert replicate(safe) == ""
        assert_mirrored(safe, *copied)
    assert [safe.get(f"{TARGET}{name}", "encryption") for name in copied[:3]] == ["off"] * 3
    assert safe.get(f"{TARGET}{copied[3]}", "encryption") != "off"
    assert safe.get(TARGET, "keystatus") == "unavailable"
    assert safe.read(f"{TARGET}/plain", "two") == safe.read(f"{SOURCE}/plain", "two")


def moved_below_an_encrypted_parent(world: World) -> str:
    """Mirror the plain tank/data, move it below the encrypted dataset, take a snapshot; return its new name."""
    world.write("tank/data", "secret")
    world.snapshot("tank/data@one")
    world.replicate()
    moved = f"{SOURCE}/data"
    run("sh", "-c", f"zfs send tank/data@one | zfs receive -u {moved}")
    zfs("hold", "mirror", f"{moved}@one")
    world.snapshot(f"{moved}@two")
    return moved


def test_encrypted_source_never_leaves_in_plain_unasked(safe: World) -> None:
    moved = moved_below_an_encrypted_parent(safe)
    for options in ((), ("-n",), ("--rollback",)):
        done = safe.replicate_from(moved, "offsite/data", *options, expect=1)
        assert "tank/safe/data is encrypted, but this copy of it is not" in done.stdout + done.stderr
        assert safe.snapshots("offsite/data") == ["one"]
    paste(done.stderr, "zfs rename ")
    safe.replicate_from(moved, "offsite/data")
    assert safe.guids("offsite/data") == safe.guids(moved)
    assert safe.get("offsite/data", "encryptionroot") == "offsite/data"


def test_decrypting_goes_on_with_a_plain_copy(safe: World) -> None:
    moved = moved_below_an_encrypted_parent(safe)
    file = safe.directory / "jobs.toml"
    job = {"host": "127.0.0.1", "remote": moved, "local": "offsite/data", "tag": "mirror"}
    settings = "".join(f'{name} = "{value}"\n' for name, value in job.items())
    file.write_text(f"[jobs.plain]\n{settings}decrypt = true\n")
    safe.program("run", "--config", str(file))
    assert safe.snapshots("offsite/data") == ["one", "two"]
    assert safe.get("offsite/data", "encryption") == "off"


def test_copy_that_inherits_a_foreign_key_is_kept_readable(safe: World) -> None:
    """After `zfs change-key -i` on the copy, the next raw stream would make it unreadable for ever."""
    safe.create_encrypted("offsite/vault", "another phrase for the vault")
    copy = "offsite/vault/safe"
    safe.write(SOURCE, "one")
    safe.snapshot(f"{SOURCE}@one")
    safe.replicate_from(SOURCE, copy)
    key = safe.get(SOURCE, "keylocation")
    zfs("load-key", "-L", key, copy)
    zfs("change-key", "-i", copy)
    safe.snapshot(f"{SOURCE}@two")
    shown = safe.replicate_from(SOURCE, copy, "-n", expect=1).stdout
    status = ("status", "-h", "127.0.0.1", "-r", SOURCE, "-l", copy, "-t", "mirror")
    for text in (shown, safe.replicate_from(SOURCE, copy, expect=1).stderr, safe.program(*status, expect=1).stdout):
        assert "it inherits its key from offsite/vault, which has another one than the source" in text
    assert safe.snapshots(copy) == ["one"]
    paste(shown, "zfs change-key ", typed="any phrase at all")
    safe.replicate_from(SOURCE, copy)
    zfs("unload-key", copy)
    zfs("load-key", "-L", key, copy)
    assert safe.read(copy, "one") == safe.read(SOURCE, "one")
    safe.program(*status)


def test_copy_of_another_key_is_a_conflict(safe: World) -> None:
    safe.snapshot(f"{SOURCE}@one")
    replicate(safe)
    safe.create_encrypted("tank/other", "a second phrase")
    run("sh", "-c", f"zfs send {SOURCE}@one | zfs receive -u tank/other/safe")
    safe.snapshot("tank/other/safe@two")
    for option in ("-n", "-v"):
        done = safe.replicate_from("tank/other/safe", TARGET, option, expect=1)
        assert "@one is encrypted with another key than on tank/other/safe" in done.stdout + done.stderr
    status = ("status", "-h", "127.0.0.1", "-r", "tank/other/safe", "-l", TARGET, "-t", "mirror")
    assert "@one is encrypted with another key" in safe.program(*status, expect=1).stdout
    paste(done.stderr, "zfs rename ")
    safe.replicate_from("tank/other/safe", TARGET)
    assert safe.guids(TARGET) == safe.guids("tank/other/safe")


def test_locked_target_names_the_key_that_it_needs(world: World) -> None:
    vault = "offsite/my vault"
    world.create_encrypted(vault, "the phrase of the vault")
    world.snapshot("tank/data@one")
    world.replicate_from("tank/data", f"{vault}/data")
    world.snapshot("tank/data@two")
    for copy in ("data", "new/data", "data"):
        zfs("unload-key", vault)
        refused = world.replicate_from("tank/data", f"{vault}/{copy}", expect=1).stderr
        paste(refused, "zfs load-key ")
        world.replicate_from("tank/data", f"{vault}/{copy}")
        assert world.get(f"{vault}/{copy}", "encryptionroot") == vault
        if not world.exists("tank/data/empty"):
            zfs("create", "-p", "tank/data/empty/child")
            world.snapshot("tank/data/empty/child@one")
    assert world.guids(f"{vault}/data/empty/child") == world.guids("tank/data/empty/child")


def test_plain_data_is_never_plain_in_an_encrypted_target(safe: World) -> None:
    zfs("create", "-o", "encryption=off", f"{SOURCE}/plain")
    safe.snapshot(f"{SOURCE}@one", "tank/data@one", recursive=True)
    safe.create_encrypted("offsite/vault", "another phrase for the vault")
    safe.replicate_from("tank/data", "offsite/vault/data")
    assert safe.get("offsite/vault/data", "encryptionroot") == "offsite/vault"
    for _ in range(2):
        refused = safe.replicate_from(SOURCE, "offsite/vault/safe", expect=1).stderr
        assert "tank/safe/plain is not encrypted, but lies below a dataset that is" in refused
        assert safe.datasets("offsite/vault/safe") == ["offsite/vault/safe"]
    safe.replicate_from(SOURCE, "offsite/vault/safe", "-x", "plain")


def test_encrypted_source_is_sent_raw_and_never_needs_the_key(world: World) -> None:
    key = world.directory / "key"
    key.write_text("a secret of some length")
    zfs(
        "create",
        "-o",
        "encryption=on",
        "-o",
        "keyformat=passphrase",
        "-o",
        f"keylocation=file://{key}",
        "tank/data/safe",
    )
    world.write("tank/data/safe", "file")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate(host="localhost")
    zfs("unload-key", "tank/data/safe")
    world.snapshot("tank/data@two", recursive=True)
    world.replicate()
    assert world.guids("offsite/data/safe") == world.guids("tank/data/safe")
    assert world.get("offsite/data/safe", "keystatus") == "unavailable"
    zfs("load-key", "-L", f"file://{key}", "offsite/data/safe")
    zfs("load-key", "tank/data/safe")
    assert world.read("offsite/data/safe", "file") == world.read("tank/data/safe", "file")
    run("zfs", "unload-key", "offsite/data/safe")
