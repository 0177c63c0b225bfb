"""Build zfs commands, parse their output, explain their errors: the only package that knows these."""
