// The depth-first search of checkers/search.py, with the same three cuts and one more: an unknown operation whose value
// nobody can see any more is never placed. Its memory is exact as well: whole configurations, compared byte by byte.
#pragma once

#include <memory>
#include <optional>
#include <set>

#include "registers.hpp"

namespace registers {

class DepthFirst {
  public:
    // `all_states`: place unknown operations that nobody sees as well, for the sake of the states they leave.
    DepthFirst(const Part &part, Account &account, bool all_states = false);
    ~DepthFirst();

    // Goes on until there is an answer or `allowance` more configurations were visited.
    Answer run(std::uint64_t allowance);
    // Visits further configurations after `yes`, to learn the other states in which the part may end.
    void find_states(std::uint64_t allowance);

    std::uint64_t configurations() const;
    // After `no`: the end of the first operation that cannot be placed. Before: a position that can be explained.
    Position stuck() const;
    // After `yes`: places in the part, in a possible order, and the states in which it may end.
    const std::vector<std::uint32_t> &order() const;
    const std::set<Value> &states() const;

  private:
    class Search;
    std::unique_ptr<Search> search_;
};

}  // namespace registers
