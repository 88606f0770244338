/* SPDX-License-Identifier: MIT
 * halfopen: the outside world of Linux: TUN devices, the clock, entropy, capture files. */
#ifndef HALFOPEN_PORT_H
#define HALFOPEN_PORT_H

#include "halfopen.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ho_tun;

/* Opens (and creates, if need be) a TUN device in the calling thread's network namespace, non-blocking.
 * Takes  vnet: with IFF_VNET_HDR and TSO/checksum offload, so that super-frames cross in one piece.
 * Gives  0; -EPERM, -EBUSY, -ENODEV (no /dev/net/tun), -EINVAL (name longer than 15). */
HO_API int ho_tun_open(const char *name, bool vnet, const struct ho_allocator *al, struct ho_tun **out);
/* The same with Ethernet frames: a TAP device, for a link with HO_LINK_ETHERNET.  All else of ho_tun_* is the same; every
 * protocol's frames are given. */
HO_API int ho_tap_open(const char *name, const struct ho_allocator *al, struct ho_tun **out);
HO_API void ho_tun_close(struct ho_tun *t);
HO_API int ho_tun_fd(const struct ho_tun *t);
/* HO_LINK_* for the config of the stack behind this device. */
HO_API uint32_t ho_tun_link_flags(const struct ho_tun *t);
/* Gives  1 and a frame (one reference, the caller's); 0: nothing to read; -errno.  A packet of a TUN that is not IPv4 is
 *        skipped. Frames come from a pool of right-sized buffers and outlive the device if need be. */
HO_API int ho_tun_read(struct ho_tun *t, struct ho_frame **out);
/* Gives  0; -EAGAIN (device queue full: the frame is lost, as on any wire), -errno. Keeps no reference. */
HO_API int ho_tun_write(struct ho_tun *t, const struct ho_frame *f);
/* Brings the interface up with an address and MTU, by netlink (root). addr 0: leaves addresses alone. */
HO_API int ho_tun_configure(const char *name, uint32_t addr, uint8_t prefix_len, uint32_t mtu);
/* How many packets wait in the device for ho_tun_read before the kernel drops them (txqueuelen; 500 unless set; root).
 * Gives  0; -ENODEV, -EPERM, -EINVAL (name longer than 15), -ENOMEM. */
HO_API int ho_tun_queue_set(const char *name, uint32_t packets);

HO_API ho_time_ns ho_clock_now(void);   /* CLOCK_MONOTONIC */
HO_API ho_time_ns ho_clock_wall(void);  /* CLOCK_REALTIME, for captures */
HO_API int ho_entropy(void *buf, size_t len_bytes); /* getrandom; 0 or -errno */

/* ---- pcapng ---- */
struct ho_pcapng;
/* Gives  0, -errno. application: section header's shb_userappl. */
HO_API int ho_pcapng_open(const char *path, const char *application, struct ho_pcapng **out);
/* The same into memory, for whoever sends it on. */
HO_API int ho_pcapng_memory(const char *application, struct ho_pcapng **out);
/* What was written since the last call, or since the beginning.
 * Gives  0 and the bytes, which are p's and stay until the next call with p; the first write error.
 * Takes  one of ho_pcapng_memory. */
HO_API int ho_pcapng_take(struct ho_pcapng *p, const void **bytes, size_t *len_bytes);
/* A capture interface (link type raw IPv4, ns timestamps): its number >= 0, -errno. */
HO_API int ho_pcapng_interface(struct ho_pcapng *p, const char *name, const char *description);
/* One packet with any number of comments (each a UTF-8 string).  direction: 0 unknown, 1 inbound, 2 outbound. */
HO_API int ho_pcapng_packet(struct ho_pcapng *p, int interface, ho_time_ns at, int direction, const void *bytes,
                            size_t len_bytes, const char *const *comments, int comment_count);
/* Flushes and closes.  Gives  0 or the first write error. */
HO_API int ho_pcapng_close(struct ho_pcapng *p);

#ifdef __cplusplus
}
#endif
#endif
