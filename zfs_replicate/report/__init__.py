"""Report a plan, a run or a status as text, JSON and metrics. Pure."""
