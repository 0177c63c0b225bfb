"""Send log records to syslog. (address) → handler. Separate from logs.py, since few runs need the import."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Callable
from typing import Any

Print = Callable[[str], None]


class SyslogHandler(logging.handlers.SysLogHandler):
    """Drops records that cannot be sent; the first loss is reported, and the run goes on."""

    append_nul = False
    is_lost = False

    def __init__(self, address: str, ident: str, print_plainly: Print) -> None:
        self.print_plainly = print_plainly
        self._where = address
        host, _, port = address.rpartition(":")
        where: Any = address if address.startswith("/") else (host.strip("[]"), int(port))
        super().__init__(where, facility=logging.handlers.SysLogHandler.LOG_DAEMON)
        self.ident = f"{ident}[{os.getpid()}]: "

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - logging defines the name
        if not self.is_lost:
            self.is_lost = True
            self.print_plainly(f"cannot log to syslog at {self._where}: {sys.exc_info()[1]}; continuing without it")
