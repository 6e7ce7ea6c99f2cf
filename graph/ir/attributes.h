#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graph/ir/tensor.h"

namespace octet {

using AttributeValue =
    std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>, Tensor>;

// The parameters of a node by name, as ONNX spells them.
class Attributes {
  public:
    Attributes() = default;
    Attributes(std::initializer_list<std::pair<const std::string, AttributeValue>> values) : values_(values) {}

    void set(std::string name, AttributeValue value) { values_[std::move(name)] = std::move(value); }
    void erase(const std::string& name) { values_.erase(name); }
    bool has(const std::string& name) const { return values_.count(name) != 0; }
    bool empty() const { return values_.empty(); }
    auto begin() const { return values_.begin(); }
    auto end() const { return values_.end(); }

    // The attribute's value, or `fallback` when it is absent or has another type.
    template <typename T>
    T get(const std::string& name, T fallback) const {
        const auto it = values_.find(name);
        if (it == values_.end()) return fallback;
        const T* value = std::get_if<T>(&it->second);
        return value ? *value : fallback;
    }
    std::int64_t integer(const std::string& name, std::int64_t fallback) const { return get(name, fallback); }
    float real(const std::string& name, float fallback) const { return get(name, fallback); }
    std::string text(const std::string& name, std::string fallback) const { return get(name, std::move(fallback)); }
    std::vector<std::int64_t> integers(const std::string& name, std::vector<std::int64_t> fallback = {}) const {
        return get(name, std::move(fallback));
    }
    std::vector<float> reals(const std::string& name, std::vector<float> fallback = {}) const {
        return get(name, std::move(fallback));
    }

  private:
    std::map<std::string, AttributeValue> values_;
};

}  // namespace octet
