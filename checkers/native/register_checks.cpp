// The searches of registers for Python: columns in, one outcome for each part out.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "portfolio.hpp"
#include "register_lines.hpp"

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

static nb::list told(const std::vector<Outcome> &outcomes) {
    nb::list all;
    for (const Outcome &outcome : outcomes) all.append(told(outcome));
    return all;
}

static std::vector<std::pair<std::size_t, std::size_t>> pairs_of(const std::vector<Span> &spans) {
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (Span span : spans) pairs.emplace_back(span.start, span.stop);
    return pairs;
}

// Keeps the text alive that the lines point into.
struct RegisterLines {
    RegisterLines(nb::bytes text, bool cas, bool failures)
        : text(text), lines(std::string_view(text.c_str(), text.size()), cas, failures) {
        nb::gil_scoped_release released;
        familiar = lines.read();
    }

    nb::list check(double seconds, std::int64_t memory, std::uint64_t brief, unsigned threads) const {
        Account account(seconds, memory);
        std::vector<Outcome> outcomes;
        work_alone(account, [&] { outcomes = decide_all(lines.parts(), account, {brief, 0, threads}); });
        return told(outcomes);
    }
    std::vector<std::size_t> sizes() const {
        std::vector<std::size_t> all;
        for (const Part &part : lines.parts()) all.push_back(part.size());
        return all;
    }
    bool judged() const {
        for (const Part &part : lines.parts())
            for (const Operation &op : part)
                if (op.must()) return true;
        return false;
    }

    nb::bytes text;
    Lines lines;
    bool familiar = false;
};

static nb::bytes bytes_of(std::string_view text) { return nb::bytes(text.data(), text.size()); }

static void bind_lines(nb::module_ &module) {
    nb::class_<RegisterLines>(module, "RegisterLines")
        .def(nb::init<nb::bytes, bool, bool>(), nb::arg("text"), nb::kw_only(), nb::arg("cas"), nb::arg("failures"))
        .def_ro("familiar", &RegisterLines::familiar)
        .def("judged", &RegisterLines::judged)
        .def("sizes", &RegisterLines::sizes)
        .def("nemesis", [](const RegisterLines &self) { return pairs_of(self.lines.nemesis()); })
        .def("lines", [](const RegisterLines &self, std::size_t part) { return pairs_of(self.lines.lines(part)); })
        .def("key", [](const RegisterLines &self, std::size_t part) { return bytes_of(self.lines.key(part)); })
        .def("value", [](const RegisterLines &self, std::size_t part, Value state) { return bytes_of(self.lines.value(part, state)); })
        .def("check", &RegisterLines::check, nb::kw_only(), nb::arg("seconds"), nb::arg("memory"), nb::arg("brief"), nb::arg("threads"));
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
            return told(outcomes);
        },
        nb::arg("sizes"), nb::arg("kinds"), nb::arg("a"), nb::arg("b"), nb::arg("begins"), nb::arg("ends"), nb::kw_only(),
        nb::arg("seconds"), nb::arg("memory"), nb::arg("brief"), nb::arg("most"), nb::arg("threads"), nb::arg("only"),
        nb::arg("explained"));
    bind_lines(module);
}
