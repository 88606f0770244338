/* SPDX-License-Identifier: MIT
 * How a running host is asked: a UNIX stream socket DIR/NAME.sock.  One request line; the answer is "ok ID" and text, or
 * "error WORDS" (the stack refuses), or "usage WORDS" (the request is wrong), then the end.
 * A request may be JSON instead, and so is its answer then: control_json.h.
 * `echo sockets | nc -U /run/halfopen/ho0.sock` works, too.
 *
 * An answer that takes its time (ping) comes in pieces and ends with the line "end STATUS", an exit status; whoever asked and
 * then shuts down writing wants it to end soon.  What trace gives is a stream: all that follows the first line, until the end.
 * DIR is $HALFOPEN_RUN, else /run/halfopen for root, else $XDG_RUNTIME_DIR/halfopen. */
#ifndef HO_CONTROL_H
#define HO_CONTROL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <halfopen/types.h>

#define CONTROL_NAME_MAX 40
#define CONTROL_PATH_MAX 108 /* sun_path */
#define CONTROL_REQUEST_MAX 1024

/* Letters, digits, '-', '_' and '.', not a '.' first, CONTROL_NAME_MAX at most. */
bool control_name_ok(const char *name);
/* DIR/NAME followed by suffix.  Gives  0; -ENOENT: no directory is known (none of the three variables helps), -ENAMETOOLONG. */
int control_path(const char *name, const char *suffix, char path[CONTROL_PATH_MAX]);

/* Makes the DIR of a path that control_path gave.  Gives  0, -errno. */
int control_directory_make(const char *path);

/* ---- the host's side ---- */

struct control;

/* Answers one request.  Takes  words, NUL-terminated.  Writes the text to out, or one line that says what is wrong.
 * Gives  an exit status of tools.h; CONTROL_LATER: the rest of the text comes by control_say. */
typedef int control_answer(void *ctx, int count, char **words, FILE *out);
#define CONTROL_LATER (-1)

/* Gives  0; -EADDRINUSE: a host of this name runs; -errno. */
int control_open(const char *name, const char *id, control_answer *answer, void *ctx, struct control **out);
void control_close(struct control *c);
int control_fd(const struct control *c); /* readable: call control_run */
void control_run(struct control *c, ho_time_ns now);
ho_time_ns control_deadline(const struct control *c); /* the time at which a client has been too slow; HO_NEVER */

/* ---- an answer in pieces ---- */

enum control_asker { ASKER_WAITS, ASKER_ENOUGH /* has shut down writing */, ASKER_GONE };

/* Of the request that is being answered: its name from now on. */
uint64_t control_ticket(const struct control *c);
enum control_asker control_asker(const struct control *c, uint64_t ticket);
/* An asker that does not read is soon gone. */
void control_say(struct control *c, uint64_t ticket, const char *text, size_t bytes);
void control_end(struct control *c, uint64_t ticket, int status);
/* How many bytes control_say takes now. */
size_t control_room(const struct control *c, uint64_t ticket);
/* Ends a stream: without a last line. */
void control_finish(struct control *c, uint64_t ticket);

/* ---- the asker's side ---- */

/* Calls each for the name of every host that runs.  Gives  their number. */
int control_list(void (*each)(void *ctx, const char *name), void *ctx);

/* Gives  0, text (malloc'ed) and id; EXIT_FAILED, EXIT_USAGE: the host said what is wrong (text); -errno. */
int control_ask(const char *name, const char *request, char id[64], char **text);

/* The same for an answer in pieces, each line to out when it comes; *text is set if the host said what is wrong.
 * Takes  stop: becomes nonzero by a signal when it is enough. */
int control_follow(const char *name, const char *request, const volatile sig_atomic_t *stop, FILE *out, char **text);
/* The same for a stream: every byte of it to the descriptor out. */
int control_stream(const char *name, const char *request, const volatile sig_atomic_t *stop, int out, char **text);

#endif
