"""Where commands run. One small protocol (base), one implementation on this machine (local), one over SSH (ssh).

Only ssh.py and what it imports know paramiko; import it only when a run needs it.
"""
