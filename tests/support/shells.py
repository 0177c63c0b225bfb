"""The shells of this machine that a remote command may meet."""

from __future__ import annotations

import shutil

SHELLS = [shell for shell in ("sh", "dash", "bash", "zsh", "ksh", "busybox") if shutil.which(shell)]
