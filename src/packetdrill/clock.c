/* SPDX-License-Identifier: MIT
 * Virtual time, and the two threads of packetdrill.
 *
 * The clock moves in usleep(), in netdev_receive() (as far as the next packet), and by a microsecond in each
 * gettimeofday(), since packetdrill spins on it for the last stretch before an event.  Timers fire on the way, each at
 * its own time.
 *
 * A call that may block is made by a second thread, which sleeps here on `changed`.  After each step the main thread
 * lets it look again, and waits until it has gone back to sleep or has returned and asked for the time: packetdrill
 * takes the end of a blocking call from that, so the clock must not go on before. */
#include "drill.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#define TICK_NS HO_US
#define PACKET_BYTES_MAX 65536

static _Thread_local bool returning; /* from a call that was blocked; its time is not yet taken */

void drill_enter(void)
{
	pthread_mutex_lock(&drill.lock);
	ho_stack_at(drill.s, drill.now);
}

void drill_leave(void)
{
	drill_settle();
	pthread_mutex_unlock(&drill.lock);
}

/* ---- what comes out ---- */

static void packet_queue(void *ctx, const void *bytes, size_t len_bytes)
{
	struct drill_packet *p = malloc(sizeof(*p) + len_bytes);

	(void)ctx;
	if (p == NULL)
		abort();
	p->next = NULL;
	p->left = drill.now;
	p->len_bytes = len_bytes;
	memcpy(p->bytes, bytes, len_bytes);
	*drill.last = p;
	drill.last = &p->next;
}

static void output_take(void)
{
	static uint8_t scratch[PACKET_BYTES_MAX];
	struct ho_frame *f;
	struct ho_event e;

	while ((f = ho_stack_output(drill.s)) != NULL) {
		ho_frame_segment(f, scratch, sizeof(scratch), packet_queue, NULL);
		ho_frame_unref(f);
	}
	while (ho_stack_event(drill.s, &e))
		drill_epoll_ready(e.fd);
}

/* ---- blocked calls ---- */

static void settled_wait(void)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec++;
	while (drill.unsettled > 0)
		if (pthread_cond_timedwait(&drill.settled, &drill.lock, &limit) != 0)
			drill.unsettled = 0; /* it did not ask for the time */
}

void drill_settle(void)
{
	output_take();
	if (drill.blocked == 0 || returning)
		return;
	drill.round++;
	drill.unsettled = drill.blocked;
	pthread_cond_broadcast(&drill.changed);
	settled_wait();
	output_take();
}

static void unsettled_drop(void)
{
	if (drill.unsettled > 0)
		drill.unsettled--;
	pthread_cond_signal(&drill.settled);
}

static bool asleep(long thread)
{
	char path[64], text[256];
	const char *state;
	ssize_t bytes;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	bytes = read(fd, text, sizeof(text) - 1);
	syscall(SYS_close, fd);
	text[bytes > 0 ? bytes : 0] = '\0';
	state = strrchr(text, ')');
	return state == NULL || state[2] == 'S';
}

/* What a call gave, packetdrill's other thread notes only when it gets packetdrill's own lock: let it. */
static void returned_wait(void)
{
	const struct timespec pause = {.tv_nsec = 50000};
	long thread;

	pthread_mutex_lock(&drill.lock);
	thread = drill.returned;
	if (thread != syscall(SYS_gettid))
		drill.returned = 0;
	else
		thread = 0;
	pthread_mutex_unlock(&drill.lock);
	for (int i = 0; thread != 0 && i < 2000 && !asleep(thread); i++)
		nanosleep(&pause, NULL);
}

/* Sleeps until the next round. */
static void round_wait(void)
{
	uint64_t round = drill.round;

	output_take();
	drill.blocked++;
	while (drill.round == round)
		pthread_cond_wait(&drill.changed, &drill.lock);
	drill.blocked--;
	ho_stack_at(drill.s, drill.now);
}

static ho_time_ns next_moment(void)
{
	ho_time_ns deadline = ho_stack_deadline(drill.s);

	return deadline < drill.call_deadline ? deadline : drill.call_deadline;
}

static void step_to(ho_time_ns at)
{
	if (at > drill.now)
		drill.now = at;
	ho_stack_expire(drill.s, drill.now, 0);
	drill_settle();
}

static void advance_to(ho_time_ns at)
{
	ho_time_ns next;

	while ((next = next_moment()) <= at)
		step_to(next);
	step_to(at);
}

/* The script has the main thread block: nothing but time can help. */
static bool time_helps(ho_time_ns deadline)
{
	ho_time_ns next = next_moment();

	if (next > deadline)
		next = deadline;
	if (next == HO_NEVER)
		return false;
	step_to(next);
	return true;
}

ptrdiff_t drill_block(ptrdiff_t (*attempt)(void *ctx), void *ctx, ho_time_ns deadline)
{
	bool main_thread = pthread_equal(pthread_self(), drill.main);
	ptrdiff_t r;
	bool slept = false;

	while ((r = attempt(ctx)) == -EAGAIN && drill.now < deadline) {
		if (main_thread) {
			output_take();
			if (!time_helps(deadline))
				break;
			continue;
		}
		if (slept)
			unsettled_drop();
		drill.call_deadline = deadline;
		round_wait();
		drill.call_deadline = HO_NEVER;
		slept = true;
	}
	returning = slept;
	return r;
}

ho_time_ns drill_after(ho_time_ns timeout)
{
	return timeout == 0 ? HO_NEVER : drill.now + timeout;
}

ho_time_ns drill_after_ms(int timeout_ms)
{
	return timeout_ms < 0 ? HO_NEVER : drill.now + (ho_time_ns)timeout_ms * HO_MS;
}

/* ---- the interface ---- */

int drill_netdev_send(void *stack, const void *packet, size_t bytes)
{
	static struct ho_stack_config c; /* its allocator is the frames' */
	struct ho_frame *f;

	(void)stack;
	if (c.alloc.alloc == NULL)
		ho_stack_config_init(&c);
	f = ho_frame_make(&c.alloc, packet, bytes);
	if (f == NULL)
		return -1;
	drill_enter();
	if (drill.mss != 0 && f->hdr_len != 0 && ((const uint8_t *)packet)[9] == HO_IPPROTO_TCP &&
	    bytes - f->hdr_len > drill.mss) {
		f->gso = HO_GSO_TCPV4;
		f->gso_size = (uint16_t)drill.mss;
		f->gso_segs = (uint16_t)((bytes - f->hdr_len + drill.mss - 1) / drill.mss);
	}
	f->hdr_len = 0; /* as packetdrill's writes to TUN, which do not tell */
	ho_stack_input(drill.s, f, drill.now);
	drill_leave();
	return 0;
}

int drill_netdev_receive(void *stack, void *packet, size_t *bytes, long long *left_us)
{
	struct drill_packet *p;
	size_t cap_bytes = *bytes;

	(void)stack;
	*bytes = 0;
	drill_enter();
	while (drill.first == NULL && next_moment() != HO_NEVER)
		step_to(next_moment());
	p = drill.first;
	if (p != NULL) {
		drill.first = p->next;
		if (drill.first == NULL)
			drill.last = &drill.first;
		*bytes = p->len_bytes < cap_bytes ? p->len_bytes : cap_bytes;
		memcpy(packet, p->bytes, *bytes);
		*left_us = (long long)(p->left / HO_US);
		free(p);
	}
	drill_leave();
	return 0;
}

int drill_usleep(void *stack, useconds_t us)
{
	(void)stack;
	returned_wait();
	drill_enter();
	advance_to(drill.now + us * HO_US);
	drill_leave();
	return 0;
}

int drill_gettimeofday(void *stack, struct timeval *now, struct timezone *zone)
{
	(void)stack;
	(void)zone;
	drill_enter();
	if (returning) {
		drill.now += TICK_NS;
		returning = false;
		drill.returned = syscall(SYS_gettid);
		unsettled_drop();
	} else {
		advance_to(drill.now + TICK_NS);
	}
	now->tv_sec = (time_t)(drill.now / HO_SEC);
	now->tv_usec = (suseconds_t)(drill.now % HO_SEC / HO_US);
	pthread_mutex_unlock(&drill.lock);
	return 0;
}
