"""Run commands of administrators: zfs create, snapshot, clone, rename, set, inherit, allow, load-key, unload-key."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.simulator.columns import PROPERTIES
from tests.support.simulator.machine import ROOT, Machine, NotModelled, Refused, Reply, parse_flags
from tests.support.simulator.world import Dataset, Pool, Snapshot
from zfs_replicate.zfs.names import MAX_NAME_LENGTH

USAGE = "usage:\n\tsnapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ..."
_CREATION_ONLY = ("encryption", "keyformat", "keylocation", "mountpoint")


def zfs_create(machine: Machine, arguments: Sequence[str]) -> Reply:
    """`zfs create [-u] [-s] [-V SIZE] [-o PROPERTY=VALUE]… NAME` (zfs-create(8))."""
    flags, (name,) = parse_flags(arguments, "us", "oV")
    kind = "volume" if "V" in flags else "filesystem"
    given = dict(option.split("=", 1) for option in flags.get("o", []))
    if kind == "volume" and "canmount" in given:
        raise Refused(f"cannot create '{name}': 'canmount' does not apply to datasets of this type")
    encryption = given.get("encryption")
    above = machine.find(name.rpartition("/")[0])
    if encryption is None and above is not None and not above.is_key_loaded:
        raise Refused(f"cannot create '{name}': encryption root's key is not loaded or provided")
    rights = {permission(key) for key in given if key not in _CREATION_ONLY}
    dataset = add_dataset(machine, name, kind, *rights)
    if encryption is not None:
        set_key(dataset, 0 if encryption == "off" else machine.world.new_guid())
    dataset.properties |= {key: value for key, value in given.items() if key not in _CREATION_ONLY}
    return Reply()


def add_dataset(machine: Machine, name: str, kind: str, *rights: str) -> Dataset:
    """Create an empty dataset with its parent's encryption; the user needs these rights, too. Raises: Refused."""
    pool = machine.pool(name)
    parent, _, _short = name.rpartition("/")
    if pool is None:
        raise Refused(f"cannot create '{name}': no such pool '{name.partition('/')[0]}'")
    if not parent:
        raise Refused(f"cannot create '{name}': missing dataset name")
    if parent not in pool.datasets:
        raise Refused(f"cannot create '{name}': parent does not exist")
    if name in pool.datasets:
        raise Refused(f"cannot create '{name}': dataset already exists")
    machine.require(parent, f"cannot create '{name}'", "create", "mount", *rights)
    if machine.user != ROOT and pool.is_at_limit(name, "filesystem"):  # root is free of such limits
        raise Refused(f"cannot create '{name}': out of space")
    above = pool.datasets[parent]
    world = machine.world
    dataset = Dataset(name, kind, world.new_guid(), pool.next_txg(), machine.clock, above.key, above.is_key_loaded)
    pool.datasets[name] = dataset
    return dataset


def set_key(dataset: Dataset, key: int, is_loaded: bool = True) -> None:
    """Let a new dataset have a key of its own, or none (0), whatever its parent has."""
    dataset.key, dataset.is_key_loaded, dataset.is_encryption_root = key, is_loaded, bool(key)


def zfs_snapshot(machine: Machine, arguments: Sequence[str]) -> Reply:
    """Take all named snapshots, with -r also those below, in one txg or none (zfs-snapshot(8))."""
    flags, names = parse_flags(arguments, "r")
    requested: list[tuple[Dataset, str]] = []
    for name in names:
        dataset_name, _, short = name.partition("@")
        if machine.find(dataset_name) is None:
            raise Refused(f"cannot open '{dataset_name}': dataset does not exist\n{USAGE}", 2)
        pool = machine.world.pool_of(dataset_name)
        trees = pool.tree(dataset_name) if "r" in flags else [pool.datasets[dataset_name]]
        requested += [(dataset, short) for dataset in trees]
    if len({dataset.name for dataset, _short in requested}) < len(requested):
        raise Refused("cannot create snapshots : multiple snapshots of same fs not allowed\nno snapshots were created")
    for dataset, short in requested:
        name = f"{dataset.name}@{short}"
        machine.require(dataset.name, "cannot create snapshots ", "snapshot", "mount")
        if dataset.find(short):
            raise Refused(f"cannot create snapshot '{name}': dataset already exists\nno snapshots were created")
        if dataset.is_unfinished:
            raise Refused(f"cannot create snapshot '{name}': dataset is busy")
    world = machine.world
    pools = {pool.name: pool for pool in (world.pool_of(dataset.name) for dataset, _short in requested)}
    txgs = {name: pool.next_txg() for name, pool in pools.items()}
    for dataset, short in requested:
        txg = txgs[dataset.name.partition("/")[0]]
        snapshot = Snapshot(short, world.new_guid(), txg, machine.clock, tuple(dataset.blocks), residue=dataset.residue)
        snapshot.ivset_guid = world.new_guid() if dataset.key else 0
        dataset.snapshots.append(snapshot)
        dataset.residue = 0
    return Reply()


def zfs_clone(machine: Machine, arguments: Sequence[str]) -> Reply:
    source, name = arguments
    dataset, snapshot = machine.snapshot(source)
    clone = add_dataset(machine, name, dataset.kind)
    clone.origin = snapshot
    clone.blocks = list(snapshot.blocks)
    return Reply()


def zfs_rename(machine: Machine, arguments: Sequence[str]) -> Reply:
    """Rename a snapshot within its dataset (-r: also below), or a dataset with all below it (zfs-rename(8)).

    Holds, bookmarks and a saved receive stay (facts 4; lab).
    """
    flags, (old, new) = parse_flags(arguments, "ru")
    if "@" in old:
        return _rename_snapshot(machine, old, new, "r" in flags)
    moving = machine.dataset(old)
    if "u" in flags and moving.kind == "volume":
        raise Refused(f"cannot open '{old}': operation not applicable to datasets of this type")
    pool = machine.world.pool_of(old)
    parent = new.rpartition("/")[0]
    if new.partition("/")[0] != pool.name:
        raise Refused(f"cannot rename to '{new}': datasets must be within same pool")
    if parent not in pool.datasets:
        raise Refused(f"cannot create '{new}': parent does not exist")
    if new in pool.datasets:
        raise Refused(f"cannot rename '{old}': dataset already exists")
    if moving.key and not moving.is_encryption_root and root_of(pool, old) != root_of(pool, parent):
        raise Refused(f"cannot rename '{old}': cannot move encrypted child outside of its encryption root")
    longest = max((len(f"{d.name}@{s.name}") for d in pool.tree(old) for s in d.snapshots), default=len(old))
    if longest - len(old) + len(new) > MAX_NAME_LENGTH:
        raise Refused(f"cannot rename '{old}': dataset name is too long")
    machine.require(old, f"cannot rename '{old}'", "rename", "create", "mount")
    for dataset in pool.tree(old):
        del pool.datasets[dataset.name]
        dataset.name = new + dataset.name[len(old) :]
        pool.datasets[dataset.name] = dataset
    return Reply()


def root_of(pool: Pool, name: str) -> str:
    """Return the encryption root of a dataset; empty if there is none."""
    while name and not pool.datasets[name].is_encryption_root:
        name = name.rpartition("/")[0]
    return name


def _rename_snapshot(machine: Machine, old: str, new: str, is_recursive: bool) -> Reply:
    dataset, snapshot = machine.snapshot(old)
    owner, _, short = new.rpartition("@")
    if owner not in ("", dataset.name):
        raise Refused(f"cannot rename to '{new}': snapshots must be part of same dataset")
    pool = machine.world.pool_of(dataset.name)
    trees = pool.tree(dataset.name) if is_recursive else [dataset]
    if any(other.find(short) for other in trees):
        raise Refused(f"cannot rename '{old}': dataset already exists")
    machine.require(dataset.name, f"cannot rename '{old}'", "rename", "create", "mount")
    before = snapshot.name
    for other in trees:
        if match := other.find(before):
            match.name = short
    return Reply()


def zfs_mount(machine: Machine, arguments: Sequence[str]) -> Reply:
    (name,) = arguments
    dataset = machine.dataset(name)
    if machine.user != ROOT:
        raise Refused(f"cannot mount '{name}': Insufficient privileges")
    if dataset.is_mounted:
        raise Refused(f"cannot mount '{name}': filesystem already mounted")
    dataset.is_mounted = True
    return Reply()


def zfs_unmount(machine: Machine, arguments: Sequence[str]) -> Reply:
    """Unmount a filesystem, and what is mounted below it: all or none (lab)."""
    (name,) = arguments
    if not machine.dataset(name).is_mounted:
        raise Refused(f"cannot unmount '{name}': not currently mounted")
    if machine.user != ROOT:
        raise Refused(f"cannot unmount '/{name}': Insufficient privileges")
    mounted = [dataset for dataset in machine.world.pool_of(name).tree(name) if dataset.is_mounted]
    refuse_in_use(mounted)
    for dataset in mounted:
        dataset.is_mounted = False
    return Reply()


def refuse_in_use(datasets: Sequence[Dataset]) -> None:
    for dataset in datasets:
        if dataset.is_mounted and dataset.is_in_use:
            raise Refused(f"cannot unmount '/{dataset.name}': pool or dataset is busy")


def zfs_set(machine: Machine, arguments: Sequence[str]) -> Reply:
    (option, *names) = arguments
    name, _, value = option.partition("=")
    for target in names:
        dataset = machine.dataset(target)
        refusal = f"cannot set property for '{target}'"
        if name not in PROPERTIES and ":" not in name:
            raise Refused(f"{refusal}: invalid property '{name}'", 255)
        machine.require(target, refusal, permission(name), status=255)
        if name == "readonly" and value not in ("on", "off"):
            raise Refused(f"{refusal}: 'readonly' must be one of 'on | off'", 255)
        dataset.properties[name] = value
    return Reply()


def zfs_inherit(machine: Machine, arguments: Sequence[str]) -> Reply:
    """Remove a local setting; a missing one is not an error (lab)."""
    name, *targets = arguments
    for target in targets:
        dataset = machine.dataset(target)
        machine.require(target, f"cannot inherit {name} for '{target}'", permission(name))
        dataset.properties.pop(name, None)
    return Reply()


def permission(property_name: str) -> str:
    """Return the permission to set a property: `userprop` for user properties (facts 4)."""
    return "userprop" if ":" in property_name else property_name


def zfs_allow(machine: Machine, arguments: Sequence[str]) -> Reply:
    """`zfs allow USER PERMISSION,… DATASET`: for the dataset and all below."""
    user, permissions, name = arguments
    if user.startswith("-"):
        raise NotModelled("zfs allow with options")
    machine.dataset(name).allowed.setdefault(user, set()).update(permissions.split(","))
    return Reply()


def zfs_load_key(machine: Machine, arguments: Sequence[str], is_loaded: bool) -> Reply:
    """Load or unload the key of a dataset and all below with the same key; a wrong key is not modelled."""
    (name,) = arguments
    root = machine.dataset(name)
    pool: Pool = machine.world.pool_of(name)
    for dataset in pool.tree(name):
        if dataset.key == root.key:
            dataset.is_key_loaded = is_loaded
    return Reply()
