#!/bin/bash
# Given a Debian root under construction (mmdebstrap's hook) and a Linux version, unpack the Debian sources of Linux
# and of the zfs module to its /src, with the few edits that UML needs. Falls back to the newest Linux there is.
set -euo pipefail
export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG # the host's apt, on the new root's package lists
src=$1/src
# shellcheck disable=SC2016  # dpkg's variables
show=(dpkg-deb --show --showformat '${Package} ${Version}\n')
linux=linux-source-$2

unpack() {
	local names
	names=$(apt-cache pkgnames linux-source- | grep -xE 'linux-source-[0-9.]+' | sort -V)
	grep -qxF "$linux" <<<"$names" || linux=$(tail -n 1 <<<"$names")
	apt-get download "$linux" zfs-dkms
	for package in *.deb; do
		dpkg-deb --extract "$package" unpacked
		"${show[@]}" "$package" >>versions
	done
	# Left out: bulky parts that no UML kernel is built from.
	tar -xJf unpacked/usr/src/linux-source-*.tar.xz --exclude='*/drivers/gpu/drm/amd/include' \
		--exclude='*/arch/*/boot/dts' --exclude='*/tools/testing' --exclude='*/Documentation/[a-z]*'
	mv linux-source-*/ linux
	mv unpacked/usr/src/zfs-*/ zfs
	rm -r unpacked ./*.deb
}

# Linux 6.1 hands its modules a function that a static glibc of today no longer has.
mend_linux() {
	sed -i '/__xmknod/d' linux/arch/um/os-Linux/user_syms.c
}

# OpenZFS before 2.2 takes UML for a plain x86: keep out its assembly, except for setjmp, which UML's headers rename
# in C and which has to be renamed likewise in assembly.
mend_zfs() {
	[ -e zfs/module/lua/Makefile.in ] || return 0
	sed -i 's/(CONFIG_X86)/(CONFIG_UML_X86)/' zfs/module/*/Makefile.in
	echo 'asflags-y += -Dsetjmp=kernel_setjmp -Dlongjmp=kernel_longjmp' >>zfs/module/lua/Makefile.in
}

mkdir -p "$src"
chmod 777 "$src" # apt downloads as a user of its own
cd "$src"
unpack
[ ! -e linux/arch/um/os-Linux/user_syms.c ] || mend_linux
mend_zfs
