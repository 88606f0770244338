/* SPDX-License-Identifier: MIT
 * What Prometheus reads: counters, sockets and limits under the names that node_exporter gives them, and what it has no names
 * for (listeners, requests, memory) as halfopen_*.
 *
 * node_exporter calls its numbers "untyped", because it does not know which of them only grow. OpenMetrics has the type
 * "unknown" for the same thing, and its samples are named as the family, without "_total": so the series are the same ones in
 * both formats. What is ours says its type, and a counter's sample ends in "_total" in either.
 * Source  OpenMetrics 1.0.0; Prometheus text format 0.0.4; the names: node_exporter 1.5.0, collectors netstat, sockstat, sysctl. */
#include <string.h>

#include "view.h"

enum type { TYPE_COUNTER, TYPE_GAUGE, TYPE_UNKNOWN, TYPE_INFO, TYPES };

static const struct {
	const char *openmetrics, *prometheus, *suffix;
} types[TYPES] = {
	[TYPE_COUNTER] = {"counter", "counter", "_total"},
	[TYPE_GAUGE] = {"gauge", "gauge", ""},
	[TYPE_UNKNOWN] = {"unknown", "untyped", ""},
	[TYPE_INFO] = {"info", "gauge", "_info"},
};

/* What is being written, and the family whose samples come now. */
struct metrics {
	struct text *t;
	const struct ho_stack *s;
	bool openmetrics;
	const char *name, *suffix;
};

/* ---- families and samples ---- */

static void help_text_add(struct metrics *m, const char *help)
{
	for (;;) {
		size_t plain = strcspn(help, m->openmetrics ? "\\\n\"" : "\\\n");

		text_add(m->t, "%.*s", (int)plain, help);
		help += plain;
		if (*help == '\0')
			break;
		text_add(m->t, "\\%c", *help == '\n' ? 'n' : *help);
		help++;
	}
	text_add(m->t, "\n");
}

/* Names with "_seconds" or "_bytes" at the end have that unit. */
static const char *unit_of(const char *name)
{
	const char *last = strrchr(name, '_');

	return last != NULL && (strcmp(last, "_seconds") == 0 || strcmp(last, "_bytes") == 0) ? last + 1 : NULL;
}

static void family_begin(struct metrics *m, const char *name, enum type type, const char *help)
{
	const char *said = m->openmetrics ? "" : types[type].suffix;
	const char *unit = m->openmetrics && type != TYPE_UNKNOWN ? unit_of(name) : NULL;

	m->name = name;
	m->suffix = types[type].suffix;
	text_add(m->t, "# TYPE %s%s %s\n", name, said,
	         m->openmetrics ? types[type].openmetrics : types[type].prometheus);
	if (unit != NULL)
		text_add(m->t, "# UNIT %s %s\n", name, unit);
	text_add(m->t, "# HELP %s%s ", name, said);
	help_text_add(m, help);
}

/* The name of a sample; its labels and its value are to follow. */
static void sample_begin(struct metrics *m)
{
	text_add(m->t, "%s%s", m->name, m->suffix);
}

static void family_of_one(struct metrics *m, const char *name, enum type type, const char *help, uint64_t value)
{
	family_begin(m, name, type, help);
	sample_begin(m);
	text_add(m->t, " %llu\n", LLU(value));
}

/* ---- node_netstat: /proc/net/snmp and netstat ---- */

static void row_add(struct metrics *m, unsigned counter, const struct ho_counter_row *row)
{
	static const char *const about[] = {
		[HO_FIXED] = "Constant: ", [HO_LATER] = "Not counted yet: ", [HO_NEVER_MOVES] = "Never moves: "};
	char name[96], help[1024];
	struct text n = text_into(name, sizeof(name)), h = text_into(help, sizeof(help));

	text_add(&n, "node_netstat_%s_%s", row->group, row->name);
	text_add(&h, "%s%s", row->kind == HO_LIVE || row->kind == HO_LEVEL ? "" : about[row->kind], row->text);
	family_begin(m, name, TYPE_UNKNOWN, help);
	sample_begin(m);
	text_add(m->t, " ");
	counter_value_add(m->t, m->s, counter);
	text_add(m->t, "\n");
}

/* As in Linux's file: only types that have been seen. */
static void icmp_type_add(struct metrics *m, unsigned counter)
{
	unsigned type = (counter - HO_IcmpMsgInType) % 256;
	const char *way = counter < HO_IcmpMsgOutType ? "In" : "Out";
	char name[64], help[64];
	struct text n = text_into(name, sizeof(name)), h = text_into(help, sizeof(help));

	text_add(&n, "node_netstat_IcmpMsg_%sType%u", way, type);
	text_add(&h, "an ICMP message of type %u %s", type, counter < HO_IcmpMsgOutType ? "arrived" : "was sent");
	family_of_one(m, name, TYPE_UNKNOWN, help, ho_counter_get(m->s, counter));
}

static void netstat_add(struct metrics *m)
{
	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++)
		row_add(m, i, ho_counter_row(i));
	for (unsigned i = HO_IcmpMsgInType; i < HO_COUNTER_COUNT; i++)
		if (ho_counter_get(m->s, i) != 0)
			icmp_type_add(m, i);
}

/* ---- node_sockstat: /proc/net/sockstat ---- */

#define PAGE_BYTES 4096

/* Cuts the next word off a line, which stays as it is.  Gives  its length, 0 at the end of the line. */
static size_t word_next(const char **at, const char **word)
{
	size_t len;

	*at += strspn(*at, " ");
	*word = *at;
	len = strcspn(*at, " \n");
	*at += len;
	return len;
}

static uint64_t number_of(const char *word, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len && word[i] >= '0' && word[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(word[i] - '0');
	return v;
}

static void sockstat_value_add(struct metrics *m, const char *group, int group_len, const char *what, uint64_t value)
{
	char name[64], help[80];
	struct text n = text_into(name, sizeof(name)), h = text_into(help, sizeof(help));

	text_add(&n, "node_sockstat_%.*s_%s", group_len, group, what);
	text_add(&h, "/proc/net/sockstat, %.*s: %s", group_len, group, what);
	family_of_one(m, name, TYPE_GAUGE, help, value);
}

/* "TCP: inuse 4 orphan 1" */
static void sockstat_line_add(struct metrics *m, const char *line)
{
	int group_len = (int)strcspn(line, ":\n");
	const char *at = line + group_len + 1, *word, *number;
	char what[32];
	size_t len;

	while ((len = word_next(&at, &word)) > 0 && len < sizeof(what)) {
		size_t digits = word_next(&at, &number);

		memcpy(what, word, len);
		what[len] = '\0';
		sockstat_value_add(m, line, group_len, what, number_of(number, digits));
		if (strcmp(what, "mem") == 0)
			sockstat_value_add(m, line, group_len, "mem_bytes", number_of(number, digits) * PAGE_BYTES);
	}
}

/* Linux's own file, read: so there is one place that knows what is in it. */
static void sockstat_add(struct metrics *m)
{
	char file[1024];

	if (ho_view_sockstat(m->s, file, sizeof(file)) >= sizeof(file))
		return;
	for (const char *line = file; *line != '\0'; line = strchr(line, '\n') + 1)
		sockstat_line_add(m, line);
}

/* ---- node_sysctl: the limits that counters and queues meet ---- */

static const char *const sysctls[] = {
	"net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies",
	"net.ipv4.tcp_mem",   "net.ipv4.tcp_max_orphans",     "net.ipv4.tcp_abort_on_overflow",
	"net.ipv4.udp_mem",   "net.ipv4.tcp_max_tw_buckets",
};

static void sysctl_name_add(struct text *t, const char *sysctl)
{
	text_add(t, "node_sysctl_");
	for (; *sysctl != '\0'; sysctl++)
		text_add(t, "%c", *sysctl == '.' ? '_' : *sysctl);
}

static void sysctl_add(struct metrics *m, const char *sysctl)
{
	char value[128], name[96], help[96];
	struct text n = text_into(name, sizeof(name)), h = text_into(help, sizeof(help));
	bool several;

	if (ho_sysctl_get(m->s, sysctl, value, sizeof(value)) < 0)
		return;
	sysctl_name_add(&n, sysctl);
	text_add(&h, "sysctl %s", sysctl);
	family_begin(m, name, TYPE_UNKNOWN, help);
	several = value[strcspn(value, " \t")] != '\0';
	for (unsigned index = 0, at = 0; value[at] != '\0'; index++) {
		int len = (int)strcspn(value + at, " \t");

		sample_begin(m);
		if (several)
			text_add(m->t, "{index=\"%u\"}", index);
		text_add(m->t, " %.*s\n", len, value + at);
		at += (unsigned)len;
		at += (unsigned)strspn(value + at, " \t");
	}
}

/* ---- the host ---- */

static void host_add(struct metrics *m)
{
	struct ho_memory mem;

	ho_stack_memory(m->s, &mem);
	family_begin(m, "halfopen_build", TYPE_INFO, "The version of halfopen");
	sample_begin(m);
	text_add(m->t, "{version=\"%s\"} 1\n", ho_version());
	family_of_one(m, "halfopen_requests", TYPE_GAUGE, "Half-open connections, of all listeners: SYN-RECV",
	              mem.requests);
	family_of_one(m, "halfopen_allocated_bytes", TYPE_GAUGE, "Memory that the stack has from its allocator",
	              mem.allocated_bytes);
	family_of_one(m, "halfopen_tcp_memory_pressure", TYPE_GAUGE,
	              "1: all TCP sockets together use more than tcp_mem's second number", mem.tcp_pressure);
}

/* ---- listeners ---- */

/* A listener as its families see it. */
struct seen {
	struct listener l;
	ho_time_ns oldest; /* for how long the head of the accept queue has been waiting; 0: queue empty */
};

struct listener_family {
	const char *name;
	enum type type;
	size_t offset, bytes; /* of the value in struct seen */
	const char *help;
};

#define VALUE(field) offsetof(struct seen, field), sizeof(((struct seen *)NULL)->field)

static const struct listener_family families[] = {
	{"halfopen_listener_backlog_asked", TYPE_GAUGE, VALUE(l.i.backlog_asked),
         "The argument of listen(), read as unsigned"},
	{"halfopen_listener_backlog", TYPE_GAUGE, VALUE(l.i.limit),
         "The smaller one of listen()'s argument and somaxconn: Send-Q of `ss -ltn`"},
	{"halfopen_listener_accept_queue_length", TYPE_GAUGE, VALUE(l.i.accept_queue),
         "Connections that wait for accept(): Recv-Q of `ss -ltn`"},
	{"halfopen_listener_accept_queue_limit", TYPE_GAUGE, VALUE(l.i.accept_queue_holds),
         "How many connections fit into the accept queue: the backlog and one more"},
	{"halfopen_listener_accept_queue_high_water", TYPE_GAUGE, VALUE(l.i.accept_queue_max),
         "The most connections that have waited for accept() at once since listen()"},
	{"halfopen_listener_accept_queue_wanted", TYPE_GAUGE, VALUE(l.i.accept_queue_wanted),
         "The most that would have waited at once without a limit, at most"},
	{"halfopen_listener_oldest_waiting_seconds", TYPE_GAUGE, VALUE(oldest),
         "For how long the first one of the accept queue has been waiting; 0: nobody waits"},
	{"halfopen_listener_longest_wait_seconds", TYPE_GAUGE, VALUE(l.i.longest_wait),
         "The longest wait of those that accept() took"},
	{"halfopen_listener_syn_queue_length", TYPE_GAUGE, VALUE(l.i.syn_queue), "Half-open connections"},
	{"halfopen_listener_syn_queue_young", TYPE_GAUGE, VALUE(l.i.syn_queue_young),
         "Half-open connections whose SYN+ACK was not sent again"},
	{"halfopen_listener_syn_queue_limit", TYPE_GAUGE, VALUE(l.i.syn_queue_holds),
         "How many half-open connections of unknown peers there may be"},
	{"halfopen_listener_syn_queue_high_water", TYPE_GAUGE, VALUE(l.i.syn_queue_max),
         "The most half-open connections at once since listen()"},
	{"halfopen_listener_requests", TYPE_COUNTER, VALUE(l.i.requests), "SYNs that became half-open connections"},
	{"halfopen_listener_requests_timed_out", TYPE_COUNTER, VALUE(l.i.timed_out),
         "Half-open connections whose SYN+ACK nobody answered"},
	{"halfopen_listener_queued", TYPE_COUNTER, VALUE(l.i.queued), "Connections that entered the accept queue"},
	{"halfopen_listener_accepted", TYPE_COUNTER, VALUE(l.i.accepted), "Connections that accept() took"},
	{"halfopen_listener_cookies_sent", TYPE_COUNTER, VALUE(l.i.cookies), "SYNs that were answered by a cookie"},
	{"halfopen_listener_cookies_received", TYPE_COUNTER, VALUE(l.cookies_good), "Cookies that came back good"},
	{"halfopen_listener_cookies_failed", TYPE_COUNTER, VALUE(l.cookies_bad), "Cookies that came back bad"},
	{"halfopen_listener_sk_drops", TYPE_COUNTER, VALUE(l.sk_drops),
         "What Linux counts as the socket's drops: d of `ss -lm`"},
};

/* A walk over all sockets a family would be dear where there are many: where the listeners are is written down. */
#define PLACES 512

struct places {
	uint64_t cursor[PLACES]; /* before each of the first listeners */
	unsigned count;
	bool all; /* there are no more of them */
};

static void places_find(const struct ho_stack *s, struct places *p)
{
	uint64_t cursor = 0, before = 0;
	struct ho_sock_info row;

	p->count = 0;
	while (ho_sock_next(s, &cursor, &row)) {
		if (row.state == HO_LISTEN) {
			if (p->count == PLACES) {
				p->all = false;
				return;
			}
			p->cursor[p->count++] = before;
		}
		before = cursor;
	}
	p->all = true;
}

/* Gives  false after the last.  Takes  *place and *cursor: 0 to begin. */
static bool seen_next(const struct ho_stack *s, const struct places *p, unsigned *place, uint64_t *cursor,
                      struct seen *out)
{
	if (*place < p->count)
		*cursor = p->cursor[*place];
	else if (p->all)
		return false;
	++*place;
	if (!listener_next(s, cursor, &out->l))
		return false;
	out->oldest = out->l.i.oldest_waiting == HO_NEVER ? 0 : time_left(out->l.i.oldest_waiting, out->l.now);
	return true;
}

/* {address="0.0.0.0",port="80",fd="3"; the descriptor, because several sockets may listen at one port. */
static void listener_labels_add(struct metrics *m, const struct listener *l)
{
	char local[22];

	ho_view_endpoint(l->i.local, local);
	text_add(m->t, "{address=\"%.*s\",port=\"%u\",fd=\"%d\"", (int)strcspn(local, ":"), local,
	         (unsigned)l->i.local.port, l->i.fd);
}

static void listener_value_add(struct metrics *m, const struct listener_family *f, const struct seen *one)
{
	const char *at = (const char *)one + f->offset;
	uint64_t wide = 0;
	uint32_t narrow = 0;

	if (f->bytes == sizeof(wide))
		memcpy(&wide, at, sizeof(wide));
	else
		memcpy(&narrow, at, sizeof(narrow));
	wide += narrow;
	if (unit_of(f->name) != NULL)
		text_add(m->t, "} %llu.%09llu\n", LLU(wide / HO_SEC), LLU(wide % HO_SEC));
	else
		text_add(m->t, "} %llu\n", LLU(wide));
}

static void listener_family_add(struct metrics *m, const struct places *p, const struct listener_family *f)
{
	unsigned place = 0;
	uint64_t cursor = 0;
	struct seen one;

	family_begin(m, f->name, f->type, f->help);
	while (seen_next(m->s, p, &place, &cursor, &one)) {
		sample_begin(m);
		listener_labels_add(m, &one.l);
		listener_value_add(m, f, &one);
	}
}

static void drops_family_add(struct metrics *m, const struct places *p)
{
	unsigned place = 0;
	uint64_t cursor = 0;
	struct seen one;

	family_begin(m, "halfopen_listener_drops", TYPE_COUNTER,
	             "What a listener did not take, or not at once, by cause");
	while (seen_next(m->s, p, &place, &cursor, &one))
		for (unsigned cause = 0; cause < HO_DROP_CAUSES; cause++) {
			sample_begin(m);
			listener_labels_add(m, &one.l);
			text_add(m->t, ",cause=\"%s\"} %llu\n", drop_name((enum ho_listen_drop)cause),
			         LLU(one.l.i.drops[cause]));
		}
}

static void listeners_add(struct metrics *m)
{
	struct places p;

	places_find(m->s, &p);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		listener_family_add(m, &p, &families[i]);
	drops_family_add(m, &p);
}

/* ---- all of it ---- */

size_t ho_view_metrics(const struct ho_stack *s, enum ho_metrics_format format, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct metrics m = {.t = &t, .s = s, .openmetrics = format == HO_METRICS_OPENMETRICS};

	netstat_add(&m);
	sockstat_add(&m);
	for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++)
		sysctl_add(&m, sysctls[i]);
	host_add(&m);
	listeners_add(&m);
	if (m.openmetrics)
		text_add(&t, "# EOF\n");
	return t.len_bytes;
}
