/* SPDX-License-Identifier: MIT
 * What is noted for those who watch: include/halfopen/watch.h.  Each note costs a branch on st->trace if nobody does:
 * that is not NULL while anybody reads along, increments (ho_trace_next) or records (ho_watch_next). */
#ifndef HO_CORE_WATCH_H
#define HO_CORE_WATCH_H

#include <halfopen/watch.h>

#include "core.h"

struct seg;

struct watch {
	uint32_t kinds, records_max;
	struct ho_trace none;       /* st->trace, where no increments are kept */
	struct ho_watched record[]; /* number n at n % records_max */
};

/* Whose and by whom. */
void trace_sock(struct ho_trace *t, const struct cause *c, const struct sock *sk);

cold_path void watch_count(struct ho_stack *st, const struct sock *sk, const struct ho_trace *t);
cold_path void watch_note_state(struct ho_stack *st, const struct sock *sk, uint8_t to);
cold_path void watch_note_connect(struct ho_stack *st, const struct sock *sk);
cold_path void watch_note_bucket(struct ho_stack *st, const struct entry *e, uint8_t from, uint8_t to);
cold_path void watch_note_queue(struct ho_stack *st, const struct sock *lsk, const struct entry *e, enum ho_queue queue,
                                enum ho_left left);
cold_path void watch_note_resend(struct ho_stack *st, const struct sock *sk, const struct seg *g);
cold_path void watch_note_synack(struct ho_stack *st, const struct sock *sk, const struct entry *e, seq_t isn,
                                 enum ho_why why, uint32_t a, uint32_t b);
cold_path void watch_note_drop(struct ho_stack *st, const struct sock *lsk, enum ho_listen_drop cause,
                               struct ho_endpoint peer);
cold_path uint64_t watch_note_call(struct ho_stack *st, enum ho_verb verb, int fd, int a, int b,
                                   struct ho_endpoint addr);
cold_path void watch_note_value(struct ho_stack *st, uint64_t call, const void *val, size_t len_bytes);
cold_path void watch_note_result(struct ho_stack *st, uint64_t call, int result);
void watch_free(struct ho_stack *st);

/* Before sk->state becomes to. */
static inline void watch_state(struct ho_stack *st, const struct sock *sk, uint8_t to)
{
	if (unlikely(st->trace != NULL))
		watch_note_state(st, sk, to);
}
/* Of a socket in SYN-SENT, now that it has a port. */
static inline void watch_connect(struct ho_stack *st, const struct sock *sk)
{
	if (unlikely(st->trace != NULL))
		watch_note_connect(st, sk);
}
/* A listener's child is in SYN-RECV. */
static inline void watch_child(struct ho_stack *st, const struct sock *child)
{
	if (unlikely(st->trace != NULL))
		watch_note_bucket(st, &child->e, HO_LISTEN, HO_SYN_RECV);
}
/* Of a TIME-WAIT bucket. */
static inline void watch_bucket(struct ho_stack *st, const struct entry *e, uint8_t from, uint8_t to)
{
	if (unlikely(st->trace != NULL))
		watch_note_bucket(st, e, from, to);
}
/* After the queue's length has changed. */
static inline void watch_queue(struct ho_stack *st, const struct sock *lsk, const struct entry *e, enum ho_queue queue,
                               enum ho_left left)
{
	if (unlikely(st->trace != NULL))
		watch_note_queue(st, lsk, e, queue, left);
}
static inline void watch_resend(struct ho_stack *st, const struct sock *sk, const struct seg *g)
{
	if (unlikely(st->trace != NULL))
		watch_note_resend(st, sk, g);
}
/* Of a listener's request, or of a socket that is one (sk->e). */
static inline void watch_synack(struct ho_stack *st, const struct sock *sk, const struct entry *e, seq_t isn,
                                enum ho_why why, uint32_t a, uint32_t b)
{
	if (unlikely(st->trace != NULL))
		watch_note_synack(st, sk, e, isn, why, a, b);
}
static inline void watch_drop(struct ho_stack *st, const struct sock *lsk, enum ho_listen_drop cause,
                              struct ho_endpoint peer)
{
	if (unlikely(st->trace != NULL))
		watch_note_drop(st, lsk, cause, peer);
}

/* A call begins.  Gives  what watch_return wants; 0: nobody watches. */
static inline uint64_t watch_call(struct ho_stack *st, enum ho_verb verb, int fd, int a, int b)
{
	return unlikely(st->trace != NULL) ? watch_note_call(st, verb, fd, a, b, (struct ho_endpoint){0}) : 0;
}
static inline uint64_t watch_call_at(struct ho_stack *st, enum ho_verb verb, int fd, struct ho_endpoint addr)
{
	return unlikely(st->trace != NULL) ? watch_note_call(st, verb, fd, 0, 0, addr) : 0;
}
static inline int watch_return(struct ho_stack *st, uint64_t call, int result)
{
	if (unlikely(call != 0))
		watch_note_result(st, call, result);
	return result;
}

#endif
