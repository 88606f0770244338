#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""reduce_recordings.py RESULTS_DIR [OUT_DIR]: what the tests need of the recordings made by the oracle.

The oracle ran each experiment three times on Linux 6.18 (RESULTS_DIR/NAME.json).  Kept, of the topology that the lab
has (two TUN devices; syn_retry_schedule was recorded on veth only): each phase's deltas that were equal in all runs, the
counters that were not, the observations, and the packets of run 1."""
import json, os, sys

# observations about the machine on which it was recorded: orphans of everybody, how long a hundred calls took
OF_MACHINE = {'orphans of the whole machine before', 'closing took ms', 'sockstat', 'visible from inside a namespace',
              'in the namespace tcp_max_orphans is'}

NAMES = '''abort_on_data abort_on_linger abort_on_memory abort_on_tcp_mem abort_on_timeout
           ping tcp_handshake tcp_traffic listen_overflow backlog_accept_queue backlog_dead_clients abort_on_close
           rcv_coalesce syn_retry_schedule synack_retry_schedule sack_recovery reordering dsack sack_reneging hystart
           orig_data_sent syn_retrans fast_path synq_limit synq_full_client defer_accept
           tcp_fastopen icmp_in_types udp_counters ip_hdr_errors ip_ecn ip_addr_errors
           ip_fragments icmp_out_types'''.split()

def of_network(observations):
    return {k: v for k, v in observations.items() if k not in OF_MACHINE}

def reduce(name, src):
    r = json.load(open(os.path.join(src, name + '.json')))
    topology = next(t for t in ('tun', 'peer', 'veth') if t in r['topologies'])
    t = r['topologies'][topology]
    out = {'experiment': name, 'kernel': r['kernel'], 'runs': r['runs'], 'topology': topology, 'phases': t['phases']}
    for p in [t, *t['phases']]:
        for k in ('observations', 'observations that vary'):
            if p.get(k): p[k] = of_network(p[k])
    for k in ('observations', 'observations that vary'):
        if t.get(k): out[k] = t[k]
    out['trace'] = t['trace of run 1']
    return out

if __name__ == '__main__':
    if len(sys.argv) not in (2, 3): sys.exit(__doc__)
    dst = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(os.path.abspath(__file__)), 'recorded')
    os.makedirs(dst, exist_ok=True)
    for n in NAMES:
        with open(os.path.join(dst, n + '.json'), 'w') as f:
            json.dump(reduce(n, sys.argv[1]), f, indent=1)
            f.write('\n')
