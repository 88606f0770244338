/* SPDX-License-Identifier: MIT
 * A TUN device: packets of the kernel's IP layer come out of a descriptor, and what is written goes into it.  Or a TAP device:
 * the same with Ethernet frames, as they are.
 *
 * With IFF_VNET_HDR each packet is preceded by a virtio-net header, the kernel hands over TCP and UDP super-frames of up to 64 KiB
 * in one piece with the checksum still to be filled, and takes the same from us.  What a packet costs is then paid once
 * per 64 KiB (14 to 20 GB/s against 1 to 2 without).
 *
 * Reading does not know the size beforehand: a packet is read into a small buffer of 2 KiB and, as far as it is longer, into
 * a big one behind the place of its first 2 KiB.  A short packet so stays where it is, in a small frame; a long one has
 * its first 2 KiB copied in front of the rest. */
#include <halfopen/port.h>

#include "tun_pool.h"
#include "vnet.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#define TUN_F_USO (TUN_F_USO4 | TUN_F_USO6) /* only both at once */
#define SKIP_MAX 64 /* packets that are not for us, passed over by one ho_tun_read */

struct ho_tun {
	int fd;
	bool vnet, uso, tap;
	struct ho_allocator al;
	struct tun_pool *pool;
	struct ho_frame *spare[TUN_SIZES]; /* to read into */
};

/* *uso: a kernel since 6.2 takes and gives super-frames of UDP, too. */
static int vnet_enable(int fd, bool *uso)
{
	int header_bytes = sizeof(struct vnet_header);

	/* TUN_F_TSO_ECN is not asked for: the kernel then cuts super-frames with CWR itself, and CWR keeps to its segment */
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0)
		return -errno;
	*uso = ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_USO) == 0;
	return *uso || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) == 0 ? 0 : -errno;
}

static int device_open(const char *name, bool vnet, bool tap, bool *uso)
{
	struct ifreq ifr = {.ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0))};
	int fd, err = 0;

	if (name[0] == '\0' || strlen(name) >= sizeof(ifr.ifr_name))
		return -EINVAL;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENXIO ? -ENODEV : errno == EACCES ? -EPERM : -errno;
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		err = -errno;
	else if (vnet)
		err = vnet_enable(fd, uso);
	if (err != 0) {
		close(fd);
		return err;
	}
	return fd;
}

static int tun_open(const char *name, bool vnet, bool tap, const struct ho_allocator *al, struct ho_tun **out)
{
	struct ho_tun *t = al->alloc(al->ctx, sizeof(*t), 16);
	int fd;

	if (t == NULL)
		return -ENOMEM;
	*t = (struct ho_tun){.vnet = vnet, .tap = tap, .al = *al, .pool = tun_pool_open(al)};
	for (enum tun_size size = 0; t->pool != NULL && size < TUN_SIZES; size++)
		t->spare[size] = tun_pool_take(t->pool, size);
	fd = t->spare[TUN_SMALL] != NULL && t->spare[TUN_BIG] != NULL ? device_open(name, vnet, tap, &t->uso) : -ENOMEM;
	t->fd = fd;
	if (fd < 0) {
		ho_tun_close(t);
		return fd;
	}
	*out = t;
	return 0;
}

int ho_tun_open(const char *name, bool vnet, const struct ho_allocator *al, struct ho_tun **out)
{
	return tun_open(name, vnet, false, al, out);
}

int ho_tap_open(const char *name, const struct ho_allocator *al, struct ho_tun **out)
{
	return tun_open(name, false, true, al, out);
}

void ho_tun_close(struct ho_tun *t)
{
	struct ho_allocator al;

	if (t == NULL)
		return;
	al = t->al;
	if (t->fd >= 0)
		close(t->fd);
	for (enum tun_size size = 0; size < TUN_SIZES; size++)
		if (t->spare[size] != NULL)
			ho_frame_unref(t->spare[size]);
	if (t->pool != NULL)
		tun_pool_close(t->pool);
	al.free(al.ctx, t, sizeof(*t));
}

int ho_tun_fd(const struct ho_tun *t)
{
	return t->fd;
}

uint32_t ho_tun_link_flags(const struct ho_tun *t)
{
	/* a write copies before it returns: payload may lie anywhere */
	return HO_LINK_SHARES | (t->tap ? HO_LINK_ETHERNET : 0) | (t->vnet ? HO_LINK_TX_CSUM | HO_LINK_TSO : 0) |
	       (t->uso ? HO_LINK_USO : 0);
}

/* An Ethernet frame: nothing is known of what is in it. */
static void frame_plain(struct ho_frame *f)
{
	f->csum = HO_CSUM_NONE;
	f->csum_start = f->csum_offset = 0;
	f->gso = HO_GSO_NONE;
	f->gso_size = 0;
	f->gso_segs = 1;
	f->hdr_len = 0;
}

/* One packet into the spare frames.
 * Gives  its length, 0: not for us (skip it), -EAGAIN, -errno.  *size: the spare frame that holds it. */
static int packet_read(struct ho_tun *t, enum tun_size *size)
{
	uint8_t *small = tun_frame_bytes(t->spare[TUN_SMALL]), *big = tun_frame_bytes(t->spare[TUN_BIG]);
	struct vnet_header h;
	struct iovec iov[3] = {
		{&h, sizeof(h)}, {small, TUN_SMALL_BYTES}, {big + TUN_SMALL_BYTES, TUN_BIG_BYTES - TUN_SMALL_BYTES}};
	ssize_t n;

	do
		n = t->vnet ? readv(t->fd, iov, 3) : readv(t->fd, iov + 1, 2);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (t->vnet)
		n -= (ssize_t)sizeof(h);
	if (n <= 0 || n > HO_FRAME_BYTES_MAX || (!t->tap && small[0] >> 4 != 4))
		return 0;
	*size = n <= (ssize_t)TUN_SMALL_BYTES ? TUN_SMALL : TUN_BIG;
	if (*size == TUN_BIG)
		memcpy(big, small, TUN_SMALL_BYTES);
	if (t->tap)
		frame_plain(t->spare[*size]);
	else if (!vnet_parse(t->vnet ? &h : NULL, tun_frame_bytes(t->spare[*size]), (uint32_t)n, t->spare[*size]))
		return 0;
	return (int)n;
}

int ho_tun_read(struct ho_tun *t, struct ho_frame **out)
{
	enum tun_size size = TUN_SMALL;
	struct ho_frame *f, *spare;
	int n = 0;

	for (int i = 0; i < SKIP_MAX && n == 0; i++)
		n = packet_read(t, &size);
	if (n <= 0)
		return n == -EAGAIN ? 0 : n;
	spare = tun_pool_take(t->pool, size);
	if (spare == NULL)
		return -ENOMEM; /* the packet is lost */
	f = t->spare[size];
	t->spare[size] = spare;
	f->len_bytes = f->slice[0].len_bytes = (uint32_t)n;
	*out = f;
	return 1;
}

int ho_tun_write(struct ho_tun *t, const struct ho_frame *f)
{
	struct vnet_header h;
	struct iovec iov[1 + HO_FRAME_SLICES_MAX];
	int count = 0;
	ssize_t n;

	assert(f->slice_count >= 1 && f->slice_count <= HO_FRAME_SLICES_MAX && "ho_frame: slice_count");
	if (t->vnet) {
		if (!vnet_emit(f, &h))
			return -EINVAL;
		iov[count++] = (struct iovec){&h, sizeof(h)};
	} else if (f->csum == HO_CSUM_PARTIAL || f->gso != HO_GSO_NONE) {
		return -EINVAL; /* ho_tun_link_flags did not offer it */
	}
	for (int i = 0; i < f->slice_count; i++)
		iov[count++] = (struct iovec){(void *)(uintptr_t)f->slice[i].data, f->slice[i].len_bytes};
	do
		n = writev(t->fd, iov, count);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ENOBUFS ? -EAGAIN : -errno;
	return 0;
}
