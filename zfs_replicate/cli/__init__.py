"""Turn argv and job files into checked requests, and errors into one paragraph and an exit status."""
