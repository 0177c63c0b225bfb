"""Test the ZFS behaviour that the product relies on, one behaviour a test, on the simulator and on real pools.

On an ordinary machine the tests run on the simulator only. In the lab guest, with ZFS_REPLICATE_LAB=1, they also run
on OpenZFS: where the two disagree, the simulator is wrong. "facts 3" is section 3 of docs/zfs-facts.md.
"""
