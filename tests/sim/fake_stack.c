/* SPDX-License-Identifier: MIT */
#include "fake_stack.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *fake_alloc(void *ctx, size_t bytes, size_t align)
{
	(void)ctx;
	return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void fake_free(void *ctx, void *block, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	free(block);
}

const struct ho_allocator fake_allocator = {fake_alloc, fake_free, NULL};

void ho_stack_config_init(struct ho_stack_config *c)
{
	memset(c, 0, sizeof(*c));
	c->mtu = 1500;
	c->alloc = fake_allocator;
}

int ho_stack_open(const struct ho_stack_config *c, struct ho_stack **out)
{
	struct ho_stack *s;

	if (!c->mtu)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->config = *c;
	s->now = c->now_ns;
	s->link_count = 1;
	for (int i = 0; i < FAKE_LINKS; i++)
		s->out_tail[i] = &s->out[i];
	s->kept_tail = &s->kept;
	for (int i = 0; i < FAKE_TIMERS; i++)
		s->timer[i] = HO_NEVER;
	*out = s;
	return 0;
}

static void frames_unref(struct ho_frame *f)
{
	while (f) {
		struct ho_frame *next = f->next;

		ho_frame_unref(f);
		f = next;
	}
}

void ho_stack_close(struct ho_stack *s)
{
	for (int i = 0; i < FAKE_LINKS; i++)
		frames_unref(s->out[i]);
	frames_unref(s->kept);
	free(s->arrivals);
	free(s);
}

void ho_stack_at(struct ho_stack *s, ho_time_ns now)
{
	if (now > s->now)
		s->now = now;
}

ho_time_ns ho_stack_now(const struct ho_stack *s)
{
	return s->now;
}

static void order_note(struct ho_stack *s, char what)
{
	if (!s->order)
		return;
	*(*s->order)++ = what;
	*(*s->order)++ = s->letter;
	**s->order = 0;
}

void fake_push_link(struct ho_stack *s, int link, struct ho_frame *f)
{
	f->id = ++s->made;
	f->next = NULL;
	*s->out_tail[link] = f;
	s->out_tail[link] = &f->next;
}

void fake_push(struct ho_stack *s, struct ho_frame *f)
{
	fake_push_link(s, 0, f);
}

void fake_send(struct ho_stack *s, uint8_t first_byte, uint32_t len_bytes)
{
	fake_send_link(s, 0, first_byte, len_bytes);
}

void fake_send_link(struct ho_stack *s, int link, uint8_t first_byte, uint32_t len_bytes)
{
	static const uint8_t zero[HO_FRAME_BYTES_MAX];
	uint8_t buf[HO_FRAME_BYTES_MAX];

	memcpy(buf, zero, len_bytes);
	buf[0] = first_byte;
	for (uint32_t i = 1; i <= 16 && i < len_bytes; i++)
		buf[i] = s->config.secret[i - 1];
	fake_push_link(s, link, ho_frame_make(&fake_allocator, buf, len_bytes));
}

static struct fake_arrival *arrival_add(struct ho_stack *s)
{
	if (s->forgets && s->arrival_count)
		return &s->arrivals[0];
	if (s->arrival_count == s->arrival_max) {
		s->arrival_max = s->arrival_max ? 2 * s->arrival_max : 64;
		s->arrivals = realloc(s->arrivals, s->arrival_max * sizeof(*s->arrivals));
		assert(s->arrivals);
	}
	return &s->arrivals[s->arrival_count++];
}

void ho_stack_input_link(struct ho_stack *s, int link, struct ho_frame *f, ho_time_ns now)
{
	struct fake_arrival *a = arrival_add(s);

	assert(now >= s->now);
	assert(f->refs == 1);
	s->now = now;
	memset(a, 0, sizeof(*a));
	*a = (struct fake_arrival){.at = now, .id = f->id, .len_bytes = f->len_bytes, .csum = f->csum,
	                           .gso_segs = f->gso_segs, .data = f->slice[0].data, .link = link};
	ho_frame_read(f, 0, a->bytes, FAKE_BYTES_MAX);
	order_note(s, 'i');
	if (s->wants_events)
		s->ready = true;
	if (s->echo)
		fake_send_link(s, link, a->bytes[0], f->len_bytes);
	if (s->relays)
		fake_send_link(s, (link + 1) % s->link_count, a->bytes[0], f->len_bytes);
	if (s->keeps) {
		*s->kept_tail = f;
		s->kept_tail = &f->next;
	} else {
		ho_frame_unref(f);
	}
}

uint32_t ho_stack_output_bytes(struct ho_stack *s)
{
	return s->out[0] ? s->out[0]->len_bytes : 0;
}

struct ho_frame *ho_stack_output(struct ho_stack *s)
{
	return ho_stack_output_link(s, 0);
}

struct ho_frame *ho_stack_output_link(struct ho_stack *s, int link)
{
	struct ho_frame *f = s->out[link];

	if (!f)
		return NULL;
	s->out[link] = f->next;
	if (!s->out[link])
		s->out_tail[link] = &s->out[link];
	f->next = NULL;
	return f;
}

int ho_link_get(const struct ho_stack *s, int link, struct ho_link_config *out)
{
	memset(out, 0, sizeof(*out));
	return link >= 0 && link < s->link_count ? 0 : -ENODEV;
}

void fake_timer(struct ho_stack *s, ho_time_ns at)
{
	for (int i = 0; i < FAKE_TIMERS; i++) {
		if (s->timer[i] != HO_NEVER)
			continue;
		s->timer[i] = at;
		return;
	}
	assert(false && "no timer left");
}

ho_time_ns ho_stack_deadline(const struct ho_stack *s)
{
	ho_time_ns at = HO_NEVER;

	if (s->stuck)
		return 0;
	for (int i = 0; i < FAKE_TIMERS; i++)
		at = s->timer[i] < at ? s->timer[i] : at;
	return at == HO_NEVER ? at : at > s->early_ns ? at - s->early_ns : 0;
}

uint32_t ho_stack_expire(struct ho_stack *s, ho_time_ns now, uint32_t max_count)
{
	uint32_t fired = 0;

	assert(now >= s->now);
	assert(!max_count);
	(void)max_count;
	s->now = now;
	s->expire_count++;
	for (int i = 0; i < FAKE_TIMERS; i++) {
		if (s->timer[i] > now)
			continue;
		s->timer[i] = HO_NEVER;
		if (s->fired_count < 64)
			s->fired_at[s->fired_count] = now;
		s->fired_count++;
		fired++;
		order_note(s, 't');
		if (s->beats)
			fake_send(s, 'b', 100);
	}
	return fired;
}

bool ho_stack_event(struct ho_stack *s, struct ho_event *e)
{
	if (!s->ready)
		return false;
	s->ready = false;
	*e = (struct ho_event){.fd = FAKE_FD, .mask = HO_IN};
	return true;
}

int ho_sock_info_get(const struct ho_stack *s, int fd, struct ho_sock_info *out)
{
	memset(out, 0, sizeof(*out));
	out->fd = fd;
	return s->closed_fd ? -EBADF : 0;
}
