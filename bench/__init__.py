"""The bench: zfs_replicate beside its peers, on the same pools, in turns. See README.md."""
