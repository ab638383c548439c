// Transactions from JSON lines to dependencies and their strongly connected components, in one pass each.
//
// What everything means stands in checkers/transactions: transaction.py (shapes), list_append.py and rw_register.py
// (anomalies and dependencies), dependency.py (edges, levels, junctions). This is the same for histories of a usual
// shape: keys and values are integers or plain strings. Whatever is unusual, wrong or torn makes the history
// "unfamiliar", and the Python judges it, or says what is wrong with it. Cycles are told apart in Python, from the
// components that this finds; in a good history there are none.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace nb = nanobind;

namespace {

using Value = std::int64_t;  // An integer; or a string's number in the table of strings, from kFirstString on.
constexpr Value kNull = std::numeric_limits<Value>::min();
constexpr Value kFirstString = kNull + 1;
constexpr std::int64_t kNever = std::int64_t{1} << 62;
constexpr std::uint64_t kMostFindings = 20;
constexpr std::uint32_t kNone = ~std::uint32_t{0};

enum Kind : std::uint8_t { WW, WR, RW, PROCESS, REALTIME, FREE };
enum Type : std::uint8_t { INVOKE, OK, FAIL, INFO };

struct Unfamiliar {};
struct TimeIsOver {};

struct Deadline {
    std::chrono::steady_clock::time_point when;
    bool set;
    void check() const {
        if (set && std::chrono::steady_clock::now() >= when) throw TimeIsOver{};
    }
};

// From a pair of numbers to a number; open addressing, never shrinks.
class PairTable {
  public:
    explicit PairTable(std::size_t expected) {
        std::size_t size = 64;
        while (size < expected * 2) size *= 2;
        slots_.assign(size, {0, 0, kNone});
    }
    // The number of the pair; `fresh` becomes it if the pair is new.
    std::uint32_t &at(std::uint32_t first, Value second, std::uint32_t fresh) {
        if (count_ * 2 >= slots_.size()) grow();
        Slot &slot = find(first, second);
        if (slot.number == kNone) {
            slot = {second, first, fresh};
            ++count_;
        }
        return slot.number;
    }
    std::uint32_t get(std::uint32_t first, Value second) const {
        return const_cast<PairTable *>(this)->find(first, second).number;
    }

  private:
    struct Slot {
        Value second;
        std::uint32_t first, number;
    };
    Slot &find(std::uint32_t first, Value second) {
        std::uint64_t hash = static_cast<std::uint64_t>(second) * 0x9E3779B97F4A7C15ULL;
        hash ^= (hash >> 29) + first * 0xBF58476D1CE4E5B9ULL;
        hash *= 0x94D049BB133111EBULL;
        std::size_t place = (hash ^ (hash >> 31)) & (slots_.size() - 1);
        while (slots_[place].number != kNone && (slots_[place].first != first || slots_[place].second != second))
            place = (place + 1) & (slots_.size() - 1);
        return slots_[place];
    }
    void grow() {
        std::vector<Slot> old(slots_.size() * 2, Slot{0, 0, kNone});
        old.swap(slots_);
        for (const Slot &slot : old)
            if (slot.number != kNone) find(slot.first, slot.second) = slot;
    }
    std::vector<Slot> slots_;
    std::size_t count_ = 0;
};

struct Mop {
    Value value;           // What is written; of a register, what was read.
    std::uint32_t key;
    std::uint32_t begin;   // Of a list that was read: its place among all elements,
    std::uint32_t length;  // and its length.
    bool read;
};

struct Txn {
    std::int64_t begin, end;     // Lines, as `index` numbers them; kNever unless it is ok.
    std::uint64_t invoke, done;  // Where these lines begin in the file; `done` is 0 without one.
    std::int64_t process, time, done_index;
    std::uint32_t first, last;   // Its micro-operations.
    Type type;
};

struct Edge {
    std::uint32_t source, target;
    std::uint8_t kind, level;
};

struct Finding {
    const char *name;
    std::vector<std::uint32_t> txns;
    std::uint32_t key;
    std::vector<std::vector<Value>> values;  // Of one value each, except where `lists` says otherwise.
    std::uint32_t lists;                     // A bit for each of `values` that is a list.
    int flag;                                // Of `internal`: whether the whole list was known; else -1.
};

// The lines of a history, column by column.
class Reader {
  public:
    Reader(std::string_view text, bool registers, const Deadline &deadline)
        : text_(text), registers_(registers), deadline_(deadline) {}

    std::vector<Txn> txns;
    std::vector<Mop> mops;
    std::vector<Value> elements;
    std::vector<std::string> strings;
    std::vector<Value> keys;  // By number.

    void read() {
        const char *end = text_.data() + text_.size();
        at_ = text_.data();
        std::uint64_t lines = 0;
        while (at_ < end) {
            const char *line_end = static_cast<const char *>(std::memchr(at_, '\n', end - at_));
            if (line_end == nullptr) throw Unfamiliar{};  // Perhaps torn.
            line_ = at_;
            stop_ = line_end;
            line();
            at_ = line_end + 1;
            if ((++lines & 0xFFFF) == 0) deadline_.check();
        }
    }

    std::uint32_t key_number(Value key) const {
        auto found = key_numbers_.find(key);
        return found == key_numbers_.end() ? kNone : found->second;
    }
    Value string_value(const std::string &text) const {
        auto found = string_numbers_.find(text);
        return found == string_numbers_.end() ? kNull : kFirstString + found->second;
    }

  private:
    struct Client {
        std::uint32_t open = kNone;
        bool retired = false;
    };

    std::string_view text_;
    bool registers_;
    const Deadline &deadline_;
    const char *at_ = nullptr, *line_ = nullptr, *stop_ = nullptr;
    std::int64_t previous_index_ = -1, place_ = 0;
    std::unordered_map<std::int64_t, Client> clients_;
    std::unordered_map<Value, std::uint32_t> key_numbers_;
    std::unordered_map<std::string, std::uint32_t> string_numbers_;

    void space() {
        while (at_ < stop_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }
    char peek() {
        space();
        if (at_ >= stop_) throw Unfamiliar{};
        return *at_;
    }
    void expect(char mark) {
        if (peek() != mark) throw Unfamiliar{};
        ++at_;
    }
    bool word(const char *text, std::size_t length) {
        if (static_cast<std::size_t>(stop_ - at_) < length || std::memcmp(at_, text, length) != 0) return false;
        at_ += length;
        return true;
    }
    std::string_view string() {
        expect('"');
        const char *begin = at_;
        while (at_ < stop_ && *at_ != '"') {
            if (*at_ == '\\' || static_cast<unsigned char>(*at_) < 0x20 || static_cast<unsigned char>(*at_) >= 0x80)
                throw Unfamiliar{};
            ++at_;
        }
        if (at_ >= stop_) throw Unfamiliar{};
        return {begin, static_cast<std::size_t>(at_++ - begin)};
    }
    std::int64_t integer() {
        space();
        bool negative = at_ < stop_ && *at_ == '-';
        if (negative) ++at_;
        const char *begin = at_;
        std::int64_t value = 0;
        while (at_ < stop_ && *at_ >= '0' && *at_ <= '9') value = value * 10 + (*at_++ - '0');
        std::size_t digits = at_ - begin;
        if (digits == 0 || digits > 18 || (digits > 1 && *begin == '0')) throw Unfamiliar{};
        if (at_ < stop_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')) throw Unfamiliar{};
        if (negative && value == 0) throw Unfamiliar{};
        return negative ? -value : value;
    }
    // Any JSON, strictly: what the Python would refuse must not pass here.
    void skip(int depth = 0) {
        char mark = peek();
        if (depth > 100) throw Unfamiliar{};
        if (mark == '"') {
            skip_string();
        } else if (mark == '[' || mark == '{') {
            char end = mark == '[' ? ']' : '}';
            ++at_;
            for (bool first = true; peek() != end; first = false) {
                if (!first) expect(',');
                if (mark == '{') {
                    peek();
                    skip_string();
                    expect(':');
                }
                skip(depth + 1);
            }
            ++at_;
        } else if (!word("null", 4) && !word("true", 4) && !word("false", 5)) {
            integer();
        }
    }
    void skip_string() {
        expect('"');
        for (; at_ < stop_ && *at_ != '"'; ++at_) {
            unsigned char mark = static_cast<unsigned char>(*at_);
            if (mark < 0x20 || mark >= 0x80) throw Unfamiliar{};
            if (mark == '\\' && (++at_ >= stop_ || std::strchr("\"\\/bfnrt", *at_) == nullptr || *at_ == 0))
                throw Unfamiliar{};
        }
        if (at_ >= stop_) throw Unfamiliar{};
        ++at_;
    }
    Value value() {
        char mark = peek();
        if (mark == '"') {
            std::string text(string());
            auto found = string_numbers_.try_emplace(text, static_cast<std::uint32_t>(strings.size()));
            if (found.second) strings.push_back(text);
            return kFirstString + found.first->second;
        }
        if (mark == 'n') {
            if (!word("null", 4)) throw Unfamiliar{};
            return kNull;
        }
        return integer();
    }

    void line() {
        std::int64_t index = place_, time = -1, process = -1;
        bool nemesis = false, has_process = false, is_txn = false, has_f = false;
        int type = -1;
        const char *value_at = nullptr;
        expect('{');
        for (bool first = true; peek() != '}'; first = false) {
            if (!first) expect(',');
            std::string_view name = (peek(), string());
            expect(':');
            if (name == "index") {
                index = integer();
            } else if (name == "time") {
                time = integer();
            } else if (name == "process") {
                has_process = true;
                if (peek() == '"') {
                    if (string() != "nemesis") throw Unfamiliar{};
                    nemesis = true;
                } else {
                    process = integer();
                }
            } else if (name == "type") {
                std::string_view text = (peek(), string());
                type = text == "invoke" ? INVOKE : text == "ok" ? OK : text == "fail" ? FAIL : text == "info" ? INFO : -1;
                if (type < 0) throw Unfamiliar{};
            } else if (name == "f") {
                is_txn = (peek(), string()) == "txn", has_f = true;
            } else if (name == "value") {
                peek();
                value_at = at_;
                skip();
            } else if (name == "key") {
                peek();
                if (!word("null", 4)) throw Unfamiliar{};
            } else {
                skip();
            }
        }
        expect('}');
        space();
        if (at_ != stop_ || type < 0 || !has_process || !has_f) throw Unfamiliar{};
        if (index <= previous_index_) throw Unfamiliar{};
        previous_index_ = index;
        ++place_;
        if (nemesis) return;
        if (!is_txn) throw Unfamiliar{};
        operation(static_cast<Type>(type), process, index, time, value_at);
    }
    void operation(Type type, std::int64_t process, std::int64_t index, std::int64_t time, const char *value_at) {
        Client &client = clients_[process];
        if (type == INVOKE) {
            if (client.open != kNone || client.retired || value_at == nullptr) throw Unfamiliar{};
            client.open = static_cast<std::uint32_t>(txns.size());
            std::uint32_t first = static_cast<std::uint32_t>(mops.size());
            at_ = value_at;
            asked();
            if (mops.size() >= kNone || txns.size() >= kNone / 4) throw Unfamiliar{};
            txns.push_back({index, kNever, offset(), 0, process, time, -1, first,
                            static_cast<std::uint32_t>(mops.size()), INFO});
            return;
        }
        if (client.open == kNone) throw Unfamiliar{};
        Txn &txn = txns[client.open];
        client.open = kNone;
        if (time >= 0 && txn.time >= 0 && time < txn.time) throw Unfamiliar{};
        client.retired = type == INFO;
        txn.type = type;
        txn.done = offset();
        txn.done_index = index;
        if (type == OK) {
            if (value_at == nullptr) throw Unfamiliar{};
            txn.end = index;
            at_ = value_at;
            answered(txn);
        }
    }
    std::uint64_t offset() const { return static_cast<std::uint64_t>(line_ - text_.data()); }

    // One micro-operation up to its value: f and key.
    Mop begin_mop() {
        expect('[');
        std::string_view f = (peek(), string());
        bool read = f == "r";
        if (!read && f != (registers_ ? "w" : "append")) throw Unfamiliar{};
        expect(',');
        Value key = value();
        auto found = key_numbers_.try_emplace(key, static_cast<std::uint32_t>(keys.size()));
        if (found.second) keys.push_back(key);
        expect(',');
        return {kNull, found.first->second, 0, 0, read};
    }
    void asked() {
        expect('[');
        for (bool first = true; peek() != ']'; first = false) {
            if (!first) expect(',');
            Mop mop = begin_mop();
            if (mop.read) {
                if (peek() == '[') {
                    if (registers_) throw Unfamiliar{};
                    skip();
                } else if (registers_) {
                    value();
                } else if (!word("null", 4)) {
                    throw Unfamiliar{};
                }
            } else if ((mop.value = value()) == kNull) {
                throw Unfamiliar{};
            }
            expect(']');
            mops.push_back(mop);
        }
        expect(']');
    }
    void answered(const Txn &txn) {
        expect('[');
        std::uint32_t place = txn.first;
        for (; peek() != ']'; ++place) {
            if (place > txn.first) expect(',');
            Mop mop = begin_mop();
            if (place >= txn.last || mops[place].read != mop.read || mops[place].key != mop.key) throw Unfamiliar{};
            if (!mop.read) {
                if (value() != mops[place].value) throw Unfamiliar{};
            } else if (registers_) {
                mops[place].value = value();
            } else {
                list(mops[place]);
            }
            expect(']');
        }
        expect(']');
        if (place != txn.last) throw Unfamiliar{};
    }
    void list(Mop &mop) {
        mop.begin = static_cast<std::uint32_t>(elements.size());
        if (peek() != '[') {
            if (!word("null", 4)) throw Unfamiliar{};
            return;
        }
        ++at_;
        for (bool first = true; peek() != ']'; first = false) {
            if (!first) expect(',');
            Value element = value();
            if (element == kNull) throw Unfamiliar{};
            elements.push_back(element);
        }
        ++at_;
        if (elements.size() >= kNone) throw Unfamiliar{};
        mop.length = static_cast<std::uint32_t>(elements.size()) - mop.begin;
    }
};

// Dependencies, with junctions after the transactions.
class Dependencies {
  public:
    explicit Dependencies(std::uint32_t transactions) : nodes(transactions) {}
    std::vector<Edge> edges;
    std::uint32_t nodes;
    std::uint64_t dependencies = 0;

    void add(std::uint32_t source, std::uint32_t target, Kind kind, std::uint8_t level = 0) {
        if (source == target) return;
        edges.push_back({source, target, kind, level});
        dependencies += kind <= RW;
    }
    std::uint32_t junction() { return nodes++; }

    // The order of each client, and the order in real time.
    void add_order(const std::vector<Txn> &txns, const std::vector<std::uint8_t> &committed) {
        std::unordered_map<std::int64_t, std::uint32_t> last;
        std::vector<std::pair<std::int64_t, std::uint32_t>> ends;
        for (std::uint32_t number = 0; number < txns.size(); ++number) {
            if (!committed[number]) continue;
            auto [before, fresh] = last.try_emplace(txns[number].process, number);
            if (!fresh) {
                add(before->second, number, PROCESS, 1);
                before->second = number;
            }
            if (txns[number].end != kNever) ends.push_back({txns[number].end, number});
        }
        std::sort(ends.begin(), ends.end());
        std::uint32_t now = kNone;
        std::size_t next = 0;
        for (std::uint32_t number = 0; number < txns.size(); ++number) {
            if (!committed[number]) continue;
            bool fresh = false;
            for (; next < ends.size() && ends[next].first < txns[number].begin; ++next, fresh = true) {
                if (!fresh) {
                    std::uint32_t following = junction();
                    if (now != kNone) add(now, following, FREE);
                    now = following;
                }
                add(ends[next].second, now, REALTIME, 2);
            }
            if (now != kNone) add(now, number, FREE);
        }
    }

    // Sort edges by their source, keeping their order.
    void arrange() {
        starts.assign(nodes + 1, 0);
        for (const Edge &edge : edges) ++starts[edge.source + 1];
        for (std::uint32_t node = 0; node < nodes; ++node) starts[node + 1] += starts[node];
        std::vector<std::uint32_t> next(starts.begin(), starts.end() - 1);
        targets.resize(edges.size());
        labels.resize(edges.size());
        for (const Edge &edge : edges) {
            std::uint32_t place = next[edge.source]++;
            targets[place] = edge.target;
            labels[place] = static_cast<std::uint8_t>(edge.kind | edge.level << 4);
        }
        edges = {};
    }

    // Tarjan 1972 without recursion: components of at least two transactions.
    std::vector<std::vector<std::uint32_t>> components(std::uint32_t transactions, const Deadline &deadline) const {
        std::vector<std::vector<std::uint32_t>> found;
        std::vector<std::uint32_t> order(nodes, 0), low(nodes, 0), next(starts.begin(), starts.end() - 1), open, path;
        std::vector<std::uint8_t> is_open(nodes, 0);
        std::uint32_t count = 0;
        for (std::uint32_t root = 0; root < nodes; ++root) {
            if (order[root]) continue;
            if ((root & 0xFFFF) == 0) deadline.check();
            path.push_back(root);
            while (!path.empty()) {
                std::uint32_t here = path.back();
                if (!order[here]) {
                    order[here] = low[here] = ++count;
                    open.push_back(here);
                    is_open[here] = 1;
                }
                bool deeper = false;
                while (next[here] < starts[here + 1]) {
                    std::uint32_t there = targets[next[here]++];
                    if (!order[there]) {
                        path.push_back(there);
                        deeper = true;
                        break;
                    }
                    if (is_open[there]) low[here] = std::min(low[here], order[there]);
                }
                if (deeper) continue;
                path.pop_back();
                if (!path.empty()) low[path.back()] = std::min(low[path.back()], low[here]);
                if (low[here] != order[here]) continue;
                std::vector<std::uint32_t> members;
                std::uint32_t member;
                do {
                    member = open.back();
                    open.pop_back();
                    is_open[member] = 0;
                    members.push_back(member);
                } while (member != here);
                auto is_txn = [&](std::uint32_t node) { return node < transactions; };
                if (members.size() > 1 && std::count_if(members.begin(), members.end(), is_txn) > 1) {
                    std::sort(members.begin(), members.end());
                    found.push_back(std::move(members));
                }
            }
        }
        return found;
    }

    std::vector<std::uint32_t> starts, targets;
    std::vector<std::uint8_t> labels;
};

// What both kinds of histories share: the transactions, and what is found.
class Inference {
  public:
    Inference(Reader &reader, const Deadline &deadline)
        : txns(reader.txns), mops(reader.mops), elements(reader.elements), deadline_(deadline),
          committed(reader.txns.size()), graph(static_cast<std::uint32_t>(reader.txns.size())),
          keys_(static_cast<std::uint32_t>(reader.keys.size())) {
        for (std::size_t number = 0; number < txns.size(); ++number) committed[number] = txns[number].type == OK;
    }
    virtual ~Inference() = default;
    virtual void infer() = 0;

    const std::vector<Txn> &txns;
    const std::vector<Mop> &mops;
    const std::vector<Value> &elements;

  protected:
    const Deadline &deadline_;

  public:
    std::vector<std::uint8_t> committed;
    Dependencies graph;
    std::vector<Finding> findings;  // The first of each name; all are counted.
    std::map<std::string_view, std::uint64_t> counts;
    // Two transactions that wrote the same, the key and the value.
    bool unrecoverable = false;
    std::uint32_t same[2] = {0, 0}, same_key = 0;
    Value same_value = 0;

  protected:
    std::uint32_t keys_;

    void find(const char *name, std::vector<std::uint32_t> numbers, std::uint32_t key,
              std::vector<std::vector<Value>> values = {}, std::uint32_t lists = 0, int flag = -1) {
        if (++counts[name] <= kMostFindings) findings.push_back({name, std::move(numbers), key, std::move(values), lists, flag});
    }
    void twice(std::uint32_t first, std::uint32_t second, std::uint32_t key, Value value) {
        if (unrecoverable) return;
        unrecoverable = true;
        same[0] = first, same[1] = second, same_key = key, same_value = value;
    }
    bool is_last_write(const Txn &txn, std::uint32_t place) const {
        for (std::uint32_t later = place + 1; later < txn.last; ++later)
            if (!mops[later].read && mops[later].key == mops[place].key) return false;
        return true;
    }
};

// list_append.py
class ListAppend : public Inference {
  public:
    ListAppend(Reader &reader, const Deadline &deadline)
        : Inference(reader, deadline), table_(reader.mops.size() / 2), lists_(reader.keys.size()) {}

    void infer() override {
        collect();
        if (unrecoverable) return;
        for (std::uint32_t number = 0; number < txns.size(); ++number) inspect(number);
        deadline_.check();
        for (std::uint32_t key = 0; key < keys_; ++key) inspect_reads(key);
        deadline_.check();
        for (std::uint32_t key = 0; key < keys_; ++key) connect(key);
        deadline_.check();
        graph.add_order(txns, committed);
    }

    bool has_order(std::uint32_t key) const { return lists_[key].sound && lists_[key].any; }
    std::vector<Value> order(std::uint32_t key) const { return values(longest(key)); }
    std::vector<Value> skipped(std::uint32_t key) const {
        std::vector<Value> none;
        const Mop *mop = longest(key);
        for (std::uint32_t place = 0; mop && place < mop->length; ++place) {
            std::uint32_t append = append_of(key, elements[mop->begin + place]);
            if (append == kNone || !committed[appends_[append].number]) none.push_back(elements[mop->begin + place]);
        }
        return none;
    }

  private:
    struct Append {
        Value value;
        std::uint32_t number, key, next, place;  // The next one to the key; its place in the longest read.
        bool final;
    };
    struct Read {
        std::uint32_t number, mop;
    };
    struct List {
        std::uint32_t first_append = kNone, last_append = kNone, first_read = 0, reads = 0;
        std::uint32_t longest = kNone, reader = kNone;
        bool sound = true, any = false;
    };
    using Said = std::set<std::tuple<int, std::uint32_t, Value>>;

    PairTable table_;
    std::vector<Append> appends_;
    std::vector<List> lists_;
    std::vector<Read> reads_;

    const Mop *longest(std::uint32_t key) const {
        return lists_[key].longest == kNone ? nullptr : &mops[lists_[key].longest];
    }
    std::uint32_t append_of(std::uint32_t key, Value value) const { return table_.get(key, value); }
    std::vector<Value> values(const Mop *mop) const {
        if (mop == nullptr) return {};
        return {elements.begin() + mop->begin, elements.begin() + mop->begin + mop->length};
    }
    static bool first(Said &said, int what, std::uint32_t number, Value value) {
        return said.emplace(what, number, value).second;
    }

    void collect() {
        for (std::uint32_t number = 0; number < txns.size() && !unrecoverable; ++number) {
            const Txn &txn = txns[number];
            for (std::uint32_t place = txn.first; place < txn.last; ++place) {
                const Mop &mop = mops[place];
                List &list = lists_[mop.key];
                if (!mop.read) {
                    std::uint32_t fresh = static_cast<std::uint32_t>(appends_.size());
                    std::uint32_t known = table_.at(mop.key, mop.value, fresh);
                    if (known != fresh) {
                        twice(appends_[known].number, number, mop.key, mop.value);
                        return;
                    }
                    appends_.push_back({mop.value, number, mop.key, kNone, kNone, is_last_write(txn, place)});
                    (list.first_append == kNone ? list.first_append : appends_[list.last_append].next) = fresh;
                    list.last_append = fresh;
                    list.any = true;
                } else if (txn.type == OK) {
                    list.any = true;
                    ++list.reads;
                    if (list.reader == kNone || mop.length > mops[list.longest].length)
                        list.longest = place, list.reader = number;
                }
            }
        }
        std::uint32_t total = 0;
        for (List &list : lists_) list.first_read = total, total += list.reads, list.reads = 0;
        reads_.resize(total);
        for (std::uint32_t number = 0; number < txns.size(); ++number) {
            if (txns[number].type != OK) continue;
            for (std::uint32_t place = txns[number].first; place < txns[number].last; ++place)
                if (mops[place].read) {
                    List &list = lists_[mops[place].key];
                    reads_[list.first_read + list.reads++] = {number, place};
                }
        }
    }

    void inspect(std::uint32_t number) {
        const Txn &txn = txns[number];
        if (txn.type != OK || txn.last - txn.first < 2) return;
        for (std::uint32_t place = txn.first; place < txn.last; ++place) {
            const Mop &mop = mops[place];
            if (!mop.read) continue;
            std::uint32_t whole = kNone;
            std::vector<Value> expected;
            for (std::uint32_t earlier = txn.first; earlier < place; ++earlier) {
                if (mops[earlier].key != mop.key) continue;
                if (mops[earlier].read) {
                    whole = earlier;
                    expected = values(&mops[earlier]);
                } else {
                    expected.push_back(mops[earlier].value);
                }
            }
            const Value *begin = elements.data() + mop.begin;
            bool is_whole = whole != kNone;
            if (is_whole || !expected.empty()) {
                bool fits = is_whole ? mop.length == expected.size() : mop.length >= expected.size();
                fits = fits && std::equal(expected.begin(), expected.end(), begin + mop.length - expected.size());
                if (!fits) find("internal", {number}, mop.key, {values(&mop), expected}, 3, is_whole);
            }
            for (std::uint32_t later = place; later < txn.last; ++later)
                if (!mops[later].read && mops[later].key == mop.key &&
                    std::find(begin, begin + mop.length, mops[later].value) != begin + mop.length)
                    find("future-read", {number}, mop.key, {values(&mop), {mops[later].value}}, 1);
        }
    }

    void inspect_reads(std::uint32_t key) {
        List &list = lists_[key];
        const Mop *longest_mop = longest(key);
        if (longest_mop == nullptr) return;
        Said said;
        const Value *order = elements.data() + longest_mop->begin;
        std::vector<std::uint32_t> writers(longest_mop->length);
        std::set<Value> garbage;
        std::uint32_t first_twice = kNone;
        for (std::uint32_t place = 0; place < longest_mop->length; ++place) {
            std::uint32_t append = writers[place] = append_of(key, order[place]);
            bool again;
            if (append == kNone) {
                again = !garbage.insert(order[place]).second;
            } else {
                again = appends_[append].place != kNone;
                if (!again) appends_[append].place = place;
            }
            if (again && first_twice == kNone) first_twice = place;
        }
        std::uint32_t known = 0;
        for (std::uint32_t read = list.first_read; read < list.first_read + list.reads; ++read) {
            const Mop &mop = mops[reads_[read].mop];
            std::uint32_t number = reads_[read].number;
            const Value *value = elements.data() + mop.begin;
            if (std::memcmp(value, order, mop.length * sizeof(Value)) == 0) {
                std::uint32_t begin = known;
                known = std::max(known, mop.length);
                if (begin < mop.length) {
                    if (first_twice < mop.length) duplicate(list, said, key, number, mop, order[first_twice]);
                    inspect_elements(list, said, key, number, mop, begin, writers);
                }
            } else {
                list.sound = false;
                if (first(said, 0, 0, 0))
                    find("incompatible-order", {list.reader, number}, key, {values(longest_mop), values(&mop)}, 3);
                std::vector<std::uint32_t> own(mop.length);
                std::vector<std::pair<Value, std::uint32_t>> sorted(mop.length);
                for (std::uint32_t place = 0; place < mop.length; ++place) {
                    own[place] = append_of(key, value[place]);
                    sorted[place] = {value[place], place};
                }
                std::sort(sorted.begin(), sorted.end());
                std::uint32_t again = kNone;
                for (std::uint32_t place = 1; place < mop.length; ++place)
                    if (sorted[place].first == sorted[place - 1].first) again = std::min(again, sorted[place].second);
                if (again != kNone) duplicate(list, said, key, number, mop, value[again]);
                inspect_elements(list, said, key, number, mop, 0, own);
            }
            if (mop.length == 0) continue;
            std::uint32_t last = append_of(key, value[mop.length - 1]);
            if (last != kNone && !appends_[last].final && appends_[last].number != number &&
                first(said, 4, number, value[mop.length - 1]))
                find("G1b", {number, appends_[last].number}, key, {values(&mop), {value[mop.length - 1]}}, 1);
        }
    }
    void duplicate(List &list, Said &said, std::uint32_t key, std::uint32_t number, const Mop &mop, Value twice_seen) {
        list.sound = false;
        if (first(said, 1, 0, twice_seen))
            find("duplicate-elements", {number}, key, {values(&mop), {twice_seen}}, 1);
    }
    void inspect_elements(List &list, Said &said, std::uint32_t key, std::uint32_t number, const Mop &mop,
                          std::uint32_t begin, const std::vector<std::uint32_t> &writers) {
        for (std::uint32_t place = begin; place < mop.length; ++place) {
            Value element = elements[mop.begin + place];
            if (writers[place] == kNone) {
                list.sound = false;
                if (first(said, 2, 0, element)) find("garbage-read", {number}, key, {values(&mop), {element}}, 1);
                continue;
            }
            std::uint32_t writer = appends_[writers[place]].number;
            if (txns[writer].type == INFO) committed[writer] = 1;
            if (txns[writer].type != FAIL || !first(said, 3, 0, element)) continue;
            find("G1a", {number, writer}, key, {values(&mop), {element}}, 1);
            for (std::uint32_t later = place + 1; later < mop.length; ++later) {
                if (writers[later] == kNone || txns[appends_[writers[later]].number].type != OK) continue;
                find("dirty-update", {writer, appends_[writers[later]].number, number}, key,
                     {values(&mop), {element}, {elements[mop.begin + later]}}, 1);
                break;
            }
        }
    }

    void connect(std::uint32_t key) {
        List &list = lists_[key];
        for (std::uint32_t read = list.first_read; read < list.first_read + list.reads; ++read) {
            const Mop &mop = mops[reads_[read].mop];
            if (mop.length == 0) continue;
            std::uint32_t last = append_of(key, elements[mop.begin + mop.length - 1]);
            if (last != kNone && committed[appends_[last].number])
                graph.add(appends_[last].number, reads_[read].number, WR);
        }
        if (!list.sound) return;
        const Mop *order = longest(key);
        std::uint32_t length = order == nullptr ? 0 : order->length, last = kNone;
        std::vector<std::uint32_t> writers(length), following(length + 1, kNone);
        for (std::uint32_t place = 0; place < length; ++place) {
            writers[place] = appends_[append_of(key, elements[order->begin + place])].number;
            if (!committed[writers[place]]) continue;
            if (last != kNone) graph.add(last, writers[place], WW);
            last = following[place] = writers[place];
        }
        for (std::uint32_t place = length; place-- > 0;)
            if (following[place] == kNone) following[place] = following[place + 1];
        std::vector<std::uint32_t> at_end;
        for (std::uint32_t read = list.first_read; read < list.first_read + list.reads; ++read) {
            std::uint32_t seen = mops[reads_[read].mop].length, number = reads_[read].number;
            if (following[seen] == kNone) at_end.push_back(number);
            else if (seen == 0 || writers[seen - 1] != number) graph.add(number, following[seen], RW);
        }
        connect_unseen(list, at_end, last);
        inspect_lost(list, key);
    }
    void connect_unseen(const List &list, const std::vector<std::uint32_t> &at_end, std::uint32_t last) {
        std::vector<std::uint32_t> unseen;
        for (std::uint32_t append = list.first_append; append != kNone; append = appends_[append].next)
            if (appends_[append].place == kNone && txns[appends_[append].number].type == OK &&
                (unseen.empty() || unseen.back() != appends_[append].number))
                unseen.push_back(appends_[append].number);
        if (unseen.empty()) return;
        std::uint32_t after_reads = graph.junction(), after_last = graph.junction();
        for (std::uint32_t number : unseen) {
            graph.add(after_reads, number, FREE);
            graph.add(after_last, number, FREE);
        }
        for (std::uint32_t number : at_end)
            if (number != last) graph.add(number, after_reads, RW);
        if (last != kNone) graph.add(last, after_last, WW);
    }
    void inspect_lost(const List &list, std::uint32_t key) {
        std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> takers;
        std::uint32_t previous = kNone;
        for (std::uint32_t read = list.first_read; read < list.first_read + list.reads; ++read) {
            std::uint32_t number = reads_[read].number, place = reads_[read].mop;
            if (number == previous) continue;
            previous = number;
            bool reads_first = true, appends = false;
            for (std::uint32_t at = txns[number].first; at < txns[number].last; ++at) {
                if (mops[at].key != key || mops[at].read) continue;
                (at < place ? reads_first : appends) = at > place;
            }
            if (!reads_first || !appends) continue;
            std::vector<std::uint32_t> &some = takers[mops[place].length];
            some.push_back(number);
            if (some.size() == 2) {
                const Mop *order = longest(key);
                Mop part = *order;
                part.length = mops[place].length;
                find("lost-update", some, key, {values(&part)}, 1);
            }
        }
    }
};

// rw_register.py
class RwRegister : public Inference {
  public:
    RwRegister(Reader &reader, const Deadline &deadline)
        : Inference(reader, deadline), table_(reader.mops.size() / 2), by_key_(reader.keys.size()) {
        for (std::uint32_t key = 0; key < keys_; ++key) add_version(key, kNull, kNone, true);
    }

    void infer() override {
        collect();
        if (unrecoverable) return;
        for (std::uint32_t number = 0; number < txns.size(); ++number) inspect(number);
        deadline_.check();
        touch();
        deadline_.check();
        for (std::uint32_t key = 0; key < keys_; ++key) {
            inspect_lost(key);
            order_of_clients(key);
            order_of_time(key);
            drop_circular(key);
            connect(key);
        }
        deadline_.check();
        graph.add_order(txns, committed);
    }

    struct Later {
        std::uint32_t version, first, second;
    };
    std::uint32_t version_of(std::uint32_t key, Value value) const { return table_.get(key, value); }
    Value value_of(std::uint32_t version) const { return versions_[version].value; }
    const std::vector<Later> &later(std::uint32_t version, int level) const {
        return versions_[version].following[level];
    }

  private:
    struct Version {
        Value value;
        std::uint32_t writer;
        bool final;
        std::vector<std::uint32_t> readers;
        std::vector<Later> following[3];
        std::int64_t first_done = kNever, last_begun = -1;
        std::uint32_t first_toucher = kNone, last_toucher = kNone;
    };
    struct Touch {
        std::uint32_t number, first, last;
    };
    struct Register {
        std::vector<std::uint32_t> versions;
        std::vector<Touch> touched;
        std::set<std::pair<Value, std::uint32_t>> said;
    };

    PairTable table_;
    std::vector<Version> versions_;
    std::vector<Register> by_key_;

    void add_version(std::uint32_t key, Value value, std::uint32_t writer, bool final) {
        std::uint32_t number = static_cast<std::uint32_t>(versions_.size());
        table_.at(key, value, number);
        by_key_[key].versions.push_back(number);
        versions_.emplace_back();
        versions_.back().value = value;
        versions_.back().writer = writer;
        versions_.back().final = final;
    }
    bool counts(std::uint32_t version) const {
        return versions_[version].writer != kNone && committed[versions_[version].writer];
    }

    void collect() {
        for (std::uint32_t number = 0; number < txns.size(); ++number) {
            const Txn &txn = txns[number];
            for (std::uint32_t place = txn.first; place < txn.last; ++place) {
                const Mop &mop = mops[place];
                if (mop.read) continue;
                std::uint32_t known = table_.get(mop.key, mop.value);
                if (known != kNone) {
                    twice(versions_[known].writer, number, mop.key, mop.value);
                    return;
                }
                add_version(mop.key, mop.value, number, is_last_write(txn, place));
            }
        }
    }
    bool first(std::uint32_t key, Value value, std::uint32_t number) {
        return by_key_[key].said.emplace(value, number).second;
    }
    void inspect(std::uint32_t number) {
        const Txn &txn = txns[number];
        if (txn.type != OK) return;
        for (std::uint32_t place = txn.first; place < txn.last; ++place) {
            const Mop &mop = mops[place];
            if (!mop.read) continue;
            for (std::uint32_t earlier = place; earlier-- > txn.first;)
                if (mops[earlier].key == mop.key) {
                    if (mops[earlier].value != mop.value)
                        find("internal", {number}, mop.key, {{mop.value}, {mops[earlier].value}});
                    break;
                }
            for (std::uint32_t later = place; later < txn.last; ++later)
                if (!mops[later].read && mops[later].key == mop.key && mops[later].value == mop.value)
                    find("future-read", {number}, mop.key, {{mop.value}, {mop.value}});
            inspect_source(number, mop);
        }
    }
    void inspect_source(std::uint32_t number, const Mop &mop) {
        std::uint32_t place = table_.get(mop.key, mop.value);
        if (place == kNone) {
            if (first(mop.key, mop.value, kNone)) find("garbage-read", {number}, mop.key, {{mop.value}, {mop.value}});
            return;
        }
        Version &version = versions_[place];
        if (version.writer == number) return;
        version.readers.push_back(number);
        if (version.writer == kNone) return;
        Type type = txns[version.writer].type;
        if (type == FAIL && first(mop.key, mop.value, kNone))
            find("G1a", {number, version.writer}, mop.key, {{mop.value}, {mop.value}});
        if (!version.final && first(mop.key, mop.value, number))
            find("G1b", {number, version.writer}, mop.key, {{mop.value}, {mop.value}});
        if (type == INFO) committed[version.writer] = 1;
    }

    void touch() {
        for (std::uint32_t number = 0; number < txns.size(); ++number) {
            if (!committed[number]) continue;
            const Txn &txn = txns[number];
            bool ok = txn.type == OK;
            for (std::uint32_t place = txn.first; place < txn.last; ++place) {
                if (!ok && mops[place].read) continue;
                bool seen = false;
                for (std::uint32_t earlier = txn.first; earlier < place && !seen; ++earlier)
                    seen = mops[earlier].key == mops[place].key && (ok || !mops[earlier].read);
                if (!seen) touch_key(number, place, ok);
            }
        }
    }
    void touch_key(std::uint32_t number, std::uint32_t begin, bool ok) {
        const Txn &txn = txns[number];
        std::uint32_t key = mops[begin].key, last = begin, final = kNone;
        for (std::uint32_t place = begin; place < txn.last; ++place) {
            if (mops[place].key != key || (mops[place].read && !ok)) continue;
            last = place;
            if (!mops[place].read) final = place;
        }
        std::uint32_t first_version = table_.get(key, mops[begin].value), left = table_.get(key, mops[last].value);
        if (first_version == kNone || left == kNone) return;
        bool read_first = mops[begin].read;
        if (final != kNone) {
            std::uint32_t final_version = table_.get(key, mops[final].value);
            bool own = versions_[first_version].writer == number;
            if (read_first && !own) versions_[first_version].following[0].push_back({final_version, number, number});
            if (!read_first) first_version = final_version;
        }
        by_key_[key].touched.push_back({number, first_version, left});
    }

    void inspect_lost(std::uint32_t key) {
        for (std::uint32_t version : by_key_[key].versions) {
            const std::vector<Later> &takers = versions_[version].following[0];
            if (takers.size() > 1)
                find("lost-update", {takers[0].first, takers[1].first}, key, {{versions_[version].value}});
        }
    }
    void order_of_clients(std::uint32_t key) {
        std::unordered_map<std::int64_t, Touch> last;
        for (const Touch &touch : by_key_[key].touched) {
            auto [before, fresh] = last.try_emplace(txns[touch.number].process, touch);
            if (fresh) continue;
            std::uint32_t left = before->second.last;
            if (left != touch.first && versions_[left].value != kNull && versions_[touch.first].value != kNull)
                versions_[left].following[1].push_back({touch.first, before->second.number, touch.number});
            before->second = touch;
        }
    }
    void order_of_time(std::uint32_t key) {
        for (const Touch &touch : by_key_[key].touched)
            for (std::uint32_t place : {touch.first, touch.last}) {
                Version &version = versions_[place];
                const Txn &txn = txns[touch.number];
                if (txn.end < version.first_done) version.first_done = txn.end, version.first_toucher = touch.number;
                if (txn.begin > version.last_begun) version.last_begun = txn.begin, version.last_toucher = touch.number;
            }
        std::vector<std::uint32_t> sorted;
        for (std::uint32_t place : by_key_[key].versions)
            if (versions_[place].value != kNull && versions_[place].last_begun >= 0) sorted.push_back(place);
        std::stable_sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
            return versions_[a].last_begun < versions_[b].last_begun;
        });
        link_immediate(sorted);
    }
    void link_immediate(const std::vector<std::uint32_t> &sorted) {
        using Ending = std::pair<std::int64_t, std::int64_t>;
        std::vector<std::pair<Ending, Ending>> earliest(sorted.size() + 1, {{kNever, -1}, {kNever, -1}});
        for (std::size_t place = sorted.size(); place-- > 0;) {
            auto [best, second] = earliest[place + 1];
            Ending mine{versions_[sorted[place]].first_done, static_cast<std::int64_t>(place)};
            earliest[place] = mine < best ? std::pair{mine, best} : std::pair{best, std::min(second, mine)};
        }
        for (std::size_t place = 0; place < sorted.size(); ++place) {
            Version &version = versions_[sorted[place]];
            std::size_t after = std::partition_point(sorted.begin(), sorted.end(), [&](std::uint32_t other) {
                                    return versions_[other].last_begun <= version.first_done;
                                }) - sorted.begin();
            auto [best, second] = earliest[after];
            auto [until, next] = best.second == static_cast<std::int64_t>(place) ? second : best;
            if (next < 0) continue;
            auto link = [&](std::uint32_t other) {
                version.following[2].push_back({other, version.first_toucher, versions_[other].last_toucher});
            };
            for (; after < sorted.size() && versions_[sorted[after]].last_begun <= until; ++after)
                if (after != place && static_cast<std::int64_t>(after) != next) link(sorted[after]);
            link(sorted[next]);
        }
    }

    // The component that is found first among a key's versions with the edges up to a level, or none.
    std::vector<std::uint32_t> circular(const std::vector<std::uint32_t> &some, int level) {
        std::unordered_map<std::uint32_t, std::uint32_t> place;
        for (std::uint32_t number = 0; number < some.size(); ++number) place[some[number]] = number;
        std::vector<std::vector<std::uint32_t>> edges(some.size());
        for (std::uint32_t number = 0; number < some.size(); ++number)
            for (int at = 0; at <= level; ++at)
                for (const Later &later : versions_[some[number]].following[at])
                    edges[number].push_back(place[later.version]);
        std::vector<std::uint32_t> order(some.size(), 0), low(some.size()), next(some.size(), 0), open, path;
        std::vector<std::uint8_t> is_open(some.size(), 0);
        std::uint32_t count = 0;
        for (std::uint32_t root = 0; root < some.size(); ++root) {
            if (order[root]) continue;
            path.push_back(root);
            while (!path.empty()) {
                std::uint32_t here = path.back();
                if (!order[here]) {
                    order[here] = low[here] = ++count;
                    open.push_back(here);
                    is_open[here] = 1;
                }
                bool deeper = false;
                while (next[here] < edges[here].size()) {
                    std::uint32_t there = edges[here][next[here]++];
                    if (!order[there]) {
                        path.push_back(there);
                        deeper = true;
                        break;
                    }
                    if (is_open[there]) low[here] = std::min(low[here], order[there]);
                }
                if (deeper) continue;
                path.pop_back();
                if (!path.empty()) low[path.back()] = std::min(low[path.back()], low[here]);
                if (low[here] != order[here]) continue;
                std::vector<std::uint32_t> members;
                std::uint32_t member;
                do {
                    member = open.back();
                    open.pop_back();
                    is_open[member] = 0;
                    members.push_back(some[member]);
                } while (member != here);
                std::reverse(members.begin(), members.end());
                if (members.size() > 1) return members;
            }
        }
        return {};
    }
    void drop_circular(std::uint32_t key) {
        static const char *const names[] = {"cyclic-versions", "cyclic-versions-process", "cyclic-versions-realtime"};
        const std::vector<std::uint32_t> &some = by_key_[key].versions;
        if (circular(some, 2).empty()) return;
        for (int level = 0; level < 3; ++level) {
            std::vector<std::uint32_t> members = circular(some, level);
            if (members.empty()) continue;
            std::vector<std::uint32_t> witnesses;
            std::vector<std::vector<Value>> values(1);
            std::unordered_set<std::uint32_t> inside(members.begin(), members.end()), said;
            auto witness = [&](std::uint32_t number) {
                if (said.insert(number).second) witnesses.push_back(number);
            };
            for (std::uint32_t member : members) {
                values[0].push_back(versions_[member].value);
                for (int at = 0; at <= level; ++at)
                    for (const Later &later : versions_[member].following[at])
                        if (inside.contains(later.version)) witness(later.first), witness(later.second);
            }
            find(names[level], witnesses, key, values, 2);
            for (std::uint32_t version : some)
                for (int at = level; at < 3; ++at) versions_[version].following[at].clear();
            return;
        }
    }

    void connect(std::uint32_t key) {
        for (std::uint32_t place : by_key_[key].versions) {
            const Version &version = versions_[place];
            bool is_null = version.value == kNull;
            if (!is_null && !committed[version.writer]) continue;
            if (!is_null)
                for (std::uint32_t reader : version.readers) graph.add(version.writer, reader, WR);
            for (int level = 0; level < 3; ++level) {
                std::vector<std::uint32_t> writers;
                if (is_null && level == 0) {
                    for (std::uint32_t other : by_key_[key].versions)
                        if (counts(other)) writers.push_back(versions_[other].writer);
                } else {
                    for (const Later &later : version.following[level])
                        if (counts(later.version)) writers.push_back(versions_[later.version].writer);
                }
                connect_version(version, distinct(std::move(writers)), static_cast<std::uint8_t>(level));
            }
        }
    }
    static std::vector<std::uint32_t> distinct(std::vector<std::uint32_t> numbers) {
        std::sort(numbers.begin(), numbers.end());
        numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
        return numbers;
    }
    void connect_version(const Version &version, const std::vector<std::uint32_t> &writers, std::uint8_t level) {
        if (writers.empty()) return;
        if (version.writer != kNone)
            for (std::uint32_t writer : writers) graph.add(version.writer, writer, WW, level);
        std::vector<std::uint32_t> readers = distinct(version.readers);
        if (readers.size() * writers.size() <= readers.size() + writers.size()) {
            for (std::uint32_t reader : readers)
                for (std::uint32_t writer : writers) graph.add(reader, writer, RW, level);
            return;
        }
        std::uint32_t junction = graph.junction();
        for (std::uint32_t writer : writers) graph.add(junction, writer, FREE);
        for (std::uint32_t reader : readers) graph.add(reader, junction, RW, level);
    }
};

// What Python sees of a history.
class Transactions {
  public:
    Transactions(nb::bytes lines, bool registers, double time_s)
        : lines_(lines), registers_(registers),
          deadline_{std::chrono::steady_clock::now() +
                        std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                            std::chrono::duration<double>(std::min(std::max(time_s, 0.0), 1e8))),
                    time_s < 1e8},
          reader_(std::string_view(lines.c_str(), lines.size()), registers, deadline_) {
        nb::gil_scoped_release released;
        try {
            reader_.read();
        } catch (const Unfamiliar &) {
            familiar = false;
            return;
        } catch (const TimeIsOver &) {
            timeout = true;
            return;
        }
        try {
            if (registers) inference_ = std::make_unique<RwRegister>(reader_, deadline_);
            else inference_ = std::make_unique<ListAppend>(reader_, deadline_);
            inference_->infer();
            if (inference_->unrecoverable) return;
            inference_->graph.arrange();
            deadline_.check();
            components_ = inference_->graph.components(static_cast<std::uint32_t>(reader_.txns.size()), deadline_);
        } catch (const TimeIsOver &) {
            timeout = true;
        }
    }

    bool familiar = true, timeout = false;

    std::size_t size() const { return reader_.txns.size(); }
    std::uint64_t dependencies() const { return inference_->graph.dependencies; }
    std::size_t count(int type) const {
        return std::count_if(reader_.txns.begin(), reader_.txns.end(), [&](const Txn &t) { return t.type == type; });
    }
    nb::object value(Value value) const {
        if (value == kNull) return nb::none();
        if (value < kFirstString + static_cast<Value>(reader_.strings.size()))
            return nb::cast(reader_.strings[static_cast<std::size_t>(value - kFirstString)]);
        return nb::cast(value);
    }
    // Two transactions that wrote the same, the key and the value; or None.
    nb::object unrecoverable() const {
        if (!inference_->unrecoverable) return nb::none();
        return nb::make_tuple(inference_->same[0], inference_->same[1],
                              value(reader_.keys[inference_->same_key]), value(inference_->same_value));
    }
    nb::tuple values(const std::vector<Value> &some) const {
        nb::list list;
        for (Value each : some) list.append(value(each));
        return nb::tuple(list);
    }
    nb::list findings() const {
        nb::list found;
        for (const Finding &finding : inference_->findings) {
            nb::list numbers, parts;
            for (std::uint32_t number : finding.txns) numbers.append(number);
            bool flat = finding.lists == 2 && finding.values.size() == 1;  // All of them values of one list.
            for (std::size_t place = 0; place < finding.values.size() && !flat; ++place) {
                if (finding.lists >> place & 1) parts.append(values(finding.values[place]));
                else parts.append(value(finding.values[place][0]));
            }
            if (finding.flag >= 0) parts.append(nb::bool_(finding.flag != 0));
            nb::tuple shown = flat ? values(finding.values[0]) : nb::tuple(parts);
            found.append(nb::make_tuple(finding.name, nb::tuple(numbers), value(reader_.keys[finding.key]), shown));
        }
        return found;
    }
    nb::dict counts() const {
        nb::dict counts;
        for (auto [name, count] : inference_->counts) counts[nb::cast(std::string(name))] = count;
        return counts;
    }
    std::size_t parts() const { return components_.size(); }
    // One component: each node with its edges inside, as target, kind and level.
    nb::dict part(std::size_t place) const {
        const std::vector<std::uint32_t> &members = components_.at(place);
        const Dependencies &graph = inference_->graph;
        nb::dict nodes;
        for (std::uint32_t node : members) {
            nb::list edges;
            for (std::uint32_t edge = graph.starts[node]; edge < graph.starts[node + 1]; ++edge)
                if (std::binary_search(members.begin(), members.end(), graph.targets[edge]))
                    edges.append(nb::make_tuple(graph.targets[edge], graph.labels[edge] & 15, graph.labels[edge] >> 4));
            nodes[nb::cast(node)] = edges;
        }
        return nodes;
    }
    // Index and place in the file of a transaction's invocation and completion; -1 without one.
    nb::tuple lines(std::size_t number) const {
        const Txn &txn = reader_.txns.at(number);
        bool ended = txn.done_index >= 0;
        return nb::make_tuple(txn.begin, txn.invoke, txn.done_index, ended ? static_cast<std::int64_t>(txn.done) : -1);
    }
    // The elements of a list in order, and those that are no versions; None where reads contradict each other.
    nb::object order(nb::object name) const {
        std::uint32_t key = key_of(name);
        if (registers_ || key == kNone) return nb::none();
        const auto &lists = static_cast<const ListAppend &>(*inference_);
        if (!lists.has_order(key)) return nb::none();
        return nb::make_tuple(values(lists.order(key)), values(lists.skipped(key)));
    }
    // What comes later than a value of a register, by level, with the transactions that show it.
    nb::list later(nb::object name, nb::object shown, int level) const {
        nb::list found;
        std::uint32_t key = key_of(name);
        if (!registers_ || key == kNone) return found;
        const auto &registers = static_cast<const RwRegister &>(*inference_);
        std::uint32_t version = registers.version_of(key, internal(shown));
        if (version == kNone) return found;
        for (const RwRegister::Later &each : registers.later(version, level))
            found.append(nb::make_tuple(value(registers.value_of(each.version)), each.first, each.second));
        return found;
    }

  private:
    nb::bytes lines_;
    bool registers_;
    Deadline deadline_;
    Reader reader_;
    std::unique_ptr<Inference> inference_;
    std::vector<std::vector<std::uint32_t>> components_;

    Value internal(nb::object shown) const {
        if (shown.is_none()) return kNull;
        if (nb::isinstance<nb::str>(shown)) return reader_.string_value(nb::cast<std::string>(shown));
        return nb::cast<std::int64_t>(shown);
    }
    std::uint32_t key_of(nb::object name) const { return reader_.key_number(internal(name)); }
};

}  // namespace

void bind_transactions(nb::module_ &module) {
    nb::class_<Transactions>(module, "Transactions")
        .def(nb::init<nb::bytes, bool, double>())
        .def_ro("familiar", &Transactions::familiar)
        .def_ro("timeout", &Transactions::timeout)
        .def("__len__", &Transactions::size)
        .def("dependencies", &Transactions::dependencies)
        .def("count", &Transactions::count)
        .def("unrecoverable", &Transactions::unrecoverable)
        .def("findings", &Transactions::findings)
        .def("counts", &Transactions::counts)
        .def("parts", &Transactions::parts)
        .def("part", &Transactions::part)
        .def("lines", &Transactions::lines)
        .def("order", &Transactions::order)
        .def("later", &Transactions::later);
}
