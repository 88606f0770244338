/* SPDX-License-Identifier: MIT
 * lab: which experiments, in which worlds; what is printed; the exit status.
 *
 * Experiments on the kernel last as long as they say (syn_retry_schedule: 5 minutes); of several, up to JOBS run at once,
 * each in a process of its own that hands its result back through a pipe.  On the stack all take less than a second. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inside.h"
#include "page.h"

#define JOBS 4
#define RUNS_MAX 3 /* on the kernel, until it does as the stack does */
#define REPEAT_SECONDS_MAX 30

struct job { /* one experiment */
	const char *name;
	const char *text;
	char *read_text; /* from a file; freed */
	bool told;       /* printed */
	json_t *stack, *kernel;
	json_t *old; /* the stack as an older Linux, for an experiment that asks for generations */
	json_t *not_here; /* what the kernel said instead of running it */
	int stack_status, kernel_status;
	pid_t pid;
	int pipe;
	char *out;
	size_t out_len, out_cap;
};

struct session {
	const struct lab_run_options *o;
	struct job *job;
	int count;
	bool many; /* "all" */
	struct ho_pcapng *pcap;
	struct lab_pages *pages;
	struct lab_publish *publish;
	struct lab *kept; /* the stack's run, for publish */
	json_t *documents; /* with --json */
	int status;
	ho_time_ns began, shown_at;
};

/* ---- which ---- */
static void summary(const char *text, char *buf, size_t cap)
{
	size_t n = 0;

	while (*text == '-' || *text == ' ')
		text++;
	while (n + 1 < cap && text[n] && text[n] != '\n')
		n++;
	memcpy(buf, text, n);
	buf[n] = 0;
}

int lab_list(FILE *out)
{
	char line[120];

	for (const struct lab_file *f = lab_experiments; f->name; f++) {
		summary(f->text, line, sizeof line);
		fprintf(out, "%-24s %s\n", f->name, line);
	}
	return 0;
}

static bool is_path(const char *what)
{
	size_t n = strlen(what);

	return strchr(what, '/') || (n > 4 && strcmp(what + n - 4, ".lua") == 0);
}

static char *file_read(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t len = 0, cap = 65536;
	char *buf = malloc(cap);

	if (!f || !buf) {
		free(buf);
		return NULL;
	}
	for (size_t n; (n = fread(buf + len, 1, cap - len - 1, f)) > 0;) {
		len += n;
		if (len + 1 == cap && !(buf = realloc(buf, cap *= 2)))
			abort();
	}
	int bad = ferror(f);

	fclose(f);
	if (bad || memchr(buf, 0, len)) {
		errno = bad ? EISDIR : EINVAL;
		free(buf);
		return NULL;
	}
	buf[len] = 0;
	return buf;
}

static bool jobs_find(struct session *s)
{
	const char *what = s->o->what;
	int n = 0;

	while (lab_experiments[n].name)
		n++;
	s->job = calloc((size_t)n, sizeof *s->job);
	if (!s->job)
		abort();
	if (is_path(what)) {
		char *text = file_read(what);

		if (!text) {
			fprintf(s->o->err, "lab: %s: %s\n", what, strerror(errno));
			return false;
		}
		s->job[0] = (struct job){.name = what, .text = text, .read_text = text, .pipe = -1};
		s->count = 1;
		return true;
	}
	s->many = strcmp(what, "all") == 0;
	for (int i = 0; i < n; i++)
		if (s->many || strcmp(what, lab_experiments[i].name) == 0)
			s->job[s->count++] = (struct job){
				.name = lab_experiments[i].name, .text = lab_experiments[i].text, .pipe = -1};
	if (!s->count)
		fprintf(s->o->err,
		        "lab: there is no experiment '%s'; `halfopen lab list` shows them; a file is named by a path or by .lua\n",
		        what);
	return s->count > 0;
}

/* ---- running ---- */
static json_t *run_in(struct session *s, struct job *j, const struct lab_world_ops *ops, bool progress, int *status)
{
	struct lab_pcap pcap = {.file = s->pcap};

	return lab_experiment_run(s->o, j->name, j->text, ops, s->pcap ? &pcap : NULL, progress, status,
	                          s->publish && ops == &lab_world_stack ? &s->kept : NULL);
}

/* Generations: the same on the stack as an older Linux. */
static void run_old(struct session *s, struct job *j)
{
	struct lab_run_options o = *s->o;
	int status;

	o.linux_profile = lab_linux_of(json_string_value(json_object_get(j->stack, "generations")));
	j->old = lab_experiment_run(&o, j->name, j->text, &lab_world_stack, NULL, false, &status, NULL);
	if (status > j->stack_status)
		j->stack_status = status;
}

static void child(struct session *s, struct job *j, int to)
{
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	json_t *r = run_in(s, j, &lab_world_kernel, false, &status);

	json_object_set_new(r, "status", json_integer(status));
	_exit(json_dumpfd(r, to, 0) ? 3 : 0);
}

static void job_start(struct session *s, struct job *j)
{
	int p[2];

	fflush(NULL);
	if (pipe(p) || (j->pid = fork()) < 0) {
		perror("lab");
		exit(1);
	}
	if (j->pid == 0) {
		close(p[0]);
		child(s, j, p[1]);
	}
	close(p[1]);
	j->pipe = p[0];
}

static void job_end(struct session *s, struct job *j)
{
	int status;
	json_t *r = json_loadb(j->out ? j->out : "", j->out_len, 0, NULL);

	close(j->pipe);
	j->pipe = -1;
	waitpid(j->pid, &status, 0);
	free(j->out);
	j->out = NULL;
	if (!r) {
		r = json_pack("{s:s, s:s, s:[], s:[s]}", "experiment", j->name, "on", "kernel", "phases", "failures",
		              "the process that ran it died");
		json_object_set_new(r, "status", json_integer(1));
	}
	j->kernel_status = (int)json_integer_value(json_object_get(r, "status"));
	json_object_del(r, "status");
	j->kernel = r;
	(void)s;
}

static bool job_read(struct job *j)
{
	if (j->out_cap - j->out_len < 65536) {
		j->out_cap = j->out_cap ? 2 * j->out_cap : 262144;
		j->out = realloc(j->out, j->out_cap);
		if (!j->out)
			abort();
	}
	ssize_t n = read(j->pipe, j->out + j->out_len, j->out_cap - j->out_len);

	if (n > 0)
		j->out_len += (size_t)n;
	return n > 0;
}

/* Does the kernel do the same every time?  If not, its other results are kept, too. */
static void run_again(struct session *s, struct job *j)
{
	json_t *run[RUNS_MAX] = {j->kernel}, *recording = lab_recording(j->name);
	struct ho_pcapng *pcap = s->pcap;
	int count = 1, open, status;

	s->pcap = NULL; /* the capture has the first run */
	for (;;) {
		json_decref(lab_differences(j->name, j->stack, j->kernel, recording, &open));
		if (!open || count == RUNS_MAX ||
		    json_real_value(json_object_get(j->kernel, "seconds")) > REPEAT_SECONDS_MAX)
			break;
		run[count++] = run_in(s, j, &lab_world_kernel, isatty(fileno(s->o->err)), &status);
		lab_runs_merge(run, count);
	}
	s->pcap = pcap;
	while (count > 1)
		json_decref(run[--count]);
	json_decref(recording);
}

/* ---- telling ---- */
static void say_failures(const struct session *s, const json_t *r)
{
	size_t i;
	json_t *v;

	json_array_foreach (json_object_get(r, "failures"), i, v)
		fprintf(s->o->err, "lab: %s on %s: %s\n", json_string_value(json_object_get(r, "experiment")),
		        json_string_value(json_object_get(r, "on")), json_string_value(v));
}

/* Without what only the tables need. */
static json_t *shaped(const json_t *r)
{
	json_t *copy = json_deep_copy(r), *p;
	size_t i;

	json_object_del(copy, "generations");
	json_object_del(copy, "ladder");
	json_array_foreach (json_object_get(copy, "phases"), i, p)
		json_object_del(p, "document");
	return copy;
}

static void tell_json(struct session *s, struct job *j)
{
	json_t *doc;

	if (s->o->on != LAB_ON_BOTH) {
		doc = shaped(j->stack ? j->stack : j->kernel ? j->kernel : j->not_here);
	} else if (j->not_here) {
		doc = json_pack("{s:s, s:s, s:o, s:O, s:[]}", "experiment", j->name, "on", "both", "stack",
		                shaped(j->stack), "not on kernel", json_object_get(j->not_here, "not here"),
		                "differences");
	} else {
		json_t *recording = lab_recording(j->name);
		int open;
		json_t *d = lab_differences(j->name, j->stack, j->kernel, recording, &open);

		doc = json_pack("{s:s, s:s, s:o, s:o, s:o}", "experiment", j->name, "on", "both", "stack",
		                shaped(j->stack), "kernel", shaped(j->kernel), "differences", d);
		if (open && s->status == 0)
			s->status = 1;
		json_decref(recording);
	}
	if (j->old) {
		char key[16];

		snprintf(key, sizeof key, "linux-%s", json_string_value(json_object_get(j->old, "linux")));
		json_object_set_new(doc, key, shaped(j->old));
	}
	json_array_append_new(s->documents, doc);
}

static void tell_not_here(struct session *s, struct job *j)
{
	if (!json_object_get(j->kernel, "not here"))
		return;
	j->not_here = j->kernel;
	j->kernel = NULL;
	if (!s->o->json)
		fprintf(s->o->out, "%s is not run on the kernel: %s\n", j->name,
		        json_string_value(json_object_get(j->not_here, "not here")));
}

static bool is_old(const struct session *s)
{
	return s->o->linux_profile && s->o->linux_profile != HO_LINUX_6_18;
}

static void show(struct session *s, struct job *j)
{
	json_t *recording = is_old(s) ? NULL : lab_recording(j->name);

	lab_pages_add(s->pages, &(struct lab_shown){
		.name = j->name,
		.text = j->text,
		.stack = j->stack,
		.kernel = j->kernel,
		.recording = recording,
		.old = j->old,
		.not_on_kernel = json_string_value(json_object_get(j->not_here, "not here")),
	});
	json_decref(recording);
}

static void tell(struct session *s, struct job *j)
{
	int worse = j->stack_status > j->kernel_status ? j->stack_status : j->kernel_status;

	j->told = true;
	tell_not_here(s, j);
	if (j->stack && j->kernel && worse == 0)
		run_again(s, j);
	if (worse > s->status)
		s->status = worse;
	if (j->stack)
		say_failures(s, j->stack);
	if (j->old)
		say_failures(s, j->old);
	if (j->kernel)
		say_failures(s, j->kernel);
	if (s->pages && worse < 2 && (j->stack || j->kernel))
		show(s, j);
	if (s->o->json) {
		tell_json(s, j);
	} else if (worse < 2 && (j->stack || j->kernel)) {
		json_t *recording = is_old(s) ? NULL : lab_recording(j->name);

		if (lab_report(s->o->out, j->name, j->stack, j->kernel, recording, j->old) && s->status == 0)
			s->status = 1;
		fflush(s->o->out);
		json_decref(recording);
	}
	json_decref(j->stack);
	json_decref(j->kernel);
	json_decref(j->old);
	json_decref(j->not_here);
	j->stack = j->kernel = j->old = j->not_here = NULL;
}

/* In the order of the list, as soon as they are there. */
static void tell_finished(struct session *s)
{
	bool kernel = s->o->on & LAB_ON_KERNEL;

	for (int i = 0; i < s->count; i++) {
		struct job *j = &s->job[i];

		if (j->told)
			continue;
		if (kernel && !j->kernel)
			return;
		tell(s, j);
	}
}

static bool terminal(const struct session *s)
{
	return isatty(fileno(s->o->err));
}

static void show_progress(struct session *s)
{
	int done = 0;
	ho_time_ns now = ho_clock_now();

	if (!terminal(s) || now - s->shown_at < HO_SEC / 2)
		return;
	s->shown_at = now;
	for (int i = 0; i < s->count; i++)
		done += s->job[i].told || s->job[i].kernel;
	fprintf(s->o->err, "\r\033[K%d of %d done on the kernel after %.0f s, running:", done, s->count,
	        (double)(now - s->began) / 1e9);
	for (int i = 0; i < s->count; i++)
		if (s->job[i].pipe >= 0)
			fprintf(s->o->err, " %s", s->job[i].name);
	fflush(s->o->err);
}

/* The long ones first: 15 seconds or more. */
static int next_to_start(const struct session *s, const bool *started)
{
	static const char *const lengthy[] = {"syn_retry_schedule", "abort_on_timeout", "cookies_stale",
	                                      "synack_retry_schedule", "acceptq_full_final_ack", "keepalive",
	                                      "defer_accept", "synq_aging", "listen_overflow", "user_timeout",
	                                      "tcp_traffic"};

	for (size_t k = 0; k < sizeof lengthy / sizeof lengthy[0]; k++)
		for (int i = 0; i < s->count; i++)
			if (!started[i] && strcmp(s->job[i].name, lengthy[k]) == 0)
				return i;
	for (int i = 0; i < s->count; i++)
		if (!started[i])
			return i;
	return -1;
}

static void kernel_run_many(struct session *s)
{
	bool *started = calloc((size_t)s->count, sizeof *started);
	int running = 0, next;

	if (!started)
		abort();
	for (;;) {
		struct pollfd fd[JOBS];
		struct job *of[JOBS];
		int n = 0;

		while (running < JOBS && (next = next_to_start(s, started)) >= 0) {
			started[next] = true;
			job_start(s, &s->job[next]);
			running++;
		}
		if (!running)
			break;
		for (int i = 0; i < s->count; i++)
			if (s->job[i].pipe >= 0) {
				fd[n] = (struct pollfd){.fd = s->job[i].pipe, .events = POLLIN};
				of[n++] = &s->job[i];
			}
		poll(fd, (nfds_t)n, 500);
		for (int i = 0; i < n; i++)
			if (fd[i].revents && !job_read(of[i])) {
				job_end(s, of[i]);
				running--;
			}
		if (terminal(s))
			fprintf(s->o->err, "\r\033[K");
		tell_finished(s);
		show_progress(s);
	}
	free(started);
	if (terminal(s))
		fprintf(s->o->err, "\r\033[K");
}

static void run(struct session *s)
{
	bool apart = s->many && s->o->on & LAB_ON_KERNEL && !s->pcap;

	for (int i = 0; i < s->count; i++) {
		struct job *j = &s->job[i];

		if (s->o->on & LAB_ON_STACK)
			j->stack = run_in(s, j, &lab_world_stack, false, &j->stack_status);
		if (j->stack && !s->o->linux_profile && json_object_get(j->stack, "generations"))
			run_old(s, j);
		if (s->o->on & LAB_ON_KERNEL && !apart && j->stack_status < 2)
			j->kernel = run_in(s, j, &lab_world_kernel, terminal(s), &j->kernel_status);
		if (!apart)
			tell(s, j);
	}
	if (apart)
		kernel_run_many(s);
}

static void print_json(struct session *s)
{
	const json_t *doc = s->many ? s->documents : json_array_get(s->documents, 0);

	if (!doc)
		return;
	json_dumpf(doc, s->o->out, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	fputc('\n', s->o->out);
	fflush(s->o->out);
}

int lab_run(const struct lab_run_options *o)
{
	struct session s = {.o = o, .documents = json_array(), .began = ho_clock_now()};
	int e;

	if (o->on & LAB_ON_KERNEL && geteuid() != 0) {
		fprintf(o->err,
		        "lab: --on kernel makes network namespaces and TUN devices, which needs root; --on stack does not\n");
		s.status = 2;
	} else if (!jobs_find(&s)) {
		s.status = 2;
	} else if (o->pcap && (e = ho_pcapng_open(o->pcap, "halfopen lab", &s.pcap)) < 0) {
		fprintf(o->err, "lab: %s: %s\n", o->pcap, strerror(-e));
		s.status = 2;
	} else if (o->html && (e = lab_pages_open(o->html, s.many, &s.pages)) < 0) {
		fprintf(o->err, "lab: %s: %s\n", o->html, strerror(-e));
		s.status = 2;
	} else if (o->publish && (e = lab_publish_open(o->publish, &s.publish)) < 0) {
		fprintf(o->err, "lab: %s: %s\n", o->publish, strerror(-e));
		s.status = 2;
	} else {
		run(&s);
		if (o->json && s.status < 2)
			print_json(&s);
	}
	if (s.pcap && (e = ho_pcapng_close(s.pcap)) < 0) {
		fprintf(o->err, "lab: %s: %s\n", o->pcap, strerror(-e));
		s.status = s.status ? s.status : 1;
	}
	if ((e = lab_pages_close(s.pages)) < 0) {
		fprintf(o->err, "lab: %s: %s\n", o->html, strerror(-e));
		s.status = s.status ? s.status : 1;
	}
	if (s.kept && s.status < 2 && lab_publish_run(s.publish, s.kept, o->err))
		s.status = 2;
	lab_publish_close(s.publish);
	lab_run_free(s.kept);
	for (int i = 0; i < s.count; i++)
		free(s.job[i].read_text);
	free(s.job);
	json_decref(s.documents);
	return s.status;
}
