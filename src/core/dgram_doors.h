/* SPDX-License-Identifier: MIT
 * Datagram sockets: doors for the rest of core (the map is in dgram.h). */
#ifndef HO_DGRAM_DOORS_H
#define HO_DGRAM_DOORS_H

#include "core.h"

void udp_on_packet(struct ho_stack *st, struct rx *rx);
bool raw_on_packet(struct ho_stack *st, struct rx *rx);   /* a copy for each raw socket that wants it: did any? */
void ping_on_reply(struct ho_stack *st, struct rx *rx);   /* an echo reply: to the ping socket of its identifier */
int dgram_open(struct ho_stack *st, struct sock *sk);
int dgram_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local);
int dgram_connect(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer);
int dgram_disconnect(struct ho_stack *st, struct sock *sk);
int dgram_shutdown(struct ho_stack *st, struct sock *sk, int how);
int dgram_inq(const struct sock *sk);
uint32_t dgram_recv_q(const struct sock *sk); /* bytes of buffers that wait, as ss shows them */
uint32_t dgram_poll(const struct sock *sk);
void dgram_close(struct ho_stack *st, struct sock *sk);
ptrdiff_t dgram_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, int flags,
                     const struct ho_endpoint *to); /* to: NULL for the peer of connect() */
ptrdiff_t dgram_recv(struct ho_stack *st, struct sock *sk, void *buf, size_t len_bytes, int flags, struct ho_msg_info *info);
void dgram_on_dequeue(struct ho_stack *st, struct sock *sk, uint32_t bytes); /* the out queue has let go of them */
uint32_t dgram_local_addr(const struct sock *sk); /* what its packets come from; HO_ADDR_ANY: the route says */
int dgram_option_set(struct ho_stack *st, struct sock *sk, int level, int name, int32_t v);
int dgram_option_get(const struct sock *sk, int level, int name, int32_t *v);
bool udp_tables_open(struct ho_stack *st);
void udp_tables_close(struct ho_stack *st);
ptrdiff_t sock_error_recv(struct ho_stack *st, struct sock *sk, struct ho_sock_error *out, void *buf, size_t len_bytes);
void sock_errors_purge(struct ho_stack *st, struct sock *sk);

#endif
