/* SPDX-License-Identifier: MIT
 * Echoes by a raw socket of the stack, as ping sends them: the time of sending stands in front of the payload, errors about
 * one are known by the identifier that they quote.  After the last one it waits for twice the longest round trip, or if none
 * came back, for the time that was asked for.  What is printed is iputils' text, line by line. */
#include "pinger.h"

#include "tools.h"

#include <halfopen/view.h>

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PINGS_MAX 16
#define IP_HDR 20u
#define ICMP_HDR 8u
#define STAMP_BYTES 8u
#define PAYLOAD_MAX 65507u
#define LINE_BYTES 256
#define SEQS 65536u

struct ping {
	bool running;
	struct ping_spec spec;
	uint64_t ticket;
	int fd;
	uint16_t ident;
	ho_time_ns began, next_at, last_at;
	uint64_t sent, received, errors, duplicates;
	ho_time_ns min_ns, max_ns;
	uint64_t sum_us, sum_us2;
	uint8_t seen[SEQS / 8]; /* answered already */
};

struct pinger {
	struct ho_stack *stack;
	struct control *control;
	uint16_t idents; /* given out so far */
	struct ping ping[PINGS_MAX];
	uint8_t packet[IP_HDR + 40 + ICMP_HDR + PAYLOAD_MAX];
};

/* ---- what is asked ---- */

/* "0.2": seconds, to a microsecond */
static bool seconds_parse(const char *text, ho_time_ns *out)
{
	char *end;
	double v;

	if (*text < '0' || *text > '9')
		return false;
	v = strtod(text, &end);
	if (*end != '\0' || !(v >= 0) || v > 86400)
		return false;
	*out = (ho_time_ns)(v * 1e6 + 0.5) * HO_US;
	return true;
}

static bool option_take(char letter, const char *value, struct ping_spec *out, char *why, size_t why_bytes)
{
	uint64_t v = 0;

	switch (letter) {
	case 'c':
		if (parse_u64(value, 1, UINT32_MAX, &v))
			break;
		snprintf(why, why_bytes, "-c '%.40s': a number from 1 on is wanted", value);
		return false;
	case 's':
		if (parse_u64(value, 0, PAYLOAD_MAX, &v))
			break;
		snprintf(why, why_bytes, "-s '%.40s': a number of bytes up to %u is wanted", value, PAYLOAD_MAX);
		return false;
	case 't':
		if (parse_u64(value, 1, 255, &v))
			break;
		snprintf(why, why_bytes, "-t '%.40s': a number from 1 to 255 is wanted", value);
		return false;
	case 'i':
		if (seconds_parse(value, &out->interval_ns) && out->interval_ns >= HO_MS)
			return true;
		snprintf(why, why_bytes, "-i '%.40s': seconds are wanted, 0.001 at least", value);
		return false;
	case 'W':
		if (seconds_parse(value, &out->wait_ns))
			return true;
		snprintf(why, why_bytes, "-W '%.40s': seconds are wanted", value);
		return false;
	default:
		snprintf(why, why_bytes, "'-%c': there are -c N, -i S, -s BYTES, -t TTL and -W S", letter);
		return false;
	}
	if (letter == 't')
		out->ttl = (uint8_t)v;
	else
		*(letter == 'c' ? &out->count : &out->payload_bytes) = (uint32_t)v;
	return true;
}

bool ping_spec_parse(int count, char **words, struct ping_spec *out, char *why, size_t why_bytes)
{
	bool addressed = false;

	*out = (struct ping_spec){.interval_ns = HO_SEC, .wait_ns = 10 * HO_SEC, .payload_bytes = 56};
	for (int i = 0; i < count; i++) {
		const char *w = words[i];

		if (w[0] == '-' && w[1] != '\0') {
			const char *value = w[2] != '\0' ? w + 2 : i + 1 < count ? words[++i] : "";

			if (!option_take(w[1], value, out, why, why_bytes))
				return false;
		} else if (addressed || ho_view_addr_parse(w, &out->addr) != 0) {
			snprintf(why, why_bytes, "'%.40s': one IPv4 address is wanted", w);
			return false;
		} else {
			addressed = true;
		}
	}
	if (!addressed)
		snprintf(why, why_bytes, "which address?");
	return addressed;
}

/* ---- what is said ---- */

__attribute__((format(printf, 3, 4))) static void say(struct pinger *p, struct ping *g, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n > 0)
		control_say(p->control, g->ticket, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static const char *addr_text(uint32_t addr, char text[22])
{
	ho_view_endpoint((struct ho_endpoint){addr, 0}, text);
	text[strcspn(text, ":")] = '\0';
	return text;
}

/* ping shows four digits at most. */
static void time_text(ho_time_ns ns, char text[24])
{
	uint64_t us = ns / 1000;

	if (us >= 99950)
		snprintf(text, 24, "%llu", (unsigned long long)((us + 500) / 1000));
	else if (us >= 9995)
		snprintf(text, 24, "%llu.%01llu", (unsigned long long)((us + 50) / 1000),
		         (unsigned long long)((us + 50) % 1000 / 100));
	else if (us >= 1000)
		snprintf(text, 24, "%llu.%02llu", (unsigned long long)((us + 5) / 1000),
		         (unsigned long long)((us + 5) % 1000 / 10));
	else
		snprintf(text, 24, "0.%03llu", (unsigned long long)us);
}

static uint64_t root(uint64_t v)
{
	uint64_t r = v, next = (v + 1) / 2;

	while (next < r) {
		r = next;
		next = (r + v / r) / 2;
	}
	return r;
}

#define MS_PARTS(us) (unsigned long long)((us) / 1000), (unsigned long long)((us) % 1000)

static void summary_say(struct pinger *p, struct ping *g)
{
	uint64_t n = g->received + g->duplicates, lost = g->sent > g->received ? g->sent - g->received : 0;
	char text[22], more[64] = "";
	size_t used = 0;

	if (g->duplicates > 0)
		used = (size_t)snprintf(more, sizeof(more), ", +%llu duplicates", (unsigned long long)g->duplicates);
	if (g->errors > 0)
		snprintf(more + used, sizeof(more) - used, ", +%llu errors", (unsigned long long)g->errors);
	say(p, g, "\n--- %s ping statistics ---\n", addr_text(g->spec.addr, text));
	say(p, g, "%llu packets transmitted, %llu received%s, %g%% packet loss, time %llums\n",
	    (unsigned long long)g->sent, (unsigned long long)g->received, more,
	    g->sent > 0 ? (double)(float)((double)lost * 100.0 / (double)g->sent) : 0.0,
	    (unsigned long long)((g->last_at - g->began) / HO_MS));
	if (n > 0 && g->spec.payload_bytes >= STAMP_BYTES) {
		uint64_t mean = g->sum_us / n, square = g->sum_us2 / n;

		say(p, g, "rtt min/avg/max/mdev = %llu.%03llu/%llu.%03llu/%llu.%03llu/%llu.%03llu ms\n",
		    MS_PARTS(g->min_ns / 1000), MS_PARTS(mean), MS_PARTS(g->max_ns / 1000),
		    MS_PARTS(root(square > mean * mean ? square - mean * mean : 0)));
	} else {
		say(p, g, "\n");
	}
}

static void ping_end(struct pinger *p, struct ping *g)
{
	summary_say(p, g);
	control_end(p->control, g->ticket, g->received > 0 ? EXIT_FINE : EXIT_FAILED);
	ho_sock_close(p->stack, g->fd);
	g->running = false;
}

/* ---- packets ---- */

static uint16_t be16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static void be16_put(uint8_t *b, uint32_t v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static uint16_t icmp_sum(const uint8_t *b, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void echo_send(struct pinger *p, struct ping *g, ho_time_ns now)
{
	size_t bytes = ICMP_HDR + g->spec.payload_bytes;
	uint8_t *m = p->packet;
	uint16_t seq = (uint16_t)(g->sent + 1);
	ptrdiff_t n;

	memset(m, 0, ICMP_HDR);
	m[0] = 8;
	be16_put(m + 4, g->ident);
	be16_put(m + 6, seq);
	for (uint32_t i = 0; i < g->spec.payload_bytes; i++)
		m[ICMP_HDR + i] = (uint8_t)i;
	if (g->spec.payload_bytes >= STAMP_BYTES)
		memcpy(m + ICMP_HDR, &now, STAMP_BYTES);
	be16_put(m + 2, icmp_sum(m, bytes));
	g->seen[seq / 8] &= (uint8_t) ~(1u << seq % 8);
	n = ho_sock_sendto(p->stack, g->fd, m, bytes, 0, (struct ho_endpoint){g->spec.addr, 0});
	if (n < 0) {
		say(p, g, "ping: sendmsg: %s\n", strerror((int)-n));
		g->errors += n != -EPERM;
	}
	g->sent++;
	g->last_at = now;
	g->next_at = now + g->spec.interval_ns;
}

static void reply_take(struct pinger *p, struct ping *g, uint32_t from, uint8_t ttl, const uint8_t *m, size_t bytes,
                       ho_time_ns now)
{
	uint16_t seq = be16(m + 6);
	bool again = g->seen[seq / 8] >> seq % 8 & 1;
	char text[22], time[24], timed[40] = "";
	ho_time_ns sent_at, took;

	if (bytes >= ICMP_HDR + STAMP_BYTES && g->spec.payload_bytes >= STAMP_BYTES) {
		memcpy(&sent_at, m + ICMP_HDR, STAMP_BYTES);
		took = now > sent_at ? now - sent_at : 0;
		g->min_ns = g->received + g->duplicates == 0 || took < g->min_ns ? took : g->min_ns;
		g->max_ns = took > g->max_ns ? took : g->max_ns;
		g->sum_us += took / 1000;
		g->sum_us2 += (took / 1000) * (took / 1000);
		time_text(took, time);
		snprintf(timed, sizeof(timed), " time=%s ms", time);
	}
	g->seen[seq / 8] |= (uint8_t)(1u << seq % 8);
	*(again ? &g->duplicates : &g->received) += 1;
	say(p, g, "%zu bytes from %s: icmp_seq=%u ttl=%u%s%s\n", bytes, addr_text(from, text), seq, ttl, timed,
	    again ? " (DUP!)" : "");
}

static void error_words(const uint8_t *m, char words[80])
{
	static const char *const unreachable[16] = {
		"Destination Net Unreachable",
		"Destination Host Unreachable",
		"Destination Protocol Unreachable",
		"Destination Port Unreachable",
		"",
		"Source Route Failed",
		"Destination Net Unknown",
		"Destination Host Unknown",
		"Source Host Isolated",
		"Destination Net Prohibited",
		"Destination Host Prohibited",
		"Destination Net Unreachable for Type of Service",
		"Destination Host Unreachable for Type of Service",
		"Packet filtered",
		"Precedence Violation",
		"Precedence Cutoff",
	};

	if (m[0] == 3 && m[1] == 4)
		snprintf(words, 80, "Frag needed and DF set (mtu = %u)", be16(m + 6));
	else if (m[0] == 3 && m[1] < 16)
		snprintf(words, 80, "%s", unreachable[m[1]]);
	else if (m[0] == 11)
		snprintf(words, 80, m[1] == 0 ? "Time to live exceeded" : "Frag reassembly time exceeded");
	else if (m[0] == 12)
		snprintf(words, 80, "Parameter problem: pointer = %u", m[4]);
	else if (m[0] == 4)
		snprintf(words, 80, "Source Quench");
	else
		snprintf(words, 80, "Bad ICMP type: %u", m[0]);
}

/* An error that quotes an echo of this ping. */
static void error_take(struct pinger *p, struct ping *g, uint32_t from, const uint8_t *m, size_t bytes)
{
	const uint8_t *ip = m + ICMP_HDR, *echo;
	char text[22], words[80];

	if (bytes < ICMP_HDR + IP_HDR || bytes < ICMP_HDR + (ip[0] & 15u) * 4 + ICMP_HDR || ip[9] != HO_IPPROTO_ICMP)
		return;
	echo = ip + (ip[0] & 15u) * 4;
	if (echo[0] != 8 || be16(echo + 4) != g->ident)
		return;
	g->errors++;
	error_words(m, words);
	say(p, g, "From %s icmp_seq=%u %s\n", addr_text(from, text), be16(echo + 6), words);
}

static void packet_take(struct pinger *p, struct ping *g, size_t bytes, ho_time_ns now)
{
	const uint8_t *ip = p->packet;
	size_t ip_bytes = (ip[0] & 15u) * 4;
	uint32_t from;

	if (bytes < IP_HDR || bytes < ip_bytes + ICMP_HDR)
		return;
	from = (uint32_t)be16(ip + 12) << 16 | be16(ip + 14);
	if (ip[ip_bytes] == 0 && be16(ip + ip_bytes + 4) == g->ident)
		reply_take(p, g, from, ip[8], ip + ip_bytes, bytes - ip_bytes, now);
	else if (ip[ip_bytes] == 3 || ip[ip_bytes] == 4 || ip[ip_bytes] == 11 || ip[ip_bytes] == 12)
		error_take(p, g, from, ip + ip_bytes, bytes - ip_bytes);
}

/* ---- a ping's life ---- */

static bool is_done(const struct ping *g)
{
	return g->spec.count != 0 && g->sent >= g->spec.count;
}

/* When it is over although something may still come. */
static ho_time_ns end_at(const struct ping *g)
{
	ho_time_ns wait = g->spec.wait_ns;

	if (g->received > 0) {
		wait = 2 * g->max_ns;
		wait = wait < g->spec.interval_ns ? g->spec.interval_ns : wait;
	}
	return g->last_at + wait;
}

static void ping_run(struct pinger *p, struct ping *g, ho_time_ns now)
{
	ptrdiff_t n;

	if (control_asker(p->control, g->ticket) == ASKER_GONE) {
		ho_sock_close(p->stack, g->fd);
		g->running = false;
		return;
	}
	while ((n = ho_sock_recvfrom(p->stack, g->fd, p->packet, sizeof(p->packet), 0, NULL)) >= 0)
		packet_take(p, g, (size_t)n, now);
	if (control_asker(p->control, g->ticket) == ASKER_ENOUGH ||
	    (is_done(g) && (g->received + g->errors >= g->sent || now >= end_at(g))))
		ping_end(p, g);
	else if (!is_done(g) && now >= g->next_at)
		echo_send(p, g, now);
}

void pinger_run(struct pinger *p, ho_time_ns now)
{
	for (int i = 0; i < PINGS_MAX; i++)
		if (p->ping[i].running)
			ping_run(p, &p->ping[i], now);
}

ho_time_ns pinger_deadline(const struct pinger *p)
{
	ho_time_ns first = HO_NEVER;

	for (int i = 0; i < PINGS_MAX; i++) {
		const struct ping *g = &p->ping[i];
		ho_time_ns at = is_done(g) ? end_at(g) : g->next_at;

		if (g->running && at < first)
			first = at;
	}
	return first;
}

int pinger_start(struct pinger *p, const struct ping_spec *spec, FILE *out)
{
	struct ho_route way;
	struct ping *g = p->ping;
	char text[22];
	int err;

	while (g < p->ping + PINGS_MAX && g->running)
		g++;
	if (g == p->ping + PINGS_MAX)
		return -EBUSY;
	err = ho_route_get(p->stack, spec->addr, &way);
	if (err < 0)
		return err;
	memset(g, 0, sizeof(*g));
	g->fd = ho_sock_open(p->stack, HO_SOCK_RAW, HO_IPPROTO_ICMP);
	if (g->fd < 0)
		return g->fd;
	if (spec->ttl != 0) {
		int ttl = spec->ttl;

		ho_sock_setopt(p->stack, g->fd, HO_SOL_IP, HO_IP_TTL, &ttl, sizeof(ttl));
	}
	g->spec = *spec;
	g->ident = ++p->idents;
	g->ticket = control_ticket(p->control);
	g->running = true;
	g->began = g->next_at = g->last_at = ho_stack_now(p->stack);
	addr_text(spec->addr, text);
	fprintf(out, "PING %s (%s) %u(%u) bytes of data.\n", text, text, spec->payload_bytes,
	        spec->payload_bytes + ICMP_HDR + IP_HDR);
	return 0;
}

struct pinger *pinger_open(struct ho_stack *s, struct control *c)
{
	struct pinger *p = calloc(1, sizeof(*p));

	if (p != NULL) {
		p->stack = s;
		p->control = c;
	}
	return p;
}

void pinger_close(struct pinger *p)
{
	for (int i = 0; p != NULL && i < PINGS_MAX; i++)
		if (p->ping[i].running)
			ping_end(p, &p->ping[i]);
	free(p);
}
