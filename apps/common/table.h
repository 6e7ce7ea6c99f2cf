#pragma once

#include <string>
#include <vector>

namespace octet::apps {

// Rows of text in columns; the first column is aligned to the left, the others to the right.
struct Table {
    std::vector<std::string> header;
    std::vector<std::vector<std::string>> rows;  // as many cells each as the header

    std::string text() const;      // columns parted by two spaces, a line under the header
    std::string markdown() const;  // a table of GitHub's Markdown
};

}  // namespace octet::apps
