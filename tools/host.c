/* SPDX-License-Identifier: MIT
 * A running host.
 *
 * One loop: wait for the devices, a signal, the control socket or the stack's deadline; put a batch of frames in; let due
 * timers fire; let services work; take frames out.  Every step is bounded, so that none can starve the others. */
#include "host_inside.h"

#include "capture.h"
#include "control.h"
#include "history.h"
#include "host_files.h"
#include "metrics.h"
#include "pinger.h"
#include "services.h"
#include "tools.h"
#include "tracer.h"

#include <halfopen/view.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_MAX 64     /* frames in a round */
#define WRITE_MAX 4096  /* more than the out queue holds */
#define EXPIRE_MAX 1024 /* timers in a round */
#define PROGRESS_NS HO_SEC

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

static void capture_try(struct host *h, unsigned link, const struct ho_frame *f, bool outbound)
{
	int err = capture_frame(h->capture, h->stack, link, f, outbound);

	if (err == 0)
		return;
	progress_end(h);
	fprintf(stderr, "halfopen host: writing %s: %s; the capture ends here\n", h->options->pcap, strerror(-err));
	capture_close(h->capture);
	h->capture = NULL;
}

static bool somebody_captures(const struct host *h)
{
	return h->capture != NULL || tracer_captures(h->tracer);
}

static void frame_tell(struct host *h, unsigned link, const struct ho_frame *f, bool outbound)
{
	if (h->capture != NULL)
		capture_try(h, link, f, outbound);
	if (tracer_captures(h->tracer))
		tracer_frame(h->tracer, link, f, outbound, ho_clock_wall());
}

static void frame_in(struct host *h, unsigned link, struct ho_frame *f)
{
	f->id = ++h->frames_in + h->frames_out + h->frames_lost; /* its number in a capture of this host */
	if (!somebody_captures(h)) {
		ho_stack_input_link(h->stack, (int)link, f, h->now);
		return;
	}
	ho_stack_input_link(h->stack, (int)link, ho_frame_ref(f), h->now);
	frame_tell(h, link, f, false);
	ho_frame_unref(f);
}

/* Gives  true if there may be more. */
static bool link_write(struct host *h, unsigned link)
{
	struct ho_frame *f;

	for (int i = 0; i < WRITE_MAX; i++) {
		f = ho_stack_output_link(h->stack, (int)link);
		if (f == NULL)
			return false;
		if (somebody_captures(h))
			frame_tell(h, link, f, true);
		if (ho_tun_write(h->tun[link], f) == 0)
			h->frames_out++;
		else
			h->frames_lost++; /* as on any wire */
		ho_frame_unref(f);
	}
	return true;
}

static bool frames_write(struct host *h)
{
	bool more = false;

	for (unsigned i = 0; i < h->options->link_count; i++)
		more |= link_write(h, i);
	return more;
}

/* Gives  0, or -errno when the device is gone. */
static int link_read(struct host *h, unsigned link)
{
	for (int i = 0; i < READ_MAX; i++) {
		struct ho_frame *f;
		int got = ho_tun_read(h->tun[link], &f);

		if (got == 0)
			return 0;
		if (got < 0 && got != -ENOMEM)
			return got;
		if (got == 1) {
			frame_in(h, link, f);
			frames_write(h); /* before the next one sets more free: the out queue stays short */
		}
	}
	return 0;
}

/* Gives  an exit status. */
static int frames_read(struct host *h, unsigned woken)
{
	for (unsigned i = 0; i < h->options->link_count; i++) {
		int err = woken >> (WAKE_TUN + i) & 1 ? link_read(h, i) : 0;

		if (err != 0) {
			progress_end(h);
			fprintf(stderr, "halfopen host: reading %s: %s\n", h->options->link[i].tun, strerror(-err));
			return EXIT_FAILED;
		}
	}
	return EXIT_FINE;
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
	at = sooner(at, pinger_deadline(h->pinger));
	at = sooner(at, host_files_deadline(h->files));
	at = sooner(at, metrics_deadline(h->metrics));
	return h->progress ? sooner(at, h->progress_at) : at;
}

/* Waits until the deadline, or not at all if there is more to do.  Gives  a set of bits 1 << WAKE_*. */
static unsigned host_wait(struct host *h, bool more)
{
	struct epoll_event events[WAKE_TUN + HOST_LINKS_MAX];
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
	count = epoll_pwait2(h->epoll, events, WAKE_TUN + HOST_LINKS_MAX, timeout, NULL);
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
		int status;

		if (woken & 1u << WAKE_SIGNAL)
			return EXIT_FINE;
		/* frames first: an acknowledgement that is here already stops the timer that waits for it */
		status = frames_read(h, woken);
		if (status != EXIT_FINE)
			return status;
		more = ho_stack_expire(h->stack, h->now, EXPIRE_MAX) == EXPIRE_MAX;
		more |= services_run(h->services, h->now);
		if (woken & 1u << WAKE_CONTROL || control_deadline(h->control) <= h->now)
			control_run(h->control, h->now);
		if (woken & 1u << WAKE_METRICS || metrics_deadline(h->metrics) <= h->now)
			metrics_run(h->metrics, h->now);
		pinger_run(h->pinger, h->now);
		if (woken & 1u << WAKE_FILES || host_files_deadline(h->files) <= h->now)
			host_files_run(h->files, h->now);
		more |= frames_write(h);
		if (tracer_busy(h->tracer))
			more |= tracer_run(h->tracer, h->now, ho_clock_wall());
		progress_show(h);
	}
}

/* ---- the rest ---- */

static void addr_say(const struct host *h, const struct ho_addr *a, const char *before)
{
	const struct host_link *l = &h->options->link[a->link];
	char text[22];

	ho_view_endpoint((struct ho_endpoint){a->addr, 0}, text);
	text[strcspn(text, ":")] = '\0';
	printf("%s%s/%u on %s, mtu %u%s\n", before, text, a->prefix_len, l->tun, l->mtu,
	       h->options->offload ? "" : ", without offload");
}

static void host_say_ready(const struct host *h)
{
	const struct host_options *o = h->options;

	printf("host %s: ", o->name);
	for (unsigned i = 0; i < o->addr_count; i++)
		addr_say(h, &o->addr[i], i > 0 ? "  " : "");
	for (unsigned i = 0; i < o->listen_count; i++)
		printf("  port %u: %s, backlog %d: %s\n", o->listen[i].port, o->listen[i].app, o->listen[i].backlog,
		       service_find(o->listen[i].app)->text);
	for (unsigned i = 0; i < o->udp_count; i++)
		printf("  udp port %u: %s\n", o->udp[i].port, udp_app_name(o->udp[i].app));
	if (o->metrics.text != NULL)
		printf("  metrics on http://%s/metrics\n", o->metrics.text);
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
	pinger_close(h->pinger);
	host_files_close(h->files);
	tracer_close(h->tracer);
	if (h->control != NULL)
		histories_remove(h->options->name);
	control_close(h->control);
	metrics_close(h->metrics);
	err = capture_close(h->capture);
	if (err != 0)
		fprintf(stderr, "halfopen host: writing %s: %s\n", h->options->pcap, strerror(-err));
	if (h->stack != NULL)
		ho_stack_close(h->stack);
	for (unsigned i = 0; i < h->options->link_count; i++)
		ho_tun_close(h->tun[i]);
	if (h->epoll >= 0)
		close(h->epoll);
	if (h->signals >= 0)
		close(h->signals);
}

int host_run(const struct host_options *o)
{
	struct host h = {.options = o, .epoll = -1, .signals = -1, .progress = isatty(STDERR_FILENO)};
	int status = host_start(&h);

	if (status == EXIT_FINE) {
		host_say_ready(&h);
		status = host_loop(&h);
	}
	host_close(&h);
	return status;
}
