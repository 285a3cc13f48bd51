#include "tests/support/loopback_server.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <charconv>
#include <unordered_set>
#include <utility>

namespace support {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::size_t content_length(std::string_view head) {
    std::string lower{head};
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    constexpr std::string_view kName = "content-length:";
    const auto at = lower.find(kName);
    if (at == std::string::npos) return 0;
    std::size_t out = 0;
    const auto from = lower.find_first_not_of(' ', at + kName.size());
    std::from_chars(lower.data() + from, lower.data() + lower.size(), out);
    return out;
}

std::string render(const ScriptedReply& reply) {
    if (!reply.raw.empty()) return reply.raw;
    std::string out = "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\n";
    for (const auto& [name, value] : reply.headers) out += name + ": " + value + "\r\n";
    out += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n";
    out += reply.body.substr(0, reply.cut_after);
    return out;
}

}  // namespace

struct LoopbackServer::State : std::enable_shared_from_this<State> {
    State(const asio::any_io_executor& executor, Script script_, std::uint16_t port)
        : acceptor{executor, tcp::endpoint{asio::ip::address_v4::loopback(), port}},
          script{std::move(script_)} {}

    struct Peer : std::enable_shared_from_this<Peer> {
        Peer(tcp::socket socket_, std::shared_ptr<State> state_, std::size_t number_)
            : socket{std::move(socket_)}, state{std::move(state_)}, number{number_} {}

        void read_head() {
            asio::async_read_until(socket, asio::dynamic_buffer(input), "\r\n\r\n",
                                   [self = shared_from_this()](auto ec, std::size_t size) {
                                       if (ec) return self->end();
                                       self->head = self->input.substr(0, size);
                                       self->input.erase(0, size);
                                       self->want = content_length(self->head);
                                       self->read_body();
                                   });
        }
        void read_body() {
            if (input.size() >= want) return respond();
            asio::async_read(socket, asio::dynamic_buffer(input),
                             asio::transfer_at_least(want - input.size()),
                             [self = shared_from_this()](auto ec, std::size_t) {
                                 if (ec) return self->end();
                                 self->respond();
                             });
        }
        void respond() {
            SeenRequest request;
            const auto first = head.find(' ');
            const auto second = head.find(' ', first + 1);
            request.method = head.substr(0, first);
            request.target = head.substr(first + 1, second - first - 1);
            request.head = head;
            request.body = input.substr(0, want);
            request.connection = number;
            input.erase(0, want);
            state->seen.push_back(request);
            const auto reply = state->script(request);
            if (reply.never) return wait_for_close();
            output = render(reply);
            const bool last =
                reply.close || !reply.raw.empty() || reply.cut_after != std::string::npos;
            asio::async_write(socket, asio::buffer(output),
                              [self = shared_from_this(), last](auto ec, std::size_t) {
                                  if (ec || last) return self->end();
                                  self->read_head();
                              });
        }
        void wait_for_close() {
            socket.async_wait(tcp::socket::wait_read,
                              [self = shared_from_this()](auto) { self->end(); });
        }
        void end() {
            boost::system::error_code ignored;
            socket.close(ignored);
            state->peers.erase(shared_from_this());
        }

        tcp::socket socket;
        std::shared_ptr<State> state;
        std::size_t number;
        std::string input;
        std::string head;
        std::string output;
        std::size_t want = 0;
    };

    void accept() {
        acceptor.async_accept([self = shared_from_this()](auto ec, tcp::socket socket) {
            if (ec) return;
            boost::system::error_code ignored;
            socket.set_option(tcp::no_delay{true}, ignored);
            const auto peer = std::make_shared<Peer>(std::move(socket), self, self->accepted++);
            self->peers.insert(peer);
            peer->read_head();
            self->accept();
        });
    }

    void stop() {
        boost::system::error_code ignored;
        acceptor.close(ignored);
        // Emptied here: a peer owns this state, and its handlers may never run again.
        const auto open = std::exchange(peers, {});
        for (const auto& peer : open) peer->socket.close(ignored);
    }

    tcp::acceptor acceptor;
    Script script;
    std::vector<SeenRequest> seen;
    std::size_t accepted = 0;
    std::unordered_set<std::shared_ptr<Peer>> peers;
};

LoopbackServer::LoopbackServer(core::asio::any_io_executor executor, Script script,
                               std::uint16_t port)
    : state_{std::make_shared<State>(executor, std::move(script), port)} {
    state_->accept();
}

LoopbackServer::~LoopbackServer() { state_->stop(); }

std::uint16_t LoopbackServer::port() const { return state_->acceptor.local_endpoint().port(); }

std::string LoopbackServer::url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port()) + std::string{path};
}

const std::vector<SeenRequest>& LoopbackServer::seen() const { return state_->seen; }

std::size_t LoopbackServer::connections() const { return state_->accepted; }

std::uint64_t first_rpc_id(std::string_view body) {
    constexpr std::string_view kName = "\"id\":";
    const auto at = body.find(kName);
    std::uint64_t out = 0;
    if (at == std::string_view::npos) return out;
    std::from_chars(body.data() + at + kName.size(), body.data() + body.size(), out);
    return out;
}

std::size_t count_rpc_ids(std::string_view body) {
    std::size_t out = 0;
    for (auto at = body.find("\"id\":"); at != std::string_view::npos;
         at = body.find("\"id\":", at + 1)) {
        ++out;
    }
    return out;
}

ScriptedReply rpc_result(const SeenRequest& request, std::string_view result_json) {
    ScriptedReply out;
    out.body = R"({"jsonrpc":"2.0","id":)" + std::to_string(first_rpc_id(request.body)) +
               R"(,"result":)" + std::string{result_json} + "}";
    return out;
}

ScriptedReply rpc_error(const SeenRequest& request, std::int64_t code, std::string_view message) {
    ScriptedReply out;
    out.body = R"({"jsonrpc":"2.0","id":)" + std::to_string(first_rpc_id(request.body)) +
               R"(,"error":{"code":)" + std::to_string(code) + R"(,"message":")" +
               std::string{message} + R"("}})";
    return out;
}

}  // namespace support
