#include <CLI/CLI.hpp>

#include "api/auth.hpp"
#include "daemon/impl/cli_context.hpp"
#include "daemon/log_sink.hpp"

namespace depositd {

namespace {

using nlohmann::json;

struct NewEnvironment {
    std::string name;
    unsigned tolerance_bps = 100;
    std::string underpaid = "wait";
    std::string overpaid = "deliver_all";
};

//! Version 4, RFC 9562.
std::string make_uuid(core::Rng& rng) {
    std::array<std::uint8_t, 16> bytes{};
    rng.fill(bytes);
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
    std::string hex = core::to_hex(bytes);
    for (const std::size_t at : {20, 16, 12, 8}) hex.insert(at, "-");
    return hex;
}

json environment_json(const db::Environment& row) {
    return {{"id", row.id.text()},
            {"name", row.name},
            {"tolerance_bps", row.policy.tolerance_bps},
            {"underpaid", row.policy.underpaid == session::Underpaid::kWait ? "wait" : "accept"},
            {"overpaid", row.policy.overpaid == session::Overpaid::kDeliverAll ? "deliver_all"
                                                                               : "refund_excess"},
            {"created_at", utc_text(row.created_at)}};
}

void print_environment(CliContext& context, const db::Environment& row) {
    const json object = environment_json(row);
    if (context.json) {
        context.out << object.dump(2) << "\n";
        return;
    }
    for (const char* key : {"id", "name", "tolerance_bps", "underpaid", "overpaid", "created_at"}) {
        const json& value = object[key];
        context.out << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump())
                    << "\n";
    }
}

core::Expected<db::Environment> find_environment(db::UnitOfWork& work, const std::string& name) {
    auto row = work.environments().by_name(name);
    if (!row) return row.error();
    if (!*row) row = work.environments().by_id(core::EnvironmentId{name});
    if (!row) return row.error();
    if (!*row) return core::Error{core::Errc::kNotFound, "no environment is called " + name};
    return **row;
}

int create_environment(CliContext& context, const NewEnvironment& wanted) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    db::Environment row;
    row.id = core::EnvironmentId{make_uuid(context.rng)};
    row.name = wanted.name;
    row.policy.tolerance_bps = wanted.tolerance_bps;
    row.policy.underpaid =
        wanted.underpaid == "accept" ? session::Underpaid::kAccept : session::Underpaid::kWait;
    row.policy.overpaid = wanted.overpaid == "refund_excess" ? session::Overpaid::kRefundExcess
                                                             : session::Overpaid::kDeliverAll;
    row.created_at = context.clock.now();
    auto done = context.write<core::Done>(
        *store, [row](db::UnitOfWork& work) { return work.environments().insert(row); });
    if (!done && done.error().code == core::Errc::kConflict) {
        return context.failed({core::Errc::kConflict, "there is an environment of that name already"});
    }
    if (!done) return context.failed(done.error());
    print_environment(context, row);
    if (!context.json) {
        context.out << "\nnext: depositd key create --environment " << row.name << "\n";
    }
    return kExitOk;
}

int list_environments(CliContext& context) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const auto rows = context.read<std::vector<db::Environment>>(
        *store, [](db::UnitOfWork& work) { return work.environments().list(); });
    if (!rows) return context.failed(rows.error());
    if (context.json) {
        json all = json::array();
        for (const auto& row : *rows) all.push_back(environment_json(row));
        context.out << all.dump(2) << "\n";
        return kExitOk;
    }
    TextTable table{{"ID", "NAME", "TOLERANCE", "UNDERPAID", "OVERPAID"}};
    for (const auto& row : *rows) {
        const json object = environment_json(row);
        table.row({row.id.text(), row.name, std::to_string(row.policy.tolerance_bps) + " bps",
                   object["underpaid"], object["overpaid"]});
    }
    table.print(context.out);
    return kExitOk;
}

int show_environment(CliContext& context, const std::string& name) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const auto row = context.read<db::Environment>(
        *store, [name](db::UnitOfWork& work) { return find_environment(work, name); });
    if (!row) return context.failed(row.error());
    print_environment(context, *row);
    return kExitOk;
}

int create_key(CliContext& context, const std::string& environment, const std::string& label) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    auto pepper = context.wait(api::load_key_pepper(*store, context.rng));
    if (!pepper) return context.failed(pepper.error());
    const auto owner = context.read<db::Environment>(*store, [environment](db::UnitOfWork& work) {
        return find_environment(work, environment);
    });
    if (!owner) return context.failed(owner.error());
    const api::NewApiKey key =
        api::make_api_key(owner->id, label, *pepper, context.rng, context.clock.now());
    auto done = context.write<core::Done>(
        *store, [row = key.row](db::UnitOfWork& work) { return work.environments().insert_key(row); });
    if (!done) return context.failed(done.error());
    if (context.json) {
        context.out << json{{"key", key.text}, {"environment", owner->id.text()}, {"label", label}}.dump(2)
                    << "\n";
        return kExitOk;
    }
    context.out << key.text << "\n";
    context.err << "Keep it now: only a hash is stored, it cannot be shown again.\n";
    return kExitOk;
}

int list_keys(CliContext& context) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const auto rows = context.read<std::vector<db::ApiKey>>(
        *store, [](db::UnitOfWork& work) { return work.environments().list_keys(); });
    if (!rows) return context.failed(rows.error());
    if (context.json) {
        json all = json::array();
        for (const auto& row : *rows) {
            all.push_back({{"id", row.id},
                           {"prefix", row.prefix},
                           {"environment", row.environment.text()},
                           {"label", row.label},
                           {"revoked", row.revoked_at.has_value()}});
        }
        context.out << all.dump(2) << "\n";
        return kExitOk;
    }
    TextTable table{{"ID", "KEY", "ENVIRONMENT", "LABEL", "CREATED", "STATE"}};
    for (const auto& row : *rows) {
        table.row({std::to_string(row.id), row.prefix + "…", row.environment.text(), row.label,
                   utc_text(row.created_at),
                   row.revoked_at ? "revoked " + utc_text(*row.revoked_at) : "valid"});
    }
    table.print(context.out);
    return kExitOk;
}

int revoke_key(CliContext& context, std::int64_t id) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const core::Instant now = context.clock.now();
    auto done = context.write<core::Done>(*store, [id, now](db::UnitOfWork& work) {
        return work.environments().revoke_key(id, now);
    });
    if (!done) return context.failed(done.error());
    context.out << "key " << id << " is revoked\n";
    return kExitOk;
}

}  // namespace

void add_tenant_commands(CLI::App& app, CliContext& context) {
    auto* environment = app.add_subcommand("environment", "Tenants: owners of keys, policy and sessions");
    environment->require_subcommand(1);
    auto wanted = std::make_shared<NewEnvironment>();
    auto* create = environment->add_subcommand("create", "Make one");
    create->footer("Examples:\n  depositd environment create shop\n"
                   "  depositd environment create payroll --tolerance-bps 0 --overpaid refund_excess\n\n"
                   "The policy is copied into each session when it is created.");
    create->add_option("name", wanted->name, "What it is called")->required();
    create->add_option("--tolerance-bps", wanted->tolerance_bps,
                       "Hundredths of a percent that may be missing or over")
        ->check(CLI::Range(0, 10'000))->capture_default_str();
    create->add_option("--underpaid", wanted->underpaid,
                       "Too little: wait until expiry and refund, or accept what came")
        ->check(CLI::IsMember({"wait", "accept"}))->capture_default_str();
    create->add_option("--overpaid", wanted->overpaid, "Too much: deliver all, or refund the excess")
        ->check(CLI::IsMember({"deliver_all", "refund_excess"}))->capture_default_str();
    create->callback([&context, wanted] {
        context.chosen = [&context, wanted] { return create_environment(context, *wanted); };
    });
    environment->add_subcommand("list", "All of them")->callback([&context] {
        context.chosen = [&context] { return list_environments(context); };
    });
    auto name = std::make_shared<std::string>();
    auto* show = environment->add_subcommand("show", "One of them, by name or id");
    show->add_option("name", *name, "Name or id")->required();
    show->callback([&context, name] {
        context.chosen = [&context, name] { return show_environment(context, *name); };
    });

    auto* key = app.add_subcommand("key", "Keys of the HTTP API");
    key->require_subcommand(1);
    auto owner = std::make_shared<std::string>();
    auto label = std::make_shared<std::string>();
    auto* make = key->add_subcommand("create", "Make one; it is shown once");
    make->footer("Example:\n  depositd key create --environment shop --label backend");
    make->add_option("--environment", *owner, "Name or id of its environment")->required();
    make->add_option("--label", *label, "What it is for");
    make->callback([&context, owner, label] {
        context.chosen = [&context, owner, label] { return create_key(context, *owner, *label); };
    });
    key->add_subcommand("list", "All of them, without their secret part")->callback([&context] {
        context.chosen = [&context] { return list_keys(context); };
    });
    auto id = std::make_shared<std::int64_t>(0);
    auto* revoke = key->add_subcommand("revoke", "Make one useless from now on");
    revoke->footer("Example:\n  depositd key revoke 3");
    revoke->add_option("id", *id, "The number in `depositd key list`")->required();
    revoke->callback([&context, id] {
        context.chosen = [&context, id] { return revoke_key(context, *id); };
    });
}

}  // namespace depositd
