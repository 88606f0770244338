/* SPDX-License-Identifier: MIT
 * pipe(), splice() and sendfile(): the pipe and the file are the kernel's, the socket is the stack's, and what moves
 * between them is copied. */
#include "drill.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define PIECE_BYTES 65536

static int drill_pipe(void *stack, int ends[2])
{
	(void)stack;
	return (int)syscall(SYS_pipe2, ends, 0);
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What a pipe takes without blocking. */
static size_t pipe_room(int end)
{
	long size = syscall(SYS_fcntl, end, F_GETPIPE_SZ, 0);
	int held = 0;

	if (size < 0 || syscall(SYS_ioctl, end, FIONREAD, &held) < 0)
		return 0;
	return size > held ? (size_t)(size - held) : 0;
}

static ssize_t socket_to_pipe(int from, int to, size_t bytes, unsigned flags)
{
	static uint8_t piece[PIECE_BYTES];
	size_t room = min_size(min_size(bytes, sizeof(piece)), pipe_room(to));
	ssize_t n;

	if (room == 0)
		return drill_errno(-EAGAIN);
	n = drill_recv(NULL, from, piece, room, flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0);
	return n <= 0 ? n : syscall(SYS_write, to, piece, (size_t)n);
}

static ssize_t pipe_to_socket(int from, int to, size_t bytes, unsigned flags)
{
	static uint8_t piece[PIECE_BYTES];
	int held = 0;
	ssize_t n;

	if (syscall(SYS_ioctl, from, FIONREAD, &held) < 0)
		return -1;
	if (held == 0)
		return flags & SPLICE_F_NONBLOCK ? drill_errno(-EAGAIN) : 0;
	n = syscall(SYS_read, from, piece, min_size(min_size(bytes, sizeof(piece)), (size_t)held));
	return n <= 0 ? n : drill_send(NULL, to, piece, (size_t)n, flags & SPLICE_F_MORE ? MSG_MORE : 0);
}

/* packetdrill gives the address of a zero where the script says NULL. */
static bool has_offset(const loff_t *offset)
{
	return offset != NULL && *offset != 0;
}

static int drill_splice(void *stack, int from, loff_t *from_offset, int to, loff_t *to_offset, size_t bytes,
                        unsigned flags)
{
	(void)stack;
	if ((drill_fd_ours(from) && has_offset(from_offset)) || (drill_fd_ours(to) && has_offset(to_offset)))
		return drill_errno(-ESPIPE);
	if (drill_fd_ours(from) == drill_fd_ours(to))
		return drill_errno(-EINVAL);
	return (int)(drill_fd_ours(from) ? socket_to_pipe(from, to, bytes, flags)
	                                 : pipe_to_socket(from, to, bytes, flags));
}

/* The file is read a piece at a time, and only what the socket took counts as read. */
ssize_t drill_sendfile(int to, int from, off_t *offset, size_t bytes)
{
	static uint8_t piece[PIECE_BYTES];
	off_t at = offset != NULL ? *offset : lseek(from, 0, SEEK_CUR);
	size_t sum = 0;
	ssize_t n = 0;

	if (at < 0)
		return -1;
	while (sum < bytes) {
		ssize_t held = pread(from, piece, min_size(bytes - sum, sizeof(piece)), at + (off_t)sum);

		if (held <= 0) {
			n = held;
			break;
		}
		n = drill_send(NULL, to, piece, (size_t)held, sum + (size_t)held < bytes ? MSG_MORE : 0);
		if (n <= 0)
			break;
		sum += (size_t)n;
		if (n < held)
			break;
	}
	if (offset != NULL)
		*offset = at + (off_t)sum;
	else
		lseek(from, at + (off_t)sum, SEEK_SET);
	return sum > 0 ? (ssize_t)sum : n;
}

void drill_splice_fill(struct packetdrill_interface *i)
{
	i->pipe = drill_pipe;
	i->splice = drill_splice;
}
