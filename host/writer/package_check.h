// All that SPEC.md asks of a package beyond what read_manifest and read_body see to: for those who make packages. A
// device relies on none of it, and does not look.
//
//   if (!follows_rules(read_manifest(bytes))) return ...;
#pragma once

#include "protocol/body.h"
#include "protocol/manifest.h"

namespace roost::protocol {

// False also for what is not ok(). That a manifest has at most kManifestBytesMax is for the caller to see.
bool follows_rules(const ManifestView& manifest);
bool follows_rules(const BodyView& body);

}  // namespace roost::protocol
