// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "chapters.hpp"
#include "mandelbrot.hpp"
#include "python.hpp"
#include "shown_code.hpp"

#include <coeval/coeval.hpp>

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tour {

namespace {

using namespace std::chrono_literals;
using std::views::iota;
using Numbers = std::vector<std::uint64_t>;

// The lesson's cpu_task. The compiler knows a formula for this sum, and would run no loop at all:
// the empty asm forbids that, so that each addition is really made, as Python makes it.
std::uint64_t cpu_task(std::uint64_t n) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    sum += i * i;
    asm volatile("" : "+r"(sum));
  }
  return sum;
}

Numbers lesson_one_by_one() {
  Numbers results;
  for (int i = 0; i < 4; ++i) {
    results.push_back(cpu_task(1'000'000));
  }
  return results;
}

Numbers lesson_on_threads(int threads) {
  // shown: cpu tasks
  coeval::ThreadPoolExecutor pool({.max_workers = threads});
  return coeval::list(pool.map(cpu_task, Numbers(4, 1'000'000)));
  // shown: end
}

std::vector<MandelbrotRow> mandelbrot(int threads) {
  // shown: mandelbrot
  coeval::ThreadPoolExecutor pool({.max_workers = threads});
  return coeval::list(pool.map(mandelbrot_row, iota(0, mandelbrot_rows)));
  // shown: end
}

// 1, 2, 4 … and the number of processors.
std::vector<int> thread_counts() {
  std::vector<int> counts;
  const int processors = coeval::usable_cpu_count();
  for (int n = 1; n < processors; n *= 2) {
    counts.push_back(n);
  }
  counts.push_back(processors);
  return counts;
}

// The processor time that this process has had.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::string threads_label(int threads) {
  return fmt::format("C++, {} thread{}", threads, threads == 1 ? "" : "s");
}

// The best of three, as Python's program does it.
template <class F>
double best_seconds_of(F f) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    best = std::min(best, seconds_of(f));
  }
  return best;
}

// The lesson's job, a row for each way to do it; the notes compare with the first row.
class LessonChart {
 public:
  explicit LessonChart(Terminal& terminal) : terminal_(terminal) {}

  void python(const PythonTimes& python) {
    expected_ = python.result;
    row("Python, one by one", python.one_by_one, BarKind::python);
    row("Python, threads", python.threads, BarKind::python, python.has_gil ? ", the GIL" : "");
    if (python.processes) {
      row("Python, processes", *python.processes, BarKind::python);
    }
  }

  void coeval() {
    Numbers results;
    const double alone = best_seconds_of([&] { results = lesson_one_by_one(); });
    check(results);
    row("C++, one by one", alone, BarKind::before);
    for (const int threads : thread_counts()) {
      if (threads == 1 || threads > 4) {
        continue;  // four tasks keep four threads busy
      }
      const double time = best_seconds_of([&] { results = lesson_on_threads(threads); });
      check(results);
      row(threads_label(threads), time, BarKind::coeval);
    }
  }

  std::uint64_t result() const { return expected_; }
  bool ok() const { return ok_; }

 private:
  void row(std::string label, double seconds, BarKind kind, std::string_view remark = "") {
    first_ = first_ == 0 ? seconds : first_;
    terminal_.bar({.label = std::move(label),
                   .seconds = seconds,
                   .note = fmt::format("{:5.1f}x{}", first_ / seconds, remark),
                   .kind = kind},
                  first_);
  }

  void check(const Numbers& results) {
    if (results != Numbers(4, expected_)) {
      ok_ = false;
      terminal_.trouble(fmt::format("a sum is wrong: each must be {}", expected_));
    }
  }

  Terminal& terminal_;
  // (n - 1) n (2n - 1) / 6 for n = 10^6; from Python where there is one.
  std::uint64_t expected_ = 333'332'833'333'500'000;
  double first_ = 0;
  bool ok_ = true;
};

bool lesson(Terminal& terminal) {
  terminal.text("The lesson's cpu_task, four times: the sum of the squares below a million.");
  terminal.status("asking python3");
  const PythonRun python = run_python(20s);
  terminal.clear_progress();
  if (python.times) {
    terminal.line(fmt::format("In Python {}, where executor stands for threads or processes:",
                              python.times->version));
    terminal.code(shown_code("python") + "\n" + shown_code("python pool"));
    terminal.line("And in C++, where a pool of threads is all it takes:");
  }
  terminal.code(shown_code("cpu tasks"));

  LessonChart chart(terminal);
  if (python.times) {
    chart.python(*python.times);
  } else {
    terminal.text(fmt::format("(Without Python beside it: {}.)", python.trouble));
  }
  chart.coeval();
  terminal.line(fmt::format("\n  Each of the four sums is {}.", chart.result()));
  return chart.ok();
}

// What one run of the heavier job came to.
struct Painting {
  double seconds = 0;
  double processors = 0;  // that it had, on average
  std::uint64_t iterations = 0;
  std::string picture = {};
};

Painting paint(int threads) {
  Painting painting;
  std::vector<MandelbrotRow> rows;
  const double cpu_before = cpu_seconds();
  painting.seconds = seconds_of([&] { rows = mandelbrot(threads); });
  painting.processors = (cpu_seconds() - cpu_before) / painting.seconds;
  for (const MandelbrotRow& row : rows) {
    painting.iterations += row.iterations;
    painting.picture += row.picture.empty() ? "" : "    " + row.picture + "\n";
  }
  return painting;
}

struct Result {
  bool ok = true;
  double gain = 1;
  int threads = 1;
};

Result heavier_job(Terminal& terminal) {
  terminal.blank_line();
  terminal.text(
      fmt::format("A heavier one: a picture of the Mandelbrot set, each of its {} rows a task.",
                  mandelbrot_rows));
  terminal.code(shown_code("mandelbrot"));

  Result result;
  Painting alone;
  double least_share = 1;  // of the processors that a run could have used
  for (const int threads : thread_counts()) {
    const Painting painting = paint(threads);
    if (threads == 1) {
      alone = painting;
      terminal.picture(painting.picture + "\n", mandelbrot_shades);
    }
    const double gain = alone.seconds / painting.seconds;
    terminal.bar({.label = threads_label(threads),
                  .seconds = painting.seconds,
                  .note = fmt::format("{:5.1f}x", gain)},
                 alone.seconds);
    result.ok = result.ok && painting.iterations == alone.iterations;
    least_share = std::min(least_share, painting.processors / threads);
    if (gain > result.gain) {
      result.gain = gain;
      result.threads = threads;
    }
  }
  if (!result.ok) {
    terminal.trouble("the pictures differ from each other");
  }
  if (least_share < 0.85) {
    terminal.line(fmt::format(
        "\n  Others use this machine too: of its processors a run got as little as {:.0f} %.",
        least_share * 100));
  }
  return result;
}

}  // namespace

Outcome chapter_cpu(Terminal& terminal) {
  terminal.chapter(3, "Work that computes");
  const int processors = coeval::usable_cpu_count();
  if (processors == 1) {
    terminal.text("This program may use one processor, so here more threads compute no faster.");
  }
  const bool sums_are_right = lesson(terminal);
  const Result heavier = heavier_job(terminal);
  terminal.learned(
      "C++ has no GIL: threads compute at the same time, and as many as there are processors "
      "suffice. In Python that takes processes.");
  return {.ok = sums_are_right && heavier.ok,
          .summary = heavier.threads == 1 ? "no gain from threads on this machine, just now"
                                          : fmt::format("{:.1f} times as fast on {} threads",
                                                        heavier.gain, heavier.threads)};
}

}  // namespace tour
