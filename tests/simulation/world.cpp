#include "tests/simulation/world.hpp"

#include <algorithm>
#include <utility>

#include "chains/crypto/secret.hpp"
#include "chains/evm/signer.hpp"

namespace simulation {
namespace {

constexpr core::Instant kBegin = core::Instant::from_unix_seconds(1'767'225'600);
constexpr core::Millis kRestartAfter{5'000};
//! After a life that never served: the disk is still full.
constexpr core::Millis kRestartAgainAfter{30'000};
constexpr int kBlocksBefore = 150;
//! A third of what is usual: what was never taken is tried for two and a half days, and the longest
//! pause ends within the time in which all has to come to rest.
constexpr std::int64_t kFirstRetrySeconds = 20;
constexpr std::uint64_t kChainNumbers[] = {1, 424'242, 424'243};

core::Address token_address(std::uint8_t number) {
    core::Bytes bytes(20, 0x70);
    bytes.back() = number;
    return *core::Address::from_bytes(bytes);
}

std::unique_ptr<chains::evm::LocalSigner> make_signer(Random rng) {
    core::Bytes seed(32);
    rng.fill(seed);
    auto signer = chains::evm::LocalSigner::from_seed(chains::crypto::SecretBytes::copy_of(seed), rng);
    CHECK(signer.has_value(), "32 bytes are a seed");
    return std::move(*signer);
}

}  // namespace

core::Address World::payer() { return *core::Address::from_bytes(core::Bytes(20, 0xCC)); }

World::World(std::uint64_t seed, std::size_t chains)
    : rng_{Random{seed}.fork("world")}, disk_{Random{seed}.fork("disk").next()} {
    CHECK(chains >= 1 && chains <= std::size(kChainNumbers));
    agenda_.set_time(kBegin);
    trace_.set_time(kBegin);
    auto signer = make_signer(rng_.fork("keys"));
    std::vector<core::Address> operators;
    for (const auto role : {chains::KeyRole::kTreasury, chains::KeyRole::kGasStation}) {
        const auto address = signer->address_of({role, 0});
        CHECK(address.has_value());
        operators.push_back(*address);
    }
    host_ = std::make_unique<Host>(Host{nodes_, servers_, disk_, trace_, *signer,
                                        signer->receivers_xpub(), std::move(operators), {}, {}});
    signer_ = std::move(signer);
    for (std::size_t i = 0; i < chains; ++i) add_place(kChainNumbers[i]);
    make_config();
    down_until_ = now();
}

World::~World() = default;

void World::add_place(std::uint64_t number) {
    Place place;
    const auto station = signer_->address_of({chains::KeyRole::kGasStation, 0});
    CHECK(station.has_value());
    const core::Units thousand_ether{core::Units::Raw{1'000'000'000'000'000'000U} * 1'000};
    ChainOptions options;
    options.number = number;
    options.genesis = kBegin - place.block_time * kBlocksBefore;
    options.block_ms = static_cast<std::uint64_t>(place.block_time.count());
    // The last one bears the first one's name, and nobody wants it.
    options.tokens = {Token{"USDC", 6, token_address(1)}, Token{"USDT", 6, token_address(2)},
                      Token{"USDC", 6, token_address(3)}};
    const core::Units plenty{core::Units::Raw{1} << 120U};
    options.genesis_balances = {{kNative, *station, thousand_ether},
                                {kNative, payer(), plenty},
                                {1, payer(), plenty},
                                {2, payer(), plenty},
                                {kWorthless, payer(), plenty}};
    place.chain = std::make_unique<Chain>(std::move(options));
    while (place.chain->height() < kBlocksBefore) {
        place.chain->mine(place.chain->tip().mined_at + place.block_time);
    }
    for (std::size_t i = 0; i < kNodesPerChain; ++i) {
        place.names.push_back("c" + std::to_string(places_.size()) + "n" + std::to_string(i));
        place.nodes.push_back(std::make_unique<Node>(*place.chain));
        Node* node = place.nodes.back().get();
        nodes_.add(place.names.back(), [this, node, index = places_.size()](std::string_view body) {
            auto answer = node->answer(body);
            const bool carries = body.find("eth_sendRawTransaction") != std::string_view::npos;
            if (carries && on_request_) on_request_(index, body);
            return Nodes::Answer{answer.status, std::move(answer.body)};
        });
    }
    places_.push_back(std::move(place));
    const std::size_t index = places_.size() - 1;
    agenda_.after(core::Millis{1'000 + static_cast<std::int64_t>(index) * 700},
                  [this, index] { mine(index); });
}

void World::make_config() {
    depositd::Config config;
    config.server.public_base_url = "https://pay.example";
    config.server.session_ttl_s = 3'600;
    // An auditor asks for everything at one moment.
    config.server.requests_per_second_per_key = 0;
    config.storage.path = "/depositd.db";
    config.limits.reconcile_s = 300;
    config.webhooks.retry_first_s = kFirstRetrySeconds;
    for (const Place& place : places_) {
        depositd::ChainSettings settings;
        settings.id = core::ChainId::eip155(place.chain->options().number);
        settings.mainnet = true;
        settings.scan_native = true;
        settings.poll_ms = place.block_time.count();
        settings.confirmations = 12;
        settings.finalized_tag = true;
        settings.quorum = 2;
        settings.start_height = place.chain->tip().height;
        for (const std::string& name : place.names) {
            depositd::EndpointSettings endpoint;
            endpoint.name = name;
            endpoint.url = Nodes::url(name);
            settings.endpoints.push_back(std::move(endpoint));
        }
        for (Asset asset = 1; asset <= kListedTokens; ++asset) {
            const Token& token = place.chain->contracts().token(asset);
            depositd::TokenSettings one;
            one.symbol = token.symbol;
            one.address = token.contract;
            one.decimals = token.decimals;
            settings.tokens.push_back(std::move(one));
        }
        config.chains.push_back(std::move(settings));
    }
    host_->config = std::move(config);
}

void World::mine(std::size_t index) {
    Place& place = places_[index];
    if (place.is_mining) {
        place.chain->mine(now());
        trace_.fold("block", place.chain->tip().hash.hex0x());
        if (trace_.is_heard()) tell_moves(place);
        if (on_block_) on_block_(index);
    }
    agenda_.after(place.block_time, [this, index] { mine(index); });
}

void World::tell_moves(const Place& place) {
    const Chain& chain = *place.chain;
    for (const Moved& move : chain.moves_at(chain.height())) {
        trace_.listener()(now(), "chain",
                          std::to_string(move.height) + " " + move.tx.hex0x().substr(0, 10) + ": " +
                              move.from.hex0x().substr(0, 10) + " -> " +
                              move.to.hex0x().substr(0, 10) + " " + move.units.decimal() +
                              " of asset " + std::to_string(move.asset) +
                              (move.success ? "" : ", in vain"));
    }
}

void World::start_process() {
    ++lives_;
    was_serving_ = false;
    trace_.tell("world", "life " + std::to_string(lives_) + " of the daemon begins");
    if (on_life_) on_life_();
    process_ = std::make_unique<Process>(*host_, now(), clock_offset_,
                                         rng_.fork("life " + std::to_string(lives_)));
}

std::optional<core::Instant> World::serving_since() const {
    if (process_ && was_serving_ && process_->is_serving()) return serving_since_;
    return std::nullopt;
}

void World::on_line(std::function<void(std::string_view)> hook) {
    host_->on_line = std::move(hook);
}

void World::kill_process(const std::string& why) {
    if (process_) process_->life().kill(why);
}

void World::keep_down_until(core::Instant when) { down_until_ = std::max(down_until_, when); }

void World::set_clock_offset(core::Millis offset) {
    clock_offset_ = offset;
    clock_jumped_at_ = now();
    if (process_) process_->clock().set_offset(offset);
}

//! Takes away a life that is over, and begins the next one when it is time.
void World::look_after_process() {
    if (process_ && process_->is_over()) {
        trace_.tell("world", process_->life().is_dead()
                                 ? "the daemon died: " + process_->life().why()
                                 : "the daemon ended with " +
                                       std::to_string(process_->exit_code().value_or(-1)));
        process_.reset();
        keep_down_until(now() + (was_serving_ ? kRestartAfter : kRestartAgainAfter));
        agenda_.at(down_until_, [] {});
    }
    if (!process_ && now() >= down_until_) start_process();
}

void World::run_until(core::Instant end) {
    agenda_.at(end, [] {});
    while (true) {
        look_after_process();
        if (process_) {
            process_->run_ready();
            if (process_->is_over()) continue;
            if (!was_serving_ && process_->is_serving()) {
                was_serving_ = true;
                serving_since_ = now();
                if (on_serving_) on_serving_();
                continue;
            }
        }
        if (now() >= end) return;
        core::Instant next = *agenda_.next();
        if (process_) {
            if (const auto wake = process_->next_wake()) next = std::min(next, *wake);
        }
        next = std::max(next, now());
        agenda_.set_time(next);
        trace_.set_time(next);
        // Agenda first: what the world does at this time, a sleeper that wakes now sees.
        agenda_.run_due();
        if (process_) process_->advance(next);
    }
}

}  // namespace simulation
