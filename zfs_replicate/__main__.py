import sys

from zfs_replicate.cli import main

sys.exit(main())
