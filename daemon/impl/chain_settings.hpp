#pragma once

#include "chains/evm/sender.hpp"
#include "chains/ports/chain_info.hpp"
#include "core/expected.hpp"
#include "daemon/config.hpp"
#include "net/endpoint_pool.hpp"
#include "watchers/config.hpp"

namespace depositd {

//! The chain's profile with the operator's settings laid over it. With fewer endpoints than a credit
//! tier asks for, all of them have to agree.
core::Expected<chains::ChainInfo> chain_info_of(const ChainSettings& settings);

watchers::WatcherConfig watching_of(const ChainSettings& settings, const chains::ChainInfo& info);
chains::evm::SenderOptions sending_of(const ChainSettings& settings, const LimitsConfig& limits);
std::vector<net::EndpointConfig> endpoints_of(const ChainSettings& settings);

//! kInvalid says which chain's profile does not fit; empty when all do.
core::Expected<std::vector<chains::ChainInfo>> chain_infos_of(const Config& config);

}  // namespace depositd
