"""The only package that knows what a zfs command looks like, what it prints and how it complains."""
