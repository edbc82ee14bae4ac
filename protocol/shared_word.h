// A word that one side stores and the other loads: a thread and a thread, or an interrupt and what it interrupts.
//
// Whoever loads what was stored sees all that was written before it; and all loads and stores of such words have
// one order for both sides. There is no read-modify-write, which a Cortex-M0 lacks.
//
// ROOST_ONE_CORE says that both sides run on one core. That core sees its own accesses in the order of its program,
// and an interrupt or another thread begins between two instructions of it: only the compiler must keep the order.
// So a side that stores its word and then loads the other's (producer_inside, generation_) cannot miss a store that
// came first. Who has two cores, or memory that another master writes, must not define it.
#pragma once

#include <stdint.h>
#include <atomic>

#include "base/span.h"

namespace roost {
namespace protocol {

class SharedWord {
 public:
  ROOST_INLINE uint32_t load() const {
    const uint32_t value = word_.load(kOrder);
    keep_order();
    return value;
  }
  ROOST_INLINE void store(uint32_t value) {
    keep_order();
    word_.store(value, kOrder);
    keep_order();
  }
  // For its only writer, and for hints.
  ROOST_INLINE uint32_t own() const { return word_.load(std::memory_order_relaxed); }
  ROOST_INLINE void raise_by_one() { store(own() + 1); }

 private:
#ifdef ROOST_ONE_CORE
  static constexpr std::memory_order kOrder = std::memory_order_relaxed;
  ROOST_INLINE static void keep_order() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
#else
#ifdef ROOST_MUTANT_WORDS_WITHOUT_ORDER  // see tests/protocol/CMakeLists.txt
  static constexpr std::memory_order kOrder = std::memory_order_relaxed;
#else
  static constexpr std::memory_order kOrder = std::memory_order_seq_cst;
#endif
  ROOST_INLINE static void keep_order() {}
#endif

  std::atomic<uint32_t> word_;
};

}  // namespace protocol
}  // namespace roost
