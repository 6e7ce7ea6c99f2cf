#include "apps/common/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace octet::apps {
namespace {

// Characters as a terminal counts them: UTF-8 continuation bytes take no room.
std::size_t display_width(const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<std::size_t> column_widths(const Table& table) {
    std::vector<std::size_t> widths(table.header.size());
    const auto widen = [&](const std::vector<std::string>& row) {
        for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
    };
    widen(table.header);
    for (const auto& row : table.rows) widen(row);
    return widths;
}

std::string line(const std::vector<std::string>& row, const std::vector<std::size_t>& widths, const char* start,
                 const char* between, const char* end) {
    std::string result = start;
    for (std::size_t i = 0; i < row.size(); ++i) {
        const std::string fill(widths[i] - display_width(row[i]), ' ');
        if (i > 0) result += between;
        result += i == 0 ? row[i] + fill : fill + row[i];
    }
    return result + end + "\n";
}

}  // namespace

std::string Table::text() const {
    const auto widths = column_widths(*this);
    std::string result = line(header, widths, "", "  ", "");
    std::vector<std::string> rule;
    for (const std::size_t width : widths) rule.emplace_back(width, '-');
    result += line(rule, widths, "", "  ", "");
    for (const auto& row : rows) result += line(row, widths, "", "  ", "");
    return result;
}

std::string Table::markdown() const {
    const auto widths = column_widths(*this);
    std::string result = line(header, widths, "| ", " | ", " |");
    result += "|";
    for (std::size_t i = 0; i < widths.size(); ++i)
        result += i == 0 ? std::string(widths[i] + 2, '-') + "|" : std::string(widths[i] + 1, '-') + ":|";
    result += "\n";
    for (const auto& row : rows) result += line(row, widths, "| ", " | ", " |");
    return result;
}

}  // namespace octet::apps
