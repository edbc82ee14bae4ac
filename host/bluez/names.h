// org.bluez's names, and the service's, in one place.
#pragma once

namespace roost::host::bluez {

inline constexpr char kService[] = "org.bluez";
inline constexpr char kAdapter[] = "org.bluez.Adapter1";
inline constexpr char kDevice[] = "org.bluez.Device1";
inline constexpr char kGattService[] = "org.bluez.GattService1";
inline constexpr char kCharacteristic[] = "org.bluez.GattCharacteristic1";
inline constexpr char kAgent[] = "org.bluez.Agent1";
inline constexpr char kAgentManager[] = "org.bluez.AgentManager1";
inline constexpr char kGattManager[] = "org.bluez.GattManager1";
inline constexpr char kAdvertisement[] = "org.bluez.LEAdvertisement1";
inline constexpr char kAdvertisingManager[] = "org.bluez.LEAdvertisingManager1";
inline constexpr char kPropertiesInterface[] = "org.freedesktop.DBus.Properties";
inline constexpr char kObjectManager[] = "org.freedesktop.DBus.ObjectManager";

}  // namespace roost::host::bluez
