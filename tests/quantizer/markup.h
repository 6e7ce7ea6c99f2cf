#pragma once

#include <cctype>
#include <string>
#include <vector>

namespace octet::quantizer {

// What hinders `text` from being read as XML: tags that do not match, attributes without quotes, bare & and <; empty
// when nothing does. Enough for pages without comments and CDATA.
inline std::string markup_error(const std::string& text) {
    std::vector<std::string> open;
    std::size_t at = 0;
    const auto name_end = [&](std::size_t i) {
        while (i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '-')) ++i;
        return i;
    };
    while (at < text.size()) {
        if (text[at] == '&') {
            std::size_t end = at + 1;
            if (end < text.size() && text[end] == '#') ++end;
            end = name_end(end);
            if (end >= text.size() || text[end] != ';') return "bare & at " + text.substr(at, 40);
            at = end;
        }
        if (text[at] != '<') {
            ++at;
            continue;
        }
        if (text.compare(at, 10, "<!DOCTYPE ") == 0) {
            at = text.find('>', at) + 1;
            continue;
        }
        const std::size_t tag = at;
        const bool closing = text.compare(at, 2, "</") == 0;
        const std::size_t begin = at + (closing ? 2 : 1);
        at = name_end(begin);
        const std::string name = text.substr(begin, at - begin);
        if (name.empty()) return "bare < at " + text.substr(tag, 40);
        while (at < text.size() && text[at] == ' ') {
            const std::size_t equals = name_end(at + 1);
            const std::size_t quote = text.find('"', equals + 2);
            if (text.compare(equals, 2, "=\"") != 0 || quote == std::string::npos ||
                text.substr(equals + 2, quote - equals - 2).find('<') != std::string::npos)
                return "bad attribute at " + text.substr(tag, 60);
            at = quote + 1;
        }
        const bool empty = text.compare(at, 2, "/>") == 0;
        if (!empty && (at >= text.size() || text[at] != '>')) return "bad tag at " + text.substr(tag, 60);
        at += empty ? 2 : 1;
        if (closing) {
            if (open.empty() || open.back() != name)
                return "</" + name + "> closes <" + (open.empty() ? "nothing" : open.back()) + ">";
            open.pop_back();
        } else if (!empty) {
            open.push_back(name);
        }
    }
    return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

}  // namespace octet::quantizer
