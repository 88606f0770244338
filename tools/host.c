/* SPDX-License-Identifier: MIT
 * A running host.
 *
 * One loop: wait for the device, a signal, the control socket or the stack's deadline; put a batch of frames in; let due
 * timers fire; let services work; take frames out.  Every step is bounded, so that none can starve the others. */
#include "host.h"

#include "about.h"
#include "capture.h"
#include "control.h"
#include "services.h"
#include "tools.h"

#include <halfopen/port.h>
#include <halfopen/view.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define READ_MAX 64     /* frames in a round */
#define WRITE_MAX 4096  /* more than the out queue holds */
#define EXPIRE_MAX 1024 /* timers in a round */
#define PROGRESS_NS HO_SEC

enum { WAKE_TUN, WAKE_SIGNAL, WAKE_CONTROL };

struct host {
	const struct host_options *options;
	struct ho_stack_config config;
	struct ho_stack *stack;
	struct ho_tun *tun;
	struct services *services;
	struct control *control;
	struct capture *capture;
	int epoll, signals;
	ho_time_ns now;
	uint64_t frames_in, frames_out, frames_lost;
	bool progress; /* stderr is a terminal */
	ho_time_ns progress_at;
	int progress_shown; /* columns */
};

/* ---- what a control socket answers ---- */

/* A request for counters or sockets, and the view that answers it. */
struct question {
	const struct ho_stack *stack;
	bool all, json, listen, datagrams;
	const char *pattern;
	struct ho_view_about about;
	size_t (*view)(const struct question *q, char *buf, size_t cap_bytes);
};

static size_t counters_view(const struct question *q, char *buf, size_t cap_bytes)
{
	return q->json ? ho_view_counters_json(q->stack, q->all, q->pattern, buf, cap_bytes)
	               : ho_view_counters(q->stack, q->all, q->pattern, buf, cap_bytes);
}

static size_t sockets_view(const struct question *q, char *buf, size_t cap_bytes)
{
	if (q->listen)
		return q->json ? ho_view_listeners_json(q->stack, buf, cap_bytes)
		               : ho_view_listeners(q->stack, buf, cap_bytes);
	if (q->datagrams && !q->json)
		return ho_view_datagram_sockets(q->stack, buf, cap_bytes);
	return q->json ? ho_view_sockets_json(q->stack, buf, cap_bytes) : ho_view_sockets(q->stack, buf, cap_bytes);
}

static size_t why_view(const struct question *q, char *buf, size_t cap_bytes)
{
	return q->json ? ho_view_why_json(q->stack, &q->about, buf, cap_bytes)
	               : ho_view_why(q->stack, &q->about, buf, cap_bytes);
}

/* Gives  NULL, or words that say what is wrong. */
static const char *question_print(const struct question *q, FILE *out)
{
	size_t need = q->view(q, NULL, 0);
	char *text = malloc(need + 1);

	if (text == NULL)
		return "out of memory";
	q->view(q, text, need + 1);
	fwrite(text, 1, need, out);
	free(text);
	return NULL;
}

static const char *answer_counters(const struct host *h, int count, char **words, FILE *out)
{
	struct question q = {.stack = h->stack, .view = counters_view};

	for (int i = 1; i < count; i++) {
		if (strcmp(words[i], "-z") == 0)
			q.all = true;
		else if (strcmp(words[i], "--json") == 0)
			q.json = true;
		else if (words[i][0] == '-' || q.pattern != NULL)
			return "counters takes -z, --json and one PATTERN";
		else
			q.pattern = words[i];
	}
	return question_print(&q, out);
}

static const char *answer_sockets(const struct host *h, int count, char **words, FILE *out)
{
	struct question q = {.stack = h->stack, .view = sockets_view};

	for (int i = 1; i < count; i++) {
		if (strcmp(words[i], "--json") == 0)
			q.json = true;
		else if (strcmp(words[i], "--listen") == 0)
			q.listen = true;
		else if (strcmp(words[i], "--udp") == 0)
			q.datagrams = true;
		else
			return "sockets takes --listen, --udp and --json";
	}
	return question_print(&q, out);
}

static const char *answer_why(const struct host *h, int count, char **words, FILE *out)
{
	struct question q = {.stack = h->stack, .view = why_view, .about.counter = -1};

	for (int i = 1; i < count; i++) {
		if (strcmp(words[i], "--json") == 0)
			q.json = true;
		else if (!about_parse(words[i], &q.about))
			return "why takes --json, a LISTENER (80, 198.18.0.2:80) and a COUNTER";
	}
	if (q.view(&q, NULL, 0) == 0)
		return "nobody listens there";
	return question_print(&q, out);
}

static const char *answer(void *ctx, int count, char **words, FILE *out)
{
	const struct host *h = ctx;

	if (strcmp(words[0], "counters") == 0)
		return answer_counters(h, count, words, out);
	if (strcmp(words[0], "sockets") == 0)
		return answer_sockets(h, count, words, out);
	if (strcmp(words[0], "why") == 0)
		return answer_why(h, count, words, out);
	return "a host answers counters, sockets and why";
}

/* ---- progress on a terminal ---- */

static void progress_show(struct host *h)
{
	const struct services_stats *st = services_stats(h->services);
	int n;

	if (!h->progress || h->now < h->progress_at)
		return;
	h->progress_at = h->now + PROGRESS_NS;
	n = fprintf(stderr,
	            "\r%s: %u open, %" PRIu64 " accepted, %" PRIu64 " frames in, %" PRIu64 " out, %" PRIu64
	            " listen overflows",
	            h->options->name, st->open, st->accepted, h->frames_in, h->frames_out,
	            ho_counter_get(h->stack, HO_TcpExtListenOverflows));
	if (n < h->progress_shown)
		fprintf(stderr, "%*s", h->progress_shown - n, "");
	h->progress_shown = n;
}

/* Ends the line of progress, if there is one: something else is to be said. */
static void progress_end(struct host *h)
{
	if (h->progress_shown > 0)
		fputc('\n', stderr);
	h->progress_shown = 0;
}

/* ---- frames ---- */

static void capture_try(struct host *h, const struct ho_frame *f, bool outbound)
{
	int err = capture_frame(h->capture, h->stack, f, outbound);

	if (err == 0)
		return;
	progress_end(h);
	fprintf(stderr, "halfopen host: writing %s: %s; the capture ends here\n", h->options->pcap, strerror(-err));
	capture_close(h->capture);
	h->capture = NULL;
}

static void frame_in(struct host *h, struct ho_frame *f)
{
	f->id = ++h->frames_in + h->frames_out + h->frames_lost; /* its number in a capture of this host */
	if (h->capture == NULL) {
		ho_stack_input(h->stack, f, h->now);
		return;
	}
	ho_stack_input(h->stack, ho_frame_ref(f), h->now);
	capture_try(h, f, false);
	ho_frame_unref(f);
}

/* Gives  true if there may be more. */
static bool frames_write(struct host *h)
{
	struct ho_frame *f;

	for (int i = 0; i < WRITE_MAX; i++) {
		f = ho_stack_output(h->stack);
		if (f == NULL)
			return false;
		if (h->capture != NULL)
			capture_try(h, f, true);
		if (ho_tun_write(h->tun, f) == 0)
			h->frames_out++;
		else
			h->frames_lost++; /* as on any wire */
		ho_frame_unref(f);
	}
	return true;
}

/* Gives  0, or -errno when the device is gone. */
static int frames_read(struct host *h)
{
	for (int i = 0; i < READ_MAX; i++) {
		struct ho_frame *f;
		int got = ho_tun_read(h->tun, &f);

		if (got == 0)
			return 0;
		if (got < 0 && got != -ENOMEM)
			return got;
		if (got == 1) {
			frame_in(h, f);
			frames_write(h); /* before the next one sets more free: the out queue stays short */
		}
	}
	return 0;
}

/* ---- the loop ---- */

static ho_time_ns sooner(ho_time_ns a, ho_time_ns b)
{
	return a < b ? a : b;
}

static ho_time_ns host_deadline(const struct host *h)
{
	ho_time_ns at = sooner(ho_stack_deadline(h->stack), services_deadline(h->services));

	at = sooner(at, control_deadline(h->control));
	return h->progress ? sooner(at, h->progress_at) : at;
}

/* Waits until the deadline, or not at all if there is more to do.  Gives  a set of bits 1 << WAKE_*. */
static unsigned host_wait(struct host *h, bool more)
{
	struct epoll_event events[4];
	struct timespec left = {0}, *timeout = &left;
	ho_time_ns at = host_deadline(h), now = ho_clock_now();
	unsigned woken = 0;
	int count;

	if (at == HO_NEVER && !more) {
		timeout = NULL;
	} else if (!more && at > now) {
		left.tv_sec = (time_t)((at - now) / HO_SEC);
		left.tv_nsec = (long)((at - now) % HO_SEC);
	}
	count = epoll_pwait2(h->epoll, events, 4, timeout, NULL);
	for (int i = 0; i < count; i++)
		woken |= 1u << events[i].data.u32;
	h->now = ho_clock_now();
	return woken;
}

static int host_loop(struct host *h)
{
	bool more = true;

	for (;;) {
		unsigned woken = host_wait(h, more);
		int err = 0;

		if (woken & 1u << WAKE_SIGNAL)
			return EXIT_FINE;
		/* frames first: an acknowledgement that is here already stops the timer that waits for it */
		if (woken & 1u << WAKE_TUN)
			err = frames_read(h);
		if (err != 0) {
			progress_end(h);
			fprintf(stderr, "halfopen host: reading %s: %s\n", h->options->tun, strerror(-err));
			return EXIT_FAILED;
		}
		more = ho_stack_expire(h->stack, h->now, EXPIRE_MAX) == EXPIRE_MAX;
		more |= services_run(h->services, h->now);
		more |= frames_write(h);
		if (woken & 1u << WAKE_CONTROL || control_deadline(h->control) <= h->now)
			control_run(h->control, h->now);
		progress_show(h);
	}
}

/* ---- birth ---- */

static int fail(const struct host *h, const char *what, int err)
{
	fprintf(stderr, "halfopen host: %s %s: %s\n", what, h->options->tun, strerror(-err));
	return EXIT_FAILED;
}

static int tun_start(struct host *h)
{
	const struct host_options *o = h->options;
	int err = ho_tun_open(o->tun, o->offload, &h->config.alloc, &h->tun);

	if (err == -ENODEV) {
		fprintf(stderr,
		        "halfopen host: there is no /dev/net/tun here (modprobe tun; a container needs the device)\n");
		return EXIT_FAILED;
	}
	if (err == -EPERM) {
		fprintf(stderr,
		        "halfopen host: opening the TUN device %s needs root, or a device made for you: "
		        "ip tuntap add %s mode tun user NAME%s\n",
		        o->tun, o->tun, o->offload ? " vnet_hdr" : "");
		return EXIT_FAILED;
	}
	if (err == -EBUSY) {
		fprintf(stderr, "halfopen host: the device %s is in use already, by another host perhaps\n", o->tun);
		return EXIT_USAGE;
	}
	if (err == -EINVAL) {
		fprintf(stderr, "halfopen host: %s cannot be a TUN device's name, or is a device of another kind\n",
		        o->tun);
		return EXIT_USAGE;
	}
	if (err != 0)
		return fail(h, "opening the TUN device", err);
	err = ho_tun_configure(o->tun, o->kernel_addr, o->kernel_prefix_len, o->mtu);
	return err == 0 ? EXIT_FINE : fail(h, "configuring the interface", err);
}

/* From the system, or from a seed so that two runs draw the same numbers. */
static int secret_fill(struct host *h)
{
	uint64_t x = h->options->seed;

	if (!h->options->seed_given)
		return ho_entropy(h->config.secret, sizeof(h->config.secret));
	for (size_t i = 0; i < sizeof(h->config.secret); i += sizeof(x)) { /* splitmix64 */
		uint64_t z = x += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		z ^= z >> 31;
		memcpy(h->config.secret + i, &z, sizeof(z));
	}
	return 0;
}

static int stack_start(struct host *h)
{
	const struct host_options *o = h->options;
	int err;

	h->config.addr = o->addr;
	h->config.prefix_len = o->prefix_len;
	h->config.default_route = true;
	h->config.mtu = o->mtu;
	h->config.link_flags = ho_tun_link_flags(h->tun);
	h->config.socks_max = o->socks_max;
	h->config.linux_profile = o->linux_profile;
	h->config.trace_max = o->pcap != NULL ? CAPTURE_TRACE_MAX : 0;
	h->config.now_ns = h->now = ho_clock_now();
	err = secret_fill(h);
	if (err != 0)
		return fail(h, "drawing a secret for", err);
	err = ho_stack_open(&h->config, &h->stack);
	if (err == -EINVAL) {
		fprintf(stderr, "halfopen host: --addr, --mtu (68 to 65535) or --socks-max is out of range\n");
		return EXIT_USAGE;
	}
	return err == 0 ? EXIT_FINE : fail(h, "opening the stack behind", err);
}

static int sysctl_refused(const char *name, const char *value, int err)
{
	const char *last = strrchr(name, '.');

	if (err != -ENOENT) {
		fprintf(stderr, "halfopen host: --sysctl %s=%s: %s\n", name, value,
		        err == -EPERM ? "it cannot be set here" : "its value is out of range, or no number");
		return EXIT_USAGE;
	}
	fprintf(stderr, "halfopen host: there is no sysctl %s", name);
	last = last != NULL ? last + 1 : name;
	for (unsigned i = 0, said = 0; ho_sysctl_name(i) != NULL && said < 8; i++)
		if (*last != '\0' && strstr(ho_sysctl_name(i), last) != NULL)
			fprintf(stderr, "%s%s", said++ == 0 ? "; there is " : ", ", ho_sysctl_name(i));
	fputc('\n', stderr);
	return EXIT_USAGE;
}

static int sysctls_set(struct host *h)
{
	for (unsigned i = 0; i < h->options->sysctl_count; i++) {
		char *equals = strchr(h->options->sysctl[i], '=');
		int err;

		*equals = '\0'; /* cmd_host has looked */
		err = ho_sysctl_set(h->stack, h->options->sysctl[i], equals + 1);
		if (err != 0)
			return sysctl_refused(h->options->sysctl[i], equals + 1, err);
		*equals = '=';
	}
	return EXIT_FINE;
}

static int listeners_open(struct host *h)
{
	int err = services_open(h->stack, h->options->socks_max, &h->services);

	if (err != 0)
		return fail(h, "services behind", err);
	for (unsigned i = 0; i < h->options->listen_count; i++) {
		const struct listen_spec *l = &h->options->listen[i];

		err = services_listen(h->services, l);
		if (err != 0) {
			fprintf(stderr, "halfopen host: --listen %u: %s\n", l->port,
			        err == -EADDRINUSE ? "this port was named twice" : strerror(-err));
			return EXIT_USAGE;
		}
	}
	return EXIT_FINE;
}

static int udp_open(struct host *h)
{
	for (unsigned i = 0; i < h->options->udp_count; i++) {
		int err = services_udp(h->services, &h->options->udp[i]);

		if (err == 0)
			continue;
		fprintf(stderr, "halfopen host: --udp %u: %s\n", h->options->udp[i].port,
		        err == -EADDRINUSE ? "this port was named twice" : strerror(-err));
		return EXIT_USAGE;
	}
	return EXIT_FINE;
}

static int control_start(struct host *h)
{
	char id[64], path[CONTROL_PATH_MAX];
	int err;

	snprintf(id, sizeof(id), "%ld.%" PRIu64, (long)getpid(), ho_clock_wall());
	err = control_open(h->options->name, id, answer, h, &h->control);
	if (err == 0)
		return EXIT_FINE;
	if (err == -EADDRINUSE) {
		fprintf(stderr, "halfopen host: a host named %s runs already; --name gives this one another name\n",
		        h->options->name);
		return EXIT_USAGE;
	}
	if (err == -ENOENT && control_path(h->options->name, ".sock", path) == -ENOENT) {
		fprintf(stderr,
		        "halfopen host: no place for the control socket: set HALFOPEN_RUN to a directory of yours\n");
		return EXIT_USAGE;
	}
	if (control_path(h->options->name, ".sock", path) != 0)
		strcpy(path, "(too long a path)");
	fprintf(stderr, "halfopen host: control socket %s: %s\n", path, strerror(-err));
	return EXIT_FAILED;
}

static int capture_start(struct host *h)
{
	int err;

	if (h->options->pcap == NULL)
		return EXIT_FINE;
	err = capture_open(h->options->pcap, h->options->name, h->options->tun, &h->capture);
	if (err == 0)
		return EXIT_FINE;
	fprintf(stderr, "halfopen host: --pcap %s: %s\n", h->options->pcap, strerror(-err));
	return EXIT_USAGE;
}

static int wake_add(struct host *h, int fd, uint32_t which)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = which};

	return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e);
}

static int wakes_start(struct host *h)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	h->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (h->signals < 0 || h->epoll < 0 || wake_add(h, ho_tun_fd(h->tun), WAKE_TUN) < 0 ||
	    wake_add(h, h->signals, WAKE_SIGNAL) < 0 || wake_add(h, control_fd(h->control), WAKE_CONTROL) < 0)
		return fail(h, "waiting for", -errno);
	return EXIT_FINE;
}

static void host_say_ready(const struct host *h)
{
	const struct host_options *o = h->options;
	char text[22];

	ho_view_endpoint((struct ho_endpoint){o->addr, 0}, text);
	text[strcspn(text, ":")] = '\0';
	printf("host %s: %s/%u on %s, mtu %u%s\n", o->name, text, o->prefix_len, o->tun, o->mtu,
	       o->offload ? "" : ", without offload");
	for (unsigned i = 0; i < o->listen_count; i++)
		printf("  port %u: %s, backlog %d: %s\n", o->listen[i].port, o->listen[i].app, o->listen[i].backlog,
		       service_find(o->listen[i].app)->text);
	for (unsigned i = 0; i < o->udp_count; i++)
		printf("  udp port %u: %s\n", o->udp[i].port, udp_app_name(o->udp[i].app));
	fflush(stdout);
}

static void host_close(struct host *h)
{
	int err;

	progress_end(h);
	if (h->services != NULL) {
		services_close(h->services);
		frames_write(h); /* the farewells; after them the host is as good as unplugged */
	}
	control_close(h->control);
	err = capture_close(h->capture);
	if (err != 0)
		fprintf(stderr, "halfopen host: writing %s: %s\n", h->options->pcap, strerror(-err));
	if (h->stack != NULL)
		ho_stack_close(h->stack);
	ho_tun_close(h->tun);
	if (h->epoll >= 0)
		close(h->epoll);
	if (h->signals >= 0)
		close(h->signals);
}

int host_run(const struct host_options *o)
{
	static int (*const steps[])(struct host * h) = {
		tun_start, stack_start, sysctls_set, listeners_open, udp_open, control_start, capture_start, wakes_start,
	};
	struct host h = {.options = o, .epoll = -1, .signals = -1, .progress = isatty(STDERR_FILENO)};
	int status = EXIT_FINE;

	ho_stack_config_init(&h.config);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && status == EXIT_FINE; i++)
		status = steps[i](&h);
	if (status == EXIT_FINE) {
		host_say_ready(&h);
		status = host_loop(&h);
	}
	host_close(&h);
	return status;
}
