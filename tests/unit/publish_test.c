/* SPDX-License-Identifier: MIT
 * A stack's files in a directory: all of them, whole, written when due and changed, ours alone; sysctls are set by writing. */
#include <halfopen/publish.h>
#include <halfopen/view.h>

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"

#define INTERVAL_MS 100

struct shown {
	struct lab l;
	struct ho_publish *p;
	char dir[64], root[48];
};

static struct shown shown_open(bool readable)
{
	struct shown d = {.l = lab_open()};
	struct ho_publish_config c = {.dir = d.dir, .interval_ms = INTERVAL_MS, .readable = readable};

	snprintf(d.root, sizeof(d.root), "%s/halfopen-publish-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(d.root));
	snprintf(d.dir, sizeof(d.dir), "%s/files", d.root);
	assert_int_equal(ho_publish_open(&c, d.l.s, &d.p), 0);
	return d;
}

static void shown_close(struct shown *d)
{
	ho_publish_close(d->p);
	assert_int_equal(rmdir(d->root), 0); /* nothing is left of it */
	lab_close(&d->l);
}

static void path_of(const struct shown *d, const char *name, char path[256])
{
	snprintf(path, 256, "%s/%s", d->dir, name);
}

/* Gives  bytes, -1. */
static ssize_t file_get(const struct shown *d, const char *name, char *buf, size_t cap)
{
	char path[256];
	int fd;
	ssize_t n;

	path_of(d, name, path);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = read(fd, buf, cap);
	close(fd);
	return n;
}

static void file_set(const struct shown *d, const char *name, const char *text, int flags)
{
	char path[256];
	int fd;

	path_of(d, name, path);
	fd = open(path, O_WRONLY | flags);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void file_is(const struct shown *d, const char *name, const char *text)
{
	char buf[4096];
	ssize_t n = file_get(d, name, buf, sizeof(buf) - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static ino_t file_number(const struct shown *d, const char *name)
{
	char path[256];
	struct stat st;

	path_of(d, name, path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void run_at(struct shown *d, uint64_t ms)
{
	ho_stack_at(d->l.s, LAB_BIRTH_NS + ms * HO_MS);
	assert_int_equal(ho_publish_run(d->p, d->l.s, LAB_BIRTH_NS + ms * HO_MS), 0);
}

/* ---- tests ---- */

static void every_file_is_there_as_the_view_has_it(void **state)
{
	static char there[1 << 16], view[1 << 16];
	struct shown d = shown_open(false);
	char path[HO_VIEW_PATH_MAX];
	unsigned files = 0;

	(void)state;
	for (unsigned i = 0; ho_view_file_path(i, path); i++) {
		ptrdiff_t want = ho_view_file(d.l.s, path, view, sizeof(view));
		ssize_t n = file_get(&d, path, there, sizeof(there));

		if (want < 0) {
			assert_int_equal(n, -1); /* it can only be written */
			continue;
		}
		assert_int_equal(n, want);
		assert_memory_equal(there, view, (size_t)n);
		files++;
	}
	assert_true(files > 100);
	shown_close(&d);
}

static void a_file_is_written_when_it_is_due_and_has_changed(void **state)
{
	struct shown d = shown_open(false);
	ino_t snmp = file_number(&d, "net/snmp"), netstat = file_number(&d, "net/netstat");
	char before[4096], after[4096];
	ssize_t n = file_get(&d, "net/snmp", before, sizeof(before));

	(void)state;
	assert_int_equal(ho_publish_deadline(d.p), LAB_BIRTH_NS + INTERVAL_MS * HO_MS);
	lab_in(&d.l, ip_make((struct ip_fields){.protocol = 200, .len = 16}));
	run_at(&d, INTERVAL_MS - 1);
	assert_int_equal(file_get(&d, "net/snmp", after, sizeof(after)), n);
	assert_memory_equal(before, after, (size_t)n);
	run_at(&d, INTERVAL_MS);
	assert_int_equal(ho_publish_deadline(d.p), LAB_BIRTH_NS + 2 * INTERVAL_MS * HO_MS);
	ho_view_snmp(d.l.s, after, sizeof(after));
	assert_true(strncmp(before, after, (size_t)n) != 0);
	file_is(&d, "net/snmp", after);
	assert_true(file_number(&d, "net/snmp") != snmp); /* another file, renamed into place */
	netstat = file_number(&d, "net/netstat");
	run_at(&d, 2 * INTERVAL_MS);
	assert_true(file_number(&d, "net/netstat") == netstat); /* nothing has moved */
	shown_close(&d);
}

static void sockets_open(struct shown *d, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_true(ho_sock_open(d->l.s, HO_SOCK_DGRAM, 0) >= 0);
}

/* A file is there as the view has it now. */
static bool is_renewed(const struct shown *d, const char *name)
{
	static char seen[1 << 20], made[1 << 20];
	ptrdiff_t n = ho_view_file(d->l.s, name, made, sizeof(made));

	assert_true(n >= 0 && (size_t)n < sizeof(made));
	return file_get(d, name, seen, sizeof(seen)) == n && memcmp(seen, made, (size_t)n) == 0;
}

/* How long a list has to wait depends on what it takes to make: here a minute is always enough. */
static void beside_a_crowd_counters_do_not_wait_for_lists(void **state)
{
	static const char *const counters[] = {"net/snmp", "net/netstat", "halfopen/counters.json"};
	struct shown d = shown_open(false);
	uint64_t ms = 0;

	(void)state;
	sockets_open(&d, 1500);
	while (ms < 3000) {
		lab_in(&d.l, ip_make((struct ip_fields){.protocol = 200, .len = 16}));
		run_at(&d, ms += INTERVAL_MS);
		for (unsigned i = 0; i < 3; i++)
			assert_true(is_renewed(&d, counters[i]));
	}
	sockets_open(&d, 1);
	while (ms < 63000)
		run_at(&d, ms += INTERVAL_MS);
	assert_true(is_renewed(&d, "halfopen/sockets.json"));
	assert_true(is_renewed(&d, "net/sockstat"));
	shown_close(&d);
}

static void whoever_has_a_file_open_reads_one_state_of_it(void **state)
{
	struct shown d = shown_open(false);
	char path[256], first[8192], whole[8192];
	ssize_t n, length = file_get(&d, "net/netstat", whole, sizeof(whole));
	int fd;

	(void)state;
	path_of(&d, "net/netstat", path);
	fd = open(path, O_RDONLY);
	n = read(fd, first, 100);
	lab_in(&d.l, ip_make((struct ip_fields){.protocol = 200, .len = 16}));
	run_at(&d, INTERVAL_MS);
	n += read(fd, first + n, sizeof(first) - (size_t)n);
	assert_int_equal(n, length);
	assert_memory_equal(first, whole, (size_t)n);
	close(fd);
	shown_close(&d);
}

static void writing_a_sysctls_file_sets_it(void **state)
{
	struct shown d = shown_open(false);
	ino_t number = file_number(&d, "sys/net/ipv4/tcp_syn_retries");
	char value[32];

	(void)state;
	file_set(&d, "sys/net/ipv4/tcp_syn_retries", "3\n", O_TRUNC);
	run_at(&d, 1);
	assert_int_equal(ho_sysctl_get(d.l.s, "net.ipv4.tcp_syn_retries", value, sizeof(value)), 1);
	assert_string_equal(value, "3");
	file_is(&d, "sys/net/ipv4/tcp_syn_retries", "3\n");
	file_set(&d, "sys/net/core/somaxconn", "17\n", 0); /* over "4096\n": the rest of it stands behind the line */
	run_at(&d, 2);
	file_is(&d, "sys/net/core/somaxconn", "17\n");
	ho_sysctl_set(d.l.s, "net.ipv4.tcp_syn_retries", "44");
	run_at(&d, 5000);
	file_is(&d, "sys/net/ipv4/tcp_syn_retries", "44\n");
	assert_true(file_number(&d, "sys/net/ipv4/tcp_syn_retries") == number); /* it can be bound over another */
	shown_close(&d);
}

static void what_the_stack_refuses_is_overwritten(void **state)
{
	static const char *const wrong[] = {"x\n", "", "1000\n", "\n3\n", "-1\n", "\1\2\3"};
	struct shown d = shown_open(false);

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		file_set(&d, "sys/net/ipv4/tcp_syncookies", wrong[i], O_TRUNC);
		run_at(&d, i + 1);
		file_is(&d, "sys/net/ipv4/tcp_syncookies", "1\n");
	}
	shown_close(&d);
}

static void what_it_writes_itself_is_no_request(void **state)
{
	struct shown d = shown_open(false);
	char value[32];

	(void)state;
	ho_sysctl_set(d.l.s, "net.ipv4.tcp_syncookies", "2");
	run_at(&d, 5000);  /* the file says 2, and that it was written is to be told */
	ho_sysctl_set(d.l.s, "net.ipv4.tcp_syncookies", "0");
	run_at(&d, 5001);
	ho_sysctl_get(d.l.s, "net.ipv4.tcp_syncookies", value, sizeof(value));
	assert_string_equal(value, "0");
	shown_close(&d);
}

static mode_t mode_of(const struct shown *d, const char *name)
{
	char path[256];
	struct stat st;

	path_of(d, name, path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void files_are_ours_alone_unless_asked_for(void **state)
{
	mode_t before = umask(0);
	struct shown ours = shown_open(false), all = shown_open(true);

	(void)state;
	assert_int_equal(mode_of(&ours, ""), 0700);
	assert_int_equal(mode_of(&ours, "net"), 0700);
	assert_int_equal(mode_of(&ours, "net/snmp"), 0600);
	assert_int_equal(mode_of(&ours, "sys/net/ipv4/tcp_syncookies"), 0600);
	assert_int_equal(mode_of(&all, ""), 0755);
	assert_int_equal(mode_of(&all, "sys/net"), 0755);
	assert_int_equal(mode_of(&all, "net/snmp"), 0644);
	assert_int_equal(mode_of(&all, "sys/net/ipv4/tcp_syncookies"), 0644);
	assert_int_equal(mode_of(&all, "sys/net/ipv4/tcp_fastopen_key"), 0600);
	umask(before);
	shown_close(&ours);
	shown_close(&all);
}

static void a_directory_that_is_not_ours_alone_is_refused(void **state)
{
	struct shown d = shown_open(false);
	struct ho_publish_config c = {.dir = d.dir, .interval_ms = INTERVAL_MS};
	char other[80], link[80];
	struct ho_publish *p;

	(void)state;
	assert_int_equal(ho_publish_open(&c, d.l.s, &p), -EBUSY); /* somebody publishes there */
	snprintf(other, sizeof(other), "%s/open", d.root);
	snprintf(link, sizeof(link), "%s/link", d.root);
	assert_int_equal(mkdir(other, 0700) | chmod(other, 0777) | symlink(other, link), 0);
	c.dir = other;
	assert_int_equal(ho_publish_open(&c, d.l.s, &p), -EPERM); /* others may write there */
	c.dir = link;
	assert_true(ho_publish_open(&c, d.l.s, &p) < 0); /* a link may lead anywhere */
	c.dir = "/proc/nothing/there";
	assert_true(ho_publish_open(&c, d.l.s, &p) < 0);
	c = (struct ho_publish_config){.dir = other, .interval_ms = 9};
	assert_int_equal(ho_publish_open(&c, d.l.s, &p), -EINVAL);
	assert_int_equal(unlink(link) | rmdir(other), 0);
	shown_close(&d);
}

static void a_directory_that_was_there_stays(void **state)
{
	struct shown d = shown_open(false);
	struct ho_publish_config c = {.interval_ms = INTERVAL_MS};
	char kept[80], mine[120];
	struct ho_publish *p;
	FILE *f;

	(void)state;
	snprintf(kept, sizeof(kept), "%s/kept", d.root);
	snprintf(mine, sizeof(mine), "%s/note", kept);
	mkdir(kept, 0700);
	f = fopen(mine, "w");
	assert_non_null(f);
	fclose(f);
	c.dir = kept;
	assert_int_equal(ho_publish_open(&c, d.l.s, &p), 0);
	ho_publish_close(p);
	assert_int_equal(unlink(mine) | rmdir(kept), 0); /* the note, and nothing else */
	shown_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_is_there_as_the_view_has_it),
		cmocka_unit_test(a_file_is_written_when_it_is_due_and_has_changed),
		cmocka_unit_test(beside_a_crowd_counters_do_not_wait_for_lists),
		cmocka_unit_test(whoever_has_a_file_open_reads_one_state_of_it),
		cmocka_unit_test(writing_a_sysctls_file_sets_it),
		cmocka_unit_test(what_the_stack_refuses_is_overwritten),
		cmocka_unit_test(what_it_writes_itself_is_no_request),
		cmocka_unit_test(files_are_ours_alone_unless_asked_for),
		cmocka_unit_test(a_directory_that_is_not_ours_alone_is_refused),
		cmocka_unit_test(a_directory_that_was_there_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
