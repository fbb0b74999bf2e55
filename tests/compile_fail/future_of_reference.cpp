// expect: coeval::Future: T must be void or a plain object type
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/future.hpp>

coeval::Future<int&> future;
