/* SPDX-License-Identifier: MIT
 * A laboratory for TCP: packets in and out as text, in the words of tcpdump, numbers relative to both ends' first.
 *
 *     struct tcp_lab t = tcp_lab();
 *     int lfd = host_listen(&t, 1);
 *     struct peer p = peer_of(&t, 1);                           198.18.0.1:40001, talks to HOST:9000
 *     says(&p, "S");                                            what is not said is as Linux would do it: sequence
 *     hears(&p, "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10>");   number, ack, window, options
 *     says(&p, ".");                                            what is not said is not compared
 *     hears_at(&p, 40, ". 1 ack 6");                            at 40 ms after the beginning, nothing before
 *     quiet(&t);                                                nothing (more) has come out
 *     counted(&t, "TcpInSegs 2 TcpOutSegs 1");                  of Tcp and TcpExt exactly these moved since the last time
 *
 * FLAGS [SEQ[:END]] [ack N] [win N] [urg N] [ecn N] [<options>]; a dot is ACK, - is none.  win is the header's number, not scaled;
 * ecn the two bits of the IP header: 2 ECT(0), 3 CE.
 * The byte of a stream at sequence number n is stream_byte(n), both ways, and is checked wherever it comes out.
 *
 * With TCP_LAB_LOG=FILE in the environment each step is written there, too: so that the same steps can be asked of a
 * real kernel (tests/kernel/tcp_replay.py). */
#ifndef HO_TEST_TCP_LAB_H
#define HO_TEST_TCP_LAB_H

#include "lab.h"

#define LAB_PORT 9000
#define LAB_FDS 64

struct tcp_lab {
	struct lab l;
	FILE *log;
	uint32_t wrote[LAB_FDS], read[LAB_FDS]; /* bytes of each descriptor's streams */
};

struct peer {
	struct tcp_lab *t;
	unsigned n;
	uint32_t addr;
	uint16_t port, host_port; /* host_port 0: learnt from the first packet heard */
	uint32_t isn, host_isn;
	uint32_t seq;             /* next to say, relative */
	uint32_t ack;             /* all heard before this, relative */
	const char *syn_options;
	bool ts;
	uint32_t ts_base, ts_heard, ts_syn; /* our clock at 0 ms; the last value heard; the one of the host's first SYN */
	uint32_t window;
};

static UNUSED uint8_t stream_byte(uint32_t relative_seq)
{
	return (uint8_t)('a' + relative_seq % 23);
}

#define say_log(t, ...) \
	do { \
		if ((t)->log != NULL) { \
			fprintf((t)->log, __VA_ARGS__); \
			fputc('\n', (t)->log); \
			fflush((t)->log); \
		} \
	} while (0)

static UNUSED struct tcp_lab tcp_lab_with(struct lab_options o, const char *test)
{
	const char *path = getenv("TCP_LAB_LOG");
	struct tcp_lab t = {.l = lab_open_with(o)};

	if (path != NULL)
		t.log = fopen(path, "a");
	say_log(&t, "test %s mtu %u tso %d route %d profile %u", test, o.mtu != 0 ? o.mtu : 1500,
	        (o.link_flags & HO_LINK_TSO) != 0, !o.no_default_route, o.linux_profile);
	return t;
}
#define tcp_lab(...) tcp_lab_with((struct lab_options){__VA_ARGS__}, __func__)

static UNUSED void tcp_lab_close(struct tcp_lab *t)
{
	say_log(t, "end");
	if (t->log != NULL)
		fclose(t->log);
	lab_close(&t->l);
}

static UNUSED struct peer peer_of(struct tcp_lab *t, unsigned n)
{
	say_log(t, "peer %u", n);
	return (struct peer){.t = t, .n = n, .addr = PEER_ADDR, .port = (uint16_t)(40000 + n), .host_port = LAB_PORT,
	                     .isn = 1000000 * n, .syn_options = "<mss 1460,sackOK,TS,nop,wscale 7>", .ts = true,
	                     .ts_base = 5000, .window = 65535};
}

static UNUSED void lab_at(struct tcp_lab *t, uint64_t ms)
{
	say_log(t, "at %llu", (unsigned long long)ms);
	lab_run(&t->l, ms);
}

/* A test fails; but with TCP_LAB_SOFT in the environment it says so and goes on, so that the log has all its steps. */
static UNUSED bool lab_soft(void)
{
	return getenv("TCP_LAB_SOFT") != NULL;
}
#define lab_fail(...) \
	do { \
		if (!lab_soft()) \
			fail_msg(__VA_ARGS__); \
		print_message(__VA_ARGS__); \
		print_message("\n"); \
	} while (0)
#define lab_expect(actual, expected) \
	do { \
		long long lab_is = (long long)(actual), lab_want = (long long)(expected); \
		if (lab_soft() && lab_is != lab_want) \
			print_message("%s: %lld, not %lld\n", __func__, lab_is, lab_want); \
		else \
			assert_int_equal(lab_is, lab_want); \
	} while (0)

/* ---- segments as text ---- */

#define SEG_TEXT_MAX 160

struct seg_text {
	uint8_t flags;
	bool has_seq, has_end, has_ack, has_win, has_urg, has_ecn, has_options;
	uint32_t seq, end, ack, win, urg, ecn;
	char options[SEG_TEXT_MAX];
};

static const char flag_letters[] = "FSRP.UEC";

static UNUSED uint8_t flags_of(const char *word)
{
	uint8_t flags = 0;

	for (; *word != '\0' && *word != '-'; word++) {
		const char *at = strchr(flag_letters, *word);

		if (at == NULL)
			fail_msg("no flag %s", word);
		else
			flags |= (uint8_t)(1u << (at - flag_letters));
	}
	return flags;
}

static UNUSED struct seg_text seg_text_of(const char *text)
{
	struct seg_text s = {0};
	char copy[SEG_TEXT_MAX], *open, *save = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	open = strchr(copy, '<');
	if (open != NULL) {
		s.has_options = true;
		snprintf(s.options, sizeof(s.options), "%s", open + 1);
		s.options[strcspn(s.options, ">")] = '\0';
		*open = '\0';
	}
	s.flags = flags_of(strtok_r(copy, " ", &save));
	for (char *w; (w = strtok_r(NULL, " ", &save)) != NULL;) {
		if (strcmp(w, "ack") == 0 || strcmp(w, "win") == 0 || strcmp(w, "urg") == 0 || strcmp(w, "ecn") == 0) {
			uint32_t n = (uint32_t)strtoll(strtok_r(NULL, " ", &save), NULL, 10);

			if (w[0] == 'a')
				s.has_ack = true, s.ack = n;
			else if (w[0] == 'w')
				s.has_win = true, s.win = n;
			else if (w[0] == 'e')
				s.has_ecn = true, s.ecn = n;
			else
				s.has_urg = true, s.urg = n;
			continue;
		}
		s.has_seq = true;
		s.seq = s.end = (uint32_t)strtoll(w, &w, 10);
		if (*w == ':')
			s.has_end = true, s.end = (uint32_t)strtoll(w + 1, NULL, 10);
	}
	return s;
}

/* ---- the peer says ---- */

/* fastopen [COOKIE in hex], as the experimental option: exp-fastopen */
static UNUSED uint8_t *put_fastopen_option(uint8_t *o, const char *word, bool exp)
{
	const char *hex = strchr(word, ' ');
	uint8_t *at = o + 2;
	unsigned byte;

	o[0] = exp ? TCP_OPT_EXP : TCP_OPT_FASTOPEN;
	if (exp) {
		put16(at, TCP_EXP_FASTOPEN);
		at += 2;
	}
	for (hex = hex != NULL ? hex + 1 : ""; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		*at++ = (uint8_t)byte;
	o[1] = (uint8_t)(at - o);
	return at;
}

/* TS [+-N of the peer's clock] [e+-N of what was heard last | s+-N of what the host's first SYN had] */
static UNUSED uint8_t *put_option(struct peer *p, uint8_t *o, const char *word)
{
	unsigned a, b;
	char of = 'e';
	int n = 0, e = 0;

	if (sscanf(word, "mss %u", &a) == 1) {
		put32(o, 0x02040000u | a);
		return o + 4;
	}
	if (sscanf(word, "wscale %u", &a) == 1) {
		o[0] = TCP_OPT_WSCALE, o[1] = 3, o[2] = (uint8_t)a;
		return o + 3;
	}
	if (strcmp(word, "sackOK") == 0) {
		o[0] = TCP_OPT_SACK_OK, o[1] = 2;
		return o + 2;
	}
	if (strncmp(word, "fastopen", 8) == 0 || strncmp(word, "exp-fastopen", 12) == 0)
		return put_fastopen_option(o, word, word[0] == 'e');
	if (strcmp(word, "md5") == 0 || strcmp(word, "md5-short") == 0) { /* RFC 2385; the second is a byte too short */
		o[0] = 19, o[1] = word[3] == 0 ? 18 : 17;
		memset(o + 2, 0xab, o[1] - 2u);
		return o + o[1];
	}
	if (strcmp(word, "nop") == 0) {
		*o = 1;
		return o + 1;
	}
	if (strncmp(word, "TS", 2) == 0) {
		sscanf(word, "TS %d %c%d", &n, &of, &e);
		o[0] = TCP_OPT_TS, o[1] = 10;
		put32(o + 2, p->ts_base + (uint32_t)lab_now_ms(&p->t->l) + (uint32_t)n);
		put32(o + 6, p->ts_heard != 0 ? (of == 's' ? p->ts_syn : p->ts_heard) + (uint32_t)e : 0);
		return o + 10;
	}
	if (strncmp(word, "sack ", 5) == 0) {
		uint8_t *at = o + 2;

		for (const char *w = word + 5; sscanf(w, "%u:%u%n", &a, &b, &n) == 2; w += n, at += 8) {
			put32(at, p->host_isn + a);
			put32(at + 4, p->host_isn + b);
		}
		o[0] = TCP_OPT_SACK, o[1] = (uint8_t)(at - o);
		return at;
	}
	fail_msg("no option %s", word);
	return o;
}

static UNUSED uint8_t put_options(struct peer *p, uint8_t *o, const char *options)
{
	char copy[SEG_TEXT_MAX], *save = NULL;
	uint8_t *at = o;

	snprintf(copy, sizeof(copy), "%s", options[0] == '<' ? options + 1 : options);
	copy[strcspn(copy, ">")] = '\0';
	for (char *w = strtok_r(copy, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save))
		at = put_option(p, at, w);
	while ((at - o) % 4 != 0)
		*at++ = 1;
	assert_true(at - o <= 40);
	return (uint8_t)(at - o);
}

static UNUSED const char *options_said(const struct peer *p, const struct seg_text *s)
{
	return s->has_options ? s->options : s->flags & TCP_SYN ? p->syn_options :
	       p->ts && !(s->flags & TCP_RST) ? "nop,nop,TS" : "";
}

static UNUSED struct bytes segment_of(struct peer *p, const struct seg_text *s)
{
	uint8_t m[2048] = {0};
	uint32_t seq = s->has_seq ? s->seq : p->seq, len = s->has_end ? s->end - s->seq : 0;
	uint8_t option_bytes = put_options(p, m + 20, options_said(p, s));
	uint32_t total = 20u + option_bytes + len;

	assert_true(total <= 1600);
	put16(m, p->port);
	put16(m + 2, p->host_port);
	put32(m + 4, p->isn + seq);
	if (s->flags & TCP_ACK)
		put32(m + 8, p->host_isn + (s->has_ack ? s->ack : p->ack));
	m[12] = (uint8_t)((20 + option_bytes) / 4 << 4);
	m[13] = s->flags;
	put16(m + 14, (uint16_t)(s->has_win ? s->win : p->window));
	put16(m + 18, (uint16_t)s->urg);
	for (uint32_t i = 0; i < len; i++)
		m[20u + option_bytes + i] = stream_byte(seq + !!(s->flags & TCP_SYN) + i);
	sum_store(m + 16, csum_add(csum_pseudo(p->addr, HOST, IP_PROTO_TCP, total), csum_partial(m, total)));
	return ip_make((struct ip_fields){.protocol = IP_PROTO_TCP, .saddr = p->addr, .tos = (uint8_t)s->ecn, .data = m,
	                                  .len = (uint16_t)total});
}

static UNUSED struct bytes say_bytes(struct peer *p, const char *text)
{
	struct seg_text s = seg_text_of(text);
	uint32_t end = (s.has_seq ? s.end : p->seq) + !!(s.flags & TCP_SYN) + !!(s.flags & TCP_FIN);
	struct bytes b = segment_of(p, &s);

	if ((s.has_end || (s.flags & (TCP_SYN | TCP_FIN))) && (int32_t)(end - p->seq) > 0 && (int32_t)(end - p->seq) < 1 << 20)
		p->seq = end;
	return b;
}

static UNUSED void flags_text(uint8_t flags, char *text)
{
	for (unsigned i = 0; i < 8; i++)
		if (flags & (1u << i))
			*text++ = flag_letters[i];
	*text = '\0';
}

/* In the log nothing is left out: it knows nothing of what a peer would say. */
static UNUSED void say_log_segment(struct peer *p, const char *how, const char *text)
{
	struct seg_text s = seg_text_of(text);
	uint32_t seq = s.has_seq ? s.seq : p->seq;
	const char *options = options_said(p, &s);
	char flags[16];

	flags_text(s.flags, flags);
	say_log(p->t, "%s %s %u:%u ack %u win %u urg %u ecn %u %s%s%s", how, flags[0] != '\0' ? flags : "-", seq,
	        s.has_end ? s.end : seq, s.has_ack ? s.ack : p->ack, s.has_win ? s.win : p->window, s.urg, s.ecn,
	        options[0] == '<' ? "" : "<", options, options[0] != '\0' && strchr(options, '>') != NULL ? "" : ">");
}

static UNUSED void says(struct peer *p, const char *text)
{
	char how[16];

	snprintf(how, sizeof(how), "says %u", p->n);
	say_log_segment(p, how, text);
	lab_in(&p->t->l, say_bytes(p, text));
}

/* As says(), but from or to another address. */
static UNUSED void says_between(struct peer *p, uint32_t saddr, uint32_t daddr, const char *text)
{
	struct bytes b;
	uint8_t *tcp = b.at + 20;
	char how[64];
	uint32_t len;

	snprintf(how, sizeof(how), "says_between %u %u %u %u", p->n, saddr, daddr, p->host_port);
	say_log_segment(p, how, text);
	b = say_bytes(p, text);
	len = b.len - 20;
	put16(tcp + 16, 0);
	sum_store(tcp + 16, csum_add(csum_pseudo(saddr, daddr, IP_PROTO_TCP, len), csum_partial(tcp, len)));
	lab_in(&p->t->l, ip_make((struct ip_fields){.protocol = IP_PROTO_TCP, .saddr = saddr, .daddr = daddr, .data = tcp,
	                                            .len = (uint16_t)len}));
}

/* An ICMP error about the packet last heard. */
static UNUSED void says_icmp(struct peer *p, uint8_t type, uint8_t code, uint32_t rest)
{
	const struct packet *k = p->t->l.out_last;

	say_log(p->t, "icmp %u %u %u %u", p->n, type, code, rest);
	assert_non_null(k);
	lab_in(&p->t->l,
	       icmp_make((struct icmp_fields){.type = type, .code = code, .rest = rest, .data = k->bytes, .len = 28}));
}

/* An ICMP error about a segment with this sequence number, heard or not. */
static UNUSED void says_icmp_about(struct peer *p, uint8_t type, uint8_t code, uint32_t rest, uint32_t seq)
{
	uint8_t quoted[28] = {0x45, [9] = IP_PROTO_TCP};

	say_log(p->t, "icmp_about %u %u %u %u %u", p->n, type, code, rest, seq);
	put16(quoted + 2, 1500);
	put32(quoted + 12, HOST);
	put32(quoted + 16, p->addr);
	put16(quoted + 20, p->host_port);
	put16(quoted + 22, p->port);
	put32(quoted + 24, p->host_isn + seq);
	lab_in(&p->t->l,
	       icmp_make((struct icmp_fields){.type = type, .code = code, .rest = rest, .data = quoted, .len = sizeof(quoted)}));
}

/* ---- the peer hears ---- */

static UNUSED void options_text(const struct peer *p, const uint8_t *o, const uint8_t *end, char *text, size_t cap)
{
	size_t n = 0;

	text[0] = '\0';
	while (o < end && *o != 0 && n < cap) {
		const char *comma = n > 0 ? "," : "";

		if (*o == 1) {
			o++;
			continue;
		}
		if (*o == TCP_OPT_MSS)
			n += (size_t)snprintf(text + n, cap - n, "%smss %u", comma, get16(o + 2));
		else if (*o == TCP_OPT_WSCALE)
			n += (size_t)snprintf(text + n, cap - n, "%swscale %u", comma, o[2]);
		else if (*o == TCP_OPT_SACK_OK)
			n += (size_t)snprintf(text + n, cap - n, "%ssackOK", comma);
		else if (*o == TCP_OPT_TS)
			n += (size_t)snprintf(text + n, cap - n, "%sTS", comma);
		else if (*o == TCP_OPT_FASTOPEN || *o == TCP_OPT_EXP) {
			unsigned i = *o == TCP_OPT_EXP ? 4 : 2;

			n += (size_t)snprintf(text + n, cap - n, "%s%s%s", comma, *o == TCP_OPT_EXP ? "exp-fastopen" : "fastopen",
			                      o[1] > i ? " " : "");
			for (; i < o[1]; i++)
				n += (size_t)snprintf(text + n, cap - n, "%02x", o[i]);
		} else if (*o == TCP_OPT_SACK)
			for (unsigned i = 2; i < o[1]; i += 8)
				n += (size_t)snprintf(text + n, cap - n, "%s%u:%u", i > 2 ? " " : n > 0 ? ",sack " : "sack ",
				                      get32(o + i) - p->isn, get32(o + i + 4) - p->isn);
		o += o[1];
	}
}

/* A packet in the words of says() and hears(). */
static UNUSED void heard_text(const struct peer *p, const struct packet *k, char *text, size_t cap)
{
	const uint8_t *h = k->bytes + 20;
	uint32_t hdr = (uint32_t)(h[12] >> 4) * 4, len = k->len - 20 - hdr, seq = get32(h + 4) - p->host_isn;
	char flags[16], options[SEG_TEXT_MAX];
	int n;

	flags_text(h[13], flags);
	options_text(p, h + 20, h + hdr, options, sizeof(options));
	n = snprintf(text, cap, "%s %u", flags, seq);
	if (len > 0)
		n += snprintf(text + n, cap - (size_t)n, ":%u", seq + len);
	if (h[13] & TCP_ACK)
		n += snprintf(text + n, cap - (size_t)n, " ack %u", get32(h + 8) - p->isn);
	n += snprintf(text + n, cap - (size_t)n, " win %u", get16(h + 14));
	if (h[13] & TCP_URG)
		n += snprintf(text + n, cap - (size_t)n, " urg %u", get16(h + 18));
	if (k->bytes[1] & 3)
		n += snprintf(text + n, cap - (size_t)n, " ecn %u", k->bytes[1] & 3u);
	snprintf(text + n, cap - (size_t)n, " <%s>", options);
}

static UNUSED bool seg_matches(const struct seg_text *want, const struct seg_text *is)
{
	return want->flags == is->flags && (!want->has_seq || (want->seq == is->seq && want->end == is->end)) &&
	       (!want->has_ack || want->ack == is->ack) && (!want->has_win || want->win == is->win) &&
	       (!want->has_urg || want->urg == is->urg) &&
	       (!want->has_ecn || want->ecn == is->ecn) &&
	       (!want->has_options || strcmp(want->options, is->options) == 0);
}

static UNUSED void heard_learn(struct peer *p, const struct packet *k)
{
	const uint8_t *h = k->bytes + 20;
	uint32_t hdr = (uint32_t)(h[12] >> 4) * 4, end;
	struct tcp_options o;

	if (p->host_port == 0)
		p->host_port = get16(h);
	tcp_options_parse(h + 20, hdr - 20, false, &o);
	if ((h[13] & TCP_SYN) && p->ack == 0) {
		p->host_isn = get32(h + 4);
		p->ts_syn = o.has_ts ? o.ts_val : 0;
	}
	end = get32(h + 4) - p->host_isn + (k->len - 20 - hdr) + !!(h[13] & TCP_SYN) + !!(h[13] & TCP_FIN);
	if (!(h[13] & TCP_RST) && (int32_t)(end - p->ack) > 0)
		p->ack = end;
	if (o.has_ts)
		p->ts_heard = o.ts_val;
	for (uint32_t i = 0, seq = get32(h + 4) - p->host_isn + !!(h[13] & TCP_SYN); i < k->len - 20 - hdr; i++)
		if (h[hdr + i] != stream_byte(seq + i))
			fail_msg("byte %u of the stream is wrong", seq + i);
}

static UNUSED bool packet_sum_good(const struct packet *k)
{
	uint32_t l4 = k->len - 20;

	return csum_fold(csum_partial(k->bytes, 20)) == 0 &&
	       csum_fold(csum_add(csum_pseudo(get32(k->bytes + 12), get32(k->bytes + 16), IP_PROTO_TCP, l4),
	                          csum_partial(k->bytes + 20, l4))) == 0;
}

static UNUSED struct packet *hears_line(struct peer *p, const char *text, const char *file, int line)
{
	struct seg_text want = seg_text_of(text), is;
	struct packet *k;
	char heard[SEG_TEXT_MAX];

	if (p->ack == 0 || p->host_port == 0)
		say_log(p->t, "learns %u%s%s", p->n, p->host_port == 0 ? " port" : "", p->ack == 0 ? " isn" : "");
	say_log(p->t, "hears %u %s", p->n, text);
	lab_pump(&p->t->l);
	if (p->t->l.out_head == NULL) {
		static struct packet none;

		lab_fail("%s:%d: expected %s, but heard nothing at %llu ms", file, line, text,
		         (unsigned long long)lab_now_ms(&p->t->l));
		return &none;
	}
	k = lab_out(&p->t->l);
	assert_int_equal(k->bytes[9], IP_PROTO_TCP);
	heard_learn(p, k);
	heard_text(p, k, heard, sizeof(heard));
	is = seg_text_of(heard);
	if (get32(k->bytes + 16) != p->addr || get16(k->bytes + 22) != p->port || !seg_matches(&want, &is))
		lab_fail("%s:%d: expected %s, but heard %s at %llu ms (to port %u)", file, line, text, heard,
		         (unsigned long long)k->at_ms, get16(k->bytes + 22));
	if (!packet_sum_good(k))
		fail_msg("%s:%d: a checksum is wrong", file, line);
	return k;
}
#define hears(p, text) hears_line(p, text, __FILE__, __LINE__)

static UNUSED void quiet_line(struct tcp_lab *t, const char *file, int line)
{
	say_log(t, "quiet");
	lab_pump(&t->l);
	if (t->l.out_head != NULL) {
		struct peer p = {.t = t};
		char heard[SEG_TEXT_MAX];

		heard_text(&p, t->l.out_head, heard, sizeof(heard));
		lab_fail("%s:%d: expected nothing, but at %llu ms: %s (absolute numbers)", file, line,
		         (unsigned long long)t->l.out_head->at_ms, heard);
		lab_forget(&t->l);
	}
}
#define quiet(t) quiet_line(t, __FILE__, __LINE__)

/* Nothing comes out up to a time. */
static UNUSED void quiet_until_line(struct tcp_lab *t, uint64_t ms, const char *file, int line)
{
	say_log(t, "until %llu", (unsigned long long)ms);
	lab_run(&t->l, ms);
	quiet_line(t, file, line);
}
#define quiet_until(t, ms) quiet_until_line(t, ms, __FILE__, __LINE__)

/* The next packet comes out at this time and not before. */
static UNUSED struct packet *hears_at_line(struct peer *p, uint64_t ms, const char *text, const char *file, int line)
{
	struct packet *k;

	if (ms > 0 && lab_now_ms(&p->t->l) < ms - 1) {
		lab_run(&p->t->l, ms - 1);
		if (p->t->l.out_head != NULL)
			print_message("%s:%d: too early\n", file, line);
		quiet_line(p->t, file, line);
	}
	say_log(p->t, "due %llu", (unsigned long long)ms);
	lab_run(&p->t->l, ms);
	k = hears_line(p, text, file, line);
	if (k->at_ms != ms)
		lab_fail("%s:%d: %s came at %llu ms, not %llu", file, line, text, (unsigned long long)k->at_ms,
		         (unsigned long long)ms);
	return k;
}
#define hears_at(p, ms, text) hears_at_line(p, ms, text, __FILE__, __LINE__)

/* Whether the packet last heard says Don't Fragment. */
static UNUSED void heard_df(struct tcp_lab *t, bool expected)
{
	say_log(t, "df %d", expected);
	lab_expect(t->l.out_last->bytes[6] >> 6 & 1, expected);
}

/* ---- the host's program ---- */

static UNUSED void host_sysctl(struct tcp_lab *t, const char *name, const char *value)
{
	say_log(t, "sysctl %s %s", name, value);
	assert_int_equal(ho_sysctl_set(t->l.s, name, value), 0);
}

static UNUSED int host_socket(struct tcp_lab *t)
{
	int fd = ho_sock_open(t->l.s, HO_SOCK_STREAM, 0);

	say_log(t, "socket %d", fd);
	assert_in_range(fd, 0, LAB_FDS - 1);
	t->wrote[fd] = t->read[fd] = 1;
	return fd;
}

static UNUSED void host_set(struct tcp_lab *t, int fd, int level, int name, int value)
{
	say_log(t, "setopt %d %d %d %d", fd, level, name, value);
	assert_int_equal(ho_sock_setopt(t->l.s, fd, level, name, &value, sizeof(value)), 0);
}

static UNUSED int host_get(struct tcp_lab *t, int fd, int level, int name)
{
	int value = 0;
	size_t len = sizeof(value);

	assert_int_equal(ho_sock_getopt(t->l.s, fd, level, name, &value, &len), 0);
	say_log(t, "getopt %d %d %d %d", fd, level, name, value);
	return value;
}

static UNUSED void host_bind(struct tcp_lab *t, int fd, uint16_t port)
{
	say_log(t, "bind %d %u", fd, port);
	assert_int_equal(ho_sock_bind(t->l.s, fd, (struct ho_endpoint){0, port}), 0);
}

static UNUSED void host_backlog(struct tcp_lab *t, int fd, int backlog)
{
	say_log(t, "listen %d %d", fd, backlog);
	assert_int_equal(ho_sock_listen(t->l.s, fd, backlog), 0);
}

static UNUSED int host_listen(struct tcp_lab *t, int backlog)
{
	int fd = host_socket(t);

	host_set(t, fd, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	host_bind(t, fd, LAB_PORT);
	host_backlog(t, fd, backlog);
	return fd;
}

/* expected: 0 gives the new descriptor, else the error. */
static UNUSED int host_accept_gives(struct tcp_lab *t, int lfd, int expected)
{
	int fd = ho_sock_accept(t->l.s, lfd, NULL);

	say_log(t, "accept %d %d", lfd, fd);
	if (expected < 0) {
		lab_expect(fd, expected);
		return fd;
	}
	assert_in_range(fd, 0, LAB_FDS - 1);
	t->wrote[fd] = t->read[fd] = 1;
	return fd;
}

static UNUSED int host_accept(struct tcp_lab *t, int lfd)
{
	return host_accept_gives(t, lfd, 0);
}

static UNUSED void host_connect(struct tcp_lab *t, int fd, struct peer *p, int expected)
{
	say_log(t, "connect %d %u %d", fd, p->n, expected);
	lab_expect(ho_sock_connect(t->l.s, fd, (struct ho_endpoint){p->addr, p->port}), expected);
}

static UNUSED void host_connect_to(struct tcp_lab *t, int fd, uint32_t addr, uint16_t port, int expected)
{
	say_log(t, "connect_to %d %u %u %d", fd, addr, port, expected);
	lab_expect(ho_sock_connect(t->l.s, fd, (struct ho_endpoint){addr, port}), expected);
}

static UNUSED void host_send(struct tcp_lab *t, int fd, uint32_t len, int flags, ptrdiff_t expected)
{
	uint8_t *buf = malloc(len + 1);
	ptrdiff_t n;

	assert_non_null(buf);
	for (uint32_t i = 0; i < len; i++)
		buf[i] = stream_byte(t->wrote[fd] + i);
	n = ho_sock_send(t->l.s, fd, buf, len, flags);
	free(buf);
	say_log(t, "send %d %u %d %lld", fd, len, flags, (long long)expected);
	if (n > 0)
		t->wrote[fd] += (uint32_t)n;
	lab_expect(n, expected);
}

/* MSG_FASTOPEN. */
static UNUSED void host_sendto(struct tcp_lab *t, int fd, struct peer *p, uint32_t len, ptrdiff_t expected)
{
	uint8_t *buf = malloc(len + 1);
	ptrdiff_t n;

	assert_non_null(buf);
	for (uint32_t i = 0; i < len; i++)
		buf[i] = stream_byte(t->wrote[fd] + i);
	n = ho_sock_sendto(t->l.s, fd, buf, len, HO_MSG_FASTOPEN, (struct ho_endpoint){p->addr, p->port});
	free(buf);
	say_log(t, "sendto %d %u %u %lld", fd, p->n, len, (long long)expected);
	if (n > 0)
		t->wrote[fd] += (uint32_t)n;
	lab_expect(n, expected);
}

static UNUSED void host_recv(struct tcp_lab *t, int fd, uint32_t len, int flags, ptrdiff_t expected)
{
	uint8_t *buf = malloc(len + 1);
	ptrdiff_t n;

	assert_non_null(buf);
	n = ho_sock_recv(t->l.s, fd, buf, len, flags);
	say_log(t, "recv %d %u %d %lld", fd, len, flags, (long long)expected);
	for (ptrdiff_t i = 0; i < n && !(flags & HO_MSG_OOB); i++)
		if (buf[i] != stream_byte(t->read[fd] + (uint32_t)i))
			fail_msg("byte %u of what was read is wrong", t->read[fd] + (uint32_t)i);
	free(buf);
	if (n > 0 && !(flags & (HO_MSG_PEEK | HO_MSG_OOB)))
		t->read[fd] += (uint32_t)n;
	lab_expect(n, expected);
}

/* recv(MSG_OOB) gives the byte of this sequence number; from now on the stream is without it, unless it is inline. */
static UNUSED void host_recv_urgent(struct tcp_lab *t, int fd, uint32_t seq)
{
	uint8_t byte = 0;

	say_log(t, "urgent %d %u", fd, seq);
	lab_expect(ho_sock_recv(t->l.s, fd, &byte, 1, HO_MSG_OOB), 1);
	lab_expect(byte, stream_byte(seq));
}

/* The next bytes that are read are not these. */
static UNUSED void host_misses(struct tcp_lab *t, int fd, uint32_t bytes)
{
	say_log(t, "misses %d %u", fd, bytes);
	t->read[fd] += bytes;
}

/* SIOCATMARK, SIOCINQ */
static UNUSED void host_at_mark(struct tcp_lab *t, int fd, int mark, int inq)
{
	say_log(t, "at_mark %d %d %d", fd, mark, inq);
	lab_expect(ho_sock_atmark(t->l.s, fd), mark);
	lab_expect(ho_sock_inq(t->l.s, fd), inq);
}

static UNUSED void host_close(struct tcp_lab *t, int fd)
{
	say_log(t, "close %d", fd);
	assert_int_equal(ho_sock_close(t->l.s, fd), 0);
}

static UNUSED void host_shutdown(struct tcp_lab *t, int fd, int how, int expected)
{
	say_log(t, "shutdown %d %d %d", fd, how, expected);
	lab_expect(ho_sock_shutdown(t->l.s, fd, how), expected);
}

static UNUSED void host_linger(struct tcp_lab *t, int fd, int seconds)
{
	struct ho_linger l = {1, seconds};

	say_log(t, "linger %d %d", fd, seconds);
	assert_int_equal(ho_sock_setopt(t->l.s, fd, HO_SOL_SOCKET, HO_SO_LINGER, &l, sizeof(l)), 0);
}

/* TCP_FASTOPEN_KEY, with hex digits. */
static UNUSED void host_fastopen_key(struct tcp_lab *t, int fd, const char *hex, int expected)
{
	uint8_t key[64];
	size_t n = 0;
	unsigned byte;

	for (const char *at = hex; n < sizeof(key) && sscanf(at, "%2x", &byte) == 1; at += 2)
		key[n++] = (uint8_t)byte;
	say_log(t, "fastopen_key %d %s %d", fd, hex, expected);
	lab_expect(ho_sock_setopt(t->l.s, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_KEY, key, n), expected);
}

static UNUSED void host_set_gives(struct tcp_lab *t, int fd, int level, int name, int value, int expected)
{
	say_log(t, "setopt_gives %d %d %d %d %d", fd, level, name, value, expected);
	lab_expect(ho_sock_setopt(t->l.s, fd, level, name, &value, sizeof(value)), expected);
}

/* SO_ERROR: taken. */
static UNUSED void host_error(struct tcp_lab *t, int fd, int expected)
{
	int err = 0;
	size_t len = sizeof(err);

	say_log(t, "getopt %d %d %d %d", fd, HO_SOL_SOCKET, HO_SO_ERROR, expected);
	lab_expect(ho_sock_getopt(t->l.s, fd, HO_SOL_SOCKET, HO_SO_ERROR, &err, &len), 0);
	lab_expect(err, expected);
}

static UNUSED void host_polls(struct tcp_lab *t, int fd, uint32_t expected)
{
	say_log(t, "poll %d %u", fd, expected);
	lab_expect(ho_sock_poll(t->l.s, fd), expected);
}

static UNUSED struct ho_tcp_info host_info(struct tcp_lab *t, int fd)
{
	struct ho_tcp_info i;
	size_t len = sizeof(i);

	assert_int_equal(ho_sock_getopt(t->l.s, fd, HO_SOL_TCP, HO_TCP_INFO, &i, &len), 0);
	return i;
}

static UNUSED void host_state(struct tcp_lab *t, int fd, unsigned expected)
{
	say_log(t, "state %d %u", fd, expected);
	lab_expect(host_info(t, fd).tcpi_state, expected);
}

/* A field of struct tcp_info. */
#define host_info_is(t, fd, field, expected) \
	do { \
		say_log(t, "info %d %s %zu %zu %llu", fd, #field, offsetof(struct ho_tcp_info, field), \
		        sizeof(((struct ho_tcp_info *)0)->field), (unsigned long long)(expected)); \
		lab_expect(host_info(t, fd).field, expected); \
	} while (0)

/* Drops as SO_MEMINFO and `ss -m` show them. */
static UNUSED void host_drops(struct tcp_lab *t, int fd, uint32_t expected)
{
	uint32_t m[9];
	size_t len = sizeof(m);

	say_log(t, "drops %d %u", fd, expected);
	assert_int_equal(ho_sock_getopt(t->l.s, fd, HO_SOL_SOCKET, HO_SO_MEMINFO, m, &len), 0);
	lab_expect(m[8], expected);
}

/* Half-open requests of a listener, and its accept queue. */
static UNUSED void host_queues(struct tcp_lab *t, int lfd, uint32_t syn_queue, uint32_t accept_queue)
{
	struct ho_sock_info i;

	say_log(t, "queues %d %u %u", lfd, syn_queue, accept_queue);
	assert_int_equal(ho_sock_info_get(t->l.s, lfd, &i), 0);
	lab_expect(i.syn_queue, syn_queue);
	lab_expect(i.recv_q, accept_queue);
}

/* ---- both ---- */

static UNUSED void peer_handshake(struct peer *p)
{
	says(p, "S");
	hears(p, "S. 0 ack 1");
	says(p, ".");
}

/* A connection of a peer that speaks as Linux does; host_accept gives the descriptor. */
static UNUSED int host_accepted(struct tcp_lab *t, int lfd, struct peer *p)
{
	peer_handshake(p);
	quiet(t);
	return host_accept(t, lfd);
}

/* The host connects; the peer answers at once. */
static UNUSED int host_connected(struct tcp_lab *t, struct peer *p)
{
	int fd = host_socket(t);

	p->host_port = 0;
	host_connect(t, fd, p, -EINPROGRESS);
	hears(p, "S 0");
	says(p, "S.");
	hears(p, ". 1 ack 1");
	return fd;
}

static UNUSED void marked(struct tcp_lab *t)
{
	say_log(t, "mark");
	lab_mark(&t->l);
}

/* Of the groups Tcp and TcpExt exactly these have moved; others by as much, if they are named. */
static UNUSED void counted_line(struct tcp_lab *t, const char *expected, const char *file, int line)
{
	int64_t *want = calloc(HO_COUNTER_COUNT, sizeof(*want));
	bool same = true;
	char name[64];
	long long n;
	int used;

	say_log(t, "counted %s", expected);
	for (const char *at = expected; sscanf(at, " %63s %lld%n", name, &n, &used) == 2; at += used) {
		int counter = ho_counter_find(name);

		if (counter < 0)
			fail_msg("%s:%d: no counter %s", file, line, name);
		want[counter] = n;
	}
	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++)
		if ((strncmp(ho_counter_row(i)->group, "Tcp", 3) == 0 || want[i] != 0) && lab_moved(&t->l, i) != want[i]) {
			print_message("%s:%d: %s %lld, expected %lld\n", file, line, ho_counter_row(i)->name,
			              (long long)lab_moved(&t->l, i), (long long)want[i]);
			same = false;
		}
	free(want);
	if (!same)
		lab_fail("%s:%d: counters", file, line);
	lab_mark(&t->l);
}
#define counted(t, expected) counted_line(t, expected, __FILE__, __LINE__)

#endif
