#include "base/cpus.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cmath>

#include "base/file.h"
#include "tests/temporary_folder.h"

namespace octet {
namespace {

class Quota : public testing::Test {
  protected:
    void has(const std::string& path, const std::string& text) { ASSERT_TRUE(write_file(root_ / path, text + "\n")); }
    void process_is_in(const std::string& groups) { has("proc/self/cgroup", groups); }
    double quota() const { return cpu_quota(root_.path()); }

    const TemporaryFolder root_;
};

TEST_F(Quota, NoneWithoutGroups) {
    EXPECT_TRUE(std::isinf(quota()));
    process_is_in("nonsense\n::\n1:cpu");
    EXPECT_TRUE(std::isinf(quota()));
}

TEST_F(Quota, Version2IsTheSmallestOfTheNestedGroups) {
    process_is_in("0::/outer/inner");
    has("sys/fs/cgroup/outer/inner/cpu.max", "max 100000");
    EXPECT_TRUE(std::isinf(quota()));
    has("sys/fs/cgroup/outer/cpu.max", "150000 100000");
    EXPECT_EQ(quota(), 1.5);
    has("sys/fs/cgroup/outer/inner/cpu.max", "400000 100000");
    EXPECT_EQ(quota(), 1.5);
    has("sys/fs/cgroup/outer/inner/cpu.max", "25000 50000");
    EXPECT_EQ(quota(), 0.5);
}

TEST_F(Quota, Version1HasAFolderForItsController) {
    process_is_in("5:memory:/box\n4:cpu,cpuacct:/box\n3:cpuset:/other");
    has("sys/fs/cgroup/cpuset/other/cpu.cfs_quota_us", "1");
    has("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000");
    has("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1");
    EXPECT_TRUE(std::isinf(quota()));
    has("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "300000");
    EXPECT_EQ(quota(), 3);
}

TEST_F(Quota, Version1BesideVersion2) {
    process_is_in("1:cpu:/box\n0::/box");
    has("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000");
    has("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "200000");
    EXPECT_EQ(quota(), 2);
    has("sys/fs/cgroup/unified/box/cpu.max", "100000 100000");
    EXPECT_EQ(quota(), 1);
}

TEST_F(Quota, AContainerSeesItsOwnGroupAsTheMount) {
    process_is_in("0::/only/the/host/knows");
    has("sys/fs/cgroup/cpu.max", "200000 100000");
    EXPECT_EQ(quota(), 2);
    process_is_in("0::/../../elsewhere");
    EXPECT_EQ(quota(), 2);
}

TEST_F(Quota, NumbersThatAreNone) {
    process_is_in("0::/");
    for (const std::string text : {"", "max", "100000", "100000 0", "0 100000", "x 100000", "99999999999999999999 1"}) {
        has("sys/fs/cgroup/cpu.max", text);
        EXPECT_TRUE(std::isinf(quota())) << text;
    }
}

TEST(UsableCpus, FollowTheAffinityMask) {
    EXPECT_GE(usable_cpus(), 1);
    cpu_set_t before;
    ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    EXPECT_LE(usable_cpus(), CPU_COUNT(&before));
    int first = 0;
    while (!CPU_ISSET(first, &before)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(usable_cpus(), 1);
    EXPECT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace octet
