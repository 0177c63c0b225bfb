"""What tests share: worlds in a mini-notation, hosts and servers that stand in for real ones, a model of ZFS."""

from __future__ import annotations

from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
"""The checkout."""
