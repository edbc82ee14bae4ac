// What a firmware adds: one object that takes models over GATT, keeps them in flash and runs the newest good one.
//
// Threads: the on_* calls only copy, and may come from one other thread or interrupt (the BLE stack's). Everything
// else, poll(), invoke() and the tensors included, belongs to one thread. All buffers and parts are lent for the
// agent's life. No call blocks longer than one slice: a block erase (or slice of one), a few words of programming,
// `verify_bytes_per_poll` of digest, one operator of a self-test, or one look of the gate.
//
//   DeliveryAgent agent(config);
//   agent.start(reset_cause, now_ms());
//   for (;;) {
//     agent.poll(now_ms());
//     if (sample_ready() && agent.serving()) {
//       copy(agent.input(0).bytes, sample);       // generation() changed: the tensors are others now
//       if (agent.invoke().ok()) use(agent.output(0).bytes);
//     }
//   }
#pragma once

#include "device/agent/activation.h"
#include "device/agent/config.h"
#include "device/agent/delivery.h"
#include "protocol/info.h"

namespace roost {
namespace device {

class DeliveryAgent {
 public:
  explicit DeliveryAgent(const AgentConfig& config);
  explicit DeliveryAgent(AgentConfig&& config) = delete;  // it is kept, not copied

  // Mounts the store and decides what to run; the model itself is taken in by the first polls. An error means that
  // the region is unusable (kBadGeometry, kScratchTooSmall): a mistake in the port, and nothing else may be called.
  storage::Status start(storage::ResetCause cause, uint32_t now_ms);

  // ---- GATT callbacks -------------------------------------------------------------------------------------------
  void on_connect(uint16_t conn, uint16_t att_mtu) { receiver_.handle_connect(conn, att_mtu); }
  void on_subscribe(uint16_t conn, bool on) { receiver_.handle_subscribed(conn, on); }
  void on_disconnect(uint16_t conn) { receiver_.handle_disconnect(conn); }
  protocol::ControlResult on_control(uint16_t conn, Bytes value) { return receiver_.handle_control(conn, value); }
  void on_data(uint16_t conn, Bytes value) { receiver_.handle_data(conn, value); }

  // ---- the agent's thread ---------------------------------------------------------------------------------------
  // One slice of whatever there is to do. True: there is more to do at once.
  bool poll(uint32_t now_ms);
  // When poll() must be called again at the latest if it said false and nothing arrives.
  protocol::Deadline next_deadline() const;

  // The value of the Info characteristic as it stands now; the port keeps it per connection while it is read in
  // pieces. And the service data of the advertisement. `out` holds kInfoBytesMax and kAdvertisedBytesMax at least.
  Bytes info(MutableBytes out, uint32_t now_ms);
  Bytes advertised(MutableBytes out);

  // ---- the application ------------------------------------------------------------------------------------------
  bool serving() const { return host_.serving(); }
  runtime::Status invoke() { return activation_.invoke(); }
  uint32_t input_count() const { return host_.input_count(); }
  uint32_t output_count() const { return host_.output_count(); }
  runtime::IoTensor input(uint32_t index) { return host_.input(index); }
  runtime::IoTensor output(uint32_t index) { return host_.output(index); }
  uint32_t generation() const { return host_.generation(); }
  // The application's own verdict on the model on trial.
  Cause confirm(uint32_t now_ms) { return activation_.confirm(0, now_ms); }
  Cause give_back() { return activation_.roll_back(protocol::Reason::kAskedByApplication); }

  storage::Store& store() { return store_; }
  const Activation& activation() const { return activation_; }
  const protocol::Receiver& receiver() const { return receiver_; }

 private:
  bool serve_receiver(uint32_t now_ms);
  Cause serve_request(const protocol::Request& request, uint32_t now_ms);
  bool work_store(uint32_t now_ms);
  void stop_receiving();
  protocol::PackageState running_state() const;
  void put_running(protocol::InfoWriter* writer);

  // Small members first: the shorter instructions reach only so far.
  uint8_t flash_failures_ = 0;  // of Store::work(), in a row
  uint16_t info_generation_ = 0;
  Activation activation_;
  Delivery delivery_;
  uint32_t flash_failed_ms_ = 0;  // the last of them
  const AgentConfig& config_;
  runtime::ModelHost host_;
  storage::Store store_;
  protocol::Receiver receiver_;
};

}  // namespace device
}  // namespace roost
