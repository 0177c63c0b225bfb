"""Test a source whose snapshots are rotated every night by renaming them."""

from __future__ import annotations

from tests.support.lab.world import World, zfs

KEPT = 4
DATASETS = ("tank/data", "tank/data/my files")


def rotate(world: World, night: int) -> None:
    """What a script does every night: the oldest goes, the others move on, a new one is taken."""
    for dataset in DATASETS:
        present = world.snapshots(dataset)
        if f"daily.{KEPT - 1}" in present:
            zfs("destroy", f"{dataset}@daily.{KEPT - 1}")
        for number in reversed(range(KEPT - 1)):
            if f"daily.{number}" in present:
                zfs("rename", f"{dataset}@daily.{number}", f"{dataset}@daily.{number + 1}")
        world.write(dataset, f"file{night}")
    world.snapshot("tank/data@daily.0", recursive=True, days_ago=6 - night)


def by_name(world: World, dataset: str) -> dict[str, str]:
    """Return the guids by the name after the @."""
    return dict(zip(world.snapshots(dataset), world.guids(dataset), strict=True))


def test_rotation_by_rename_is_mirrored_every_night(world: World) -> None:
    """One night has no run; in the last one, those that the source no longer has are four days old."""
    zfs("create", "tank/data/my files")
    for night in (0, 1, 2, 3, 4, 5, 6):
        rotate(world, night)
        if night == 3:
            continue
        done = world.replicate(*(("-k", "4") if night == 6 else ()))
        assert done.stderr == ""
        for dataset in DATASETS:
            copy = dataset.replace("tank", "offsite")
            assert by_name(world, copy).items() >= by_name(world, dataset).items()
            assert world.holds(copy) == {"daily.0": {"mirror:target"}}
            assert world.holds(dataset) == {"daily.0": {"mirror"}}
        dated = [name for name in world.snapshots("offsite/data") if "_" in name]
        assert len(dated) == {4: 1, 5: 2}.get(night, 0)
    assert by_name(world, "offsite/data") == by_name(world, "tank/data")
    assert len(zfs("list", "-H", "-d1", "-t", "bookmark", "-o", "name", "tank/data").splitlines()) == 1


def test_rotation_is_shown_by_the_dry_run(world: World) -> None:
    """Snapshots of the copy that are held or cloned are renamed, too."""
    zfs("create", "tank/data/my files")
    rotate(world, 0)
    world.replicate()
    zfs("hold", "legal", "offsite/data@daily.0")
    zfs("clone", "offsite/data@daily.0", "offsite/clone")
    rotate(world, 1)
    assert "rename @daily.0 to @daily.1: the source has renamed its snapshots" in world.replicate("-n").stdout
    assert world.snapshots("offsite/data") == ["daily.0"]
    world.replicate()
    assert world.snapshots("offsite/data") == ["daily.1", "daily.0"]
    assert world.holds("offsite/data") == {"daily.1": {"legal"}, "daily.0": {"mirror:target"}}
    assert world.get("offsite/clone", "origin") == "offsite/data@daily.1"
