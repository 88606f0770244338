#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/COUNTERS.md is what the program makes of the rows.  $1: the program, $2: the source directory.
set -eu
if "$1" explain --markdown | cmp - "$2/docs/COUNTERS.md"; then
	exit 0
fi
echo "docs/COUNTERS.md is not up to date: halfopen explain --markdown >docs/COUNTERS.md"
exit 1
