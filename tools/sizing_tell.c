/* SPDX-License-Identifier: MIT
 * `lab run sizing`: what it is told to simulate, and what it tells. */
#include "sizing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 10 /* of the picture */

/* ---- what is wanted ---- */

enum kind { REAL, COUNT, ARGUMENT, SEED };

static const struct {
	const char *name;
	enum kind kind;
	size_t at;
	double min, max;
} settings[] = {
	{"rate", REAL, offsetof(struct sizing, rate), 0.001, 1e6},
	{"burst", COUNT, offsetof(struct sizing, burst), 1, 20000},
	{"service_ms", REAL, offsetof(struct sizing, service_ms), 0, 1e6},
	{"workers", COUNT, offsetof(struct sizing, workers), 1, 1000},
	{"seconds", REAL, offsetof(struct sizing, seconds), 0.001, 1e5},
	{"backlog", ARGUMENT, offsetof(struct sizing, backlog), INT32_MIN, INT32_MAX},
	{"somaxconn", COUNT, offsetof(struct sizing, somaxconn), 0, INT32_MAX},
	{"seed", SEED, offsetof(struct sizing, seed), 0, 9e15},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static void setting_store(struct sizing *z, size_t i, double value)
{
	void *at = (char *)z + settings[i].at;

	switch (settings[i].kind) {
	case REAL: *(double *)at = value; return;
	case COUNT: *(uint32_t *)at = (uint32_t)value; return;
	case ARGUMENT: *(int32_t *)at = (int32_t)value; return;
	case SEED: *(uint64_t *)at = (uint64_t)value; return;
	}
}

static bool number_parse(const char *text, bool whole, double *out)
{
	char *end;

	if (strspn(text, "0123456789.-") != strlen(text))
		return false;
	*out = strtod(text, &end);
	return *text != '\0' && *end == '\0' && (!whole || *out == floor(*out));
}

static const char *setting_take(struct sizing *z, const char *word)
{
	static char wrong[160];
	const char *equals = strchr(word, '=');
	size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
	double value;

	for (size_t i = 0; i < SETTINGS; i++) {
		if (strlen(settings[i].name) != len || strncmp(settings[i].name, word, len) != 0)
			continue;
		if (equals != NULL && number_parse(equals + 1, settings[i].kind != REAL, &value) &&
		    value >= settings[i].min && value <= settings[i].max) {
			setting_store(z, i, value);
			return NULL;
		}
		snprintf(wrong, sizeof(wrong), "%s=%s from %.12g to %.12g", settings[i].name,
		         settings[i].kind == REAL ? "a number" : "a whole number", settings[i].min, settings[i].max);
		return wrong;
	}
	return "rate, burst, service_ms, workers, seconds, backlog, somaxconn or seed=NUMBER";
}

const char *sizing_set(struct sizing *z, const char *text)
{
	char copy[256], *rest = copy;
	const char *wrong = NULL;

	if (strlen(text) >= sizeof(copy))
		return "fewer words";
	strcpy(copy, text);
	for (char *w; wrong == NULL && (w = strsep(&rest, ",")) != NULL;)
		wrong = setting_take(z, w);
	if (wrong == NULL && z->rate * z->seconds > SIZING_CLIENTS_MAX)
		return "rate times seconds up to 200000";
	return wrong;
}

/* ---- what is told ---- */

static double percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static double ms(ho_time_ns t)
{
	return (double)t / 1e6;
}

/* How much of the workers' time the clients want: from 1 on no queue is long enough for ever. */
static double load_of(const struct sizing *z)
{
	return z->rate * z->service_ms / 1e3 / z->workers;
}

static void picture(const struct sizing *z, const struct sizing_result *r, FILE *out)
{
	uint32_t top = r->most > 0 ? r->most : 1;

	fputs("\nthe accept queue's most, over time; x: something was dropped\n", out);
	for (uint32_t row = ROWS; row > 0; row--) {
		fprintf(out, "%7.0f |", ceil((double)top * row / ROWS));
		for (size_t b = 0; b < SIZING_BINS; b++)
			fputc((uint64_t)r->fill[b] * ROWS > (uint64_t)top * (row - 1) ? '#' : ' ', out);
		fputs("\n", out);
	}
	fprintf(out, "%7u +", 0u);
	for (size_t b = 0; b < SIZING_BINS; b++)
		fputc(r->dropped[b] ? 'x' : '-', out);
	fprintf(out, "\n%8s0%*.6g s\n", "", SIZING_BINS - 1, z->seconds);
}

static void advice(const struct sizing *z, const struct sizing_result *r, int32_t smallest, FILE *out)
{
	fprintf(out, "smallest   listen(%d) drops nothing here", smallest);
	if ((uint32_t)smallest > z->somaxconn)
		fprintf(out, ", with net.core.somaxconn %d or more", smallest);
	fputs("\n", out);
	if (load_of(z) >= 1)
		fprintf(out,
		        "overload   clients want %.0f %% of the workers' time: any queue fills, a longer one later\n",
		        100 * load_of(z));
	else if (r->holds < (uint32_t)smallest + 1 && r->holds > z->somaxconn && z->backlog >= smallest)
		fputs("clamp      net.core.somaxconn is smaller than the backlog\n", out);
}

static void tell_text(const struct sizing *z, const struct sizing_result *r, int32_t smallest, FILE *out)
{
	uint64_t drops = r->syn_drops + r->ack_drops;

	fprintf(out,
	        "sizing: %.6g clients a second in bursts of %u, %u worker%s of %.6g ms each, for %.6g s; listen(%d), "
	        "somaxconn %u\n\n",
	        z->rate, z->burst, z->workers, z->workers == 1 ? "" : "s", z->service_ms, z->seconds, z->backlog,
	        z->somaxconn);
	fprintf(out, "clients    %u came, %u were accepted, %u never were\n", r->clients, r->served, r->never);
	fprintf(out, "dropped    %llu SYNs, %llu final ACKs (or data behind them): %.3g %% of all that came\n",
	        (unsigned long long)r->syn_drops, (unsigned long long)r->ack_drops, percent(drops, drops + r->queued));
	fprintf(out, "queue      held %u at most, %u fit\n", r->most, r->holds);
	fprintf(out, "wait       connect() to accept(): median %.6g ms, 99 of 100 within %.6g ms, longest %.6g ms\n",
	        ms(r->median), ms(r->p99), ms(r->longest));
	advice(z, r, smallest, out);
	picture(z, r, out);
}

static void tell_json(const struct sizing *z, const struct sizing_result *r, int32_t smallest, FILE *out)
{
	fprintf(out,
	        "{\"rate\":%.12g,\"burst\":%u,\"service_ms\":%.12g,\"workers\":%u,\"seconds\":%.12g,\"backlog\":%d,\"somaxconn\":%u,"
	        "\"seed\":%llu,\n",
	        z->rate, z->burst, z->service_ms, z->workers, z->seconds, z->backlog, z->somaxconn,
	        (unsigned long long)z->seed);
	fprintf(out,
	        "\"load\":%.12g,\"clients\":%u,\"accepted\":%u,\"never\":%u,\"syn_drops\":%llu,\"ack_drops\":%llu,\"cookies\":%llu,\n",
	        load_of(z), r->clients, r->served, r->never, (unsigned long long)r->syn_drops,
	        (unsigned long long)r->ack_drops, (unsigned long long)r->cookies);
	fprintf(out,
	        "\"most\":%u,\"holds\":%u,\"median_ms\":%.12g,\"p99_ms\":%.12g,\"longest_ms\":%.12g,\"smallest_backlog\":%d,\n",
	        r->most, r->holds, ms(r->median), ms(r->p99), ms(r->longest), smallest);
	fputs("\"fill\":[", out);
	for (size_t b = 0; b < SIZING_BINS; b++)
		fprintf(out, "%s%u", b > 0 ? "," : "", r->fill[b]);
	fputs("]}\n", out);
}

int sizing_tell(const struct sizing *z, bool json, FILE *out)
{
	struct sizing_result r;
	int32_t smallest;
	int err = sizing_simulate(z, &r);

	if (err == 0)
		err = sizing_smallest(z, &smallest);
	if (err == 0)
		(json ? tell_json : tell_text)(z, &r, smallest, out);
	return err;
}
