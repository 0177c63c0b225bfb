"""The command line: argv and job files become checked requests; errors become one paragraph and an exit status."""
