// The frontier search: all configurations in which an object may be, carried from one completion to the next.
//
// When an operation ends, every configuration that has not placed it yet is developed until it has; those that cannot
// are dropped, and when none is left, this completion is where no order goes on. Four cuts keep the frontier small:
// what only observes is placed as soon as it is possible; of pending operations with the same effect the one that ends
// first is placed; of configurations that differ only in the unknown operations used, those with the fewest stay; a
// write whose value nobody can see any more is placed right before another write, where it is free.
//
// Relaxed, each unknown operation may take effect any number of times. What has no order even so has none; the
// converse does not hold, so a relaxed search answers `no` or nothing.
#pragma once

#include <memory>

#include "registers.hpp"

namespace registers {

class Frontier {
  public:
    Frontier(const Part &part, Account &account, bool relaxed);
    ~Frontier();

    // Goes on until there is an answer or `allowance` more configurations were made.
    Answer run(std::uint64_t allowance);
    // Whether a relaxed search came through: then it has nothing to say.
    bool exhausted() const;

    std::uint64_t configurations() const;
    // After `no`: the end of the operation that could not be placed; of a relaxed search, or an earlier one's.
    Position stuck() const;

  private:
    class Search;
    std::unique_ptr<Search> search_;
};

}  // namespace registers
