/* SPDX-License-Identifier: MIT
 * The birth of a running host: devices, stack, links, routes, rules, services, control socket, capture. */
#include "host_inside.h"

#include "capture.h"
#include "control.h"
#include "metrics.h"
#include "pinger.h"
#include "route_spec.h"
#include "services.h"
#include "sysctl_words.h"
#include "tools.h"
#include "tracer.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int fail_at(const char *what, const char *tun, int err)
{
	fprintf(stderr, "halfopen host: %s %s: %s\n", what, tun, strerror(-err));
	return EXIT_FAILED;
}

static int fail(const struct host *h, const char *what, int err)
{
	return fail_at(what, h->options->link[0].tun, err);
}

static int tun_start(struct host *h, const struct host_link *l, struct ho_tun **tun)
{
	bool offload = h->options->offload;
	int err = l->tap ? ho_tap_open(l->tun, &h->config.alloc, tun) : ho_tun_open(l->tun, offload, &h->config.alloc, tun);

	if (err == -ENODEV) {
		fprintf(stderr,
		        "halfopen host: there is no /dev/net/tun here (modprobe tun; a container needs the device)\n");
		return EXIT_FAILED;
	}
	if (err == -EPERM) {
		fprintf(stderr,
		        "halfopen host: opening the device %s needs root, or a device made for you: "
		        "ip tuntap add %s mode %s user NAME%s\n",
		        l->tun, l->tun, l->tap ? "tap" : "tun", offload && !l->tap ? " vnet_hdr" : "");
		return EXIT_FAILED;
	}
	if (err == -EBUSY) {
		fprintf(stderr, "halfopen host: the device %s is in use already, by another host perhaps\n", l->tun);
		return EXIT_USAGE;
	}
	if (err == -EINVAL) {
		fprintf(stderr, "halfopen host: %s cannot be a device's name, or is a device of another kind\n",
		        l->tun);
		return EXIT_USAGE;
	}
	if (err != 0)
		return fail_at("opening the device", l->tun, err);
	err = h->options->txqueuelen != 0 ? ho_tun_queue_set(l->tun, h->options->txqueuelen) : 0;
	if (err != 0)
		return fail_at("setting the queue length of", l->tun, err);
	err = ho_tun_configure(l->tun, l->kernel_addr, l->kernel_prefix_len, l->mtu);
	return err == 0 ? EXIT_FINE : fail_at("configuring the interface", l->tun, err);
}

static int tuns_start(struct host *h)
{
	int status = EXIT_FINE;

	for (unsigned i = 0; i < h->options->link_count && status == EXIT_FINE; i++)
		status = tun_start(h, &h->options->link[i], &h->tun[i]);
	return status;
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

/* 02:00 and the link's first address. */
static void station_set(const struct host_options *o, unsigned link, uint8_t mac[6])
{
	memset(mac, 0, 6);
	if (!o->link[link].tap)
		return;
	mac[0] = 2;
	mac[5] = (uint8_t)link;
	for (unsigned i = 0; i < o->addr_count; i++) {
		if (o->addr[i].link != (int)link)
			continue;
		for (unsigned k = 0; k < 4; k++)
			mac[2 + k] = (uint8_t)(o->addr[i].addr >> (24 - 8 * k));
		return;
	}
}

/* The only link of a host leads everywhere, unless it is told where to, or others are on it. */
static bool leads_everywhere(const struct host_options *o)
{
	for (unsigned i = 0; i < o->route_count; i++)
		if (strstr(o->route[i], "default") != NULL || strstr(o->route[i], "0.0.0.0/0") != NULL)
			return false;
	return o->link_count == 1 && !o->link[0].tap;
}

static int stack_start(struct host *h)
{
	const struct host_options *o = h->options;
	int err;

	h->config.addr = o->addr[0].addr;
	h->config.prefix_len = o->addr[0].prefix_len;
	h->config.default_route = leads_everywhere(o);
	h->config.mtu = o->link[0].mtu;
	h->config.link_flags = ho_tun_link_flags(h->tun[0]);
	station_set(o, 0, h->config.mac);
	memcpy(h->config.link_name, o->link[0].tun, strlen(o->link[0].tun) + 1); /* a device has that name: it fits */
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

static int links_start(struct host *h)
{
	const struct host_options *o = h->options;

	for (unsigned i = 1; i < o->link_count; i++) {
		struct ho_link_config c = {.mtu = o->link[i].mtu,
		                           .flags = ho_tun_link_flags(h->tun[i]),
		                           .out_queue_max = h->config.out_queue_max};
		int link;

		memcpy(c.name, o->link[i].tun, strlen(o->link[i].tun) + 1);
		station_set(o, i, c.mac);
		link = ho_link_add(h->stack, &c);
		if (link < 0)
			return fail_at("the link to", o->link[i].tun, link);
	}
	for (unsigned i = 1; i < o->addr_count; i++) {
		int err = ho_addr_add(h->stack, &o->addr[i]);

		if (err != 0) {
			fprintf(stderr, "halfopen host: --addr number %u: %s\n", i + 1,
			        err == -EEXIST ? "it was named twice" : strerror(-err));
			return EXIT_USAGE;
		}
	}
	return EXIT_FINE;
}

static int route_start(struct host *h, char *text)
{
	char *words[ROUTE_WORDS_MAX], *save = NULL, why[128] = "too many words", shown[128];
	struct ho_route r;
	int count = 0, err;

	snprintf(shown, sizeof(shown), "%s", text);
	for (char *w = strtok_r(text, " \t", &save); w != NULL && count < ROUTE_WORDS_MAX;
	     w = strtok_r(NULL, " \t", &save))
		words[count++] = w;
	if (!route_spec_parse(h->stack, count, words, &r, why, sizeof(why))) {
		fprintf(stderr, "halfopen host: --route '%s': %s\n", shown, why);
		return EXIT_USAGE;
	}
	err = ho_route_add(h->stack, &r);
	if (err == 0)
		return EXIT_FINE;
	fprintf(stderr, "halfopen host: --route '%s': %s\n", shown, route_error(err));
	return EXIT_USAGE;
}

static int routes_start(struct host *h)
{
	int status = EXIT_FINE;

	for (unsigned i = 0; i < h->options->route_count && status == EXIT_FINE; i++)
		status = route_start(h, h->options->route[i]);
	return status;
}

static int rules_start(struct host *h)
{
	for (unsigned i = 0; i < h->options->rule_count; i++) {
		int err = ho_rule_add(h->stack, &h->options->rule[i]);

		if (err != 0)
			return fail(h, "a rule of the stack behind", err);
	}
	return EXIT_FINE;
}

static int forward_start(struct host *h)
{
	int err = h->options->forward ? ho_sysctl_set(h->stack, "net.ipv4.ip_forward", "1") : 0;

	if (err == 0)
		return EXIT_FINE;
	fprintf(stderr, "halfopen host: --forward: net.ipv4.ip_forward cannot be set: this stack does not forward\n");
	return EXIT_USAGE;
}

static int sysctl_refused(const char *name, const char *value, int err)
{
	char words[512];

	sysctl_refusal(name, value, err, words, sizeof(words));
	fprintf(stderr, "halfopen host: --sysctl: %s\n", words);
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

static int pinger_start_up(struct host *h)
{
	h->pinger = pinger_open(h->stack, h->control);
	h->tracer = tracer_open(h->stack, h->control, h->options->name);
	for (unsigned i = 0; h->tracer != NULL && i < h->options->link_count; i++)
		tracer_link(h->tracer, h->options->link[i].tun, h->options->link[i].tap);
	h->asked = (struct asked){h->stack, h->control, h->pinger, h->files, h->tracer};
	return h->pinger != NULL && h->tracer != NULL ? EXIT_FINE : fail(h, "pings and traces behind", -ENOMEM);
}

static int control_start(struct host *h)
{
	char id[64], path[CONTROL_PATH_MAX];
	int err;

	snprintf(id, sizeof(id), "%ld.%" PRIu64, (long)getpid(), ho_clock_wall());
	err = control_open(h->options->name, id, answer, &h->asked, &h->control);
	if (err == 0)
		return pinger_start_up(h);
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

static int publish_failed(const struct host *h, int err)
{
	if (h->options->files.dir == NULL)
		return fail(h, "files of", err);
	fprintf(stderr, "halfopen host: --publish %s: %s\n", h->options->files.dir,
	        err == -EPERM   ? "it belongs to another user, or others may write to it"
	        : err == -EBUSY ? "another host publishes there"
	                        : strerror(-err));
	return EXIT_USAGE;
}

static int mount_failed(const struct host *h, int err)
{
	if (err == -ENOSYS)
		fprintf(stderr, "halfopen host: --fuse: this halfopen was built without libfuse3 (Debian: libfuse3-dev); "
		                "--publish DIR works without it\n");
	else
		fprintf(stderr, "halfopen host: --fuse %s: %s\n", h->options->files.fuse_dir,
		        err == -EPERM ? "it cannot be mounted there" : strerror(-err));
	return EXIT_USAGE;
}

static int files_start(struct host *h)
{
	int err = host_files_open(&h->options->files, h->options->name, h->stack, &h->files);

	h->asked.files = h->files;
	if (err != 0)
		return publish_failed(h, err);
	err = h->options->files.fuse_dir != NULL ? host_files_mount(h->files) : 0;
	return err == 0 ? EXIT_FINE : mount_failed(h, err);
}

static int metrics_start(struct host *h)
{
	const struct metrics_spec *spec = &h->options->metrics;
	int err = spec->text != NULL ? metrics_open(spec, h->stack, &h->metrics) : 0;

	if (err == 0)
		return EXIT_FINE;
	fprintf(stderr, "halfopen host: --metrics %s: %s\n", spec->text,
	        err == -EADDRINUSE      ? "somebody listens there already"
	        : err == -EADDRNOTAVAIL ? "this is no address of this machine"
	        : err == -ELIBACC       ? "libmicrohttpd.so.12 is not installed"
	                                : strerror(-err));
	return err == -EADDRINUSE || err == -EADDRNOTAVAIL || err == -EACCES ? EXIT_USAGE : EXIT_FAILED;
}

static int capture_start(struct host *h)
{
	int err;

	if (h->options->pcap == NULL)
		return EXIT_FINE;
	err = capture_open(h->options->pcap, h->options->name, &h->capture);
	for (unsigned i = 0; i < h->options->link_count && err == 0; i++)
		err = capture_link(h->capture, h->options->link[i].tun);
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
	if (h->signals < 0 || h->epoll < 0 || wake_add(h, h->signals, WAKE_SIGNAL) < 0 ||
	    wake_add(h, control_fd(h->control), WAKE_CONTROL) < 0 || wake_add(h, host_files_fd(h->files), WAKE_FILES) < 0)
		return fail(h, "waiting for", -errno);
	if (h->metrics != NULL && wake_add(h, metrics_fd(h->metrics), WAKE_METRICS) < 0)
		return fail(h, "waiting for scrapes of", -errno);
	for (unsigned i = 0; i < h->options->link_count; i++)
		if (wake_add(h, ho_tun_fd(h->tun[i]), WAKE_TUN + i) < 0)
			return fail_at("waiting for", h->options->link[i].tun, -errno);
	return EXIT_FINE;
}

int host_start(struct host *h)
{
	static int (*const steps[])(struct host * h) = {
		tuns_start,    stack_start,    links_start, routes_start,  rules_start,   sysctls_set,
		forward_start, listeners_open, udp_open,    control_start, files_start,   metrics_start,
		capture_start, wakes_start,
	};
	int status = EXIT_FINE;

	ho_stack_config_init(&h->config);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && status == EXIT_FINE; i++)
		status = steps[i](h);
	return status;
}
