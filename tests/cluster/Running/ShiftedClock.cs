using System.Diagnostics;

namespace JitGrains.ClusterTests.Running;

/// <summary>A wall clock of one process that can be set while it runs: <c>clock.c</c>, compiled here and loaded before it.</summary>
internal static class ShiftedClock
{
    private static readonly Lazy<Task<string>> Library = new(Compile);

    /// <summary>Has it loaded into a process at its next start.</summary>
    public static async Task Load(ClusterProcess process)
    {
        process.Environment["LD_PRELOAD"] = await Library.Value;
        process.Environment["SHIFTED_CLOCK"] = FileOf(process);
        Set(process, TimeSpan.Zero);
    }

    /// <summary>Sets the clock this much ahead of the machine's, or behind it; the process goes by it at once.</summary>
    public static void Set(ClusterProcess process, TimeSpan by)
    {
        // In place: the process has the file mapped.
        using var file = new FileStream(FileOf(process), FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        file.Write(BitConverter.GetBytes((long)by.TotalSeconds));
    }

    private static async Task<string> Compile()
    {
        var library = Path.Combine(AppContext.BaseDirectory, "clock.so");
        var source = Path.Combine(AppContext.BaseDirectory, "Running", "clock.c");
        using var compiler = Process.Start(new ProcessStartInfo("cc", ["-O2", "-shared", "-fPIC", "-o", library, source]))!;
        await compiler.WaitForExitAsync();
        return compiler.ExitCode == 0 ? library : throw new InvalidOperationException("clock.c does not compile; a C compiler is needed: apt-get install gcc libc6-dev");
    }

    private static string FileOf(ClusterProcess process) => Path.Combine(process.Folder, "clock");
}
