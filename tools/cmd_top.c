/* SPDX-License-Identifier: MIT
 * halfopen top: a running host, live. */
#include "tools.h"

#include "find_host.h"
#include "top_screen.h"
#include "top_tty.h"

#include <halfopen/port.h>
#include <halfopen/view.h>

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct watch {
	const struct command *self;
	char host[CONTROL_NAME_MAX + 1];
	double delay_s;
	bool color, ascii, batch;
	uint64_t screens; /* of a batch; 0: no end */
	struct top top;
	ho_time_ns next; /* look */
	char note[64];
	int ended; /* what control_ask gave when the host did not answer, < 0 */
};

/* A host may take its time: who watches is served meanwhile. */
struct question {
	pthread_t thread;
	bool asked;
	ho_time_ns since;
	const char *host;
	struct top_look look;
	int err;
	atomic_bool answered;
};


static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void signals_take(void)
{
	struct sigaction a = {.sa_handler = on_signal};

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
}

/* Gives  0, -errno; -EPROTO: what came was cut off, or is not what a host says. */
static int look_ask(const char *host, struct top_look *look)
{
	char id[64], id_then[64], *listeners = NULL, *counters = NULL;
	int err = control_ask(host, "sockets --listen --json", id, &listeners);

	if (err == 0)
		err = control_ask(host, "counters -z", id_then, &counters);
	if (err == 0)
		err = top_look_read(listeners, counters, ho_clock_now(), look);
	if (err == 0)
		memcpy(look->id, id_then, sizeof(look->id));
	free(listeners);
	free(counters);
	return err > 0 ? -EPROTO : err;
}

/* Gives  false if the host does not answer any more.  Takes  err: of look_ask, with the look if 0. */
static bool look_take(struct watch *w, int err, struct top_look *look)
{
	w->next = ho_clock_now() + (ho_time_ns)(w->delay_s * (double)HO_SEC);
	if (err == 0)
		err = top_add(&w->top, look);
	if (err != 0 && (err != -EAGAIN || w->batch))
		w->ended = err;
	return w->ended == 0;
}

static bool look_now(struct watch *w)
{
	struct top_look look;
	int err = look_ask(w->host, &look);

	return look_take(w, err, &look);
}

static bool says_gone(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -EPROTO || err == -ECONNRESET || err == -EPIPE;
}

/* ---- one screen after the other, as text ---- */

static int screen_write(struct watch *w, int rows, int cols, FILE *out)
{
	struct top_drawing d = {.host = w->host, .delay_s = w->delay_s};
	struct screen s;

	if (screen_open(&s, rows, cols, !w->ascii) != 0)
		return -ENOMEM;
	top_draw(&s, &w->top, &d);
	for (int row = 0, blank = 0; row < rows; row++) {
		char *line = screen_line(&s, row);

		if (line == NULL || *line == '\0') {
			blank++; /* none at the end */
		} else {
			for (; blank > 0; blank--)
				fputc('\n', out);
			fprintf(out, "%s\n", line);
		}
		free(line);
	}
	screen_free(&s);
	return 0;
}

static int size_of(const char *variable, int otherwise)
{
	const char *word = getenv(variable);
	uint64_t v;

	return word != NULL && parse_u64(word, 1, 1000, &v) ? (int)v : otherwise;
}

/* As many lines as there are rows, unless LINES says less. */
static int batch_rows(const struct top *t)
{
	size_t rows = 6 + t->count[TOP_LISTENERS] * (2 + HO_DROP_CAUSES) + t->count[TOP_COUNTERS];

	return size_of("LINES", rows > 1000 ? 1000 : (int)rows);
}

static void delay_wait(const struct watch *w)
{
	ho_time_ns now = ho_clock_now(), left = w->next > now ? w->next - now : 0;
	struct timespec rest = {.tv_sec = (time_t)(left / HO_SEC), .tv_nsec = (long)(left % HO_SEC)};

	while (!stop && nanosleep(&rest, &rest) < 0)
		;
}

static int batch_run(struct watch *w)
{
	for (uint64_t i = 0; !stop && (w->screens == 0 || i < w->screens); i++) {
		delay_wait(w);
		if (stop)
			break;
		if (!look_now(w)) {
			if (!says_gone(w->ended))
				return ask_failed(w->self, w->host, w->ended);
			fprintf(stderr, "halfopen top: %s has ended\n", w->host);
			return EXIT_FAILED;
		}
		if (i > 0)
			putchar('\n');
		screen_write(w, batch_rows(&w->top), size_of("COLUMNS", 120), stdout);
		if (fflush(stdout) != 0)
			break;
	}
	return EXIT_FINE;
}

/* ---- live ---- */

static void show(struct watch *w)
{
	struct top_drawing d = {.host = w->host, .delay_s = w->delay_s, .interactive = true, .note = w->note[0] != '\0' ? w->note : NULL};
	struct screen s;
	int rows, cols;

	tty_size(&rows, &cols);
	if (screen_open(&s, rows, cols, !w->ascii) != 0)
		return;
	top_draw(&s, &w->top, &d);
	tty_show(&s);
	screen_free(&s);
}

static void listener_tell(struct watch *w, const char *local)
{
	char request[64], title[64], id[64], *text = NULL;

	snprintf(request, sizeof(request), "why %s", local);
	snprintf(title, sizeof(title), "halfopen why %s", local);
	if (control_ask(w->host, request, id, &text) >= 0)
		top_tell(&w->top, title, text);
}

static void counter_tell(struct watch *w, const char *name)
{
	size_t need = ho_view_explain(name, NULL, 0);
	char *text = malloc(need + 1), title[80];

	if (text == NULL)
		return;
	text[0] = '\0';
	ho_view_explain(name, text, need + 1);
	snprintf(title, sizeof(title), "halfopen explain %s", name);
	top_tell(&w->top, title, text);
}

static bool key_take(struct watch *w, int key)
{
	bool answers = w->note[0] == '\0';
	const struct top *t = &w->top;

	switch (top_key(&w->top, key)) {
	case TOP_QUIT: return false;
	case TOP_TELL_LISTENER:
		if (answers)
			listener_tell(w, t->listener[t->selected[TOP_LISTENERS]].l->local);
		break;
	case TOP_TELL_COUNTER: counter_tell(w, t->counter[t->selected[TOP_COUNTERS]].c->name); break;
	case TOP_NOTHING: break;
	}
	return true;
}

/* Until the next look is due, a key comes, or a second is over. */
static int key_wait(const struct watch *w, const struct question *q)
{
	ho_time_ns now = ho_clock_now(), left = w->top.paused ? HO_SEC : w->next > now ? w->next - now : 0;

	if (q->asked) /* most answers are there at once */
		left = now - q->since < 200 * HO_MS ? 20 * HO_MS : 200 * HO_MS;
	return tty_key((int)((left < HO_SEC ? left + HO_MS - 1 : HO_SEC) / HO_MS));
}

static void *question_run(void *ctx)
{
	struct question *q = ctx;

	q->err = look_ask(q->host, &q->look);
	atomic_store(&q->answered, true);
	return NULL;
}

/* Signals are for the thread that waits for keys. */
static bool question_ask(struct question *q)
{
	sigset_t all, before;

	atomic_store(&q->answered, false);
	q->since = ho_clock_now();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	q->asked = pthread_create(&q->thread, NULL, question_run, q) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return q->asked;
}

/* Gives  false if the host does not answer any more. */
static bool question_go_on(struct watch *w, struct question *q)
{
	ho_time_ns now = ho_clock_now();

	w->note[0] = '\0';
	if (!q->asked && !w->top.paused && now >= w->next)
		return question_ask(q) || look_now(w);
	if (q->asked && atomic_load(&q->answered)) {
		pthread_join(q->thread, NULL);
		q->asked = false;
		return look_take(w, q->err, &q->look);
	}
	if (q->asked && now - q->since >= HO_SEC)
		snprintf(w->note, sizeof(w->note), "the host has not answered for %.0f s",
		         (double)(now - q->since) / (double)HO_SEC);
	return true;
}

static void live_loop(struct watch *w)
{
	static struct question q; /* its thread may outlive the loop, until the program ends */

	q.host = w->host;
	while (!stop) {
		int key;

		show(w);
		key = key_wait(w, &q);
		if (key == TTY_GONE || (key >= 0 && !key_take(w, key)) || !question_go_on(w, &q))
			return;
	}
}

static int live_run(struct watch *w)
{
	int err = tty_open(w->color);

	if (err != 0)
		return usage_error(w->self, "no terminal that it knows (TERM=%s); --once prints one screen as text",
		                   getenv("TERM") != NULL ? getenv("TERM") : "");
	live_loop(w);
	tty_close();
	if (w->ended == 0)
		return EXIT_FINE;
	if (!says_gone(w->ended))
		return ask_failed(w->self, w->host, w->ended);
	printf("halfopen top: %s has ended\n", w->host);
	return EXIT_FINE;
}

/* ---- the command line ---- */

static bool seconds_take(const char *word, double *out)
{
	char *end;

	*out = strtod(word, &end);
	return end != word && *end == '\0' && isfinite(*out) && *out >= 0.1 && *out <= 3600;
}

static int option_take(struct watch *w, const char **at, char **argv, int found)
{
	switch (found) {
	case 'h': *at = optarg; return EXIT_FINE;
	case 'd':
		if (!seconds_take(optarg, &w->delay_s))
			return usage_error(w->self, "-d %s: seconds from 0.1 to 3600 are wanted", optarg);
		return EXIT_FINE;
	case '1': w->screens = 1; w->batch = true; return EXIT_FINE;
	case 'b': w->batch = true; return EXIT_FINE;
	case 'n':
		if (!parse_u64(optarg, 1, 1000000000, &w->screens))
			return usage_error(w->self, "-n %s: a number from 1 is wanted", optarg);
		return EXIT_FINE;
	case 's':
		if (!top_sort_set(&w->top, optarg))
			return usage_error(w->self, "--sort %s: listeners by address, accept, syn, accepts, drops/s or drops; "
			                            "counters by trouble, rate, change, value, name or order", optarg);
		return EXIT_FINE;
	case 'F':
		if (strlen(optarg) >= sizeof(w->top.filter))
			return usage_error(w->self, "--filter: a word of %zu letters at most is wanted", sizeof(w->top.filter) - 1);
		strcpy(w->top.filter, optarg);
		return EXIT_FINE;
	case 'a': w->top.all = true; return EXIT_FINE;
	case 'C': w->color = false; return EXIT_FINE;
	case 'A': w->ascii = true; return EXIT_FINE;
	default: return option_error(w->self, argv, found);
	}
}

static int options_take(struct watch *w, int argc, char **argv, const char **at)
{
	static const struct option options[] = {
		{"at", required_argument, NULL, 'h'},     {"delay", required_argument, NULL, 'd'},
		{"once", no_argument, NULL, '1'},         {"batch", no_argument, NULL, 'b'},
		{"sort", required_argument, NULL, 's'},   {"filter", required_argument, NULL, 'F'},
		{"all", no_argument, NULL, 'a'},          {"no-color", no_argument, NULL, 'C'},
		{"ascii", no_argument, NULL, 'A'},        {NULL, 0, NULL, 0},
	};
	int found, status = EXIT_FINE;

	while (status == EXIT_FINE && (found = getopt_long(argc, argv, ":d:bn:s:F:aC", options, NULL)) != -1)
		status = option_take(w, at, argv, found);
	if (status != EXIT_FINE)
		return status;
	if (argc - optind > 1 || (argc > optind && *at != NULL))
		return usage_error(w->self, "'%s' is not wanted: one host", argv[argc - 1]);
	if (argc > optind)
		*at = argv[optind];
	if (w->screens > 0 && !w->batch)
		return usage_error(w->self, "-n is for --batch");
	return EXIT_FINE;
}

static int first_look(struct watch *w)
{
	return look_now(w) ? EXIT_FINE : ask_failed(w->self, w->host, w->ended);
}

static int top_exec(const struct command *self, int argc, char **argv)
{
	const char *no_color = getenv("NO_COLOR"), *at = NULL;
	static struct watch w;
	int status;

	setlocale(LC_CTYPE, "");
	w = (struct watch){.self = self, .delay_s = 1, .color = no_color == NULL || *no_color == '\0'};
	w.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	top_init(&w.top);
	status = options_take(&w, argc, argv, &at);
	if (status == EXIT_FINE)
		status = find_host(self, at, w.host);
	if (status == EXIT_FINE) {
		signals_take();
		status = first_look(&w);
	}
	if (status == EXIT_FINE)
		status = w.batch ? batch_run(&w) : live_run(&w);
	top_free(&w.top);
	return status;
}

const struct command cmd_top = {
	.name = "top",
	.args = "[HOST] [-d SECONDS] [--once | -b [-n N]] [--sort WORD] [--filter WORD] [-a] [-C] [--ascii]",
	.text = "shows a running host live: both queues of its listeners, drops by cause, counters that move",
	.options = "  HOST, --at HOST      its --name, or its TUN device's; not needed if one host runs\n"
		   "  -d, --delay SECONDS  from look to look, 0.1 to 3600 (default 1)\n"
		   "  --once               one screen as text, with the rates of a look that long\n"
		   "  -b, --batch          screens as text, one behind the other; COLUMNS and LINES say how large\n"
		   "  -n N                 so many screens of --batch\n"
		   "  -s, --sort WORD      listeners by address, accept, syn, accepts, drops/s or drops;\n"
		   "                       counters by trouble (those of drops, errors and losses first), rate,\n"
		   "                       change, value, name or order\n"
		   "  -F, --filter WORD    only rows whose name contains the word\n"
		   "  -a, --all            counters that do not move, too\n"
		   "  -C, --no-color       without colour; so does NO_COLOR in the environment\n"
		   "  --ascii              no other characters, whatever the locale says\n"
		   "Keys as in htop: F1 says which.\n"
		   "Exit status: 0 told to end, or the host has ended; 1 no answer, or the host ended before the last of\n"
		   "N screens; 2 a wrong word, or no terminal.\n",
	.exec = top_exec,
};
