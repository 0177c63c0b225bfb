"""Provide one stream, and a source that sends it."""

from __future__ import annotations

from tests.support.fakes import Answer, FakeHost
from zfs_replicate.model import Kind
from zfs_replicate.run.transfer import TINY_BYTES
from zfs_replicate.steps import Receiving, Resume

STEP = Resume("tank/a@b", "1-ab", Receiving("off/a", Kind.FILESYSTEM), byte_estimate=TINY_BYTES)


STREAM = bytes(range(256)) * 10_000  # more than one chunk


def source(**answer: object) -> FakeHost:
    return FakeHost("nas1", {"zfs send": Answer(**({"stdout": STREAM} | answer))})  # type: ignore[arg-type]
