// Histories of registers straight from JSON lines, without an object for each line.
//
// Only the plain form is read: the fields of Op; integers, ASCII strings without escapes, null, and pairs of them as
// values. Whatever is unusual, torn or wrong makes the lines "unfamiliar"; then the Python reads them, and says what is
// wrong. The meaning of an operation is that of checkers/models.py, the pairing that of checkers/history.py.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "registers.hpp"

namespace registers {

struct Span {
    std::size_t start = 0, stop = 0;
};

class Lines {
  public:
    // `cas`: the model has compare-and-set; `failures`: one that failed has compared.
    Lines(std::string_view text, bool cas, bool failures) : text_(text), cas_(cas), failures_(failures) {}
    Lines(const Lines &) = delete;

    // False if the lines are unfamiliar.
    bool read();

    const std::vector<Part> &parts() const { return parts_; }
    // Lines of the nemesis, which were not looked into.
    const std::vector<Span> &nemesis() const { return nemesis_; }
    // The key of a part as JSON; "null" where the operations have none.
    std::string_view key(std::size_t part) const { return keys_[part]; }
    // What a part's state stands for, as JSON.
    std::string_view value(std::size_t part, Value state) const;
    // All lines of a part's operations, also of those that have no effect.
    std::vector<Span> lines(std::size_t part) const;

  private:
    struct Line;
    struct Call {
        Position index, time, end = NEVER;
        std::uint32_t key;
        Value a = INITIAL, b = INITIAL;
        Kind kind;
        bool placed;  // whether it has to be put in order, as far as is known
        Span begun, ended;
    };
    struct Unfamiliar {};

    void line(Span span);
    void invoke(const Line &line, Span span);
    void complete(const Line &line, Span span);
    void split();
    Value number(std::string_view value);

    std::string_view text_;
    bool cas_, failures_;
    Position previous_ = -1;
    std::vector<Call> calls_;
    std::vector<std::int64_t> open_;  // by process: its call, or FREE, or RETIRED
    std::unordered_map<std::string_view, std::uint32_t> key_numbers_;
    std::unordered_map<std::string_view, Value> value_numbers_;
    std::vector<std::string_view> keys_, values_;
    std::vector<Span> nemesis_;
    std::vector<Part> parts_;
    std::vector<std::vector<Value>> states_;
};

}  // namespace registers
