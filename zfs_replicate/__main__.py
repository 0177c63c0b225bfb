import sys

from zfs_replicate.cli.main import main

sys.exit(main())
