#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every shell script is clean under shellcheck.  Argument: the source directory.
set -euo pipefail

command -v shellcheck >/dev/null || { echo "shellcheck is not installed"; exit 77; }
cd "$1"
mapfile -t scripts < <(
	printf '%s\n' demo check .ci/run
	find scripts tests tools lab bench fuzz -name '*.sh' | sort
)
shellcheck -x "${scripts[@]}"
echo "${#scripts[@]} scripts are clean"
