# bash completion for halfopen                             -*- shell-script -*-
# SPDX-License-Identifier: MIT
# The program is asked for everything: its commands, what their help names, experiments, hosts that run.  So a new command or
# option needs nothing here.

# Commands, as `halfopen help` lists them.
_halfopen_commands() {
	"$1" help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p'
}

# Options: all of the usage lines, and those that a set-in line of the help begins with.
_halfopen_options() {
	"$1" help "$2" 2>/dev/null | awk '
		function options(text) {
			while (match(text, /(^|[^A-Za-z0-9-])--?[A-Za-z0-9][a-z0-9-]*/)) {
				word = substr(text, RSTART, RLENGTH)
				sub(/^[^-]/, "", word)
				print word
				text = substr(text, RSTART + RLENGTH)
			}
		}
		BEGIN { print "--help" }
		/^$/ { behind = 1 }
		!behind { options($0) }
		behind && /^  [^ ]/ {
			count = split(substr($0, 3), piece, /   */)
			for (i = 1; i <= count; i++)
				if (piece[i] ~ /^(-|[A-Z]+, -)/)
					options(piece[i])
		}'
}

# Words of the usage lines that are typed as they are.
_halfopen_verbs() {
	"$1" help "$2" 2>/dev/null | sed '/^$/q' | sed "s/^usage: //; s/^ *halfopen $2//" | sed 's/--*[a-zA-Z][a-z-]*\( *[A-Za-z0-9.=|]*\)\{0,1\}//g' |
		tr '|[]{} ' '\n' | grep -E '^[a-z]+$' || :
}

# Values that the usage of an option lists: --on stack|kernel|both
_halfopen_values() {
	[[ $3 == -* ]] || return 0
	"$1" help "$2" 2>/dev/null | grep -oE -- "$3 [a-z0-9.]+(\|[a-z0-9.]+)+" | head -n 1 | sed 's/^[^ ]* //' | tr '|' '\n' || :
}

_halfopen() {
	local program=$1 cur=$2 prev=$3 command=${COMP_WORDS[1]} words=
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		words=$(_halfopen_commands "$program")
	elif [ "$command" = help ]; then
		words=$(_halfopen_commands "$program")
	else
		words=$(_halfopen_values "$program" "$command" "$prev")
		case $prev in
		--at) words=$("$program" hosts 2>/dev/null) ;;
		--pcap | --html | --out | --publish | --fuse) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		esac
		if [ -n "$words" ]; then
			: # values of the option before
		elif [[ $cur == -* ]]; then
			words=$(_halfopen_options "$program" "$command")
		elif [ "$command" = lab ] && [ "$prev" = run ]; then
			words="$("$program" lab list 2>/dev/null | sed 's/ .*//') all sizing"
			mapfile -t COMPREPLY < <(compgen -G "$cur*.lua")
		elif [ "$command" = explain ]; then
			words=$("$program" explain --list 2>/dev/null | sed 's/ .*//')
		else
			[[ $prev == -* && $prev != --json ]] || words=$(_halfopen_verbs "$program" "$command")
			[ "$command" != top ] && [ "$command" != with ] && [ "$command" != trace ] || words+=" $("$program" hosts 2>/dev/null)"
		fi
	fi
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$cur" | sort -u)
}

complete -o default -F _halfopen halfopen
