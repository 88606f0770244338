/* SPDX-License-Identifier: MIT
 * halfopen: everything. */
#ifndef HALFOPEN_H
#define HALFOPEN_H

#include "counter.h"
#include "diag.h"
#include "frame.h"
#include "link.h"
#include "rule.h"
#include "sock.h"
#include "stack.h"
#include "tcp_info.h"
#include "types.h"
#include "watch.h"

#endif
