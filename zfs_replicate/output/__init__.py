"""Where those words go: log, terminal, files, hooks."""
