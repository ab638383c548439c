// What all searches ask about a register's operations.
#include "registers.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace registers {

std::size_t values_of(const Part &part) {
    Value most = INITIAL;
    for (const Operation &op : part) most = std::max({most, op.a, op.b});
    return std::size_t(most) + 1;
}

std::vector<Position> last_seen(const Part &part) {
    std::vector<Position> last(values_of(part), -1);
    for (const Operation &op : part) {
        if (op.kind == Kind::differs) {
            // It sees every value but one.
            std::fill(last.begin(), last.end(), NEVER);
            return last;
        }
        if (op.must() && op.kind != Kind::write) last[op.a] = std::max(last[op.a], op.end);
    }
    // An unknown compare-and-set sees what it compares, as long as somebody can see what it sets.
    for (bool changed = true; changed;) {
        changed = false;
        for (auto place = part.rbegin(); place != part.rend(); ++place) {
            const Operation &op = *place;
            if (op.must() || op.kind != Kind::cas || last[op.b] <= op.begin || last[op.a] >= last[op.b]) continue;
            last[op.a] = last[op.b];
            changed = true;
        }
    }
    return last;
}

std::size_t Class::available(Position until) const {
    return std::size_t(std::lower_bound(begins.begin(), begins.end(), until) - begins.begin());
}

std::vector<Class> classes_of(const Part &part) {
    std::vector<Class> classes;
    std::map<std::tuple<Kind, Value, Value>, std::size_t> places;
    for (const Operation &op : part) {
        if (op.must() || op.silent() || (op.kind == Kind::cas && op.a == op.b)) continue;
        const Value to = op.kind == Kind::cas ? op.b : NOTHING;
        const auto [place, fresh] = places.try_emplace({op.kind, op.a, to}, classes.size());
        if (fresh) classes.push_back({op, {}});
        classes[place->second].begins.push_back(op.begin);
    }
    return classes;
}

Part before(const Part &part, Position until) {
    Part known;
    for (const Operation &op : part) {
        if (op.begin >= until) break;
        if (op.end < until) known.push_back(op);
        else if (!op.silent()) {
            known.push_back(op);
            known.back().end = NEVER;
        }
    }
    return known;
}

}  // namespace registers
