# shellcheck shell=bash disable=SC2034
# What build and run share: the variants, and the cage that everything runs in.

LAB_CACHE=${ZFS_LAB:-$HOME/.cache/zfs_replicate/lab}

# 2.4 is the default because UML's seccomp mode, which needs Linux 6.16 or later, halves most times.
LAB_DEFAULT_VARIANT=2.4

# Given a variant's name, set what tells it from the others. Returns 1 for an unknown one.
#   suite, backports   Debian's names; OpenZFS comes from backports where that is not empty
#   linux              the linux-source-* package wanted
#   python             the guest's Python
#   uml_options        for the kernel's command line
lab_variant() {
	backports='' uml_options=''
	case $1 in
	2.4) suite=trixie backports=trixie-backports linux=7.2 python=3.13 uml_options=seccomp=on ;;
	2.3) suite=trixie linux=6.12 python=3.13 ;;
	2.1) suite=bookworm linux=6.1 python=3.11 ;;
	*) return 1 ;;
	esac
}

# Start COMMAND as process 1 of a process name space, with private mounts, and set cage_pid. When COMMAND ends,
# or this shell ends, by SIGKILL too, the kernel ends every process in the cage, and its mounts go with the last
# of them: nothing is left to clean up. An ordinary user gets a user name space around it.
#
# A parent-death signal is forgotten on entering a user name space, hence the order; and it does not come when the
# parent was gone before it was asked for, hence the look at PPID. setsid keeps the terminal's Ctrl-C out.
start_cage() {
	local -a as_root=()
	[ -e /dev/fd/0 ] || exec </dev/null # no standard input at all
	[ "$EUID" = 0 ] || as_root=(unshare --user --map-root-user)
	# shellcheck disable=SC2016  # for the inner shell to expand
	setsid ${as_root[@]+"${as_root[@]}"} setpriv --pdeathsig KILL \
		bash -c '[ "$PPID" = "$0" ] && exec "$@"' $$ \
		unshare --mount --pid --fork --kill-child=KILL "$@" <&0 &
	cage_pid=$!
	trap 'end_cage 129' HUP
	trap 'end_cage 130' INT
	trap 'end_cage 143' TERM
}

# Returns COMMAND's exit status.
wait_for_cage() {
	local status=0
	wait "$cage_pid" || status=$?
	return "$status"
}

end_cage() {
	trap '' HUP INT TERM
	kill -KILL "$cage_pid" 2>/dev/null || true
	wait "$cage_pid" 2>/dev/null || true
	exit "$1"
}
