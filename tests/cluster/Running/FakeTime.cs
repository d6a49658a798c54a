using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Running;

/// <summary>
/// A wall clock of one process that can be set while it runs: Debian's libfaketime, loaded before it, which reads the offset
/// from a file once a second. The monotonic clock and the time since boot stay true, as when an administrator sets a clock.
/// </summary>
internal static class FakeTime
{
    /// <summary>How long until a process goes by what it was told.</summary>
    public static readonly TimeSpan Notice = TimeSpan.FromSeconds(2);

    private static readonly Lazy<string?> Library = new(() => Directory.Exists("/usr/lib")
        ? Directory.EnumerateFiles("/usr/lib", "libfaketimeMT.so.1", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true }).FirstOrDefault()
        : null);

    /// <summary>Has it loaded into a process at its next start.</summary>
    public static async Task Load(ClusterProcess process)
    {
        process.Environment["LD_PRELOAD"] = Library.Value ?? throw new InvalidOperationException("libfaketime is missing: apt-get install faketime");
        process.Environment["FAKETIME_TIMESTAMP_FILE"] = FileOf(process);
        process.Environment["FAKETIME_CACHE_DURATION"] = "1";
        process.Environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
        await Write(process, TimeSpan.Zero);
    }

    /// <summary>Sets the clock this much ahead of the machine's, or behind it, and waits until the process goes by it.</summary>
    public static async Task Set(ClusterProcess process, TimeSpan by)
    {
        await Write(process, by);
        await Until.Passed(Notice);
    }

    private static Task Write(ClusterProcess process, TimeSpan by) => File.WriteAllTextAsync(FileOf(process), $"{(by < TimeSpan.Zero ? "" : "+")}{by.TotalSeconds:0}\n");

    private static string FileOf(ClusterProcess process) => Path.Combine(process.Folder, "faketime");
}
