#pragma once

// Graphs built by hand, and the two questions of every pass: did it rewrite, and is the output the same?

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/passes/pass.h"

namespace octet::test {

// Adds nodes under names of its own; every operation returns its (first) output.
class Builder {
  public:
    Graph graph;

    ValueId input(Shape shape, DType type = DType::float32);
    ValueId constant(Tensor tensor);
    ValueId scalar(float value) { return constant(Tensor::scalar(value)); }
    ValueId integers(std::initializer_list<std::int64_t> values);
    // Standard normal values times `spread`, plus `offset`.
    ValueId weights(Shape shape, float spread = 0.5F, float offset = 0);
    ValueId op(std::string name, std::vector<ValueId> inputs, Attributes attributes = {});

    ValueId conv(ValueId x, std::int64_t from, std::int64_t to, std::int64_t kernel, bool bias = true);
    ValueId batchnorm(ValueId x, std::int64_t channels);
    ValueId slice(ValueId x, const std::vector<std::int64_t>& starts, const std::vector<std::int64_t>& ends,
                  const std::vector<std::int64_t>& axes, const std::vector<std::int64_t>& steps);
    ValueId reshape(ValueId x, std::vector<std::int64_t> shape);

    // Declares the outputs, infers shapes and verifies.
    Graph finish(std::vector<ValueId> outputs);

  private:
    std::string next_name(std::string_view base);
    int names_ = 0;
    std::uint32_t seed_ = 1;
};

Tensor random_values(DType type, Shape shape, std::uint32_t seed, float spread = 1, float offset = 0);
int count(const Graph& graph, std::string_view op);
int node_total(const Graph& graph);

// The outputs of both on the same random inputs agree to `tolerance`, relative to the largest value of each output;
// names of inputs and outputs are the same.
void expect_same_function(const Graph& before, const Graph& after, double tolerance = 1e-5);

// Runs the pass, verifies the result and compares the function. Returns the graph afterwards.
Graph expect_rewrites(int (*pass)(Graph&), const Graph& before, int rewrites, double tolerance = 1e-5);
inline void expect_untouched(int (*pass)(Graph&), const Graph& before) {
    expect_rewrites(pass, before, 0);
}

}  // namespace octet::test
