/* SPDX-License-Identifier: MIT
 * Capture files: every block is read back by the rules of the format, and compared. */
#include <halfopen/port.h>

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A file in memory and where the reader stands. */
struct reader {
	uint8_t *bytes;
	size_t len, at;
	char path[64];
};

/* A block, its body and options taken apart. */
struct block {
	uint32_t type;
	const uint8_t *body;
	uint32_t body_bytes;
};

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static uint16_t u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static struct ho_pcapng *writer_open(struct reader *r, const char *application)
{
	struct ho_pcapng *p = NULL;
	int fd;

	*r = (struct reader){0};
	strcpy(r->path, "/tmp/ho-pcapng-XXXXXX");
	fd = mkstemp(r->path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(ho_pcapng_open(r->path, application, &p), 0);
	return p;
}

static void read_back(struct reader *r)
{
	FILE *f = fopen(r->path, "rb");

	assert_non_null(f);
	r->bytes = malloc(1 << 20);
	r->len = fread(r->bytes, 1, 1 << 20, f);
	fclose(f);
	unlink(r->path);
}

static struct block next_block(struct reader *r)
{
	struct block b;
	uint32_t total;

	assert_true(r->at + 12 <= r->len);
	b.type = u32(r->bytes + r->at);
	total = u32(r->bytes + r->at + 4);
	assert_int_equal(total % 4, 0);
	assert_true(r->at + total <= r->len);
	assert_int_equal(u32(r->bytes + r->at + total - 4), total); /* the length stands at both ends */
	b.body = r->bytes + r->at + 8;
	b.body_bytes = total - 12;
	r->at += total;
	return b;
}

/* The n-th option of a code, from an offset of the body on; NULL if there is none.  Checks padding and the end mark. */
static const uint8_t *option(const struct block *b, uint32_t from, uint16_t code, int n, uint16_t *len)
{
	const uint8_t *found = NULL;
	uint32_t at = from;

	if (at == b->body_bytes)
		return NULL; /* no options at all: no end mark either */
	for (;;) {
		uint16_t c = u16(b->body + at), l = u16(b->body + at + 2);

		assert_true(at + 4u + l <= b->body_bytes);
		if (c == 0)
			break;
		if (c == code && n-- == 0) {
			found = b->body + at + 4;
			*len = l;
		}
		for (uint32_t i = l; i % 4 != 0; i++)
			assert_int_equal(b->body[at + 4 + i], 0);
		at += 4 + ((l + 3u) & ~3u);
	}
	assert_int_equal(at + 4, b->body_bytes); /* the end mark is the last thing of the block */
	return found;
}

static void option_says(const struct block *b, uint32_t from, uint16_t code, int n, const char *text)
{
	uint16_t len = 0;
	const uint8_t *v = option(b, from, code, n, &len);

	assert_non_null(v);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(v, text, len);
}

static void expect_no_more(struct reader *r)
{
	assert_int_equal(r->at, r->len);
	free(r->bytes);
}

static void a_section_says_who_wrote_it(void **state)
{
	struct reader r;
	struct block b;

	(void)state;
	assert_int_equal(ho_pcapng_close(writer_open(&r, "halfopen test")), 0);
	read_back(&r);
	b = next_block(&r);
	assert_int_equal(b.type, 0x0a0d0d0a);
	assert_int_equal(u32(b.body), 0x1a2b3c4d);
	assert_int_equal(u16(b.body + 4), 1);
	assert_int_equal(u16(b.body + 6), 0);
	option_says(&b, 16, 3, 0, "Linux");
	option_says(&b, 16, 4, 0, "halfopen test");
	expect_no_more(&r);
}

static void interfaces_are_raw_ip_with_nanoseconds(void **state)
{
	struct reader r;
	struct ho_pcapng *p;
	struct block b;
	const uint8_t *resolution;
	uint16_t len = 0;

	(void)state;
	p = writer_open(&r, NULL);
	assert_int_equal(ho_pcapng_interface(p, "client", "the one that connects"), 0);
	assert_int_equal(ho_pcapng_interface(p, "server", NULL), 1);
	assert_int_equal(ho_pcapng_close(p), 0);
	read_back(&r);
	next_block(&r);
	b = next_block(&r);
	assert_int_equal(b.type, 1);
	assert_int_equal(u16(b.body), 101);
	option_says(&b, 8, 2, 0, "client");
	option_says(&b, 8, 3, 0, "the one that connects");
	resolution = option(&b, 8, 9, 0, &len);
	assert_non_null(resolution);
	assert_int_equal(len, 1);
	assert_int_equal(resolution[0], 9);
	b = next_block(&r);
	option_says(&b, 8, 2, 0, "server");
	assert_null(option(&b, 8, 3, 0, &len));
	expect_no_more(&r);
}

static void packets_of_every_length_are_padded(void **state)
{
	uint8_t packet[9] = {0x45, 1, 2, 3, 4, 5, 6, 7, 8};
	const ho_time_ns at = UINT64_C(1700000000123456789);
	struct reader r;
	struct ho_pcapng *p;

	(void)state;
	p = writer_open(&r, "t");
	assert_int_equal(ho_pcapng_interface(p, "a", NULL), 0);
	for (size_t len = 1; len <= sizeof(packet); len++)
		assert_int_equal(ho_pcapng_packet(p, 0, at, 0, packet, len, NULL, 0), 0);
	assert_int_equal(ho_pcapng_close(p), 0);
	read_back(&r);
	next_block(&r);
	next_block(&r);
	for (uint32_t len = 1; len <= sizeof(packet); len++) {
		struct block b = next_block(&r);

		assert_int_equal(b.type, 6);
		assert_int_equal(b.body_bytes, 20 + ((len + 3) & ~3u)); /* no options, no end mark */
		assert_int_equal(u32(b.body), 0);
		assert_int_equal((uint64_t)u32(b.body + 4) << 32 | u32(b.body + 8), at);
		assert_int_equal(u32(b.body + 12), len);
		assert_int_equal(u32(b.body + 16), len);
		assert_memory_equal(b.body + 20, packet, len);
		for (uint32_t i = len; i % 4 != 0; i++)
			assert_int_equal(b.body[20 + i], 0);
	}
	expect_no_more(&r);
}

static void comments_and_direction_are_options(void **state)
{
	const char *comments[] = {"server: TcpExtListenOverflows +1", "\xc3\xbc", "", "abcd"};
	const uint8_t packet[20] = {0x45};
	struct reader r;
	struct ho_pcapng *p;
	struct block b;
	const uint8_t *flags;
	uint16_t len = 0;

	(void)state;
	p = writer_open(&r, "t");
	ho_pcapng_interface(p, "a", NULL);
	assert_int_equal(ho_pcapng_packet(p, 0, 1, 2, packet, sizeof(packet), comments, 4), 0);
	assert_int_equal(ho_pcapng_close(p), 0);
	read_back(&r);
	next_block(&r);
	next_block(&r);
	b = next_block(&r);
	option_says(&b, 40, 1, 0, comments[0]);
	option_says(&b, 40, 1, 1, comments[1]);
	option_says(&b, 40, 1, 2, comments[3]); /* an empty comment is none */
	flags = option(&b, 40, 2, 0, &len);
	assert_non_null(flags);
	assert_int_equal(u32(flags), 2);
	expect_no_more(&r);
}

static void a_comment_too_long_is_cut_between_characters(void **state)
{
	const uint8_t packet[20] = {0x45};
	struct reader r;
	struct ho_pcapng *p;
	struct block b;
	uint16_t len = 0;
	char *text = malloc(70001);
	const char *comments[1] = {text};

	(void)state;
	text[0] = 'x'; /* then u umlauts, 2 bytes each: one of them straddles the limit */
	for (int i = 1; i < 69999; i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	text[69999] = '\0';
	p = writer_open(&r, "t");
	ho_pcapng_interface(p, "a", NULL);
	assert_int_equal(ho_pcapng_packet(p, 0, 1, 1, packet, sizeof(packet), comments, 1), 0);
	assert_int_equal(ho_pcapng_close(p), 0);
	read_back(&r);
	next_block(&r);
	next_block(&r);
	b = next_block(&r);
	assert_non_null(option(&b, 40, 1, 0, &len));
	assert_int_equal(len, 65531);
	free(text);
	expect_no_more(&r);
}

static void refuses_what_the_file_cannot_say(void **state)
{
	struct reader r;
	struct ho_pcapng *p;
	uint8_t packet[1] = {0x45};

	(void)state;
	assert_int_equal(ho_pcapng_open("/nonexistent/dir/file", "t", &p), -ENOENT);
	p = writer_open(&r, "t");
	assert_int_equal(ho_pcapng_packet(p, 0, 1, 0, packet, 1, NULL, 0), -EINVAL); /* no interface yet */
	ho_pcapng_interface(p, "a", NULL);
	assert_int_equal(ho_pcapng_packet(p, 1, 1, 0, packet, 1, NULL, 0), -EINVAL);
	assert_int_equal(ho_pcapng_packet(p, 0, 1, 0, packet, 65536, NULL, 0), -EINVAL);
	assert_int_equal(ho_pcapng_close(p), 0);
	unlink(r.path);
}

static void a_full_disk_is_told(void **state)
{
	struct ho_pcapng *p = NULL;
	uint8_t packet[60000] = {0x45};
	int err = 0;

	(void)state;
	if (access("/dev/full", W_OK) != 0)
		skip();
	assert_int_equal(ho_pcapng_open("/dev/full", "t", &p), 0);
	ho_pcapng_interface(p, "a", NULL);
	for (ho_time_ns s = 1; s < 4; s++)
		err = ho_pcapng_packet(p, 0, s * HO_SEC, 0, packet, sizeof(packet), NULL, 0);
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(ho_pcapng_close(p), -ENOSPC);
}

/* One of each: the same calls to both. */
static void packet_written(struct ho_pcapng *p, unsigned n)
{
	static const char *const comments[] = {"one", "and another"};
	uint8_t bytes[100];

	memset(bytes, (int)n, sizeof(bytes));
	assert_int_equal(ho_pcapng_packet(p, 0, n * HO_SEC / 3, 1 + (int)n % 2, bytes, 1 + n % sizeof(bytes), comments, (int)n % 3), 0);
}

static void what_is_taken_from_memory_is_what_a_file_holds(void **state)
{
	struct reader r;
	struct ho_pcapng *file = writer_open(&r, "test"), *memory;
	uint8_t *all = malloc(1 << 20);
	const void *bytes;
	size_t used = 0, len;

	(void)state;
	assert_int_equal(ho_pcapng_memory("test", &memory), 0);
	assert_int_equal(ho_pcapng_interface(file, "ho0", "a link"), 0);
	assert_int_equal(ho_pcapng_interface(memory, "ho0", "a link"), 0);
	for (unsigned n = 0; n < 200; n++) {
		packet_written(file, n);
		packet_written(memory, n);
		for (unsigned takes = n % 4; takes > 0; takes--) { /* none, one, or more, which get nothing */
			assert_int_equal(ho_pcapng_take(memory, &bytes, &len), 0);
			memcpy(all + used, bytes, len);
			used += len;
		}
	}
	assert_int_equal(ho_pcapng_take(memory, &bytes, &len), 0);
	memcpy(all + used, bytes, len);
	used += len;
	assert_int_equal(ho_pcapng_close(file), 0);
	assert_int_equal(ho_pcapng_close(memory), 0);
	read_back(&r);
	assert_int_equal(used, r.len);
	assert_memory_equal(all, r.bytes, used);
	free(r.bytes);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_says_who_wrote_it),
		cmocka_unit_test(interfaces_are_raw_ip_with_nanoseconds),
		cmocka_unit_test(packets_of_every_length_are_padded),
		cmocka_unit_test(comments_and_direction_are_options),
		cmocka_unit_test(a_comment_too_long_is_cut_between_characters),
		cmocka_unit_test(refuses_what_the_file_cannot_say),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(what_is_taken_from_memory_is_what_a_file_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
