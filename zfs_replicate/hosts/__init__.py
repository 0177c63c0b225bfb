"""Where commands run. One small protocol (base), one implementation on this machine (local), one over SSH (ssh).

Only ssh.py and what it imports know paramiko; import it only when a run needs it.
"""

import sys

if "paramiko" not in sys.modules:
    # paramiko's reader of ssh_config wants invoke for `Match exec` alone, and importing it takes as long as all the
    # rest. We ask `ssh -G`, so paramiko is told that there is no invoke; it then refuses `Match exec` in clear words.
    sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
