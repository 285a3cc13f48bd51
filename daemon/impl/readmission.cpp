#include "daemon/impl/readmission.hpp"

#include "chains/evm/profiles.hpp"
#include "daemon/impl/probe.hpp"

namespace depositd {

namespace {

constexpr core::Millis kAskEvery{15'000};

core::Task<void> look_at(net::EndpointPool& pool, core::Log& log) {
    const auto expected = chains::evm::chain_number(pool.chain());
    const std::vector<net::EndpointStatus> statuses = pool.status();
    for (std::size_t i = 0; expected && i < statuses.size(); ++i) {
        // One that lied otherwise stays out until an operator decides.
        if (!statuses[i].quarantined || !statuses[i].quarantined->starts_with("serves chain")) continue;
        const auto served = co_await probe_chain_number(pool, i);
        if (!served || *served != *expected) continue;
        pool.readmit(i);
        log.info("an endpoint serves its chain again",
                 {{"chain", pool.chain().text()}, {"endpoint", pool.name(i)}});
    }
}

}  // namespace

core::Task<void> readmit_corrected(std::vector<net::EndpointPool*> pools, core::Clock& clock,
                                   core::Log& log) {
    for (;;) {
        co_await clock.sleep_for(kAskEvery);
        for (net::EndpointPool* pool : pools) co_await look_at(*pool, log);
    }
}

}  // namespace depositd
