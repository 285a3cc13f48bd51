#pragma once

#include "api/http.hpp"
#include "api/router.hpp"
#include "api/sdk_request.hpp"
#include "api/sessions_api.hpp"

#include <optional>
#include <utility>

namespace api {

//! What the public SDK asks for beyond the sessions API, with the client secret each time.
//!   GET  /v1/sessions/{id}/tokenOptions             what a wallet could pay with
//!   GET  /v1/sessions/{id}/internal/walletOptions   the same, as the SDK's modal wants it
//!   GET  /v1/sessions/{id}/internal/nav             the session with the modal's menu
//!   POST /v1/sessions/{id}/internal/nav             what the payer did there; kept by nobody
//!   POST /v1/sessions/{id}/internal/recreate        the same order once more, after its time
class SdkApi {
  public:
    SdkApi(SessionsNeeds needs, Wallets& wallets) : needs_{std::move(needs)}, wallets_{wallets} {}
    SdkApi(const SdkApi&) = delete;
    SdkApi& operator=(const SdkApi&) = delete;

    //! The routes hold a pointer to this.
    void add_routes(Router& router);

  private:
    //! A wallet that asks what it could pay with.
    struct Asked {
        SessionFacts facts;
        std::optional<TokenFacts> token;  //!< none when nothing can be paid now
        std::uint64_t chain_number = 0;
        std::optional<core::Units> balance;
    };

    core::Task<Response> token_options(Request request);
    core::Task<Response> wallet_options(Request request);
    core::Task<Response> nav(Request request);
    core::Task<Response> nav_event(Request request);
    core::Task<Response> recreate(Request request);

    //! The session of the path, for who has its secret.
    core::Task<Checked<SessionFacts>> load(const Request& request, std::string secret);
    core::Task<Checked<Asked>> ask(Request request);
    //! With an address when it can be paid: the modal shows what stands in its menu and nothing
    //! else.
    core::Task<Checked<SessionFacts>> ready(SessionFacts facts, std::string request_id);
    //! The last session of the order of one that has expired; a new one when that has expired too.
    core::Task<Checked<SessionFacts>> successor(SessionFacts old, std::string request_id);
    core::Task<Checked<SessionFacts>> open_again(db::SessionRow old, std::string request_id);
    nlohmann::json with_menu(const SessionFacts& facts) const;

    SessionsNeeds needs_;
    Wallets& wallets_;
};

}  // namespace api
