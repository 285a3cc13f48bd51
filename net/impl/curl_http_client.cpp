#include "core/check.hpp"
#include "net/http_client.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>
#include <sys/epoll.h>
#include <unordered_map>
#include <unordered_set>

namespace net {

namespace asio = boost::asio;

std::string_view HttpResponse::header(std::string_view lower_case_name) const {
    for (const auto& [name, value] : headers) {
        if (name == lower_case_name) return value;
    }
    return {};
}

namespace {

using Result = core::Expected<HttpResponse>;
using Signature = void(boost::system::error_code, Result);
using Handler = asio::any_completion_handler<Signature>;

constexpr std::size_t kHeaderBytesMax = 64 * 1024;
constexpr std::size_t kIdleHandlesMax = 64;

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
}

bool is_header_value(std::string_view text) {
    return text.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos;
}

//! "https://host:port", without user info; empty when it is no absolute URL.
std::string origin_of(std::string_view url) {
    const auto scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos || !is_header_value(url)) return {};
    const auto scheme = url.substr(0, scheme_end);
    if (scheme != "http" && scheme != "https") return {};
    auto rest = url.substr(scheme_end + 3);
    rest = rest.substr(0, rest.find_first_of("/?#"));
    if (const auto at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
    if (rest.empty()) return {};
    return std::string{url.substr(0, scheme_end + 3)} + std::string{rest};
}

core::Error check(const HttpRequest& request) {
    if (!is_token(request.method)) return core::invalid("the HTTP method is not a word");
    if (origin_of(request.url).empty()) return core::invalid("the URL is not http:// or https://");
    for (const auto& [name, value] : request.headers) {
        if (!is_token(name) || !is_header_value(value)) {
            return core::invalid("a request header is not of its form");
        }
    }
    if (request.pinned_ip.find_first_not_of("0123456789abcdefABCDEF.:") != std::string::npos) {
        return core::invalid("the pinned address is no IP literal");
    }
    return {};
}

core::Error error_of(CURLcode code) {
    using core::Errc;
    const auto with = [code](Errc errc) { return core::Error{errc, curl_easy_strerror(code)}; };
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT: return with(Errc::kTimeout);
        case CURLE_URL_MALFORMAT:
        case CURLE_BAD_FUNCTION_ARGUMENT: return with(Errc::kInvalid);
        case CURLE_UNSUPPORTED_PROTOCOL:  // the scheme was checked: it answered without HTTP
                                          // headers
        case CURLE_BAD_CONTENT_ENCODING:
        case CURLE_WEIRD_SERVER_REPLY: return with(Errc::kMalformed);
        case CURLE_FILESIZE_EXCEEDED: return with(Errc::kTooLarge);
        default: return with(Errc::kUnreachable);
    }
}

struct Transfer {
    // Boost 1.81's any_completion_handler recurses forever when assigned to: only ever construct
    // it.
    Transfer(const asio::any_io_executor& executor, std::uint64_t number, Handler&& done)
        : id{number}, deadline{executor}, handler(std::move(done)) {}
    ~Transfer() { curl_slist_free_all(headers); }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    std::uint64_t id;
    asio::steady_timer deadline;
    Handler handler;
    HttpRequest request;
    HttpResponse response;
    std::string host_key;
    std::string connect_to;
    CURL* easy = nullptr;  //!< null while waiting for its turn
    curl_slist* headers = nullptr;
    curl_slist* connect_list = nullptr;
    std::size_t header_bytes = 0;
    bool too_large = false;
    bool was_cut = false;
};

//! What the server says it will send, as far as a wrong word of it costs little; zero when it is silent.
std::size_t announced_bytes(const Transfer& transfer) {
    constexpr curl_off_t kBelievedMax = 8 * 1024 * 1024;
    curl_off_t length = -1;
    curl_easy_getinfo(transfer.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return static_cast<std::size_t>(std::clamp<curl_off_t>(length, 0, kBelievedMax));
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    auto& body = transfer.response.body;
    if (size > transfer.request.body_limit - body.size()) {
        (transfer.request.cut_body ? transfer.was_cut : transfer.too_large) = true;
        return 0;
    }
    if (const auto need = body.size() + size + kJsonPadding; need > body.capacity()) {
        const std::size_t announced = body.empty() ? announced_bytes(transfer) + kJsonPadding : 0;
        body.reserve(std::max({need, 2 * body.capacity(), announced}));
    }
    body.append(data, size);
    return size;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    std::string_view line{data, size};
    transfer.header_bytes += size;
    if (transfer.header_bytes > kHeaderBytesMax) {
        transfer.too_large = true;
        return 0;
    }
    if (line.starts_with("HTTP/")) transfer.response.headers.clear();
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    std::string name{line.substr(0, colon)};
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    auto value = line.substr(colon + 1);
    const auto first = value.find_first_not_of(" \t");
    const auto last = value.find_last_not_of(" \t\r\n");
    value = first == std::string_view::npos || last == std::string_view::npos || last < first
                ? std::string_view{}
                : value.substr(first, last - first + 1);
    transfer.response.headers.emplace_back(std::move(name), value);
    return size;
}

//! libcurl's multi handle on the Asio loop. Its sockets stand in one private epoll set that Asio
//! waits on as a single descriptor: descriptors that curl opens and closes never enter Asio.
class Multi : public std::enable_shared_from_this<Multi> {
  public:
    Multi(asio::any_io_executor executor, HttpClientOptions options, core::Log& log)
        : executor_{std::move(executor)},
          options_{std::move(options)},
          log_{log},
          epoll_{executor_},
          timer_{executor_} {
        const int fd = ::epoll_create1(EPOLL_CLOEXEC);
        CHECK(fd >= 0, "epoll_create1");
        epoll_.assign(fd);
        multi_ = curl_multi_init();
        CHECK(multi_ != nullptr, "curl_multi_init");
        const auto connections = static_cast<long>(options_.in_flight_per_host);
        curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
        curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::on_timer);
        curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
        curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
        curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, std::max(4 * connections, 64L));
        curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    }
    ~Multi() { CHECK(multi_ == nullptr, "shut down first"); }
    Multi(const Multi&) = delete;
    Multi& operator=(const Multi&) = delete;

    template <class Token>
    auto async_send(HttpRequest request, Token&& token) {
        return asio::async_initiate<Token, Signature>(
            [self = shared_from_this()](auto handler, HttpRequest moved) {
                self->begin(Handler{std::move(handler)}, std::move(moved));
            },
            token, std::move(request));
    }

    void shut_down() {
        while (!transfers_.empty()) finish(transfers_.begin()->first, core::Error{}, true);
        timer_.cancel();
        for (CURL* easy : idle_) curl_easy_cleanup(easy);
        idle_.clear();
        curl_multi_cleanup(multi_);
        multi_ = nullptr;
        boost::system::error_code ignored;
        epoll_.close(ignored);
    }

  private:
    struct Host {
        std::size_t in_flight = 0;
        std::deque<std::uint64_t> waiting;  //!< may name transfers that are over
    };

    void begin(Handler handler, HttpRequest request) {
        const auto id = ++last_id_;
        auto owned = std::make_unique<Transfer>(executor_, id, std::move(handler));
        auto& transfer = *owned;
        transfers_.emplace(id, std::move(owned));
        transfer.request = std::move(request);
        auto wrong = check(transfer.request);
        if (wrong.code != core::Errc::kUnset) return finish(id, std::move(wrong));
        if (multi_ == nullptr || transfer.request.timeout <= core::Millis::zero()) {
            return finish(id, core::Error{core::Errc::kTimeout, "no time left"}, multi_ == nullptr);
        }
        watch_cancellation(transfer);
        transfer.deadline.expires_after(transfer.request.timeout);
        transfer.deadline.async_wait([weak = weak_from_this(), id](auto ec) {
            const auto self = weak.lock();
            if (ec || !self) return;
            self->finish(id, core::Error{core::Errc::kTimeout, "no complete answer in time"});
        });
        transfer.host_key = origin_of(transfer.request.url) + '|' + transfer.request.pinned_ip;
        auto& host = hosts_[transfer.host_key];
        if (host.in_flight >= options_.in_flight_per_host) {
            host.waiting.push_back(id);
            return;
        }
        ++host.in_flight;
        launch(transfer);
    }

    void watch_cancellation(Transfer& transfer) {
        auto slot = asio::get_associated_cancellation_slot(transfer.handler);
        if (!slot.is_connected()) return;
        // Posted: the slot's own handler must not be destroyed while it runs. A late signal finds
        // no id.
        slot.assign([weak = weak_from_this(), id = transfer.id](asio::cancellation_type) {
            const auto self = weak.lock();
            if (!self) return;
            asio::post(self->executor_, [weak, id] {
                if (const auto still = weak.lock()) still->finish(id, core::Error{}, true);
            });
        });
    }

    void launch(Transfer& transfer) {
        if (idle_.empty()) {
            transfer.easy = curl_easy_init();
            CHECK(transfer.easy != nullptr, "curl_easy_init");
        } else {
            transfer.easy = idle_.back();
            idle_.pop_back();
        }
        by_easy_.emplace(transfer.easy, transfer.id);
        configure(transfer);
        const auto code = curl_multi_add_handle(multi_, transfer.easy);
        CHECK(code == CURLM_OK, curl_multi_strerror(code));
    }

    void configure(Transfer& transfer) {
        CURL* easy = transfer.easy;
        const auto& request = transfer.request;
        curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");  // also shuts out the environment's
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        // Otherwise ending a transfer waits for its name lookup, and the loop with it.
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        // Nobody reads a body that may be cut: it must not fail for how it is packed.
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, request.cut_body ? nullptr : "gzip, br");
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, request.url.starts_with("https") ? 1L : 0L);
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L * 1024L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                         static_cast<long>(options_.connect_timeout.count()));
        curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
        if (!options_.ca_file.empty()) {
            curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
        }
        if (!request.may_reuse) {
            curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
            curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        }
        if (!request.pinned_ip.empty()) {
            const bool v6 = request.pinned_ip.find(':') != std::string::npos;
            transfer.connect_to =
                v6 ? "::[" + request.pinned_ip + "]:" : "::" + request.pinned_ip + ":";
            transfer.connect_list = curl_slist_append(nullptr, transfer.connect_to.c_str());
            curl_easy_setopt(easy, CURLOPT_CONNECT_TO, transfer.connect_list);
        }
        configure_body(transfer);
        for (const auto& [name, value] : request.headers) {
            const std::string line = value.empty() ? name + ";" : name + ": " + value;
            transfer.headers = curl_slist_append(transfer.headers, line.c_str());
        }
        // curl would wait a second for "100 Continue" before a large body.
        transfer.headers = curl_slist_append(transfer.headers, "Expect:");
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
        transfer.response.body.reserve(1024);
    }

    static void configure_body(const Transfer& transfer) {
        CURL* easy = transfer.easy;
        const auto& request = transfer.request;
        if (request.method == "HEAD") {
            curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        } else if (request.method == "POST" || !request.body.empty()) {
            curl_easy_setopt(easy, CURLOPT_POST, 1L);
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                             static_cast<curl_off_t>(request.body.size()));
        }
        if (request.method != "HEAD" && request.method != "POST" && request.method != "GET") {
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
        }
    }

    //! Ends a transfer once, whoever comes first: curl, the deadline, a cancellation.
    void finish(std::uint64_t id, Result result, bool cancelled = false) {
        const auto found = transfers_.find(id);
        if (found == transfers_.end()) return;
        auto owned = std::move(found->second);
        transfers_.erase(found);
        owned->deadline.cancel();
        if (owned->easy != nullptr) {
            release(*owned);
            turn_over(owned->host_key);
        }
        asio::get_associated_cancellation_slot(owned->handler).clear();
        const boost::system::error_code ec =
            cancelled ? asio::error::operation_aborted : boost::system::error_code{};
        asio::post(executor_,
                   [handler = std::move(owned->handler), ec, moved = std::move(result)]() mutable {
                       std::move(handler)(ec, std::move(moved));
                   });
        update_wait();
    }

    void release(Transfer& transfer) {
        curl_multi_remove_handle(multi_, transfer.easy);
        by_easy_.erase(transfer.easy);
        curl_easy_reset(transfer.easy);
        if (idle_.size() < kIdleHandlesMax) {
            idle_.push_back(transfer.easy);
        } else {
            curl_easy_cleanup(transfer.easy);
        }
        curl_slist_free_all(transfer.connect_list);
        transfer.connect_list = nullptr;
        transfer.easy = nullptr;
    }

    void turn_over(const std::string& host_key) {
        const auto found = hosts_.find(host_key);
        CHECK(found != hosts_.end() && found->second.in_flight > 0);
        auto& host = found->second;
        while (!host.waiting.empty()) {
            const auto next = transfers_.find(host.waiting.front());
            host.waiting.pop_front();
            if (next == transfers_.end()) continue;
            return launch(*next->second);
        }
        if (--host.in_flight == 0) hosts_.erase(found);
    }

    void reap() {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const auto found = by_easy_.find(message->easy_handle);
            CHECK(found != by_easy_.end());
            const auto code = message->data.result;
            const auto id = found->second;
            auto& transfer = *transfers_.at(id);
            if (transfer.too_large) {
                finish(id,
                       core::Error{core::Errc::kTooLarge, "the answer is above its size limit"});
            } else if (code != CURLE_OK && !transfer.was_cut) {
                finish(id, error_of(code));
            } else {
                long status = 0;
                curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
                transfer.response.status = static_cast<int>(status);
                finish(id, std::move(transfer.response));
            }
        }
    }

    void act(curl_socket_t socket, int mask) {
        if (multi_ == nullptr) return;
        int running = 0;
        const auto code = curl_multi_socket_action(multi_, socket, mask, &running);
        if (code != CURLM_OK) {
            log_.warn("libcurl refused an event", {{"reason", curl_multi_strerror(code)}});
        }
        reap();
        update_wait();
    }

    //! Without a wait for nothing, so that io_context::run() can end.
    void update_wait() {
        if (multi_ == nullptr) return;
        if (watched_.empty()) {
            if (waiting_) epoll_.cancel();
            return;
        }
        if (waiting_) return;
        waiting_ = true;
        epoll_.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](auto ec) {
                              self->waiting_ = false;
                              if (self->multi_ == nullptr) return;
                              if (!ec) self->drain_epoll();
                              self->update_wait();
                          });
    }

    void drain_epoll() {
        std::array<epoll_event, 64> events{};
        const int count =
            ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
        for (int i = 0; i < count; ++i) {
            const auto& event = events.at(static_cast<std::size_t>(i));
            int mask = 0;
            if ((event.events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
            if ((event.events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
            if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR;
            act(event.data.fd, mask);
        }
    }

    static int on_socket(CURL*, curl_socket_t socket, int what, void* user, void*) {
        auto& self = *static_cast<Multi*>(user);
        const int set = self.epoll_.native_handle();
        if (what == CURL_POLL_REMOVE) {
            // Fails when curl closed it already, which took it out of the set as well.
            ::epoll_ctl(set, EPOLL_CTL_DEL, socket, nullptr);
            self.watched_.erase(socket);
            return 0;
        }
        epoll_event event{};
        event.data.fd = socket;
        if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
        if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
        if (::epoll_ctl(set, EPOLL_CTL_MOD, socket, &event) != 0) {
            ::epoll_ctl(set, EPOLL_CTL_ADD, socket, &event);
        }
        self.watched_.insert(socket);
        return 0;
    }

    static int on_timer(CURLM*, long wait_ms, void* user) {
        auto& self = *static_cast<Multi*>(user);
        if (wait_ms < 0) {
            self.timer_.cancel();
            return 0;
        }
        self.timer_.expires_after(core::Millis{wait_ms});
        self.timer_.async_wait([weak = self.weak_from_this()](auto ec) {
            const auto still = weak.lock();
            if (!ec && still) still->act(CURL_SOCKET_TIMEOUT, 0);
        });
        return 0;
    }

    asio::any_io_executor executor_;
    HttpClientOptions options_;
    core::Log& log_;
    asio::posix::stream_descriptor epoll_;
    asio::steady_timer timer_;
    CURLM* multi_ = nullptr;
    bool waiting_ = false;
    std::uint64_t last_id_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<Transfer>> transfers_;
    std::unordered_map<CURL*, std::uint64_t> by_easy_;
    std::unordered_map<std::string, Host> hosts_;
    std::unordered_set<curl_socket_t> watched_;
    std::vector<CURL*> idle_;
};

class CurlHttpClient final : public HttpClient {
  public:
    CurlHttpClient(asio::any_io_executor executor, HttpClientOptions options, core::Log& log)
        : multi_{std::make_shared<Multi>(std::move(executor), std::move(options), log)} {}
    ~CurlHttpClient() override { multi_->shut_down(); }
    CurlHttpClient(const CurlHttpClient&) = delete;
    CurlHttpClient& operator=(const CurlHttpClient&) = delete;

    core::Task<Result> send(HttpRequest request) override {
        co_return co_await multi_->async_send(std::move(request), asio::use_awaitable);
    }

  private:
    std::shared_ptr<Multi> multi_;
};

}  // namespace

std::unique_ptr<HttpClient> make_curl_http_client(core::asio::any_io_executor executor,
                                                  HttpClientOptions options, core::Log& log) {
    CHECK(options.in_flight_per_host > 0);
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    CHECK(ready == CURLE_OK, "curl_global_init");
    return std::make_unique<CurlHttpClient>(std::move(executor), std::move(options), log);
}

}  // namespace net
