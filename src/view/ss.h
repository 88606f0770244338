/* SPDX-License-Identifier: MIT
 * What the files of ss share. */
#ifndef HO_VIEW_SS_H
#define HO_VIEW_SS_H

#include <halfopen/ss.h>

#include "view.h"

/* As ss names it: a request is in SYN-RECV. */
unsigned ss_state(const struct ho_sock_info *i);
/* HO_SS_TCP ...; 0 for what ss does not show: ping sockets. */
unsigned ss_protocol(const struct ho_sock_info *i);

const char *ss_netid(const struct ho_sock_info *i);

enum { SS_NETID, SS_STATE, SS_RECVQ, SS_SENDQ, SS_LOCAL, SS_LPORT, SS_PEER, SS_PPORT, SS_MORE, SS_COLUMNS };

/* A row, column by column; what stands behind the addresses may have a second line. */
struct ss_row {
	char small[SS_MORE][20];
	char more[3072];
};

void ss_row_make(struct ss_row *row, const struct ho_ss *ask, ho_time_ns now, const struct ho_sock_detail *d);
/* " ts sack cubic wscale:10,10 ..." */
void ss_info_add(struct text *t, const struct ho_ss *ask, const struct ho_sock_detail *d);

/* {"netid": ...}: everything. */
void ss_json_add(struct text *t, ho_time_ns now, const struct ho_ss *ask, const struct ho_sock_detail *d);

void ss_summary_add(struct text *t, const struct ho_stack *s, const struct ho_ss *ask);

#endif
