// Receives models over Bluetooth and runs the newest good one on the board's accelerometer.
//
//   roost scan
//   roost push gesture.tflite --to ADDRESS --activate --confirm
//
// The model must take one window of accelerometer values, three for each moment, as int8. Pull the plug whenever you
// like: the model is still there afterwards.
#include <Arduino.h>
#include <Arduino_LSM9DS1.h>
#include <Roost.h>

ROOST_REGION(models, 256);

// Only the operators named here are linked; `roost inspect MODEL` lists those that a model needs.
const roost::runtime::Kernel* const kKernels[] = {
    &roost::runtime::kConv2dInt8,         &roost::runtime::kDepthwiseConv2dInt8, &roost::runtime::kMaxPool2dInt8,
    &roost::runtime::kAveragePool2dInt8,  &roost::runtime::kMeanInt8,            &roost::runtime::kReshape,
    &roost::runtime::kFullyConnectedInt8, &roost::runtime::kSoftmaxInt8,
};

RoostDevice<32 * 1024> device(models, kKernels);

uint32_t window_fill = 0;       // values of the window that are there
uint32_t window_generation = 0; // of the model it is for

void setup() {
  Serial.begin(115200);
  pinMode(LED_BUILTIN, OUTPUT);
  if (!IMU.begin() || !device.begin("Roost")) {
    for (;;) {
      digitalWrite(LED_BUILTIN, millis() / 100 % 2 == 0 ? HIGH : LOW);  // blinks fast: no sensor, or no radio
    }
  }
}

int8_t quantised(float value, const roost::runtime::IoTensor& tensor) {
  const float step = value / tensor.scale + static_cast<float>(tensor.zero_point);
  return static_cast<int8_t>(step < -128.0f ? -128.0f : step > 127.0f ? 127.0f : step);
}

void printOutput() {
  const roost::runtime::IoTensor scores = device.output(0);
  for (size_t i = 0; i < scores.bytes.size(); ++i) {
    Serial.print(static_cast<int8_t>(scores.bytes[i]));
    Serial.print(' ');
  }
  Serial.println();
}

void loop() {
  device.poll();
  if (!device.serving() || !IMU.accelerationAvailable()) return;

  if (window_generation != device.generation()) {  // another model runs: begin a new window
    window_generation = device.generation();
    window_fill = 0;
  }
  float xyz[3];
  IMU.readAcceleration(xyz[0], xyz[1], xyz[2]);
  const roost::runtime::IoTensor window = device.input(0);
  for (float value : xyz) {
    if (window_fill < window.bytes.size()) {
      window.bytes[window_fill++] = static_cast<uint8_t>(quantised(value, window));
    }
  }
  if (window_fill < window.bytes.size()) return;

  window_fill = 0;
  if (device.invoke()) printOutput();
}
