"""What the product relies on ZFS for, one behaviour a test, asserted alike on the simulator and on real pools.

On an ordinary machine only the simulator is asked. In the lab guest, with ZFS_REPLICATE_LAB=1, OpenZFS is asked too:
where the two disagree, the simulator is wrong. "facts 3" is section 3 of docs/zfs-facts.md.
"""
