// Of ArduinoBLE (2.0), the declarations that the library uses.
#pragma once

#include <Arduino.h>

enum BLEProperty {
  BLEBroadcast = 0x01,
  BLERead = 0x02,
  BLEWriteWithoutResponse = 0x04,
  BLEWrite = 0x08,
  BLENotify = 0x10,
  BLEIndicate = 0x20
};
enum BLEDeviceEvent { BLEConnected = 0, BLEDisconnected = 1, BLEDiscovered = 2, BLEDeviceLastEvent };
enum BLECharacteristicEvent { BLESubscribed = 0, BLEUnsubscribed = 1, BLEWritten = 3, BLECharacteristicEventLast };

class BLEDevice {
 public:
  BLEDevice();
  virtual ~BLEDevice();
};
class BLECharacteristic;
typedef void (*BLEDeviceEventHandler)(BLEDevice device);
typedef void (*BLECharacteristicEventHandler)(BLEDevice device, BLECharacteristic characteristic);

class BLECharacteristic {
 public:
  BLECharacteristic();
  BLECharacteristic(const char* uuid, uint16_t permissions, int valueSize, bool fixedLength = false);
  BLECharacteristic(const char* uuid, uint16_t permissions, const char* value);
  BLECharacteristic(const BLECharacteristic& other);
  virtual ~BLECharacteristic();
  const uint8_t* value() const;
  int valueLength() const;
  // All of them, so that a call that is ambiguous there is so here.
  int writeValue(const uint8_t value[], int length, bool withResponse = true);
  int writeValue(const void* value, int length, bool withResponse = true);
  int writeValue(const char* value, bool withResponse = true);
  int writeValue(uint8_t value, bool withResponse = true);
  int writeValue(int8_t value, bool withResponse = true);
  int writeValue(uint16_t value, bool withResponse = true);
  int writeValue(int16_t value, bool withResponse = true);
  int writeValue(uint32_t value, bool withResponse = true);
  int writeValue(int32_t value, bool withResponse = true);
  void setEventHandler(int event, BLECharacteristicEventHandler handler);
};

class BLEService {
 public:
  BLEService();
  BLEService(const char* uuid);
  BLEService(const BLEService& other);
  virtual ~BLEService();
  void addCharacteristic(BLECharacteristic& characteristic);
};

class BLELocalDevice {
 public:
  BLELocalDevice();
  virtual ~BLELocalDevice();
  virtual int begin();
  virtual void poll();
  virtual void poll(unsigned long timeout);
  virtual int advertise();
  virtual bool setLocalName(const char* localName);
  virtual bool setAdvertisedService(const BLEService& service);
  virtual void addService(BLEService& service);
  virtual void setConnectionInterval(uint16_t minimumConnectionInterval, uint16_t maximumConnectionInterval);
  virtual void setEventHandler(BLEDeviceEvent event, BLEDeviceEventHandler eventHandler);
};
extern BLELocalDevice& BLE;
