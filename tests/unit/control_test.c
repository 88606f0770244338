/* SPDX-License-Identifier: MIT
 * The control socket of a host and the history beside it, with both ends in this process' family. */
#include "control.h"
#include "history.h"
#include "tools.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static ho_time_ns now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ho_time_ns)ts.tv_sec * HO_SEC + (ho_time_ns)ts.tv_nsec;
}

/* "slow N": N lines, one a round, until the asker has enough; then how it ended. */
static struct {
	struct control *control;
	uint64_t ticket;
	int lines;
} slow;

static int answer(void *ctx, int count, char **words, FILE *out)
{
	(void)ctx;
	if (strcmp(words[0], "slow") == 0) {
		slow.ticket = control_ticket(slow.control);
		slow.lines = atoi(words[1]);
		return CONTROL_LATER;
	}
	if (strcmp(words[0], "full") == 0) {
		fputs("there is no room", out);
		return EXIT_FAILED;
	}
	if (strcmp(words[0], "echo") != 0 && strcmp(words[0], "big") != 0) {
		fputs("only echo and big", out);
		return EXIT_USAGE;
	}
	for (int i = 1; i < count; i++)
		fprintf(out, "%s\n", words[i]);
	for (int i = 0; words[0][0] == 'b' && i < 100000; i++)
		fprintf(out, "line %d\n", i);
	return EXIT_FINE;
}

static void slow_run(void)
{
	if (slow.ticket == 0)
		return;
	if (control_asker(slow.control, slow.ticket) == ASKER_GONE) {
		slow.ticket = 0;
	} else if (slow.lines == 0 || control_asker(slow.control, slow.ticket) == ASKER_ENOUGH) {
		control_say(slow.control, slow.ticket, "over\n", 5);
		control_end(slow.control, slow.ticket, slow.lines == 0 ? 0 : 1);
		slow.ticket = 0;
	} else {
		control_say(slow.control, slow.ticket, "line\n", 5);
		slow.lines--;
	}
}

/* A host in a child; it ends when *stop is closed, after ten seconds at the latest. */
static pid_t host_fork(const char *name, int *stop)
{
	int ready[2], end[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct control *k;
		ho_time_ns until = now() + 10 * HO_SEC;
		fd_set set;

		close(end[1]);
		if (control_open(name, "1.2", answer, NULL, &k) != 0)
			_exit(1);
		slow.control = k;
		close(ready[1]);
		for (;;) {
			struct timeval tick = {.tv_usec = slow.ticket != 0 ? 1000 : 50000};

			FD_ZERO(&set);
			FD_SET(control_fd(k), &set);
			FD_SET(end[0], &set);
			select((control_fd(k) > end[0] ? control_fd(k) : end[0]) + 1, &set, NULL, NULL, &tick);
			if (FD_ISSET(end[0], &set) || now() > until)
				break;
			control_run(k, now());
			slow_run();
		}
		control_close(k);
		_exit(0);
	}
	close(ready[1]);
	close(end[0]);
	assert_int_equal(read(ready[0], &c, 1), 0);
	close(ready[0]);
	*stop = end[1];
	return pid;
}

static void host_stop(pid_t pid, int stop)
{
	int status;

	close(stop);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_question_is_answered(void **state)
{
	char id[64], *text;
	int stop;
	pid_t pid = host_fork("a", &stop);

	(void)state;
	assert_int_equal(control_ask("a", "echo  one two", id, &text), 0);
	assert_string_equal(id, "1.2");
	assert_string_equal(text, "one\ntwo\n");
	free(text);
	assert_int_equal(control_ask("a", "nonsense", id, &text), EXIT_USAGE);
	assert_string_equal(text, "only echo and big");
	free(text);
	assert_int_equal(control_ask("a", "full", id, &text), EXIT_FAILED);
	assert_string_equal(text, "there is no room");
	free(text);
	assert_int_equal(control_ask("a", "big", id, &text), 0);
	assert_non_null(strstr(text, "\nline 99999\n"));
	free(text);
	host_stop(pid, stop);
	assert_int_equal(control_ask("a", "echo", id, &text), -ENOENT); /* it takes its socket along */
}

static void an_answer_in_pieces_ends_by_itself_or_when_it_is_enough(void **state)
{
	volatile sig_atomic_t stop = 0;
	char *text, *lines;
	size_t bytes;
	FILE *out = open_memstream(&lines, &bytes);
	int end;
	pid_t pid = host_fork("p", &end);

	(void)state;
	assert_int_equal(control_follow("p", "slow 3", &stop, out, &text), 0);
	fflush(out);
	assert_string_equal(lines, "line\nline\nline\nover\n");
	stop = 1; /* as soon as the first line is here */
	assert_int_equal(control_follow("p", "slow 1000000", &stop, out, &text), 1);
	assert_null(text);
	assert_int_equal(control_follow("p", "nonsense", &stop, out, &text), EXIT_USAGE);
	assert_string_equal(text, "only echo and big");
	free(text);
	assert_int_equal(control_follow("nobody", "slow 1", &stop, out, &text), -ENOENT);
	fclose(out);
	free(lines);
	host_stop(pid, end);
}

static void name_note(void *ctx, const char *name)
{
	strcat(strcat(ctx, name), " ");
}

static void hosts_are_listed_and_dead_ones_are_not(void **state)
{
	char names[256] = "";
	int stop[2], status;
	pid_t a = host_fork("one", &stop[0]), b = host_fork("two", &stop[1]);
	struct control *k;

	(void)state;
	assert_int_equal(control_list(name_note, names), 2);
	assert_string_equal(names, "one two ");
	assert_int_equal(control_open("one", "x", answer, NULL, &k), -EADDRINUSE);
	kill(b, SIGKILL); /* its socket stays behind */
	waitpid(b, &status, 0);
	close(stop[1]);
	names[0] = '\0';
	assert_int_equal(control_list(name_note, names), 1);
	assert_string_equal(names, "one ");
	assert_int_equal(control_open("two", "x", answer, NULL, &k), 0); /* and is in nobody's way */
	control_close(k);
	host_stop(a, stop[0]);
}

static void a_mute_client_stops_nobody(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char id[64], *text, byte;
	int stop, mute = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid = host_fork("m", &stop);

	(void)state;
	assert_int_equal(control_path("m", ".sock", at.sun_path), 0);
	assert_int_equal(connect(mute, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(send(mute, "echo", 4, 0), 4); /* no end of line */
	assert_int_equal(control_ask("m", "echo x", id, &text), 0);
	free(text);
	assert_int_equal(recv(mute, &byte, 1, 0), 0); /* put out after its five seconds */
	close(mute);
	host_stop(pid, stop);
}

static void names_are_judged(void **state)
{
	(void)state;
	assert_true(control_name_ok("ho0"));
	assert_true(control_name_ok("a.b-c_D9"));
	assert_false(control_name_ok(""));
	assert_false(control_name_ok("."));
	assert_false(control_name_ok("../x"));
	assert_false(control_name_ok("a/b"));
	assert_false(control_name_ok("a b"));
	assert_false(control_name_ok("x1234567890123456789012345678901234567890"));
}

static void history_belongs_to_one_run(void **state)
{
	struct history h;

	(void)state;
	history_read("h", "1.2", &h);
	assert_int_equal(history_value(&h, "IpInReceives"), 0);
	history_free(&h);
	assert_int_equal(
		history_write("h", "1.2",
	                      "IpInReceives                    7\nTcpMaxConn -1\nIpInDelivers 18446744073709551615\n"),
		0);
	history_read("h", "1.2", &h);
	assert_int_equal(history_value(&h, "IpInReceives"), 7);
	assert_true(history_value(&h, "IpInDelivers") == UINT64_MAX);
	assert_int_equal(history_value(&h, "IpIn"), 0);
	history_free(&h);
	history_read("h", "1.3", &h);
	assert_int_equal(history_value(&h, "IpInReceives"), 0);
	history_free(&h);
	history_read("h", "1", &h); /* a beginning of the id is not the id */
	assert_int_equal(history_value(&h, "IpInReceives"), 0);
	history_free(&h);
}

static void history_goes_with_its_host(void **state)
{
	struct history h;

	(void)state;
	assert_int_equal(history_write("h", "1.2", "IpInReceives 7\n"), 0);
	assert_int_equal(history_write("h2", "1.2", "IpInReceives 8\n"), 0);
	histories_remove("h");
	history_read("h", "1.2", &h);
	assert_null(h.text);
	history_read("h2", "1.2", &h);
	assert_int_equal(history_value(&h, "IpInReceives"), 8);
	history_free(&h);
	histories_remove("h2");
}

static int directory_make(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ho-control-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	return setenv("HALFOPEN_RUN", dir, 1);
}

static int directory_remove(void **state)
{
	char path[CONTROL_PATH_MAX], words[32];

	(void)state;
	snprintf(words, sizeof(words), ".u%u.history", (unsigned)geteuid());
	if (control_path("h", words, path) == 0)
		unlink(path);
	return rmdir(dir); /* nothing else may be left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_answered),
		cmocka_unit_test(hosts_are_listed_and_dead_ones_are_not),
		cmocka_unit_test(a_mute_client_stops_nobody),
		cmocka_unit_test(names_are_judged),
		cmocka_unit_test(history_belongs_to_one_run),
		cmocka_unit_test(history_goes_with_its_host),
		cmocka_unit_test(an_answer_in_pieces_ends_by_itself_or_when_it_is_enough),
	};

	return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
