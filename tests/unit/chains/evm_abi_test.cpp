#include "chains/evm/abi.hpp"
#include "tests/unit/chains/vectors.hpp"

using namespace chains;
using evm::AbiValue;
using test::Json;

namespace {

AbiValue value_of(std::string_view type, const Json& json);

// "(address,bool)" → its components.
std::vector<std::string_view> components(std::string_view tuple) {
    std::vector<std::string_view> out;
    tuple = tuple.substr(1, tuple.size() - 2);
    int depth = 0;
    std::size_t start = 0;
    for (std::size_t i = 0; i < tuple.size(); ++i) {
        depth += tuple[i] == '(' ? 1 : tuple[i] == ')' ? -1 : 0;
        if (depth != 0 || tuple[i] != ',') continue;
        out.push_back(tuple.substr(start, i - start));
        start = i + 1;
    }
    if (!tuple.empty()) out.push_back(tuple.substr(start));
    return out;
}

std::vector<AbiValue> values_of(std::string_view tuple, const Json& json) {
    const auto types = components(tuple);
    REQUIRE(types.size() == json.size());
    std::vector<AbiValue> out;
    auto item = json.begin();
    for (const std::string_view type : types) out.push_back(value_of(type, *item++));
    return out;
}

AbiValue signed_number(const std::string& decimal) {
    if (!decimal.starts_with('-')) return AbiValue::number(test::units(decimal));
    const core::Units::Raw magnitude = test::units(decimal.substr(1)).raw();
    return AbiValue::number(core::Units{core::Units::Raw{~magnitude + 1}});
}

AbiValue value_of(std::string_view type, const Json& json) {
    if (type.ends_with(']')) {
        const std::size_t bracket = type.rfind('[');
        std::vector<AbiValue> items;
        for (const Json& item : json) items.push_back(value_of(type.substr(0, bracket), item));
        return type.ends_with("[]") ? AbiValue::array(items) : AbiValue::tuple(items);
    }
    if (type.starts_with('(')) return AbiValue::tuple(values_of(type, json));
    if (type == "address") return AbiValue::address(test::address(json));
    if (type == "bool") return AbiValue::boolean(json.get<bool>());
    if (type == "string") return AbiValue::string(test::text(json));
    if (type == "bytes") return AbiValue::bytes(test::bytes(json));
    if (type.starts_with("bytes")) return AbiValue::fixed_bytes(test::bytes(json));
    if (type.starts_with("int")) return signed_number(test::text(json));
    REQUIRE(type.starts_with("uint"));
    return AbiValue::number(test::units(json));
}

core::Bytes hex(std::initializer_list<const char*> words) {
    std::string text;
    for (const std::string word : words) text += std::string(64 - word.size(), '0') + word;
    return core::from_hex(text).value();
}

core::Bytes returned_string(const std::string& text) {
    return evm::encode_arguments({AbiValue::string(text)});
}

const Json& vector_of(const Json& vectors, const std::string& canonical) {
    for (const Json& vector : vectors) {
        if (vector["canonical"] == canonical) return vector;
    }
    FAIL("no vector of " << canonical);
    return vectors[0];
}

}  // namespace

TEST_CASE("abi encoding: known answers -> equal") {
    const Json vectors = test::load_vectors("evm_abi");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        const Json& vector = vectors[i];
        const std::string canonical = test::text(vector["canonical"]);
        INFO("vector " << i << ", " << canonical);
        REQUIRE(core::to_hex0x(evm::selector(canonical)) == test::text(vector["selector"]));
        const auto arguments =
            values_of(std::string_view{canonical}.substr(canonical.find('(')), vector["args"]);
        REQUIRE(core::to_hex0x(evm::encode_call(canonical, arguments)) ==
                test::text(vector["calldata"]));
    }
}

TEST_CASE("abi reader: words out of range -> malformed") {
    const core::Bytes data = hex({"2", "10000000000000000",
                                  "1ffffffffffffffffffffffffffffffffffffffff"});
    const evm::AbiReader reader{data};
    REQUIRE(reader.word(3).error().code == core::Errc::kMalformed);
    REQUIRE(reader.word(~std::size_t{0}).error().code == core::Errc::kMalformed);
    REQUIRE(reader.boolean(0).error().code == core::Errc::kMalformed);
    REQUIRE(reader.u64(1).error().code == core::Errc::kMalformed);
    REQUIRE(reader.address(2).error().code == core::Errc::kMalformed);
    REQUIRE(reader.u64(0).value() == 2);
    const evm::AbiReader cut{core::ByteView{data}.first(95)};
    REQUIRE_FALSE(cut.word(2).has_value());
    REQUIRE_FALSE(evm::AbiReader{{}}.word(0).has_value());
}

TEST_CASE("abi reader: offsets and lengths of a hostile contract -> malformed") {
    const char* huge = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    for (const core::Bytes& data :
         {core::Bytes{}, hex({"20"}), hex({"40", "0"}), hex({huge, "0"}),
          hex({"ffffffffffffffff", "0"}), hex({"20", huge}), hex({"20", "ffffffffffffffff"}),
          hex({"20", "21", "0"}), hex({"21", "0"})}) {
        INFO(core::to_hex(data));
        const evm::AbiReader reader{data};
        REQUIRE(reader.bytes(0).error().code == core::Errc::kMalformed);
        REQUIRE(reader.string(0).error().code == core::Errc::kMalformed);
        REQUIRE(reader.words(0).error().code == core::Errc::kMalformed);
        REQUIRE(reader.tuples(0).error().code == core::Errc::kMalformed);
    }
    const core::Bytes outside = hex({"20", "1", "40"});
    REQUIRE_FALSE(evm::AbiReader{outside}.tuples(0).has_value());
}

TEST_CASE("abi reader: what was encoded -> read back") {
    const Json vectors = test::load_vectors("evm_abi");
    const auto arguments_of = [&](const std::string& canonical) {
        core::Bytes data = test::bytes(vector_of(vectors, canonical)["calldata"]);
        data.erase(data.begin(), data.begin() + 4);
        return data;
    };

    const std::string transfer = "transfer(address,uint256)";
    const core::Bytes transferred = arguments_of(transfer);
    const Json& transfer_args = vector_of(vectors, transfer)["args"];
    REQUIRE(evm::AbiReader{transferred}.address(0).value() == test::address(transfer_args[0]));
    REQUIRE(evm::AbiReader{transferred}.units(1).value() == test::units(transfer_args[1]));

    const std::string aggregate = "aggregate3((address,bool,bytes)[])";
    const core::Bytes aggregated = arguments_of(aggregate);
    const Json& calls = vector_of(vectors, aggregate)["args"][0];
    const auto tuples = evm::AbiReader{aggregated}.tuples(0).value();
    REQUIRE(tuples.size() == calls.size());
    for (std::size_t i = 0; i < tuples.size(); ++i) {
        REQUIRE(tuples[i].address(0).value() == test::address(calls[i]["target"]));
        REQUIRE(tuples[i].boolean(1).value() == calls[i]["allowFailure"].get<bool>());
        REQUIRE(core::to_hex0x(tuples[i].bytes(2).value()) == test::text(calls[i]["callData"]));
    }

    const std::string deploy = "deploy(bytes32,address[],uint256[][])";
    const core::Bytes deployed = arguments_of(deploy);
    const Json& owners = vector_of(vectors, deploy)["args"][1];
    const auto words = evm::AbiReader{deployed}.words(1).value();
    REQUIRE(words.size() == owners.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
        REQUIRE(evm::address_of(words[i]).value() == test::address(owners[i]));
    }
}

TEST_CASE("token text: cut off, not UTF-8, zero within -> malformed") {
    core::Bytes zero_within(32);
    zero_within[0] = 'A';
    zero_within[2] = 'B';
    core::Bytes latin(32);
    latin[0] = 0xE9;
    for (const core::Bytes& wrong : {core::Bytes{}, core::Bytes(31, 'A'), zero_within, latin,
                                     returned_string("\xC0\x80"), returned_string("\xFF")}) {
        INFO(core::to_hex(wrong));
        REQUIRE(evm::decode_text(wrong).error().code == core::Errc::kMalformed);
    }
}

TEST_CASE("token text: string or bytes32 -> read") {
    core::Bytes old_style(32);
    old_style[0] = 'M';
    old_style[1] = 'K';
    old_style[2] = 'R';
    REQUIRE(evm::decode_text(old_style).value() == "MKR");
    REQUIRE(evm::decode_text(core::Bytes(32)).value().empty());
    REQUIRE(evm::decode_text(core::Bytes(32, 'x')).value() == std::string(32, 'x'));
    REQUIRE(evm::decode_text(returned_string("USD₮0")).value() == "USD₮0");
    REQUIRE(evm::decode_text(returned_string("")).value().empty());
    const std::string text(33, 'y');
    REQUIRE(evm::decode_text(returned_string(text)).value() == text);
}

TEST_CASE("revert reason: Error(string) -> its text, anything else -> nothing") {
    const auto revert = evm::encode_call("Error(string)", {AbiValue::string("no")});
    REQUIRE(evm::revert_reason(revert).value() == "no");
    REQUIRE_FALSE(evm::revert_reason({}).has_value());
    REQUIRE_FALSE(evm::revert_reason(core::ByteView{revert}.first(67)).has_value());
    const auto panic = evm::encode_call("Panic(uint256)", {AbiValue::number(std::uint64_t{17})});
    REQUIRE_FALSE(evm::revert_reason(panic).has_value());
}
