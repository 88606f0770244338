/* SPDX-License-Identifier: MIT
 * A stack for packetdrill: its address, MTU and the size of super-frames come from --so_flags="ADDR[/LEN] mtu=N mss=N
 * seed=N", and what is not said there from packetdrill's own command line (--local_ip, --mtu, --mss). */
#include "drill.h"

#include <fcntl.h>
#include <halfopen/view.h>
#include <stdio.h>
#include <sys/syscall.h>

#define BIRTH_NS (UINT64_C(1000000) * HO_SEC)
#define FLAGS_BYTES 256

struct drill drill = {.lock = PTHREAD_MUTEX_INITIALIZER,
                      .changed = PTHREAD_COND_INITIALIZER,
                      .settled = PTHREAD_COND_INITIALIZER,
                      .now = BIRTH_NS,
                      .last = &drill.first,
                      .call_deadline = HO_NEVER};

static _Noreturn void die(const char *what, const char *about)
{
	fprintf(stderr, "halfopen-packetdrill: %s: %s\n", about, what);
	exit(EXIT_FAILURE);
}

static uint32_t number(const char *text, const char *whole)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || v > UINT32_MAX)
		die("not a number", whole);
	return (uint32_t)v;
}

static void address_take(struct ho_stack_config *c, const char *word)
{
	char text[FLAGS_BYTES];
	char *slash;

	snprintf(text, sizeof(text), "%s", word);
	slash = strchr(text, '/');
	if (slash != NULL) {
		*slash = '\0';
		c->prefix_len = (uint8_t)number(slash + 1, word);
	}
	if (ho_view_addr_parse(text, &c->addr) != 0)
		die("neither an IPv4 address nor mtu=, mss=, seed=", word);
}

static void word_take(struct ho_stack_config *c, const char *word)
{
	if (strncmp(word, "mtu=", 4) == 0) {
		c->mtu = number(word + 4, word);
	} else if (strncmp(word, "mss=", 4) == 0) {
		drill.mss = number(word + 4, word);
	} else if (strncmp(word, "seed=", 5) == 0) {
		uint32_t seed = number(word + 5, word);

		memcpy(c->secret, &seed, sizeof(seed));
	} else {
		address_take(c, word);
	}
}

static void flags_take(struct ho_stack_config *c, const char *flags)
{
	char text[FLAGS_BYTES];
	char *rest, *word;

	snprintf(text, sizeof(text), "%s", flags);
	for (word = strtok_r(text, " ,", &rest); word != NULL; word = strtok_r(NULL, " ,", &rest))
		word_take(c, word);
}

/* Gives  the value of `--name=value`, NULL if word is something else. */
static const char *value_of(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static void command_line_take(struct ho_stack_config *c)
{
	static char line[65536];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t bytes = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	const char *v;

	if (fd >= 0)
		syscall(SYS_close, fd);
	for (ssize_t i = 0; i < bytes; i += (ssize_t)strlen(line + i) + 1) {
		if ((v = value_of(line + i, "--local_ip")) != NULL)
			address_take(c, v);
		else if ((v = value_of(line + i, "--mtu")) != NULL)
			c->mtu = number(v, line + i);
		else if ((v = value_of(line + i, "--mss")) != NULL)
			drill.mss = number(v, line + i);
	}
}

static void drill_free(void *stack)
{
	(void)stack;
	pthread_mutex_lock(&drill.lock);
	ho_stack_close(drill.s);
	drill.s = NULL;
	pthread_mutex_unlock(&drill.lock);
}

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface)
{
	struct ho_stack_config c;

	drill_preload();
	ho_stack_config_init(&c);
	c.addr = HO_ADDR(192, 168, 0, 1);
	c.prefix_len = 16;
	c.default_route = true;
	c.link_flags = HO_LINK_TX_CSUM | HO_LINK_TSO | HO_LINK_ORPHANS;
	c.socks_max = DRILL_FDS_MAX;
	c.now_ns = drill.now;
	command_line_take(&c);
	if (flags != NULL)
		flags_take(&c, flags);
	if (ho_stack_open(&c, &drill.s) != 0)
		die("the stack refuses", flags != NULL ? flags : "command line");
	drill.main = pthread_self();
	drill_sysctls_read();
	*interface = (struct packetdrill_interface){
		.stack = &drill,
		.free = drill_free,
		.netdev_send = drill_netdev_send,
		.netdev_receive = drill_netdev_receive,
		.usleep = drill_usleep,
		.gettimeofday = drill_gettimeofday,
	};
	drill_calls_fill(interface);
	drill_transfer_fill(interface);
	drill_poll_fill(interface);
	drill_splice_fill(interface);
}
