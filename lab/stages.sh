# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# The stages of a build. A stage leaves everything it makes in one directory, $out, and finds what it needs in the
# directories of earlier stages ("result NAME"). It never touches anything else.
#
#   toolchain   a chroot with a compiler, and in /src the sources of Linux and of the zfs module
#   kernel      the UML kernel's build tree
#   zfs         the kernel and the modules that are for it: linux, modules/*.ko
#   root        the guest's root
#   python      its Python packages
#   image       what lab/run uses: linux, root.ext4, options, about

declare -A depends=(
	[toolchain]='' [kernel]=toolchain [zfs]='toolchain kernel' [root]='' [python]=root [image]='zfs root python'
)
declare -A usual_seconds=([toolchain]=60 [kernel]=260 [zfs]=170 [root]=40 [python]=10 [image]=5)

compiler=gcc,libc6-dev,make,flex,bison,bc,libelf-dev,libssl-dev,python3,perl,gawk,kmod,cpio,xz-utils,ca-certificates

# Given a stage, print all that its result depends on, as far as that is in our hands: the archive moves on without
# notice, --force follows it.
inputs() {
	cat "$lab/generation" 2>/dev/null || true
	declare -f "stage_$1"
	case $1 in
	toolchain) declare -f debian; echo "$suite $backports $linux $compiler"; cat "$here/sources.sh" ;;
	kernel) cat "$here/kernel.config" ;;
	zfs) ;;
	root) declare -f debian; echo "$suite $backports"; cat "$here/guest/packages" "$here/guest/setup" ;;
	python) echo "$python"; cat "$here/guest/requirements.txt"; cat "$constraints" 2>/dev/null || true ;;
	image) echo "$uml_options"; cat "$here/guest/init" "$here/guest/fstab" ;;
	esac
	local stage
	for stage in ${depends[$1]}; do echo "${keys[$stage]}"; done
}

# Taken once, at the start: what is edited while a build is at work counts for the next one.
declare -A keys
take_keys() {
	local stage
	for stage in toolchain kernel zfs root python image; do
		keys[$stage]=$(inputs "$stage" | sha256sum | cut -c 1-12)
	done
}
result() { echo "$lab/$1-${keys[$1]}"; }

# in_chroot ROOT [--bind SOURCE TARGET]... COMMAND...: the mounts vanish with the command.
in_chroot() {
	unshare --mount bash -euc '
		root=$1; shift
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		while [ "$1" = --bind ]; do
			mkdir -p "$root$3"
			mount --bind "$2" "$root$3"
			shift 3
		done
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 chroot "$root" "$@"' - "$@"
}

# debian DIRECTORY PACKAGES [MMDEBSTRAP OPTIONS]: a Debian of this variant's suite, OpenZFS from backports where the
# variant wants that, with this machine's apt settings for proxies and certificates.
debian() {
	local directory=$1 packages=$2 path
	shift 2
	local -a lists=("deb $mirror $suite main contrib") options=()
	# Recommends would bring systemd, the dkms build and more.
	printf '%s\n' 'APT::Install-Recommends "false";' 'Acquire::Languages "none";' 'Acquire::Retries "5";' >"$lab/apt.conf"
	apt-config dump | grep -E '^Acquire::https?::' >>"$lab/apt.conf" || true
	if [ -n "$backports" ]; then
		lists+=("deb $mirror $backports main contrib")
		printf '%s\n' 'Package: src:zfs-linux' "Pin: release n=$backports" 'Pin-Priority: 990' >"$lab/apt.pin"
		options+=(--setup-hook="install -Dm 644 '$lab/apt.pin' \"\$1/etc/apt/preferences.d/zfs\"")
	fi
	for path in man info locale doc; do
		options+=(--dpkgopt="path-exclude=/usr/share/$path/*")
	done
	mmdebstrap --mode=root --format=directory --aptopt="$lab/apt.conf" --include="$packages" \
		"${options[@]}" "$@" "$suite" "$directory" "${lists[@]}"
}

stage_toolchain() {
	debian "$out" "$compiler" --variant=essential --customize-hook="'$here/sources.sh' \"\$1\" $linux"
}

# The paths seen by make are /src, /kernel and /zfs in every stage: they end up in the trees.
kernel_make='make -C /src/linux O=/kernel ARCH=um SUBARCH=x86_64'

stage_kernel() {
	local toolchain option refused=0
	toolchain=$(result toolchain)
	cp "$here/kernel.config" "$out/wanted.config"
	# shellcheck disable=SC2086  # several words
	in_chroot "$toolchain" --bind "$out" /kernel $kernel_make KCONFIG_ALLCONFIG=/kernel/wanted.config allnoconfig
	while read -r option; do
		grep -qxF -- "$option" "$out/.config" || { echo "refused: $option"; refused=1; }
	done < <(grep '^CONFIG_' "$out/wanted.config")
	[ $refused = 0 ] || { echo "this kernel does not take these options"; return 1; }
	# shellcheck disable=SC2086
	in_chroot "$toolchain" --bind "$out" /kernel $kernel_make -j"$(nproc)"
}

stage_zfs() {
	in_chroot "$(result toolchain)" --bind "$(result kernel)" /kernel --bind "$out" /zfs bash -euc '
		cp -a /src/zfs /zfs/build
		cd /zfs/build
		export ARCH=um SUBARCH=x86_64
		./configure --with-config=kernel --with-linux=/src/linux --with-linux-obj=/kernel || { tail -n 50 config.log; exit 1; }
		make -C module -j"$(nproc)"
		mkdir /zfs/modules
		for module in $(find module -name "*.ko"); do
			strip --strip-debug -o "/zfs/modules/${module##*/}" "$module"
		done
		strip -o /zfs/linux /kernel/linux
		cp /kernel/include/config/kernel.release /src/versions /zfs/
		rm -r /zfs/build'
}

stage_root() {
	debian "$out" "$(grep -v '^#' "$here/guest/packages" | paste -sd ,)" --variant=essential
	in_chroot "$out" bash -s <"$here/guest/setup"
}

# Wheels are fetched by the host's pip, with its settings, for the guest's Python, and compiled by the latter.
stage_python() {
	local -a pip=("${PYTHON:-python3}" -m pip) constrain=()
	local packages=/usr/local/lib/python$python/dist-packages
	[ ! -e "$constraints" ] || constrain=(--constraint "$constraints")
	"${pip[@]}" install --target "$out" --no-compile --implementation cp --python-version "$python" --only-binary=:all: \
		--requirement "$here/guest/requirements.txt" ${constrain[@]+"${constrain[@]}"}
	chmod -R go+rX "$out"
	in_chroot "$(result root)" --bind "$out" "$packages" python3 -m compileall -q -j 0 "$packages"
}

stage_image() {
	local zfs root release mebibytes
	zfs=$(result zfs) root=$(result root)
	release=$(<"$zfs/kernel.release")
	cp -al "$root" "$out/root" # hard links: only ever add to it
	mkdir -p "$out/root/lab" "$out/root/usr/local/lib/lab" "$out/root/lib/modules/$release" \
		"$out/root/usr/local/lib/python$python"
	rm -rf "$out/root/usr/local/lib/python$python/dist-packages"
	cp -al "$(result python)" "$out/root/usr/local/lib/python$python/dist-packages"
	cp "$zfs"/modules/*.ko "$out/root/lib/modules/$release/"
	in_chroot "$out/root" depmod "$release"
	install -m 755 "$here/guest/init" "$out/root/usr/local/lib/lab/init"
	install -m 755 "$out/root/bin/cat" "$out/root/usr/local/lib/lab/relay"
	install -m 644 "$here/guest/fstab" "$out/root/etc/fstab"

	# Sparse, and with 1 GB to spare: what a run writes goes to a copy-on-write file of its own. The inode tables are
	# written now, or every guest would do so.
	mebibytes=$(($(du -sm --apparent-size "$out/root" | cut -f 1) + 1024))
	truncate -s "${mebibytes}M" "$out/root.ext4"
	mke2fs -q -F -t ext4 -O ^has_journal,^metadata_csum -E lazy_itable_init=0 -m 0 -d "$out/root" "$out/root.ext4"
	rm -rf "$out/root"
	cp "$zfs/linux" "$out/linux"
	echo "$uml_options" >"$out/options"
	{ cat "$zfs/versions"; chroot "$root" dpkg-query -W -f '${Package} ${Version}\n' zfsutils-linux openssh-server python3; } >"$out/about"
}
