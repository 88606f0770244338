#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the Debian packages (halfopen, libhalfopen0, libhalfopen-dev) in a copy of the tree, has lintian look at them, and puts
# them into a directory.
#
#   scripts/deb.sh [DIRECTORY]      default: build-deb; --check: packages are built, looked at, unpacked, tried, and thrown away
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

out=${1-build-deb}
for program in dpkg-buildpackage dh lintian; do
	command -v $program >/dev/null && continue
	echo "$program is not installed: apt-get install build-essential debhelper lintian"
	exit 77
done
dpkg-checkbuilddeps 2>&1 || exit 77

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/halfopen"
tar -c --exclude=.git --exclude='./build*' . | tar -x -C "$work/halfopen"
(cd "$work/halfopen" && DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -us -uc -b) >"$work/log" 2>&1 || { tail -n 40 "$work/log"; exit 1; }
lintian --allow-root --fail-on error --suppress-tags initial-upload-closes-no-bugs "$work"/*.changes

if [ "$out" != --check ]; then
	mkdir -p "$out"
	cp "$work"/*.deb "$out"
	ls -l "$out"
	exit 0
fi

# What is in them works from where it was unpacked.
for deb in "$work"/halfopen_*.deb "$work"/libhalfopen*.deb; do
	dpkg-deb -x "$deb" "$work/root"
done
root=$work/root
"$root/usr/bin/halfopen" lab run listen_overflow >/dev/null
for file in share/man/man1/halfopen-top.1.gz share/man/man3/ho_sock_listen.3.gz share/bash-completion/completions/halfopen \
	share/doc/halfopen/README.md share/doc/halfopen/copyright; do
	[ -e "$root/usr/$file" ] || [ -e "$root/usr/$file.gz" ] || { echo "no package has $file"; exit 1; }
done
pc=$(dirname "$(find "$root" -name halfopen.pc)")
read -ra flags < <(PKG_CONFIG_LIBDIR=$pc PKG_CONFIG_SYSROOT_DIR=$root pkg-config --cflags --libs halfopen)
cc -std=c11 -Wall -Wextra -Werror -o "$work/consumer" tests/house/consumer.c "${flags[@]}"
LD_LIBRARY_PATH=$(dirname "$(find "$root" -name 'libhalfopen.so.0')") "$work/consumer"
echo "halfopen, libhalfopen0, libhalfopen-dev: built, looked at by lintian, tried"
