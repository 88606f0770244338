/* SPDX-License-Identifier: MIT
 * halfopen: struct tcp_info in Linux 6.18's layout (include/uapi/linux/tcp.h), for ho_sock_getopt(HO_TCP_INFO). */
#ifndef HALFOPEN_TCP_INFO_H
#define HALFOPEN_TCP_INFO_H

#include <stdint.h>

struct ho_tcp_info {
	uint8_t tcpi_state;
	uint8_t tcpi_ca_state;
	uint8_t tcpi_retransmits;
	uint8_t tcpi_probes;
	uint8_t tcpi_backoff;
	uint8_t tcpi_options; /* 1 timestamps, 2 SACK, 4 wscale, 8 ECN, 16 ECN seen, 32 SYN data, 64 usec ts, 128 made by Fast Open */
	uint8_t tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
	uint8_t tcpi_delivery_rate_app_limited : 1, tcpi_fastopen_client_fail : 2;

	uint32_t tcpi_rto; /* us */
	uint32_t tcpi_ato; /* us */
	uint32_t tcpi_snd_mss;
	uint32_t tcpi_rcv_mss;

	uint32_t tcpi_unacked;
	uint32_t tcpi_sacked;
	uint32_t tcpi_lost;
	uint32_t tcpi_retrans;
	uint32_t tcpi_fackets;

	uint32_t tcpi_last_data_sent; /* ms ago */
	uint32_t tcpi_last_ack_sent;
	uint32_t tcpi_last_data_recv;
	uint32_t tcpi_last_ack_recv;

	uint32_t tcpi_pmtu;
	uint32_t tcpi_rcv_ssthresh;
	uint32_t tcpi_rtt;    /* us */
	uint32_t tcpi_rttvar; /* us */
	uint32_t tcpi_snd_ssthresh;
	uint32_t tcpi_snd_cwnd;
	uint32_t tcpi_advmss;
	uint32_t tcpi_reordering;

	uint32_t tcpi_rcv_rtt;
	uint32_t tcpi_rcv_space;

	uint32_t tcpi_total_retrans;

	uint64_t tcpi_pacing_rate;
	uint64_t tcpi_max_pacing_rate;
	uint64_t tcpi_bytes_acked;
	uint64_t tcpi_bytes_received;
	uint32_t tcpi_segs_out;
	uint32_t tcpi_segs_in;

	uint32_t tcpi_notsent_bytes;
	uint32_t tcpi_min_rtt;
	uint32_t tcpi_data_segs_in;
	uint32_t tcpi_data_segs_out;

	uint64_t tcpi_delivery_rate;

	uint64_t tcpi_busy_time;
	uint64_t tcpi_rwnd_limited;
	uint64_t tcpi_sndbuf_limited;

	uint32_t tcpi_delivered;
	uint32_t tcpi_delivered_ce;

	uint64_t tcpi_bytes_sent;
	uint64_t tcpi_bytes_retrans;
	uint32_t tcpi_dsack_dups;
	uint32_t tcpi_reord_seen;

	uint32_t tcpi_rcv_ooopack;
	uint32_t tcpi_snd_wnd;
	uint32_t tcpi_rcv_wnd;

	uint32_t tcpi_rehash;

	uint16_t tcpi_total_rto;
	uint16_t tcpi_total_rto_recoveries;
	uint32_t tcpi_total_rto_time; /* ms */

	uint32_t tcpi_received_ce; /* segments with a CE mark */
	uint32_t tcpi_delivered_e1_bytes, tcpi_delivered_e0_bytes, tcpi_delivered_ce_bytes; /* of Accurate ECN, which is not there: 0 */
	uint32_t tcpi_received_e1_bytes, tcpi_received_e0_bytes, tcpi_received_ce_bytes; /* payload by mark */
	uint16_t tcpi_accecn_fail_mode, tcpi_accecn_opt_seen;
};

/* F(name) for each field that is a number of its own: all but the state, the options and the four parts of bytes. */
#define HO_TCP_INFO_FIELDS(F) \
	F(ca_state) F(retransmits) F(probes) F(backoff) F(rto) F(ato) F(snd_mss) F(rcv_mss) F(unacked) F(sacked) \
	F(lost) F(retrans) F(fackets) F(last_data_sent) F(last_ack_sent) F(last_data_recv) F(last_ack_recv) F(pmtu) \
	F(rcv_ssthresh) F(rtt) F(rttvar) F(snd_ssthresh) F(snd_cwnd) F(advmss) F(reordering) F(rcv_rtt) \
	F(rcv_space) F(total_retrans) F(pacing_rate) F(max_pacing_rate) F(bytes_acked) F(bytes_received) \
	F(segs_out) F(segs_in) F(notsent_bytes) F(min_rtt) F(data_segs_in) F(data_segs_out) F(delivery_rate) \
	F(busy_time) F(rwnd_limited) F(sndbuf_limited) F(delivered) F(delivered_ce) F(bytes_sent) F(bytes_retrans) \
	F(dsack_dups) F(reord_seen) F(rcv_ooopack) F(snd_wnd) F(rcv_wnd) F(rehash) F(total_rto) \
	F(total_rto_recoveries) F(total_rto_time) F(received_ce) F(delivered_e1_bytes) F(delivered_e0_bytes) \
	F(delivered_ce_bytes) F(received_e1_bytes) F(received_e0_bytes) F(received_ce_bytes) F(accecn_fail_mode) \
	F(accecn_opt_seen)

/* HO_TCP_CC_INFO of BBR: struct tcp_bbr_info (linux/inet_diag.h).  Gains are of 256. */
struct ho_bbr_info {
	uint32_t bbr_bw_lo, bbr_bw_hi; /* bytes per second */
	uint32_t bbr_min_rtt;          /* us */
	uint32_t bbr_pacing_gain, bbr_cwnd_gain;
};

#endif
