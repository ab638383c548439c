#include "frontier.hpp"

#include <algorithm>

namespace registers {
namespace {

using Word = std::uint64_t;
constexpr std::uint32_t NO_SLOT = ~std::uint32_t(0);

struct Event {
    Position at;
    std::uint32_t number;  // of an operation in the part
    bool ends;
};

// Configurations of equal length: [state | mask of the pending operations that are placed … | times used …].
class Pool {
  public:
    Pool(Purse &purse, std::size_t masks, std::size_t counts)
        : purse_(purse), masks_(masks), counts_(counts), stride_(1 + masks + counts) {}

    std::size_t size() const { return words_.size() / stride_; }
    Word *at(std::size_t i) { return &words_[i * stride_]; }
    Word *begin() { return words_.data(); }
    Word *end() { return words_.data() + words_.size(); }
    std::size_t stride() const { return stride_; }

    void clear() {
        words_.clear();
        std::fill(slots_.begin(), slots_.end(), 0);
        next_.clear();
    }
    void add(const Word *configuration) {
        purse_.reserve(words_, stride_);
        words_.insert(words_.end(), configuration, configuration + stride_);
    }
    // Adds it unless one with the same state and mask used no more of any class.
    bool add_if_new(const Word *configuration) {
        if ((size() + 1) * 2 > slots_.size()) grow();
        std::uint32_t &head = slots_[hash(configuration) & (slots_.size() - 1)];
        for (std::uint32_t other = head; other; other = next_[other - 1]) {
            const Word *known = at(other - 1);
            if (std::equal(known, known + 1 + masks_, configuration) && uses_no_more(known, configuration)) return false;
        }
        add(configuration);
        purse_.reserve(next_, 1);
        next_.push_back(head);
        head = std::uint32_t(size());
        return true;
    }
    void swap(Pool &other) {
        words_.swap(other.words_);
        slots_.swap(other.slots_);
        next_.swap(other.next_);
    }

  private:
    bool uses_no_more(const Word *known, const Word *other) const {
        for (std::size_t i = 1 + masks_; i < stride_; ++i)
            if (known[i] > other[i]) return false;
        return true;
    }
    std::size_t hash(const Word *configuration) const {
        Word mixed = 0x9E3779B97F4A7C15ull;
        for (std::size_t i = 0; i <= masks_; ++i) {
            mixed = (mixed ^ configuration[i]) * 0xBF58476D1CE4E5B9ull;
            mixed ^= mixed >> 29;
        }
        return mixed ^ mixed >> 32;
    }
    void grow() {
        const std::size_t size = std::max<std::size_t>(64, slots_.size() * 2);
        purse_.charge(std::int64_t(size * sizeof(std::uint32_t)));
        purse_.release(std::int64_t(slots_.size() * sizeof(std::uint32_t)));
        slots_.assign(size, 0);
        for (std::uint32_t i = 0; i < next_.size(); ++i) {
            std::uint32_t &head = slots_[hash(at(i)) & (size - 1)];
            next_[i] = head;
            head = i + 1;
        }
    }

    Purse &purse_;
    std::size_t masks_, counts_, stride_;
    std::vector<Word> words_;
    std::vector<std::uint32_t> slots_;  // 1 + the first configuration of a chain
    std::vector<std::uint32_t> next_;
};

}  // namespace

class Frontier::Search {
  public:
    Search(const Part &part, Account &account, bool relaxed)
        : part_(part), relaxed_(relaxed), purse_(account), last_(last_seen(part)), classes_(classes_of(part)) {
        purse_.charge(std::int64_t(part.size() * (2 * sizeof(Event) + sizeof(std::uint32_t)) + last_.size() * 8));
        make_events();
        class_begun_.assign(classes_.size(), 0);
        const std::size_t masks = (most_pending() + 63) / 64, counts = relaxed ? 0 : classes_.size();
        frontier_ = std::make_unique<Pool>(purse_, masks, counts);
        work_ = std::make_unique<Pool>(purse_, masks, counts);
        done_ = std::make_unique<Pool>(purse_, masks, counts);
        masks_ = masks;
        scratch_.assign(frontier_->stride(), 0);
        frontier_->add_if_new(scratch_.data());
        slots_.assign(masks * 64, NO_SLOT);
        slot_of_.assign(part.size(), NO_SLOT);
    }

    Answer run(std::uint64_t allowance) {
        most_ = made_ + allowance;
        while (answer_ == Answer::open && next_ < events_.size()) {
            const Event &event = events_[next_];
            if ((++steps_ & 0x3f) == 0) purse_.account().check_time();
            if (!event.ends) begin(event.number);
            else if (!finish(event.number)) return Answer::open;
            ++next_;
        }
        if (answer_ == Answer::open && !relaxed_) answer_ = Answer::yes;
        return answer_;
    }

    // A relaxed search that came through has nothing to say.
    bool exhausted() const { return next_ == events_.size(); }
    std::uint64_t configurations() const { return made_; }
    Position stuck() const { return stuck_; }

  private:
    void make_events() {
        for (std::uint32_t i = 0; i < part_.size(); ++i) {
            if (!part_[i].must()) continue;
            events_.push_back({part_[i].begin, i, false});
            events_.push_back({part_[i].end, i, true});
        }
        std::sort(events_.begin(), events_.end(), [](auto &x, auto &y) { return x.at < y.at; });
    }

    std::size_t most_pending() const {
        std::size_t pending = 0, most = 1;
        for (const Event &event : events_) most = std::max(most, event.ends ? --pending : ++pending);
        return most;
    }

    static bool has(const Word *configuration, std::uint32_t slot) {
        return configuration[1 + slot / 64] >> (slot % 64) & 1;
    }
    static void set(Word *configuration, std::uint32_t slot) {
        configuration[1 + slot / 64] |= Word(1) << (slot % 64);
    }
    static Value state(const Word *configuration) { return Value(configuration[0]); }

    void begin(std::uint32_t number) {
        std::uint32_t slot = 0;
        while (slots_[slot] != NO_SLOT) ++slot;
        slots_[slot] = number;
        slot_of_[number] = slot;
        const Operation &op = part_[number];
        const auto later = std::lower_bound(pending_.begin(), pending_.end(), op.end,
                                            [&](std::uint32_t other, Position end) { return part_[other].end < end; });
        pending_.insert(later, number);
        if (!op.silent()) return;
        for (std::size_t i = 0; i < frontier_->size(); ++i)
            if (op.possible(state(frontier_->at(i)))) set(frontier_->at(i), slot);
    }

    // False if the allowance ended before this completion was worked through; then it is begun again later.
    bool finish(std::uint32_t number) {
        const std::uint32_t slot = slot_of_[number];
        work_->clear();
        done_->clear();
        for (std::size_t i = 0; i < frontier_->size(); ++i)
            (has(frontier_->at(i), slot) ? done_ : work_)->add_if_new(frontier_->at(i));
        const Position now = part_[number].end;
        count_begun(now);
        for (std::size_t i = 0; i < work_->size(); ++i) {
            if (made_ >= most_) return false;
            purse_.account().check_time();
            develop(i, slot, now);
        }
        frontier_->clear();
        for (std::size_t i = 0; i < done_->size(); ++i) {
            done_->at(i)[1 + slot / 64] &= ~(Word(1) << (slot % 64));
            forget_unseen(done_->at(i), now);
            frontier_->add_if_new(done_->at(i));
        }
        slots_[slot] = NO_SLOT;
        pending_.erase(std::find(pending_.begin(), pending_.end(), number));
        if (!frontier_->size()) {
            answer_ = Answer::no;
            stuck_ = now;
        }
        return true;
    }

    void count_begun(Position now) {
        for (std::size_t i = 0; i < classes_.size(); ++i)
            while (class_begun_[i] < classes_[i].begins.size() && classes_[i].begins[class_begun_[i]] < now) ++class_begun_[i];
    }

    bool unseen(Value value, Position now) const { return last_[value] < now; }

    void forget_unseen(Word *configuration, Position now) const {
        if (relaxed_) return;
        for (std::size_t i = 0; i < classes_.size(); ++i)
            if (unseen(classes_[i].effect.produced(), now)) configuration[1 + masks_ + i] = 0;
    }

    // Every configuration that one more operation leads to.
    void develop(std::size_t place, std::uint32_t slot, Position now) {
        const Value from = state(work_->at(place));
        tried_.clear();
        for (std::uint32_t number : pending_) {
            const Operation &op = part_[number];
            if (has(work_->at(place), slot_of_[number]) || op.silent() || !op.possible(from) || !first_try(op)) continue;
            scratch_.assign(work_->at(place), work_->at(place) + work_->stride());
            set(scratch_.data(), slot_of_[number]);
            if (op.kind == Kind::write) place_unseen_writes(now);
            store(op.produced(), slot);
        }
        for (std::size_t i = 0; i < classes_.size(); ++i) {
            const Operation &op = classes_[i].effect;
            if (!op.possible(from) || op.produced() == from || unseen(op.produced(), now) || !class_begun_[i]) continue;
            if (!relaxed_ && work_->at(place)[1 + masks_ + i] >= class_begun_[i]) continue;
            if (!first_try(op)) continue;
            scratch_.assign(work_->at(place), work_->at(place) + work_->stride());
            if (!relaxed_) ++scratch_[1 + masks_ + i];
            store(op.produced(), slot);
        }
    }

    bool first_try(const Operation &op) {
        if (std::any_of(tried_.begin(), tried_.end(), [&](const Operation *other) { return other->same_effect(op); }))
            return false;
        tried_.push_back(&op);
        return true;
    }

    void place_unseen_writes(Position now) {
        for (std::uint32_t number : pending_) {
            const Operation &op = part_[number];
            if (op.kind == Kind::write && unseen(op.a, now)) set(scratch_.data(), slot_of_[number]);
        }
    }

    void store(Value after, std::uint32_t slot) {
        scratch_[0] = Word(std::uint32_t(after));
        for (std::uint32_t number : pending_)
            if (part_[number].silent() && part_[number].possible(after)) set(scratch_.data(), slot_of_[number]);
        if ((has(scratch_.data(), slot) ? done_ : work_)->add_if_new(scratch_.data())) ++made_;
    }

    const Part &part_;
    bool relaxed_;
    Purse purse_;
    std::vector<Position> last_;
    std::vector<Class> classes_;
    std::vector<std::size_t> class_begun_;
    std::vector<Event> events_;
    std::size_t next_ = 0;
    std::size_t masks_ = 0;
    std::unique_ptr<Pool> frontier_, work_, done_;
    std::vector<Word> scratch_;
    std::vector<std::uint32_t> slots_;    // the pending operation in each place of the mask
    std::vector<std::uint32_t> slot_of_;  // the other way round
    std::vector<std::uint32_t> pending_;  // the first to end first
    std::vector<const Operation *> tried_;
    Answer answer_ = Answer::open;
    Position stuck_ = -1;
    std::uint64_t made_ = 1, most_ = 0, steps_ = 0;
};

Frontier::Frontier(const Part &part, Account &account, bool relaxed)
    : search_(std::make_unique<Search>(part, account, relaxed)) {}
Frontier::~Frontier() = default;
Answer Frontier::run(std::uint64_t allowance) { return search_->run(allowance); }
bool Frontier::exhausted() const { return search_->exhausted(); }
std::uint64_t Frontier::configurations() const { return search_->configurations(); }
Position Frontier::stuck() const { return search_->stuck(); }

}  // namespace registers
