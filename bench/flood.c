/* SPDX-License-Identifier: MIT
 * Legitimate clients during a flood, in virtual time: 1,000,000 SYN/s from ever new addresses at one listener, while
 * clients connect to it and to a second one over a wire of 10 ms each way, say a byte, hear it back, and close.  Nothing
 * of it depends on the speed of the machine: a second run gives the same figures.
 *
 * The flood begins before the first client, so that the queue is full by then, and goes on after the last: who has not
 * heard its byte by the end of the run was not served. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define TICK_NS (10 * HO_US)
#define SYNS_A_TICK 10
#define DELAY_NS (10 * HO_MS)
#define LISTENERS 2
#define LANE_MAX 65536u

struct scale {
	uint32_t clients;
	ho_time_ns before_ns, connecting_ns, after_ns; /* flood alone; clients begin; the last ones come to an end */
};
static const struct scale whole = {10000, HO_SEC, 2 * HO_SEC, 2 * HO_SEC},
			  quick = {200, 10 * HO_MS, 20 * HO_MS, 80 * HO_MS};

/* Frames on their way, in the order in which they left. */
struct lane {
	struct passing {
		struct ho_frame *frame;
		ho_time_ns at;
	} slot[LANE_MAX];
	uint32_t head, tail;
};

enum progress { TO_CONNECT, CONNECTING, ASKED, SERVED, FAILED };

struct client {
	enum progress progress;
	ho_time_ns begun;
	double handshake_s;
	int fd;
};

struct scene {
	struct wire w;
	struct echo echo;
	struct lane *lane; /* two, by the end that they begin at */
	struct frame_box box;
	struct client *client;
	uint32_t clients, begun, syns;
	ho_time_ns begin;
};

struct outcome {
	double share[LISTENERS]; /* of the clients that were served */
	double median_s, late_s; /* handshake of the served: median, 99 % */
	uint32_t syns;
	uint64_t cookies_sent, cookies_back, dropped;
};

static int scene_open(struct scene *sc, const struct scale *scale, int syncookies)
{
	static const uint32_t addr[2] = {CLIENT_ADDR, SERVER_ADDR};
	char number[2] = {(char)('0' + syncookies), 0};
	struct ho_stack_config c;
	int rc = frame_box_open(&sc->box, SYNS_A_TICK);

	sc->lane = calloc(2, sizeof *sc->lane);
	sc->client = calloc(scale->clients, sizeof *sc->client);
	sc->clients = scale->clients;
	if (!sc->lane || !sc->client)
		rc = -ENOMEM;
	for (int i = 0; i < 2 && rc == 0; i++) {
		wire_config(&c, addr[i], (struct link_kind){1500, 0});
		c.socks_max = scale->clients + 100;
		sc->w.now = sc->begin = c.now_ns;
		rc = ho_stack_open(&c, &sc->w.end[i]);
	}
	if (rc)
		return rc;
	rc = ho_sysctl_set(sc->w.end[SERVER], "net.ipv4.tcp_syncookies", number);
	return rc < 0 ? rc : echo_open(&sc->echo, &sc->w, LISTENERS);
}

static void scene_close(struct scene *sc)
{
	for (int i = 0; sc->lane && i < 2; i++)
		for (struct lane *l = &sc->lane[i]; l->head != l->tail; l->head++)
			ho_frame_unref(l->slot[l->head % LANE_MAX].frame);
	wire_close(&sc->w);
	frame_box_close(&sc->box);
	free(sc->lane);
	free(sc->client);
}

static void flood_tick(struct scene *sc)
{
	for (unsigned i = 0; i < SYNS_A_TICK; i++) {
		struct segment syn = segment_peer(sc->syns++);

		ho_stack_input(sc->w.end[SERVER], frame_box_fill(&sc->box, i, &syn), sc->w.now);
	}
}

/* What leaves an end enters its lane; answers to the flood's addresses lead nowhere. */
static int lane_load(struct scene *sc, int from)
{
	struct lane *l = &sc->lane[from];
	struct ho_frame *f;

	while ((f = ho_stack_output(sc->w.end[from])) != NULL) {
		struct segment s = {0};

		if (from == SERVER && (!segment_read(f, &s) || s.daddr != CLIENT_ADDR)) {
			ho_frame_unref(f);
			continue;
		}
		if (l->tail - l->head == LANE_MAX) {
			ho_frame_unref(f);
			return -ENOBUFS;
		}
		l->slot[l->tail++ % LANE_MAX] = (struct passing){f, sc->w.now + DELAY_NS};
	}
	return 0;
}

static void lane_deliver(struct scene *sc, int from)
{
	struct lane *l = &sc->lane[from];

	while (l->head != l->tail && l->slot[l->head % LANE_MAX].at <= sc->w.now)
		ho_stack_input(sc->w.end[!from], l->slot[l->head++ % LANE_MAX].frame, sc->w.now);
}

static int client_begin(struct scene *sc, uint32_t i)
{
	struct ho_stack *s = sc->w.end[CLIENT];
	struct client *c = &sc->client[i];
	int rc;

	c->fd = ho_sock_open(s, HO_SOCK_STREAM, 0);
	if (c->fd < 0)
		return c->fd;
	ho_sock_user_set(s, c->fd, c);
	c->begun = sc->w.now;
	c->progress = CONNECTING;
	rc = ho_sock_connect(s, c->fd,
	                     (struct ho_endpoint){.addr = SERVER_ADDR, .port = (uint16_t)(ECHO_PORT + i % LISTENERS)});
	return rc == -EINPROGRESS ? 0 : rc;
}

static void client_end(struct scene *sc, struct client *c, enum progress progress)
{
	c->progress = progress;
	ho_sock_close(sc->w.end[CLIENT], c->fd);
}

static void client_on_event(struct scene *sc, struct client *c, uint32_t mask)
{
	struct ho_stack *s = sc->w.end[CLIENT];
	uint8_t byte = 'x';

	if (mask & (HO_ERR | HO_HUP)) {
		client_end(sc, c, FAILED);
	} else if (c->progress == CONNECTING && (mask & HO_OUT)) {
		c->handshake_s = (double)(sc->w.now - c->begun) * 1e-9;
		c->progress = ASKED;
		if (ho_sock_send(s, c->fd, &byte, 1, 0) != 1)
			client_end(sc, c, FAILED);
	} else if (c->progress == ASKED && (mask & HO_IN)) {
		client_end(sc, c, ho_sock_recv(s, c->fd, &byte, 1, 0) == 1 ? SERVED : FAILED);
	}
}

static void end_expire(struct scene *sc, int end)
{
	struct ho_stack *s = sc->w.end[end];

	if (ho_stack_deadline(s) <= sc->w.now)
		ho_stack_expire(s, sc->w.now, 0);
	else
		ho_stack_at(s, sc->w.now);
}

static int scene_tick(struct scene *sc, const struct scale *scale, bool flood)
{
	ho_time_ns since = sc->w.now - sc->begin;
	struct ho_event e;
	int rc = 0;

	end_expire(sc, CLIENT);
	end_expire(sc, SERVER);
	if (flood)
		flood_tick(sc);
	lane_deliver(sc, CLIENT);
	lane_deliver(sc, SERVER);
	while (rc == 0 && sc->begun < sc->clients &&
	       since >= scale->before_ns + sc->begun * (scale->connecting_ns / sc->clients))
		rc = client_begin(sc, sc->begun++);
	echo_serve(&sc->echo);
	while (ho_stack_event(sc->w.end[CLIENT], &e))
		client_on_event(sc, e.user, e.mask);
	if (rc == 0)
		rc = lane_load(sc, CLIENT);
	if (rc == 0)
		rc = lane_load(sc, SERVER);
	sc->w.now += TICK_NS;
	return rc;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int scene_judge(const struct scene *sc, struct outcome *out)
{
	const struct ho_stack *s = sc->w.end[SERVER];
	double *handshake = calloc(sc->clients, sizeof *handshake);
	uint32_t n = 0, served[LISTENERS] = {0};

	if (!handshake)
		return -ENOMEM;
	*out = (struct outcome){.syns = sc->syns,
	                        .cookies_sent = ho_counter_get(s, HO_TcpExtSyncookiesSent),
	                        .cookies_back = ho_counter_get(s, HO_TcpExtSyncookiesRecv),
	                        .dropped = ho_counter_get(s, HO_TcpExtListenDrops)};
	for (uint32_t i = 0; i < sc->clients; i++) {
		if (sc->client[i].progress != SERVED)
			continue;
		served[i % LISTENERS]++;
		handshake[n++] = sc->client[i].handshake_s;
	}
	for (int i = 0; i < LISTENERS; i++)
		out->share[i] = (double)served[i] / (sc->clients / LISTENERS);
	qsort(handshake, n, sizeof *handshake, by_value);
	if (n > 0) {
		out->median_s = handshake[n / 2];
		out->late_s = handshake[n - 1 - n / 100];
	}
	free(handshake);
	return n > 0 ? 0 : -EPROTO;
}

static int scene_play(const struct scale *scale, int syncookies, bool flood, struct outcome *out)
{
	struct scene sc = {0};
	int rc = scene_open(&sc, scale, syncookies);
	ho_time_ns end = sc.begin + scale->before_ns + scale->connecting_ns + scale->after_ns;

	while (rc == 0 && sc.w.now < end)
		rc = scene_tick(&sc, scale, flood);
	if (rc == 0)
		rc = scene_judge(&sc, out);
	scene_close(&sc);
	return rc;
}

/* Was it a flood that the listener had to defend itself against, and with what the row says? */
static int flood_ok(int syncookies, const struct outcome *o)
{
	if ((syncookies ? o->cookies_sent : o->dropped) > o->syns / 2 && !(syncookies == 1 && o->cookies_back == 0))
		return 0;
	fprintf(stderr, "flood: tcp_syncookies %d: %u SYNs, %llu cookies, %llu came back, %llu drops\n", syncookies,
	        o->syns, (unsigned long long)o->cookies_sent, (unsigned long long)o->cookies_back,
	        (unsigned long long)o->dropped);
	return -EPROTO;
}

static const struct setting {
	int syncookies;
	const char *flooded, *other, *median, *late, *back;
} settings[] = {
	{1, "tcp_syncookies 1: served, flooded listener", "tcp_syncookies 1: served, other listener",
         "tcp_syncookies 1: handshake, median", "tcp_syncookies 1: handshake, 99 %",
         "tcp_syncookies 1: cookies that came back"},
	{2, "tcp_syncookies 2: served, flooded listener", "tcp_syncookies 2: served, other listener",
         "tcp_syncookies 2: handshake, median", "tcp_syncookies 2: handshake, 99 %",
         "tcp_syncookies 2: cookies that came back"},
	{0, "tcp_syncookies 0: served, flooded listener", "tcp_syncookies 0: served, other listener",
         "tcp_syncookies 0: handshake, median", "tcp_syncookies 0: handshake, 99 %", NULL},
};

static void row_make(struct report *r, const char *what, enum unit unit, enum floor_kind kind, double floor,
                     double ours, double ref)
{
	struct row *w = report_row(r, what, unit, "the same clients without a flood");

	row_floor(w, kind, floor);
	w->dearer = true;
	row_sample(w, ours, ref);
}

static void setting_report(struct report *r, const struct setting *s, const struct outcome *ours,
                           const struct outcome *calm)
{
	bool cookies = s->syncookies != 0;

	row_make(r, s->flooded, UNIT_PERCENT, cookies ? FLOOR_SHARE : FLOOR_NONE, 1, ours->share[0], calm->share[0]);
	row_make(r, s->other, UNIT_PERCENT, FLOOR_SHARE, 1, ours->share[1], calm->share[1]);
	row_make(r, s->median, UNIT_MS, cookies ? FLOOR_TIMES_DEARER : FLOOR_NONE, 1, ours->median_s, calm->median_s);
	row_make(r, s->late, UNIT_MS, FLOOR_NONE, 0, ours->late_s, calm->late_s);
	if (s->back)
		report_fact(r, s->back, (double)ours->cookies_back);
}

int bench_flood(const struct options *o, struct report *r)
{
	const struct scale *scale = o->quick ? &quick : &whole;

	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		struct outcome ours = {0}, calm = {0};
		int syncookies = settings[i].syncookies, rc = scene_play(scale, syncookies, false, &calm);

		if (rc == 0)
			rc = scene_play(scale, syncookies, true, &ours);
		if (rc == 0)
			rc = flood_ok(syncookies, &ours);
		if (rc)
			return bench_fail("flood", rc);
		setting_report(r, &settings[i], &ours, &calm);
		report_fact(r, "SYNs of each flood", ours.syns);
	}
	report_fact(r, "clients", scale->clients);
	return 0;
}
