#include "depth_first.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace registers {
namespace {

using Word = std::uint64_t;

// A configuration as it is being worked on. Stored, it is a run of words:
// [low | state, before | count of mask words, count of used classes | mask words … | class, times used …].
struct Configuration {
    std::uint32_t low = 0;
    Value state = INITIAL;
    Value before = NOTHING;
    std::vector<Word> placed;  // bit i: operation low + i is placed
    std::vector<std::pair<std::uint32_t, std::uint32_t>> used;  // classes by number, times

    bool is_placed(std::size_t i) const {
        const std::size_t bit = i - low;
        return bit / 64 < placed.size() && (placed[bit / 64] >> (bit % 64) & 1);
    }

    void place(std::size_t i) {
        const std::size_t bit = i - low;
        if (bit / 64 >= placed.size()) placed.resize(bit / 64 + 1);
        placed[bit / 64] |= Word(1) << (bit % 64);
        while (!placed.empty() && (placed[0] & 1)) shift(std::countr_one(placed[0]));
    }

    void append_to(std::vector<Word> &words) const {
        words.push_back(Word(low) << 32 | std::uint32_t(state));
        words.push_back(Word(std::uint32_t(before)) << 32 | placed.size() << 16 | used.size());
        words.insert(words.end(), placed.begin(), placed.end());
        for (auto [number, times] : used) words.push_back(Word(number) << 32 | times);
    }

    void load(const Word *words) {
        low = std::uint32_t(words[0] >> 32);
        state = Value(std::uint32_t(words[0]));
        before = Value(std::uint32_t(words[1] >> 32));
        const std::size_t masks = words[1] >> 16 & 0xffff, classes = words[1] & 0xffff;
        placed.assign(words + 2, words + 2 + masks);
        used.clear();
        for (const Word *word = words + 2 + masks; word != words + 2 + masks + classes; ++word)
            used.emplace_back(std::uint32_t(*word >> 32), std::uint32_t(*word));
    }

    static std::size_t length(const Word *words) { return 2 + (words[1] >> 16 & 0xffff) + (words[1] & 0xffff); }

  private:
    void shift(int bits) {
        low += std::uint32_t(bits);
        if (bits == 64) {
            placed.erase(placed.begin());
        } else {
            for (std::size_t i = 0; i < placed.size(); ++i) {
                placed[i] >>= bits;
                if (i + 1 < placed.size()) placed[i] |= placed[i + 1] << (64 - bits);
            }
        }
        while (!placed.empty() && !placed.back()) placed.pop_back();
    }
};

constexpr std::size_t MOST_IN_A_COUNT = 0xffff;

// An exact set of configurations, by open addressing over one run of words.
class Seen {
  public:
    explicit Seen(Purse &purse) : purse_(purse) { resize(1 << 10); }

    // The place of a configuration that is new, else nothing.
    std::optional<std::size_t> insert(const Configuration &configuration) {
        if ((count_ + 1) * 10 > slots_.size() * 7) resize(slots_.size() * 2);
        purse_.reserve(words_, 2 + configuration.placed.size() + configuration.used.size());
        const std::size_t start = words_.size();
        configuration.append_to(words_);
        const std::size_t length = words_.size() - start;
        for (std::size_t slot = hash(start) & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
            if (slots_[slot] == EMPTY) {
                slots_[slot] = start;
                ++count_;
                return start;
            }
            const Word *other = &words_[slots_[slot]];
            if (other[0] == words_[start] && other[1] == words_[start + 1] &&
                !std::memcmp(other, &words_[start], length * sizeof(Word))) {
                words_.resize(start);
                return std::nullopt;
            }
        }
    }

    const Word *at(std::size_t place) const { return &words_[place]; }
    std::uint64_t count() const { return count_; }

  private:
    static constexpr std::size_t EMPTY = ~std::size_t(0);

    std::size_t hash(std::size_t start) const {
        const std::size_t length = Configuration::length(&words_[start]);
        Word mixed = 0x9E3779B97F4A7C15ull;
        for (std::size_t i = 0; i < length; ++i) {
            mixed = (mixed ^ words_[start + i]) * 0xBF58476D1CE4E5B9ull;
            mixed ^= mixed >> 29;
        }
        mixed *= 0x94D049BB133111EBull;
        return mixed ^ mixed >> 31;
    }

    void resize(std::size_t size) {
        purse_.charge(std::int64_t(size * sizeof(std::size_t)));
        std::vector<std::size_t> old(size, EMPTY);
        old.swap(slots_);
        for (std::size_t place : old) {
            if (place == EMPTY) continue;
            std::size_t slot = hash(place) & (size - 1);
            while (slots_[slot] != EMPTY) slot = (slot + 1) & (size - 1);
            slots_[slot] = place;
        }
        purse_.release(std::int64_t(old.size() * sizeof(std::size_t)));
    }

    Purse &purse_;
    std::vector<std::size_t> slots_;
    std::vector<Word> words_;
    std::uint64_t count_ = 0;
};

// The next operation to place: one that must be, or the next unknown one of a class.
struct Move {
    std::uint32_t number;
    bool unknown;
};

// A configuration on the path, and what is left to try from there, at the end of the common list of moves.
struct Frame {
    std::size_t place;
    std::size_t first_move;
    Move came_by;
    bool unknown_tried;
};

}  // namespace

class DepthFirst::Search {
  public:
    Search(const Part &part, Account &account, bool all_states)
        : part_(part), purse_(account), seen_(purse_), classes_(classes_of(part)) {
        purse_.charge(std::int64_t(part.size() * 16));
        for (std::uint32_t i = 0; i < part.size(); ++i)
            if (part[i].must()) must_.push_back(i);
        if (!classes_.empty()) find_lives(all_states);
        enter({0, false}, *seen_.insert(current_));
    }

    Answer run(std::uint64_t allowance) {
        const std::uint64_t most = seen_.count() + allowance;
        if (answer_ != Answer::open) return answer_;
        if (current_.low == must_.size()) return finish();
        while (!path_.empty()) {
            if (!advance()) continue;
            if (current_.low == must_.size()) return finish();
            if (seen_.count() >= most) return Answer::open;
        }
        return answer_ = Answer::no;
    }

    void find_states(std::uint64_t allowance) {
        const std::uint64_t most = seen_.count() + allowance;
        while (!path_.empty() && seen_.count() < most)
            if (advance() && current_.low == must_.size()) states_.insert(current_.state);
    }

    std::uint64_t configurations() const { return seen_.count(); }
    Position stuck() const { return stuck_; }
    const std::vector<std::uint32_t> &order() const { return order_; }
    const std::set<Value> &states() const { return states_; }

  private:
    // One step: to a new configuration, which is then `current_` (true), or to another move, or back.
    bool advance() {
        if ((++steps_ & 0xff) == 0) purse_.account().check_time();
        Frame &frame = path_.back();
        if (moves_.size() == frame.first_move) {
            if (frame.unknown_tried || classes_.empty()) {
                path_.pop_back();
                if (!path_.empty()) current_.load(seen_.at(path_.back().place));
                return false;
            }
            frame.unknown_tried = true;
            find_unknown_moves();
            return false;
        }
        const Move move = moves_.back();
        moves_.pop_back();
        apply(move);
        const std::optional<std::size_t> place = seen_.insert(current_);
        if (!place) {
            current_.load(seen_.at(frame.place));
            return false;
        }
        enter(move, *place);
        return true;
    }

    void enter(Move move, std::size_t place) {
        purse_.reserve(path_, 1);
        path_.push_back({place, moves_.size(), move, false});
        find_moves();
    }

    Answer finish() {
        // Frames that found no further move stand on the path as well, so it is the order.
        for (std::size_t i = 1; i < path_.size(); ++i) order_.push_back(operation_of(i));
        states_.insert(current_.state);
        return answer_ = Answer::yes;
    }

    std::uint32_t operation_of(std::size_t step) const {
        const Move move = path_[step].came_by;
        if (!move.unknown) return must_[move.number];
        Configuration before_it;
        before_it.load(seen_.at(path_[step - 1].place));
        const Class &some = classes_[move.number];
        const Position begin = some.begins[times_used(before_it, move.number)];
        const auto found = std::lower_bound(part_.begin(), part_.end(), begin,
                                            [](const Operation &op, Position at) { return op.begin < at; });
        return std::uint32_t(found - part_.begin());
    }

    void apply(Move move) {
        // The counts of a stored configuration have 16 bits; more would not fit into any memory.
        if (current_.used.size() >= MOST_IN_A_COUNT || current_.placed.size() >= MOST_IN_A_COUNT - 1 ||
            (!move.unknown && (move.number - current_.low) / 64 >= MOST_IN_A_COUNT - 1))
            throw Account::MemoryOver();
        if (!move.unknown) {
            current_.state = part_[must_[move.number]].after(current_.state);
            current_.before = NOTHING;
            current_.place(move.number);
            forget_dead();
            return;
        }
        current_.before = current_.state;
        current_.state = classes_[move.number].effect.produced();
        auto &used = current_.used;
        auto place = std::lower_bound(used.begin(), used.end(), std::pair(move.number, std::uint32_t(0)));
        if (place != used.end() && place->first == move.number) ++place->second;
        else used.insert(place, {move.number, 1});
    }

    // How often a class was used does not matter once nobody can see its value.
    void forget_dead() {
        if (current_.used.empty()) return;
        std::erase_if(current_.used, [&](auto entry) { return !alive(entry.first); });
    }

    bool alive(std::uint32_t number) const { return current_.low < live_until_[number]; }

    static std::uint32_t times_used(const Configuration &configuration, std::uint32_t number) {
        for (auto [other, times] : configuration.used)
            if (other == number) return times;
        return 0;
    }

    // live_until_[class]: the first place of must_ from which on nobody can see its value.
    void find_lives(bool all_states) {
        const std::uint32_t end = std::uint32_t(must_.size());
        live_until_.assign(classes_.size(), end + 1);
        if (all_states || std::any_of(part_.begin(), part_.end(), [](auto &op) { return op.kind == Kind::differs; })) return;
        std::vector<std::uint32_t> until(values_of(part_), 0);
        for (std::uint32_t i = 0; i < end; ++i) {
            const Operation &op = part_[must_[i]];
            if (op.kind != Kind::write) until[op.a] = i + 1;
        }
        for (bool changed = true; changed;) {
            changed = false;
            for (auto some = classes_.rbegin(); some != classes_.rend(); ++some) {
                const Operation &op = some->effect;
                if (op.kind != Kind::cas || until[op.a] >= until[op.b]) continue;
                until[op.a] = until[op.b];
                changed = true;
            }
        }
        for (std::size_t i = 0; i < classes_.size(); ++i) live_until_[i] = until[classes_[i].effect.produced()];
    }

    // The operations that may come next, first those that end first.
    Position find_enabled() {
        enabled_.clear();
        Position deadline = NEVER;
        for (std::size_t i = current_.low; i < must_.size(); ++i) {
            const Operation &op = part_[must_[i]];
            if (op.begin > deadline) break;
            if (current_.is_placed(i)) continue;
            deadline = std::min(deadline, op.end);
            enabled_.push_back(std::uint32_t(i));
        }
        std::sort(enabled_.begin(), enabled_.end(),
                  [&](std::uint32_t x, std::uint32_t y) { return part_[must_[x]].end < part_[must_[y]].end; });
        return deadline;
    }

    // Whether an operation after an unknown one has no need of it.
    bool needless(const Operation &op) const {
        return current_.before != NOTHING && op.possible(current_.before) &&
               op.after(current_.before) == op.after(current_.state);
    }

    void find_moves() {
        const Position deadline = find_enabled();
        if (deadline > stuck_) stuck_ = deadline;
        purse_.reserve(moves_, enabled_.size());
        const std::size_t first = moves_.size();
        for (std::uint32_t i : enabled_) {
            const Operation &op = part_[must_[i]];
            if (!op.possible(current_.state)) continue;
            if (op.silent()) {
                moves_.resize(first);
                moves_.push_back({i, false});
                path_.back().unknown_tried = true;
                return;
            }
            if (!needless(op) && !tried(op, first)) moves_.push_back({i, false});
        }
        std::reverse(moves_.begin() + std::ptrdiff_t(first), moves_.end());
    }

    bool tried(const Operation &op, std::size_t first) const {
        return std::any_of(moves_.begin() + std::ptrdiff_t(first), moves_.end(),
                           [&](Move move) { return part_[must_[move.number]].same_effect(op); });
    }

    void find_unknown_moves() {
        const Position deadline = find_enabled();
        const std::size_t first = moves_.size();
        for (std::uint32_t number = 0; number < classes_.size(); ++number) {
            const Class &some = classes_[number];
            if (some.begins.front() >= deadline) break;
            const Operation &op = some.effect;
            if (!alive(number) || !op.possible(current_.state) || op.produced() == current_.state || needless(op)) continue;
            if (times_used(current_, number) >= some.available(deadline)) continue;
            const bool required = std::any_of(enabled_.begin(), enabled_.end(), [&](std::uint32_t i) {
                return part_[must_[i]].same_effect(op);
            });
            if (required) continue;
            purse_.reserve(moves_, 1);
            moves_.push_back({number, true});
        }
        std::reverse(moves_.begin() + std::ptrdiff_t(first), moves_.end());
    }

    const Part &part_;
    Purse purse_;
    Seen seen_;
    std::vector<Class> classes_;
    std::vector<std::uint32_t> live_until_;
    std::vector<std::uint32_t> must_;
    Configuration current_;
    std::vector<Frame> path_;
    std::vector<Move> moves_;
    std::vector<std::uint32_t> enabled_;
    std::vector<std::uint32_t> order_;
    std::set<Value> states_;
    Position stuck_ = -1;
    Answer answer_ = Answer::open;
    std::uint64_t steps_ = 0;
};

DepthFirst::DepthFirst(const Part &part, Account &account, bool all_states)
    : search_(std::make_unique<Search>(part, account, all_states)) {}
DepthFirst::~DepthFirst() = default;
Answer DepthFirst::run(std::uint64_t allowance) { return search_->run(allowance); }
void DepthFirst::find_states(std::uint64_t allowance) { search_->find_states(allowance); }
std::uint64_t DepthFirst::configurations() const { return search_->configurations(); }
Position DepthFirst::stuck() const { return search_->stuck(); }
const std::vector<std::uint32_t> &DepthFirst::order() const { return search_->order(); }
const std::set<Value> &DepthFirst::states() const { return search_->states(); }

}  // namespace registers
