/* SPDX-License-Identifier: MIT
 * pcapng: a capture file whose packets carry comments.
 *
 * A file is a row of blocks: type, total length, body, total length again, all in the writer's byte order; a body may end
 * with options, each {code, length, value padded to 4}, closed by {0, 0}.  Three kinds of blocks are written: one section
 * header, an interface description each, an enhanced packet each.
 * Source draft-ietf-opsawg-pcapng. */
#include <halfopen/port.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u

#define OPT_END 0
#define OPT_COMMENT 1
#define SHB_OS 3
#define SHB_USERAPPL 4
#define IF_NAME 2
#define IF_DESCRIPTION 3
#define IF_TSRESOL 9
#define EPB_FLAGS 2

#define LINKTYPE_RAW 101
#define SNAPLEN HO_FRAME_BYTES_MAX
#define OPTION_BYTES_MAX 65532 /* the largest multiple of 4 that a 16-bit length can say */

struct ho_pcapng {
	FILE *file;
	int interface_count;
	int err;            /* the first write error */
	ho_time_ns flushed; /* capture time of the last flush: who follows the file is at most a second behind */
	char *memory;       /* where file writes to, if not to a path; else NULL */
	size_t memory_bytes;
	bool memory_taken;  /* by ho_pcapng_take: what comes next is written over it */
	char buffer[1 << 16];
};

/* ---- lengths, known before anything is written ---- */

static uint32_t padded(size_t len_bytes)
{
	return (uint32_t)(len_bytes + 3u) & ~3u;
}

static uint32_t option_bytes(size_t len_bytes)
{
	return 4 + padded(len_bytes);
}

/* Length of a text as an option can hold it: too long a one is cut, between two UTF-8 characters. */
static size_t text_bytes(const char *text)
{
	size_t len = strlen(text);

	if (len <= OPTION_BYTES_MAX)
		return len;
	for (len = OPTION_BYTES_MAX; len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

static uint32_t text_option_bytes(const char *text)
{
	return text != NULL && *text != '\0' ? option_bytes(text_bytes(text)) : 0;
}

/* ---- pieces ---- */

static void put(struct ho_pcapng *p, const void *bytes, size_t len_bytes)
{
	if (p->err == 0 && len_bytes > 0 && fwrite(bytes, 1, len_bytes, p->file) != len_bytes)
		p->err = errno != 0 ? -errno : -EIO;
}

static void put_u16(struct ho_pcapng *p, uint16_t v)
{
	put(p, &v, sizeof(v));
}

static void put_u32(struct ho_pcapng *p, uint32_t v)
{
	put(p, &v, sizeof(v));
}

static void put_padded(struct ho_pcapng *p, const void *bytes, size_t len_bytes)
{
	static const uint8_t zero[4];

	put(p, bytes, len_bytes);
	put(p, zero, padded(len_bytes) - len_bytes);
}

static void put_option(struct ho_pcapng *p, uint16_t code, const void *value, size_t len_bytes)
{
	put_u16(p, code);
	put_u16(p, (uint16_t)len_bytes);
	put_padded(p, value, len_bytes);
}

static void put_text_option(struct ho_pcapng *p, uint16_t code, const char *text)
{
	if (text_option_bytes(text) > 0)
		put_option(p, code, text, text_bytes(text));
}

static void put_block_begin(struct ho_pcapng *p, uint32_t type, uint32_t total_bytes)
{
	if (p->memory_taken)
		rewind(p->file);
	p->memory_taken = false;
	put_u32(p, type);
	put_u32(p, total_bytes);
}

static void put_block_end(struct ho_pcapng *p, uint32_t total_bytes)
{
	put_u32(p, total_bytes);
}

/* ---- blocks ---- */

static void put_section(struct ho_pcapng *p, const char *application)
{
	const uint32_t total = 12 + 16 + text_option_bytes("Linux") + text_option_bytes(application) + option_bytes(0);
	const uint64_t section_bytes = UINT64_MAX; /* not known: the section is the file */

	put_block_begin(p, BLOCK_SECTION, total);
	put_u32(p, 0x1a2b3c4d); /* tells the reader our byte order */
	put_u16(p, 1);
	put_u16(p, 0);
	put(p, &section_bytes, sizeof(section_bytes));
	put_text_option(p, SHB_OS, "Linux");
	put_text_option(p, SHB_USERAPPL, application);
	put_option(p, OPT_END, NULL, 0);
	put_block_end(p, total);
}

static void section_begin(struct ho_pcapng *p, const char *application)
{
	p->interface_count = 0;
	p->err = 0;
	p->flushed = 0;
	p->memory_taken = false;
	put_section(p, application);
}

int ho_pcapng_open(const char *path, const char *application, struct ho_pcapng **out)
{
	struct ho_pcapng *p = malloc(sizeof(*p));
	int err;

	if (p == NULL)
		return -ENOMEM;
	p->file = fopen(path, "wbe");
	if (p->file == NULL) {
		err = -errno;
		free(p);
		return err;
	}
	p->memory = NULL;
	setvbuf(p->file, p->buffer, _IOFBF, sizeof(p->buffer));
	section_begin(p, application);
	*out = p;
	return 0;
}

int ho_pcapng_memory(const char *application, struct ho_pcapng **out)
{
	struct ho_pcapng *p = malloc(sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->file = open_memstream(&p->memory, &p->memory_bytes);
	if (p->file == NULL) {
		free(p);
		return -ENOMEM;
	}
	section_begin(p, application);
	*out = p;
	return 0;
}

int ho_pcapng_take(struct ho_pcapng *p, const void **bytes, size_t *len_bytes)
{
	if (p->memory_taken)
		rewind(p->file);
	if (fflush(p->file) != 0 && p->err == 0)
		p->err = -errno;
	*bytes = p->memory;
	*len_bytes = p->memory_bytes;
	p->memory_taken = true;
	return p->err;
}

int ho_pcapng_interface(struct ho_pcapng *p, const char *name, const char *description)
{
	const uint8_t nanoseconds = 9;
	const uint32_t total = 12 + 8 + text_option_bytes(name) + text_option_bytes(description) +
	                       option_bytes(sizeof(nanoseconds)) + option_bytes(0);

	put_block_begin(p, BLOCK_INTERFACE, total);
	put_u16(p, LINKTYPE_RAW);
	put_u16(p, 0);
	put_u32(p, SNAPLEN);
	put_text_option(p, IF_NAME, name);
	put_text_option(p, IF_DESCRIPTION, description);
	put_option(p, IF_TSRESOL, &nanoseconds, sizeof(nanoseconds));
	put_option(p, OPT_END, NULL, 0);
	put_block_end(p, total);
	return p->err != 0 ? p->err : p->interface_count++;
}

static void flush_each_second(struct ho_pcapng *p, ho_time_ns at)
{
	if (at - p->flushed < HO_SEC && at >= p->flushed)
		return;
	p->flushed = at;
	if (fflush(p->file) != 0 && p->err == 0)
		p->err = -errno;
}

static uint32_t packet_block_bytes(size_t len_bytes, uint32_t flags, const char *const *comments, int comment_count)
{
	uint32_t options = 0;

	for (int i = 0; i < comment_count; i++)
		options += text_option_bytes(comments[i]);
	if (flags != 0)
		options += option_bytes(sizeof(flags));
	if (options != 0)
		options += option_bytes(0);
	return 12 + 20 + padded(len_bytes) + options;
}

int ho_pcapng_packet(struct ho_pcapng *p, int interface, ho_time_ns at, int direction, const void *bytes,
                     size_t len_bytes, const char *const *comments, int comment_count)
{
	const uint32_t flags = (uint32_t)direction & 3u;
	uint32_t total;

	if (interface < 0 || interface >= p->interface_count || len_bytes > SNAPLEN)
		return -EINVAL;
	total = packet_block_bytes(len_bytes, flags, comments, comment_count);
	put_block_begin(p, BLOCK_PACKET, total);
	put_u32(p, (uint32_t)interface);
	put_u32(p, (uint32_t)(at >> 32));
	put_u32(p, (uint32_t)at);
	put_u32(p, (uint32_t)len_bytes); /* captured */
	put_u32(p, (uint32_t)len_bytes); /* on the wire */
	put_padded(p, bytes, len_bytes);
	for (int i = 0; i < comment_count; i++)
		put_text_option(p, OPT_COMMENT, comments[i]);
	if (flags != 0)
		put_option(p, EPB_FLAGS, &flags, sizeof(flags));
	if (total > 12 + 20 + padded(len_bytes))
		put_option(p, OPT_END, NULL, 0);
	put_block_end(p, total);
	flush_each_second(p, at);
	return p->err;
}

int ho_pcapng_close(struct ho_pcapng *p)
{
	int err;

	if (p == NULL)
		return 0;
	err = p->err;
	if (fclose(p->file) != 0 && err == 0)
		err = -errno;
	free(p->memory);
	free(p);
	return err;
}
