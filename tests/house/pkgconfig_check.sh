#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs into a directory of its own and builds a stranger's program with pkg-config alone, shared and static; every header
# compiles by itself, in C and in C++.  Arguments: the build directory, the source directory.
set -euo pipefail

build=$1
house=$2/tests/house
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$root" >/dev/null

pc=$(find "$root" -name halfopen.pc | head -n 1)
[ -n "$pc" ] || { echo "halfopen.pc was not installed"; exit 1; }
export PKG_CONFIG_LIBDIR=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=

read -ra flags <<<"$(pkg-config --cflags --libs halfopen)"
cc -std=c11 -Wall -Wextra -Werror -o "$root/shared" "$house/consumer.c" "${flags[@]}"
LD_LIBRARY_PATH=$(dirname "$(find "$root" -name libhalfopen.so)") "$root/shared"

read -ra cflags <<<"$(pkg-config --cflags halfopen)"
cc -std=c11 -Wall -Wextra -Werror -o "$root/static" "$house/consumer.c" "${cflags[@]}" \
	"$(find "$root" -name libhalfopen.a)"
"$root/static"

for header in "$2"/include/halfopen/*.h; do
	name=halfopen/${header##*/}
	printf '#include <%s>\n' "$name" | cc -std=c11 -Wall -Wextra -Werror -fsyntax-only "${cflags[@]}" -xc -
	if command -v c++ >/dev/null; then
		printf '#include <%s>\n' "$name" | c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only "${cflags[@]}" -xc++ -
	fi
done
