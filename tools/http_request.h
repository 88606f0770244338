/* SPDX-License-Identifier: MIT
 * An HTTP/1 request's head, bytes to values.  A pure function.
 * Source RFC 9112 (2.2 line ends, 3 request line, 5 fields, 6.3 body length, 9.3 persistence). */
#ifndef HO_HTTP_REQUEST_H
#define HO_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_TARGET_MAX 255

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER };

struct http_request {
	enum http_method method;
	uint8_t minor;                    /* HTTP/1.minor: 0 or 1 */
	bool keep_alive;                  /* the connection may go on afterwards */
	uint64_t body_bytes;              /* what follows the head and is not for us */
	char target[HTTP_TARGET_MAX + 1]; /* path; scheme, host and query cut off */
};

/* Takes  the bytes received so far.
 * Gives  the length of the head (> 0) with *out filled; 0: more bytes are wanted;
 *        else minus the status to answer with before closing: -400 ill-formed, -414 target too long, -501 a body whose
 *        length only Transfer-Encoding tells, -505 a version that is not HTTP/1.
 *        A head too long for the caller's buffer is the caller's to refuse (431). */
int http_request_parse(const char *bytes, size_t len_bytes, struct http_request *out);

#endif
