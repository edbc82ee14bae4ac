// The smallest Engine there can be: a "model" is any bytes whose first is not 0, its one output is its one input
// plus the model's first byte. It proves that the seam is one (nothing above it knows of FlatBuffers or operators),
// and it stands in where the size of everything but the interpreter is wanted.
#pragma once

#include "runtime/engine.h"

namespace roost {
namespace target_test {

class TrivialEngine final : public runtime::Engine {
 public:
  runtime::Status judge(const Bytes& model, const MutableBytes&, runtime::Judgement* judgement) override {
    if (model.empty() || model[0] == 0) return report_.error = runtime::Error::kNotAModel;
    *judgement = runtime::Judgement();
    judgement->arena_bytes = 16;
    judgement->longest_work = 1;
    return {};
  }

  runtime::Status prepare(const Bytes& model, const MutableBytes& arena, const MutableBytes& scratch) override {
    release();
    runtime::Judgement judgement;
    const runtime::Status judged = judge(model, scratch, &judgement);
    if (!judged.ok()) return judged.error();
    if (arena.size() < 16) return report_.error = runtime::Error::kArenaTooSmall;
    model_ = model;
    arena_ = arena;
    return {};
  }

  runtime::Result<runtime::Progress> step() override {
    if (model_.empty()) return runtime::Error::kNotPrepared;
    arena_[8] = static_cast<uint8_t>(arena_[0] + model_[0]);
    return runtime::Progress::kFinished;
  }
  runtime::Status reset() override { return model_.empty() ? runtime::Error::kNotPrepared : runtime::Error::kNone; }
  void release() override { model_ = Bytes(); }

  runtime::IoTensor tensor(runtime::Io which, uint32_t index) const override {
    runtime::IoTensor t;
    if (index != 0 || model_.empty()) return t;
    static const int32_t kShape[1] = {1};
    t.shape = kShape;
    t.bytes = arena_.subspan(which == runtime::Io::kInput ? 0 : 8, 1);
    return t;
  }
  uint64_t longest_block() const override { return 1; }
  const runtime::Report& report() const override { return report_; }

 private:
  Bytes model_;
  MutableBytes arena_;
  runtime::Report report_;
};

}  // namespace target_test
}  // namespace roost
