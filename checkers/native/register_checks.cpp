// The searches of registers for Python: columns in, one outcome for each part out.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "portfolio.hpp"

namespace nb = nanobind;
using namespace registers;

template <class T> using Column = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

static nb::tuple told(const Outcome &outcome) {
    nb::object answer = outcome.answer == Answer::open ? nb::none() : nb::object(nb::bool_(outcome.answer == Answer::yes));
    return nb::make_tuple(answer, int(outcome.method), outcome.configurations, outcome.stuck, outcome.order,
                          outcome.states, outcome.limit);
}

// Works without the interpreter's lock and stops when the user presses Ctrl-C.
template <class Work> static void work_alone(Account &account, Work work) {
    std::mutex mutex;
    std::condition_variable over;
    bool done = false, interrupted = false;
    {
        nb::gil_scoped_release released;
        std::thread worker([&] {
            work();
            std::lock_guard lock(mutex);
            done = true;
            over.notify_one();
        });
        std::unique_lock lock(mutex);
        while (!over.wait_for(lock, std::chrono::milliseconds(100), [&] { return done; })) {
            nb::gil_scoped_acquire acquired;
            if (!interrupted && PyErr_CheckSignals()) {
                interrupted = true;
                account.stop();
            }
        }
        lock.unlock();
        worker.join();
    }
    if (interrupted) throw nb::python_error();
}

static std::vector<Part> parts_of(Column<std::int64_t> sizes, Column<std::uint8_t> kinds, Column<std::int32_t> a,
                                  Column<std::int32_t> b, Column<std::int64_t> begins, Column<std::int64_t> ends) {
    const std::size_t count = kinds.shape(0);
    if (a.shape(0) != count || b.shape(0) != count || begins.shape(0) != count || ends.shape(0) != count)
        throw nb::value_error("columns differ in length");
    std::vector<Part> parts;
    std::size_t at = 0;
    for (std::size_t i = 0; i < sizes.shape(0); ++i) {
        Part part;
        if (sizes(i) < 0 || std::size_t(sizes(i)) > count - at) throw nb::value_error("sizes exceed the columns");
        part.reserve(std::size_t(sizes(i)));
        for (std::int64_t k = 0; k < sizes(i); ++k, ++at) {
            if (kinds(at) > 3 || a(at) < 0 || b(at) < 0) throw nb::value_error("no operation has this kind or value");
            part.push_back({begins(at), ends(at), a(at), b(at), Kind(kinds(at))});
        }
        parts.push_back(std::move(part));
    }
    return parts;
}

void bind_registers(nb::module_ &module) {
    module.def(
        "check_registers",
        [](Column<std::int64_t> sizes, Column<std::uint8_t> kinds, Column<std::int32_t> a, Column<std::int32_t> b,
           Column<std::int64_t> begins, Column<std::int64_t> ends, double seconds, std::int64_t memory,
           std::uint64_t brief, std::uint64_t most, unsigned threads, int only, bool explained) {
            const std::vector<Part> parts = parts_of(sizes, kinds, a, b, begins, ends);
            Account account(seconds, memory);
            std::vector<Outcome> outcomes;
            work_alone(account, [&] {
                outcomes = decide_all(parts, account, {brief, most, threads, Method(only), explained});
            });
            nb::list all;
            for (const Outcome &outcome : outcomes) all.append(told(outcome));
            return all;
        },
        nb::arg("sizes"), nb::arg("kinds"), nb::arg("a"), nb::arg("b"), nb::arg("begins"), nb::arg("ends"), nb::kw_only(),
        nb::arg("seconds"), nb::arg("memory"), nb::arg("brief"), nb::arg("most"), nb::arg("threads"), nb::arg("only"),
        nb::arg("explained"));
}
