"""Mirror ZFS datasets from a remote host into a local pool: one safe pull, then exit."""

__version__ = "1.0.0"
