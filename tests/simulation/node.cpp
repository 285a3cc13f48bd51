#include "tests/simulation/node.hpp"

#include "net/http_client.hpp"

#include <algorithm>
#include <map>

namespace simulation {
namespace {

constexpr std::size_t kAnswerSize = 2'560;

void append_fault(std::string& out, int code, const std::string& message, const std::string& data) {
    out += R"("error":{"code":)";
    out += std::to_string(code);
    out += R"(,"message":")";
    for (const char c : message) out += c == '"' || c == '\\' || c < ' ' ? ' ' : c;
    out += '"';
    if (!data.empty()) {
        out += R"(,"data":")";
        out += data;
        out += '"';
    }
    out += '}';
}

}  // namespace

Node::Node(Chain& chain, NodeOptions options) : chain_{chain}, options_{options}, txs_{chain} {}

HttpAnswer Node::answer(std::string_view body) {
    HttpAnswer answer;
    if (lies(Lie::kTooManyRequests)) return {429, "Too Many Requests"};
    if (lies(Lie::kServerError)) return {500, "Internal Server Error"};
    if (lies(Lie::kEmptyBody)) return answer;
    if (lies(Lie::kHtml)) return {200, "<html><body>Be right back</body></html>"};
    std::string& out = answer.body;
    out.reserve(kAnswerSize);
    const Json request{body};
    if (request.is_array()) {
        out += '[';
        for (const Json& call : request.items()) {
            if (out.size() > 1) out += ',';
            answer_one(call, out);
        }
        out += ']';
    } else {
        answer_one(request, out);
    }
    if (lies(Lie::kTruncated)) out.resize(out.size() / 2);
    out.reserve(out.size() + net::kJsonPadding);
    return answer;
}

void Node::answer_one(const Json& call, std::string& out) {
    ++calls_;
    const Json id = call.field("id");
    out += R"({"jsonrpc":"2.0","id":)";
    out += id.exists() ? id.raw() : "null";
    out += ',';
    const std::size_t mark = out.size();
    const std::string_view name = call.field("method").text();
    const Method method = method_of(name);
    Outcome fault =
        Fault{-32601, "the method " + std::string{name} + " does not exist/is not available"};
    if (!call.is_object()) fault = Fault{-32700, "parse error"};
    if (method != nullptr) {
        out += R"("result":)";
        fault = (this->*method)(call.field("params"), out);
    }
    if (fault) {
        out.resize(mark);
        append_fault(out, fault->code, fault->message, fault->data);
    }
    out += '}';
}

Node::Method Node::method_of(std::string_view name) {
    static const std::map<std::string_view, Method> kMethods{
        {"eth_chainId", &Node::chain_id},
        {"eth_blockNumber", &Node::block_number},
        {"eth_getBlockByNumber", &Node::block_by_number},
        {"eth_getBlockByHash", &Node::block_by_hash},
        {"eth_getLogs", &Node::logs},
        {"eth_getTransactionReceipt", &Node::receipt},
        {"eth_getBlockReceipts", &Node::block_receipts},
        {"eth_getTransactionByHash", &Node::transaction},
        {"eth_getBalance", &Node::balance},
        {"eth_getCode", &Node::code},
        {"eth_getTransactionCount", &Node::transaction_count},
        {"eth_call", &Node::call},
        {"eth_estimateGas", &Node::estimate_gas},
        {"eth_feeHistory", &Node::fee_history},
        {"eth_gasPrice", &Node::gas_price},
        {"eth_maxPriorityFeePerGas", &Node::priority_fee},
        {"eth_sendRawTransaction", &Node::send_raw}};
    const auto found = kMethods.find(name);
    return found == kMethods.end() ? nullptr : found->second;
}

BlockId Node::head() const {
    if (stale_ && lies(Lie::kStaleHead)) return *stale_;
    if (pinned_) return *pinned_;
    const std::uint64_t height = chain_.height();
    return chain_.canonical(height > options_.lag ? height - options_.lag : 0);
}

BlockId Node::told_head() {
    const BlockId id = head();
    if (!lies(Lie::kFutureHead)) return id;
    imagine_future(id);
    return kFutureBlocks + static_cast<BlockId>(future_.size() - 1);
}

std::uint64_t Node::finalized_height() const {
    const std::uint64_t height = chain_.block(head()).height;
    if (lies(Lie::kFinalizedAhead)) return height;
    const std::uint64_t depth = chain_.options().finality_depth;
    if (head() == chain_.tip_id()) return chain_.finalized_height();
    return std::min(chain_.finalized_height(), height > depth ? height - depth : 0);
}

std::optional<BlockId> Node::at_height(std::uint64_t height) {
    const BlockId top = head();
    const std::uint64_t known = chain_.block(top).height;
    if (height > known && lies(Lie::kFutureHead)) {
        imagine_future(top);
        if (height - known > future_.size()) return std::nullopt;
        return kFutureBlocks + static_cast<BlockId>(height - known - 1);
    }
    return chain_.ancestor(top, height);
}

std::optional<BlockId> Node::at_tag(std::string_view tag) {
    if (tag == "latest" || tag == "pending") return told_head();
    if (tag == "finalized" || tag == "safe") return at_height(finalized_height());
    if (tag == "earliest") return at_height(0);
    const auto height = Json{"\"" + std::string{tag} + "\""}.quantity();
    return height ? at_height(*height) : std::nullopt;
}

std::optional<BlockId> Node::by_hash(const Json& hash) const {
    core::BlockHash wanted;
    if (!core::read_hex(hash.text(), wanted.bytes)) return std::nullopt;
    const auto id = chain_.find_block(wanted);
    if (id && chain_.block(*id).height <= chain_.block(head()).height) return id;
    for (std::size_t i = 0; i < future_.size() && lies(Lie::kFutureHead); ++i) {
        if (future_[i].hash == wanted) return kFutureBlocks + static_cast<BlockId>(i);
    }
    return std::nullopt;
}

std::pair<std::optional<BlockId>, Node::Outcome> Node::at_place(const Json& place) {
    if (place.is_object()) {
        const Json number = place.field("blockNumber");
        const auto id = number.exists() ? at_tag(number.text()) : by_hash(place.field("blockHash"));
        if (!id) return {id, Fault{-32000, "header for hash not found"}};
        return {id, std::nullopt};
    }
    const auto id = at_tag(place.exists() ? place.text() : "latest");
    if (!id) return {id, Fault{-32000, "header not found"}};
    return {id, std::nullopt};
}

std::pair<std::optional<BlockId>, Node::Outcome> Node::state_at(const Json& place) {
    auto [id, fault] = at_place(place);
    if (fault) return {id, fault};
    if (*id >= kFutureBlocks) return {head(), std::nullopt};
    const std::uint64_t depth = options_.state_depth;
    const bool forgotten =
        depth != 0 && chain_.block(*id).height + depth < chain_.block(head()).height;
    if (forgotten || !chain_.has_state(*id)) {
        return {std::nullopt,
                Fault{-32000, "missing trie node " + chain_.block(*id).hash.hex0x().substr(2) +
                                  " (path ) state is not available"}};
    }
    return {id, std::nullopt};
}

}  // namespace simulation
