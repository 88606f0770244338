/* SPDX-License-Identifier: MIT
 * halfopen: a stack's files in a directory, for the programs that look at Linux: nstat, ss, sysctl ... (PROC_ROOT=DIR,
 * TCPDIAG_FILE=DIR/net/tcpdiag).  Part of libhalfopen-port.
 *
 * What there is and what is in it says view.h (ho_view_file): net/snmp ... net/tcpdiag, halfopen/NAME.json, sys/net/.  Files are
 * renamed into place, so that a reader has one whole state; but a sysctl's file is written where it is, and sets the sysctl when
 * somebody else writes to it.  What the stack refuses is then overwritten by what holds. */
#ifndef HALFOPEN_PUBLISH_H
#define HALFOPEN_PUBLISH_H

#include "halfopen.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ho_publish;

struct ho_publish_config {
	const char *dir;      /* made if it is not there; it must be ours, and nobody else may write to it */
	uint32_t interval_ms; /* 10..3,600,000 */
	bool readable;        /* by every user of the machine; else by ours alone */
};

/* Shape  nothing -> a directory with every file in it
 * Gives  0; -EPERM (the directory is another user's, or others may write to it), -EBUSY (somebody publishes there), -EINVAL,
 *        -ENOMEM, -errno of the file system.
 * Owns   dir is copied. */
HO_API int ho_publish_open(const struct ho_publish_config *c, const struct ho_stack *s, struct ho_publish **out);

/* Becomes readable when somebody has written a sysctl's file: ho_publish_run takes it. */
HO_API int ho_publish_fd(const struct ho_publish *p);

/* Writes what is due and has changed, and sets the sysctls that were written.
 * Time   files are due at the interval, sysctls once a second at most; with more than 100 sockets, requests and
 *        buckets lists of them that take longer than 40 us to make one at a time, and so seldom that all of it together takes a 250th
 *        of a core.  10,000 connections: each list every 2 s; 100,000: every 15 s.
 * Gives  0; the first -errno of the file system: the file is as it was, and is tried again when it is next due. */
HO_API int ho_publish_run(struct ho_publish *p, struct ho_stack *s, ho_time_ns now);
/* The next moment at which ho_publish_run has something to write. */
HO_API ho_time_ns ho_publish_deadline(const struct ho_publish *p);

/* Writes all that has changed, due or not.  Gives  as ho_publish_run. */
HO_API int ho_publish_now(struct ho_publish *p, struct ho_stack *s, ho_time_ns now);

/* Shape  the files are gone, and the directories that were made for them.  p may be NULL. */
HO_API void ho_publish_close(struct ho_publish *p);

/* ---- the same as a file system: each file is made when it is opened ---- */

struct ho_fuse;

struct ho_fuse_config {
	const char *dir; /* where it is mounted: an empty directory */
	bool readable;   /* by every user (allow_other: /etc/fuse.conf may forbid it); else by ours alone, not even by root */
};

/* Shape  nothing -> a mounted file system.  Whoever looks at it waits until ho_fuse_run has answered: this program must not
 *        look itself.
 * Gives  0; -ENOSYS (built without libfuse3), -EPERM (it cannot be mounted: libfuse has said why on stderr), -EINVAL, -ENOMEM. */
HO_API int ho_fuse_open(const struct ho_fuse_config *c, struct ho_fuse **out);

/* Becomes readable when somebody looks: call ho_fuse_run. */
HO_API int ho_fuse_fd(const struct ho_fuse *f);

/* Answers what is asked, at the stack's time; up to 64 requests, without waiting.  A sysctl that the stack refuses is an error
 * of write().
 * Gives  0; -ENODEV: somebody has unmounted it. */
HO_API int ho_fuse_run(struct ho_fuse *f, struct ho_stack *s);

/* Shape  it is unmounted.  f may be NULL. */
HO_API void ho_fuse_close(struct ho_fuse *f);

#ifdef __cplusplus
}
#endif
#endif
