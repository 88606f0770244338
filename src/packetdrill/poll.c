/* SPDX-License-Identifier: MIT
 * poll() and epoll.  An epoll instance works as Linux's: a watch is armed when its socket wakes it (ho_stack_event) or
 * when it is added; epoll_wait() asks each armed one what holds now, and leaves only those armed that are
 * level-triggered and have something. */
#include "drill.h"

/* ---- poll ---- */

struct polling {
	struct pollfd *fds;
	nfds_t count;
};

static ptrdiff_t poll_attempt(void *ctx)
{
	struct polling *p = ctx;
	ptrdiff_t ready = 0;

	for (nfds_t i = 0; i < p->count; i++) {
		struct pollfd *f = &p->fds[i];

		f->revents = 0;
		if (f->fd < 0)
			continue;
		if (drill_fd_ours(f->fd))
			f->revents = (short)(ho_sock_poll(drill.s, drill_fd_stack(f->fd)) &
			                     ((uint32_t)f->events | POLLERR | POLLHUP));
		else
			f->revents = POLLNVAL;
		ready += f->revents != 0;
	}
	return ready > 0 ? ready : -EAGAIN;
}

static int drill_poll(void *stack, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct polling p = {fds, count};
	ptrdiff_t n;

	(void)stack;
	drill_enter();
	n = drill_block(poll_attempt, &p, drill_after_ms(timeout_ms));
	drill_leave();
	return n == -EAGAIN ? 0 : drill_errno(n);
}

/* ---- epoll ---- */

static struct drill_epoll *epoll_of(int epoll)
{
	struct drill_epoll *e;

	if (epoll < DRILL_EPOLL_FIRST || epoll >= DRILL_EPOLL_FIRST + DRILL_EPOLLS_MAX)
		return NULL;
	e = &drill.epolls[epoll - DRILL_EPOLL_FIRST];
	return e->open ? e : NULL;
}

static int drill_epoll_create(void *stack, int size)
{
	(void)stack;
	if (size <= 0)
		return drill_errno(-EINVAL);
	for (int i = 0; i < DRILL_EPOLLS_MAX; i++) {
		struct drill_epoll *e = &drill.epolls[i];

		if (e->open)
			continue;
		e->open = true;
		for (int w = 0; w < DRILL_WATCHES_MAX; w++)
			e->watches[w].fd = -1;
		return DRILL_EPOLL_FIRST + i;
	}
	return drill_errno(-EMFILE);
}

int drill_epoll_close(int epoll)
{
	struct drill_epoll *e = epoll_of(epoll);

	if (e == NULL)
		return drill_errno(-EBADF);
	e->open = false;
	return 0;
}

static struct drill_watch *watch_of(struct drill_epoll *e, int stack_fd)
{
	for (int w = 0; w < DRILL_WATCHES_MAX; w++)
		if (e->watches[w].fd == stack_fd)
			return &e->watches[w];
	return NULL;
}

/* EPOLLONESHOT disables a watch by taking its events away. */
#define WATCH_FLAGS (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

static uint32_t watch_holds(const struct drill_watch *w)
{
	if ((w->event.events & ~WATCH_FLAGS) == 0)
		return 0;
	return ho_sock_poll(drill.s, w->fd) & (w->event.events | EPOLLERR | EPOLLHUP);
}

void drill_epoll_ready(int stack_fd)
{
	for (int i = 0; i < DRILL_EPOLLS_MAX; i++) {
		struct drill_watch *w = drill.epolls[i].open ? watch_of(&drill.epolls[i], stack_fd) : NULL;

		if (w != NULL)
			w->armed = true;
	}
}

void drill_epoll_forget(int stack_fd)
{
	for (int i = 0; i < DRILL_EPOLLS_MAX; i++) {
		struct drill_watch *w = watch_of(&drill.epolls[i], stack_fd);

		if (w != NULL)
			w->fd = -1;
	}
}

static int watch_change(struct drill_epoll *e, int operation, int fd, const struct epoll_event *event)
{
	struct drill_watch *w = watch_of(e, drill_fd_stack(fd));

	if (operation == EPOLL_CTL_ADD) {
		if (w != NULL)
			return -EEXIST;
		w = watch_of(e, -1);
		if (w == NULL)
			return -ENOSPC;
		w->fd = drill_fd_stack(fd);
	} else if (w == NULL) {
		return -ENOENT;
	}
	if (operation == EPOLL_CTL_DEL) {
		w->fd = -1;
		return 0;
	}
	w->event = *event;
	w->armed = watch_holds(w) != 0;
	return 0;
}

static int drill_epoll_ctl(void *stack, int epoll, int operation, int fd, struct epoll_event *event)
{
	struct drill_epoll *e = epoll_of(epoll);
	int err;

	(void)stack;
	if (e == NULL || !drill_fd_ours(fd))
		return drill_errno(-EBADF);
	drill_enter();
	err = watch_change(e, operation, fd, event);
	drill_leave();
	return drill_errno(err);
}

struct epolling {
	struct drill_epoll *epoll;
	struct epoll_event *events;
	int count_max;
};

static ptrdiff_t epoll_attempt(void *ctx)
{
	struct epolling *p = ctx;
	int ready = 0;

	for (int i = 0; i < DRILL_WATCHES_MAX && ready < p->count_max; i++) {
		struct drill_watch *w = &p->epoll->watches[i];
		uint32_t holds;

		if (w->fd < 0 || !w->armed)
			continue;
		holds = watch_holds(w);
		w->armed = holds != 0 && !(w->event.events & (EPOLLET | EPOLLONESHOT));
		if (holds == 0)
			continue;
		p->events[ready++] = (struct epoll_event){.events = holds, .data = w->event.data};
		if (w->event.events & EPOLLONESHOT)
			w->event.events &= WATCH_FLAGS;
	}
	return ready > 0 ? ready : -EAGAIN;
}

static int drill_epoll_wait(void *stack, int epoll, struct epoll_event *events, int count_max, int timeout_ms)
{
	struct epolling p = {epoll_of(epoll), events, count_max};
	ptrdiff_t n;

	(void)stack;
	if (p.epoll == NULL)
		return drill_errno(-EBADF);
	if (count_max <= 0)
		return drill_errno(-EINVAL);
	drill_enter();
	n = drill_block(epoll_attempt, &p, drill_after_ms(timeout_ms));
	drill_leave();
	return n == -EAGAIN ? 0 : drill_errno(n);
}

void drill_poll_fill(struct packetdrill_interface *i)
{
	i->poll = drill_poll;
	i->epoll_create = drill_epoll_create;
	i->epoll_ctl = drill_epoll_ctl;
	i->epoll_wait = drill_epoll_wait;
}
