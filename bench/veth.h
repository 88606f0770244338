/* SPDX-License-Identifier: MIT */
#ifndef HO_BENCH_VETH_H
#define HO_BENCH_VETH_H

#include "bench.h"

/* Kernel bulk from one fresh namespace to another over a veth pair; leaves its figures in sh. */
void veth_run(struct kernel_shared *sh, double seconds);

#endif
