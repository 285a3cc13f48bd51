// Sends one HTTP request again and again over several connections and measures each answer. Small on
// purpose: it shares two cores with the server, and must not be what is measured.
//
//   bench_load PORT CONNECTIONS SECONDS RATE REQUEST_FILE [VALUES_FILE]
//
// RATE is how many are sent in a second, by the clock and not by the answers: a request that is due while
// every connection waits counts from when it was due. 0: each connection sends as soon as it has its
// answer. REQUEST_FILE holds the bytes of a whole request. With a VALUES_FILE, "{}" in it is replaced by one
// of its lines, round robin. Answers must carry a Content-Length. Prints one line of JSON, times in
// microseconds.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Time = std::chrono::steady_clock;

struct Connection {
    int socket = -1;
    std::string answer;  //!< what has arrived of it
    Time::time_point sent_at;  //!< when it was due
};

struct Result {
    std::vector<std::uint32_t> micros;
    std::map<int, std::uint64_t> by_status;
};

std::string content_of(const char* path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) throw std::runtime_error{std::string{path} + " cannot be read"};
    return {std::istreambuf_iterator<char>{file}, {}};
}

//! The request once for each value, ready to be sent.
std::vector<std::string> requests_of(const std::string& request, const std::string& values) {
    std::vector<std::string> out;
    std::size_t begin = 0;
    while (begin < values.size()) {
        const std::size_t end = std::min(values.find('\n', begin), values.size());
        std::string text = request;
        const std::size_t place = text.find("{}");
        if (place != std::string::npos) text.replace(place, 2, values, begin, end - begin);
        out.push_back(std::move(text));
        begin = end + 1;
    }
    if (out.empty()) out.push_back(request);
    return out;
}

int connect_to(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error{"cannot connect"};
    }
    return socket;
}

//! Bytes of the first answer in `text`, 0 while it is incomplete.
std::size_t answer_size(std::string_view text) {
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string_view::npos) return 0;
    constexpr std::string_view kName = "Content-Length: ";
    const std::size_t field = text.substr(0, head).find(kName);
    if (field == std::string_view::npos) throw std::runtime_error{"an answer without a length"};
    const std::size_t body = std::strtoull(text.data() + field + kName.size(), nullptr, 10);
    return text.size() >= head + 4 + body ? head + 4 + body : 0;
}

class Load {
  public:
    Load(std::uint16_t port, std::size_t connections, std::vector<std::string> requests)
        : epoll_{::epoll_create1(EPOLL_CLOEXEC)},
          connections_(connections),
          requests_{std::move(requests)} {
        for (std::size_t i = 0; i < connections_.size(); ++i) {
            connections_[i].socket = connect_to(port);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[i].socket, &event);
        }
    }

    //! Sends for `seconds`, then waits for what is still under way.
    Result run(double seconds, double rate) {
        const Time::time_point begin = Time::now();
        const Time::time_point end = begin + as_ticks(seconds);
        // In turn: a server closes what is idle for long.
        std::deque<Connection*> idle;
        for (Connection& connection : connections_) idle.push_back(&connection);
        std::vector<epoll_event> events(connections_.size());
        Time::time_point last_answer = begin;
        while (true) {
            while (!idle.empty()) {
                const Time::time_point due =
                    rate > 0 ? begin + as_ticks(static_cast<double>(next_) / rate) : Time::now();
                if (due >= end || due > Time::now()) break;
                send(*idle.front(), due);
                idle.pop_front();
            }
            const bool is_over = Time::now() >= end;
            if (is_over && open_ == 0) return std::move(result_);
            const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                           rate > 0 && !is_over ? 1 : 100);
            for (int i = 0; i < ready; ++i) {
                Connection& connection = connections_[events[static_cast<std::size_t>(i)].data.u64];
                if (!receive(connection)) continue;
                idle.push_back(&connection);
                last_answer = Time::now();
            }
            if (open_ == 0) last_answer = Time::now();
            if (Time::now() - last_answer > std::chrono::seconds{5}) {
                throw std::runtime_error{"no answer for five seconds"};
            }
        }
    }

  private:
    static Time::duration as_ticks(double seconds) {
        return std::chrono::duration_cast<Time::duration>(std::chrono::duration<double>(seconds));
    }

    void send(Connection& connection, Time::time_point due) {
        const std::string& request = requests_[next_++ % requests_.size()];
        connection.sent_at = due;
        const auto sent = ::send(connection.socket, request.data(), request.size(), MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(request.size())) {
            throw std::runtime_error{"a request was not taken"};
        }
        ++open_;
    }

    //! True when the answer is complete.
    bool receive(Connection& connection) {
        char buffer[16 * 1024];
        const ssize_t got = ::recv(connection.socket, buffer, sizeof buffer, 0);
        if (got <= 0) throw std::runtime_error{"the server closed a connection"};
        connection.answer.append(buffer, static_cast<std::size_t>(got));
        const std::size_t size = answer_size(connection.answer);
        if (size == 0) return false;
        const auto taken = Time::now() - connection.sent_at;
        result_.micros.push_back(static_cast<std::uint32_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(taken).count()));
        ++result_.by_status[std::atoi(connection.answer.c_str() + 9)];
        connection.answer.erase(0, size);
        --open_;
        return true;
    }

    int epoll_;
    std::vector<Connection> connections_;
    std::vector<std::string> requests_;
    std::size_t next_ = 0;
    std::size_t open_ = 0;  //!< requests without an answer yet
    Result result_;
};

void print(Result result, double seconds) {
    std::sort(result.micros.begin(), result.micros.end());
    const std::size_t count = result.micros.size();
    const auto at = [&](double share) {
        const auto index = static_cast<std::size_t>(share * static_cast<double>(count));
        return result.micros[std::min(index, count - 1)];
    };
    std::printf("{\"requests\":%zu,\"seconds\":%.3f,\"perSecond\":%.0f,\"p50\":%u,\"p95\":%u,"
                "\"p99\":%u,\"max\":%u,\"statuses\":{",
                count, seconds, static_cast<double>(count) / seconds, at(0.5), at(0.95), at(0.99),
                result.micros.back());
    const char* comma = "";
    for (const auto& [status, times] : result.by_status) {
        std::printf("%s\"%d\":%llu", comma, status, static_cast<unsigned long long>(times));
        comma = ",";
    }
    std::puts("}}");
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 6) throw std::runtime_error{"see the comment at the top of load.cpp"};
    const std::string values = argc > 6 ? content_of(argv[6]) : "";
    Load load{static_cast<std::uint16_t>(std::atoi(argv[1])),
              static_cast<std::size_t>(std::atoi(argv[2])), requests_of(content_of(argv[5]), values)};
    const auto begin = Time::now();
    Result result = load.run(std::atof(argv[3]), std::atof(argv[4]));
    const std::chrono::duration<double> taken = Time::now() - begin;
    print(std::move(result), taken.count());
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_load: %s\n", error.what());
    return 1;
}
