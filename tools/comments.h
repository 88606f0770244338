/* SPDX-License-Identifier: MIT
 * What happened at a frame, as comments for a capture.  Records wait here until their frame comes by.
 *
 *     "ho0: IpInReceives +1 ... TcpExtListenOverflows +1"           this frame
 *     "ho0: TcpExtListenOverflows +1: a SYN from ... met a full"    why, where the row's own text does not say it all
 *     "ho0: state 198.18.0.2:9000 with ...: SYN-RECV -> ESTAB"      other records
 *     "ho0, before this frame: TcpEstabResets +1"                   not a frame's doing */
#ifndef HO_COMMENTS_H
#define HO_COMMENTS_H

#include <halfopen/halfopen.h>

#define COMMENTS_RECORDS 4096u /* that can wait */
#define COMMENTS_MAX 32        /* of a frame */

struct comments;

struct comments *comments_open(const char *host); /* NULL: no memory */
void comments_close(struct comments *c);

/* How many records may be added. */
uint32_t comments_room(const struct comments *c);
void comments_add(struct comments *c, const struct ho_watched *w);

/* The stack has dealt with an inbound frame, or given out an outbound one.
 * Gives  what is to be said of it and of what happened before it: a number, and texts that live until the next call. */
int comments_of(struct comments *c, const struct ho_frame *f, bool outbound, const char *const **texts);
/* Nothing is to be said of this one; what happened before it waits for the next. */
void comments_skip(struct comments *c, const struct ho_frame *f, bool outbound);

#endif
