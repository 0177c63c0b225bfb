"""Write what a run reports: log, terminal, files, hooks."""
