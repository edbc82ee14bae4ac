// Of ArduinoBLE, the declarations that the library uses.
#pragma once

#include <stdint.h>

enum BLEProperty {
  BLEBroadcast = 0x01,
  BLERead = 0x02,
  BLEWriteWithoutResponse = 0x04,
  BLEWrite = 0x08,
  BLENotify = 0x10
};
enum BLEDeviceEvent { BLEConnected = 0, BLEDisconnected = 1 };
enum BLECharacteristicEvent { BLESubscribed = 0, BLEUnsubscribed = 1, BLEWritten = 3 };

class BLEDevice {};
class BLECharacteristic;
typedef void (*BLEDeviceEventHandler)(BLEDevice device);
typedef void (*BLECharacteristicEventHandler)(BLEDevice device, BLECharacteristic characteristic);

class BLECharacteristic {
 public:
  BLECharacteristic(const char* uuid, uint16_t properties, int valueSize, bool fixedLength = false);
  virtual ~BLECharacteristic();
  const uint8_t* value() const;
  int valueLength() const;
  int writeValue(const uint8_t* value, int length, bool withResponse = true);
  void setEventHandler(int event, BLECharacteristicEventHandler handler);
};

class BLEService {
 public:
  explicit BLEService(const char* uuid);
  virtual ~BLEService();
  void addCharacteristic(BLECharacteristic& characteristic);
};

class BLELocalDevice {
 public:
  int begin();
  void poll();
  int advertise();
  void setLocalName(const char* name);
  void setAdvertisedService(const BLEService& service);
  void addService(BLEService& service);
  void setEventHandler(BLEDeviceEvent event, BLEDeviceEventHandler handler);
};
extern BLELocalDevice& BLE;
