"""A plan or a run in words, JSON and metrics. Pure."""
