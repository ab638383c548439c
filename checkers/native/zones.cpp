// Gibbons & Korach 1997: where every value is written once, each write and the reads of it are one cluster, clusters
// follow each other as wholes, and a pair of clusters that each had to come first decides. A compare-and-set joins two
// clusters to a block, for nothing can stand between them. An unknown operation counts if its value was seen: then it
// happened, and nobody knows how late; else it need not have happened.
#include <algorithm>

#include "registers.hpp"

namespace registers {
namespace {

struct Cluster {
    Position writer_begin = -1, writer_end = NEVER;
    Position reads_begin = -1, reads_end = NEVER;  // the last begin and the first end
    Value from = NOTHING;                          // by compare-and-set
    Value to = NOTHING;
    bool produced = false, seen = false;
};

struct Zone {
    Position first_end;
    Position last_begin;
    Value root;
};

class Zones {
  public:
    explicit Zones(const Part &part, std::size_t values) : part_(part), clusters_(values) {}

    Answer check() {
        if (!see()) return Answer::open;
        const Answer collected = collect();
        if (collected != Answer::yes) return collected;
        if (!blocks()) return Answer::no;
        return disjoint() ? Answer::yes : Answer::no;
    }

    // After `yes`. A zone comes before another if it has to, and it has to only if its first edge comes first as well.
    std::vector<std::uint32_t> order() {
        std::vector<std::vector<std::uint32_t>> readers(clusters_.size());
        std::vector<std::uint32_t> writer(clusters_.size());
        for (std::uint32_t i = 0; i < part_.size(); ++i) {
            const Operation &op = part_[i];
            if (!reads(op)) {
                if (op.must() || clusters_[op.produced()].seen) writer[op.produced()] = i;
            } else if (op.must()) readers[op.a].push_back(i);
        }
        std::vector<Zone> zones = forward_;
        zones.insert(zones.end(), backward_.begin(), backward_.end());
        std::sort(zones.begin(), zones.end(), [](Zone x, Zone y) {
            return std::min(x.first_end, x.last_begin) < std::min(y.first_end, y.last_begin);
        });
        std::vector<std::uint32_t> order;
        for (const Zone &zone : zones) {
            for (Value value = zone.root; value != NOTHING; value = clusters_[value].to) {
                if (value != INITIAL) order.push_back(writer[value]);
                order.insert(order.end(), readers[value].begin(), readers[value].end());
            }
        }
        return order;
    }

  private:
    static bool reads(const Operation &op) {
        return op.kind == Kind::read || (op.kind == Kind::cas && op.a == op.b);
    }

    // Which values were certainly there; false if some observation is of another kind.
    bool see() {
        std::vector<Value> open;
        std::vector<std::vector<Value>> unknown_sources;
        auto seen = [&](Value value) {
            if (!clusters_[value].seen) open.push_back(value);
            clusters_[value].seen = true;
        };
        bool any_unknown_cas = false;
        for (const Operation &op : part_) {
            if (op.kind == Kind::differs) return false;
            if (op.must() && op.kind != Kind::write) seen(op.a);
            any_unknown_cas |= !op.must() && op.kind == Kind::cas;
        }
        if (!any_unknown_cas) return true;
        unknown_sources.resize(clusters_.size());
        for (const Operation &op : part_)
            if (!op.must() && op.kind == Kind::cas && op.a != op.b) unknown_sources[op.b].push_back(op.a);
        while (!open.empty()) {
            const Value value = open.back();
            open.pop_back();
            for (Value source : unknown_sources[value]) seen(source);
        }
        return true;
    }

    // Puts every operation that happened into its cluster.
    Answer collect() {
        for (const Operation &op : part_) {
            if (reads(op)) continue;
            if (!op.must() && !clusters_[op.produced()].seen) continue;
            Cluster &cluster = clusters_[op.produced()];
            if (cluster.produced || op.produced() == INITIAL) return Answer::open;
            cluster.produced = true;
            cluster.writer_begin = op.begin;
            cluster.writer_end = op.end;
            if (op.kind == Kind::cas) cluster.from = op.a;
        }
        clusters_[INITIAL].produced = true;
        clusters_[INITIAL].writer_end = -1;
        for (const Operation &op : part_) {
            if (!op.must() || !reads(op)) continue;
            Cluster &cluster = clusters_[op.a];
            cluster.reads_begin = std::max(cluster.reads_begin, op.begin);
            cluster.reads_end = std::min(cluster.reads_end, op.end);
        }
        for (std::size_t value = 0; value < clusters_.size(); ++value) {
            Cluster &cluster = clusters_[value];
            if (cluster.seen && !cluster.produced) return Answer::no;
            if (cluster.from == NOTHING) continue;
            if (clusters_[cluster.from].to != NOTHING) return Answer::no;  // two took the value away
            clusters_[cluster.from].to = Value(value);
        }
        return Answer::yes;
    }

    // Walks each chain; false if its own order contradicts real time, or if it bites its tail.
    bool blocks() {
        std::size_t walked = 0, produced = 0;
        for (const Cluster &root : clusters_) {
            if (!root.produced) continue;
            ++produced;
            if (root.from != NOTHING) continue;
            Zone zone{NEVER, -1, Value(&root - clusters_.data())};
            for (const Cluster *cluster = &root;; cluster = &clusters_[cluster->to]) {
                ++walked;
                if (cluster->writer_end < zone.last_begin) return false;
                zone.first_end = std::min(zone.first_end, cluster->writer_end);
                zone.last_begin = std::max(zone.last_begin, cluster->writer_begin);
                if (cluster->reads_end < zone.last_begin) return false;
                zone.first_end = std::min(zone.first_end, cluster->reads_end);
                zone.last_begin = std::max(zone.last_begin, cluster->reads_begin);
                if (cluster->to == NOTHING) break;
            }
            (zone.first_end < zone.last_begin ? forward_ : backward_).push_back(zone);
        }
        return walked == produced;
    }

    // Whether no two forward zones overlap and none contains a backward one.
    bool disjoint() {
        std::vector<Zone> &forward = forward_;
        std::sort(forward.begin(), forward.end(), [](Zone x, Zone y) { return x.first_end < y.first_end; });
        for (std::size_t i = 1; i < forward.size(); ++i)
            if (forward[i].first_end < forward[i - 1].last_begin) return false;
        for (const Zone &zone : backward_) {
            auto next = std::lower_bound(forward.begin(), forward.end(), zone.last_begin,
                                         [](const Zone &x, Position begin) { return x.first_end < begin; });
            if (next != forward.begin() && zone.first_end < std::prev(next)->last_begin) return false;
        }
        return true;
    }

    const Part &part_;
    std::vector<Cluster> clusters_;
    std::vector<Zone> forward_, backward_;
};

}  // namespace

Answer zones(const Part &part, Purse &purse, std::vector<std::uint32_t> *order) {
    const std::size_t values = values_of(part);
    const std::int64_t bytes = std::int64_t(values * (sizeof(Cluster) + 3 * sizeof(Zone) + 64) + part.size() * 8);
    purse.charge(bytes);
    Zones zones(part, values);
    const Answer answer = zones.check();
    if (order && answer == Answer::yes) *order = zones.order();
    purse.release(bytes);
    return answer;
}

}  // namespace registers
