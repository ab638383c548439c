#include "register_lines.hpp"

#include <algorithm>

namespace registers {
namespace {

constexpr std::int64_t FREE = -1, RETIRED = -2;
constexpr std::size_t MOST_PROCESSES = 1 << 26;
constexpr int MOST_DIGITS = 18;  // more need not fit into 64 bits

}  // namespace

enum class Type : std::uint8_t { invoke, ok, fail, info };

struct Lines::Line {
    Position index = -1, time = -1;
    std::int64_t process = -1;
    Type type = Type::invoke;
    Kind kind = Kind::read;
    std::string_view key = "null", value = "null", other;  // value is a pair if there is an other
    bool nemesis = false, typed = false, named = false;
};

namespace {

// One line of JSON.
template <class Failure> class Cursor {
  public:
    explicit Cursor(std::string_view text) : text_(text) {}

    bool over() {
        blanks();
        return at_ == text_.size();
    }
    bool take(char wanted) {
        blanks();
        if (at_ == text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }
    void expect(char wanted) {
        if (!take(wanted)) throw Failure();
    }
    // With its quotes.
    std::string_view string() {
        expect('"');
        const std::size_t start = at_ - 1;
        for (; at_ < text_.size(); ++at_) {
            const unsigned char c = static_cast<unsigned char>(text_[at_]);
            if (c == '"') {
                ++at_;
                return text_.substr(start, at_ - start);
            }
            if (c == '\\' || c < 0x20 || c >= 0x7f) throw Failure();
        }
        throw Failure();
    }
    std::string_view integer(std::int64_t &value) {
        blanks();
        const std::size_t start = at_;
        const bool negative = take_now('-');
        const std::size_t first = at_;
        value = 0;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') value = value * 10 + (text_[at_++] - '0'), check(first);
        if (at_ == first || (text_[first] == '0' && (negative || at_ - first > 1))) throw Failure();
        if (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E')) throw Failure();
        if (negative) value = -value;
        return text_.substr(start, at_ - start);
    }
    std::string_view scalar() {
        blanks();
        if (at_ == text_.size()) throw Failure();
        std::int64_t ignored;
        if (text_[at_] == '"') return string();
        if (text_[at_] != 'n') return integer(ignored);
        if (text_.substr(at_, 4) != "null") throw Failure();
        at_ += 4;
        return text_.substr(at_ - 4, 4);
    }

  private:
    void blanks() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
    }
    bool take_now(char wanted) {
        if (at_ == text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }
    void check(std::size_t first) const {
        if (at_ - first > MOST_DIGITS) throw Failure();
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

template <class Failure, class Choice>
Choice choose(std::string_view word, std::initializer_list<std::pair<std::string_view, Choice>> choices) {
    for (const auto &[name, choice] : choices)
        if (word == name) return choice;
    throw Failure();
}

}  // namespace

bool Lines::read() {
    try {
        number("null");  // which makes it INITIAL
        std::size_t start = 0;
        while (start < text_.size()) {
            const std::size_t stop = text_.find('\n', start);
            if (stop == text_.npos) throw Unfamiliar();
            line({start, stop});
            start = stop + 1;
        }
        split();
        return true;
    } catch (Unfamiliar) {
        return false;
    }
}

void Lines::line(Span span) {
    using Field = void (*)(Line &, Cursor<Unfamiliar> &);
    Cursor<Unfamiliar> cursor(text_.substr(span.start, span.stop - span.start));
    Line line;
    cursor.expect('{');
    do {
        const std::string_view name = cursor.string();
        cursor.expect(':');
        choose<Unfamiliar, Field>(name, {
            {"\"index\"", [](Line &to, auto &from) { from.integer(to.index); }},
            {"\"time\"", [](Line &to, auto &from) { from.integer(to.time); }},
            {"\"process\"", [](Line &to, auto &from) {
                const std::string_view process = from.scalar();
                to.nemesis = process == "\"nemesis\"";
                if (!to.nemesis) Cursor<Unfamiliar>(process).integer(to.process);
            }},
            {"\"type\"", [](Line &to, auto &from) {
                to.typed = true;
                to.type = choose<Unfamiliar, Type>(from.string(), {{"\"invoke\"", Type::invoke}, {"\"ok\"", Type::ok},
                                                                   {"\"fail\"", Type::fail}, {"\"info\"", Type::info}});
            }},
            {"\"f\"", [](Line &to, auto &from) {
                to.named = true;
                to.kind = choose<Unfamiliar, Kind>(from.string(), {{"\"read\"", Kind::read}, {"\"write\"", Kind::write},
                                                                   {"\"cas\"", Kind::cas}});
            }},
            {"\"key\"", [](Line &to, auto &from) { to.key = from.scalar(); }},
            {"\"value\"", [](Line &to, auto &from) {
                to.other = {};
                if (!from.take('[')) {
                    to.value = from.scalar();
                    return;
                }
                to.value = from.scalar();
                from.expect(',');
                to.other = from.scalar();
                from.expect(']');
            }},
            {"\"node\"", [](Line &, auto &from) { if (from.scalar()[0] != '"') throw Unfamiliar(); }},
            {"\"error\"", [](Line &, auto &from) { if (from.scalar()[0] != '"') throw Unfamiliar(); }},
        })(line, cursor);
        if (line.nemesis) break;
    } while (cursor.take(','));
    if (line.index <= previous_ || line.index >= NEVER / 2) throw Unfamiliar();
    previous_ = line.index;
    if (line.nemesis) {
        nemesis_.push_back(span);
        return;
    }
    cursor.expect('}');
    if (!cursor.over() || line.time < 0 || line.process < 0 || !line.typed || !line.named) throw Unfamiliar();
    if (std::size_t(line.process) >= MOST_PROCESSES || (line.kind == Kind::cas && !cas_)) throw Unfamiliar();
    if (std::size_t(line.process) >= open_.size()) open_.resize(std::size_t(line.process) * 2 + 64, FREE);
    line.type == Type::invoke ? invoke(line, span) : complete(line, span);
}

void Lines::invoke(const Line &line, Span span) {
    if (open_[std::size_t(line.process)] != FREE || line.other.empty() != (line.kind != Kind::cas)) throw Unfamiliar();
    Call call{.index = line.index, .time = line.time, .key = 0, .kind = line.kind, .placed = line.kind != Kind::read, .begun = span, .ended = {}};
    const auto [place, fresh] = key_numbers_.try_emplace(line.key, std::uint32_t(keys_.size()));
    if (fresh) keys_.push_back(line.key);
    call.key = place->second;
    if (call.placed) call.a = number(line.value);
    if (call.kind == Kind::cas) call.b = number(line.other);
    open_[std::size_t(line.process)] = std::int64_t(calls_.size());
    calls_.push_back(call);
}

void Lines::complete(const Line &line, Span span) {
    std::int64_t &place = open_[std::size_t(line.process)];
    if (place < 0) throw Unfamiliar();
    Call &call = calls_[std::size_t(place)];
    if (call.kind != line.kind || keys_[call.key] != line.key || line.time < call.time) throw Unfamiliar();
    place = line.type == Type::info ? RETIRED : FREE;
    call.ended = span;
    if (line.type == Type::info) return;
    call.end = line.index;
    if (line.type == Type::ok && call.kind == Kind::read) {
        if (!line.other.empty()) throw Unfamiliar();
        call.a = number(line.value);
        call.placed = true;
    } else if (line.type == Type::fail) {
        if (call.kind == Kind::cas && failures_) call.kind = Kind::differs;
        else call.placed = false;
    }
}

Value Lines::number(std::string_view value) {
    const auto [place, fresh] = value_numbers_.try_emplace(value, Value(values_.size()));
    if (fresh) values_.push_back(value);
    return place->second;
}

// One part for each key, its values numbered anew from 0.
void Lines::split() {
    value_numbers_ = {};
    open_ = {};
    std::vector<std::size_t> sizes(keys_.size());
    for (const Call &call : calls_) sizes[call.key] += call.placed;
    parts_.resize(keys_.size());
    states_.resize(keys_.size());
    for (std::size_t i = 0; i < keys_.size(); ++i) parts_[i].reserve(sizes[i]);
    for (const Call &call : calls_)
        if (call.placed) parts_[call.key].push_back({call.index, call.end, call.a, call.kind == Kind::cas ? call.b : INITIAL, call.kind});
    std::vector<Value> local(values_.size(), NOTHING);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        states_[i] = {INITIAL};
        auto renumber = [&](Value &value) {
            if (value == INITIAL) return;
            if (local[value] == NOTHING) {
                local[value] = Value(states_[i].size());
                states_[i].push_back(value);
            }
            value = local[value];
        };
        for (Operation &op : parts_[i]) {
            renumber(op.a);
            renumber(op.b);
        }
        for (Value value : states_[i]) local[value] = NOTHING;
    }
}

std::string_view Lines::value(std::size_t part, Value state) const { return values_[states_[part][state]]; }

std::vector<Span> Lines::lines(std::size_t part) const {
    std::vector<Span> spans;
    for (const Call &call : calls_) {
        if (call.key != part) continue;
        spans.push_back(call.begun);
        if (call.ended.stop) spans.push_back(call.ended);
    }
    std::sort(spans.begin(), spans.end(), [](Span x, Span y) { return x.start < y.start; });
    return spans;
}

}  // namespace registers
