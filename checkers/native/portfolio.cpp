#include "portfolio.hpp"

#include <algorithm>
#include <new>
#include <thread>

#include "depth_first.hpp"
#include "frontier.hpp"

namespace registers {
namespace {

constexpr std::uint64_t FIRST_TURN = 50'000;
constexpr std::uint64_t MOST = ~std::uint64_t(0) >> 2;
constexpr std::size_t MOST_CLASSES = 200;  // of unknown operations that an exact frontier counts
constexpr std::uint64_t FOR_ORDER = 500'000;
constexpr std::uint64_t FOR_STATES = 20'000;

class Turns {
  public:
    Turns(const Part &part, Account &account, std::uint64_t allowance, Method only)
        : part_(part), account_(account), left_(allowance ? allowance : MOST), only_(only) {
        const auto classes = classes_of(part).size();
        unknown_ = classes > 0;
        countable_ = classes <= MOST_CLASSES;
    }

    Outcome run() {
        try {
            for (std::uint64_t turn = only_ == Method::none ? FIRST_TURN : MOST;; turn *= 4) {
                if (take(Method::depth_first, depth_first_, turn) || relaxed(turn) || exact(turn)) return outcome_;
                if (!left_ || !anyone()) break;
            }
        } catch (Account::TimeOver) {
            outcome_.limit = "time";
        }
        if (!*outcome_.limit) outcome_.limit = memory_over_ ? "memory" : "allowance";
        outcome_.configurations = done_;
        return outcome_;
    }

  private:
    bool wanted(Method method) const { return only_ == Method::none || only_ == method; }
    bool anyone() const { return depth_first_ || relaxed_ || exact_; }

    bool relaxed(std::uint64_t turn) {
        if (!unknown_ || relaxed_over_) return false;
        const bool answered = take(Method::relaxed_frontier, relaxed_, turn);
        if (relaxed_ && relaxed_->exhausted() && !answered) {
            relaxed_.reset();
            relaxed_over_ = true;
        }
        return answered;
    }

    bool exact(std::uint64_t turn) {
        return (countable_ || only_ == Method::frontier) && take(Method::frontier, exact_, turn);
    }

    template <class Search> bool take(Method method, std::unique_ptr<Search> &search, std::uint64_t turn) {
        if (!wanted(method) || over_[std::size_t(method)] || !left_) return false;
        std::uint64_t before = 0;
        const auto stopped = [&] {
            if (!search) return;
            count(search->configurations() - before);
            note(*search, method, Answer::open);
        };
        try {
            if (!search) search = make<Search>(method);
            else before = search->configurations();
            const Answer answer = search->run(std::min(turn, left_));
            count(search->configurations() - before);
            note(*search, method, answer);
            return answer != Answer::open;
        } catch (Account::MemoryOver) {
            // The others may get through with what this one leaves.
            stopped();
            search.reset();
            over_[std::size_t(method)] = memory_over_ = true;
            return false;
        } catch (Account::TimeOver) {
            stopped();
            throw;
        }
    }

    void count(std::uint64_t configurations) {
        done_ += configurations;
        left_ -= std::min(left_, configurations);
    }

    template <class Search> std::unique_ptr<Search> make(Method method) {
        if constexpr (std::is_same_v<Search, Frontier>)
            return std::make_unique<Search>(part_, account_, method == Method::relaxed_frontier);
        else return std::make_unique<Search>(part_, account_);
    }

    template <class Search> void note(const Search &search, Method method, Answer answer) {
        if (answer != Answer::open) {
            outcome_.answer = answer;
            outcome_.method = method;
            outcome_.stuck = answer == Answer::no ? search.stuck() : NEVER;
            outcome_.configurations = done_;
        } else if (method == Method::depth_first) {
            outcome_.stuck = std::max(outcome_.stuck, search.stuck());
        }
    }

    const Part &part_;
    Account &account_;
    std::uint64_t left_;
    Method only_;
    bool unknown_ = false, countable_ = false, relaxed_over_ = false, memory_over_ = false;
    bool over_[5] = {};
    std::uint64_t done_ = 0;
    std::unique_ptr<DepthFirst> depth_first_;
    std::unique_ptr<Frontier> relaxed_, exact_;
    Outcome outcome_;
};

// The end of the first operation without a place, given how far an order is known and where there is none.
Position first_stuck(const Part &part, Account &account, Outcome &outcome) {
    std::vector<Position> ends;
    for (const Operation &op : part)
        if (op.must()) ends.push_back(op.end);
    std::sort(ends.begin(), ends.end());
    // With everything before ends[known] there is an order, with everything up to and with ends[broken] there is none.
    std::size_t known = 0, broken = ends.size() - 1;
    if (outcome.stuck >= 0 && outcome.stuck != NEVER)
        broken = std::size_t(std::lower_bound(ends.begin(), ends.end(), outcome.stuck) - ends.begin());
    bool near = true;
    while (known < broken) {
        // A search that gave a bound is mostly exact: look right before it at first.
        const std::size_t middle = near && outcome.method == Method::relaxed_frontier ? broken - 1 : (known + broken) / 2;
        near = false;
        const Outcome half = decide(before(part, ends[middle] + 1), account, FOR_ORDER);
        outcome.configurations += half.configurations;
        if (half.answer == Answer::open) break;
        if (half.answer == Answer::yes) known = middle + 1;
        else broken = middle;
    }
    return ends[broken];
}

}  // namespace

Outcome decide(const Part &part, Account &account, std::uint64_t allowance, Method only) {
    Outcome outcome;
    try {
        account.check_time();
        if (only == Method::none || only == Method::zones) {
            Purse purse(account);
            outcome.answer = zones(part, purse);
            if (outcome.answer != Answer::open) {
                outcome.method = Method::zones;
                outcome.stuck = NEVER;
                return outcome;
            }
            if (only == Method::zones) return outcome;
        }
        return Turns(part, account, allowance, only).run();
    } catch (Account::TimeOver) {
        outcome.limit = "time";
    } catch (Account::MemoryOver) {
        outcome.limit = "memory";
    } catch (std::bad_alloc &) {
        outcome.limit = "memory";
    }
    return outcome;
}

void explain(const Part &part, Account &account, Outcome &outcome) {
    if (outcome.answer != Answer::no) return;
    try {
        if (outcome.method == Method::zones || outcome.method == Method::relaxed_frontier)
            outcome.stuck = first_stuck(part, account, outcome);
        const Part prefix = before(part, outcome.stuck);
        std::vector<std::uint32_t> places;
        DepthFirst search(prefix, account, true);
        if (search.run(FOR_ORDER) == Answer::yes) {
            search.find_states(FOR_STATES);
            outcome.states.assign(search.states().begin(), search.states().end());
            places = search.order();
        } else {
            Purse purse(account);
            zones(prefix, purse, &places);
            Value state = INITIAL;
            for (std::uint32_t place : places) state = prefix[place].after(state);
            if (!places.empty()) outcome.states.push_back(state);
        }
        for (std::uint32_t place : places) {
            const auto found = std::lower_bound(part.begin(), part.end(), prefix[place].begin,
                                                [](const Operation &op, Position at) { return op.begin < at; });
            outcome.order.push_back(std::uint32_t(found - part.begin()));
        }
    } catch (Account::TimeOver) {
    } catch (Account::MemoryOver) {
    }
}

std::vector<Outcome> decide_all(const std::vector<Part> &parts, Account &account, const Effort &effort) {
    std::vector<Outcome> outcomes(parts.size());
    auto round = [&](std::uint64_t allowance) {
        std::atomic<std::size_t> next{0};
        auto work = [&] {
            for (std::size_t i; (i = next++) < parts.size();) {
                if (outcomes[i].answer != Answer::open) continue;
                const std::uint64_t before = outcomes[i].configurations;
                const Position known = outcomes[i].stuck;
                outcomes[i] = decide(parts[i], account, allowance, effort.only);
                outcomes[i].configurations += before;
                if (outcomes[i].answer == Answer::open) outcomes[i].stuck = std::max(outcomes[i].stuck, known);
                if (effort.explained) explain(parts[i], account, outcomes[i]);
            }
        };
        std::vector<std::thread> team;
        for (unsigned i = 1; i < std::min<std::size_t>(effort.threads, parts.size()); ++i) team.emplace_back(work);
        work();
        for (std::thread &member : team) member.join();
    };
    if (parts.size() > 1) round(effort.brief);
    round(effort.most);
    return outcomes;
}

}  // namespace registers
