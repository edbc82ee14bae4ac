// Of the accelerometer's library, the declarations that the example uses.
#pragma once

class LSM9DS1Class {
 public:
  int begin();
  int accelerationAvailable();
  int readAcceleration(float& x, float& y, float& z);
};
extern LSM9DS1Class& IMU;
