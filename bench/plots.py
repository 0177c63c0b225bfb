"""Draw figures as SVG files with matplotlib, which only the bench needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Line, is_ours

OURS_COLOURS, OTHERS = (
    ("#1b6ca8", "#4f97c9", "#86bce0"),
    ("#b0b0b0", "#8c8c8c", "#6e6e6e", "#c9b79c", "#9cb8c9", "#7fa0b5"),
)


def bars(by_group: Mapping[str, Sequence[Line]], title: str, path: Path) -> None:
    """Draw a group of bars for each cell, one for each tool; logarithmic if they differ by orders of magnitude."""
    names = list(dict.fromkeys(line.tool for lines in by_group.values() for line in lines))
    figure, axes = _axes(title, width=max(6.0, 1.2 + 0.32 * len(by_group) * (len(names) + 1)))
    width = 0.8 / max(1, len(names))
    for place, name in enumerate(names):
        positions = [(at, line) for at, lines in enumerate(by_group.values()) for line in lines if line.tool == name]
        heights = [line.seconds or line.most for _, line in positions]
        drawn = axes.bar(
            [at + (place - len(names) / 2 + 0.5) * width for at, _ in positions],
            heights,
            width * 0.92,
            label=name,
            color=OURS_COLOURS[place % 3] if is_ours(name) else OTHERS[place % len(OTHERS)],
            hatch=["" if line.seconds else "//" for _, line in positions],
        )
        axes.bar_label(drawn, [f"{height:.1f}" for height in heights], fontsize=7, padding=1)
    every = [line.seconds or line.most for lines in by_group.values() for line in lines]
    if max(every) > 40 * min(every):
        axes.set_yscale("log")
        axes.set_ylim(bottom=min(every) / 3)
    axes.set_xticks(range(len(by_group)), list(by_group))
    axes.set_ylabel("seconds (hatched: over the time limit)")
    axes.legend(fontsize=7, frameon=False)
    _save(figure, path)


def curves(
    series: Mapping[str, Sequence[tuple[float, float]]], labels: tuple[str, str], title: str, path: Path
) -> None:
    figure, axes = _axes(title)
    for name, points in series.items():
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False)
    _save(figure, path)


def rates(by_name: Mapping[str, float], title: str, path: Path) -> None:
    figure, axes = _axes(title)
    names = list(by_name)
    drawn = axes.barh(
        names, list(by_name.values()), color=[OURS_COLOURS[0] if is_ours(name) else OTHERS[0] for name in names]
    )
    axes.bar_label(drawn, fmt="%.0f", fontsize=8, padding=2)
    axes.invert_yaxis()
    axes.set_xlabel("MiB/s")
    _save(figure, path)


def _axes(title: str, width: float = 7.0) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "zfs_replicate"
    mpl.rcParams["svg.fonttype"] = "none"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(width, 3.6), layout="constrained")
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
