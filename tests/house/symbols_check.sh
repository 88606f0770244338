#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The installed library shows ho_* and nothing else, and has what its headers declare.  Argument: the build directory.
set -euo pipefail

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
meson install -C "$1" --no-rebuild --quiet --destdir "$root" >/dev/null

library=$(find "$root" -name libhalfopen.so)
headers=$(dirname "$(find "$root" -name halfopen.h)")
[ -n "$library" ] || { echo "libhalfopen.so was not installed"; exit 1; }

nm -D --defined-only "$library" | awk '{print $NF}' | sort -u >"$root/shown"
if grep -v '^ho_' "$root/shown" >"$root/foreign"; then
	echo "libhalfopen.so shows more than ho_*:"
	cat "$root/foreign"
	exit 1
fi

# port.h is libhalfopen-port's.
cat "$headers"/{counter,diag,frame,sim,sock,stack,view,watch}.h | tr '\n' ' ' | grep -o 'HO_API [^;(]*(' | sed 's/($//; s/.*[ *]//' |
	sort -u >"$root/declared"
if comm -23 "$root/declared" "$root/shown" | grep . >"$root/lacking"; then
	echo "declared in a header, not in libhalfopen.so:"
	cat "$root/lacking"
	exit 1
fi
echo "libhalfopen.so shows $(wc -l <"$root/shown") symbols, all ho_*, and has all $(wc -l <"$root/declared") declared ones"
