"""For all tests: a share of them can be chosen, so that several guests of the lab divide the work."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shard", default="1/1", help="run every N-th test, beginning with the I-th: I/N")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    number, count = map(int, config.getoption("--shard").split("/"))
    chosen = items[number - 1 :: count]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen
