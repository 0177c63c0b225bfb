"""Measure zfs_replicate and its peers on the same pools, in turns. See README.md."""
