# shellcheck shell=bash
# Set the stage for the demo and the transcripts: file-backed pools and an sshd, all removed at the end. Both source
# this file, as root in a private mount namespace.
work=$(mktemp -d /tmp/zfs_replicate-demo.XXXXXX)
port=2222
sshd=''
made=()

cleanup() {
	[ -z "$sshd" ] || kill "$sshd" 2>/dev/null || true
	for pool in ${made[@]+"${made[@]}"}; do zpool destroy -f "$pool" || true; done
	umount "$work/mount" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

pool() { # NAME: create a pool of 256 MB on a file
	if zpool list "$1" >/dev/null 2>&1; then
		echo "demo: this machine already has a pool named $1; the demo does not touch it" >&2
		exit 1
	fi
	truncate -s 256M "$work/$1.img"
	zpool create -O mountpoint=none -O atime=off "$1" "$work/$1.img"
	made+=("$1")
}

data() { # DATASET FILE MEGABYTES: write random data
	mkdir -p "$work/mount"
	mount -t zfs -o zfsutil "$1" "$work/mount"
	head -c "${3}M" /dev/urandom >"$work/mount/$2"
	umount "$work/mount"
}

# Start an sshd with its own keys; root's ssh knows it as the host nas1, in this namespace only.
start_sshd() {
	mkdir -m 700 "$work/ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
	ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/id_ed25519"
	cp "$work/ssh/id_ed25519.pub" "$work/ssh/authorized_keys"
	sed "s/^/[127.0.0.1]:$port /" "$work/host_key.pub" >"$work/ssh/known_hosts"
	printf 'Host nas1\n  HostName 127.0.0.1\n  Port %s\n  User root\n' "$port" >"$work/ssh/config"
	mkdir -p /root/.ssh /run/sshd
	mount --bind "$work/ssh" /root/.ssh
	/usr/sbin/sshd -D -f /dev/null -h "$work/host_key" -p "$port" \
		-o ListenAddress=127.0.0.1 -o PidFile=none -o StrictModes=no -o PermitRootLogin=prohibit-password \
		-o AuthorizedKeysFile=/root/.ssh/authorized_keys &
	sshd=$!
	for _ in $(seq 50); do
		(: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
		sleep 0.1
	done
	echo "demo: sshd did not start" >&2
	exit 1
}
