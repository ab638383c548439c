// The search for shortest cycles of checkers/transactions/cycles.py, which says what it means. Step for step the
// same, so that both find the same cycle.
#include <nanobind/nanobind.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace nb = nanobind;

namespace {

constexpr int kForbidden = -1;
constexpr int kKinds = 5;  // All but FREE.

struct Edge {
    int target, kind, level;
};
using Steps = std::vector<std::tuple<int, int, int>>;  // Source, kind and level of each.

class Component {
  public:
    Component(const std::vector<std::vector<std::tuple<int, int, int>>> &edges, std::vector<bool> junctions)
        : junctions_(std::move(junctions)) {
        for (const auto &some : edges) {
            starts_.push_back(edges_.size());
            for (const auto &[target, kind, level] : some) edges_.push_back({target, kind, level});
        }
        starts_.push_back(edges_.size());
    }

    // A shortest cycle through any of the starts; the length of the shortest walk that visits a transaction twice;
    // and whether the effort was used up before all starts were tried.
    std::tuple<Steps, std::int64_t, bool> search(const std::vector<int> &starts, int first,
                                                 const std::vector<int> &steps, int accept, int level,
                                                 std::int64_t effort) {
        nb::gil_scoped_release released;
        first_ = first, steps_ = steps, accept_ = accept, level_ = level, states_ = steps.size() / kKinds;
        came_.assign(junctions_.size() * states_, {});
        passed_.assign(junctions_.size() * states_, {});
        std::int64_t most = static_cast<std::int64_t>(junctions_.size() * states_);
        std::int64_t spent = 0, rejected = most;
        Steps best;
        for (int start : starts) {
            if (junctions_[start]) continue;
            spent_ = 0, ++round_;
            Steps found = back_to(start, best.empty() ? most : static_cast<std::int64_t>(best.size()) - 1);
            spent += spent_;
            if (!found.empty()) {
                if (is_simple(found)) best = found;
                else rejected = std::min(rejected, static_cast<std::int64_t>(found.size()));
            }
            if (best.size() == 2) break;
            if (spent > effort) return {best, rejected, true};
        }
        return {best, rejected, false};
    }

  private:
    struct Came {
        std::uint32_t round = 0;
        int before = -1, kind = 0, level = 0;  // `before` is -1 at the start.
    };
    struct Passed {
        std::uint32_t round = 0;
        int left = kForbidden;
    };

    std::vector<bool> junctions_;
    std::vector<std::size_t> starts_;
    std::vector<Edge> edges_;
    int first_ = 0, accept_ = 0, level_ = 0;
    std::size_t states_ = 1;
    std::vector<int> steps_;
    std::vector<Came> came_;
    std::vector<Passed> passed_;
    std::uint32_t round_ = 0;
    std::int64_t spent_ = 0;
    std::vector<int> frontier_, next_, stack_;

    int place(int node, int state) const { return node * static_cast<int>(states_) + state; }

    static bool is_simple(const Steps &steps) {
        std::vector<int> sources;
        for (const auto &step : steps) sources.push_back(std::get<0>(step));
        std::sort(sources.begin(), sources.end());
        return std::adjacent_find(sources.begin(), sources.end()) == sources.end();
    }

    Steps back_to(int start, std::int64_t longest) {
        int goal = place(start, accept_);
        next_.clear();
        reach(start, -1, 0);
        frontier_.swap(next_);
        for (std::int64_t length = 1; length <= longest; ++length) {
            if (came_[goal].round == round_) return steps_to(start, goal);
            next_.clear();
            for (int here : frontier_)
                reach(here / static_cast<int>(states_), here, here % static_cast<int>(states_));
            frontier_.swap(next_);
            if (frontier_.empty()) break;
        }
        return {};
    }

    void reach(int origin, int before, int state) {
        for (std::size_t at = starts_[origin]; at < starts_[origin + 1]; ++at) {
            const Edge edge = edges_[at];
            ++spent_;
            if (edge.level > level_) continue;
            int following = before < 0 ? (edge.kind == first_ ? 0 : kForbidden) : steps_[state * kKinds + edge.kind];
            if (following == kForbidden) continue;
            if (!junctions_[edge.target]) arrive(edge.target, following, before, edge);
            else pass(edge.target, following, origin, before, edge);
        }
    }
    void arrive(int node, int state, int before, const Edge &edge) {
        Came &came = came_[place(node, state)];
        if (came.round == round_) return;
        came = {round_, before, edge.kind, edge.level};
        next_.push_back(place(node, state));
    }
    void pass(int target, int state, int origin, int before, const Edge &edge) {
        stack_.assign(1, target);
        while (!stack_.empty()) {
            int junction = stack_.back();
            stack_.pop_back();
            Passed &passed = passed_[place(junction, state)];
            if (passed.round == round_) {
                if (passed.left == kForbidden || passed.left == origin) continue;
                int left = passed.left;
                passed.left = kForbidden;
                arrive(left, state, before, edge);
                continue;
            }
            passed = {round_, kForbidden};
            for (std::size_t at = starts_[junction]; at < starts_[junction + 1]; ++at) {
                ++spent_;
                int node = edges_[at].target;
                if (junctions_[node]) stack_.push_back(node);
                else if (node == origin) passed.left = origin;
                else arrive(node, state, before, edge);
            }
        }
    }
    Steps steps_to(int start, int goal) const {
        Steps way;
        for (int here = goal; here >= 0; here = came_[here].before) {
            const Came &came = came_[here];
            int source = came.before < 0 ? start : came.before / static_cast<int>(states_);
            way.emplace_back(source, came.kind, came.level);
        }
        std::reverse(way.begin(), way.end());
        return way;
    }
};

}  // namespace

void bind_cycles(nb::module_ &module) {
    nb::class_<Component>(module, "Component")
        .def(nb::init<const std::vector<std::vector<std::tuple<int, int, int>>> &, std::vector<bool>>())
        .def("search", &Component::search);
}
