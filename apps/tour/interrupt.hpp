// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace tour {

// From here on Ctrl-C (SIGINT), SIGTERM and SIGHUP end the process at once, as they do by default,
// but take the child with them and leave the terminal in its normal colours.
void end_at_once_when_told(bool reset_terminal);

// The process group that is killed along with this process; 0: none.
void set_child_group(pid_t group);

}  // namespace tour
