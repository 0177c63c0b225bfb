"""Configure all tests: guests of the lab divide them (--claims), and hypothesis has no deadline.

The property `figures` that a test records is printed at the end.
"""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("noisy machines", deadline=None)
hypothesis.settings.load_profile("noisy machines")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--claims", metavar="DIRECTORY", help="claim tests there, and run only those that nobody else has")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With --claims, run unclaimed tests until none is left. pytest wants each test to know the next."""
    claims = session.config.getoption("--claims")
    if claims is None or session.config.option.collectonly:
        return None
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    unclaimed = (item for number, item in enumerate(session.items) if _is_claimed(Path(claims, str(number))))
    item = next(unclaimed, None)
    while item is not None:
        following = next(unclaimed, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def _is_claimed(mark: Path) -> bool:
    """Whether we are the first: creating a directory succeeds only once."""
    try:
        mark.mkdir()
    except FileExistsError:
        return False
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(str(value))
