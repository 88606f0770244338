#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs one experiment.  Arguments: the program halfopen; stack, kernel or both; NAME or FILE.
# Where the kernel is wanted and cannot be had, it says why and exits 77: skipped, not passed.
set -euo pipefail

if [ "$2" != stack ]; then
	[ "$(id -u)" -eq 0 ] || { echo "needs root: namespaces and packet sockets on the kernel"; exit 77; }
	unshare --net true 2>/dev/null || { echo "this place allows no network namespaces"; exit 77; }
fi
exec timeout 300 "$1" lab run "$3" --on "$2"
