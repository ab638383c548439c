// Which search decides which part. Unique written values: the zones. Else the searches take turns, each turn four times
// as long as the last: depth first, which finds an order quickly where there is one; the relaxed and the exact frontier,
// which find quickly that there is none. Whoever answers first decides.
#pragma once

#include <string>

#include "registers.hpp"

namespace registers {

enum class Method : std::uint8_t { none, zones, depth_first, relaxed_frontier, frontier };

struct Outcome {
    Answer answer = Answer::open;
    Method method = Method::none;
    std::uint64_t configurations = 0;
    // Where the first operation ended that cannot be placed before it; if open, up to where an order is known.
    Position stuck = -1;
    std::vector<std::uint32_t> order;  // of the longest prefix with an order, as places in the part; if asked for
    std::vector<Value> states;         // in which it may end
    const char *limit = "";            // why it is open: "time", "memory", "allowance"
};

// Decides one part with at most `allowance` configurations; 0 is without limit. `only` leaves the choice to the caller.
Outcome decide(const Part &part, Account &account, std::uint64_t allowance, Method only = Method::none);

// Fills in `order` and `states` of a part without order, and corrects `stuck` where the search that decided did not
// know it exactly. The limits may end this early; what is filled in is true all the same, but shorter.
void explain(const Part &part, Account &account, Outcome &outcome);

struct Effort {
    std::uint64_t brief;  // configurations of the first search of each part, if there are several
    std::uint64_t most;   // configurations of each part after that; 0 is without limit
    unsigned threads;
    Method only = Method::none;
    bool explained = true;
};

// Decides all parts with all processors: first each one briefly, then those left open, so that one hard part does not
// hide the violation of an easy one.
std::vector<Outcome> decide_all(const std::vector<Part> &parts, Account &account, const Effort &effort);

}  // namespace registers
