/* SPDX-License-Identifier: MIT
 * The path MTU: routers that say it (ICMP 3/4), those that do not (tcp_mtu_probing), and who may say so. */
#include "tcp_talk.h"

#define FRAG_NEEDED 3, 4
#define DISCOVER HO_SOL_IP, HO_IP_MTU_DISCOVER

/* The host sends n full segments of 1448 bytes in one go. */
static void host_sends_segments(struct talk *k, unsigned n, uint32_t from)
{
	char text[48];

	host_send(&k->t, k->fd, n * 1448, 0, (ptrdiff_t)n * 1448);
	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s. %u:%u ack 1", i + 1 == n ? "P" : "", from + i * 1448, from + (i + 1) * 1448);
		hears(&k->p, text);
	}
}

/* ---- ICMP ---- */

static void what_was_too_large_goes_again_at_once_in_smaller_pieces(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sends_segments(k, 2, 1);
	heard_df(&k->t, true);
	says_icmp_about(&k->p, FRAG_NEEDED, 1000, 1);
	hears(&k->p, ". 1:949 ack 1");
	heard_df(&k->t, true);
	hears(&k->p, ". 949:1897 ack 1");
	hears(&k->p, ". 1897:2845 ack 1");
	hears(&k->p, "P. 2845:2897 ack 1");
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 2 TcpRetransSegs 4 TCPOrigDataSent 2 TCPSlowStartRetrans 4");
	host_has(k, HO_SOL_IP, HO_IP_MTU, 1000);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 1000);
	host_info_is(&k->t, k->fd, tcpi_snd_mss, 948);
	host_info_is(&k->t, k->fd, tcpi_ca_state, 4);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 10);
	says(&k->p, ". ack 2897");
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, 0);
	host_send(&k->t, k->fd, 1000, 0, 1000);
	hears(&k->p, ". 2897:3845 ack 1");
	hears(&k->p, "P. 3845:3897 ack 1");
	talk_done(k);
}

static void a_number_that_is_not_in_flight_changes_nothing(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_sends_segments(k, 2, 1);
	marked(&k->t);
	says_icmp_about(&k->p, FRAG_NEEDED, 600, 0);
	says_icmp_about(&k->p, FRAG_NEEDED, 600, 2898);
	counted(&k->t, "OutOfWindowIcmps 2");
	quiet(&k->t);
	host_has(k, HO_SOL_IP, HO_IP_MTU, 1500);
	host_info_is(&k->t, k->fd, tcpi_snd_mss, 1448);
	says(&k->p, ". ack 2897");
	says_icmp_about(&k->p, FRAG_NEEDED, 600, 1449);
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 OutOfWindowIcmps 1 TCPDelivered 2");
	host_info_is(&k->t, k->fd, tcpi_snd_mss, 1448);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 1500);
	talk_done(k);
}

/* Anybody can guess what a ping looks like.  Linux believes it. */
static void an_error_about_a_ping_changes_no_path(void **state)
{
	struct talk *k = talk();
	int fd = ho_sock_open(k->t.l.s, HO_SOCK_DGRAM, HO_IPPROTO_ICMP);
	uint8_t echo[8] = {8, 0, 0, 0, 0, 77, 0, 1}, quoted[28] = {0x45, 0, 5, 220, [9] = IP_PROTO_ICMP};

	(void)state;
	assert_int_equal(ho_sock_bind(k->t.l.s, fd, (struct ho_endpoint){0, 77}), 0);
	assert_int_equal(ho_sock_sendto(k->t.l.s, fd, echo, sizeof(echo), 0, (struct ho_endpoint){PEER_ADDR, 0}), 8);
	lab_pump(&k->t.l);
	lab_forget(&k->t.l);
	put32(quoted + 12, HOST);
	put32(quoted + 16, PEER_ADDR);
	memcpy(quoted + 20, echo, sizeof(echo));
	lab_in(&k->t.l, icmp_make((struct icmp_fields){.type = 3, .code = 4, .rest = 600, .data = quoted, .len = 28}));
	host_has(k, HO_SOL_IP, HO_IP_MTU, 1500);
	host_sends_segments(k, 1, 1);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 1500);
	talk_done(k);
}

static void a_larger_mtu_is_not_believed(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sends_segments(k, 1, 1);
	says_icmp_about(&k->p, FRAG_NEEDED, 1000, 1);
	hears(&k->p, ". 1:949");
	hears(&k->p, "P. 949:1449");
	says(&k->p, ". ack 1449");
	host_send(&k->t, k->fd, 948, 0, 948);
	hears(&k->p, "P. 1449:2397");
	marked(&k->t);
	says_icmp_about(&k->p, FRAG_NEEDED, 1400, 1449);
	says_icmp_about(&k->p, FRAG_NEEDED, 9000, 1449);
	says_icmp_about(&k->p, FRAG_NEEDED, 1000, 1449);
	counted(&k->t, "");
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 1000);
	says_icmp_about(&k->p, FRAG_NEEDED, 900, 1449);
	hears(&k->p, ". 1449:2297");
	hears(&k->p, "P. 2297:2397");
	host_info_is(&k->t, k->fd, tcpi_pmtu, 900);
	talk_done(k);
}

static void below_min_pmtu_packets_may_be_fragmented(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sends_segments(k, 1, 1);
	says_icmp_about(&k->p, FRAG_NEEDED, 68, 1);
	hears(&k->p, ". 1:501");
	heard_df(&k->t, false);
	hears(&k->p, ". 501:1001");
	hears(&k->p, "P. 1001:1449");
	host_has(k, HO_SOL_IP, HO_IP_MTU, 552);
	host_error(&k->t, k->fd, 0);
	says_icmp_about(&k->p, FRAG_NEEDED, 540, 1);
	quiet(&k->t);
	host_has(k, HO_SOL_IP, HO_IP_MTU, 552);
	talk_done(k);
}

static void an_old_router_that_gives_no_number_means_the_smallest(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sends_segments(k, 1, 1);
	says_icmp(&k->p, FRAG_NEEDED, 0);
	hears(&k->p, ". 1:501");
	host_info_is(&k->t, k->fd, tcpi_pmtu, 552);
	talk_done(k);
}

static void min_pmtu_can_be_set(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.route.min_pmtu", "1200");
	host_sends_segments(k, 1, 1);
	says_icmp(&k->p, FRAG_NEEDED, 1000);
	hears(&k->p, ". 1:1149");
	heard_df(&k->t, false);
	hears(&k->p, "P. 1149:1449");
	talk_done(k);
}

static void after_mtu_expires_segments_grow_again(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.route.mtu_expires", "2");
	host_sends_segments(k, 1, 1);
	says_icmp(&k->p, FRAG_NEEDED, 1000);
	hears(&k->p, ". 1:949");
	hears(&k->p, "P. 949:1449");
	says(&k->p, ". ack 1449");
	lab_at(&k->t, 1900);
	host_has(k, HO_SOL_IP, HO_IP_MTU, 1000);
	lab_at(&k->t, 2100);
	host_has(k, HO_SOL_IP, HO_IP_MTU, 1500);
	host_sends_segments(k, 1, 1449);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 1500);
	talk_done(k);
}

static void the_next_connection_to_there_knows(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2), r = peer_of(&k->t, 3);
	int fd;

	(void)state;
	host_sends_segments(k, 1, 1);
	says_icmp(&k->p, FRAG_NEEDED, 1000);
	hears(&k->p, ". 1:949");
	hears(&k->p, "P. 949:1449");
	says(&k->p, ". ack 1449");
	says(&q, "S");
	hears(&q, "S. 0 ack 1 <mss 960,sackOK,TS,wscale 10>");
	says(&q, ".");
	fd = host_accept(&k->t, k->lfd);
	host_info_is(&k->t, fd, tcpi_pmtu, 1000);
	host_info_is(&k->t, fd, tcpi_snd_mss, 948);
	host_info_is(&k->t, fd, tcpi_advmss, 948);
	fd = host_socket(&k->t);
	r.host_port = 0;
	host_connect(&k->t, fd, &r, -EINPROGRESS);
	hears(&r, "S 0 <mss 960,sackOK,TS,wscale 10>");
	says(&r, "S.");
	hears(&r, ". 1 ack 1");
	host_info_is(&k->t, fd, tcpi_snd_mss, 948);
	talk_done(k);
}

static void the_smallest_mss_told_is_min_adv_mss(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.route.min_adv_mss", "1000");
	host_sends_segments(k, 1, 1);
	says_icmp(&k->p, FRAG_NEEDED, 700);
	hears(&k->p, ". 1:649");
	hears(&k->p, ". 649:1297");
	hears(&k->p, "P. 1297:1449");
	says(&q, "S");
	hears(&q, "S. 0 ack 1 <mss 1000,sackOK,TS,wscale 10>");
	talk_done(k);
}

/* Linux: the cached route is looked at with the packet, when it has been cut already. */
static void a_connection_that_is_there_learns_when_it_sends(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);
	int fd = host_accepted(&k->t, k->lfd, &q);

	(void)state;
	host_sends_segments(k, 1, 1);
	says_icmp(&k->p, FRAG_NEEDED, 1000);
	hears(&k->p, ". 1:949");
	hears(&k->p, "P. 949:1449");
	says(&k->p, ". ack 1449");
	marked(&k->t);
	host_send(&k->t, fd, 3000, 0, 3000);
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 3 OutOfWindowIcmps 2"); /* two of three are about what was never sent */
	host_info_is(&k->t, fd, tcpi_pmtu, 1000);
	host_info_is(&k->t, fd, tcpi_snd_mss, 948);
	hears_at(&q, 201, "P. 1:949");
	says(&q, ". ack 949");
	hears(&q, ". 949:1897");
	hears(&q, ". 1897:2845");
	hears(&q, "P. 2845:3001");
	talk_done(k);
}

/* ---- IP_MTU_DISCOVER, IP_MTU ---- */

static void options_have_linuxs_values(void **state)
{
	struct talk *k = talk();
	int fd = host_socket(&k->t);
	size_t len = sizeof(int);
	int v;

	(void)state;
	host_has(k, DISCOVER, HO_IP_PMTUDISC_WANT);
	host_has(k, HO_SOL_IP, HO_IP_MTU, 1500);
	for (v = HO_IP_PMTUDISC_DONT; v <= HO_IP_PMTUDISC_OMIT; v++) {
		host_set(&k->t, k->fd, DISCOVER, v);
		host_has(k, DISCOVER, v);
	}
	host_set_gives(&k->t, k->fd, DISCOVER, -1, -EINVAL);
	host_set_gives(&k->t, k->fd, DISCOVER, 6, -EINVAL);
	host_set_gives(&k->t, k->fd, HO_SOL_IP, HO_IP_MTU, 1400, -ENOPROTOOPT);
	assert_int_equal(ho_sock_getopt(k->t.l.s, fd, HO_SOL_IP, HO_IP_MTU, &v, &len), -ENOTCONN);
	assert_int_equal(ho_sock_getopt(k->t.l.s, k->lfd, HO_SOL_IP, HO_IP_MTU, &v, &len), -ENOTCONN);
	talk_done(k);
}

static void without_discovery_packets_may_be_fragmented(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, DISCOVER, HO_IP_PMTUDISC_DONT);
	host_sends_segments(k, 1, 1);
	heard_df(&k->t, false);
	says_icmp(&k->p, FRAG_NEEDED, 1000);
	quiet(&k->t);
	host_has(k, HO_SOL_IP, HO_IP_MTU, 1000);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 1500);
	says(&k->p, ". ack 1449");
	host_send(&k->t, k->fd, 1448, 0, 1448);
	hears(&k->p, ". 1449:2397");
	hears(&k->p, "P. 2397:2897");
	talk_done(k);
}

static void do_never_lets_a_packet_be_fragmented(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, DISCOVER, HO_IP_PMTUDISC_DO);
	host_sends_segments(k, 1, 1);
	says_icmp(&k->p, FRAG_NEEDED, 300);
	hears(&k->p, ". 1:501");
	heard_df(&k->t, true);
	hears(&k->p, ". 501:1001");
	hears(&k->p, "P. 1001:1449");
	host_error(&k->t, k->fd, EMSGSIZE);
	talk_done(k);
}

static void probe_interface_and_omit(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, DISCOVER, HO_IP_PMTUDISC_PROBE);
	host_sends_segments(k, 1, 1);
	heard_df(&k->t, false);
	host_set(&k->t, k->fd, DISCOVER, HO_IP_PMTUDISC_INTERFACE);
	says_icmp(&k->p, FRAG_NEEDED, 1000);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 1500);
	host_set(&k->t, k->fd, DISCOVER, HO_IP_PMTUDISC_PROBE);
	says_icmp(&k->p, FRAG_NEEDED, 900);
	hears(&k->p, ". 1:849");
	heard_df(&k->t, false);
	hears(&k->p, "P. 849:1449");
	talk_done(k);
}

static void children_take_the_listeners_discovery(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);
	int fd;

	(void)state;
	host_set(&k->t, k->lfd, DISCOVER, HO_IP_PMTUDISC_DONT);
	says(&q, "S");
	hears(&q, "S. 0 ack 1");
	heard_df(&k->t, true); /* nobody cuts 68 bytes and less */
	says(&q, ".");
	fd = host_accept(&k->t, k->lfd);
	host_send(&k->t, fd, 10, 0, 10);
	hears(&q, "P. 1:11");
	heard_df(&k->t, false);
	talk_done(k);
}

static void ip_no_pmtu_disc(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);
	int fd;

	(void)state;
	host_sysctl(&k->t, "net.ipv4.ip_no_pmtu_disc", "2");
	host_sends_segments(k, 1, 1);
	says_icmp(&k->p, FRAG_NEEDED, 1000);
	says_icmp_about(&k->p, FRAG_NEEDED, 1000, 99999);
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 1 TCPOrigDataSent 1");
	host_sysctl(&k->t, "net.ipv4.ip_no_pmtu_disc", "3");
	says_icmp(&k->p, FRAG_NEEDED, 1000);
	hears(&k->p, ". 1:949");
	hears(&k->p, "P. 949:1449");
	host_sysctl(&k->t, "net.ipv4.ip_no_pmtu_disc", "1");
	says_icmp(&k->p, FRAG_NEEDED, 900);
	hears(&k->p, ". 1:501");
	hears(&k->p, ". 501:1001");
	hears(&k->p, "P. 1001:1449");
	fd = host_socket(&k->t);
	q.host_port = 0;
	host_connect(&k->t, fd, &q, -EINPROGRESS);
	hears(&q, "S 0");
	heard_df(&k->t, false);
	talk_done(k);
}

/* ---- before there is a connection ---- */

static void a_syn_is_small_enough(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	marked(&t);
	says_icmp(&p, FRAG_NEEDED, 1000);
	quiet(&t);
	counted(&t, "");
	hears_at(&p, 1000, "S 0 <mss 960,sackOK,TS,wscale 10>");
	says(&p, "S.");
	hears(&p, ". 1 ack 1");
	host_info_is(&t, fd, tcpi_advmss, 948);
	host_info_is(&t, fd, tcpi_pmtu, 1000);
	host_info_is(&t, fd, tcpi_snd_mss, 948);
	tcp_lab_close(&t);
}

static void a_half_open_connection_is_not_interested(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int lfd = host_listen(&t, 1), fd;

	(void)state;
	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	marked(&t);
	says_icmp(&p, FRAG_NEEDED, 1000);
	counted(&t, "");
	says_icmp_about(&p, FRAG_NEEDED, 1000, 7);
	counted(&t, "OutOfWindowIcmps 1");
	says(&p, ".");
	fd = host_accept(&t, lfd);
	host_info_is(&t, fd, tcpi_pmtu, 1500);
	tcp_lab_close(&t);
}

/* ---- probing ---- */

/* Without SACK there is no loss probe: what is sent again was found lost, or is the retransmission timer's. */
#define NO_SACK .syn_options = "<mss 1460,TS,nop,nop,nop,wscale 7>"

/* n segments of so many bytes, from this number on, two in a super-frame: the second one says PSH. */
static void hears_pairs(struct peer *p, uint32_t from, uint32_t bytes, unsigned n)
{
	char text[48];

	for (unsigned i = 1; i <= n; i++, from += bytes) {
		snprintf(text, sizeof(text), "%s. %u:%u", i % 2 == 0 ? "P" : "", from, from + bytes);
		hears(p, text);
	}
}

static void acks(struct peer *p, uint32_t ack)
{
	char text[32];

	snprintf(text, sizeof(text), ". ack %u", ack);
	says(p, text);
}

/* A connection of the host's, 100 ms from end to end and back, that probes from the beginning: of 30000 bytes 10 segments
 * have been sent and acknowledged.  Between 1076 and 1500 is 1288, a segment of 1236 bytes: the first of the next window,
 * in which it takes the place of two. */
static int probing(struct tcp_lab *t, struct peer *p)
{
	int fd;

	p->syn_options = "<mss 1460,TS,nop,nop,nop,wscale 7>";
	p->host_port = 0;
	host_sysctl(t, "net.ipv4.tcp_mtu_probing", "2");
	fd = host_socket(t);
	host_connect(t, fd, p, -EINPROGRESS);
	hears(p, "S 0");
	lab_at(t, 100);
	says(p, "S.");
	hears(p, ". 1 ack 1");
	host_info_is(t, fd, tcpi_snd_mss, 1024);
	host_info_is(t, fd, tcpi_pmtu, 1500);
	host_send(t, fd, 30000, 0, 30000);
	hears_pairs(p, 1, 1024, 10);
	quiet(t);
	marked(t);
	lab_at(t, 200);
	acks(p, 10241);
	hears(p, ". 10241:11477");
	hears_pairs(p, 11477, 1024, 18);
	quiet(t);
	host_info_is(t, fd, tcpi_snd_cwnd, 19);
	counted(t, "TcpInSegs 1 TcpOutSegs 19 TCPPureAcks 1 TCPOrigDataSent 19 TCPDelivered 10");
	return fd;
}

static void a_probe_that_arrives_makes_segments_larger(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = probing(&t, &p);

	(void)state;
	lab_at(&t, 300);
	acks(&p, 11477);
	counted(&t, "TcpInSegs 1 TCPHPAcks 1 TCPMTUPSuccess 1 TCPDelivered 1");
	host_info_is(&t, fd, tcpi_snd_mss, 1236);
	host_info_is(&t, fd, tcpi_snd_cwnd, 16);
	tcp_lab_close(&t);
}

/* Three ACKs say that what follows the probe has arrived; the first two let the last of the data out. */
static void probe_is_lost(struct tcp_lab *t, struct peer *p)
{
	lab_at(t, 300);
	acks(p, 10241);
	hears(p, "P. 29909:30001");
	acks(p, 10241);
	marked(t);
	acks(p, 10241);
	hears(p, ". 10241:11265");
	hears(p, "P. 11265:11477");
	counted(t, "TcpInSegs 1 TcpRetransSegs 2 TCPPureAcks 1 TCPSlowStartRetrans 2 TCPMTUPFail 1 TCPDelivered 1");
}

static void a_probe_that_is_lost_is_no_congestion(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = probing(&t, &p);

	(void)state;
	probe_is_lost(&t, &p);
	host_info_is(&t, fd, tcpi_snd_cwnd, 20);
	host_info_is(&t, fd, tcpi_snd_mss, 1024);
	tcp_lab_close(&t);
}

/* Without SACK the ACK of all does not end the loss, the one behind it does. */
static void loss_is_over(struct tcp_lab *t, struct peer *p, int fd)
{
	lab_at(t, 400);
	acks(p, 30001);
	host_send(t, fd, 1024, 0, 1024);
	hears(p, "P. 30001:31025");
	host_info_is(t, fd, tcpi_ca_state, 4);
	lab_at(t, 500);
	acks(p, 31025);
	host_info_is(t, fd, tcpi_ca_state, 0);
	quiet(t);
}

/* Between 1076 and 1287 is 1181. */
static void after_a_lost_probe_the_next_is_smaller(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = probing(&t, &p);

	(void)state;
	probe_is_lost(&t, &p);
	loss_is_over(&t, &p, fd);
	host_send(&t, fd, 30000, 0, 30000);
	hears(&p, ". 31025:32154");
	tcp_lab_close(&t);
}

static void a_range_below_the_threshold_is_not_searched(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_slow_start_after_idle", "0");
	host_sysctl(&t, "net.ipv4.tcp_probe_interval", "1");
	fd = probing(&t, &p);
	host_sysctl(&t, "net.ipv4.tcp_probe_threshold", "300");
	probe_is_lost(&t, &p);
	loss_is_over(&t, &p, fd);
	host_send(&t, fd, 10240, 0, 10240);
	hears_pairs(&p, 31025, 1024, 10);
	lab_at(&t, 600);
	acks(&p, 41265);
	quiet(&t);
	lab_at(&t, 1200); /* more than a second after the search began: the whole range again */
	host_send(&t, fd, 1024, 0, 1024);
	hears(&p, "P. 41265:42289");
	acks(&p, 42289);
	host_send(&t, fd, 30000, 0, 30000);
	hears(&p, ". 42289:43525");
	tcp_lab_close(&t);
}

static void a_probe_that_the_timer_sends_again_shows_nothing(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = probing(&t, &p);

	(void)state;
	lab_at(&t, 600);
	hears(&p, ". 10241:11265");
	counted(&t, "TcpRetransSegs 1 TCPTimeouts 1 TcpTimeoutRehash 1");
	acks(&p, 11477);
	marked(&t);
	host_info_is(&t, fd, tcpi_snd_mss, 1024);
	tcp_lab_close(&t);
}

/* tcp_retries1 is 3: with the fourth timeout, 3 s after the first. */
static void a_black_hole_is_found_after_retries1(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_mtu_probing", "1");
	host_sends_segments(k, 1, 1);
	hears_at(&k->p, 201, "P. 1:1449");
	hears_at(&k->p, 603, "P. 1:1449");
	hears_at(&k->p, 1407, "P. 1:1449");
	hears_at(&k->p, 3015, "P. 1:1449");
	host_info_is(&k->t, k->fd, tcpi_snd_mss, 1448);
	hears_at(&k->p, 6231, ". 1:1025");
	host_info_is(&k->t, k->fd, tcpi_snd_mss, 1024);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 1500);
	acks(&k->p, 1025);
	hears(&k->p, "P. 1025:1449");
	acks(&k->p, 1449);
	host_send(&k->t, k->fd, 1448, 0, 1448);
	hears(&k->p, ". 1449:2473");
	hears(&k->p, "P. 2473:2897");
	talk_done(k);
}

/* Long after tcp_retries1 the route is given up; each segment takes one again. */
static void lacks_route(struct talk *k)
{
	int v;
	size_t len = sizeof(v);

	assert_int_equal(ho_sock_getopt(k->t.l.s, k->fd, HO_SOL_IP, HO_IP_MTU, &v, &len), -ENOTCONN);
}

static void a_black_hole_halves_the_size_with_each_timeout(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_mtu_probing", "1");
	host_sysctl(&k->t, "net.ipv4.tcp_retries1", "0");
	host_sends_segments(k, 1, 1);
	hears_at(&k->p, 201, "P. 1:1449");
	hears_at(&k->p, 603, ". 1:1025");
	hears_at(&k->p, 1407, ". 1:513");
	hears_at(&k->p, 3015, ". 1:257");
	hears_at(&k->p, 6231, ". 1:129");
	host_info_is(&k->t, k->fd, tcpi_snd_mss, 128);
	lacks_route(k);
	talk_done(k);
}

/* What a connection begins with is base_mss as it was then. */
static void the_floor_of_probing_can_be_set(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int lfd = host_listen(&t, 1), fd;

	(void)state;
	p.syn_options = "<mss 1460,TS,nop,nop,nop,wscale 7>";
	host_sysctl(&t, "net.ipv4.tcp_mtu_probing", "1");
	host_sysctl(&t, "net.ipv4.tcp_retries1", "0");
	host_sysctl(&t, "net.ipv4.tcp_base_mss", "700");
	fd = host_accepted(&t, lfd, &p);
	host_sysctl(&t, "net.ipv4.tcp_base_mss", "600");
	host_sysctl(&t, "net.ipv4.tcp_mtu_probe_floor", "400");
	host_send(&t, fd, 1448, 0, 1448);
	hears(&p, "P. 1:1449");
	hears_at(&p, 201, "P. 1:1449");
	hears_at(&p, 603, ". 1:701");
	hears_at(&p, 1407, ". 1:401");
	hears_at(&p, 3015, ". 1:401");
	tcp_lab_close(&t);
}

static void without_probing_a_black_hole_stays_one(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_retries1", "0");
	host_sends_segments(k, 1, 1);
	hears_at(&k->p, 201, "P. 1:1449");
	hears_at(&k->p, 603, "P. 1:1449");
	hears_at(&k->p, 1407, "P. 1:1449");
	talk_done(k);
}

static void a_child_begins_with_full_segments(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int lfd, fd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_mtu_probing", "2");
	lfd = host_listen(&t, 1);
	fd = host_accepted(&t, lfd, &p);
	host_info_is(&t, fd, tcpi_snd_mss, 1448);
	host_send(&t, fd, 1448, 0, 1448);
	hears(&p, "P. 1:1449");
	acks(&p, 1449);
	host_send(&t, fd, 1448, 0, 1448);
	hears(&p, "P. 1449:2897");
	tcp_lab_close(&t);
}

/* ---- what routes say ---- */

static void a_route_tells_the_mss_the_mtu_and_the_first_window(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);
	struct ho_route r = {.dst = PEER_ADDR & 0xffffff00, .prefix_len = 24, .mtu = 1000, .metrics = {.advmss = 600, .initcwnd = 3}};
	int lfd = host_listen(&t, 5), fd;

	(void)state;
	assert_int_equal(ho_route_replace(t.l.s, &r), 0);
	says(&p, "S 0");
	hears(&p, "S. 0 ack 1 <mss 600,sackOK,TS,wscale 10>");
	says(&p, ".");
	fd = host_accept(&t, lfd);
	host_info_is(&t, fd, tcpi_snd_cwnd, 3);
	host_info_is(&t, fd, tcpi_snd_mss, 948);
	host_send(&t, fd, 20000, 0, 20000);
	hears(&p, ". 1:949 ack 1");
	hears(&p, ". 949:1897 ack 1");
	hears(&p, ". 1897:2845 ack 1");
	quiet(&t);

	r.mtu = 1200; /* the connection hears of it when it has sent something */
	assert_int_equal(ho_route_replace(t.l.s, &r), 0);
	says(&p, ". 1 ack 2845");
	hears(&p, ". 2845:3793 ack 1");
	says(&p, ". 1 ack 3793");
	host_info_is(&t, fd, tcpi_snd_mss, 1148);

	assert_int_equal(ho_route_replace(t.l.s, &(struct ho_route){.dst = r.dst, .prefix_len = 24}), 0);
	lab_pump(&t.l);
	lab_forget(&t.l);
	fd = host_accepted(&t, lfd, &q);
	host_info_is(&t, fd, tcpi_snd_cwnd, 10);
	host_info_is(&t, fd, tcpi_snd_mss, 1448);
	tcp_lab_close(&t);
}

static void the_longest_prefix_holds(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	const struct ho_route host = {.dst = PEER_ADDR, .prefix_len = 32, .metrics = {.advmss = 700, .quickack = true}};

	(void)state;
	host_listen(&t, 5);
	assert_int_equal(ho_route_replace(t.l.s, &host), 0);
	assert_int_equal(ho_route_replace(t.l.s, &(struct ho_route){.metrics.advmss = 500}), 0);
	says(&p, "S 0");
	hears(&p, "S. 0 ack 1 <mss 700,sackOK,TS,wscale 10>");
	tcp_lab_close(&t);
}

static void a_locked_mtu_lets_routers_cut(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int lfd = host_listen(&t, 5), fd;

	(void)state;
	assert_int_equal(ho_route_replace(t.l.s, &(struct ho_route){.dst = PEER_ADDR, .prefix_len = 32, .mtu = 1400, .metrics.mtu_locked = true}), 0);
	fd = host_accepted(&t, lfd, &p);
	host_send(&t, fd, 100, 0, 100);
	hears(&p, "P. 1:101 ack 1");
	heard_df(&t, false);
	says_icmp_about(&p, FRAG_NEEDED, 1000, 1); /* whoever says so anyway is not believed */
	quiet(&t);
	host_info_is(&t, fd, tcpi_pmtu, 1400);
	tcp_lab_close(&t);
}

static void a_route_that_makes_no_sense_is_refused(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct ho_route r = {.dst = PEER_ADDR, .prefix_len = 24, .metrics.advmss = 500};

	(void)state;
	assert_int_equal(ho_route_replace(t.l.s, &r), -EINVAL); /* bits behind the prefix */
	assert_int_equal(ho_route_replace(t.l.s, &(struct ho_route){.prefix_len = 33, .metrics.advmss = 500}), -EINVAL);
	assert_int_equal(ho_route_replace(t.l.s, &(struct ho_route){.mtu = 67}), -EINVAL);
	assert_int_equal(ho_route_replace(t.l.s, &(struct ho_route){.metrics.advmss = 65496}), -EINVAL);
	assert_int_equal(ho_route_replace(t.l.s, &(struct ho_route){.metrics.initcwnd = 65536}), -EINVAL);
	assert_int_equal(ho_route_replace(t.l.s, &(struct ho_route){.metrics.rto_min_ms = 120001}), -EINVAL);
	tcp_lab_close(&t);
}

static void a_route_changes_the_least_timeout_and_the_delay_of_acks(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int lfd = host_listen(&t, 5), fd;

	(void)state;
	assert_int_equal(ho_route_replace(t.l.s, &(struct ho_route){.dst = PEER_ADDR, .prefix_len = 32, .metrics = {.rto_min_ms = 50, .quickack = true}}), 0);
	fd = host_accepted(&t, lfd, &p);
	host_send(&t, fd, 10, 0, 10);
	hears(&p, "P. 1:11 ack 1");
	says(&p, ". 1 ack 11");
	host_info_is(&t, fd, tcpi_rto, 51000);
	for (unsigned i = 0; i < 40; i++) {
		char text[64];

		snprintf(text, sizeof(text), "P. %u:%u", 1 + 10 * i, 11 + 10 * i);
		says(&p, text);
		snprintf(text, sizeof(text), ". 11 ack %u", 11 + 10 * i);
		hears(&p, text); /* at once, where after 16 of them others wait */
	}
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_too_large_goes_again_at_once_in_smaller_pieces),
		cmocka_unit_test(a_number_that_is_not_in_flight_changes_nothing),
		cmocka_unit_test(an_error_about_a_ping_changes_no_path),
		cmocka_unit_test(a_larger_mtu_is_not_believed),
		cmocka_unit_test(below_min_pmtu_packets_may_be_fragmented),
		cmocka_unit_test(an_old_router_that_gives_no_number_means_the_smallest),
		cmocka_unit_test(min_pmtu_can_be_set),
		cmocka_unit_test(after_mtu_expires_segments_grow_again),
		cmocka_unit_test(the_next_connection_to_there_knows),
		cmocka_unit_test(the_smallest_mss_told_is_min_adv_mss),
		cmocka_unit_test(a_connection_that_is_there_learns_when_it_sends),
		cmocka_unit_test(options_have_linuxs_values),
		cmocka_unit_test(without_discovery_packets_may_be_fragmented),
		cmocka_unit_test(do_never_lets_a_packet_be_fragmented),
		cmocka_unit_test(probe_interface_and_omit),
		cmocka_unit_test(children_take_the_listeners_discovery),
		cmocka_unit_test(ip_no_pmtu_disc),
		cmocka_unit_test(a_syn_is_small_enough),
		cmocka_unit_test(a_half_open_connection_is_not_interested),
		cmocka_unit_test(a_probe_that_arrives_makes_segments_larger),
		cmocka_unit_test(a_probe_that_is_lost_is_no_congestion),
		cmocka_unit_test(after_a_lost_probe_the_next_is_smaller),
		cmocka_unit_test(a_range_below_the_threshold_is_not_searched),
		cmocka_unit_test(a_probe_that_the_timer_sends_again_shows_nothing),
		cmocka_unit_test(a_black_hole_is_found_after_retries1),
		cmocka_unit_test(a_black_hole_halves_the_size_with_each_timeout),
		cmocka_unit_test(the_floor_of_probing_can_be_set),
		cmocka_unit_test(without_probing_a_black_hole_stays_one),
		cmocka_unit_test(a_child_begins_with_full_segments),
		cmocka_unit_test(a_route_tells_the_mss_the_mtu_and_the_first_window),
		cmocka_unit_test(the_longest_prefix_holds),
		cmocka_unit_test(a_locked_mtu_lets_routers_cut),
		cmocka_unit_test(a_route_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_route_changes_the_least_timeout_and_the_delay_of_acks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
