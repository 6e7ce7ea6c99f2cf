#include "apps/common/text_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>

namespace octet::apps {

Result<TextOutput> TextOutput::create(const std::string& path) {
    TextOutput output;
    if (path != "-") {
        OCTET_ASSIGN(OutputFile file, OutputFile::create(path));
        output.file_ = std::move(file);
    }
    return output;
}

Result<void> TextOutput::write(std::string_view text) {
    if (file_) return file_->write(text);
    if (std::fflush(stdout) != 0 || !write_all(STDOUT_FILENO, std::as_bytes(std::span(text))))
        return fail(ErrorCode::io, "stdout: cannot be written: {}", std::strerror(errno));
    return {};
}

Result<void> TextOutput::finish() {
    return file_ ? file_->finish() : Result<void>();
}

Result<JsonArrayOutput> JsonArrayOutput::create(const std::string& path, const std::string& whole,
                                                const std::string& key) {
    OCTET_ASSIGN(TextOutput out, TextOutput::create(path));
    // Quotes within strings have a backslash before them, so that this is found only where the key is.
    const std::string start = fmt::format("\n \"{}\": [", key);
    const std::size_t split = whole.find(start + "]") + start.size();
    OCTET_TRY(out.write(std::string_view(whole).substr(0, split)));
    return JsonArrayOutput(std::move(out), whole.substr(split) + "\n");
}

Result<void> JsonArrayOutput::add(std::string_view element) {
    std::string text = is_empty_ ? "\n" : ",\n";
    is_empty_ = false;
    const std::string indent = "  ";
    text += indent;
    for (const char c : element) {
        text += c;
        if (c == '\n') text += indent;
    }
    return out_.write(text);
}

Result<void> JsonArrayOutput::finish() {
    OCTET_TRY(out_.write((is_empty_ ? "" : "\n ") + rest_));
    return out_.finish();
}

}  // namespace octet::apps
