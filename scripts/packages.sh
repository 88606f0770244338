# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Which Debian packages ./demo and ./check need, and how to get the missing ones.  Sourced by both.
# shellcheck disable=SC2034 # the lists are read by whoever sources this

# What builds and runs the demo.  meson brings python3.
packages_demo=(build-essential meson ninja-build pkg-config liblua5.4-dev libjansson-dev libmnl-dev libncurses-dev libmicrohttpd-dev iproute2 nftables curl)

# What ./check needs on top of that.
packages_check=("${packages_demo[@]}" python3 clang libcmocka-dev tshark netcat-openbsd iputils-ping bind9-dnsutils traceroute iperf3 ethtool procps
	prometheus prometheus-node-exporter python3-prometheus-client libfuse3-dev fuse3 net-tools chromium
	shellcheck python3-pyte mandoc)

# What scripts/deb.sh needs.
packages_deb=("${packages_demo[@]}" python3 debhelper lintian)

# libFuzzer and clang's sanitizers: the package is named after clang's version, 14 in Debian 12.
packages_clang_runtime() {
	local major

	major=$(clang -dumpversion 2>/dev/null | cut -d. -f1) || true
	printf 'libclang-rt-%s-dev\n' "${major:-14}"
}

packages_missing() { # PACKAGE...: those that are not installed, one a line
	local name

	for name in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)" = installed ] || printf '%s\n' "$name"
	done
}

# Installs what is missing, or prints the one line that would and exits 1.
packages_need() { # PACKAGE...
	local missing=() sudo=()

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		printf 'Not a Debian system: I take it that these are here under other names: %s\n' "$*" >&2
		return 0
	fi
	mapfile -t missing < <(packages_missing "$@")
	[ "${#missing[@]}" -gt 0 ] || return 0

	if [ "$(id -u)" -ne 0 ]; then
		if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
			sudo=(sudo)
		else
			printf 'Missing packages. As root, run this and start me again:\n' >&2
			printf 'apt-get update && apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
			exit 1
		fi
	fi
	printf 'Installing missing packages: %s\n' "${missing[*]}"
	packages_apt_get update
	packages_apt_get install -y --no-install-recommends "${missing[@]}"
	packages_services_disable "${missing[@]}"
}

# Debian starts a service as soon as its package is there; tests start their own.  One that was here before is left alone, and so is a
# policy that this machine has already.
packages_without_starting() { # COMMAND...: as root
	local policy=/usr/sbin/policy-rc.d

	if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
		trap 'exit 1' HUP INT TERM
		cat >"$policy" <<-POLICY
			#!/bin/sh
			# Of halfopen's scripts/packages.sh, for as long as that installs something: prometheus is not started.
			case "\$*" in
			*prometheus*start) ! kill -0 $$ 2>/dev/null || exit 101 ;;
			esac
			exit 0
		POLICY
		chmod 755 "$policy"
	fi
	"$@"
}

packages_services_disable() { # PACKAGE...: nor does it start at the next boot; `update-rc.d NAME enable` takes that back
	local name

	for name in "$@"; do
		case $name in
		prometheus*)
			"${sudo[@]}" update-rc.d "$name" disable >/dev/null 2>&1 || true
			printf 'The service %s is disabled: tests start their own\n' "$name"
			;;
		esac
	done
}

packages_apt_get() { # uses the caller's array sudo
	local log

	log=$(mktemp)
	if ! "${sudo[@]}" bash -c "$(declare -f packages_without_starting); packages_without_starting \"\$@\"" _ \
		env DEBIAN_FRONTEND=noninteractive timeout 600 apt-get -q -o DPkg::Lock::Timeout=120 \
		-o Acquire::Retries=3 "$@" </dev/null >"$log" 2>&1; then
		printf 'apt-get %s failed:\n' "$1" >&2
		tail -n 20 "$log" >&2
		rm -f "$log"
		exit 1
	fi
	rm -f "$log"
}
