// Of the accelerometer's library, the declarations that the example uses.
#pragma once

#include <Arduino.h>

class LSM9DS1Class {
 public:
  virtual ~LSM9DS1Class();
  int begin();
  virtual int accelerationAvailable();
  virtual int readAcceleration(float& x, float& y, float& z);
};
extern LSM9DS1Class& IMU;
