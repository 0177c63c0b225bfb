"""Run commands on this machine (local.py) or over SSH (ssh.py, openssh.py), behind one protocol (base.py).

Only ssh.py and the modules that it imports use paramiko; import ssh.py only when a run needs it.
"""

import sys

if "paramiko" not in sys.modules:
    # paramiko needs invoke only for `Match exec` in ssh_config, and importing it takes as long as everything else.
    # `ssh -G` reads the configuration for us, so hide invoke; paramiko then refuses `Match exec` with a clear error.
    sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
