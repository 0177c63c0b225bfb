"""The manual: what --help prints, and what docopt reads. Pure."""

MANUAL = """zfs_replicate - mirror ZFS datasets from a remote host into a local pool

Usage:
  zfs_replicate -h HOST -r DATASET -l DATASET -t TAG [-k DAYS] [-x PATTERN]... [options]
  zfs_replicate run [JOB]... [--config FILE] [options]
  zfs_replicate check [--config FILE]
  zfs_replicate status -l DATASET [-h HOST -r DATASET] [-t TAG] [-x PATTERN]... [--warn AGE] [--crit AGE] [options]
  zfs_replicate release -h HOST -r DATASET -t TAG [-l DATASET] [options]
  zfs_replicate --help
  zfs_replicate --version

Example, as a line for cron:
  zfs_replicate -h nas1 -r backuppool/virt/machines -l offsite/virt/machines -t offsite -k 30

Pulls all snapshots of a dataset and of everything below it that are not here yet, and exits. Each new snapshot
arrives once; a cut stream is continued by the next run. The newest snapshot that both sides have is kept on the
source by a hold, so that the next run always finds a base. Nothing is rolled back unless you say so, and nothing is
destroyed but snapshots older than -k days. What is received is read-only and not mounted.

run carries out the jobs of a file, one after the other, and check only reads the file; status tells how old each copy
is, as a monitoring plugin; release retires a mirror: it lists the holds of its tag on the source, and releases them.

What to mirror:
  -h HOST, --host HOST        source: [USER@]HOST or an alias from ssh_config; localhost means that both pools are
                              here, without SSH
  -r DATASET, --remote DATASET
                              dataset on the source; all below it comes along
  -l DATASET, --local DATASET
                              dataset here that becomes its mirror; missing parents are created
  -t TAG, --tag TAG           name of the holds; each mirror of a source needs one of its own
  -k DAYS, --keep-days DAYS   destroy snapshots here once they are DAYS days old; never the newest common one, nor one
                              that is held or cloned; 0 keeps only the newest common one; without -k nothing expires
  -x PATTERN, --exclude PATTERN
                              leave out datasets whose path below the root matches, and all below them; may be
                              repeated; * stays within one level: -x swap -x 'vm/*/tmp'

How:
  -j N, --jobs N              datasets received at the same time [default: 2]
  -b SIZE, --mbuffer SIZE     buffer of each stream of a megabyte or more, such as 64M [default: 128M]
  --bwlimit RATE              at most so many bytes per second, such as 10M, all streams together (needs mbuffer)
  -z PROGRAM, --compress PROGRAM
                              compress streams on their way over a slow link, by zstd, lz4 or pigz, which both sides
                              need [default: none]
  --transport KIND            what carries the streams: paramiko; openssh, the ssh program; or auto, which takes ssh
                              for large ones where it is installed [default: auto]
  -p PORT, --port PORT        port of sshd (otherwise as ssh_config says, or 22)
  -o LIST, --properties LIST  set these on datasets that are made here, such as setuid=off,devices=off,exec=off; of the
                              source's own properties none is received
  --rollback                  where the copy here was changed: discard the changes and the newer snapshots, down to the
                              newest common one, and say what is lost; never through a hold of others, or a clone
  --retries N                 further attempts after an error that may pass, such as a lost connection, after growing
                              pauses [default: 2]
  --stall-timeout SECONDS     end a stream through which no byte passes for so long; 0 waits for ever [default: 1800]
  -i FILE, --identity FILE    private key (otherwise as ssh_config says, the agent's, the usual files)
  --sudo                      run what zfs changes or sends by 'sudo -n', on the source, and here unless we are root;
                              needs rules for sudo that ask for no password (packaging/sudoers)

Jobs in a file (run, check):
  --config FILE               file of jobs in TOML: options by their long names, in [defaults] for all, in [jobs.NAME]
                              for one; options on the command line win [default: /etc/zfs_replicate.toml]

When asking how a mirror stands (status; with -h and -r the source is asked too):
  --warn AGE                  age of a copy that is a warning, such as 90m, 36h, 2d or 1w
  --crit AGE                  age of a copy that is critical

When retiring a mirror (release):
  --yes                       do not ask; needed without a terminal

What to show:
  -n, --dry-run               print what would be done, with reasons and sizes, and change nothing
  -v, --verbose               tell each step
  --json                      print the report of the run, with -n the plan, or the status, as one JSON object (docs/)
  --progress WHEN             show live what is under way: auto (on a terminal), always or never [default: auto]
  --version                   print the version
  --help                      print this text

What to leave behind:
  --report FILE               write the JSON report to FILE
  --metrics FILE              write metrics to FILE, which node_exporter's textfile collector reads
  --on-success CMD            give CMD to sh once the run has succeeded, with the JSON report on its standard input
  --on-failure CMD            the same for a run that has failed; whatever CMD does, the exit status stays
  --log-format FORMAT         of the log on standard error: human, logfmt or json [default: human]
  --log-level LEVEL           debug (with every command, ready to paste), info, warning or error; otherwise info with -v
                              or on a terminal, else warning
  --syslog[=ADDRESS]          log to syslog, too: to /dev/log, or ADDRESS, which is a socket or HOST:PORT (UDP)

A successful run prints nothing unless there is a terminal or -v. Exit status: 0 mirrored, or another run is at work
on the same target; 1 at least one dataset failed or needs a decision; 2 wrong usage; 3 the source cannot be reached,
authenticated, trusted or used. status exits as monitoring plugins do: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
"""


def usage() -> str:
    """The usage lines of the manual."""
    return MANUAL[MANUAL.index("Usage:") : MANUAL.index("\n\nExample")]
