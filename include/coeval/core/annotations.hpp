// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clang's thread-safety annotations: with -Wthread-safety the compiler proves that guarded members
// are touched only under their lock. Other compilers see nothing.
// Source: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html

#if defined(__clang__)
#define COEVAL_ANNOTATE(x) __attribute__((x))
#else
#define COEVAL_ANNOTATE(x)
#endif

#define COEVAL_CAPABILITY(name) COEVAL_ANNOTATE(capability(name))
#define COEVAL_SCOPED_CAPABILITY COEVAL_ANNOTATE(scoped_lockable)
#define COEVAL_GUARDED_BY(lock) COEVAL_ANNOTATE(guarded_by(lock))
#define COEVAL_PT_GUARDED_BY(lock) COEVAL_ANNOTATE(pt_guarded_by(lock))
#define COEVAL_REQUIRES(...) COEVAL_ANNOTATE(requires_capability(__VA_ARGS__))
#define COEVAL_ACQUIRE(...) COEVAL_ANNOTATE(acquire_capability(__VA_ARGS__))
#define COEVAL_RELEASE(...) COEVAL_ANNOTATE(release_capability(__VA_ARGS__))
#define COEVAL_TRY_ACQUIRE(...) COEVAL_ANNOTATE(try_acquire_capability(__VA_ARGS__))
#define COEVAL_EXCLUDES(...) COEVAL_ANNOTATE(locks_excluded(__VA_ARGS__))
#define COEVAL_RETURN_CAPABILITY(lock) COEVAL_ANNOTATE(lock_returned(lock))
#define COEVAL_NO_THREAD_SAFETY_ANALYSIS COEVAL_ANNOTATE(no_thread_safety_analysis)
