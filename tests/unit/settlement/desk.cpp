#include "tests/unit/settlement/desk.hpp"

#include <algorithm>

namespace support {

using core::Done;
using core::Expected;

namespace {

const core::EnvironmentId kEnvironment{"11111111-1111-4111-8111-111111111111"};

core::Address contract_of(const core::AssetId& asset) {
    return core::Address::from_hex(asset.asset_reference()).value();
}

core::BlockHash block_hash(std::uint64_t height) {
    core::BlockHash hash;
    std::memcpy(hash.bytes.data(), &height, sizeof height);
    return hash;
}

core::TxId tx_number(int number) {
    core::Bytes bytes(32, 0x77);
    std::memcpy(bytes.data(), &number, sizeof number);
    return core::TxId::from_bytes(bytes).value();
}

}  // namespace

chains::ChainInfo test_chain() {
    chains::ChainInfo info;
    info.id = kChain;
    info.name = "Devnet";
    info.native_symbol = "ETH";
    info.native_asset = kNative;
    info.block_ms = 1000;
    info.credit = {{}};
    info.tokens = {{kNative, "ETH", 18, {}, chains::GaslessKind::kNone, {}},
                   {kToken, "USD", 6, contract_of(kToken), chains::GaslessKind::kNone, units(5)},
                   {kOtherToken, "EUR", 6, contract_of(kOtherToken), chains::GaslessKind::kNone, {}}};
    return info;
}

Desk::Desk() {
    database = std::move(db::open_database({":memory:", 1, false, true}, clock, log, metrics).value());
    context = std::make_unique<settlement::Context>(settlement::Context{
        *database, router, clock, log, metrics, {test_chain()}});
    driver_ = std::make_unique<settlement::Driver>(*context);
    pace.resend_after = core::Millis{3'000};
    pace.bump_after = core::Millis{15'000};
    pace.look_again_after = core::Millis{0};
    pace.refusal_spacing = core::Millis{0};
    const core::Instant now = clock.now();
    write<Done>([now](db::UnitOfWork& work) -> Expected<Done> {
        return work.environments().insert({kEnvironment, "test", {}, now});
    });
    sender.holds = [this](const core::AssetId& asset, const core::Address& owner,
                          const core::Address& spender) {
        return chains::Holding{units(holds(owner, asset)), units(allowed_[{owner, spender}])};
    };
    // The gas station's opening balance, as a first start of the watcher would tell it.
    db::Fact opening;
    opening.kind = db::FactKind::kOpeningBalance;
    opening.address = FakeSigner::gas_station();
    opening.asset = kNative;
    opening.units = units(1'000'000'000);
    tell(opening);
    drive();
}

Desk::~Desk() { database->close(); }

void Desk::tell(db::Fact fact) {
    fact.chain = kChain;
    fact.recorded_at = clock.now();
    write<core::FactSeq>([fact](db::UnitOfWork& work) { return work.facts().append(fact); });
}

core::SessionId Desk::open(session::Session session) {
    std::string id = std::to_string(next_session_++);
    id.insert(0, 32 - id.size(), 'f');
    session.id = core::SessionId{id};
    session.state = session::State::kSourceSet;
    session.waiting_state = session::State::kSourceSet;
    db::SessionRow row;
    row.session = session;
    row.environment = kEnvironment;
    row.client_secret = std::string(32, 'c');
    row.method = "evm";
    row.display_json = "{}";
    row.metadata_json = "null";
    row.created_at = row.updated_at = core::Instant::from_unix_seconds(400);
    const core::Instant now = clock.now();
    write<Done>([=](db::UnitOfWork& work) -> Expected<Done> {
        if (auto done = work.sessions().insert(row, "", ""); !done) return done.error();
        auto issued = work.receivers().issue(
            row.session.id, "eip155", now, [](std::uint32_t index) -> Expected<core::Address> {
                core::Bytes bytes(20, 0x52);
                std::memcpy(bytes.data(), &index, sizeof index);
                return core::Address::from_bytes(bytes);
            });
        if (!issued) return issued.error();
        return Done{};
    });
    return session.id;
}

core::Address Desk::receiver(const core::SessionId& id) {
    return read<core::Address>([id](db::UnitOfWork& work) -> Expected<core::Address> {
        return work.receivers().of_session(id)->front().address;
    });
}

core::DepositId Desk::redetect(const db::Deposit& deposit) {
    on_chain_[deposit.key] = deposit;
    const auto recorded = write<db::RecordedDeposit>(
        [deposit](db::UnitOfWork& work) { return work.deposits().record(deposit); });
    db::Fact fact;
    fact.kind = db::FactKind::kDepositsDetected;
    fact.receiver = recorded.deposit.receiver;
    fact.deposits = {recorded.deposit.id};
    fact.height = deposit.height;
    tell(fact);
    return recorded.deposit.id;
}

core::DepositId Desk::detect(const core::SessionId& id, std::uint64_t amount,
                             const core::AssetId& asset, std::int64_t at_second) {
    db::Deposit deposit;
    deposit.chain = kChain;
    deposit.tx = tx_number(next_tx_++);
    deposit.key = deposit.tx.hex0x() + ":0";
    deposit.kind = asset.is_native() ? 2 : 1;
    deposit.asset = asset;
    deposit.from = address(9);
    deposit.to = receiver(id);
    deposit.units = units(amount);
    deposit.height = next_height_++;
    deposit.block = block_hash(deposit.height);
    deposit.mined_at = core::Instant::from_unix_seconds(at_second);
    deposit.detected_at = clock.now();
    return redetect(deposit);
}

void Desk::confirm(std::vector<core::DepositId> deposits) {
    const core::Instant now = clock.now();
    db::Fact fact;
    fact.kind = db::FactKind::kDepositsConfirmed;
    fact.deposits = deposits;
    fact.receiver = write<std::optional<core::ReceiverId>>(
        [=](db::UnitOfWork& work) -> Expected<std::optional<core::ReceiverId>> {
            std::optional<core::ReceiverId> receiver;
            for (const core::DepositId one : deposits) {
                if (auto done = work.deposits().confirm(one, now); !done) return done.error();
                receiver = (*work.deposits().load(one))->receiver;
            }
            return receiver;
        });
    tell(fact);
}

void Desk::orphan(core::DepositId deposit, bool was_confirmed) {
    db::Fact fact;
    fact.kind = db::FactKind::kDepositsOrphaned;
    fact.deposits = {deposit};
    if (was_confirmed) fact.were_confirmed = {deposit};
    const auto gone =
        read<std::optional<db::Deposit>>([=](db::UnitOfWork& work) { return work.deposits().load(deposit); });
    std::erase_if(on_chain_, [&](const auto& one) { return one.second.height >= gone->height; });
    fact.receiver = write<std::optional<core::ReceiverId>>(
        [=](db::UnitOfWork& work) -> Expected<std::optional<core::ReceiverId>> {
            const db::Deposit row = **work.deposits().load(deposit);
            auto done = work.deposits().orphan_above(kChain, row.height - 1);
            if (!done) return done.error();
            return row.receiver;
        });
    tell(fact);
}

core::DepositId Desk::pay(const core::SessionId& id, std::uint64_t amount) {
    const auto deposit = detect(id, amount);
    confirm({deposit});
    drive();
    return deposit;
}

void Desk::record_own(db::OwnTx tx, bool finalise) {
    tx.chain = kChain;
    tx.height = next_height_++;
    tx.block = block_hash(tx.height);
    tx.mined_at = clock.now();
    const auto own = write<std::int64_t>([=](db::UnitOfWork& work) -> Expected<std::int64_t> {
        auto recorded = work.own_txs().record(tx);
        if (!recorded) return recorded.error();
        return recorded->tx.id;
    });
    db::Fact fact;
    fact.kind = db::FactKind::kOwnTxMined;
    fact.own_tx = own;
    tell(fact);
    if (!finalise) return;
    write<Done>([own](db::UnitOfWork& work) { return work.own_txs().finalise(own); });
    fact.kind = db::FactKind::kOwnTxFinal;
    tell(fact);
}

std::size_t Desk::mine(bool finalise, bool success) {
    std::size_t mined = 0;
    for (; mined_up_to_ < sender.sent.size(); ++mined_up_to_) {
        const core::TxId id = FakeSigner::id_of(sender.sent[mined_up_to_]);
        const chains::UnsignedTx& tx = signer.tx(id);
        if (sender.nonces[tx.order.sender] != tx.nonce) continue;  // that nonce is used
        if (tx.price.max_fee < base_fee) continue;
        sender.nonces[tx.order.sender] += 1;
        db::OwnTx own;
        own.tx = id;
        own.sender = tx.order.sender;
        own.nonce = tx.nonce;
        own.success = success;
        own.fee = units(21'000);
        const chains::CallKind kind = tx.order.kind;
        const bool is_call = kind == chains::CallKind::kCall;
        const bool is_transfer = kind == chains::CallKind::kTokenTransfer;
        if ((is_call && calls_fail) || (is_transfer && transfers_fail)) own.success = false;
        const bool is_clearing = kind == chains::CallKind::kApprove && tx.order.units.is_zero();
        if (is_clearing && clearings_fail > 0) {
            --clearings_fail;
            own.success = false;
        }
        const bool is_approval = kind == chains::CallKind::kApprove && !tx.order.units.is_zero();
        if (is_approval && approvals_fail > 0) {
            --approvals_fail;
            own.success = false;
        }
        core::Units moved = tx.order.units;
        if (is_call && call_takes) moved = units(*call_takes);
        if (is_transfer && transfer_moves) moved = units(*transfer_moves);
        own.to = is_call || tx.order.asset.is_native() ? tx.order.recipient
                                                       : contract_of(tx.order.asset);
        if (tx.order.asset.is_native()) {
            own.native_value = tx.order.units;
        } else if (own.success && kind != chains::CallKind::kApprove && !moved.is_zero()) {
            own.transfers = {{tx.order.asset, tx.order.sender, tx.order.recipient, moved, 0}};
        }
        if (own.success && is_call && call_takes_other > 0) {
            own.transfers.push_back(
                {kOtherToken, tx.order.sender, tx.order.recipient, units(call_takes_other), 1});
        }
        if (own.success && is_call && call_gives_back > 0) {
            own.transfers.push_back({tx.order.asset, tx.order.recipient, tx.order.sender,
                                     units(call_gives_back), 2});
        }
        book_on_chain(own, tx.order);
        record_own(own, finalise);
        ++mined;
    }
    return mined;
}

void Desk::book_on_chain(const db::OwnTx& own, const chains::TxOrder& order) {
    if (!own.success) return;
    if (order.kind == chains::CallKind::kApprove) {
        allowed_[{order.sender, order.recipient}] = *order.units.to_u64();
    }
    for (const db::OwnTxTransfer& transfer : own.transfers) {
        if (transfer.from != own.sender) continue;  // a deposit, which the test tells
        const std::uint64_t moved = *transfer.units.to_u64();
        gone_[{transfer.asset, transfer.from}] += moved;
        std::uint64_t& left = allowed_[{transfer.from, transfer.to}];
        const bool uses = order.kind == chains::CallKind::kCall && !call_needs_no_allowance;
        if (uses) left -= std::min(left, moved);
    }
}

std::uint64_t Desk::holds(const core::Address& owner, const core::AssetId& asset) const {
    std::uint64_t held = 0;
    for (const auto& [key, deposit] : on_chain_) {
        if (deposit.to == owner && deposit.asset == asset) held += *deposit.units.to_u64();
    }
    const auto gone = gone_.find({asset, owner});
    return gone == gone_.end() ? held : held - std::min(held, gone->second);
}

std::uint64_t Desk::allowance(const core::SessionId& id, const core::Address& contract) {
    return allowed_[{receiver(id), contract}];
}

void Desk::pull(const core::SessionId& id, const core::Address& contract, std::uint64_t amount) {
    const core::Address owner = receiver(id);
    std::uint64_t& left = allowed_[{owner, contract}];
    amount = std::min({amount, left, holds(owner)});
    left -= amount;
    gone_[{kToken, owner}] += amount;
}

void Desk::halt() {
    const core::Instant now = clock.now();
    write<Done>([now](db::UnitOfWork& work) {
        return work.blocks().halt(kChain, "finality violation", now);
    });
}

void Desk::acknowledge() {
    const core::Instant now = clock.now();
    write<Done>([now](db::UnitOfWork& work) {
        return work.blocks().acknowledge_halts(kChain, "operator", now);
    });
}

void Desk::lose_all() {
    write<Done>([](db::UnitOfWork& work) -> Expected<Done> {
        auto own = work.own_txs().orphan_above(kChain, 0);
        if (!own) return own.error();
        for (const db::OwnTx& tx : *own) {
            db::Fact fact;
            fact.kind = db::FactKind::kOwnTxOrphaned;
            fact.chain = kChain;
            fact.own_tx = tx.id;
            if (auto seq = work.facts().append(fact); !seq) return seq.error();
        }
        return Done{};
    });
    sender.nonces.clear();
    halt();
    drive();
}

void Desk::mine_lost_again(std::optional<std::uint64_t> takes) {
    for (const core::Bytes& raw : std::vector<core::Bytes>{sender.sent}) {
        const core::TxId id = FakeSigner::id_of(raw);
        auto tx = read<std::optional<db::OwnTx>>(
            [id](db::UnitOfWork& work) { return work.own_txs().by_tx(kChain, id); });
        if (!tx || tx->status != db::OwnTxStatus::kOrphaned) continue;
        const bool is_call = signer.tx(id).order.kind == chains::CallKind::kCall;
        if (is_call && takes) tx->transfers.front().units = units(*takes);
        mine_again(*tx);
    }
}

void Desk::mine_again(const db::OwnTx& tx) {
    std::uint64_t& next = sender.nonces[tx.sender];
    next = std::max(next, tx.nonce + 1);
    record_own(tx, true);
}

void Desk::take_coin(const core::Address& owner, const core::Units& fee) {
    db::OwnTx own;
    own.tx = tx_number(next_tx_++);
    own.sender = owner;
    own.nonce = 1'000;
    own.success = true;
    own.fee = fee;
    own.to = owner;
    record_own(own, true);
}

void Desk::mine_foreign(const core::Address& from, std::uint64_t nonce) {
    db::OwnTx own;
    own.tx = tx_number(next_tx_++);
    own.sender = from;
    own.nonce = nonce;
    own.success = true;
    own.fee = units(1);
    own.to = address(0xee);
    own.native_value = units(7);
    sender.nonces[from] = nonce + 1;
    record_own(own, true);
}

std::size_t Desk::drive() {
    std::size_t total = 0;
    while (const std::size_t applied = run(driver_->drive_once()).value()) total += applied;
    return total;
}

void Desk::pass(bool restart) {
    if (restart || !executor_) {
        std::vector<chains::TxSender*> siblings{&sibling};
        executor_ = std::make_unique<settlement::Executor>(*context, sender.info(), sender, signer,
                                                           std::move(siblings), pace);
    }
    run(executor_->pass()).value();
}

void Desk::settle(int rounds_max) {
    for (int round = 0; round < rounds_max; ++round) {
        pass(false);
        mine();
        drive();
    }
}

db::SessionRow Desk::row(const core::SessionId& id) {
    return read<db::SessionRow>([id](db::UnitOfWork& work) -> Expected<db::SessionRow> {
        auto loaded = work.sessions().load(id);
        if (!loaded) return loaded.error();
        return **loaded;
    });
}

std::vector<db::PayoutFull> Desk::payouts(const core::SessionId& id) {
    return read<std::vector<db::PayoutFull>>(
        [id](db::UnitOfWork& work) { return work.payouts().of_session(id); });
}

std::vector<db::Deposit> Desk::deposits(const core::SessionId& id) {
    return read<std::vector<db::Deposit>>(
        [id](db::UnitOfWork& work) { return work.deposits().of_session(id); });
}

db::AccountBalance Desk::balance(const std::string& account, const core::AssetId& asset) {
    return read<db::AccountBalance>(
        [=](db::UnitOfWork& work) { return work.ledger().balance(account, asset); });
}

}  // namespace support
