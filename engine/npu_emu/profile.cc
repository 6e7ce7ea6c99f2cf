#include "engine/npu_emu/profile.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/file.h"
#include "engine/npu_emu/embedded_profiles.h"

namespace octet::engine::npu_emu {
namespace {

using Json = nlohmann::json;

constexpr std::size_t largest_file = std::size_t{1} << 20;

std::vector<std::string_view> requant_names() {
    std::vector<std::string_view> names;
    for (int i = 0; i < requant_rules; ++i) names.push_back(name_of(static_cast<RequantRule>(i)));
    return names;
}

std::vector<std::string_view> operator+(std::vector<std::string_view> a, std::initializer_list<std::string_view> b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

// Reads the members of one object; what nobody asked for is an error.
class Object {
  public:
    Object(const Json& json, std::string key, std::string where)
        : json_(json), key_(std::move(key)), where_(std::move(where)) {}

    std::string path(std::string_view key) const {
        return key_.empty() ? std::string(key) : fmt::format("{}.{}", key_, key);
    }
    tl::unexpected<Error> refuse(std::string_view key, std::string_view why) const {
        return fail(ErrorCode::invalid_argument, "{}: key \"{}\": {}", where_, path(key), why);
    }
    const Json* find(std::string_view key) {
        known_.emplace(key);
        const auto found = json_.find(key);
        return found == json_.end() ? nullptr : &*found;
    }
    template <typename Read>
    Result<void> read(std::string_view key, Read read) {
        const Json* value = find(key);
        return value ? read(*value) : Result<void>();
    }

    Result<void> text(std::string_view key, std::string& out) {
        return read(key, [&](const Json& value) -> Result<void> {
            if (!value.is_string()) return refuse(key, "a text is expected");
            out = value.get<std::string>();
            return {};
        });
    }
    // One of the words, whose index `out` becomes.
    Result<void> word(std::string_view key, std::initializer_list<std::string_view> words,
                      const std::function<void(std::size_t)>& out) {
        return read(key, [&](const Json& value) -> Result<void> {
            for (std::size_t i = 0; i < words.size(); ++i) {
                if (value == *(words.begin() + i)) return out(i), Result<void>();
            }
            return refuse(key, fmt::format("{} is none of \"{}\"", value.dump(), fmt::join(words, "\", \"")));
        });
    }
    Result<void> flag(std::string_view key, bool& out) {
        return read(key, [&](const Json& value) -> Result<void> {
            if (!value.is_boolean()) return refuse(key, fmt::format("{} is neither true nor false", value.dump()));
            out = value.get<bool>();
            return {};
        });
    }
    Result<void> number(std::string_view key, std::int64_t low, std::int64_t high,
                        const std::function<void(std::int64_t)>& out) {
        return read(key, [&](const Json& value) -> Result<void> {
            if (!value.is_number_integer() || value.get<double>() < static_cast<double>(low) ||
                value.get<double>() > static_cast<double>(high)) {
                return refuse(key, fmt::format("{} is no integer from {} to {}", value.dump(), low, high));
            }
            out(value.get<std::int64_t>());
            return {};
        });
    }
    // 0.1 or "26/256"; null: nothing.
    Result<void> fraction(std::string_view key, std::optional<double>& out) {
        return read(key, [&](const Json& value) -> Result<void> {
            out.reset();
            if (value.is_null()) return {};
            double numerator = 0, denominator = 1;
            if (value.is_number()) {
                numerator = value.get<double>();
            } else if (value.is_string()) {
                char slash = 0, rest = 0;
                const std::string written = value.get<std::string>();
                if (std::sscanf(written.c_str(), "%lf %c %lf %c", &numerator, &slash, &denominator, &rest) != 3 ||
                    slash != '/' || denominator == 0) {
                    return refuse(key, fmt::format("{} is no fraction as \"26/256\"", value.dump()));
                }
            } else {
                return refuse(key, "a number or a fraction as \"26/256\" is expected");
            }
            out = numerator / denominator;
            if (!std::isfinite(*out) || *out < 0 || *out >= 1) return refuse(key, "it is not in [0, 1)");
            return {};
        });
    }
    Result<void> object(std::string_view key, const std::function<Result<void>(Object&)>& read_members) {
        return read(key, [&](const Json& value) -> Result<void> {
            if (!value.is_object()) return refuse(key, "an object { … } is expected");
            Object inner(value, path(key), where_);
            OCTET_TRY(read_members(inner));
            return inner.finish();
        });
    }
    const Json& json() const { return json_; }
    Result<void> finish() const {
        for (const auto& [key, value] : json_.items()) {
            if (!known_.contains(key))
                return refuse(key, fmt::format("there is no such key; known here: {}", fmt::join(known_, ", ")));
        }
        return {};
    }

  private:
    const Json& json_;
    std::string key_, where_;
    std::set<std::string, std::less<>> known_;
};

Result<void> read_rules(Object& rules, Profile& profile) {
    for (const RuleKind& kind : rule_kinds()) {
        OCTET_TRY(rules.read(kind.operation, [&](const Json& value) -> Result<void> {
            if (value.is_null()) {
                profile.rules.erase(std::string(kind.operation));
                return {};
            }
            for (std::string_view name : kind.rules) {
                if (value == name) {
                    profile.rules.insert_or_assign(std::string(kind.operation), std::string(name));
                    return {};
                }
            }
            return rules.refuse(kind.operation,
                                fmt::format("{} is no rule of this operator; there are {}, and null for none",
                                            value.dump(), fmt::join(kind.rules, ", ")));
        }));
    }
    return {};
}

Result<void> read_limits(Object& limits, Profile& profile) {
    for (const RuleKind& kind : rule_kinds()) {
        const auto read = limits.object(kind.operation, [&](Object& one) -> Result<void> {
            Limits& limit = profile.limits[std::string(kind.operation)];
            const auto size = [&](std::string_view key, std::optional<int>& out) {
                return one.number(key, 1, 1 << 20, [&](std::int64_t v) { out = static_cast<int>(v); });
            };
            OCTET_TRY(size("max_kernel", limit.max_kernel));
            OCTET_TRY(size("max_stride", limit.max_stride));
            OCTET_TRY(size("max_dilation", limit.max_dilation));
            OCTET_TRY(size("max_channels", limit.max_channels));
            OCTET_TRY(size("max_batch", limit.max_batch));
            OCTET_TRY(one.flag("along_one_line", limit.along_one_line));
            OCTET_TRY(one.flag("from_one_pixel", limit.from_one_pixel));
            return one.read("factors", [&](const Json& value) -> Result<void> {
                limit.factors.clear();
                if (!value.is_array()) return one.refuse("factors", "a list of integers is expected");
                for (const Json& factor : value) {
                    if (!factor.is_number_integer() || factor < 1 || factor > 1024)
                        return one.refuse("factors", fmt::format("{} is no integer from 1 to 1024", factor.dump()));
                    limit.factors.push_back(factor.get<int>());
                }
                return {};
            });
        });
        OCTET_TRY(read);
    }
    return {};
}

Result<void> read_accumulator(Object& accumulator, Accumulator& spec) {
    OCTET_TRY(accumulator.read("bits", [&](const Json& value) -> Result<void> {
        for (int bits : {16, 18, 20, 24, 32, 40, 48, 64}) {
            if (value == bits) return spec.bits = bits, Result<void>();
        }
        return accumulator.refuse(
            "bits",
            fmt::format("{} is no width of an accumulator; there are 16, 18, 20, 24, 32, 40, 48, 64", value.dump()));
    }));
    OCTET_TRY(accumulator.word("overflow", {"wrap", "saturate"},
                               [&](std::size_t i) { spec.overflow = i == 0 ? Overflow::wrap : Overflow::saturate; }));
    OCTET_TRY(accumulator.word("when", {"end", "addition"}, [&](std::size_t i) { spec.each_addition = i == 1; }));
    OCTET_TRY(accumulator.word("order", {"kernel-channel", "channel-kernel"}, [&](std::size_t i) {
        spec.order = i == 0 ? AdditionOrder::kernel_channel : AdditionOrder::channel_kernel;
    }));
    return accumulator.word("bias", {"first", "last"}, [&](std::size_t i) { spec.bias_first = i == 0; });
}

Result<void> read_grids(Object& root, Profile& profile) {
    const auto multiplier = root.object("multiplier", [&](Object& m) -> Result<void> {
        OCTET_TRY(m.number("bits", 8, 32, [&](std::int64_t v) { profile.multiplier.bits = static_cast<int>(v); }));
        return m.word("scale", {"double", "float32"}, [&](std::size_t i) { profile.multiplier.from_float32 = i == 1; });
    });
    OCTET_TRY(multiplier);
    const auto activations = root.object("activations", [&](Object& a) -> Result<void> {
        OCTET_TRY(
            a.word("range", {"full", "symmetric"}, [&](std::size_t i) { profile.symmetric_activations = i == 1; }));
        OCTET_TRY(a.word("overflow", {"saturate", "wrap"}, [&](std::size_t i) { profile.wraps_results = i == 1; }));
        return a.word("zero_point", {"any", "zero"}, [&](std::size_t i) { profile.zero_point_zero = i == 1; });
    });
    OCTET_TRY(activations);
    const auto weights = root.object("weights", [&](Object& w) -> Result<void> {
        OCTET_TRY(w.word("range", {"full", "symmetric"}, [&](std::size_t i) { profile.symmetric_weights = i == 1; }));
        return w.word("scales", {"channel", "tensor"}, [&](std::size_t i) { profile.one_weight_scale = i == 1; });
    });
    OCTET_TRY(weights);
    return root.object("padding", [&](Object& p) -> Result<void> {
        OCTET_TRY(p.read("value", [&](const Json& value) -> Result<void> {
            if (value == "zero-point") return profile.padding_value.reset(), Result<void>();
            if (!value.is_number_integer() || value < -128 || value > 127)
                return p.refuse("value", fmt::format("{} is neither \"zero-point\" nor an int8", value.dump()));
            profile.padding_value = value.get<int>();
            return {};
        }));
        return p.word("uneven", {"inside", "operator"},
                      [&](std::size_t i) { profile.uneven_padding_is_operator = i == 1; });
    });
}

Result<void> read_demands(Object& demands, Profile& profile) {
    OCTET_TRY(demands.word("sigmoid", {"any", "1/256"}, [&](std::size_t i) { profile.fixed_sigmoid = i == 1; }));
    return demands.read("equal_scales", [&](const Json& value) -> Result<void> {
        profile.equal_scales.clear();
        if (!value.is_array()) return demands.refuse("equal_scales", "a list of operators is expected");
        for (const Json& operation : value) {
            if (operation != "concat" && operation != "max_pool" && operation != "resize" && operation != "move" &&
                operation != "average_pool") {
                return demands.refuse("equal_scales",
                                      fmt::format("{} is none of concat, max_pool, average_pool, resize, "
                                                  "move",
                                                  operation.dump()));
            }
            profile.equal_scales.push_back(operation.get<std::string>());
        }
        return {};
    });
}

Result<Profile> parse(const Json& json, const std::string& where, int depth) {
    constexpr int deepest = 8;
    if (!json.is_object()) return fail(ErrorCode::invalid_argument, "{}: an object {{ … }} is expected", where);
    Object root(json, "", where);
    Profile profile;
    std::string base;
    OCTET_TRY(root.text("extends", base));
    if (!base.empty()) {
        const auto text = profile_text(base);
        if (!text)
            return root.refuse("extends", fmt::format("there is no profile \"{}\"; there are {}", base,
                                                      fmt::join(profile_names(), ", ")));
        if (depth == deepest) return root.refuse("extends", "it goes round in circles");
        OCTET_ASSIGN(profile, parse(Json::parse(*text), base, depth + 1));
    }
    if (!root.find("name")) return root.refuse("name", "it is missing");
    OCTET_TRY(root.text("name", profile.name));
    if (profile.name.empty()) return root.refuse("name", "it is empty");
    OCTET_TRY(root.text("description", profile.description));
    OCTET_TRY(root.object("accumulator", [&](Object& a) { return read_accumulator(a, profile.accumulator); }));
    OCTET_TRY(read_grids(root, profile));
    OCTET_TRY(root.object("demands", [&](Object& d) { return read_demands(d, profile); }));
    const auto constants = root.object("constants", [&](Object& c) -> Result<void> {
        OCTET_TRY(c.fraction("leaky_alpha", profile.leaky_alpha));
        return c.fraction("hardswish_sixth", profile.hardswish_sixth);
    });
    OCTET_TRY(constants);
    OCTET_TRY(root.object("rules", [&](Object& r) { return read_rules(r, profile); }));
    OCTET_TRY(root.object("limits", [&](Object& l) { return read_limits(l, profile); }));
    OCTET_TRY(root.finish());
    if (profile.hardswish_sixth && profile.rule("hardswish") == "tfl-hs")
        return root.refuse("constants.hardswish_sixth",
                           "the rule \"tfl-hs\" has no such constant; \"float-table\" has");
    return profile;
}

}  // namespace

std::optional<std::string_view> Profile::rule(std::string_view operation) const {
    const auto found = rules.find(operation);
    if (found != rules.end()) return found->second;
    // Kinds that follow another unless they are given a rule of their own.
    if (operation == "depthwise_conv" || operation == "fully_connected") return rule("conv");
    if (operation == "sub") return rule("add");
    return std::nullopt;
}

bool Profile::demands_equal_scales(std::string_view operation) const {
    return std::find(equal_scales.begin(), equal_scales.end(), operation) != equal_scales.end();
}

Range Profile::range(DType type) const {
    constexpr int beyond = 1 << 30;  // what is added to it still fits
    if (wraps_results) return {-beyond, beyond};
    const int less = symmetric_activations ? 1 : 0;
    if (type == DType::int16) return {-32768 + less, 32767};
    return type == DType::uint8 ? Range{less, 255} : Range{-128 + less, 127};
}

int Profile::padding(const Grid& x) const {
    if (!padding_value) return x.zero_point;
    return *padding_value + (x.dtype == DType::uint8 ? 128 : 0);
}

bool Profile::same_arithmetic(const Profile& other) const {
    const auto bare = [](Profile profile) {
        profile.name.clear();
        profile.description.clear();
        profile.limits.clear();
        return profile;
    };
    return bare(*this) == bare(other);
}

const std::vector<RuleKind>& rule_kinds() {
    static const std::vector<RuleKind> kinds = {
        {"conv", requant_names() + std::initializer_list<std::string_view>{"mlas-float", "fixed16"}},
        {"depthwise_conv", requant_names() + std::initializer_list<std::string_view>{"mlas-float", "fixed16"}},
        {"fully_connected", requant_names()},
        {"conv16", requant_names() + std::initializer_list<std::string_view>{"fixed16"}},
        {"fused_activation", {"dq-float", "fixed16"}},
        {"batch_normalization", {"fixed16"}},
        {"add", {"tfl-20", "xnn-21", "ort-fma", "ort-22", "dq-float", "ethos-one", "fixed16"}},
        {"sub", {"tfl-20", "xnn-21", "ort-fma", "ort-22", "dq-float", "ethos-one"}},
        {"add_steps", requant_names()},
        {"mul", requant_names() + std::initializer_list<std::string_view>{"double-f32", "ort-mul", "fixed16"}},
        {"requantize", requant_names() + std::initializer_list<std::string_view>{"float-table", "fixed16"}},
        {"relu", requant_names() + std::initializer_list<std::string_view>{"float-table"}},
        {"clip", requant_names() + std::initializer_list<std::string_view>{"float-table"}},
        {"leaky_relu", requant_names() + std::initializer_list<std::string_view>{"float-table"}},
        {"hardswish", {"tfl-hs", "float-table"}},
        {"sigmoid", {"float-table"}},
        {"tanh", {"float-table"}},
        {"table", {"float-table"}},
        {"concat", {"requantize", "tfl-u8", "fixed16", "copy"}},
        {"max_pool", {"max"}},
        {"average_pool", {"tfl", "fixed16"}},
        {"resize", {"as-file", "half-up"}},
        {"resize_linear", {"fixed16"}},
        {"move", {"copy"}},
        {"logits", {"fixed16"}},
        {"float", {"run", "mlas"}},
    };
    return kinds;
}

std::vector<std::string_view> profile_names() {
    std::vector<std::string_view> names;
    for (const EmbeddedProfile& profile : embedded_profiles()) names.push_back(profile.name);
    return names;
}

std::optional<std::string_view> profile_text(std::string_view name) {
    for (const EmbeddedProfile& profile : embedded_profiles()) {
        if (profile.name == name) return profile.json;
    }
    return std::nullopt;
}

std::vector<std::string_view> arithmetic_names() {
    std::vector<std::string_view> names;
    std::vector<Profile> profiles;
    for (std::string_view name : profile_names()) {
        auto profile = load_profile(std::string(name));
        if (!profile) continue;
        const bool known = std::any_of(profiles.begin(), profiles.end(),
                                       [&](const Profile& other) { return other.same_arithmetic(*profile); });
        if (known) continue;
        names.push_back(name);
        profiles.push_back(std::move(*profile));
    }
    return names;
}

Result<Profile> parse_profile(std::string_view json, const std::string& where) {
    Json parsed;
    try {
        // A key that is given twice would hide the first.
        std::vector<std::set<std::string>> open;
        std::string twice;
        parsed = Json::parse(json, [&](int, Json::parse_event_t event, Json& value) {
            if (event == Json::parse_event_t::object_start) open.emplace_back();
            if (event == Json::parse_event_t::object_end) open.pop_back();
            if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second)
                twice = value.get<std::string>();
            return true;
        });
        if (!twice.empty()) return fail(ErrorCode::invalid_argument, "{}: key \"{}\": it is given twice", where, twice);
    } catch (const Json::exception& error) {
        return fail(ErrorCode::invalid_argument, "{}: not JSON: {}", where, error.what());
    }
    return parse(parsed, where, 0);
}

Result<Profile> load_profile(const std::string& name_or_file) {
    if (const auto text = profile_text(name_or_file)) return parse_profile(*text, name_or_file);
    auto bytes = read_file(name_or_file, largest_file);
    if (!bytes) {
        return fail(bytes.error().code, "{}: neither a profile that octet comes with ({}) nor a file: {}", name_or_file,
                    fmt::join(profile_names(), ", "), bytes.error().message);
    }
    return parse_profile({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, name_or_file);
}

}  // namespace octet::engine::npu_emu
