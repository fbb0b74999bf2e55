// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What ends a child when its parent dies, however that died and whatever the child is at.
//
// The kernel sends SIGKILL for two reasons, neither of which needs a thread of the child:
//  1. The thread that started the child has ended (PR_SET_PDEATHSIG): that thread lives as long as
//     the child does. The kernel forgets this when the child changes its user, its group or its
//     capabilities, so it is asked for again by renew_parent_tie().
//  2. The parent's end of a socket is closed (F_SETSIG). This stays through a change of
//     credentials, as long as the child began as root or keeps one of its user ids; it is gone when
//     the child closes the socket, and comes late when another process has the parent's end.

#include <sys/types.h>

namespace coeval::multiprocessing::detail {

// First of all in a child. False if it has no such parent, or has it no longer: it is to end.
bool tie_to_parent(pid_t parent) noexcept;

// A socket on which the parent never sends anything: what arrives would end the child, too, even if it
// had been received before, as the kernel signals a moment after it has delivered.
void tie_to_socket(int line) noexcept;

// Asks for the first again, where code of the program may have changed the credentials, and ends
// this process if the parent has died meanwhile. A process that is no child goes on.
void renew_parent_tie() noexcept;

}  // namespace coeval::multiprocessing::detail
