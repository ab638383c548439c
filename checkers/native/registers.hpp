// One register's operations, the limits of a check, and what a search answers. The theory stands in checkers/search.py.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace registers {

using Value = std::int32_t;     // a frozen JSON value by number; 0 is what the register holds at first
using Position = std::int64_t;  // a place in the history, its `index`

constexpr Position NEVER = std::numeric_limits<Position>::max();
constexpr Value INITIAL = 0;
constexpr Value NOTHING = -1;

enum class Kind : std::uint8_t { read, write, cas, differs };  // differs: a compare-and-set that found another value

struct Operation {
    Position begin;
    Position end;  // NEVER: it may take effect at any time after it began, or not at all
    Value a;       // read, written, or compared
    Value b;       // what a compare-and-set sets
    Kind kind;

    bool must() const { return end != NEVER; }
    bool silent() const { return kind == Kind::read || kind == Kind::differs; }
    bool possible(Value state) const {
        if (kind == Kind::write) return true;
        return (kind == Kind::differs) != (state == a);
    }
    Value produced() const { return kind == Kind::write ? a : b; }
    Value after(Value state) const { return silent() ? state : produced(); }
    bool same_effect(const Operation &other) const {
        return kind == other.kind && a == other.a && (kind != Kind::cas || b == other.b);
    }
};

using Part = std::vector<Operation>;  // in order of `begin`

// What may be used by all threads of one check together.
class Account {
  public:
    Account(double seconds, std::int64_t bytes)
        : deadline_(std::chrono::steady_clock::now() + std::chrono::nanoseconds(nanoseconds(seconds))), bytes_(bytes) {}

    struct TimeOver {};
    struct MemoryOver {};

    void check_time() const {
        if (stopped_.load(std::memory_order_relaxed) || std::chrono::steady_clock::now() >= deadline_) throw TimeOver();
    }
    void charge(std::int64_t bytes) {
        if (used_.fetch_add(bytes) + bytes > bytes_) {
            used_.fetch_sub(bytes);
            throw MemoryOver();
        }
    }
    void release(std::int64_t bytes) { used_.fetch_sub(bytes); }
    void stop() { stopped_ = true; }

  private:
    static std::int64_t nanoseconds(double seconds) { return seconds > 1e9 ? std::int64_t(1e18) : std::int64_t(seconds * 1e9); }

    std::chrono::steady_clock::time_point deadline_;
    std::int64_t bytes_;
    std::atomic<std::int64_t> used_{0};
    std::atomic<bool> stopped_{false};
};

// Memory of one search, paid from the account and given back when the search ends.
class Purse {
  public:
    explicit Purse(Account &account) : account_(account) {}
    Purse(const Purse &) = delete;
    ~Purse() { account_.release(held_); }

    void charge(std::int64_t bytes) {
        account_.charge(bytes);
        held_ += bytes;
    }
    void release(std::int64_t bytes) {
        account_.release(bytes);
        held_ -= bytes;
    }
    // Makes room for `extra` more elements; while a vector moves it exists twice, so that is charged.
    template <class T> void reserve(std::vector<T> &vector, std::size_t extra) {
        const std::size_t needed = vector.size() + extra;
        if (needed <= vector.capacity()) return;
        const std::size_t old = vector.capacity(), room = needed > 2 * old ? needed : 2 * old;
        charge(std::int64_t(room * sizeof(T)));
        vector.reserve(room);
        release(std::int64_t(old * sizeof(T)));
    }
    Account &account() { return account_; }

  private:
    Account &account_;
    std::int64_t held_ = 0;
};

enum class Answer : std::uint8_t { no, yes, open };

std::size_t values_of(const Part &part);

// For each value, the last position at which somebody can still see it; later writes of it do not matter.
std::vector<Position> last_seen(const Part &part);

// Unknown operations with the same effect: which of them took effect makes no difference, only how many.
struct Class {
    Operation effect;
    std::vector<Position> begins;

    std::size_t available(Position until) const;
};
std::vector<Class> classes_of(const Part &part);

// The part as it was known just before position `until`: what had not ended is unknown.
Part before(const Part &part, Position until);

// The near-linear check for parts that write every value once; `open` where they do not. After `yes`, an order if asked.
Answer zones(const Part &part, Purse &purse, std::vector<std::uint32_t> *order = nullptr);

}  // namespace registers
