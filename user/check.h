/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `redtap check`: what this host offers, which capture would be used, and what is missing. */
#ifndef REDTAP_CHECK_H
#define REDTAP_CHECK_H

#include "config/config.h"

/* Prints the findings. The process's exit code: 0 redtap can run here, 1 it cannot. */
int check_run(const struct config *config);

#endif
