/* SPDX-License-Identifier: MIT
 * Makes a stack, lets it talk to itself, and writes its /proc/net files: procfs_dump DIR fills DIR/net/.  And what
 * Prometheus reads of the same stack: DIR/metrics.om, DIR/metrics.prom. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <halfopen/view.h>

#define PORT 8443
#define BACKLOG 511

static int file_write(const char *dir, const char *name,
                      size_t (*view)(const struct ho_stack *s, char *buf, size_t cap_bytes), const struct ho_stack *s)
{
	static char text[1 << 18];
	size_t len = view(s, text, sizeof(text));
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || len >= sizeof(text) || fwrite(text, 1, len, f) != len || fclose(f) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	return 0;
}

static size_t metrics_openmetrics(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_metrics(s, HO_METRICS_OPENMETRICS, buf, cap_bytes);
}

static size_t metrics_prometheus(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_metrics(s, HO_METRICS_PROMETHEUS, buf, cap_bytes);
}

/* A listener with one connection in its accept queue, made over loopback. */
static int stack_busy(struct ho_stack *s)
{
	struct ho_endpoint at = {HO_ADDR_ANY, PORT}, to = {HO_ADDR_LOOPBACK, PORT};
	int listener = ho_sock_open(s, HO_SOCK_STREAM, 0), client = ho_sock_open(s, HO_SOCK_STREAM, 0);
	struct ho_frame *f;

	if (listener < 0 || client < 0 || ho_sock_bind(s, listener, at) < 0 || ho_sock_listen(s, listener, BACKLOG) < 0)
		return -1;
	if (ho_sock_connect(s, client, to) != -EINPROGRESS)
		return -1;
	ho_stack_at(s, ho_stack_now(s) + HO_MS);
	ho_stack_expire(s, ho_stack_now(s), 0);
	while ((f = ho_stack_output(s)) != NULL)
		ho_frame_unref(f);
	return 0;
}

int main(int argc, char **argv)
{
	struct ho_stack_config c;
	struct ho_stack *s;
	char path[4096];
	int wrong;

	if (argc != 2) {
		fprintf(stderr, "usage: procfs_dump DIR\n");
		return 2;
	}
	ho_stack_config_init(&c);
	c.addr = HO_ADDR(198, 18, 0, 2);
	c.prefix_len = 24;
	memset(c.secret, 1, sizeof(c.secret));
	c.now_ns = HO_SEC;
	if (ho_stack_open(&c, &s) < 0 || stack_busy(s) < 0) {
		fprintf(stderr, "procfs_dump: no stack, or it does not connect to itself\n");
		return 1;
	}
	snprintf(path, sizeof(path), "%s/net", argv[1]);
	mkdir(path, 0777); /* if it exists, well: the files below tell */
	wrong = file_write(argv[1], "net/snmp", ho_view_snmp, s) | file_write(argv[1], "net/netstat", ho_view_netstat, s) |
	        file_write(argv[1], "net/sockstat", ho_view_sockstat, s) | file_write(argv[1], "net/tcp", ho_view_proc_tcp, s) |
	        file_write(argv[1], "metrics.om", metrics_openmetrics, s) |
	        file_write(argv[1], "metrics.prom", metrics_prometheus, s);
	ho_stack_close(s);
	return wrong != 0;
}
