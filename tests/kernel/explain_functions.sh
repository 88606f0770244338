#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The functions of Linux that pages name exist in the running 6.18.  $1: the program.
set -euo pipefail
export LC_ALL=C

case $(uname -r) in
6.18.*) ;;
*) echo "this kernel is $(uname -r), pages speak of 6.18"; exit 77 ;;
esac
[ "$(wc -l </proc/kallsyms)" -gt 1000 ] || { echo "/proc/kallsyms does not tell"; exit 77; }

# Static, each with one caller, or of a module: compilers leave no symbol of most of them.
inlined="__udp4_lib_mcast_deliver __udp_queue_rcv_skb hystart_update ip_frag_queue ip_frag_reasm ip_rcv_options tcp_check_dsack
tcp_check_reno_reordering tcp_check_sack_reneging tcp_data_queue_ofo tcp_disordered_ack_check tcp_dsack_seen tcp_dsack_set
tcp_fastopen_queue_check tcp_mtup_probe_failed tcp_mtup_probe_success tcp_ofo_queue tcp_prune_queue tcp_rcv_fastopen_synack
tcp_rcv_synsent_state_process tcp_select_window tcp_shift_skb_data tcp_timeout_mark_lost tcp_timewait_check_oow_rate_limit
tcp_try_undo_dsack tcp_try_undo_partial tcp_write_err tcp_write_timeout"

mapfile -t named < <("$1" explain --markdown | grep '^| source |' | grep -o '[A-Za-z_0-9]*()' | tr -d '()' | sort -u)
[ ${#named[@]} -gt 100 ] || { echo "only ${#named[@]} functions are named"; exit 1; }
status=0
while read -r missing; do
	grep -qw "$missing" <<<"$inlined" && continue
	echo "$missing(): not in this kernel"
	status=1
done < <(comm -23 <(printf '%s\n' "${named[@]}") <(awk '{sub(/\..*/, "", $3); print $3}' /proc/kallsyms | sort -u))
[ $status -eq 0 ] && echo "${#named[@]} functions exist"
exit $status
