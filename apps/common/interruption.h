#pragma once

namespace octet::apps {

// While one lives, Ctrl-C (SIGINT) and SIGTERM do not end the program but ask it to end what it has begun; the second
// of them ends it at once. One at a time.
class Interruption {
  public:
    // reads_end: who waits for input (a video on stdin) stops waiting, by EINTR.
    explicit Interruption(bool reads_end);
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;
    ~Interruption();

    static bool is_asked();
    // One lives.
    static bool is_handled();
    // Dies by the signal that came, so that a shell's loop ends too; returns when none did.
    void die_if_asked();
};

}  // namespace octet::apps
