"""zfs list, zfs get and the probe, as the product uses them (facts 1, 7, 9)."""

from __future__ import annotations

from tests.support.contract.zfs import Zfs
from tests.support.exits import failed
from zfs_replicate.errors import DatasetMissing, PoolMissing
from zfs_replicate.model import PLACEHOLDER_PROPERTY, Kind
from zfs_replicate.zfs import commands, parse, parse_tree, queries, refusals


def tree(zfs: Zfs, root: str) -> parse_tree.Listing:
    result = zfs.run(queries.list_tree(root))
    assert result.status == 0
    return parse_tree.listing(result.lines)


def test_tree_lists_all_kinds_parents_first(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("create", f"{zfs.source}/child")
    zfs.ok("create", "-s", "-V", "8M", f"{zfs.source}/disk")
    datasets = tree(zfs, zfs.source).datasets
    assert [dataset.name for dataset in datasets] == [zfs.source, f"{zfs.source}/child", f"{zfs.source}/disk"]
    assert [dataset.kind for dataset in datasets] == [Kind.FILESYSTEM, Kind.FILESYSTEM, Kind.VOLUME]
    assert not any(dataset.is_encrypted for dataset in datasets)


def test_tree_lists_snapshots_in_order_of_createtxg(zfs: Zfs) -> None:
    zfs.make_source("z", "a", "m")
    zfs.ok("rename", f"{zfs.source}@a", f"{zfs.source}@b")
    (dataset,) = tree(zfs, zfs.source).datasets
    assert [snapshot.name for snapshot in dataset.snapshots] == ["z", "b", "m"]
    assert len({snapshot.guid for snapshot in dataset.snapshots}) == 3


def test_tree_lists_bookmarks_with_guid_and_createtxg(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("bookmark", f"{zfs.source}@a", f"{zfs.source}#mark")
    (dataset,) = tree(zfs, zfs.source).datasets
    (snapshot,), (bookmark,) = dataset.snapshots, dataset.bookmarks
    assert bookmark.name == "mark"
    assert (bookmark.guid, bookmark.createtxg, bookmark.creation) == (
        snapshot.guid,
        snapshot.createtxg,
        snapshot.creation,
    )


def test_tree_lists_which_snapshots_are_held_and_cloned(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    zfs.ok("hold", "mine", f"{zfs.source}@b")
    zfs.ok("clone", f"{zfs.source}@c", f"{zfs.source}-clone")
    listing = tree(zfs, zfs.source)
    assert listing.held == {f"{zfs.source}@b": 1}
    assert [s.clones for s in listing.datasets[0].snapshots] == [(), (), (f"{zfs.source}-clone",)]


def test_recursive_snapshot_has_one_createtxg(zfs: Zfs) -> None:
    zfs.make_source()
    zfs.ok("create", f"{zfs.source}/child")
    zfs.ok("snapshot", "-r", f"{zfs.source}@all")
    parent, child = tree(zfs, zfs.source).datasets
    assert parent.snapshots[0].createtxg == child.snapshots[0].createtxg
    assert parent.snapshots[0].guid != child.snapshots[0].guid


def test_written_is_since_the_newest_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a")
    assert zfs.written(zfs.source) == 0
    zfs.write(zfs.source)
    assert zfs.written(zfs.source) > 0
    zfs.ok("snapshot", f"{zfs.source}@b")
    assert zfs.written(zfs.source) == 0


def test_written_of_a_snapshot_is_since_the_previous_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a", "b", size=100_000)
    zfs.ok("snapshot", f"{zfs.source}@c")
    assert zfs.written(f"{zfs.source}@b") > 0
    assert zfs.written(f"{zfs.source}@c") == 0
    zfs.ok("destroy", f"{zfs.source}@b")
    assert zfs.written(f"{zfs.source}@c") > 0


def test_empty_dataset_counts_as_written(zfs: Zfs) -> None:
    zfs.make_source()
    assert zfs.written(zfs.source) > 0


def test_missing_root_is_the_only_message(zfs: Zfs) -> None:
    result = zfs.run(queries.list_copies(zfs.target))
    assert (result.stdout, result.status) == ("", 1)
    assert refusals.absent_datasets(failed(result.stderr)) == frozenset({zfs.target})


def test_root_in_a_missing_pool_is_like_any_missing_dataset(zfs: Zfs) -> None:
    result = zfs.run(queries.list_tree("nopool/data"))
    assert result.error is DatasetMissing
    assert refusals.absent_datasets(failed(result.stderr)) == frozenset({"nopool/data"})


def test_existing_datasets_are_listed_beside_missing_ones(zfs: Zfs) -> None:
    zfs.make_source()
    result = zfs.run(queries.list_existing(("ctank", f"{zfs.source}/no", zfs.source)))
    assert result.lines == ["ctank\toff", f"{zfs.source}\toff"]
    assert refusals.absent_datasets(failed(result.stderr)) == frozenset({f"{zfs.source}/no"})
    assert result.status == 1


def test_guids_are_listed_beside_missing_snapshots(zfs: Zfs) -> None:
    zfs.make_source("a")
    missing = {f"{zfs.source}@no", f"{zfs.target}@no"}
    result = zfs.run(queries.list_guids((*missing, f"{zfs.source}@a")))
    assert parse.guids(result.lines) == {f"{zfs.source}@a": zfs.guid(f"{zfs.source}@a")}
    assert refusals.absent_datasets(failed(result.stderr)) == frozenset(missing)


def test_guids_of_whole_datasets_leave_out_their_children(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("create", f"{zfs.source}/child of it")
    zfs.ok("snapshot", f"{zfs.source}/child of it@c")
    zfs.ok("create", f"{zfs.source}/empty")
    datasets = (zfs.source, f"{zfs.source}/empty", f"{zfs.source}/no", f"{zfs.source}/child of it")
    result = zfs.run(queries.list_guids_in(datasets))
    names = [f"{zfs.source}@a", f"{zfs.source}@b", f"{zfs.source}/child of it@c"]
    assert parse.guids(result.lines) == {name: zfs.guid(name) for name in names}
    assert refusals.absent_datasets(failed(result.stderr)) == frozenset((f"{zfs.source}/no",))
    again = zfs.run(queries.list_guids_in((zfs.source,)))
    assert set(parse.guids(again.lines)) == set(names[:2])


def test_names_with_spaces(zfs: Zfs) -> None:
    zfs.make_source()
    zfs.ok("create", f"{zfs.source}/with space")
    zfs.ok("snapshot", f"{zfs.source}/with space@a b")
    zfs.ok("hold", "mine", f"{zfs.source}/with space@a b")
    listing = tree(zfs, zfs.source)
    assert listing.datasets[1].snapshots[0].name == "a b"
    result = zfs.run(queries.list_holds(tuple(listing.held)))
    assert parse.holds(result.stdout.encode(), listing.held) == {f"{zfs.source}/with space@a b": ("mine",)}


def test_placeholder_property_is_listed_only_where_it_was_set(zfs: Zfs) -> None:
    zfs.ok("create", "-o", "canmount=off", "-o", f"{PLACEHOLDER_PROPERTY}=on", zfs.target)
    zfs.ok("create", f"{zfs.target}/child")
    zfs.ok("snapshot", f"{zfs.target}@a")
    result = zfs.run(queries.list_placeholders(zfs.target))
    assert parse.first_column(result.lines, 1) == (zfs.target,)
    assert zfs.setting(f"{zfs.target}/child", PLACEHOLDER_PROPERTY) == ("on", f"inherited from {zfs.target}")


def test_origin_of_a_clone_is_listed(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("clone", f"{zfs.source}@a", f"{zfs.source}-clone")
    result = zfs.run(queries.list_origins([zfs.source, f"{zfs.source}-clone"]))
    assert parse.origins(result.lines) == {f"{zfs.source}-clone": f"{zfs.source}@a"}
    zfs.ok("destroy", f"{zfs.source}-clone")


def test_cleared_placeholder_is_no_longer_listed(zfs: Zfs) -> None:
    zfs.ok("create", "-o", f"{PLACEHOLDER_PROPERTY}=on", zfs.target)
    for _time in range(2):
        assert zfs.run(commands.clear_placeholder(zfs.target)).status == 0
    result = zfs.run(queries.list_placeholders(zfs.target))
    assert (result.stdout, result.status) == ("", 0)


def logical_bytes(zfs: Zfs) -> int:
    assert zfs.run(queries.sync(zfs.source.partition("/")[0])).status == 0
    return parse.contents(zfs.run(queries.list_contents([zfs.source])).lines)[zfs.source][0]


def test_logical_bytes_grow_with_the_first_file(zfs: Zfs) -> None:
    zfs.ok("create", zfs.source)
    empty = logical_bytes(zfs)
    assert empty == 12288
    zfs.write(zfs.source)
    assert logical_bytes(zfs) >= empty + 4096


def test_bookmarks_of_some_datasets_are_listed(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("create", f"{zfs.source}/child")
    zfs.ok("snapshot", f"{zfs.source}/child@c")
    for name in (f"{zfs.source}@a", f"{zfs.source}@b", f"{zfs.source}/child@c"):
        zfs.ok("bookmark", name, name.replace("@", "#"))
    listed = parse.bookmarks(zfs.run(queries.list_bookmarks((zfs.source,))).lines)
    assert [(bookmark.name, bookmark.guid) for bookmark in listed[zfs.source]] == [
        (short, zfs.guid(f"{zfs.source}@{short}")) for short in ("a", "b")
    ]
    assert list(listed) == [zfs.source]


def test_sectors_of_a_pool_are_listed(zfs: Zfs) -> None:
    assert parse.sector_bytes(zfs.run(queries.list_sectors("coff")).lines) == 512
    assert parse.sector_bytes(zfs.run(queries.list_sectors("nopool")).lines) is None


def test_parent_must_exist(zfs: Zfs) -> None:
    assert zfs.zfs("create", "-o", "canmount=off", f"{zfs.target}/child").stderr == (
        f"cannot create '{zfs.target}/child': parent does not exist\n"
    )
    assert zfs.zfs("create", "nopool/child").error is PoolMissing


def test_probe_prints_capabilities(zfs: Zfs) -> None:
    result = zfs.run(queries.probe("ctank"))
    assert result.lines[0] == parse.PROBE_GREETING
    capabilities = parse.capabilities(result.lines[1:], "ctank")
    assert "zfs" in capabilities.programs
    assert [line for line in result.lines if line.startswith("zfs-version\tzfs-2.")]
    assert capabilities.clock is not None
    assert "version\t-" in result.lines  # the pool also has a property of that name
    assert capabilities.pool_guid > 0
    assert capabilities.has_feature("large_blocks")
    assert capabilities.uses_feature("extensible_dataset")
    assert not capabilities.uses_feature("encryption") or capabilities.has_feature("encryption")


def test_probe_of_a_missing_pool(zfs: Zfs) -> None:
    result = zfs.run(queries.probe("nopool"))
    assert result.lines[0] == parse.PROBE_GREETING
    assert result.error is PoolMissing


def test_rename_of_a_dataset_keeps_guids(zfs: Zfs) -> None:
    zfs.make_source("a")
    before = zfs.guid(zfs.source), zfs.guid(f"{zfs.source}@a")
    zfs.ok("rename", zfs.source, f"{zfs.source}-new")
    assert (zfs.guid(f"{zfs.source}-new"), zfs.guid(f"{zfs.source}-new@a")) == before
    assert not zfs.exists(zfs.source)


def test_held_snapshots_of_a_whole_pool_are_counted(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("create", f"{zfs.source}/my child")
    zfs.ok("snapshot", f"{zfs.source}/my child@c")
    for tag in ("one", "two"):
        zfs.ok("hold", tag, f"{zfs.source}/my child@c")
    zfs.ok("hold", "one", f"{zfs.source}@a")
    held = parse.held_snapshots(zfs.run(queries.list_held(zfs.source.partition("/")[0])).lines)
    expected = {f"{zfs.source}@a": 1, f"{zfs.source}/my child@c": 2}
    assert {name: held[name] for name in expected} == {
        name: (zfs.guid(name), count) for name, count in expected.items()
    }
    assert f"{zfs.source}@b" not in held
