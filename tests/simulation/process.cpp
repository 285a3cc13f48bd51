#include "tests/simulation/process.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "api/auth.hpp"
#include "chains/evm/address_codec.hpp"
#include "core/check.hpp"
#include "core/crash_point.hpp"
#include "db/database.hpp"

namespace simulation {

namespace asio = core::asio;

//! Every line of the daemon's log is a part of the trace.
class Process::Log final : public core::Log {
  public:
    explicit Log(const Host& host) : host_{host} {}
    void write(core::LogLevel level, std::string_view message,
               std::initializer_list<core::LogField> fields) override {
        if (level == core::LogLevel::kDebug) return;
        line_ = message;
        for (const core::LogField& field : fields) {
            line_ += ' ';
            line_ += field.key;
            line_ += '=';
            line_ += field.value;
        }
        host_.trace.tell(level == core::LogLevel::kInfo   ? "log info"
                         : level == core::LogLevel::kWarn ? "log warn"
                                                          : "log error",
                         line_);
        if (host_.on_line) host_.on_line(line_);
    }

  private:
    const Host& host_;
    std::string line_;
};

//! Nobody scrapes here.
class Process::Metrics final : public depositd::MetricsSink {
  public:
    void count(std::string_view, const core::MetricLabels&, double) override {}
    void gauge(std::string_view, const core::MetricLabels&, double) override {}
    void observe(std::string_view, const core::MetricLabels&, double) override {}
    std::string text() const override { return {}; }
};

namespace {

constexpr std::uint64_t kCheckEvery = 64;

//! The world's signer, whose keys are derived once for all lives.
class BorrowedSigner final : public chains::Signer {
  public:
    explicit BorrowedSigner(chains::Signer& signer) : signer_{signer} {}
    core::Task<core::Expected<chains::SignedTx>> sign(chains::SigningRequest request) override {
        return signer_.sign(std::move(request));
    }
    core::Expected<core::Done> allows(const chains::TxOrder& order) const override {
        return signer_.allows(order);
    }
    core::Expected<core::Address> address_of(chains::KeyRef key) const override {
        return signer_.address_of(key);
    }

  private:
    chains::Signer& signer_;
};

core::Expected<depositd::Keys> keys_of(const Host& host) {
    depositd::Keys out;
    out.operators = host.operators;
    out.signer = std::make_unique<BorrowedSigner>(host.signer);
    auto deriver = chains::evm::EvmReceiverDeriver::from_xpub(host.receivers_xpub);
    if (!deriver) return deriver.error();
    out.deriver = std::make_unique<chains::evm::EvmReceiverDeriver>(std::move(*deriver));
    return out;
}

}  // namespace

namespace {

//! Whom a named crash point kills.
Process* g_living = nullptr;

void die_at_crash_point() {
    if (g_living != nullptr) g_living->life().kill("killed at a crash point");
}

}  // namespace

Process::Process(Host& host, core::Instant now, core::Millis clock_offset, Random rng)
    : host_{host},
      rng_{rng.fork("daemon")},
      log_{std::make_unique<Log>(host)},
      metrics_{std::make_unique<Metrics>()},
      clock_{loop_.get_executor(), now, clock_offset},
      network_{host.nodes, clock_, rng.fork("network"), life_, host.trace},
      internet_{host.servers, clock_, rng.fork("internet"), life_, host.trace} {
    g_living = this;
    core::set_crash_victim(&die_at_crash_point);
    host_.disk.restart();
    life_.on_death([this] { host_.disk.die(); });
    host_.disk.on_event([this](const support::DiskEvent& event) {
        life_.pass(event.kind == support::DiskEvent::Kind::kSync ? Moment::kSync : Moment::kWrite);
    });
    asio::co_spawn(loop_, live(), [this](const std::exception_ptr& failure, int code) {
        exit_code_ = failure ? 1 : code;
    });
}

Process::~Process() {
    life_.kill("killed");
    host_.disk.on_event({});
    clock_.clear();
    loop_.shutdown();
    lifecycle_.reset();
    application_.reset();
    g_living = nullptr;
}

void Process::run_ready() {
    loop_.restart();
    while (!is_over() && loop_.poll_one() > 0) {
    }
}

//! Most starts follow a death that harmed no file: reading it through hundreds of times a day would be
//! half the time of an old world.
bool Process::is_to_be_checked() {
    const bool in_turn = host_.starts++ % kCheckEvery == 0;
    const std::uint64_t before = std::exchange(host_.harm_checked, host_.disk.harm());
    return in_turn || before != host_.harm_checked;
}

core::Expected<std::unique_ptr<db::Database>> Process::open_store(depositd::Surroundings around) {
    db::DatabaseOptions options;
    options.path = host_.config.storage.path;
    options.vfs = host_.disk.vfs();
    options.threads = false;
    options.readers = 0;
    options.check = is_to_be_checked();
    return db::open_database(options, around.clock, around.log, around.metrics);
}

//~ As daemon/impl/serve.cpp does it, without signals, sockets and systemd.
core::Task<int> Process::live() {
    const depositd::Surroundings around{clock_, rng_, *log_, *metrics_};
    auto chains = depositd::make_chains(host_.config, network_, around);
    CHECK(chains.has_value(), "the simulated configuration is sound");
    auto keys = keys_of(host_);
    CHECK(keys.has_value(), "the simulated keys are sound");
    auto database = open_store(around);
    if (!database) {
        log_->error("cannot start", {{"step", "database"}, {"why", database.error().message}});
        co_return 1;
    }
    database_ = database->get();
    auto made = co_await depositd::Application::assemble(
        loop_.get_executor(), host_.config, around, std::move(*database), std::move(*chains),
        std::move(*keys), std::string{}, depositd::Outgoing{&internet_, &internet_});
    if (!made) {
        log_->error("cannot start", {{"step", "database"}, {"why", made.error().message}});
        co_return 1;
    }
    application_ = std::move(*made);
    lifecycle_ = std::make_unique<depositd::Lifecycle>(loop_.get_executor(), application_->parts(),
                                                       *log_);
    auto started = [this] { is_serving_ = true; };
    auto stopping = [this] { is_serving_ = false; };
    const int code = co_await lifecycle_->run(started, stopping);
    if (!life_.is_dead()) application_->close();
    co_return code;
}

void Process::stop() {
    if (lifecycle_) lifecycle_->request_stop("SIGTERM");
}

void Process::ask(api::Request request, bool of_operator, Answered answered) {
    if (!is_serving()) {
        answered(std::nullopt);
        return;
    }
    const api::Router& routes =
        of_operator ? application_->operator_routes() : application_->public_routes();
    auto task = routes.dispatch(std::move(request));
    // A coroutine that is destroyed never completes: the last owner of the callback says so.
    struct Open {
        explicit Open(Answered a) : answered{std::move(a)} {}
        ~Open() {
            if (answered) answered(std::nullopt);
        }
        Answered answered;
    };
    auto open = std::make_shared<Open>(std::move(answered));
    asio::co_spawn(loop_, std::move(task),
                   [this, open](const std::exception_ptr& failure, api::Response response) {
                       const auto tell = std::exchange(open->answered, nullptr);
                       if (failure || is_over()) {
                           tell(std::nullopt);
                       } else {
                           tell(std::move(response));
                       }
                   });
}

void Process::open_account(db::Environment environment, std::function<void(std::string)> opened) {
    auto work = [](Process& self, db::Environment row,
                   std::function<void(std::string)> tell) -> core::Task<void> {
        auto pepper = co_await api::load_key_pepper(*self.database_, self.rng_);
        if (!pepper) co_return;
        const auto key =
            api::make_api_key(row.id, "simulation", *pepper, self.rng_, self.clock_.now());
        auto job = [row, key](db::UnitOfWork& unit) -> core::Expected<core::Done> {
            if (auto done = unit.environments().insert(row); !done) return done.error();
            return unit.environments().insert_key(key.row);
        };
        auto write = self.database_->write<core::Done>(std::move(job));
        auto done = co_await std::move(write);
        if (done) tell(key.text);
    };
    asio::co_spawn(loop_, work(*this, std::move(environment), std::move(opened)), asio::detached);
}

}  // namespace simulation
