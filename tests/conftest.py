"""For all tests: guests of the lab divide the work (--claims); no example of a property has a deadline.

What a test records as the property `figures` is printed at the end.
"""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("noisy machines", deadline=None)
hypothesis.settings.load_profile("noisy machines")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--claims", metavar="DIRECTORY", help="run only what nobody else has claimed there, and claim it")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With --claims: take test after test, as long as there are any; each knows the next, as pytest wants it."""
    claims = session.config.getoption("--claims")
    if claims is None or session.config.option.collectonly:
        return None
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    left = (item for number, item in enumerate(session.items) if _is_claimed(Path(claims, str(number))))
    item = next(left, None)
    while item is not None:
        following = next(left, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def _is_claimed(mark: Path) -> bool:
    """Whether we are the first: making a directory succeeds once, whoever tries."""
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
