#include "api/errors.hpp"
#include "api/http_server.hpp"
#include "api/impl/rate_limiter.hpp"
#include "api/impl/target.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <list>
#include <optional>
#include <utility>

namespace api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Parser = http::request_parser<http::string_body>;

constexpr std::size_t kReadChunk = 8 * 1024;
constexpr std::size_t kLingerBytes = 32 * 1024 * 1024;
constexpr core::Millis kLingerQuiet{1'000};
constexpr core::Millis kLingerMost{10'000};

asio::redirect_error_t<asio::use_awaitable_t<>> into(error_code& ec) {
    return asio::redirect_error(asio::use_awaitable, ec);
}

//! Calls of one household share a bucket: an IPv6 customer owns at least a /64.
std::string rate_key(const asio::ip::address& address) {
    if (address.is_v4()) return address.to_string();
    auto bytes = address.to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
    return asio::ip::address_v6{bytes}.to_string();
}

Problem bad_request(std::string message) {
    return {400, "validation_error", "bad_request", std::move(message), {}};
}
Problem refused(int status, std::string code, std::string message) {
    return {status, "invalid_request_error", std::move(code), std::move(message), {}};
}

//! What the parser stopped at; none when the peer is just gone.
std::optional<Problem> problem_of(const error_code& ec) {
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
        return refused(431, "headers_too_large", "The request's headers are too large.");
    }
    if (ec == http::error::body_limit) {
        return refused(413, "body_too_large", "The request's body is too large.");
    }
    // The stream closes itself on a timeout: nobody is left to be told.
    if (ec == beast::error::timeout) return std::nullopt;
    if (ec == http::error::bad_content_length || ec == http::error::multiple_content_length) {
        return bad_request("The Content-Length is not usable.");
    }
    if (ec == http::error::bad_transfer_encoding) {
        return bad_request("Content-Length and Transfer-Encoding contradict each other.");
    }
    if (ec == http::error::end_of_stream || ec == http::error::partial_message) return std::nullopt;
    if (ec.category() == make_error_code(http::error::bad_method).category()) {
        return bad_request("This is not well-formed HTTP.");
    }
    return std::nullopt;
}

//! Fields that decide something must be there once.
bool is_single(http::field field, std::string_view name) {
    return field == http::field::host || field == http::field::authorization ||
           field == http::field::content_length || field == http::field::content_type ||
           field == http::field::transfer_encoding || name == "idempotency-key";
}

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

//! Fills method, target and headers, or says what is wrong with them.
std::optional<Problem> take_header(const Parser& parser, const HttpLimits& limits, Request& out) {
    const auto& message = parser.get();
    if (message.version() != 10 && message.version() != 11) {
        return refused(505, "http_version", "Only HTTP/1.1 is spoken here.");
    }
    out.method = std::string{message.method_string()};
    const std::string_view target{message.target().data(), message.target().size()};
    if (target.size() > limits.target_bytes) {
        return refused(414, "target_too_long", "The address is too long.");
    }
    auto parsed = impl::parse_target(target);
    if (!parsed) return bad_request("The address is not usable: " + parsed.error().message + ".");
    out.path = std::move(parsed->path);
    out.query = std::move(parsed->query);
    std::size_t count = 0;
    for (const auto& field : message) {
        if (++count > limits.header_fields) {
            return refused(431, "headers_too_large", "The request has too many headers.");
        }
        const std::string name = lower({field.name_string().data(), field.name_string().size()});
        const std::string value{field.value()};
        auto [at, fresh] = out.headers.emplace(name, value);
        if (fresh) continue;
        if (is_single(field.name(), name))
            return bad_request("The header " + name + " is repeated.");
        at->second += ", " + value;
    }
    if (message.version() == 11 && out.header("host").empty()) {
        return bad_request("The Host header is missing.");
    }
    // Beast takes a list of equal lengths for one; a proxy before us may not.
    const std::string_view length = out.header("content-length");
    if (length.find_first_not_of("0123456789") != std::string_view::npos) {
        return bad_request("The Content-Length is not usable.");
    }
    const std::string coding = lower(out.header("transfer-encoding"));
    if (!coding.empty() && !length.empty()) {
        return bad_request("Content-Length and Transfer-Encoding contradict each other.");
    }
    if (!coding.empty() && coding != "chunked") {
        return bad_request("The only Transfer-Encoding understood is chunked.");
    }
    return std::nullopt;
}

struct Connection {
    explicit Connection(tcp::socket socket) : stream{std::move(socket)} {}
    beast::tcp_stream stream;
    asio::cancellation_signal cancel;
    bool in_request = false;  //!< past a request's first byte, answer not yet sent
    bool streaming = false;   //!< the answer has no end of its own
};

//! Writes to a connection that is being read from at the same time, without a deadline: what is set here
//! holds for the write alone.
class ConnectionSink final : public Sink {
  public:
    ConnectionSink(Connection& connection, core::Millis write_timeout)
        : connection_{connection}, write_timeout_{write_timeout} {}

    core::Task<bool> write(std::string text) override {
        error_code ec;
        connection_.stream.expires_after(write_timeout_);
        co_await asio::async_write(connection_.stream, asio::buffer(text), into(ec));
        co_return !ec;
    }

  private:
    Connection& connection_;
    core::Millis write_timeout_;
};

}  // namespace

class HttpServer::Impl : public std::enable_shared_from_this<HttpServer::Impl> {
  public:
    Impl(asio::any_io_executor executor, HttpServerOptions options, Handler handler,
         core::Clock& clock, core::Rng& rng, core::Log& log, core::Metrics& metrics)
        : options_{std::move(options)},
          handler_{std::move(handler)},
          clock_{clock},
          rng_{rng},
          log_{log},
          metrics_{metrics},
          acceptor_{executor},
          closed_{executor},
          limiter_{options_.limits.rate_per_second, options_.limits.rate_burst} {
        closed_.expires_at(asio::steady_timer::time_point::max());
    }

    core::Expected<core::Done> listen() {
        error_code ec;
        const auto address = asio::ip::make_address(options_.address, ec);
        if (ec)
            return core::invalid("'" + options_.address + "' is not an IP address to listen on");
        const tcp::endpoint endpoint{address, options_.port};
        acceptor_.open(endpoint.protocol(), ec);
        if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address{true}, ec);
        if (!ec) acceptor_.bind(endpoint, ec);
        if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
        if (ec) {
            return core::Error{core::Errc::kUnreachable, "cannot listen on " + options_.address +
                                                             ":" + std::to_string(options_.port) +
                                                             ": " + ec.message()};
        }
        return core::Done{};
    }
    std::uint16_t port() const {
        error_code ec;
        return acceptor_.local_endpoint(ec).port();
    }
    std::size_t connections() const { return connections_.size(); }

    core::Task<void> run() {
        while (!draining_) {
            error_code ec;
            tcp::socket socket = co_await acceptor_.async_accept(into(ec));
            if (draining_ || ec == asio::error::operation_aborted) break;
            if (ec) {
                // Out of descriptors, most likely: take a breath instead of spinning.
                log_.warn("a connection could not be accepted",
                          {{"listener", options_.name}, {"why", ec.message()}});
                co_await clock_.sleep_for(core::Millis{100});
                continue;
            }
            if (connections_.size() >= options_.limits.max_connections) {
                count_refused("connections");
                continue;
            }
            start(std::move(socket));
        }
        error_code ignored;
        acceptor_.close(ignored);
    }

    core::Task<void> drain(core::Millis deadline) {
        draining_ = true;
        error_code ec;
        acceptor_.close(ec);
        for (Connection& connection : connections_) {
            if (!connection.in_request || connection.streaming) close(connection);
        }
        co_await wait_closed(deadline);
        if (connections_.empty()) co_return;
        log_.warn("requests were cut off at shutdown",
                  {{"listener", options_.name}, {"connections", connections_.size()}});
        for (Connection& connection : connections_) {
            close(connection);
            connection.cancel.emit(asio::cancellation_type::terminal);
        }
        co_await wait_closed(core::Millis{5'000});
    }

  private:
    using Place = std::list<Connection>::iterator;

    void start(tcp::socket socket) {
        error_code ignored;
        socket.set_option(tcp::no_delay{true}, ignored);
        const Place place = connections_.emplace(connections_.end(), std::move(socket));
        gauge_connections();
        // The frame keeps this object and nothing else; the connection lives in the list.
        auto done = [self = shared_from_this(), place](std::exception_ptr) {
            self->finished(place);
        };
        asio::co_spawn(place->stream.get_executor(), serve(place),
                       asio::bind_cancellation_slot(place->cancel.slot(), std::move(done)));
    }
    void finished(Place place) {
        // Its cancellation slot is still in use by the caller of this.
        asio::post(acceptor_.get_executor(), [self = shared_from_this(), place] {
            self->connections_.erase(place);
            self->gauge_connections();
            if (self->connections_.empty()) self->closed_.cancel();
        });
    }
    void gauge_connections() {
        metrics_.gauge("depositd_http_connections", {{"listener", options_.name}},
                       static_cast<double>(connections_.size()));
    }
    void count_refused(const char* why) {
        metrics_.count("depositd_http_refused_total",
                       {{"listener", options_.name}, {"reason", why}});
    }
    static void close(Connection& connection) {
        error_code ignored;
        connection.stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
        connection.stream.cancel();
    }
    core::Task<void> wait_closed(core::Millis at_most) {
        if (connections_.empty()) co_return;
        closed_.expires_after(at_most);
        error_code ignored;
        co_await closed_.async_wait(into(ignored));
    }

    core::Task<void> serve(Place place) {
        Connection& connection = *place;
        error_code ec;
        const auto peer = connection.stream.socket().remote_endpoint(ec).address();
        beast::flat_buffer buffer{options_.limits.header_bytes + kReadChunk};
        bool first = true;
        while (!draining_) {
            if (!co_await first_byte(connection, buffer, first)) break;
            first = false;
            connection.in_request = true;
            const bool keep = co_await exchange(connection, buffer, peer);
            connection.in_request = false;
            if (!keep) break;
        }
        co_await linger(connection);
    }

    //! Waits for a request to begin. A caller that pipelines has it in the buffer already.
    core::Task<bool> first_byte(Connection& connection, beast::flat_buffer& buffer, bool first) {
        if (buffer.size() > 0) co_return true;
        connection.stream.expires_after(first ? options_.limits.header_timeout
                                              : options_.limits.idle_timeout);
        error_code ec;
        const std::size_t count =
            co_await connection.stream.async_read_some(buffer.prepare(kReadChunk), into(ec));
        buffer.commit(count);
        co_return !ec && count > 0;
    }

    //! One request and its answer; false when the connection ends with it.
    core::Task<bool> exchange(Connection& connection, beast::flat_buffer& buffer,
                              asio::ip::address peer) {
        const HttpLimits& limits = options_.limits;
        Request request;
        request.request_id = rng_.hex(16);
        request.remote = peer.to_string();
        request.client = rate_key(peer);
        Parser parser;
        parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
        parser.body_limit(limits.body_bytes);
        error_code ec;
        connection.stream.expires_after(limits.header_timeout);
        co_await http::async_read_header(connection.stream, buffer, parser, into(ec));
        if (ec) co_return co_await give_up(connection, request, problem_of(ec));
        if (auto problem = take_header(parser, limits, request)) {
            co_return co_await give_up(connection, request, std::move(problem));
        }
        connection.stream.expires_after(limits.body_timeout);
        if (lower(request.header("expect")) == "100-continue") {
            http::response<http::empty_body> go_on{http::status::continue_, 11};
            co_await http::async_write(connection.stream, go_on, into(ec));
            if (ec) co_return false;
        }
        co_await http::async_read(connection.stream, buffer, parser, into(ec));
        if (ec) co_return co_await give_up(connection, request, problem_of(ec));
        request.body = std::move(parser.get().body());
        connection.stream.expires_never();

        const bool keep = parser.get().keep_alive() && !draining_;
        const std::string request_id = request.request_id;
        const bool head = request.method == "HEAD";
        const core::Tick started = clock_.tick();
        Response response = co_await answer(std::move(request));
        metrics_.observe("depositd_http_request_seconds", {{"listener", options_.name}},
                         static_cast<double>((clock_.tick() - started).count()) / 1000.0);
        // An answer to HEAD has no body; one would be read as the start of the next answer.
        if (head) response.body.clear();
        if (response.stream && !head) {
            co_return co_await send_stream(connection, std::move(response), request_id);
        }
        co_return co_await send(connection, std::move(response), request_id, keep && !draining_);
    }

    core::Task<Response> answer(Request request) {
        if (!limiter_.allow(request.client, clock_.tick())) {
            count_refused("rate");
            const Problem problem = too_many_requests("Too many requests. Please slow down.");
            co_return options_.tell_too_many ? options_.tell_too_many(request, problem)
                                             : problem_response(problem);
        }
        if (options_.cors && request.method == "OPTIONS") {
            Response preflight;
            preflight.status = 204;
            preflight.headers.emplace_back("access-control-allow-methods",
                                           "GET, POST, PUT, DELETE");
            preflight.headers.emplace_back(
                "access-control-allow-headers",
                "authorization, content-type, idempotency-key, x-sdk-version");
            preflight.headers.emplace_back("access-control-max-age", "86400");
            co_return preflight;
        }
        const std::string request_id = request.request_id;
        std::string failure;
        try {
            co_return co_await handler_(std::move(request));
        } catch (const boost::system::system_error& error) {
            if (error.code() == asio::error::operation_aborted) throw;
            failure = error.what();
        } catch (const std::exception& error) {
            failure = error.what();
        }
        log_.error("a request handler failed", {{"request", request_id}, {"why", failure}});
        co_return problem_response(internal_error());
    }

    core::Task<bool> send(Connection& connection, Response response, std::string request_id,
                          bool keep) {
        http::response<http::string_body> out{static_cast<http::status>(response.status), 11};
        const bool has_body = response.status != 204 && response.status != 304;
        if (has_body) out.set(http::field::content_type, response.content_type);
        fill_header(out, response, request_id);
        out.keep_alive(keep);
        if (has_body) {
            out.body() = std::move(response.body);
            out.prepare_payload();
        }
        count_answered(response.status);
        error_code ec;
        connection.stream.expires_after(options_.limits.write_timeout);
        co_await http::async_write(connection.stream, out, into(ec));
        co_return keep && !ec;
    }

    //! The header, and then what the stream says, until one of the two sides has had enough. The end
    //! of the connection is the end of the answer.
    core::Task<bool> send_stream(Connection& connection, Response response,
                                 std::string request_id) {
        http::response<http::empty_body> out{static_cast<http::status>(response.status), 11};
        out.set(http::field::content_type, response.content_type);
        fill_header(out, response, request_id);
        out.keep_alive(false);
        count_answered(response.status);
        error_code ec;
        connection.stream.expires_after(options_.limits.write_timeout);
        co_await http::async_write(connection.stream, out, into(ec));
        if (ec || draining_) co_return false;
        connection.stream.expires_never();
        connection.streaming = true;
        ConnectionSink sink{connection, options_.limits.write_timeout};
        using namespace asio::experimental::awaitable_operators;
        auto told = tell(connection, response.stream, sink, request_id);
        auto left = until_left(connection);
        co_await (std::move(left) || std::move(told));
        connection.streaming = false;
        co_return false;
    }

    core::Task<void> tell(Connection& connection, const Stream& stream, Sink& sink,
                          const std::string& request_id) {
        std::string failure;
        try {
            co_await stream(sink);
        } catch (const boost::system::system_error& error) {
            // Whoever waits for the peer to leave has waited long enough.
            connection.stream.cancel();
            if (error.code() == asio::error::operation_aborted) throw;
            failure = error.what();
        } catch (const std::exception& error) {
            failure = error.what();
        }
        connection.stream.cancel();
        if (failure.empty()) co_return;
        log_.error("a stream failed", {{"request", request_id}, {"why", failure}});
    }

    //! Who is being told a stream has nothing to say: a word more is the end of it, like a close.
    core::Task<void> until_left(Connection& connection) {
        std::array<char, 64> scrap;
        error_code ec;
        co_await connection.stream.async_read_some(asio::buffer(scrap), into(ec));
        connection.stream.cancel();
    }

    template <class Message>
    void fill_header(Message& out, const Response& response, const std::string& request_id) const {
        out.set("request-id", request_id);
        out.set(http::field::cache_control, "no-store");
        out.set("x-content-type-options", "nosniff");
        if (options_.cors) {
            out.set(http::field::access_control_allow_origin, "*");
            out.set(http::field::access_control_expose_headers, "request-id, retry-after");
        }
        for (const auto& [name, value] : response.headers) out.set(name, value);
    }

    void count_answered(int status) {
        const char* status_class = status >= 500 ? "5xx" : status >= 400 ? "4xx" : "2xx";
        metrics_.count("depositd_http_requests_total",
                       {{"listener", options_.name}, {"class", status_class}});
    }

    //! Says why and ends the connection: where the next request begins is not known any more.
    core::Task<bool> give_up(Connection& connection, const Request& request,
                             std::optional<Problem> problem) {
        if (!problem) co_return false;
        count_refused("malformed");
        Response response = problem_response(*problem);
        co_return co_await send(connection, std::move(response), request.request_id, false);
    }

    //! Reads on after our last word, while the peer still sends: closing with unread bytes would reset
    //! the connection and take the answer with it.
    core::Task<void> linger(Connection& connection) {
        error_code ec;
        connection.stream.socket().shutdown(tcp::socket::shutdown_send, ec);
        std::array<char, 16 * 1024> scrap;
        const core::Tick until = clock_.tick() + kLingerMost;
        for (std::size_t total = 0; !ec && total < kLingerBytes && clock_.tick() < until;) {
            connection.stream.expires_after(kLingerQuiet);
            total += co_await connection.stream.async_read_some(asio::buffer(scrap), into(ec));
        }
        connection.stream.close();
    }

    HttpServerOptions options_;
    Handler handler_;
    core::Clock& clock_;
    core::Rng& rng_;
    core::Log& log_;
    core::Metrics& metrics_;
    tcp::acceptor acceptor_;
    asio::steady_timer closed_;
    impl::RateLimiter limiter_;
    std::list<Connection> connections_;
    bool draining_ = false;
};

core::Expected<std::unique_ptr<HttpServer>> HttpServer::open(core::asio::any_io_executor executor,
                                                             HttpServerOptions options,
                                                             Handler handler, core::Clock& clock,
                                                             core::Rng& rng, core::Log& log,
                                                             core::Metrics& metrics) {
    auto impl = std::make_shared<Impl>(std::move(executor), std::move(options), std::move(handler),
                                       clock, rng, log, metrics);
    auto listening = impl->listen();
    if (!listening) return listening.error();
    return std::unique_ptr<HttpServer>{new HttpServer{std::move(impl)}};
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const { return impl_->port(); }
std::size_t HttpServer::connections() const { return impl_->connections(); }
core::Task<void> HttpServer::run() { return impl_->run(); }
core::Task<void> HttpServer::drain(core::Millis deadline) { return impl_->drain(deadline); }

}  // namespace api
